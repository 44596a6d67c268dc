"""A Debian guest whose disk is on a server of network block devices is saved and restored, and moves between two hosts,
many times; meanwhile it writes and verifies its disk, talks over one TCP connection, and watches its clock."""

import contextlib
import os
import re
import subprocess
import time

import pytest
from dom0 import free_port, two_hosts
from host import COMPLAINTS, debian

pytestmark = [
    pytest.mark.full, pytest.mark.timeout(3 * 3600),
    pytest.mark.skipif(os.geteuid() != 0, reason="the disk takes root to build"),
]

# Fewer only try the test itself.
TURNS = int(os.environ.get("XENITH_TURNS", "50"))
NAME, ADDRESS = "deb", "10.9.0.2%d"
# What runs in the guest all the time, by name. Each leaves a file when something is wrong.
WORK = """\
case $1 in
disk)
	while fio --name=l --filename=/root/load --size=8M --rw=randwrite --bs=4k --direct=1 --rate_iops=100 \\
		--verify=crc32c --verify_fatal=1 --output=/root/fio.out; do
		echo pass >>/root/passes
	done ;;
talk)
	exec 3>/dev/tcp/10.9.0.1/7000
	i=0
	while i=$((i + 1)); echo $i >&3; do sleep 0.2; done ;;
clock)
	last=0
	while now=$(date +%s%N); [ $now -ge $last ]; do last=$now; sleep 0.2; done ;;
esac
touch /root/bad-$1
"""


@contextlib.contextmanager
def disk_server(directory, image):
    """Port where a copy of the image is served to whoever connects, without a cache of each one's own."""
    copy, port = directory / "disk.img", free_port()
    subprocess.run(["cp", "--reflink=auto", "--sparse=always", image, copy], check=True)
    server = subprocess.Popen(["qemu-nbd", "-f", "raw", "-e", "8", "-t", "-b", "127.0.0.1", "-p", str(port), copy])
    try:
        yield port
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module", name="hosts")
def hosts_with_server(tmp_path_factory):
    """Two hosts that reach the server through networks of their own; the kernel is at hand."""
    guest, directory = debian("guest"), tmp_path_factory.mktemp("server")
    (directory / "work").write_text(WORK, encoding="ascii")
    files = [guest / "vmlinuz", guest / "initrd.img", directory / "work"]
    with disk_server(directory, guest / "disk.img") as port, \
            two_hosts("test_migrate_long", ["-nic", "user,model=virtio-net-pci"], files=files, mem=3072,
                      image_options=["-p", "nbd-client"], limit=3 * 3600 - 60) as made:
        for host in made:
            host.check("modprobe nbd && ip addr show eth0 | grep 10.0.2.15")
            host.uname = "nbd:10.0.2.2:%d" % port
        yield made


def start_guest(host, vcpus):
    """Debian with that work in it, and what its other end hears in dom0's /root/heard. Its programs are not put at random
    addresses: QEMU would translate each library's page anew for each process, thousands of times, and go through all of
    that at each store to the page when it is scrubbed, 20 ms a store."""
    host.check("(nc.openbsd -l -k 7000 </dev/null >/root/heard &)")
    host.check("xm create -q /dev/null name=%s memory=320 vcpus=%d kernel=/root/vmlinuz ramdisk=/root/initrd.img "
               "root='LABEL=guest ro' extra='console=hvc0 quiet norandmaps' disk=%s,xvda,w vif=bridge=xenbr0 </dev/null"
               % (NAME, vcpus, host.uname), 300)
    host.log_in(NAME)
    host.check_guest(NAME, "nic=$(ls /sys/class/net | grep -v '^lo$'); systemctl stop systemd-networkd.socket systemd-networkd; "
                           "ip addr flush dev $nic; ip addr add %s/24 dev $nic; ip link set $nic up; ping -c 2 -w 60 10.9.0.1"
                           % (ADDRESS % vcpus), 120)
    host.check_guest(NAME, "rm -f /root/passes /root/bad-*")
    host.check("(nc.openbsd -l -N 7001 </root/work >/dev/null &)")
    host.check_guest(NAME, "bash -c 'cat </dev/tcp/10.9.0.1/7001 >/root/work'", 60)
    host.check_guest(NAME, "for w in disk talk clock; do setsid bash /root/work $w >/dev/null 2>&1 </dev/null & done; true")


def heard(host):
    """How far the guest has counted; no number is missing."""
    lines = host.check("awk '$1 != NR { print \"gap at \" NR } END { print NR }' /root/heard").splitlines()
    assert len(lines) == 1, lines
    return int(lines[0])


def check_guest(host, ear, count):
    """Nothing has gone wrong in the guest, its time is dom0's, and it goes on talking; how far it has counted."""
    before = int(host.check("date +%s"))
    bad, now = host.check_guest(NAME, "ls /root | grep -c bad-; date +%s; true", 300).split()
    assert bad == "0", host.check_guest(NAME, "ls /root; cat /root/fio.out", 120)
    assert before - 2 <= int(now) <= int(host.check("date +%s")) + 2
    ear.wait_until("the guest is heard", lambda: heard(ear) > count, 120)
    return heard(ear)


def end_guest(host, hosts):
    """It has written and verified all the time, nothing was odd to its kernel, and nothing is left of it."""
    host.wait_until("the disk was verified", lambda: host.in_guest(NAME, "[ -s /root/passes ]", 120)[0] == 0, 900)
    lines = host.check_guest(NAME, "dmesg | sed 's/^/| /'", 120).splitlines()
    assert [line for line in lines if re.search(COMPLAINTS, line)] == []
    host.check("xm shutdown -w " + NAME, 600)
    hosts[0].check("pkill -f 'nc.openbsd -l'")
    for one in hosts:
        one.frees_all(120)


@pytest.mark.parametrize("vcpus", [1, 4])
def test_saved_many_times(hosts, vcpus):
    host = hosts[0]
    start_guest(host, vcpus)
    count = 0
    for turn in range(TURNS):
        start = time.monotonic()
        host.save(NAME)
        host.restore()
        count = check_guest(host, host, count)
        print("turn %d, %.0f s: %d" % (turn, time.monotonic() - start, count))
    end_guest(host, hosts)


@pytest.mark.parametrize("vcpus", [1, 4])
def test_moves_many_times(hosts, vcpus):
    start_guest(hosts[0], vcpus)
    count, here = 0, 0
    for turn in range(TURNS):
        start = time.monotonic()
        said = hosts[here].check("xm migrate --live %s 10.9.0.%d </dev/null" % (NAME, 2 - here), 600)
        assert "moved to 10.9.0.%d in" % (2 - here) in said
        here = 1 - here
        count = check_guest(hosts[here], hosts[0], count)
        print("turn %d, %.0f s, %d: %s" % (turn, time.monotonic() - start, count, said.splitlines()[-1]))
    end_guest(hosts[here], hosts)
