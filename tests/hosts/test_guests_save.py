"""Guests saved to files and brought back: with devices, under load, and when something goes wrong on the way."""

import re
import time

import pytest

NAME = "s1"
NETWORK = ("vif=bridge=xenbr0,mac=00:16:3e:00:00:01", "ip=10.9.0.2", "netmask=255.255.255.0")
quick, full = pytest.mark.quick, pytest.mark.full
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module", name="host")
def host_with_disk(host):
    """A dom0 with a bridge, a file for a disk, and a file system with no room."""
    host.check("truncate -s 16M /root/disk && mkdir /mnt/small && mount -t tmpfs -o size=8M tmpfs /mnt/small")
    yield host
    host.check("umount /mnt/small && rmdir /mnt/small")


@pytest.fixture(autouse=True)
def tidy(host):
    """A test that fails leaves no guest to the next one."""
    yield
    host.run("xm list %s >/dev/null 2>&1 && { xm destroy %s; xm delete %s; }" % (NAME, NAME, NAME), 120)


def start(host, vcpus=2):
    """A guest with a disk full of random bytes, of which it returns the checksum."""
    host.create(NAME, "vcpus=%d" % vcpus, "memory=128", "disk=file:/root/disk,xvda,w", *NETWORK)
    host.wait_guest(NAME)
    host.check_guest(NAME, "dd if=/dev/urandom of=/dev/xvda bs=64k count=256 && sync; echo here >/tmp/mark", 120)
    return checksum(host)


def checksum(host):
    return host.check_guest(NAME, "echo 3 >/proc/sys/vm/drop_caches; sha256sum /dev/xvda", 120).split()[0]


def alive(host, vcpus, sum_before):
    """Memory, processors, disk, network, console and clock of the guest are as they should be."""
    assert host.check_guest(NAME, "cat /tmp/mark") == "here"
    assert int(host.check_guest(NAME, "nproc")) == vcpus
    assert checksum(host) == sum_before
    host.check("ping -c 2 -w 30 10.9.0.2", 40)
    # Every processor does work, and time goes on everywhere.
    host.check_guest(NAME, "for i in $(seq 0 %d); do taskset $((1 << i)) sh -c 'a=$(date +%%s); sleep 2; b=$(date +%%s); "
                           "[ $((b - a)) -ge 1 ] && [ $((b - a)) -le 10 ]' || exit 1; done" % (vcpus - 1), 120)
    drift = int(host.check_guest(NAME, "date +%s")) - int(host.check("date +%s"))
    assert -20 < drift <= 5


@pytest.mark.parametrize("vcpus", [pytest.param(2, marks=quick), pytest.param(1, marks=full), pytest.param(4, marks=full)])
def test_save_and_restore(host, vcpus):
    """A guest goes into a file and comes back as it was, under another id; and once more, as a checkpoint."""
    before = start(host, vcpus)
    domid = host.domains()[NAME][0]
    uuid = re.search(r"\(uuid (.*)\)", host.check("xm list -l " + NAME)).group(1)
    host.save(NAME)
    host.frees_all()
    host.check("sleep 3")
    host.restore()
    assert host.domains()[NAME][0] > domid
    assert uuid == re.search(r"\(uuid (.*)\)", host.check("xm list -l " + NAME)).group(1)
    alive(host, vcpus, before)
    host.refuses("xm restore /root/saved", "is running")
    host.save(NAME, "-c")
    domid = host.domains()[NAME][0]
    alive(host, vcpus, before)
    assert host.domains()[NAME][0] == domid
    host.check_guest(NAME, "dd if=/dev/urandom of=/dev/xvda bs=64k count=20 && sync", 60)
    host.destroy(NAME)
    host.check("rm /root/saved")


@full
def test_failures(host):
    """A guest that cannot be saved goes on; one that cannot be restored stays in its file. Nothing else is left."""
    before = start(host, 1)
    host.refuses("xm save %s /mnt/small/saved" % NAME, "No space left on device")
    host.refuses("xm save %s /nowhere/saved" % NAME, "/nowhere/saved")
    assert host.check("ls /mnt/small") == ""
    alive(host, 1, before)
    host.check("xm pause " + NAME)
    host.refuses("xm save %s /root/saved" % NAME, "paused")
    host.check("xm unpause " + NAME)
    host.save(NAME)
    host.check("mv /root/disk /root/disk.away")
    host.refuses("xm restore /root/saved", "/root/disk")
    host.frees_all()
    host.check("mv /root/disk.away /root/disk")
    size = int(host.check("stat -c %s /root/saved"))
    for length in (20, 60, 3000, size // 2, size - 1):
        host.check("cp --sparse=always /root/saved /root/part && truncate -s %d /root/part" % length, 60)
        host.refuses("xm restore /root/part", "cut off")
    # One bit, in a page, and in the configuration.
    for place in (size // 2, 1000):
        host.check("cp --sparse=always /root/saved /root/part && b=$(od -An -tu1 -j %d -N 1 /root/part) && "
                   "printf \"\\\\$(printf %%03o $((b ^ 4)))\" | dd of=/root/part bs=1 seek=%d conv=notrunc 2>/dev/null" % (
                       place, place), 60)
        assert host.run("cmp /root/saved /root/part")[0] == 1
        host.refuses("xm restore /root/part", "is damaged")
    host.frees_all()
    host.create(NAME, "disk=file:/root/disk,xvda,w")
    host.refuses("xm restore /root/saved", NAME)
    host.destroy(NAME)
    host.restore()
    alive(host, 1, before)
    host.destroy(NAME)
    host.check("rm /root/saved /root/part")


@full
def test_xend_killed(host):
    """A guest goes on, where it was, when xend is killed while it is being saved."""
    before = start(host, 2)
    domid = host.domains()[NAME][0]
    host.check("(xm save %s /root/saved >/dev/null 2>&1 </dev/null &); "
               "for i in $(seq 2000); do ls /root/saved.* >/dev/null 2>&1 && [ $(stat -c %%s /root/saved.*) -gt 20000000 ] "
               "&& break; done; kill -9 $(cat /run/xend.pid)" % NAME, 120)
    host.check("ls /root/saved.*")
    host.check("/etc/init.d/xend start </dev/null", 120)
    assert host.run("ls /root/saved*")[0] != 0
    assert host.domains()[NAME][0] == domid
    alive(host, 2, before)
    host.destroy(NAME)


@full
def test_does_not_suspend(host):
    """A guest that does not answer is let alone after a minute, and goes on."""
    host.create(NAME, "extra=console=hvc0 quiet initcall_blacklist=xen_setup_shutdown_event")
    host.wait_guest(NAME)
    begin = time.monotonic()
    host.refuses("xm save %s /root/saved" % NAME, "did not suspend within 60 seconds")
    assert 55 < time.monotonic() - begin < 120
    assert host.check_guest(NAME, "echo here") == "here"
    assert host.run("ls /root/saved*")[0] != 0
    host.destroy(NAME)


@full
def test_under_load(host):
    """A guest that writes all the time loses nothing: numbered blocks, of which all that it saw written are there."""
    start(host, 2)
    host.check_guest(NAME, "(i=0; while [ ! -e /tmp/stop ]; do i=$((i + 1)); printf '%-511s\\n' $i | dd of=/dev/xvda bs=512 seek=$((i % 2000)) "
                           "conv=notrunc,fsync 2>/dev/null; echo $i >/tmp/next; mv /tmp/next /tmp/last; done) & sleep 3")
    for _ in range(2):
        host.save(NAME)
        host.restore()
        first = int(host.check_guest(NAME, "cat /tmp/last"))
        last = int(host.check_guest(NAME, "sleep 5; cat /tmp/last"))
        assert last > first
        host.save(NAME, "-c")
    host.check_guest(NAME, "touch /tmp/stop; sleep 5")
    last = int(host.check_guest(NAME, "cat /tmp/last"))
    host.check_guest(NAME, "for i in $(seq %d %d); do [ \"$(dd if=/dev/xvda bs=512 skip=$((i %% 2000)) count=1 2>/dev/null | tr -d ' \\n')\" "
                           "= $i ] || exit 1; done" % (max(1, last - 300), last), 300)
    host.destroy(NAME)


@full
def test_fewer(host):
    """Less memory and fewer processors than at the start."""
    before = start(host, 2)
    host.check("xm mem-set %s 100" % NAME)
    host.wait_until("100 MiB", lambda: host.domains()[NAME][1] == 100)
    host.check("xm vcpu-set %s 1" % NAME)
    host.wait_until("one processor", lambda: host.check_guest(NAME, "nproc") == "1")
    host.save(NAME)
    host.restore()
    alive(host, 1, before)
    assert host.domains()[NAME][1] == 100
    host.check("xm vcpu-set %s 2" % NAME)
    host.check_guest(NAME, "sleep 1; echo 1 >/sys/devices/system/cpu/cpu1/online")
    host.check("xm mem-set %s 128" % NAME)
    host.wait_until("128 MiB", lambda: host.domains()[NAME][1] == 128)
    alive(host, 2, before)
    host.destroy(NAME)


@full
def test_managed(host):
    """xm suspend and xm resume, also over a restart of xend."""
    host.check("sed '/^name/d' /root/pv.cfg >/root/managed.cfg && xm new -q /root/managed.cfg name=%s "
               "disk=file:/root/disk,xvda,w </dev/null" % NAME, 60)
    host.check("xm start %s </dev/null" % NAME, 120)
    host.wait_guest(NAME)
    host.check_guest(NAME, "echo here >/tmp/mark")
    host.check("xm suspend %s </dev/null" % NAME, 180)
    assert host.check("xm list --state=suspended | awk 'NR > 1 { print $1 }'") == NAME
    host.refuses("xm start " + NAME, "suspended")
    host.check("kill -9 $(cat /run/xend.pid); /etc/init.d/xend start </dev/null", 120)
    host.check("xm resume %s </dev/null" % NAME, 180)
    assert host.check_guest(NAME, "cat /tmp/mark") == "here"
    host.check("xm destroy %s && xm delete %s" % (NAME, NAME), 60)
    host.frees_all()


@full
def test_xendomains(host):
    """Guests are saved when the machine ends, and are there again when it begins."""
    before = start(host, 2)
    host.check("printf 'XENDOMAINS_SAVE=/root/save\\nXENDOMAINS_RESTORE=true\\n' >>/etc/default/xendomains")
    host.check("/etc/init.d/xendomains stop </dev/null", 180)
    host.frees_all()
    assert host.check("ls /root/save") == NAME
    host.check("/etc/init.d/xendomains start </dev/null", 180)
    assert host.run("ls /root/save/" + NAME)[0] != 0
    alive(host, 2, before)
    host.destroy(NAME)


@full
def test_dump_core(host):
    """A guest's memory goes to a file, also when it crashes; what the guest has there is in it."""
    host.create(NAME, "on_crash=coredump-destroy")
    host.wait_guest(NAME)
    host.check_guest(NAME, "echo 'a text that is in memory' >/tmp/text")
    for option in ("", "-L"):
        host.check("xm dump-core %s %s /root/core </dev/null" % (option, NAME), 180)
        assert host.check("head -c 4 /root/core | tail -c 3") == "ELF"
        assert int(host.check("stat -c %s /root/core")) > 128 << 20
        assert int(host.check("grep -c -a 'a text that is in memory' /root/core", 60)) > 0
        assert host.check_guest(NAME, "echo here") == "here"
    host.check("rm /root/core")
    host.check_guest(NAME, "echo 1 >/proc/sys/kernel/sysrq")
    host.check("xm sysrq %s c" % NAME)
    host.frees_all()
    assert int(host.check("grep -c -a 'sysrq triggered crash' /var/xen/dump/%s/*-%s.*.core" % (NAME, NAME), 60)) > 0
    host.check("rm -r /var/xen/dump/" + NAME)
