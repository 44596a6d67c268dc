"""xenstored killed at any instant and started again: nothing that was answered is lost, and guests go on."""

import random
import threading
import time

import pytest

from storeclient import Daemon, Guest, StoreError


def tree(client, path="/"):
    """All nodes below: path to value and permissions."""
    found = {path: (client.ask("READ", path), client.perms(path))}
    for name in client.list(path):
        found.update(tree(client, path.rstrip("/") + "/" + name))
    return found


def test_store_is_kept(tmp_path):
    with Daemon(tmp_path) as daemon:
        client = daemon.client()
        guest = daemon.guest(1)
        guest.write("a/b", "1")
        client.ask("WRITE", "/bin", bytes(range(256)))
        client.ask("SET_PERMS", "/bin", "r0", "b1")
        client.write("/gone/x", "")
        client.ask("RM", "/gone")
        t = client.begin()
        client.write("/t/a", "1", t)
        client.ask("RM", "/bin", t=t)
        client.write("/bin/again", "", t)
        client.commit(t)
        client.ask("SET_PERMS", "@releaseDomain", "n0", "r1")
        client.ask("CONTROL", "quota", "set", "watches", 3)
        before = tree(client)
        daemon.restart()
        client = daemon.client()
        assert tree(client) == before
        assert client.perms("@releaseDomain") == ["n0", "r1"]
        assert b"watches          :        3" in client.ask("CONTROL", "quota")
        assert client.ask("IS_DOMAIN_INTRODUCED", 1) == b"T\0"
        assert client.ask("CONTROL", "check") == b"OK\0"
        assert guest.read("a/b") == "1"


def test_guest_goes_on(tmp_path):
    """Watches fire again and stay; a transaction ends with EAGAIN; its number is not given again."""
    with Daemon(tmp_path) as daemon:
        guest = daemon.guest(1)
        guest.ask("WATCH", "x", "one")
        guest.ask("WATCH", "y", "two")
        guest.ask("UNWATCH", "y", "two")
        guest.events()
        t = guest.begin()
        guest.write("x", "1", t)
        daemon.restart()
        assert guest.events() == [("x", "one")]
        guest.write("x", "2", t)
        assert guest.error("TRANSACTION_END", "T", t=t) == "EAGAIN"
        assert guest.begin() != t
        daemon.client().write("/local/domain/1/x", "3")
        assert guest.events() == [("x", "one")]
        daemon.restart()
        assert guest.events() == [("x", "one")]


def test_domain_that_died_meanwhile(tmp_path):
    with Daemon(tmp_path) as daemon:
        guest = daemon.guest(1)
        guest.write("x", "")
        daemon.kill()
        daemon.hypervisor.ring_path(1).unlink()
        daemon.start()
        client = daemon.client()
        assert client.ask("IS_DOMAIN_INTRODUCED", 1) == b"F\0"
        assert client.error("READ", "/local/domain/1") == "ENOENT"


def test_no_recovery(tmp_path):
    with Daemon(tmp_path, "--no-recovery") as daemon:
        daemon.client().write("/a", "")
        daemon.restart()
        assert daemon.client().list("/") == ["tool"]


def test_other_boot(tmp_path):
    """The state of another boot of the host is dropped; with --preserve-local only the domains are."""
    for options, left in (((), ["tool"]), (("--preserve-local",), ["a", "local", "tool"])):
        with Daemon(tmp_path, *options) as daemon:
            daemon.client().write("/a", "")
            daemon.guest(1)
            daemon.kill()
            state = tmp_path / "state/state"
            data = bytearray(state.read_bytes())
            data[16:20] = b"none"
            state.write_bytes(data)
            daemon.start()
            assert daemon.client().list("/") == left
            assert daemon.client().ask("IS_DOMAIN_INTRODUCED", 1) == b"F\0"


@pytest.mark.parametrize("keep", [0, 10, 63, 64, 70, 300, 2000])
def test_cut_journal(tmp_path, keep):
    """Whatever the file's length, the daemon starts, with what lay before the cut."""
    with Daemon(tmp_path) as daemon:
        client = daemon.client()
        for i in range(50):
            client.write("/n/%d" % i, i)
        daemon.kill()
        state = tmp_path / "state/state"
        state.write_bytes(state.read_bytes()[:keep])
        daemon.start()
        client = daemon.client()
        there = client.list("/n") if "n" in client.list("/") else []
        assert sorted(map(int, there)) == list(range(len(there)))


@pytest.mark.parametrize("seed", range(8))
def test_spoilt_journal(tmp_path, seed):
    """Wrong bytes end the replay where they are; nothing crashes."""
    rng = random.Random(seed)
    with Daemon(tmp_path) as daemon:
        client = daemon.client()
        for i in range(50):
            client.write("/n/%d" % i, "x" * i)
        used = len((tmp_path / "state/state").read_bytes().rstrip(b"\0"))
        daemon.kill()
        state = tmp_path / "state/state"
        data = bytearray(state.read_bytes())
        for _ in range(3):
            data[rng.randrange(64, used)] ^= 1 << rng.randrange(8)
        state.write_bytes(data)
        daemon.start()
        there = daemon.client().list("/n") if "n" in daemon.client().list("/") else []
        assert sorted(map(int, there)) == list(range(len(there)))


def test_file_stays_small(tmp_path):
    """A long history does not make a large file, and what it leads to is right."""
    with Daemon(tmp_path) as daemon:
        client = daemon.client()
        guest = daemon.guest(1)
        guest.ask("WATCH", "w", "t")
        for i in range(3000):
            client.ask("WRITE", "/n/%d" % (i % 10), b"%04d" % i + b"x" * 1900)
        assert (tmp_path / "state/state").stat().st_size <= 2 << 20
        daemon.restart()
        client = daemon.client()
        assert [client.read("/n/%d" % i)[:4] for i in range(10)] == ["299%d" % i for i in range(10)]
        assert ("w", "t") in guest.events()
        assert client.ask("CONTROL", "check") == b"OK\0"


class Worker(threading.Thread):
    """A guest that counts in its home, in plain writes and in transactions, whatever happens to the daemon. Each write
    that was answered must be there afterwards."""

    def __init__(self, guest, end):
        super().__init__()
        self.guest, self.end = guest, end
        self.rng = random.Random(guest.domid)
        self.failure = None
        self.rounds = self.again = 0

    def plain(self, i):
        self.guest.write("plain", i)
        assert self.guest.read("plain") == str(i)

    def transaction(self, i):
        t = self.guest.begin()
        try:
            self.guest.write("a", i, t)
            self.guest.write("b", "%d" % i * self.rng.randrange(1, 300), t)
            self.guest.commit(t)
        except StoreError as error:
            assert str(error) == "EAGAIN"
            self.again += 1
            return
        assert self.guest.read("a") == str(i)
        assert self.guest.read("b").startswith(str(i))

    def long_list(self, i):
        """Requests one behind the other, with replies longer than the ring."""
        numbers = [self.guest.post("READ", b"long\0") for _ in range(3)]
        assert all(self.guest.reply(number, "READ") == b"y" * 2000 for number in numbers)

    def run(self):
        try:
            self.guest.write("long", "y" * 2000)
            while time.monotonic() < self.end or self.rounds < 5:
                self.rng.choice([self.plain, self.transaction, self.long_list])(self.rounds)
                self.rounds += 1
        except BaseException as error:  # pylint: disable=broad-except
            self.failure = error


@pytest.mark.parametrize("seconds", [6])
def test_killed_at_any_instant(tmp_path, seconds):
    """Again and again, while guests work: no answer is lost, none comes twice, no transaction is half there."""
    rng = random.Random(1)
    with Daemon(tmp_path) as daemon:
        guests = [daemon.guest(domid) for domid in (1, 2, 3)]
        for guest in guests:
            guest.ask("WATCH", "plain", "w")
        end = time.monotonic() + seconds
        workers = [Worker(guest, end) for guest in guests]
        for worker in workers:
            worker.start()
        kills = 0
        while time.monotonic() < end:
            time.sleep(rng.random() * 0.1)
            daemon.restart()
            kills += 1
        for worker in workers:
            worker.join(30)
            assert not worker.is_alive(), "a guest waits for ever; " + daemon.errors()
            if worker.failure:
                raise worker.failure
        assert kills > 5 and all(worker.rounds > 20 for worker in workers)
        assert daemon.client().ask("CONTROL", "check") == b"OK\0"
        for guest in guests:
            assert Guest(daemon.hypervisor, guest.domid).get(Guest.ERROR) == 0
