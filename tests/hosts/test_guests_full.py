"""The control stack under load and violence, and whole Debian guests on all kinds of disks."""

import os
import random
import re
import subprocess
import time

import pytest
from dom0 import Dom0
from host import TOP, HostError, debian_guest

pytestmark = pytest.mark.full

IDLE = TOP / "build/guests/idle.elf"
LOGIN = "guest login: "
SHELL = r"root@guest:~# "


@pytest.fixture(scope="module", name="idle", autouse=True)
def idle_guest():
    """A kernel that does nothing, built."""
    subprocess.run(["make", "-s", "-C", TOP / "tests/guests"], check=True)
    return IDLE


def start(request, **settings):
    """A dom0 with the idle kernel in /root."""
    host = Dom0(request.node.name, files=[IDLE], **settings)
    request.node.hosts = [host]
    request.addfinalizer(host.close)
    host.wait_ready()
    host.before_guests = host.leftovers()
    host.free_before = int(host.info("free_memory"))
    return host


def frees_all(host, slack=0):
    """Nothing of any guest is left, and its memory is free again."""
    host.wait_until("only dom0 runs", lambda: set(host.domains()) == {"Domain-0"}, 120)
    host.wait_until("nothing is left", lambda: host.leftovers() == host.before_guests, 120)
    host.wait_until("all memory is free", lambda: int(host.info("free_memory")) >= host.free_before - slack, 120)


def resident(host, program):
    """KiB of memory of its own that a daemon holds; xenstored also maps its journal, which grows and shrinks."""
    return int(host.check("awk '/^RssAnon/ { print $2 }' /proc/$(pidof %s)/status" % program))


@pytest.mark.timeout(4 * 3600)
def test_twenty_guests_fifty_times(request):
    """A thousand domains, twenty at a time, started side by side: no memory, node, device or descriptor is lost."""
    host = start(request, limit=4 * 3600 - 60, mem=3072)
    # In a shell of their own, which says nothing of its jobs.
    create = ("(for i in $(seq 20); do truncate -s 1M /root/d$i; (xm create -q /dev/null name=g$i kernel=/root/idle.elf "
              "memory=16 disk=file:/root/d$i,xvda,w </dev/null || echo not made: $i) & done; wait) 2>&1")
    destroy = "(for i in $(seq 20); do xm destroy g$i & done; wait) 2>&1"
    sizes = []
    for turn in range(50):
        assert host.check(create, 600) == "", turn
        assert len(host.domains()) == 21
        assert host.check(destroy, 300) == "", turn
        frees_all(host, slack=1)
        descriptors = host.check("for p in xend xenstored xenconsoled; do ls /proc/$(pidof $p)/fd | wc -l; done")
        sizes.append((resident(host, "xend"), resident(host, "xenstored"), descriptors))
    # The first turns fill caches.
    assert len({descriptors for _, _, descriptors in sizes[10:]}) <= 3, sizes
    assert sizes[-1][0] < sizes[10][0] * 1.2 + 1024 and sizes[-1][1] < sizes[10][1] * 1.2 + 1024, sizes


@pytest.mark.timeout(4 * 3600)
def test_xend_killed_two_hundred_times(request):
    """xend dies at any point of creating and destroying; the next one cleans up or goes on."""
    host = start(request, limit=4 * 3600 - 60)
    host.check("truncate -s 1M /root/disk")
    chance = random.Random(1)
    for turn in range(200):
        work = "(xm create -q /dev/null name=v kernel=/root/idle.elf memory=16 disk=file:/root/disk,xvda,w " \
               "</dev/null; xm destroy v) >/dev/null 2>&1 & "
        host.check(work + "sleep %.3f; kill -9 $(cat /run/xend.pid); wait; xend start" % chance.uniform(0, 6), 180)
        names = set(host.domains())
        assert names <= {"Domain-0", "v"}, (turn, names)
        if "v" in names:
            # Whatever is listed can be used.
            host.check("xm pause v && xm unpause v && xm destroy v", 60)
        host.run("kill $(pidof xm)")
        frees_all(host, slack=1)


@pytest.mark.timeout(3600)
def test_power_cut_of_store(request):
    """xenstored, killed and started again, still knows what the guest and its backends agreed on."""
    host = start(request, limit=3500)
    host.check("truncate -s 16M /root/disk")
    host.create("g", "disk=file:/root/disk,xvda,w")
    host.wait_guest("g")
    before = host.check("xenstore-ls -f /local/domain | grep -v '/0/memory'")
    host.check("kill -9 $(pidof xenstored); sleep 1; xenstored --pid-file=/run/xen/xenstored.pid; sleep 2")
    assert host.check("xenstore-ls -f /local/domain | grep -v '/0/memory'") == before
    host.check("xend restart", 60)
    host.check_guest("g", "dd if=/dev/xvda of=/dev/null bs=64k", 120)
    host.check("xm shutdown -w g", 180)
    frees_all(host)


# Debian as a guest

def log_in(host, name):
    """Root's shell on a guest's console."""
    host.type("xm console %s\r" % name)
    host.expect(LOGIN, 900)
    time.sleep(2)
    host.type("root\r")
    host.expect(SHELL, 180)


def shell(host, command, timeout=120):
    """Runs a line at that shell; returns its output."""
    host._sequence += 1
    host.type('%s; echo "=r""c%d:$?="\r' % (command, host._sequence))
    match = host.expect(r"=rc%d:(\d+)=" % host._sequence, timeout)
    text = host.before.replace("\r", "").split("\n", 1)[-1]
    host.expect(SHELL, 30)
    if match.group(1) != "0":
        raise HostError("%r ended with %s: %s" % (command, match.group(1), text))
    return text.strip()


KINDS = {
    "phy": ("true", "phy:/dev/vdc"),
    "file": ("mount /dev/vdd /mnt && cp --sparse=always /dev/vdc /mnt/guest.img", "file:/mnt/guest.img"),
    "lvm": ("pvcreate -q /dev/vdd && vgcreate -q vg /dev/vdd && lvcreate -q -L 2G -n guest vg && "
            "dd if=/dev/vdc of=/dev/vg/guest bs=1M conv=sparse", "phy:vg/guest"),
    "qcow2": ("mount /dev/vdd /mnt && qemu-img convert -O qcow2 /dev/vdc /mnt/guest.qcow2", "tap:qcow2:/mnt/guest.qcow2"),
}


@pytest.mark.skipif(os.geteuid() != 0, reason="the disk takes root to build")
@pytest.mark.timeout(5400)
@pytest.mark.parametrize("kind", KINDS)
def test_debian_guest(request, tmp_path, kind):
    """Debian starts from its own disk's boot menu, reads and writes it, and the data are there after a reboot."""
    image = debian_guest()
    scratch = tmp_path / "scratch.img"
    subprocess.run(["truncate", "-s", "4G", scratch], check=True)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", scratch], check=True)
    drive = "file=%s,format=raw,if=virtio,cache=unsafe,snapshot=on"
    host = start(request, limit=5300, mem=2560, image_options=["-q"],
                 qemu=["-drive", drive % (image / "disk.img"), "-drive", drive % scratch])
    prepare, disk = KINDS[kind]
    host.check("ip link add xenbr0 type bridge && ip link set xenbr0 up && ip addr add 10.9.0.1/24 dev xenbr0")
    host.check(prepare, 1800)
    host.check("xm create -q /dev/null name=deb memory=512 vcpus=2 bootloader=pygrub disk=%s,xvda,w vif=bridge=xenbr0 "
               "</dev/null" % disk, 600)
    log_in(host, "deb")
    assert shell(host, "nproc") == "2"
    assert shell(host, "cat /sys/hypervisor/type") == "xen"
    shell(host, "ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 up && ping -c 2 -w 20 10.9.0.1")
    shell(host, "fio --name=t --size=64M --rw=randwrite --bs=4k --verify=crc32c --runtime=60 --filename=/root/data", 600)
    shell(host, "sync && sha256sum /root/data >/root/sum && sync", 300)
    host.type("reboot\r")
    host.expect(r"dom0# ", 600)
    log_in(host, "deb")
    assert "OK" in shell(host, "sha256sum -c /root/sum", 300)
    assert not re.search(r"I/O error|BUG|Call Trace", shell(host, "dmesg | sed 's/^/| /'"))
    host.type("poweroff\r")
    host.expect(r"dom0# ", 600)
    host.check("umount /mnt 2>/dev/null; vgchange -q -an 2>/dev/null; true", 60)
    frees_all(host)
