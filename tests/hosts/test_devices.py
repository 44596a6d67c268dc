"""Disks keep what is written over a reboot that dom0 asks for, and networks carry it."""

import base64
import hashlib
import http.server
import os
import re
import subprocess
import threading

import pytest

quick = pytest.mark.quick

VIRTIO = {
    "machine": "pc",
    "disk": ["-device", "virtio-blk-pci,drive=d0"], "disk_name": "vda", "disk_interrupt": "virtio",
    "network": ["-device", "virtio-net-pci,netdev=n0"], "network_interrupt": "virtio",
}
Q35 = {
    "machine": "q35",
    "disk": ["-device", "ide-hd,drive=d0,bus=ide.0"], "disk_name": "sda", "disk_interrupt": "ahci",
    "network": ["-device", "e1000e,netdev=n0"], "network_interrupt": "eth0",
}


class Server:
    """Web server on the loopback interface: serves one blob and keeps what is posted to it."""

    def __init__(self, size):
        self.blob = os.urandom(size)
        self.posted = b""
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers GET with the blob and takes POST bodies."""

            def _answer(self, body):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self._answer(owner.blob)

            def do_POST(self):
                owner.posted = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(b"")

            def log_message(self, *arguments):
                """Keeps quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        """Ends the server."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(name="server")
def web_server():
    """A web server with 8 MiB."""
    started = Server(8 << 20)
    yield started
    started.close()


@pytest.fixture(name="disk")
def disk_image(tmp_path):
    """Sparse 2 GiB disk image with an ext4 file system."""
    path = tmp_path / "disk.img"
    with open(path, "wb") as image:
        image.truncate(2 << 30)
    subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1", path], check=True,
                   env={**os.environ, "PATH": os.environ["PATH"] + ":/sbin:/usr/sbin"})
    yield path
    path.unlink()


def interrupt_count(host, name):
    """Interrupts so far on all lines whose device name contains `name`."""
    lines = [line for line in host.check("cat /proc/interrupts").splitlines() if name in line]
    return sum(int(word) for line in lines for word in re.findall(r"\s(\d+)(?=\s)", line))


def check_disk(host, machine, mib):
    """Writes so many MiB, has the machine reset by dom0, and finds the same there."""
    mount = "mount -t ext4 /dev/%s /mnt" % machine["disk_name"]
    host.check(mount, 90)
    host.check("dd if=/dev/urandom of=/mnt/data bs=1M count=%d" % mib, 60 + mib)
    host.check("sync", 120)
    host.check("echo 3 >/proc/sys/vm/drop_caches")
    digest = host.check("md5sum /mnt/data", 60 + mib)
    assert interrupt_count(host, machine["disk_interrupt"]) > 10
    host.check("umount /mnt", 60)

    host.type("reboot -f\r")
    host.qmp.wait_event("RESET", 60)
    host.wait_ready()
    host.check(mount, 90)
    assert host.check("md5sum /mnt/data", 60 + mib) == digest
    host.check("umount /mnt", 60)


def check_network(host, machine, server):
    """The emulator's gateway answers, and files come over whole in both directions."""
    host.check("ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up")
    host.check("timeout 20 sh -c 'until grep -q 1 /sys/class/net/eth0/carrier; do sleep 0.2; done'")
    host.check("ping -c 3 -W 5 10.0.2.2")
    url = "http://10.0.2.2:%d/" % server.port
    host.check("wget -q -O /tmp/blob %sblob" % url, 120)
    assert host.check("md5sum </tmp/blob").split()[0] == hashlib.md5(server.blob).hexdigest()
    # The client posts text only.
    host.check("base64 /tmp/blob >/tmp/text", 60)
    host.check("wget -q -O /dev/null --post-file=/tmp/text %s" % url, 120)
    assert base64.b64decode(server.posted) == server.blob
    assert interrupt_count(host, machine["network_interrupt"]) > 100


def start(boot, machine, disk, **settings):
    """A host with one disk and one network card of the machine's kinds."""
    host = boot(machine=machine["machine"], kernel="quiet", qemu=[
        "-drive", "file=%s,if=none,id=d0,format=raw,cache=unsafe" % disk, *machine["disk"],
        "-netdev", "user,id=n0", *machine["network"]], **settings)
    host.wait_ready()
    return host


@quick
@pytest.mark.timeout(300)
@pytest.mark.parametrize("machine", [pytest.param(VIRTIO, id="pc-virtio"), pytest.param(Q35, id="q35-ahci-e1000e")])
def test_disk_and_network(boot, disk, server, machine):
    host = start(boot, machine, disk, cpus=2, mem=1024, limit=280)
    listing = host.check("cat /proc/interrupts")
    assert "msi" in listing.lower()
    check_network(host, machine, server)
    check_disk(host, machine, 64)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("machine", [pytest.param(VIRTIO, id="pc-virtio"), pytest.param(Q35, id="q35-ahci-e1000e")])
@pytest.mark.parametrize("cpus", [1, 4])
def test_big_disk_and_network(boot, disk, server, machine, cpus):
    host = start(boot, machine, disk, cpus=cpus, mem=1024, limit=1400)
    check_network(host, machine, server)
    check_disk(host, machine, 1024)


@pytest.mark.timeout(300)
def test_wired_interrupts(boot, disk, server):
    """Without message-signalled interrupts the I/O APIC carries them."""
    machine = {**VIRTIO, "disk": ["-device", "virtio-blk-pci,drive=d0,vectors=0"],
               "network": ["-device", "e1000,netdev=n0"], "network_interrupt": "eth0"}
    host = start(boot, machine, disk, cpus=2, mem=1024, limit=280)
    assert "ioapic" in host.check("cat /proc/interrupts")
    check_network(host, machine, server)
    check_disk(host, machine, 64)
