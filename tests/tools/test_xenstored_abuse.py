"""Clients and guests that break the protocol, flood, or stop reading: they harm nobody else, and nothing crashes."""

import random
import resource
import struct
import time

import pytest

from storeclient import HEAD, NUMBERS, Client, Daemon, Guest, SocketClient, StoreError

COMM, RINGIDX, PROTO = 1, 2, 3


@pytest.fixture
def daemon(tmp_path):
    with Daemon(tmp_path) as started:
        yield started


def wait_for(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.005)


def break_request_index(guest):
    guest.set(Guest.REQ_PROD, guest.get(Guest.REQ_CONS) + 1025)


def break_reply_index(guest):
    guest.set(Guest.RSP_CONS, guest.get(Guest.RSP_PROD) + 1)
    guest.post("READ", b"/\0")


def break_length(guest):
    guest.send(HEAD.pack(NUMBERS["READ"], 1, 0, 4097))


@pytest.mark.parametrize("how, error", [
    (break_request_index, RINGIDX), (break_reply_index, RINGIDX), (break_length, PROTO)])
def test_broken_ring(daemon, how, error):
    """The page says why; the connection has no watches or transactions any more; others go on; reconnecting helps."""
    bad, good, own = daemon.guest(1), daemon.guest(2), daemon.client()
    bad.ask("WATCH", "x", "t")
    bad.begin()
    how(bad)
    bad.kick()
    wait_for(lambda: bad.get(Guest.ERROR) == error)
    usage = own.ask("CONTROL", "quota", 1).decode()
    assert "watches          :        0" in usage and "transactions     :        0" in usage
    good.write("x", "fine")
    own.write("/local/domain/1/x", "1")
    assert good.read("x") == "fine"

    bad.set(Guest.CONNECTION, 1)
    bad.kick()
    wait_for(lambda: bad.get(Guest.CONNECTION) == 0)
    again = Guest(daemon.hypervisor, 1)
    assert [again.get(field) for field in (Guest.REQ_PROD, Guest.RSP_CONS, Guest.RSP_PROD, Guest.ERROR)] == [0] * 4
    assert again.read("x") == "1"
    assert "domain 1 broke the ring protocol" in daemon.errors()


def test_features(daemon):
    """The page offers reconnection and the error field; a page that was prepared for it is taken up."""
    daemon.hypervisor.create(1)
    prepared = Guest(daemon.hypervisor, 1)
    prepared.set(Guest.CONNECTION, 1)
    guest = daemon.guest(1)
    assert guest.get(Guest.FEATURES) == 3
    assert guest.get(Guest.CONNECTION) == 0


def test_reconnect(daemon):
    """It ends what the guest had open, and nothing of an old request or reply is left."""
    guest = daemon.guest(1)
    guest.write("long", "x" * 2000)
    guest.ask("WATCH", "long", "t")
    guest.events(1)
    guest.post("READ", b"long\0")
    guest.send(HEAD.pack(NUMBERS["WRITE"], 5, 0, 100) + b"half")
    guest.set(Guest.CONNECTION, 1)
    guest.kick()
    wait_for(lambda: guest.get(Guest.CONNECTION) == 0)
    again = Guest(daemon.hypervisor, 1)
    assert again.read("long") == "x" * 2000
    daemon.client().write("/local/domain/1/long", "")
    assert again.events() == []


def test_full_ring(daemon):
    """A guest that does not read its replies stops only itself, and finds all of them later."""
    guest, other = daemon.guest(1), daemon.guest(2)
    guest.write("long", "x" * 2000)
    numbers = []
    with pytest.raises(TimeoutError):
        for _ in range(200):
            guest._id += 1
            guest.send(HEAD.pack(NUMBERS["READ"], guest._id, 0, 5) + b"long\0", timeout=0.5)
            numbers.append(guest._id)
    other.write("x", "1")
    for number in numbers:
        assert len(guest.reply(number, "READ")) == 2000


def test_events_not_read(tmp_path):
    """The queue of a guest that reads no events has an end."""
    with Daemon(tmp_path, "--quota", "memory=60000") as daemon:
        guest, own = daemon.guest(1), daemon.client()
        guest.ask("WATCH", "x", "t" * 1000)
        for i in range(500):
            own.write("/local/domain/1/x", i)
        assert "does not read its watch events" in daemon.errors()
        assert 30 < len(guest.events()) < 100
        guest.write("x", "")
        assert len(guest.events(1)) == 1


def memory_of(process):
    """Resident bytes."""
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_events_never_all_read(tmp_path, monkeypatch):
    """A guest that leaves some of its events unread all the time does not make the daemon grow."""
    monkeypatch.setenv("ASAN_OPTIONS", "quarantine_size_mb=0:thread_local_quarantine_size_kb=0")
    with Daemon(tmp_path) as daemon:
        guest, own = daemon.guest(1), daemon.client()
        guest.ask("WATCH", "x", "t" * 4000)
        guest.events(1)

        def pass_on(rounds):
            for i in range(rounds):
                own.write("/local/domain/1/x", i)
                guest.events(1)
        for i in range(10):
            own.write("/local/domain/1/x", i)
        pass_on(100)
        before = memory_of(daemon.process)
        pass_on(1000)
        assert memory_of(daemon.process) - before < 2 << 20
        assert len(guest.events(10)) == 10


def test_flood_is_fair(daemon):
    """A guest that asks without end does not keep another from its answers."""
    flooder, other = daemon.guest(1), daemon.guest(2)
    flooder.write("x", "")
    request = HEAD.pack(NUMBERS["DIRECTORY"], 1, 0, 2) + b"x\0"
    answered = 0
    for _ in range(300):
        produced = flooder.get(Guest.REQ_PROD)
        flooder.set(Guest.RSP_CONS, flooder.get(Guest.RSP_PROD))
        room = 1024 - (produced - flooder.get(Guest.REQ_CONS)) % (1 << 32)
        if room >= len(request):
            flooder.send(request)
        start = time.monotonic()
        other.write("y", "1")
        assert time.monotonic() - start < 1
        answered += 1
    assert answered == 300


def test_socket_flood_is_fair(daemon):
    flooder, other = daemon.client(), daemon.client()
    other.write("/long", "x" * 2000)
    flooder.socket.setblocking(False)
    request = HEAD.pack(NUMBERS["READ"], 1, 0, 6) + b"/long\0"
    sent = 0
    for _ in range(200):
        try:
            sent += flooder.socket.send((request * 100)[sent % len(request) :])
        except BlockingIOError:
            pass  # it reads no answers, so after a while none of its requests are taken
        start = time.monotonic()
        other.write("/y", "1")
        assert time.monotonic() - start < 1
    assert sent > 10000
    for _ in range(sent // len(request)):
        assert len(flooder.message()[3]) == 2000


def test_too_many_clients(daemon):
    """The one too many is refused; the others are served, and there is room again when some go."""
    limit = 40
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    clients = []
    while len(clients) < limit:
        client = SocketClient(daemon.socket)
        try:
            client.list("/")
        except (EOFError, ConnectionError):
            break
        clients.append(client)
    assert 20 < len(clients) < limit
    assert "too many connections" in daemon.errors()
    clients[0].write("/x", "1")
    for client in clients[1:]:
        client.close()
    clients[0].write("/x", "2")
    assert daemon.client().read("/x") == "2"
    clients[0].close()


def random_payload(rng, paths):
    """Something like the arguments of a request, or not at all."""
    choice = rng.random()
    if choice < 0.15:
        return rng.randbytes(rng.randrange(0, 60))
    parts = [rng.choice(paths)]
    for _ in range(rng.randrange(0, 3)):
        parts.append(rng.choice([b"n1", b"r2", b"b0", b"T", b"F", b"0", b"1", b"2", b"9", b"token", b"", b"@releaseDomain",
                                 rng.randbytes(3), b"x" * rng.choice([1, 100, 2000])]))
    return (b"\0".join(parts) + (b"\0" if choice < 0.9 else b""))[:4096]


PATHS = [b"/", b"/a", b"/a/b", b"/a/b/c", b"rel", b"rel/x", b"/local/domain/1", b"/local/domain/2/x", b"@introduceDomain",
         b"@releaseDomain/1", b"", b"//", b"/a/", b"a" * 3000, b"1", b"2", b"quota", b"check", b"memreport"]


def fuzz_requests(client: Client, rng, count, kinds):
    """Random requests; every one must have an answer, of its own type or an error."""
    transactions = [0]
    for _ in range(count):
        kind = rng.choice(kinds)
        t = rng.choice(transactions + [0, 0, rng.randrange(5)])
        payload = b"\0" if kind == NUMBERS["TRANSACTION_START"] else random_payload(rng, PATHS)
        try:
            answer = client.reply(client.post(kind, payload, t), kind)
        except StoreError:
            continue
        if kind == NUMBERS["TRANSACTION_START"]:
            transactions = transactions[-8:] + [int(answer[:-1])]


@pytest.mark.parametrize("seed", range(3))
def test_fuzz_requests(daemon, seed):
    """The accounts are still right afterwards, and so is what the journal says."""
    rng = random.Random(seed)
    own, guests = daemon.client(), [daemon.guest(1), daemon.guest(2)]
    guest_kinds = [kind for kind in range(24)]
    own_kinds = [kind for kind in guest_kinds if kind not in (NUMBERS["INTRODUCE"], NUMBERS["RELEASE"])]
    own_kinds.remove(NUMBERS["CONTROL"])  # could lower the limits
    for _ in range(20):
        fuzz_requests(own, rng, 40, own_kinds)
        for guest in guests:
            fuzz_requests(guest, rng, 40, guest_kinds)
    assert own.ask("CONTROL", "check") == b"OK\0"
    before = own.ask("CONTROL", "quota", 1).decode().splitlines()[1]
    daemon.restart()
    own = daemon.client()
    assert own.ask("CONTROL", "check") == b"OK\0"
    assert own.ask("CONTROL", "quota", 1).decode().splitlines()[1] == before


@pytest.mark.parametrize("seed", range(2))
def test_fuzz_rings(daemon, seed):
    """Random bytes and indices in a ring, reconnected whenever the daemon has had enough of it."""
    rng = random.Random(seed)
    bad, good = daemon.guest(1), daemon.guest(2)
    for _ in range(150):
        for _ in range(rng.randrange(1, 6)):
            field = rng.choice([Guest.REQ_PROD, Guest.RSP_CONS, Guest.REQ_CONS, Guest.RSP_PROD, Guest.ERROR])
            if rng.random() < 0.3:
                bad.set(field, rng.choice([0, 1, 1024, 1025, 1 << 31, 0xFFFFFFFF, rng.getrandbits(32)]))
            else:
                start = rng.randrange(1000)
                data = rng.randbytes(24) if rng.random() < 0.5 else struct.pack(
                    "<4I", rng.randrange(24), 1, 0, rng.choice([0, 5, 4096, 4097, 0xFFFFFFFF]))
                bad.page[start : start + len(data)] = data
                bad.set(Guest.REQ_PROD, bad.get(Guest.REQ_CONS) + rng.randrange(1024))
            bad.kick()
        good.write("x", "1")
        if bad.get(Guest.ERROR) or rng.random() < 0.2:
            bad.set(Guest.CONNECTION, 1)
            bad.kick()
            wait_for(lambda: bad.get(Guest.CONNECTION) == 0)
    assert good.read("x") == "1"


@pytest.mark.parametrize("seed", range(2))
def test_fuzz_socket(daemon, seed):
    """Streams of random bytes and messages on the socket, cut anywhere."""
    rng = random.Random(seed)
    for _ in range(100):
        client = SocketClient(daemon.socket)
        stream = b""
        for _ in range(rng.randrange(1, 5)):
            payload = random_payload(rng, PATHS)
            length = len(payload) if rng.random() < 0.8 else rng.getrandbits(rng.choice([8, 12, 13, 32]))
            stream += HEAD.pack(rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 21, 22, 99]), 1, 0, length) + payload
        try:
            client.send(stream[: rng.randrange(1, len(stream) + 1)])
        except ConnectionError:
            pass
        client.close()
    assert "tool" in daemon.client().list("/")
