"""A guest with disk and network moves within one host, while it runs and standing still, and goes on with its life."""

import re
import time

import pytest
from dom0 import OWN_RELOCATION

pytestmark = [pytest.mark.quick, pytest.mark.timeout(900)]

NAME, MAC, ADDRESS = "m1", "00:16:3e:00:00:31", "10.9.0.31"
OPTIONS = "/etc/xen/xend-config.sxp"


@pytest.fixture(scope="module", name="host")
def host_with_guest(host):
    """A dom0 that takes domains from itself, with a guest that counts."""
    host.check("truncate -s 16M /root/disk1; cp -p %s /root/options" % OPTIONS)
    host.configure(OWN_RELOCATION)
    host.remember()
    host.create(NAME, "vcpus=2", "memory=128", "disk=file:/root/disk1,xvda,w", "vif=bridge=xenbr0,mac=" + MAC,
                "ip=" + ADDRESS, "netmask=255.255.255.0", "gateway=10.9.0.1")
    host.wait_guest(NAME)
    host.check_guest(NAME, "(i=0; while usleep 50000; do i=$((i+1)); echo $i >/counter; done) & "
                           "echo $$ >/session; dd if=/dev/urandom of=/dev/xvda bs=64k count=64 && sync")
    yield host
    host.check("mv /root/options %s && xend restart" % OPTIONS, 60)


def move(host, *options):
    """Moves the guest to where it is; (seconds, ms without it)."""
    said = host.check("xm migrate %s %s localhost </dev/null" % (" ".join(options), NAME), 180)
    match = re.search(r"moved to localhost in ([\d.]+) s: (\d+) MiB in (\d+) rounds, .*stopped for (\d+) ms", said)
    assert match, said
    print(host.check("grep -a 'stopped for' /var/log/xen/xend.log | tail -n 1"))
    print("%s: %s" % (" ".join(options) or "standing still", said.strip()))
    return float(match.group(1)), int(match.group(3)), int(match.group(4))


def goes_on(host, domid, session, count):
    """The guest lives on as another domain, with its processes, its disk and its address."""
    assert list(host.domains()) == ["Domain-0", NAME] and host.domains()[NAME][0] > domid
    # Its kernel has told the bridge where it is now, before anybody has asked.
    host.wait_until("the guest is announced", lambda: "dev vif%d.0" % host.domains()[NAME][0] in host.check(
        "bridge fdb show br xenbr0 | grep -i " + MAC), 20)
    assert host.check_guest(NAME, "cat /session") == session
    first = int(host.check_guest(NAME, "cat /counter"))
    time.sleep(1)
    assert int(host.check_guest(NAME, "cat /counter")) > first >= count
    host.check("ping -c 2 -w 30 " + ADDRESS, 40)


@pytest.mark.parametrize("options", [("--live",), ()])
def test_moves(host, options):
    """Also with the memory of the last time, and a disk that it writes to."""
    domid = host.domains()[NAME][0]
    session, count = host.check_guest(NAME, "cat /session"), int(host.check_guest(NAME, "cat /counter"))
    inside = host.check_guest(NAME, "sha256sum /dev/xvda", 60).split()[0]
    move(host, *options)
    goes_on(host, domid, session, count)
    # Nothing from memory: what is on the disk.
    host.check_guest(NAME, "echo 3 >/proc/sys/vm/drop_caches")
    assert host.check_guest(NAME, "sha256sum /dev/xvda", 60).split()[0] == inside
    host.check_guest(NAME, "dd if=/dev/urandom of=/dev/xvda bs=64k seek=9 count=9 conv=notrunc && sync", 60)


def test_nothing_is_left(host):
    host.check("xm destroy " + NAME)
    host.frees_all()
