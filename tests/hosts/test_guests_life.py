"""The control stack from dom0: one guest through its life, seen from inside and from dom0, and nothing left of it."""

import re
import time

import pytest
from host import HostError

pytestmark = [pytest.mark.quick, pytest.mark.timeout(900)]

NAME = "t1"


@pytest.fixture(scope="module", name="host")
def host_with_disks(host):
    """A dom0 with a bridge and two files for disks."""
    host.check("truncate -s 16M /root/disk1 && truncate -s 8M /root/disk2")
    return host


def test_stack(host):
    """All daemons run, and dom0 is a domain like others, but not to be harmed."""
    assert host.run("xend status")[0] == 0
    assert set(host.domains()) == {"Domain-0"}
    assert host.info("xen_major") == "4"
    assert "xen-3.0-x86_64" in host.info("xen_caps")
    assert host.run("xm destroy Domain-0")[0] != 0
    assert host.run("xm pause 0")[0] != 0


def test_create(host):
    """A guest with disk and network comes up as configured."""
    host.create(NAME, "vcpus=2", "memory=128", "disk=file:/root/disk1,xvda,w", "vif=bridge=xenbr0,mac=00:16:3e:00:00:01",
                "ip=10.9.0.2", "netmask=255.255.255.0", "gateway=10.9.0.1")
    cpus, memory = host.wait_guest(NAME)
    assert cpus == 2 and 64 << 10 < memory <= 128 << 10
    domid, mib, vcpus, state, _ = host.domains()[NAME]
    assert domid > 0 and mib == 128 and vcpus == 2 and re.fullmatch(r"[r-][b-]----", state)
    assert host.check("xm domid " + NAME) == str(domid)
    assert host.check("xm domname %d" % domid) == NAME
    host.check("ping -c 2 -w 20 10.9.0.2", 30)
    assert re.search(r"^/dev/loop0: .*/root/disk1", host.check("losetup -a"))


def test_console(host):
    """What is typed arrives, what is printed comes back, and leaving leaves the guest alone."""
    assert host.check_guest(NAME, "echo $((6 * 7))") == "42"
    assert host.check_guest(NAME, "cat /sys/class/net/eth0/address") == "00:16:3e:00:00:01"
    assert host.check_guest(NAME, "cat /sys/block/xvda/size") == str(16 << 11)


def test_disk(host):
    """Bytes written by the guest are in dom0's file."""
    host.check_guest(NAME, "dd if=/dev/urandom of=/dev/xvda bs=64k count=256 && sync", 120)
    inside = host.check_guest(NAME, "sha256sum /dev/xvda", 120).split()[0]
    assert host.check("sync; sha256sum /root/disk1", 120).split()[0] == inside


def test_pause(host):
    """A paused guest uses no time and answers nothing; unpaused, it goes on."""
    host.check("xm pause " + NAME)
    _, _, _, state, seconds = host.domains()[NAME]
    assert state[2] == "p"
    assert host.run("ping -c 1 -w 3 10.9.0.2")[0] != 0
    assert host.domains()[NAME][4] == seconds
    host.check("xm unpause " + NAME)
    assert host.domains()[NAME][3][2] == "-"
    host.check("ping -c 1 -w 30 10.9.0.2", 40)


def guest_memory(host):
    """KiB as the guest counts them."""
    return int(host.check_guest(NAME, "awk '/^MemTotal/ { print $2 }' /proc/meminfo"))


def test_memory(host):
    """The balloon follows, down and up again."""
    whole = guest_memory(host)
    host.check("xm mem-set %s 100" % NAME)
    host.wait_until("100 MiB", lambda: host.domains()[NAME][1] == 100)
    assert abs(whole - guest_memory(host) - (28 << 10)) < 2048
    assert host.run("xm mem-max %s 64" % NAME)[0] != 0
    host.check("xm mem-max %s 110" % NAME)
    assert "(maxmem 110)" in host.check("xm list -l " + NAME)
    assert host.run("xm mem-set %s 128" % NAME)[0] != 0
    host.check("xm mem-max %s 128" % NAME)
    host.check("xm mem-set %s 128" % NAME)
    host.wait_until("128 MiB", lambda: host.domains()[NAME][1] == 128)
    assert abs(whole - guest_memory(host)) < 2048
    assert host.run("xm mem-set %s 4096" % NAME)[0] != 0


def test_vcpus(host):
    """A processor leaves and comes back; the guest has to take it into use again."""
    host.check("xm vcpu-set %s 1" % NAME)
    host.wait_until("one processor", lambda: host.check_guest(NAME, "nproc") == "1")
    assert [row[3:5] for row in host.table("xm vcpu-list " + NAME)][1] == ["-", "--p"]
    host.check("xm vcpu-set %s 2" % NAME)
    host.check_guest(NAME, "sleep 1; echo 1 >/sys/devices/system/cpu/cpu1/online")
    assert host.check_guest(NAME, "nproc") == "2"
    assert host.run("xm vcpu-set %s 3" % NAME)[0] != 0


def test_pin(host):
    """Virtual CPUs run where they may."""
    host.check("xm vcpu-pin %s all 1" % NAME)
    host.check_guest(NAME, "for i in 0 1; do taskset -c $i true || taskset $((1 << i)) true; done")
    assert [(row[3], row[6:]) for row in host.table("xm vcpu-list " + NAME)] == [("1", ["1"])] * 2
    host.check("xm vcpu-pin %s 1 0-1,^1" % NAME)
    assert [row[6:] for row in host.table("xm vcpu-list " + NAME)] == [["1"], ["0"]]
    host.check("xm vcpu-pin %s all all" % NAME)
    assert [row[6:] for row in host.table("xm vcpu-list " + NAME)] == [["any", "cpu"]] * 2


def test_share(host):
    """A guest that may use a fifth of a CPU sees the rest of its time stolen."""
    host.check("xm sched-credit -d %s -w 512 -c 20" % NAME)
    assert [row[2:] for row in host.table("xm sched-credit -d " + NAME)] == [["512", "20"]]
    steal = "awk '/^cpu / { print $9 }' /proc/stat"
    before = int(host.check_guest(NAME, steal))
    host.in_guest(NAME, "timeout 3 sh -c 'while :; do :; done'")
    host.check("xm sched-credit -d %s -w 256 -c 0" % NAME)
    # Hundredths of a second, of 240 that were not to be had.
    assert int(host.check_guest(NAME, steal)) - before > 100


def test_names(host):
    """A running guest changes its name; how long it has run is what it thinks itself."""
    domid = host.domains()[NAME][0]
    host.check("xm rename %s other" % NAME)
    assert host.check("xm domname %d" % domid) == "other"
    assert host.check("xenstore-read /local/domain/%d/name" % domid) == "other"
    assert host.run("xm rename other Domain-0")[0] != 0
    host.check("xm rename other " + NAME)
    hours, minutes, seconds = map(int, host.table("xm uptime " + NAME)[0][2].split(":"))
    age = float(host.check_guest(NAME, "cut -d ' ' -f 1 /proc/uptime"))
    assert abs(hours * 3600 + minutes * 60 + seconds - age) < 15


def test_block_attach(host):
    """A disk appears in the running guest, holds data, and goes."""
    host.check("xm block-attach %s file:/root/disk2 xvdb w" % NAME, 120)
    host.check_guest(NAME, "for i in $(seq 20); do [ -b /dev/xvdb ] && break; sleep 1; done; cat /sys/block/xvdb/size")
    host.check_guest(NAME, "echo marked | dd of=/dev/xvdb bs=512 conv=sync && sync", 60)
    assert host.check("head -c 6 /root/disk2") == "marked"
    assert len(host.table("xm block-list " + NAME)) == 2
    host.check("xm block-detach %s xvdb" % NAME, 120)
    host.wait_until("the disk is gone", lambda: len(host.table("xm block-list " + NAME)) == 1)
    assert host.in_guest(NAME, "[ -b /dev/xvdb ]")[0] != 0
    assert "disk2" not in host.check("losetup -a")


def test_network_attach(host):
    """A second interface appears, carries packets, and goes."""
    host.check("xm network-attach %s bridge=xenbr0 mac=00:16:3e:00:00:02" % NAME, 120)
    host.check_guest(NAME, "for i in $(seq 20); do [ -e /sys/class/net/eth1 ] && break; sleep 1; done; "
                           "ip addr flush dev eth0 && ip link set eth0 down && ip addr add 10.9.0.3/24 dev eth1 && "
                           "ip link set eth1 up", 90)
    host.check("ping -c 2 -w 30 10.9.0.3", 40)
    assert [row[2] for row in host.table("xm network-list " + NAME)] == ["00:16:3e:00:00:01", "00:16:3e:00:00:02"]
    host.check("xm network-detach %s 1" % NAME, 120)
    host.wait_until("the interface is gone", lambda: len(host.table("xm network-list " + NAME)) == 1)
    assert host.in_guest(NAME, "[ -e /sys/class/net/eth1 ]")[0] != 0


def test_reboot(host):
    """The guest starts anew, as another domain of the same name with the same devices."""
    before = host.domains()[NAME][0]
    # A guest that ends in its first minute is not started again.
    age = float(host.check_guest(NAME, "cut -d ' ' -f 1 /proc/uptime"))
    host.check("sleep %d" % max(0, 62 - age), 70)
    host.check("xm reboot " + NAME)
    host.wait_guest(NAME, times=2, timeout=240)
    domid = host.domains()[NAME][0]
    assert domid > before
    assert float(host.check_guest(NAME, "cut -d ' ' -f 1 /proc/uptime")) < 200
    host.check("ping -c 2 -w 30 10.9.0.2", 40)


def test_shutdown(host):
    """The guest ends by itself when asked, and nothing of it is left."""
    output = host.check("xm shutdown -w %s 2>/dev/null" % NAME, 120)
    assert "terminated" in output
    host.frees_all()


def test_destroy(host):
    """A guest in the middle of its start is gone at once, with all that it had."""
    host.create(NAME, "vcpus=2", "disk=file:/root/disk1,xvda,w", "vif=bridge=xenbr0")
    host.check("xm destroy " + NAME, 60)
    host.frees_all()


def test_errors(host):
    """What cannot work says why in one line, and leaves nothing."""
    for command, text in (
            ("xm create -q /root/pv.cfg kernel=/no/kernel", "/no/kernel"),
            ("xm create -q /root/pv.cfg memory=100000", "memory"),
            ("xm create -q /root/pv.cfg disk=file:/no/disk,xvda,w", "/no/disk"),
            ("xm create -q /root/pv.cfg vif=bridge=nobridge", "nobridge"),
            ("xm console nobody", "nobody"),
            ("xm destroy nobody", "nobody")):
        host.refuses(command, text)
    host.frees_all()


def test_xend_killed(host):
    """A guest does not notice that xend died, and the next xend knows it."""
    host.create("t2", "disk=file:/root/disk1,xvda,w", "on_crash=preserve")
    host.wait_guest("t2")
    before = host.domains()["t2"][0]
    host.check("kill -9 $(cat /run/xend.pid)")
    with pytest.raises(HostError):
        host.domains()
    host.check("/etc/init.d/xend start", 120)
    assert host.domains()["t2"][0] == before
    assert host.check_guest("t2", "echo here") == "here"


def test_crash(host):
    """A key of SysRq reaches the guest's kernel; when it crashes, what is left is kept to be looked at."""
    # Debian's kernels take the crash for a debugging aid, which is off.
    host.check_guest("t2", "echo 1 >/proc/sys/kernel/sysrq")
    host.check("xm sysrq t2 h")
    host.check_guest("t2", "for i in $(seq 20); do dmesg | grep -q 'sysrq: HELP' && break; sleep 1; done; "
                           "dmesg | grep 'sysrq: HELP'")
    host.check("xm sysrq t2 c")
    host.wait_until("it has crashed", lambda: host.domains()["t2"][3][4] == "c")
    assert host.table("xm list --state=crashed")[0][0] == "t2"
    # Only that line: the rest of the log reads as if this host's own kernel had died.
    host.check("grep -a 'sysrq: Trigger a crash' /var/log/xen/console/guest-t2.log")
    start = time.monotonic()
    host.check("xm destroy " + "t2", 60)
    assert time.monotonic() - start < 60
    host.frees_all()
