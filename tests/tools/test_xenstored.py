"""xenstored as its clients see it: operations, permissions, watches, transactions, limits, domains."""

import os
import stat
import struct
import subprocess

import pytest

from storeclient import Daemon, Guest


@pytest.fixture
def daemon(tmp_path):
    with Daemon(tmp_path) as started:
        yield started


@pytest.fixture
def client(daemon):
    return daemon.client()


def test_nodes(client):
    """Values come back as written; parents appear by themselves; the list of children is sorted."""
    client.write("/a/b/c", "value")
    client.ask("WRITE", "/a/bin", bytes(range(256)))
    assert client.read("/a/b/c") == "value"
    assert client.ask("READ", "/a/bin") == bytes(range(256))
    assert client.read("/a/b") == ""
    assert client.list("/a") == ["b", "bin"]
    assert client.list("/a/b/c") == []
    client.ask("MKDIR", "/a/b/c")
    assert client.read("/a/b/c") == "value"
    assert client.error("READ", "/a/x") == "ENOENT"
    client.ask("RM", "/a/b")
    assert client.error("READ", "/a/b/c") == "ENOENT"
    assert client.list("/a") == ["bin"]
    assert client.ask("RM", "/a/nothing") == b"OK\0"
    assert client.error("RM", "/nothing/nothing") == "ENOENT"
    assert client.error("RM", "/") == "EINVAL"


def test_relative_paths(client):
    """Paths without a slash are below the domain's home."""
    client.write("name", "x")
    assert client.read("/local/domain/0/name") == "x"
    assert client.ask("GET_DOMAIN_PATH", 7) == b"/local/domain/7\0"


@pytest.mark.parametrize("path", ["", "/a/", "/a//b", "//", "/ä", "/a b", "/a%", "@x", "/" + "a" * 3072, "b" * 2049])
def test_bad_paths(client, path):
    assert client.error("READ", path) == "EINVAL"
    assert client.error("WRITE", path, b"x") == "EINVAL"
    assert client.error("MKDIR", path) == "EINVAL"
    assert client.error("RM", path) == "EINVAL"


def test_longest_paths(client):
    client.write("/" + "a" * 3071, "x")
    client.write("b" * 2048, "x")
    assert client.list("/") == ["a" * 3071, "local", "tool"]


def test_malformed_requests(client):
    """Strings without their end, or too many, are refused; unknown types have their own error."""
    for kind in ("READ", "DIRECTORY", "GET_PERMS", "MKDIR", "RM"):
        assert client.error(kind, b"/a") == "EINVAL"
        assert client.error(kind, b"") == "EINVAL"
        assert client.error(kind, b"/a\0/b\0") == "EINVAL"
    assert client.error("WRITE", b"/a") == "EINVAL"
    assert client.error("WATCH", b"/a\0") == "EINVAL"
    assert client.error("WATCH", b"/a\0token") == "EINVAL"
    assert client.error("WATCH", b"/a\0token\0more\0") == "EINVAL"
    assert client.error("DIRECTORY_PART", b"/\0") == "EINVAL"
    assert client.error("TRANSACTION_END", "X", t=client.begin()) == "EINVAL"
    for number in (15, 16, 20, 23, 0xFFFF, 0xFFFFFFFF):
        assert client.error(number, "x") == "ENOSYS"


def test_oversize_message(daemon, client):
    """A client that announces more than the protocol allows is dropped; others are not."""
    bad = daemon.client()
    bad.send(struct.pack("<4I", 2, 0, 0, 4097) + b"x" * 100)
    with pytest.raises((EOFError, ConnectionError)):
        bad.message()
    assert client.list("/") == ["tool"]


def test_split_and_joined_messages(client):
    """Requests may come in pieces, or many at a time; the replies come in order."""
    message = struct.pack("<4I", 2, 77, 0, 6) + b"/tool\0"
    for i in range(len(message)):
        client.send(message[i : i + 1])
    assert client.message() == ("READ", 77, 0, b"")
    numbers = [client.post("WRITE", b"/n%d\0x" % i) for i in range(500)]
    for number in numbers:
        client.reply(number, "WRITE")
    assert len(client.list("/")) == 501


def test_long_list(client):
    """A list longer than a message can be had in parts, which fit together."""
    names = ["child-%04d" % i for i in range(1000)]
    for name in names:
        client.write("/d/" + name, "")
    assert client.error("DIRECTORY", "/d") == "E2BIG"
    data, generations = b"", set()
    while not data.endswith(b"\0\0"):
        reply = client.ask("DIRECTORY_PART", "/d", len(data))
        generation, part = reply.split(b"\0", 1)
        generations.add(generation)
        assert len(reply) <= 4096 and part
        data += part
    assert data[:-1].decode().split("\0")[:-1] == names
    assert len(generations) == 1
    client.ask("RM", "/d/child-0500")
    assert client.ask("DIRECTORY_PART", "/d", 0).split(b"\0", 1)[0] not in generations


def test_permission_strings(client):
    client.write("/a", "")
    assert client.perms("/a") == ["n0"]
    client.ask("SET_PERMS", "/a", "r0", "w0", "b0", "n0")
    assert client.perms("/a") == ["r0", "w0", "b0", "n0"]
    for bad in ("x0", "n", "0", "", "n-1", "n65536", "n0x"):
        assert client.error("SET_PERMS", "/a", bad) == "EINVAL"
    assert client.error("SET_PERMS", "/a", "n77") == "ENOENT"
    assert client.error("SET_PERMS", "/none", "n0") == "ENOENT"
    client.write("/a/b/c", "")
    assert client.perms("/a/b/c") == ["r0", "w0", "b0", "n0"]


def test_permissions_of_guests(daemon, client):
    """The owner has all rights, others what the list says; new nodes take the list with the maker as owner."""
    one, two = daemon.guest(1), daemon.guest(2)
    for path in ("/", "/local/domain", "/local/domain/2", "/local/domain/2/x", "/none/x"):
        assert one.error("READ", path) == "EACCES"
        assert one.error("WRITE", path, b"x") == "EACCES"
    one.write("data", "1")
    assert one.error("READ", "none") == "ENOENT"
    assert one.perms("data") == ["n1"]
    assert two.error("READ", "/local/domain/1/data") == "EACCES"
    one.ask("SET_PERMS", "data", "n1", "r2")
    assert two.read("/local/domain/1/data") == "1"
    assert two.error("WRITE", "/local/domain/1/data", b"2") == "EACCES"
    assert two.error("SET_PERMS", "/local/domain/1/data", "n2") == "EACCES"
    assert one.error("SET_PERMS", "data", "n2") == "EPERM"
    one.ask("SET_PERMS", "data", "n1", "w2")
    two.write("/local/domain/1/data", "2")
    assert two.error("READ", "/local/domain/1/data") == "EACCES"
    assert one.read("data") == "2"
    two.ask("MKDIR", "/local/domain/1/data/kid")
    assert client.perms("/local/domain/1/data/kid") == ["n2", "w2"]
    assert one.error("READ", "data/kid") == "EACCES"
    one.ask("RM", "data")
    client.write("/local/domain/1/given", "x")
    assert client.perms("/local/domain/1/given") == ["n1"]


def test_target(daemon, client):
    """A domain with a target has the target's rights."""
    one, two = daemon.guest(1), daemon.guest(2)
    one.write("data", "1")
    assert client.error("SET_TARGET", 2, 9) == "ENOENT"
    client.ask("SET_TARGET", 2, 1)
    assert two.read("/local/domain/1/data") == "1"
    two.write("/local/domain/1/data", "2")
    daemon.hypervisor.destroy(1)
    assert daemon.client().error("READ", "/local/domain/1/data") == "ENOENT"


def test_privileged_requests(daemon):
    guest = daemon.guest(1)
    for request in (
        ("INTRODUCE", 2, 1, 1), ("RELEASE", 1), ("RESUME", 1), ("SET_TARGET", 1, 0), ("IS_DOMAIN_INTRODUCED", 1),
        ("CONTROL", "help"), ("SET_PERMS", "@releaseDomain", "n1"), ("GET_PERMS", "@releaseDomain"),
    ):
        assert guest.error(*request) == "EACCES"
    assert guest.ask("GET_DOMAIN_PATH", 1) == b"/local/domain/1\0"


def test_watches(daemon, client):
    """An event at once, then one for each change at the node or below, with the path that changed."""
    other = daemon.client()
    client.ask("WATCH", "/a", "token")
    assert client.events(1) == [("/a", "token")]
    assert client.error("WATCH", "/a", "token") == "EEXIST"
    client.ask("WATCH", "/a", "second")
    client.ask("WATCH", "rel", "r")
    client.ask("WATCH", "/", "root")
    client.events(3)
    other.write("/a/b", "1")
    assert sorted(client.events(3)) == [("/a/b", "root"), ("/a/b", "second"), ("/a/b", "token")]
    other.write("/local/domain/0/rel/x", "")
    assert sorted(client.events(2)) == [("/local/domain/0/rel/x", "root"), ("rel/x", "r")]
    client.ask("UNWATCH", "/a", "second")
    client.ask("UNWATCH", "/", "root")
    assert client.error("UNWATCH", "/a", "second") == "ENOENT"
    other.ask("SET_PERMS", "/a", "r0")
    other.ask("MKDIR", "/a/b")  # is there: no event
    other.ask("RM", "/a/none")
    other.write("/ab", "")
    other.ask("RM", "/a/b")
    assert client.events() == [("/a", "token"), ("/a/b", "token")]
    client.ask("RESET_WATCHES", "")
    other.write("/a", "")
    assert client.events() == []


def test_watches_below_what_goes(client):
    """Removing a node tells the watches of all nodes that go, each by its own path, before the node's own."""
    client.write("/a/b/c/d", "")
    for path in ("/a/b/c", "/a/b/none", "/a"):
        client.ask("WATCH", path, path)
    client.events(3)
    client.ask("RM", "/a")
    assert client.events() == [("/a/b/c", "/a/b/c"), ("/a", "/a")]


def test_event_follows_reply(client):
    """The requester has its reply before the events that the request caused."""
    client.ask("WATCH", "/a", "t")
    client.events(1)
    client.post("WRITE", b"/a\0x")
    assert [client.message()[0], client.message()[0]] == ["WRITE", "WATCH_EVENT"]


def test_events_are_for_those_who_may_read(daemon, client):
    guest = daemon.guest(1)
    guest.ask("WATCH", "/local/domain/2", "t")
    guest.ask("WATCH", "/", "root")
    guest.ask("WATCH", "x", "mine")
    assert len(guest.events(3)) == 3
    client.write("/local/domain/2/a", "")
    client.write("/b", "")
    client.write("/local/domain/1/x", "")
    assert sorted(guest.events(2)) == [("/local/domain/1/x", "root"), ("x", "mine")]
    client.ask("SET_PERMS", "/b", "n0", "r1")
    client.write("/b", "2")
    assert guest.events() == [("/b", "root"), ("/b", "root")]


def test_domain_events(daemon, client):
    """Coming and going of domains is seen by domain 0, and by those it lets; with a number, only of that domain."""
    for path in ("@introduceDomain", "@releaseDomain", "@releaseDomain/3"):
        client.ask("WATCH", path, "t")
    client.events(3)
    guest = daemon.guest(1)
    assert client.events(1) == [("@introduceDomain", "t")]
    guest.ask("WATCH", "@releaseDomain", "g")
    guest.ask("WATCH", "@releaseDomain/3", "g3")
    guest.events(2)
    daemon.guest(2)
    daemon.guest(3)
    assert client.ask("IS_DOMAIN_INTRODUCED", 3) == b"T\0"
    client.events(2)
    client.ask("RELEASE", 2)
    assert client.events(1) == [("@releaseDomain", "t")]
    assert guest.events() == []
    client.ask("SET_PERMS", "@releaseDomain/3", "n0", "r1")
    assert client.perms("@releaseDomain/3") == ["n0", "r1"]
    daemon.hypervisor.shutdown(3)
    assert sorted(client.events(2)) == [("@releaseDomain", "t"), ("@releaseDomain/3", "t")]
    assert guest.events(1) == [("@releaseDomain/3", "g3")]
    daemon.hypervisor.destroy(3)
    assert len(client.events(2)) == 2
    assert client.ask("IS_DOMAIN_INTRODUCED", 3) == b"F\0"
    assert client.error("RELEASE", 3) == "ENOENT"
    assert client.error("INTRODUCE", 9, 1, 1) == "ENOENT"


def test_dead_domain_leaves_nothing(daemon, client):
    """Its nodes go, its name in others' permissions too; a later domain of its number has no rights by it."""
    guest = daemon.guest(1)
    guest.write("a/b", "")
    client.write("/for-one", "")
    client.ask("SET_PERMS", "/for-one", "n0", "r1", "r2")
    guest.ask("WATCH", "a", "t")
    guest.begin()
    client.ask("WATCH", "@releaseDomain", "r")
    daemon.hypervisor.destroy(1)
    client.events(2)
    assert client.list("/local/domain") == []
    assert client.perms("/for-one") == ["n0", "r2"]
    again = daemon.guest(1)
    assert again.error("READ", "/for-one") == "EACCES"
    quota = client.ask("CONTROL", "quota", 1).decode()
    assert [line.split()[-1] for line in quota.splitlines()[1:4]] == ["1", "0", "0"]
    assert client.ask("CONTROL", "check") == b"OK\0"


def test_transaction_is_isolated(daemon, client):
    other = daemon.client()
    client.write("/a", "1")
    t = client.begin()
    client.write("/a", "2", t)
    client.write("/new/x", "3", t)
    assert other.read("/a") == "1"
    assert other.error("READ", "/new/x") == "ENOENT"
    assert client.read("/a", t) == "2"
    other.write("/b", "unseen")
    assert client.error("READ", "/b", t=t) == "ENOENT"
    client.ask("TRANSACTION_END", "F", t=t)
    assert other.read("/a") == "1"
    assert client.error("READ", "/a", t=t) == "ENOENT"
    t = client.begin()
    client.write("/new/x", "3", t)
    client.ask("RM", "/a", t=t)
    client.commit(t)
    assert other.read("/new/x") == "3"
    assert other.error("READ", "/a") == "ENOENT"


CONFLICTS = [
    # what the transaction does, what another does meanwhile, whether they conflict
    ("READ /a", "WRITE /a 2", True),
    ("READ /a", "SET_PERMS /a r0", True),
    ("READ /a", "RM /a", True),
    ("READ /none", "WRITE /none 1", True),
    ("READ /a", "WRITE /a/kid 1", False),
    ("READ /a", "WRITE /b 1", False),
    ("WRITE /a 2", "WRITE /a 3", True),
    ("WRITE /a 2", "RM /a", True),
    ("WRITE /a 2", "WRITE /d/x 3", False),
    ("WRITE /n/x 1", "WRITE /n/y 1", True),
    ("WRITE /d/new 1", "WRITE /d/other 1", False),
    ("WRITE /d/new 1", "WRITE /d 5", False),
    ("WRITE /d/new 1", "RM /d", True),
    ("WRITE /d/new 1", "SET_PERMS /d r0", True),
    ("WRITE /d/new 1", "WRITE /d/new 2", True),
    ("DIRECTORY /d", "WRITE /d/new 1", True),
    ("DIRECTORY /d", "RM /d/x", True),
    ("DIRECTORY /d", "WRITE /d/x 9", False),
    ("DIRECTORY /d", "WRITE /d 9", False),
    ("GET_PERMS /a", "WRITE /a 9", False),
    ("GET_PERMS /a", "SET_PERMS /a r0", True),
    ("RM /d", "WRITE /d/x 9", True),
    ("RM /d", "WRITE /b 9", False),
    ("RM /d/x", "WRITE /d/y 9", False),
    ("MKDIR /a", "WRITE /a 9", False),
    ("MKDIR /m", "MKDIR /m", True),
]


@pytest.mark.parametrize("mine, others, conflict", CONFLICTS)
def test_conflicts(daemon, client, mine, others, conflict):
    """A transaction fails only if something that it relied on changed."""

    def run(who, words, t=0):
        kind, path, *rest = words.split()
        arguments = [rest[0].encode()] if kind == "WRITE" else rest
        try:
            who.ask(kind, path, *arguments, t=t)
        except Exception as error:  # a refusal is part of what the transaction saw
            assert "ENOENT" in str(error)

    for path in ("/a", "/d/x"):
        client.write(path, "0")
    t = client.begin()
    run(client, mine, t)
    client.write("/mine", "done", t)
    run(daemon.client(), others)
    if conflict:
        assert client.error("TRANSACTION_END", "T", t=t) == "EAGAIN"
        assert client.error("READ", "/mine") == "ENOENT"
    else:
        client.commit(t)
        assert client.read("/mine") == "done"
    assert client.ask("CONTROL", "check") == b"OK\0"


def test_merge(daemon, client):
    """What two transactions did side by side is all there: values, permissions, removed and grown subtrees."""
    other = daemon.client()
    for path in ("/a/old/x", "/b/old", "/c"):
        client.write(path, "0")
    t, u = client.begin(), other.begin()
    client.ask("RM", "/a/old", t=t)
    client.write("/a/old/y", "new", t)
    client.write("/a/deep/er/still", "1", t)
    client.ask("RM", "/c", t=t)
    other.write("/b/old", "2", u)
    other.ask("SET_PERMS", "/b", "r0", t=u)
    other.write("/b/more", "3", u)
    client.commit(t)
    other.commit(u)
    assert client.list("/a/old") == ["y"] and client.read("/a/old/y") == "new"
    assert client.read("/a/deep/er/still") == "1"
    assert client.error("READ", "/c") == "ENOENT"
    assert client.perms("/b") == ["r0"] and client.list("/b") == ["more", "old"] and client.read("/b/old") == "2"
    assert client.ask("CONTROL", "check") == b"OK\0"


def test_transaction_events(client):
    """They come at the end, one for each node named, none for what did not last."""
    client.write("/e/gone/below", "")
    client.ask("WATCH", "/e", "t")
    client.ask("WATCH", "/e/gone/below", "b")
    client.events(2)
    t = client.begin()
    for value in ("1", "2"):
        client.write("/e/b", value, t)
    client.write("/e/way/c", "", t)
    client.write("/e/brief", "", t)
    client.ask("RM", "/e/brief", t=t)
    client.ask("RM", "/e/gone", t=t)
    assert client.events() == []
    client.commit(t)
    assert client.events() == [("/e/b", "t"), ("/e/way/c", "t"), ("/e/gone/below", "b"), ("/e/gone", "t")]


def test_transaction_numbers(client):
    assert client.error("READ", "/", t=99) == "ENOENT"
    assert client.error("TRANSACTION_END", "T", t=99) == "ENOENT"
    assert client.error("TRANSACTION_END", "T") == "ENOENT"
    t = client.begin()
    assert client.error("TRANSACTION_START", "", t=t) == "EBUSY"


LIMITS = ("--entry-nb", "20", "--entry-size", "100", "--entry-watch", "5", "--transaction", "3", "--perm-nb", "4",
          "--path-max", "50", "--quota", "transaction-nodes=6")


def count_until(error, request):
    """How often the request succeeds before it fails with the error."""
    for i in range(1000):
        try:
            request(i)
        except Exception as found:
            assert str(found) == error
            return i
    raise AssertionError("there is no limit")


@pytest.mark.parametrize("options, nodes, size, watches, transactions, perms", [
    ((), 1000, 2048, 128, 10, 5), (LIMITS, 20, 100, 5, 3, 4)])
def test_limits(tmp_path, options, nodes, size, watches, transactions, perms):
    """A guest gets just what the options say; domain 0 is not limited."""
    with Daemon(tmp_path, *options) as daemon:
        guest, own = daemon.guest(1), daemon.client()
        guest.write("v", "x" * size)
        assert guest.error("WRITE", "v", b"x" * (size + 1)) == "ENOSPC"
        own.write("/v", "x" * (size + 1))
        guest.ask("RM", "v")
        assert count_until("E2BIG", lambda i: guest.ask("WATCH", "w", i)) == watches
        assert count_until("ENOSPC", lambda i: guest.begin()) == transactions
        guest.ask("SET_PERMS", "/local/domain/1", "n1", *["r%d" % i for i in range(2, perms + 1)])
        assert guest.error("SET_PERMS", "/local/domain/1", "n1", *["r%d" % i for i in range(2, perms + 2)]) == "ENOSPC"
        guest.ask("SET_PERMS", "/local/domain/1", "n1")
        assert count_until("ENOSPC", lambda i: guest.write("n%d" % i, "")) == nodes - 1
        guest.write("n0", "still mine")
        guest.ask("RM", "n0")
        guest.write("again", "")
        assert guest.error("WRITE", "more", b"") == "ENOSPC"
        guest.ask("RESET_WATCHES", "")
        t = guest.begin()
        assert guest.error("WRITE", "in/transaction", b"", t=t) == "ENOSPC"
        if options:
            assert guest.error("READ", "/local/domain/1/" + "x" * 50) == "EINVAL"
        guest.ask("RESET_WATCHES", "")
        t = guest.begin()
        reads = 0
        while guest.error("READ", "t%d" % reads, t=t) == "ENOENT":
            reads += 1
        assert guest.error("READ", "last", t=t) == "ENOSPC"
        assert reads == (5 if options else 1023)  # the node above counts, too


def test_limit_at_commit(tmp_path):
    """Transactions side by side do not get round the limit."""
    with Daemon(tmp_path, "--entry-nb", "10") as daemon:
        guest = daemon.guest(1)
        t, u = guest.begin(), guest.begin()
        for i in range(6):
            guest.write("t%d" % i, "", t)
            guest.write("u%d" % i, "", u)
        guest.commit(t)
        assert guest.error("TRANSACTION_END", "T", t=u) == "ENOSPC"
        assert len(guest.list("/local/domain/1")) == 6


def test_memory_limit(tmp_path):
    with Daemon(tmp_path, "--quota", "memory=20000") as daemon:
        guest = daemon.guest(1)
        assert 5 < count_until("ENOSPC", lambda i: guest.write("n%d" % i, "x" * 1500)) < 14
        assert daemon.client().ask("CONTROL", "check") == b"OK\0"


def test_control(daemon, client):
    for command in client.ask("CONTROL", "help").decode().rstrip("\0").splitlines():
        assert command.split("\t")[0] in "check log logfile memreport print quota help".split()
    assert b"nodes            :     1000" in client.ask("CONTROL", "quota")
    client.ask("CONTROL", "quota", "set", "nodes", 7)
    assert b"nodes            :        7" in client.ask("CONTROL", "quota")
    for bad in (("quota", "set", "nodes"), ("quota", "set", "none", 1), ("quota", "set", "nodes", 0), ("log",),
                ("nothing",)):
        assert client.error("CONTROL", *bad) == "EINVAL"
    trace = daemon.folder / "trace"
    client.ask("CONTROL", "logfile", trace)
    client.ask("CONTROL", "print", "hello")
    client.ask("CONTROL", "log", "off")
    client.write("/quiet", "")
    assert "hello" in trace.read_text() and "quiet" not in trace.read_text()


def test_trace_and_hangup(tmp_path):
    """The trace names requests and replies; SIGHUP begins a new file after the old was moved."""
    trace = tmp_path / "trace"
    with Daemon(tmp_path, "--trace-file", trace) as daemon:
        client = daemon.client()
        client.write("/traced", "1")
        assert "IN d0" in trace.read_text() and "WRITE (/traced 1)" in trace.read_text()
        trace.rename(tmp_path / "old")
        daemon.process.send_signal(1)
        client.write("/second", "1")
        client.write("/third", "1")
        assert "/third" in trace.read_text()


def test_daemon(tmp_path):
    """Goes to the background when it can be used; the pid file is right and locked; only root has the socket."""
    pid_file = tmp_path / "pid"
    with Daemon(tmp_path, "--pid-file", pid_file) as daemon:
        assert int(pid_file.read_text()) == daemon.process.pid
        assert stat.S_IMODE(os.stat(daemon.socket).st_mode) == 0o600
        second = subprocess.run([daemon.program, "--no-domain-init", "--pid-file", pid_file], env=daemon.environment,
                                stderr=subprocess.PIPE, text=True)
        assert second.returncode == 1 and "another xenstored runs" in second.stderr
        third = subprocess.run([daemon.program, "--no-domain-init"], env=daemon.environment, stderr=subprocess.PIPE, text=True)
        assert third.returncode == 1 and "in use by another xenstored" in third.stderr
    done = subprocess.run([daemon.program, "--no-domain-init", "--output-pid"], env=daemon.environment, check=True,
                          stdout=subprocess.PIPE, text=True)
    pid = int(done.stdout)
    try:
        assert daemon.client().list("/") == ["tool"]
    finally:
        os.kill(pid, 15)
    for bad in (["--nonsense"], ["extra"], ["--entry-nb", "x"], ["--quota", "nothing=1"], ["--entry-nb", "0"]):
        wrong = subprocess.run([daemon.program, *bad], stderr=subprocess.PIPE, text=True)
        assert wrong.returncode == 2 and wrong.stderr.startswith("xenstored: ") and wrong.stderr.count("\n") == 1


def test_without_hypervisor(tmp_path):
    with Daemon(tmp_path, hypervisor=False) as daemon:
        client = daemon.client()
        client.write("/a", "1")
        client.ask("SET_PERMS", "/a", "n5")
        assert client.error("INTRODUCE", 1, 1, 1) == "ENOENT"


def test_introduce_again(daemon, client):
    """For a domain that is there already: its watches and transactions end, no event tells of it."""
    client.ask("WATCH", "@introduceDomain", "i")
    guest = daemon.guest(1)
    client.events(2)
    guest.ask("WATCH", "x", "t")
    t = guest.begin()
    guest.events(1)
    client.ask("INTRODUCE", 1, 4096, 2)
    assert client.events() == []
    again = Guest(daemon.hypervisor, 1)
    client.write("/local/domain/1/x", "")
    assert again.events() == []
    assert again.error("READ", "x", t=t) == "ENOENT"
