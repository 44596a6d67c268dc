"""Speaks the store's protocol: over a socket, or as a domain over a ring in a file (see xenstored/hv_fake.c). Starts the
daemon to be tested."""

import mmap
import os
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "build/tools-tests"

NAMES = (
    "CONTROL DIRECTORY READ GET_PERMS WATCH UNWATCH TRANSACTION_START TRANSACTION_END INTRODUCE RELEASE "
    "GET_DOMAIN_PATH WRITE MKDIR RM SET_PERMS WATCH_EVENT ERROR IS_DOMAIN_INTRODUCED RESUME SET_TARGET RETIRED "
    "RESET_WATCHES DIRECTORY_PART"
).split()
NUMBERS = {name: number for number, name in enumerate(NAMES)}
HEAD = struct.Struct("<4I")
RING = 1024


class StoreError(Exception):
    """The store's answer to a request was an error; its name is the argument."""


def encode(arguments):
    """The payload of a request: strings, each with its NUL; bytes go as they are."""
    return b"".join(a if isinstance(a, bytes) else str(a).encode() + b"\0" for a in arguments)


class Client:
    """What both transports share. Subclasses have send(bytes) and receive(count, timeout)."""

    def __init__(self):
        self._events = []
        self._id = 0

    def message(self, timeout=5):
        """The next message: type, request id, transaction id, payload."""
        kind, request, transaction, length = HEAD.unpack(self.receive(HEAD.size, timeout))
        return NAMES[kind], request, transaction, self.receive(length, timeout)

    def post(self, kind, payload, transaction=0):
        """Sends a request and does not wait."""
        self._id += 1
        number = NUMBERS[kind] if isinstance(kind, str) else kind
        self.send(HEAD.pack(number, self._id, transaction, len(payload)) + payload)
        return self._id

    def reply(self, number, kind):
        """Waits for the reply to a request; events before it are kept."""
        while True:
            answer, request, _, payload = self.message()
            if answer == "WATCH_EVENT":
                self._events.append(self._split(payload))
                continue
            assert request == number
            if answer == "ERROR":
                raise StoreError(payload.rstrip(b"\0").decode())
            assert answer == (kind if isinstance(kind, str) else NAMES[kind])
            return payload

    def ask(self, kind, *arguments, t=0):
        """A request with its reply's payload."""
        return self.reply(self.post(kind, encode(arguments), t), kind)

    def error(self, kind, *arguments, t=0):
        """The error that a request must end with."""
        try:
            payload = self.ask(kind, *arguments, t=t)
        except StoreError as error:
            return str(error)
        raise AssertionError("%s %r was answered %r" % (kind, arguments, payload))

    @staticmethod
    def _split(payload):
        path, token, rest = payload.split(b"\0")
        assert rest == b""
        return path.decode(), token.decode(errors="replace")

    def events(self, count=None, wait=0.15):
        """Events (path, token): exactly `count`, or those that come until none comes for `wait` seconds."""
        while count is None or len(self._events) < count:
            try:
                kind, _, _, payload = self.message(wait if count is None else 5)
            except TimeoutError:
                break
            assert kind == "WATCH_EVENT"
            self._events.append(self._split(payload))
        found, self._events = self._events, []
        return found

    def read(self, path, t=0):
        return self.ask("READ", path, t=t).decode()

    def write(self, path, value, t=0):
        assert self.ask("WRITE", path, str(value).encode(), t=t) == b"OK\0"

    def list(self, path, t=0):
        return self.ask("DIRECTORY", path, t=t).decode().split("\0")[:-1]

    def perms(self, path, t=0):
        return self.ask("GET_PERMS", path, t=t).decode().split("\0")[:-1]

    def begin(self):
        """Starts a transaction."""
        return int(self.ask("TRANSACTION_START", "")[:-1])

    def commit(self, t):
        assert self.ask("TRANSACTION_END", "T", t=t) == b"OK\0"


class SocketClient(Client):
    """A client of the daemon's socket."""

    def __init__(self, path):
        super().__init__()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))

    def send(self, data):
        self.socket.settimeout(5)
        self.socket.sendall(data)

    def receive(self, count, timeout):
        data = b""
        while len(data) < count:
            self.socket.settimeout(timeout)
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError("the daemon closed the connection")
            data += more
        return data

    def close(self):
        self.socket.close()


class Guest(Client):
    """A domain at its end of a ring."""

    REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD, FEATURES, CONNECTION, ERROR = range(2 * RING, 2 * RING + 28, 4)

    def __init__(self, hypervisor, domid):
        super().__init__()
        self.hypervisor, self.domid = hypervisor, domid
        with open(hypervisor.ring_path(domid), "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)
        self.words = memoryview(self.page).cast("I")  # written as a whole, unlike with struct

    def get(self, field):
        return self.words[field // 4]

    def set(self, field, value):
        self.words[field // 4] = value & 0xFFFFFFFF

    def kick(self):
        """Our event channel fires."""
        self.hypervisor.fire(100 + self.domid)

    def send(self, data, timeout=5):
        end = time.monotonic() + timeout
        while data:
            produced = self.get(self.REQ_PROD)
            room = RING - (produced - self.get(self.REQ_CONS)) % (1 << 32)
            part = data[: min(room, RING - produced % RING)]
            if part:
                self.page[produced % RING : produced % RING + len(part)] = part
                self.set(self.REQ_PROD, produced + len(part))
                data = data[len(part) :]
                self.kick()
            elif time.monotonic() > end:
                raise TimeoutError
            else:
                time.sleep(0.001)

    def receive(self, count, timeout):
        data = b""
        end = time.monotonic() + timeout
        while len(data) < count:
            consumed = self.get(self.RSP_CONS)
            there = (self.get(self.RSP_PROD) - consumed) % (1 << 32)
            assert there <= RING
            part = min(there, count - len(data), RING - consumed % RING)
            if part:
                data += self.page[RING + consumed % RING : RING + consumed % RING + part]
                self.set(self.RSP_CONS, consumed + part)
                self.kick()
            elif time.monotonic() > end:
                raise TimeoutError
            else:
                time.sleep(0.001)
        return data


class Hypervisor:
    """The files that stand for a hypervisor."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)
        if not (self.folder / "evtchn").exists():
            os.mkfifo(self.folder / "evtchn")
        self.fifo = os.open(self.folder / "evtchn", os.O_RDWR | os.O_NONBLOCK)
        self.create(0)

    def ring_path(self, domid):
        return self.folder / ("ring.%d" % domid)

    def create(self, domid):
        """A new domain, not introduced."""
        self.ring_path(domid).write_bytes(bytes(4096))

    def destroy(self, domid):
        """The domain dies."""
        self.ring_path(domid).unlink()
        self.fire(99)

    def shutdown(self, domid):
        (self.folder / ("shutdown.%d" % domid)).touch()
        self.fire(99)

    def fire(self, port):
        try:
            os.write(self.fifo, struct.pack("<I", port))
        except BlockingIOError:
            pass  # the daemon has plenty of events to see

    def close(self):
        os.close(self.fifo)


class Daemon:
    """A xenstored of its own. A context manager."""

    def __init__(self, folder, *options, hypervisor=True, program=None):
        self.folder = Path(folder)
        self.options = options
        self.program = program or BUILD / "xenstored"
        self.hypervisor = Hypervisor(self.folder / "hv") if hypervisor else None
        self.clients = []
        self.process = None
        self.environment = dict(
            os.environ,
            XENSTORED_RUNDIR=str(self.folder),
            XENSTORED_ROOTDIR=str(self.folder / "state"),
            FAKE_HV=str(self.folder / "hv"),
        )
        self.start()

    @property
    def socket(self):
        return self.folder / "socket"

    def start(self):
        """Starts it, again after kill() or stop()."""
        options = ["--no-fork", *self.options] + ([] if self.hypervisor else ["--no-domain-init"])
        if self.socket.exists():
            self.socket.unlink()
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([self.program, *options], env=self.environment, stderr=self.log)
        end = time.monotonic() + 20
        while True:
            try:
                SocketClient(self.socket).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, self.errors()
                time.sleep(0.01)

    def kill(self):
        """As if it crashed."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def restart(self):
        self.kill()
        self.start()

    def errors(self):
        return (self.folder / "log").read_text(errors="replace")

    def client(self):
        self.clients.append(SocketClient(self.socket))
        return self.clients[-1]

    def guest(self, domid, client=None):
        """A new domain with a home, introduced."""
        control = client or self.client()
        if not self.hypervisor.ring_path(domid).exists():
            self.hypervisor.create(domid)
        home = "/local/domain/%d" % domid
        control.ask("MKDIR", home)
        control.ask("SET_PERMS", home, "n%d" % domid)
        control.ask("INTRODUCE", domid, 4096, 1)
        return Guest(self.hypervisor, domid)

    def stop(self):
        """Ends it; it must still live, and its sanitizers have nothing to say."""
        assert self.process.poll() is None, self.errors()
        self.process.terminate()
        assert self.process.wait(20) == 0, self.errors()
        self.log.close()
        assert "ERROR: " not in self.errors() and "runtime error" not in self.errors(), self.errors()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        elif self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for client in self.clients:
            client.close()
        if self.hypervisor:
            self.hypervisor.close()
