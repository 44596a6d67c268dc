"""A whole Debian 12 as dom0: systemd comes up, disk and network work, packages install, reboot and poweroff take effect."""

import functools
import hashlib
import http.server
import os
import re
import subprocess
import threading
import time

import pytest

import host as host_module

pytestmark = [pytest.mark.full, pytest.mark.skipif(os.geteuid() != 0, reason="the disk takes root to build")]

LOGIN = "dom0 login: "
MACHINES = {
    "pc-virtio": {"machine": "pc", "disk": "virtio-blk-pci", "network": "virtio-net-pci",
                  "interrupts": r"-msi-x +virtio\d-input"},
    "q35-ahci": {"machine": "q35", "disk": "ide-hd,bus=ide.0", "network": "e1000e",
                 "interrupts": r"-msi-x +en\w+-rx-0"},
    "pc-ide": {"machine": "pc", "disk": "ide-hd,bus=ide.0", "network": "e1000",
               "interrupts": r"-ioapic-level .*\ben\w+"},
}
# Units that may fail: xen.service asks for the list of domains, which is no part of what a dom0 kernel needs.
MAY_FAIL = {"xen.service"}
# What no kernel says when all is well.
COMPLAINTS = r"WARNING: CPU|BUG:|Oops|Call Trace|general protection|lockup|detected stall|I/O error|Hardware Error"


def log_in(host, timeout=600):
    """Root's shell on hvc0, as plain as that of the small test image."""
    host.expect(LOGIN, timeout)
    # agetty throws away what is typed before it is ready to read.
    time.sleep(1)
    host.type("root\r")
    host.expect(r"root@dom0:~# ", 180)
    host.type("stty cols 1000; PS1='dom0# ' exec dash\r")
    host.expect(r"[\r\n]dom0# ", 60)


def start(boot, machine, **settings):
    """A host at root's shell; its disk forgets what was written when the emulator ends."""
    image = host_module.debian()
    kind = MACHINES[machine]
    host = boot(machine=kind["machine"], kernel="root=LABEL=dom0 ro quiet " + settings.pop("kernel", ""),
                images=(image / "vmlinuz", image / "initrd.img"),
                qemu=["-drive", "file=%s,if=none,id=d0,format=raw,snapshot=on,cache=unsafe" % (image / "disk.img"),
                      "-device", kind["disk"] + ",drive=d0",
                      "-netdev", "user,id=n0", "-device", kind["network"] + ",netdev=n0"], **settings)
    log_in(host)
    return host


def check_up(host, cpus):
    """systemd has started everything, and the kernel has nothing to complain of."""
    state = host.run("systemctl is-system-running --wait", 600)[1].splitlines()[-1]
    failed = host.check("systemctl list-units --failed --no-legend --plain --no-pager | cut -d ' ' -f 1").split()
    assert state in ("running", "degraded")
    assert set(failed) <= MAY_FAIL, host.run("journalctl --no-pager -b -p warning | tail -n 50")[1]
    assert host.check("nproc") == str(cpus)
    assert host.check("cat /sys/devices/system/clocksource/clocksource0/current_clocksource") == "xen"
    # Each kernel argument arrived, and nothing else.
    assert host.check("cat /proc/cmdline").split()[0] == "console=hvc0"
    check_kernel_log(host)


def check_kernel_log(host):
    """No complaint so far."""
    # The mark keeps the lines from being taken for messages that came by the way.
    lines = host.check("dmesg | sed 's/^/| /'", 120).splitlines()
    assert len(lines) > 100
    assert [line for line in lines if re.search(COMPLAINTS, line)] == []


def check_event_channels(host):
    """lsevtchn and the kernel agree on which physical interrupts are in use."""
    listing = host.check("/usr/lib/xen-4.17/bin/lsevtchn 0")
    wired = set(re.findall(r"^ *(\d+): .*xen-pirq +-ioapic", host.check("cat /proc/interrupts"), re.M))
    assert wired <= set(re.findall(r"Physical IRQ (\d+)$", listing, re.M))
    assert "Virtual IRQ 0" in listing and "IPI" in listing


class Files:
    """Web server for one directory, on the loopback interface."""

    def __init__(self, directory):
        class Handler(http.server.SimpleHTTPRequestHandler):
            """Serves the directory."""

            def log_message(self, *arguments):
                """Keeps quiet."""

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Handler, directory=directory))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        """Ends the server."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(name="repository")
def package_repository(tmp_path):
    """A server with one package, probe, that has one program of the same name."""
    root = tmp_path / "probe"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "usr/bin").mkdir(parents=True)
    control = "Package: probe\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: probe\n"
    (root / "DEBIAN/control").write_text(control)
    program = root / "usr/bin/probe"
    program.write_text("#!/bin/sh\necho the probe runs\n")
    program.chmod(0o755)
    served = tmp_path / "served"
    served.mkdir()
    package = served / "probe.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, package], check=True, stdout=subprocess.DEVNULL)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    (served / "Packages").write_text("%sFilename: probe.deb\nSize: %d\nSHA256: %s\n" % (
        control, package.stat().st_size, digest))
    server = Files(served)
    yield server
    server.close()


def check_network(host, kind, repository):
    """An address came by DHCP, the card interrupts as it should, and a package comes over the network."""
    host.check("ip -4 -br addr | grep -w 10.0.2.15/24")
    host.check("ping -c 3 -w 30 10.0.2.2", 40)
    host.check("echo 'deb [trusted=yes] http://10.0.2.2:%d ./' >/etc/apt/sources.list" % repository.port)
    host.check("rm -f /etc/apt/sources.list.d/*; apt-get update -q", 120)
    host.check("DEBIAN_FRONTEND=noninteractive apt-get install -q -y probe", 180)
    assert host.check("probe") == "the probe runs"
    lines = [line for line in host.check("cat /proc/interrupts").splitlines() if re.search(kind["interrupts"], line)]
    assert sum(int(count) for line in lines for count in re.findall(r"\s(\d+)(?=\s)", line)) > 0


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("machine", MACHINES)
def test_debian(boot, machine, repository):
    """From power-on to poweroff, with a reboot between: what was written and synced is there afterwards."""
    host = start(boot, machine, cpus=2, mem=2048, xen="dom0_mem=1536M", limit=2900)
    check_up(host, 2)
    check_event_channels(host)
    check_network(host, MACHINES[machine], repository)

    host.check("dd if=/dev/urandom of=/root/data bs=1M count=1024 && sync", 900)
    host.check("echo 3 >/proc/sys/vm/drop_caches; sha256sum /root/data >/root/sum && sync", 900)
    check_kernel_log(host)
    host.type("reboot\r")
    host.qmp.wait_event("RESET", 300)
    log_in(host)
    host.check("sha256sum -c /root/sum", 900)
    assert host.check("probe") == "the probe runs"
    check_up(host, 2)
    host.type("poweroff\r")
    host.wait_end(300)


def clock_offset(host):
    """dom0's clock less ours, in seconds."""
    before = time.time()
    text = host.check("date +%s.%N")
    return float(text) - (before + time.time()) / 2


def check_balloon(host, mib):
    """dom0 gives so many MiB to the hypervisor and gets them back."""
    memory = "/sys/devices/system/xen_memory/xen_memory0/"
    whole = int(host.check("cat %sinfo/current_kb" % memory))
    for target in (whole - (mib << 10), whole):
        host.check("echo %d >%starget_kb" % (target, memory))
        host.check("for i in $(seq 60); do [ $(cat %sinfo/current_kb) = %d ] && break; sleep 1; done" % (memory, target), 90)
        assert int(host.check("cat %sinfo/current_kb" % memory)) == target


PROGRAM = [
    "#include <math.h>", "#include <stdio.h>",
    "int main(void) { double s = 0; for (int i = 1; i < 20000000; i++) s += sin(i) / i;",
    "return printf(\"%.9f\\n\", s) < 0; }",
]


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("mem, model", [(4096, "max"), (16384, "EPYC")])
def test_debian_load(boot, mem, model):
    """Four processors with wide registers under load, and all of the machine's memory: results stay right."""
    # This leaves the hypervisor what it needs, and dom0 nearly all.
    host = start(boot, "pc-virtio", cpus=4, mem=mem, model=model, limit=2900)
    check_up(host, 4)
    total = int(re.search(r"MemTotal: +(\d+)", host.check("cat /proc/meminfo")).group(1))
    assert total > (mem << 10) * 0.85
    offset = clock_offset(host)

    host.check("printf '%%s\\n' %s >sum.c" % " ".join("'%s'" % line for line in PROGRAM), 60)
    host.check("gcc -O2 -o sum sum.c -lm", 120)
    right = host.check("./sum", 300)
    host.check("(while ./sum; do :; done | sort -u >sums) & echo", 10)
    stress = "stress-ng --verify --timeout %ds --quiet "
    host.check(stress % 60 + "--cpu 2 --vecmath 2 --matrix 2 --fp 2", 600)
    host.check(stress % 60 + "--vm 2 --vm-bytes 40% --fork 2 --switch 2 --sigfpe 1 --timer 1 --mmap 1", 600)
    host.check("pkill -x sum; wait; cat sums", 60)
    assert host.check("cat sums").split() == [right]
    check_balloon(host, 512)
    assert abs(clock_offset(host) - offset) < 2
    check_kernel_log(host)
    host.type("poweroff\r")
    host.wait_end(300)
