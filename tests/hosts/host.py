"""One emulated host: starts the emulator with the hypervisor, a Debian kernel and the dom0 test image, and drives the
serial console and the emulator's own control socket."""

import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import tty
import warnings
from pathlib import Path

import pexpect
import pexpect.fdpexpect

import translations

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
LOGS = BUILD / "test-logs"

# What no test survives: waiting for anything else ends at once when one of these appears.
FATAL = r"\(XEN\) Panic|FATAL TRAP|Kernel panic - not syncing"
# What no kernel says when all is well.
COMPLAINTS = r"WARNING: CPU|BUG:|Oops|Call Trace|general protection|lockup|detected stall|I/O error|Hardware Error"
PROMPT = "dom0# "
# Typed, it gives what is typed next to the hypervisor, or to dom0 again.
SWITCH_INPUT = "\x01\x01\x01"
# After so many seconds of waiting the emulator's translations are doubted.
LONG_WAIT = 40
READY = r"DOM0-READY cpus=(\d+) mem=(\d+)\s"


# The firmware is SeaBIOS, which Debian's Bochs depends on. The processor counts 50 million instructions as a second.
BOCHS_CONFIG = """\
display_library: rfb, options="timeout=0"
romimage: file=/usr/share/seabios/bios.bin, address=0xfffe0000
vgaromimage: file=/usr/share/seabios/vgabios-isavga.bin
cpu: model={model}, count={cpus}, ips=50000000, reset_on_triple_fault=1
memory: guest={mem}, host={mem}
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="{iso}", status=inserted
boot: cdrom
pci: enabled=1, chipset=i440fx
clock: sync=none, time0=local
com1: enabled=1, mode=term, dev={terminal}
sound: driver=dummy
log: {log}
panic: action=fatal
error: action=ignore
info: action=ignore
"""


class HostError(AssertionError):
    """The host did not do what the test waited for."""


def hypervisor():
    """Path of the uncompressed hypervisor image: XENITH_XEN if set, else unpacked from the build's result."""
    override = os.environ.get("XENITH_XEN")
    if override:
        return Path(override)
    packed = TOP / "dist/install/boot/xen.gz"
    image = BUILD / "xen-host-test"
    if not image.exists() or image.stat().st_mtime < packed.stat().st_mtime:
        BUILD.mkdir(exist_ok=True)
        partial = image.with_suffix(".%d" % os.getpid())
        with gzip.open(packed) as source, open(partial, "wb") as target:
            shutil.copyfileobj(source, target)
        partial.rename(image)
    return image


def is_ours():
    """False when a foreign hypervisor stands in (XENITH_XEN): its texts and options differ in places."""
    return "XENITH_XEN" not in os.environ


def _script(name, *arguments):
    done = subprocess.run([TOP / "scripts" / name, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def _pack():
    """Our packages, made from the built files unless there are newer ones."""
    made = max((path.stat().st_mtime for path in (TOP / "dist").glob("xenith-tools_*.deb")), default=0)
    built = max(path.lstat().st_mtime for path in (TOP / "dist/install").rglob("*"))
    if made <= built:
        subprocess.run([TOP / "scripts/make-deb"], check=True, stdout=subprocess.DEVNULL)


def debian(kind):
    """Directory with a whole Debian of the kind that scripts/make-debian-image knows, made on first use: disk.img,
    vmlinuz and initrd.img."""
    if kind == "xenith":
        _pack()
    return Path(_script("make-debian-image", "-k", kind))


def guest_initramfs():
    """Path of the small guest's RAM disk, built on first use."""
    return Path(_script("make-initramfs", "-g"))


def vmlinuz(flavour):
    """Path of Debian's kernel of the flavour, fetched on first use."""
    return _script("get-kernel", flavour)


def initramfs(flavour):
    """Path of the dom0 test image for the flavour, built on first use."""
    return _script("make-initramfs", flavour)


class Qmp:
    """The emulator's control socket: commands, and events kept until somebody waits for them."""

    def __init__(self, path, deadline=10):
        self.events = []
        end = time.monotonic() + deadline
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(path)
                break
            except OSError:
                self._socket.close()
                if time.monotonic() > end:
                    raise HostError("the emulator did not open its control socket") from None
                time.sleep(0.05)
        self._buffer = b""
        self._receive(10)
        self.command("qmp_capabilities")

    def _receive(self, timeout):
        """Next message, or None when none came in time or the emulator has gone."""
        end = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            self._socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                data = self._socket.recv(65536)
            except (socket.timeout, ConnectionError):
                return None
            if not data:
                return None
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def command(self, name, **arguments):
        """Executes one command and returns its result."""
        request = {"execute": name, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._receive(20)
            if answer is None:
                raise HostError("the emulator does not answer " + name)
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise HostError("%s: %s" % (name, answer["error"]["desc"]))
            elif "return" in answer:
                return answer["return"]

    def wait_event(self, name, timeout):
        """Waits for an event of that name, an earlier unclaimed one included; returns its data."""
        end = time.monotonic() + timeout
        while True:
            for i, event in enumerate(self.events):
                if event["event"] == name:
                    del self.events[i]
                    return event.get("data", {})
            left = end - time.monotonic()
            answer = self._receive(left) if left > 0 else None
            if answer is None:
                raise HostError("no %s event within %d s" % (name, timeout))
            if "event" in answer:
                self.events.append(answer)

    def has_event(self, name, wait=0.0):
        """Whether an event of that name came, waiting so long for one; does not claim it."""
        try:
            data = self.wait_event(name, wait)
        except HostError:
            return False
        self.events.insert(0, {"event": name, "data": data})
        return True

    def close(self):
        """Closes the socket; the emulator goes on."""
        self._socket.close()


class Host:
    """An emulated machine under test. A context manager: leaving it ends the emulator.

    cpus, mem (MiB), model and machine describe the machine; xen and kernel are options added to the command lines;
    flavour names the Debian kernel; boot is "kernel" (the emulator loads the images), "multiboot" or "multiboot2" (GRUB
    from CD) or "bochs"; qemu holds further emulator arguments; limit is the emulator's life in seconds; console holds
    the options that choose the hypervisor's console, and port the serial port (1 or 2) that we listen on; images names
    another kernel and initramfs than the flavour's. After wait_ready(), boot_text is what the console said until then."""

    def __init__(self, name, cpus=1, mem=1024, model="qemu64,+svm,+npt", machine="pc", xen="", kernel="",
                 flavour="amd64", boot="kernel", qemu=(), limit=180, console="com1=115200,8n1 console=com1",
                 port=1, images=None):
        self.name = name
        self.qmp = None
        self.child = None
        self._process = None
        self._terminal = None
        self.limit = limit
        self.boot_text = ""
        self._races = False
        self._sequence = 0
        self._deadline = time.monotonic() + limit
        self._directory = Path(tempfile.mkdtemp(prefix="xenith-host-"))
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log_path = LOGS / (re.sub(r"[^\w.,+=-]+", "_", name).strip("_") + ".log")
        self._log = open(self.log_path, "w", encoding="utf-8", errors="replace")
        self._xen_options = " ".join([console, os.environ.get("XENITH_XEN_OPTIONS", ""), xen]).strip()
        self._kernel_options = ("console=hvc0 " + kernel).strip()
        self._kernel, self._initrd = images or (vmlinuz(flavour), initramfs(flavour))
        try:
            if boot == "bochs":
                self._start_bochs(cpus, mem, model)
            else:
                self._start_qemu(cpus, mem, model, machine, boot, port, qemu)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    # Starting

    def _iso(self, multiboot2):
        path = self._directory / "boot.iso"
        _script("make-iso", *(["-2"] if multiboot2 else []), "-x", self._xen_options, "-k", self._kernel_options, "-o",
                path, self._packed_hypervisor(), self._kernel, self._initrd)
        return path

    @staticmethod
    def _packed_hypervisor():
        """What GRUB loads: the compressed image, as it is installed."""
        return hypervisor() if not is_ours() else TOP / "dist/install/boot/xen.gz"

    def _boot_arguments(self, boot):
        if boot != "kernel":
            return ["-boot", "d", "-cdrom", self._iso(boot == "multiboot2")]
        modules = "%s %s" % (self._kernel, self._kernel_options)
        # A comma ends one module; doubled, it stands for itself.
        return ["-kernel", hypervisor(), "-append", self._xen_options,
                "-initrd", modules.replace(",", ",,") + "," + str(self._initrd)]

    def _start_qemu(self, cpus, mem, model, machine, boot, port, extra):
        control = self._directory / "qmp"
        # Counted instructions are counted by one thread.
        threads = "single" if "-icount" in extra else "multi"
        self._races = threads == "multi" and cpus > 1
        arguments = ["qemu-system-x86_64", "-accel", "tcg,thread=" + threads, "-nodefaults", "-vga", "std", "-display", "none",
                     "-machine", machine, "-cpu", model, "-m", mem, "-smp", cpus,
                     "-chardev", "stdio,id=console,signal=off", *["-serial", "null"] * (port - 1),
                     "-serial", "chardev:console",
                     "-qmp", "unix:%s,server=on,wait=off" % control, *self._boot_arguments(boot), *extra]
        self._spawn(arguments)
        self.qmp = Qmp(str(control))

    def _start_bochs(self, cpus, mem, model):
        """Bochs takes a terminal for its serial port: one of ours, whose other end pexpect reads."""
        master, slave = os.openpty()
        tty.setraw(slave)
        config, script = self._directory / "bochsrc", self._directory / "commands"
        config.write_text(BOCHS_CONFIG.format(
            model=model, cpus=cpus, mem=mem, iso=self._iso(False), terminal=os.ttyname(slave),
            log=self.log_path.with_suffix(".bochs")), encoding="ascii")
        # Debian's Bochs has its debugger built in, which waits for a command at the start.
        script.write_text("c\n", encoding="ascii")
        command = ["timeout", "-k", "5", str(self.limit), "bochs", "-q", "-f", config, "-rc", script]
        self._log.write("$ %s\n" % " ".join(map(str, command)))
        self._log.flush()
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
        # Open until the end: without anybody at that end, reading ours is an error until Bochs comes.
        self._terminal = slave
        self.child = pexpect.fdpexpect.fdspawn(master, encoding="utf-8", codec_errors="replace", timeout=30)
        self._set_up_child()

    def _spawn(self, arguments):
        command = ["--foreground", "-k", "5", str(self.limit), *map(str, arguments)]
        self._log.write("$ timeout %s\n" % " ".join(command))
        self._log.flush()
        self.child = pexpect.spawn("timeout", command, encoding="utf-8", codec_errors="replace", timeout=30, echo=False,
                                   dimensions=(50, 1000))
        self._set_up_child()

    def _set_up_child(self):
        self.child.logfile_read = self._log
        self.child.delaybeforesend = None

    # Ending

    def close(self):
        """Ends the emulator and removes its files; keeps the log."""
        if self.qmp:
            self.qmp.close()
            self.qmp = None
        self._end_emulator()
        if self.child is not None:
            self.child.close()
            self.child = None
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None
        if not self._log.closed:
            self._log.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _end_emulator(self):
        """Signals timeout, which passes the signal on, and follows it with SIGKILL if that was in vain."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(15)
            self._process = None
        elif self.child is not None and self.child.isalive():
            self.child.kill(signal.SIGTERM)
            end = time.monotonic() + 10
            while self.child.isalive() and time.monotonic() < end:
                time.sleep(0.02)

    def tail(self, lines=250):
        """The end of the serial log."""
        if not self._log.closed:
            self._log.flush()
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])

    # The serial console

    def expect(self, pattern, timeout=60, fatal=True):
        """Waits until the regular expression appears on the console; returns the match. A system's last words end the
        waiting, unless `fatal` is false because the test brought them about."""
        timeout = min(timeout, max(1, self._deadline - time.monotonic()))
        patterns = [pattern, FATAL if fatal else r"(?!)", pexpect.TIMEOUT, pexpect.EOF]
        try:
            index = self.child.expect(patterns, timeout=min(timeout, LONG_WAIT))
            if index == 2 and timeout > LONG_WAIT:
                self.forget_translations(pattern)
                index = self.child.expect(patterns, timeout=timeout - LONG_WAIT)
        except OSError as error:
            raise HostError("the console broke: %s" % error) from None
        if index == 0:
            return self.child.match
        why = {1: "the system died: %r" % self.child.after, 2: "%d s passed" % timeout, 3: "the emulator ended"}[index]
        raise HostError("waiting for /%s/ on the console: %s" % (pattern, why))

    def forget_translations(self, awaited):
        """After a long wait, which may be the emulator's fault alone (translations.py)."""
        if self._races:
            warnings.warn("%s: after %d s without %r the emulator has read all code anew" % (self.name, LONG_WAIT, awaited))
            with contextlib.suppress(HostError, OSError):
                translations.forget(self.qmp, self._directory)

    def examine(self):
        """Has a machine say what it is doing, for the log: its processors, if it is QEMU's, then the hypervisor's keys."""
        if self.child is None:
            return
        with contextlib.suppress(HostError, OSError):
            if self.qmp:
                self._log.write(self.qmp.command("human-monitor-command", **{"command-line": "info registers -a"}))
            for keys in SWITCH_INPUT, "d", "0", "q", "e", SWITCH_INPUT:
                self.child.send(keys)
                self.child.expect([pexpect.TIMEOUT, pexpect.EOF], timeout=1)

    def never(self, pattern, seconds):
        """Fails if the pattern appears within so many seconds."""
        index = self.child.expect([pattern, pexpect.TIMEOUT, pexpect.EOF], timeout=seconds)
        if index == 0:
            raise HostError("/%s/ appeared on the console" % pattern)

    @property
    def before(self):
        """Console text before the last match."""
        return self.child.before

    def type(self, text):
        """Types on the console, in pieces that the hypervisor's input buffer holds while dom0 is busy."""
        for i in range(0, len(text), 60):
            if i:
                time.sleep(0.15)
            self.child.send(text[i:i + 60])

    def wait_ready(self, timeout=120):
        """Waits for dom0's userspace; returns (CPUs, KiB of memory) as dom0 counts them."""
        match = self.expect(READY, timeout)
        self.boot_text = self.before
        result = int(match.group(1)), int(match.group(2))
        self.expect(PROMPT, 30)
        return result

    def run(self, command, timeout=30):
        """Runs one shell line in dom0; returns (exit status, output without the hypervisor's and kernel's messages)."""
        self._sequence += 1
        # The quotes keep the echo of the typed line from looking like the answer.
        self.type('%s; echo "=r""c%d:$?="\r' % (command, self._sequence))
        match = self.expect(r"=rc%d:(\d+)=" % self._sequence, timeout)
        text = self.before.replace("\r", "")
        text = text.split("\n", 1)[1] if "\n" in text else ""
        self.expect(PROMPT, 10)
        lines = [line for line in text.split("\n") if not re.match(r"\(XEN\)|\[ *\d+\.\d+\]|<\d>", line)]
        return int(match.group(1)), "\n".join(lines).strip()

    def check(self, command, timeout=30):
        """Runs one shell line in dom0, which must succeed; returns its output."""
        status, output = self.run(command, timeout)
        if status:
            raise HostError("%r ended with %d: %s" % (command, status, output))
        return output

    def wait_end(self, timeout=30):
        """Waits until the emulator has ended by itself."""
        index = self.child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=timeout)
        if index:
            raise HostError("the machine is still on after %d s" % timeout)
