"""A guest moves between two hosts that share a disk and a network, and stays where it is when the other one fails."""

import re

import pytest
from dom0 import two_hosts

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

NAME, MAC, ADDRESS = "m2", "00:16:3e:00:00:32", "10.9.0.32"
# Kills xend a second after a further domain has begun to come.
KILL = """\
come() { grep -c 'comes from' /var/log/xen/xend.log; }; seen=$(come); \
{ (until [ $(come) -gt $seen ]; do sleep 0.1; done; sleep 1; kill -9 $(cat /run/xend.pid); touch /root/killed) \
>/dev/null 2>&1 & }"""


@pytest.fixture(scope="module", name="hosts")
def hosts_with_disk(tmp_path_factory):
    """Two dom0s, the one's network card joined to the other's; /dev/vdc is the same disk in both."""
    disk = tmp_path_factory.mktemp("shared") / "disk"
    with open(disk, "wb") as file:
        file.truncate(32 << 20)
    drive = ["-drive", "file=%s,format=raw,if=virtio,cache=directsync,file.locking=off" % disk]
    with two_hosts("test_migrate_full", drive, limit=3500) as made:
        yield made


def check_guest(host, session):
    """It lives on with its process, its disk and its address."""
    assert host.check_guest(NAME, "cat /session", 120) == session
    host.check_guest(NAME, "echo 3 >/proc/sys/vm/drop_caches")
    # The back end writes past what dom0 keeps of the disk.
    host.check("echo 3 >/proc/sys/vm/drop_caches")
    assert host.check_guest(NAME, "sha256sum </dev/xvda", 120) == host.check("sha256sum </dev/vdc", 120)


def test_moves_there_and_back(hosts):
    one, two = hosts
    one.create(NAME, "disk=phy:/dev/vdc,xvda,w", "vif=bridge=xenbr0,mac=" + MAC, "ip=" + ADDRESS,
               "netmask=255.255.255.0", "gateway=10.9.0.1", timeout=400)
    one.wait_guest(NAME, 400)
    one.check_guest(NAME, "echo $$ >/session; dd if=/dev/urandom of=/dev/xvda bs=64k count=64 && sync", 120)
    session = one.check_guest(NAME, "cat /session")
    two.check("ping -c 2 -w 60 " + ADDRESS, 80)
    for source, target, number in ((one, two, 2), (two, one, 1)):
        said = source.check("xm migrate --live %s 10.9.0.%d </dev/null" % (NAME, number), 600)
        print(said)
        assert re.search(r"moved to 10\.9\.0\.%d in" % number, said)
        assert list(source.domains()) == ["Domain-0"] and list(target.domains()) == ["Domain-0", NAME]
        # Both hosts reach it where it is now.
        for host in hosts:
            host.check("ping -c 2 -w 60 " + ADDRESS, 80)
        check_guest(target, session)
        target.check_guest(NAME, "dd if=/dev/urandom of=/dev/xvda bs=64k seek=7 count=9 conv=notrunc && sync", 120)


def test_other_host_fails(hosts):
    """The disk is not there, the host refuses, xend dies on the way: the guest goes on where it is."""
    one, two = hosts
    session = one.check_guest(NAME, "cat /session")
    two.check("mv /dev/vdc /dev/hidden")
    status, said = one.run("xm migrate --live %s 10.9.0.2 </dev/null" % NAME, 300)
    assert status == 1 and "/dev/vdc" in said
    two.check("mv /dev/hidden /dev/vdc")
    two.check("sed -i 's/\\[12\\]/[9]/' /etc/xen/xend-config.sxp && xend reload && sleep 2")
    status, said = one.run("xm migrate --live %s 10.9.0.2 </dev/null" % NAME, 300)
    assert status == 1 and "10.9.0.2" in said
    two.check("sed -i 's/\\[9\\]/[12]/' /etc/xen/xend-config.sxp && xend reload && sleep 2")
    two.check(KILL)
    status, said = one.run("xm migrate %s 10.9.0.2 </dev/null" % NAME, 300)
    print(said)
    two.wait_until("xend is killed", lambda: two.run("[ -e /root/killed ]")[0] == 0)
    two.check("xend start", 120)
    where = one if status else two
    two.wait_until("one of both has it", lambda: (NAME in one.domains()) != (NAME in two.domains()), 60)
    assert NAME in where.domains()
    check_guest(where, session)
