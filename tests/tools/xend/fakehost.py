"""A host without a hypervisor: xenstored and xend on sockets, domains that are files (fake_xenctrl.c), and a thread that
answers for back ends. Everything lies in one directory."""
import http.client
import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time
import xmlrpc.client
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / "build/tools-tests/xend"

DIRECTORY, READ, TRANSACTION_START, TRANSACTION_END, WRITE, RM = 1, 2, 6, 7, 11, 13
ERROR = 16


class Store:
    """The little of xenstore's protocol that tests need: io/xs_wire.h."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.lock = threading.Lock()

    def receive(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise ConnectionError("xenstored is gone")
            data += part
        return data

    def ask(self, kind, payload, transaction=0):
        with self.lock:
            self.socket.sendall(struct.pack("<IIII", kind, 0, transaction, len(payload)) + payload)
            answer, _, _, length = struct.unpack("<IIII", self.receive(16))
            data = self.receive(length)
        if answer == ERROR:
            raise KeyError(data.rstrip(b"\0").decode())
        return data

    def read(self, path, missing=None):
        try:
            return self.ask(READ, path.encode() + b"\0").decode()
        except KeyError:
            return missing

    def write(self, path, value):
        self.ask(WRITE, path.encode() + b"\0" + value.encode())

    def replace(self, path, old, new):
        """Writes a node only if it still holds what is to be replaced."""
        transaction = int(self.ask(TRANSACTION_START, b"\0").rstrip(b"\0"))
        try:
            if self.ask(READ, path.encode() + b"\0", transaction) == old.encode():
                self.ask(WRITE, path.encode() + b"\0" + new.encode(), transaction)
        except KeyError:
            pass
        try:
            self.ask(TRANSACTION_END, b"T\0", transaction)
        except KeyError:
            pass

    def remove(self, path):
        self.ask(RM, path.encode() + b"\0")

    def list(self, path):
        try:
            return [name for name in self.ask(DIRECTORY, path.encode() + b"\0").decode().split("\0") if name]
        except KeyError:
            return []

    def tree(self, path):
        """All nodes below, as a dictionary."""
        found = {}
        for name in self.list(path):
            below = path.rstrip("/") + "/" + name
            found[below] = self.read(below)
            found.update(self.tree(below))
        return found


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def make_connection(self, host):
        return UnixConnection(self.path)


class Backends(threading.Thread):
    """Every back end answers at once; in class `dead` none does."""

    def __init__(self, store_path):
        super().__init__(daemon=True)
        self.store = Store(store_path)
        self.dead = set()
        self.deaf = set()
        self.running = True

    def run(self):
        while self.running:
            try:
                self.look()
            except (KeyError, ConnectionError):
                pass
            time.sleep(0.01)

    def look(self):
        base = "/local/domain/0/backend"
        for kind in self.store.list(base):
            for domain in self.store.list(f"{base}/{kind}"):
                for device in self.store.list(f"{base}/{kind}/{domain}"):
                    self.answer(kind, f"{base}/{kind}/{domain}/{device}")

    def answer(self, kind, path):
        state = self.store.read(path + "/state")
        if state == "1" and kind not in self.dead:
            self.store.replace(path + "/state", "1", "2")
        elif state == "2":
            # The guest connects at once, even if it does not run yet.
            self.store.replace(path + "/state", "2", "4")
        elif state == "5" and kind not in self.deaf:
            self.store.replace(path + "/state", "5", "6")


class Host:
    def __init__(self, directory, options=""):
        self.directory = Path(directory)
        self.fake = self.directory / "hv"
        self.fake.mkdir()
        (self.directory / "store").mkdir()
        self.kernel = self.directory / "vmlinuz"
        self.kernel.write_text("kernel")
        self.script_log = self.directory / "script.log"
        self.script = self.directory / "script"
        self.script.write_text(f"#!/bin/sh\necho \"$1 $vif\" >>{self.script_log}\n")
        self.script.chmod(0o755)
        self.config = self.directory / "xend-config.sxp"
        self.log = self.directory / "xend.log"
        self.set_options(options)
        self.environment = dict(
            os.environ, FAKE_HV=str(self.fake), XENSTORED_RUNDIR=str(self.directory / "store"),
            XENSTORED_ROOTDIR=str(self.directory / "store"), XEND_RUNDIR=str(self.directory / "run"),
            XEND_CONFIG=str(self.config), ASAN_OPTIONS="detect_leaks=1:abort_on_error=1")
        self.errors = open(self.directory / "errors", "ab")
        self.xend = None
        self.start_store()

    def set_options(self, options):
        self.config.write_text(f"""
(logfile {self.log})
(xend-state-path {self.directory}/state)
(xend-domains-path {self.directory}/domains)
(vif-script {self.script})
(device-create-timeout 3)
(device-destroy-timeout 2)
{options}
""")

    def set_qemu(self, does="exit 0"):
        """What stands in QEMU's place: a script that does nothing, or something else. The back ends are our own thread."""
        program, draft = BUILD / "libexec/bin/qemu-dm", self.directory / "qemu-dm"
        program.parent.mkdir(parents=True, exist_ok=True)
        (BUILD / "log").mkdir(exist_ok=True)
        # One for all tests, which may run side by side.
        draft.write_text('#!/bin/sh\n. "$FAKE_HV/qemu"\n')
        draft.chmod(0o755)
        draft.rename(program)
        (self.fake / "qemu").write_text(does + "\n")

    def start_store(self):
        # The fake hypervisor's page of domain 0 has to be there.
        (self.fake / "ring.0").write_bytes(bytes(4096))
        self.xenstored = subprocess.Popen([BUILD / "xenstored", "-N"], env=self.environment, stderr=self.errors)
        path = self.directory / "store/socket"
        wait_until(path.exists)
        wait_until(lambda: self.connectable(path))
        self.store = Store(path)
        self.backends = Backends(path)
        self.backends.start()

    @staticmethod
    def connectable(path):
        try:
            Store(path)
        except OSError:
            return False
        return True

    def start(self):
        self.xend = subprocess.Popen([BUILD / "xend", "start"], env=dict(self.environment, XEND_DAEMONIZE="0"),
                                     stderr=self.errors)
        wait_until(lambda: self.connectable(self.socket) or self.xend.poll() is not None)
        assert self.xend.poll() is None, self.problems()
        return self

    @property
    def socket(self):
        return self.directory / "run/xmlrpc.sock"

    def kill(self):
        self.xend.kill()
        self.xend.wait()
        # A script that it was just starting may still have it open, and must not be taken for the next xend.
        self.socket.unlink(missing_ok=True)

    def stop(self):
        """Ends xend as "xend stop" does, and checks that it had nothing to complain of."""
        if self.xend and self.xend.poll() is None:
            self.xend.send_signal(signal.SIGTERM)
            assert self.xend.wait(20) == 0, self.problems()
        assert "Sanitizer" not in self.problems(), self.problems()

    def close(self):
        try:
            self.stop()
        finally:
            if self.xend and self.xend.poll() is None:
                self.xend.kill()
            self.backends.running = False
            self.xenstored.kill()
            self.xenstored.wait()

    def problems(self):
        return (self.directory / "errors").read_text(errors="replace")[-4000:]

    @property
    def server(self):
        return xmlrpc.client.ServerProxy("http://localhost/RPC2", UnixTransport(str(self.socket)), allow_none=True)

    @property
    def call(self):
        return self.server.xend.domain

    def vm(self, name="alice", *more):
        """A configuration in nested lists."""
        return ["vm", ["name", name], ["memory", "64"],
                ["image", ["linux", ["kernel", str(self.kernel)], ["args", "quiet"]]], *more]

    def names(self):
        return self.server.xend.domains(False)

    def domid(self, name="alice"):
        for child in self.server.xend.domain(name)[1:]:
            if child[0] == "domid":
                return child[1]
        return None

    def guest_ends(self, domid, reason):
        (self.fake / f"shutdown.{domid}").write_text(str(reason))
        self.fire()

    def fire(self):
        with open(self.fake / "evtchn", "wb", buffering=0) as fifo:
            fifo.write(struct.pack("<I", 99))

    def domains_in_hypervisor(self):
        return sorted(int(path.name.split(".")[1]) for path in self.fake.glob("ring.*"))

    def leftovers(self):
        """What is there of guests, anywhere."""
        found = [f"domain {domid}" for domid in self.domains_in_hypervisor() if domid]
        found += [path for path in self.store.tree("/local/domain") if not path.startswith("/local/domain/0")]
        found += [path for path in self.store.tree("/local/domain/0/backend") if path.count("/") > 5]
        found += [path for path in self.store.list("/vm") if not path.startswith("00000000")]
        found += list((self.directory / "state").glob("*"))
        return found


def free_port():
    """Not one that the kernel gives to clients, which may be taken while a xend is not there."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


def wait_until(condition, seconds=15, step=0.02):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(step)
