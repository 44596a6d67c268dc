"""A whole Debian 12 with our packages as dom0: systemd comes up with the control stack and a guest, disk and network work,
packages install, reboot and poweroff end guests first."""

import functools
import hashlib
import http.server
import os
import re
import shutil
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
STACK = ("xenstored", "xenconsoled", "xend", "xendomains")


def log_in(host, timeout=600):
    """Root's shell on hvc0, as plain as that of the small test image."""
    host.expect(LOGIN, timeout)
    # agetty throws away what is typed before it is ready to read.
    time.sleep(1)
    host.type("root\r")
    host.expect(r"root@dom0:~# ", 180)
    host.type("stty cols 1000; PS1='dom0# ' exec dash\r")
    host.expect(r"[\r\n]dom0# ", 60)


def start(boot, machine, disk="dom0", **settings):
    """A host at root's shell; its disk, of that kind, forgets what was written when the emulator ends."""
    image = host_module.debian(disk)
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
    assert failed == [], host.run("journalctl --no-pager -b -p warning | tail -n 50")[1]
    assert state == "running"
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
    assert [line for line in lines if re.search(host_module.COMPLAINTS, line)] == []


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
    """A server with one package, probe, that has one program of the same name, and the RAM disk of a small guest."""
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
    shutil.copy(host_module.guest_initramfs(), served / "guest.gz")
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


BRIDGE = {
    "/etc/systemd/network/10-xenbr0.netdev": ("[NetDev]", "Name=xenbr0", "Kind=bridge"),
    "/etc/systemd/network/10-xenbr0.network": ("[Match]", "Name=xenbr0", "[Network]", "Address=10.9.0.1/24",
                                               "ConfigureWithoutCarrier=yes"),
}
GUEST = ("kernel = '/boot/guest/vmlinuz'", "ramdisk = '/boot/guest/initrd.gz'", "memory = 128", "vcpus = 2",
         "disk = ['file:/var/lib/g1.img,xvda,w']", "vif = ['bridge=xenbr0']", "ip = '10.9.0.2'",
         "netmask = '255.255.255.0'", "name = 'g1'", "extra = 'console=hvc0 quiet'")


def write_file(host, path, lines):
    """Puts lines into a file of the host."""
    host.check("printf '%%s\\n' %s >%s" % (" ".join('"%s"' % line for line in lines), path), 60)


def domains(host):
    """{name: state} of what runs."""
    rows = [line.split() for line in host.check("xm list", 60).splitlines()[1:]]
    return {row[0]: row[4] for row in rows if len(row) == 6}


def check_stack(host, *guests):
    """All units of the control stack are active, none has complained, and the guests run."""
    for unit in STACK:
        assert host.check("systemctl is-active " + unit) == "active"
    host.check("test -c /dev/xen/evtchn && grep -q control_d /proc/xen/capabilities")
    complaints = host.check("journalctl --no-pager -q -b -p warning -o cat %s | sed 's/^/| /'" %
                            " ".join("-u " + unit for unit in STACK), 60)
    assert complaints == ""
    assert re.search(r"ERROR|WARN", host.check("cat /var/log/xen/xend.log")) is None
    assert set(domains(host)) == {"Domain-0", *guests}


def add_guest(host, repository):
    """A guest that starts with the machine; now it is started by what does that."""
    for path, lines in BRIDGE.items():
        write_file(host, path, lines)
    host.check("networkctl reload; mkdir -p /boot/guest && cp /boot/vmlinuz-$(uname -r) /boot/guest/vmlinuz")
    host.check("curl -sS -o /boot/guest/initrd.gz http://10.0.2.2:%d/guest.gz" % repository.port, 120)
    host.check("truncate -s 64M /var/lib/g1.img")
    write_file(host, "/etc/xen/auto/g1", GUEST)
    host.check("systemctl reload xendomains", 300)


def wait_guest(host):
    """The guest is up, and answers."""
    host.check("for i in $(seq 90); do grep -q GUEST-READY /var/log/xen/console/guest-g1.log && break; sleep 1; done", 120)
    host.check("ping -c 2 -w 60 10.9.0.2", 90)


def check_ended_in_order(host):
    """In the boot before this one guests were shut down first, by themselves, then xend, then what it needs."""
    assert host.check("grep -c 'g1: [0-9]* has ended: poweroff' /var/log/xen/xend.log") == "1"
    stopped = re.findall(r"Stopped (\w+)\.service", host.check(
        "journalctl --no-pager -q -b -1 -o cat -t systemd | grep -E 'Stopped (%s)[.]service' | sed 's/^/| /'" %
        "|".join(STACK), 60))
    assert sorted(stopped) == sorted(STACK)
    assert stopped.index("xendomains") < stopped.index("xend") < stopped.index("xenstored")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("machine", MACHINES)
def test_debian(boot, machine, repository):
    """From power-on to poweroff, with a reboot between: what was written and synced is there afterwards."""
    host = start(boot, machine, "xenith", cpus=2, mem=2048, xen="dom0_mem=1536M", limit=3500)
    check_up(host, 2)
    check_stack(host)
    check_network(host, MACHINES[machine], repository)
    add_guest(host, repository)
    wait_guest(host)

    host.check("dd if=/dev/urandom of=/root/data bs=1M count=1024 && sync", 900)
    host.check("echo 3 >/proc/sys/vm/drop_caches; sha256sum /root/data >/root/sum && sync", 900)
    check_kernel_log(host)
    check_stack(host, "g1")
    host.check(": >/var/log/xen/console/guest-g1.log")
    host.type("reboot\r")
    host.qmp.wait_event("RESET", 300)
    log_in(host)
    check_up(host, 2)
    check_stack(host, "g1")
    check_ended_in_order(host)
    wait_guest(host)
    host.check("sha256sum -c /root/sum", 900)
    assert host.check("probe") == "the probe runs"
    # Who is paused does not hold up the machine.
    host.check("xm pause g1")
    assert domains(host)["g1"][2] == "p"
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
    check_event_channels(host)
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
