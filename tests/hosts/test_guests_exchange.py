"""Saved guests go to Debian's Xen and its xl, and come from there; the public checker of the format accepts our files.

Needs Debian's packages xen-hypervisor-4.17-amd64 and xen-utils-4.17 on this machine, else it is skipped."""

import gzip
import os
import subprocess
from pathlib import Path

import pytest
from dom0 import Dom0
from host import BUILD

pytestmark = [pytest.mark.full, pytest.mark.timeout(3000)]
XEN = Path("/boot/xen-4.17-amd64.gz")
CHECKER = Path("/usr/lib/xen-4.17/bin/verify-stream-v2")
CONFIG = ('name = "%s"; kernel = "/boot/guest/vmlinuz"; ramdisk = "/boot/guest/initrd.gz"; extra = "console=hvc0 quiet"; '
          'memory = 128; vcpus = 2; disk = ["file:/root/disk,xvda,w"]; vif = ["bridge=xenbr0,mac=00:16:3e:00:00:01"]')


@pytest.fixture(scope="module", name="start")
def starter():
    """Boots dom0s, one after the other, with a disk for what goes from one to the next, at /mnt."""
    if not XEN.exists() or not CHECKER.exists():
        pytest.skip("no %s or no %s" % (XEN, CHECKER))
    image, scratch = BUILD / "xen-debian", BUILD / "exchange.img"
    image.write_bytes(gzip.decompress(XEN.read_bytes()))
    scratch.unlink(missing_ok=True)
    subprocess.run(["truncate", "-s", "1G", scratch], check=True)
    subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", scratch], check=True)

    def start(name, xen, tools):
        if xen == "debian":
            os.environ["XENITH_XEN"] = str(image)
        try:
            host = Dom0("exchange_" + name, image_options=[] if tools == "xenith" else ["-d"], stack=tools, mem=1536,
                        xen="dom0_mem=768M", limit=2000, boot="kernel",
                        qemu=["-drive", "file=%s,format=raw,if=virtio" % scratch])
        finally:
            if xen == "debian":
                del os.environ["XENITH_XEN"]
        host.wait_ready(400)
        host.check("mount /dev/vdc /mnt; ip link add xenbr0 type bridge 2>/dev/null; ip link set xenbr0 up; "
                   "ip addr add 10.9.0.1/24 dev xenbr0")
        if host.run("ls /mnt/disk")[0]:
            host.check("truncate -s 16M /mnt/disk")
        host.check("cp /mnt/disk /root/disk")
        host.scratch = scratch
        return host

    yield start
    scratch.unlink()


def leave(host):
    host.check("cp /root/disk /mnt/disk; umount /mnt", 60)


def begin(host, tool, name):
    """A guest with a network, something in memory, and something on its disk, whose checksum it returns."""
    host.check("echo '%s' >/root/guest.cfg" % (CONFIG % name))
    host.check("%s create /root/guest.cfg </dev/null" % tool, 400)
    host.wait_guest(name, 400)
    host.check_guest(name, "ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 up && echo here >/tmp/mark && "
                           "dd if=/dev/urandom of=/dev/xvda bs=64k count=256 && sync", 200)
    return host.check_guest(name, "sha256sum /dev/xvda", 200).split()[0]


def alive(host, name, checksum):
    """It is as it was, on another host, and writes to its disk; the checksum from then on."""
    assert host.check_guest(name, "cat /tmp/mark", 200) == "here"
    assert host.check_guest(name, "nproc", 200) == "2"
    assert host.check_guest(name, "echo 3 >/proc/sys/vm/drop_caches; sha256sum /dev/xvda", 200).split()[0] == checksum
    host.check("ping -c 2 -w 60 10.9.0.2", 100)
    host.check_guest(name, "dd if=/dev/urandom of=/dev/xvda bs=64k count=20 && sync", 200)
    return host.check_guest(name, "sha256sum /dev/xvda", 200).split()[0]


def verify(scratch, name):
    """The file is what the checker of Debian's tools takes for one of xl."""
    file = BUILD / name
    subprocess.run(["/sbin/debugfs", "-R", "dump /%s %s" % (name, file), scratch], check=True, capture_output=True)
    done = subprocess.run([CHECKER, "-v", "-f", "xl", "-i", file], capture_output=True, text=True, check=False,
                          env=dict(os.environ, PYTHONPATH=str(CHECKER.parents[1] / "lib/python")))
    file.unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "x86 PV vcpu basic" in done.stdout and done.stdout.rstrip().endswith("Libxl Record: End, length 0")


def test_exchange(start):
    """From xm on our hypervisor to xl on Debian's and to xl on ours; from xl on Debian's to xm on ours."""
    with start("ours", "xenith", "xenith") as host:
        checksum = begin(host, "xm", "e1")
        host.check("xm save e1 /mnt/xm.save </dev/null", 180)
        leave(host)
        scratch = host.scratch
    verify(scratch, "xm.save")
    with start("debian", "debian", "debian") as host:
        host.check("xl restore /mnt/xm.save </dev/null", 400)
        alive(host, "e1", checksum)
        host.check("xl destroy e1", 200)
        checksum_back = begin(host, "xl", "e2")
        host.check("xl save e2 /mnt/xl.save </dev/null", 400)
        host.check("cp /mnt/disk /mnt/disk.e1")
        leave(host)
    with start("back", "xenith", "xenith") as host:
        host.check("xm restore /mnt/xl.save </dev/null", 180)
        alive(host, "e2", checksum_back)
        host.check("xm save e2 /mnt/again.save </dev/null", 180)
        host.check("mv /mnt/disk.e1 /root/disk")
        leave(host)
    verify(scratch, "again.save")
    with start("mixed", "xenith", "debian") as host:
        host.check("xl restore /mnt/xm.save </dev/null", 400)
        checksum = alive(host, "e1", checksum)
        # To this very host, live, which Debian's Xen does not offer.
        host.check("xl migrate -s '' e1 'xl migrate-receive' </dev/null", 400)
        alive(host, "e1", checksum)
        host.check("xl save e1 /mnt/mixed.save </dev/null; umount /mnt", 400)
    verify(scratch, "mixed.save")
