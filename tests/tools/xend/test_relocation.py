"""Domains that move between two hosts, each with a xend and a hypervisor of files: what goes wrong at any point leaves
exactly one copy that runs, or none but one that waits for an answer, and nothing else."""
import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time
from uuid import uuid4

import pytest

from certificates import authority, certificate
from fakehost import BUILD, ROOT, Host, free_port, wait_until
from test_xend import SUSPEND, VIF, child, fault


def obedient(host):
    """Guests of the host suspend when they are told to."""
    def look():
        while host.obedient:
            for domid in host.domains_in_hypervisor():
                path = f"/local/domain/{domid}/control/shutdown"
                try:
                    if host.store.read(path) == "suspend":
                        host.store.write(path, "")
                        host.guest_ends(domid, SUSPEND)
                except (KeyError, OSError):
                    pass
            time.sleep(0.005)
    host.obedient = True
    threading.Thread(target=look, daemon=True).start()


def make_host(directory, options="(xend-relocation-server yes)(enable-dom0-ballooning no)"):
    directory.mkdir()
    port = free_port()
    made = Host(directory, f"{options}(xend-relocation-address localhost)(xend-relocation-port {port})").start()
    made.port = port
    obedient(made)
    return made


@pytest.fixture
def pair(tmp_path):
    with contextlib.ExitStack() as stack:
        made = []
        for name in "ab":
            made.append(make_host(tmp_path / name))
            stack.callback(made[-1].close)
            stack.callback(setattr, made[-1], "obedient", False)
        yield made


def run(host, *more):
    sxp = host.call.create(host.vm("alice", VIF, *more))
    host.call.unpause("alice")
    return child(sxp, "uuid")


def running(host):
    """Domains that the hypervisor lets run."""
    found = []
    for domid in host.domains_in_hypervisor():
        flags = struct.unpack_from("<I", (host.fake / f"ring.{domid}").read_bytes(), 4096 + 4)[0] if domid else 8
        if not flags & 8 and not (host.fake / f"shutdown.{domid}").exists():
            found.append(domid)
    return found


def moved(source, target, uuid):
    wait_until(lambda: source.leftovers() == [])
    assert source.names() == ["Domain-0"]
    assert target.names() == ["Domain-0", "alice"] and running(target) == [target.domid()]
    sxp = target.server.xend.domain("alice")
    assert child(sxp, "uuid") == uuid and child(sxp, "state") == "------"
    assert not list((target.directory / "state").glob("relocation/*"))


def stayed(source, target, uuid):
    assert running(source) == [source.domid()], source.names()
    assert child(source.server.xend.domain("alice"), "uuid") == uuid
    wait_until(lambda: target.leftovers() == [])
    assert running(target) == []
    assert not list((source.directory / "state").glob("relocation/*"))


# A QEMU that takes orders, and writes down which; its back ends are our own thread.
QEMU = """\
exec /usr/bin/python3 - "$@" <<'END'
import json, os, socket, sys
path = sys.argv[sys.argv.index("-qmp") + 1].split(",")[0].removeprefix("unix:")
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
with open(sys.argv[sys.argv.index("-pidfile") + 1], "w") as file:
    if os.fork():
        sys.exit()
    file.write(str(os.getpid()))
while True:
    client = listener.accept()[0].makefile("rw")
    print(json.dumps({"QMP": {}}), file=client, flush=True)
    for line in client:
        command = json.loads(line)["execute"]
        with open("%s", "a") as file:
            print(command, file=file)
        print(json.dumps({"event": "STOP"}), file=client)
        print(json.dumps({"%s": {}}), file=client, flush=True)
END"""


def test_images_are_written_out(pair, tmp_path):
    """QEMU, which may keep tables of an image in memory, is told to write them before the target opens it."""
    source, target = pair
    image, orders = tmp_path / "image", tmp_path / "orders"
    image.write_bytes(bytes(4096))
    qemu = ["device", ["tap", ["uname", f"tap:qcow2:{image}"], ["dev", "xvda"], ["mode", "w"]]]
    source.set_qemu(QEMU % (orders, "error"))
    target.set_qemu()
    uuid = run(source, qemu)
    assert "it refuses 'qmp_capabilities'" in fault(source.call.migrate, "alice", "localhost", False, target.port).faultString
    stayed(source, target, uuid)
    source.call.destroy("alice")
    orders.unlink()
    source.set_qemu(QEMU % (orders, "return"))
    other = tmp_path / "other"
    other.write_bytes(bytes(4096))
    # Both in one go: it is one QEMU.
    uuid = run(source, qemu, ["device", ["tap", ["uname", f"tap:qcow2:{other}"], ["dev", "xvdb"], ["mode", "w"]]])
    source.call.migrate("alice", "localhost", False, target.port)
    moved(source, target, uuid)
    assert orders.read_text().split() == ["qmp_capabilities", "stop", "cont"]
    # One that does not answer.
    target.call.destroy("alice")
    source.set_qemu()
    uuid = run(source, qemu)
    assert "QEMU cannot be told" in fault(source.call.migrate, "alice", "localhost", False, target.port).faultString
    stayed(source, target, uuid)


def test_move(pair):
    source, target = pair
    uuid = run(source)
    text = source.call.migrate("alice", "localhost", False, target.port)
    assert "moved to localhost" in text and "stopped" in text
    wait_until(lambda: "alice" in target.names())
    moved(source, target, uuid)
    domid = target.domid()
    assert target.store.read(f"/local/domain/{domid}/vm") == f"/vm/{uuid}"
    assert target.store.read(f"/local/domain/{domid}/device/vif/0/mac") == "00:16:3e:01:02:03"
    assert target.store.list("/vm").count(uuid) == 1
    # And back, after a restart of the new home.
    target.kill()
    restart(target)
    assert target.domid() == domid and child(target.server.xend.domain("alice"), "uuid") == uuid
    target.call.migrate("alice", "127.0.0.1", False, source.port)
    wait_until(lambda: "alice" in source.names())
    moved(target, source, uuid)
    source.call.destroy("alice")
    assert source.leftovers() == []


def test_move_within_a_host(tmp_path):
    host = make_host(tmp_path / "a")
    uuid = run(host)
    old = host.domid()
    host.call.migrate("alice", "localhost", False, host.port)
    wait_until(lambda: host.names() == ["Domain-0", "alice"])
    assert host.domid() != old and child(host.server.xend.domain("alice"), "uuid") == uuid
    assert running(host) == [host.domid()] and host.domains_in_hypervisor() == [0, host.domid()]
    # A managed domain stays one.
    host.call.new(host.vm("bob"))
    host.call.start("bob", False)
    host.call.migrate("bob", "localhost", False, host.port)
    wait_until(lambda: host.names() == ["Domain-0", "alice", "bob"])
    host.call.destroy("alice")
    host.call.destroy("bob")
    assert host.leftovers() == [] and host.names() == ["Domain-0", "bob"]
    host.obedient = False
    host.close()


def test_refused_before_it_stops(pair):
    source, target = pair
    uuid = run(source)

    def refused(text, host="localhost", *args):
        message = fault(source.call.migrate, "alice", host, False, *(args or [target.port])).faultString
        assert text in message and "\n" not in message and "Domain 'alice' is not moved" in message
        # It was never asked to suspend.
        assert source.store.read(f"/local/domain/{source.domid()}/control/shutdown") == ""
        stayed(source, target, uuid)

    refused("refused", "localhost", free_port())
    refused("Error resolving", "no.such.host.invalid")
    target.call.new(target.vm("alice"))
    refused("a managed domain named alice is there already")
    target.call.delete("alice")
    for name, text in [("fail.create", "create a domain"), ("fail.policy", "CPU that there is not here")]:
        (target.fake / name).touch()
        refused(text)
        (target.fake / name).unlink()
    (target.fake / "cpu").write_text("5")
    refused("bits 0x2 of CPUID leaf 0x7, ebx")
    (target.fake / "cpu").unlink()
    (target.fake / "free").write_text(str(16 << 10))
    refused("66 MiB are needed, 16 MiB are free")
    (target.fake / "free").unlink()
    target.script.write_text("#!/bin/sh\nexit 1\n")
    refused("vif 0")
    target.script.write_text("#!/bin/sh\n")
    assert "Domain-0" in fault(source.call.migrate, "0", "localhost").faultString
    source.call.pause("alice")
    assert "paused" in fault(source.call.migrate, "alice", "localhost").faultString
    source.call.unpause("alice")
    target.stop()
    refused("refused")
    restart(target)
    source.call.migrate("alice", "localhost", False, target.port)
    wait_until(lambda: "alice" in target.names())
    moved(source, target, uuid)


def test_fails_after_it_stopped(pair):
    source, target = pair
    uuid = run(source)
    (target.fake / "fail.restore").touch()
    assert "it is cut off" in fault(source.call.migrate, "alice", "localhost", False, target.port).faultString
    stayed(source, target, uuid)
    (target.fake / "fail.restore").unlink()
    (source.fake / "fail.save").touch()
    assert "cannot be written" in fault(source.call.migrate, "alice", "localhost", False, target.port).faultString
    stayed(source, target, uuid)


class Wire(threading.Thread):
    """Carries bytes between a source and a target, and cuts the connection after so many from either side."""

    def __init__(self, port, source_bytes=None, target_bytes=None, cuts=1):
        super().__init__(daemon=True)
        self.limits = [source_bytes, target_bytes]
        self.cuts, self.to = cuts, port
        self.total = [0, 0]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.to))
            cut = self.cuts > 0
            self.cuts -= 1
            pair = [near, far]
            for side in (0, 1):
                limit = self.limits[side] if cut else None
                threading.Thread(target=self.carry, args=(pair[side], pair[1 - side], side, limit), daemon=True).start()

    def carry(self, from_, to, side, limit):
        try:
            while True:
                part = from_.recv(65536 if limit is None else min(65536, limit) or 1)
                if not part or limit == 0:
                    break
                to.sendall(part)
                self.total[side] += len(part)
                if limit is not None:
                    limit -= len(part)
                    if not limit:
                        break
        except OSError:
            pass
        self.hang_up(from_, to)

    @staticmethod
    def hang_up(*ends):
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def one_copy(source, target, uuid):
    """Waits until both agree; returns where it is."""
    def settled():
        records = [*source.directory.glob("state/relocation/*"), *target.directory.glob("state/relocation/*")]
        places = [host for host in (source, target) if "alice" in host.names()]
        return len(places) == 1 and not [path for path in records if "source" in path.name] and \
            not [name for host in (source, target) for name in host.names() if "migrating" in name]
    wait_until(settled, 40)
    place, other = (source, target) if "alice" in source.names() else (target, source)
    assert running(place) == [place.domid()] and child(place.server.xend.domain("alice"), "uuid") == uuid
    end = time.monotonic() + 15
    while left := [left for left in other.leftovers() if "relocation" not in str(left)]:
        assert time.monotonic() < end, left
        time.sleep(0.02)
    return place


def cut_everywhere(pair, points):
    """Moves alice back and forth, each time over a wire that breaks at the next point."""
    source, target = pair
    uuid = run(source)
    places = {source: 0, target: 0}
    for side, limit in points:
        wire = Wire(target.port, *([limit, None] if side == 0 else [None, limit]))
        try:
            source.call.migrate("alice", "localhost", False, wire.port)
        except Exception as error:
            assert "\n" not in error.faultString
        place = one_copy(source, target, uuid)
        places[place] += 1
        wire.close()
        if place is target:
            source, target = target, source
    return places


def lengths(pair):
    """How many bytes either side says when all goes well."""
    source, target = pair
    run(source)
    wire = Wire(target.port, cuts=0)
    source.call.migrate("alice", "localhost", False, wire.port)
    wait_until(lambda: "alice" in target.names())
    target.call.destroy("alice")
    wire.close()
    return wire.total


def test_cut_everywhere(pair):
    sent, answered = lengths(pair)
    # What the target says and what the source says last, and points in the stream. CUT_STEP=1: at each byte.
    step = int(os.environ.get("CUT_STEP", "3"))
    points = [(1, n) for n in range(0, answered + 1, step)]
    points += [(0, n) for n in range(sent - 90, sent + 1, step)] + [(0, n) for n in range(0, sent - 90, sent // 40)]
    places = cut_everywhere(pair, points)
    print(f"{len(points)} points, {sum(places.values())} moves")
    assert sum(places.values()) == len(points)


def migrate_in_background(source, target, live=False):
    def work():
        try:
            source.call.migrate("alice", "localhost", live, target.port)
        except Exception:
            pass
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def restart(host):
    """For a moment a script that the former xend has just begun may have its sockets: then once more, as init would."""
    def answers():
        try:
            return host.names()
        except OSError:
            if host.xend.poll() is not None:
                begin()
            return None

    def begin():
        host.xend = subprocess.Popen([BUILD / "xend", "start"], env=dict(host.environment, XEND_DAEMONIZE="0"),
                                     stderr=host.errors)
        time.sleep(0.1)
    begin()
    wait_until(answers, 30)


@pytest.mark.parametrize("which", ["source", "target", "both"])
def test_killed_at_any_time(pair, which):
    """xend dies on either side at random instants, and the next one comes to the same end as the other side."""
    source, target = pair
    uuid = run(source)
    chance = random.Random(int(os.environ.get("SEED", "7")))
    for _ in range(14):
        migrate_in_background(source, target, live=chance.random() < 0.5)
        time.sleep(chance.random() * 0.25)
        if which != "target":
            source.kill()
        if which != "source":
            target.kill()
        for host in pair:
            if host.xend.poll() is not None:
                restart(host)
        if one_copy(source, target, uuid) is target:
            source, target = target, source


class Deaf(Wire):
    """Nothing of what the target says after "prepared" arrives, nor does any later connection."""

    def __init__(self, port):
        super().__init__(port, cuts=1 << 30)
        self.alive = False

    def carry(self, from_, to, side, limit):
        if self.cuts < (1 << 30) - 1 and not self.alive:
            self.hang_up(from_, to)
            return
        seen = b""
        try:
            while part := from_.recv(65536):
                seen = (seen + part)[-200:]
                if side == 1 and b"running" in seen:
                    break
                to.sendall(part)
        except OSError:
            pass
        self.hang_up(from_, to)


def spoil(host, side):
    record, = (host.directory / "state/relocation").glob(f"*.{side}.sxp")
    record.write_text("(relocation")


@pytest.mark.parametrize("end", ["answer", "restart", "here", "there", "unreadable"])
def test_doubt(pair, end):
    """A target that is not heard of after the decision: the guest stays suspended until it answers, or the user does."""
    source, target = pair
    uuid = run(source)
    wire = Deaf(target.port)
    message = fault(source.call.migrate, "alice", "localhost", False, wire.port).faultString
    assert "not known" in message and "\n" not in message
    assert running(source) == []
    for call in (source.call.unpause, source.call.destroy, source.call.pause):
        assert "does not answer whether it runs there" in fault(call, "alice").faultString
    wait_until(lambda: len(running(target)) == 1)
    if end in ("restart", "unreadable"):
        source.kill()
        if end == "unreadable":
            spoil(source, "source")
        restart(source)
        assert running(source) == []
        assert "does not answer" in fault(source.call.destroy, "alice").faultString
    if end in ("answer", "restart"):
        wire.alive = True
        wait_until(lambda: "alice" not in source.names(), 30)
        moved(source, target, uuid)
    elif end in ("there", "unreadable"):
        source.call.migrate_decide("alice", False)
        assert source.leftovers() == []
    else:
        # The user knows that the other one is gone.
        target.kill()
        source.call.migrate_decide("alice", True)
        assert running(source) == [source.domid()]
        restart(target)
    assert "does not wait" in fault(source.call.migrate_decide, "alice", True).faultString if end == "here" else True
    wire.close()


def test_target_cannot_read_its_record(pair):
    """What has been decided for it stays there, if only as it is; the user tells the source."""
    source, target = pair
    run(source)
    (target.fake / "slow.unpause").write_text("2000")
    mover = migrate_in_background(source, target)
    wait_until(lambda: list(target.directory.glob("state/relocation/*.target.sxp")))
    target.kill()
    spoil(target, "target")
    (target.fake / "slow.unpause").unlink()
    restart(target)
    mover.join(30)
    assert running(source) == running(target) == []
    assert "does not answer" in fault(source.call.unpause, "alice").faultString
    target.call.unpause("migrating-alice")
    source.call.migrate_decide("alice", False)
    assert source.leftovers() == [] and len(running(target)) == 1


def sizes_of(host):
    """How many descriptors and threads its xend has."""
    return [len(os.listdir(f"/proc/{host.xend.pid}/{kind}")) for kind in ("fd", "task")]


def test_silence_garbage_and_crowds(pair):
    source, target = pair
    uuid = run(source)
    sizes, hello = sizes_of(target), frame("(hello (oldest 1) (newest 1))")
    silent = [socket.create_connection(("localhost", target.port)) for _ in range(60)]
    bad = [b"GET / HTTP/1.0\r\n\r\n", b"XENDMOVE", b"XENDMOVE\xff\xff\xff\xff", b"XENDMOVE\0\0\0\4abcd", bytes(5000),
           b"XENDMOVE\0\0\0\2()", frame("(hello (oldest 1) (newest 1))", "(ask (id ../../etc/passwd))"),
           frame("(hello (oldest 9) (newest 9))"), frame("(hello)"), frame("(hello (oldest 1) (newest 1))", "(offer)"),
           frame("(hello (oldest 1) (newest 1))", "(offer (id x) (stream x86-pv-3) (config (vm)))"),
           frame("(hello (oldest 1) (newest 1))", "(" * 100)]
    for one in silent:
        one.close()
    wait_until(lambda: connects(target, hello), 15)
    for data in bad:
        with socket.create_connection(("localhost", target.port)) as client:
            client.settimeout(15)
            try:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):
                    pass
            except OSError as error:
                assert not isinstance(error, TimeoutError)
    for _ in range(1000):
        with socket.create_connection(("localhost", target.port)) as client, contextlib.suppress(ConnectionError):
            client.send(b"X")
    # Those that came before have been accepted then; and each ends by itself.
    wait_until(lambda: connects(target, hello), 30)
    wait_until(lambda: all(now <= before + more for now, before, more in zip(sizes_of(target), sizes, (2, 6))), 30)
    source.call.migrate("alice", "localhost", False, target.port)
    moved(source, target, uuid)


def answers(host, *texts):
    """What a host says, up to the end of the connection, to these messages behind one another."""
    with socket.create_connection(("localhost", host.port)) as client:
        client.settimeout(15)
        client.sendall(frame("(hello (oldest 1) (newest 1))", *texts))
        client.shutdown(socket.SHUT_WR)
        data = b""
        while more := client.recv(4096):
            data += more
    return data.decode(errors="replace")


@pytest.mark.parametrize("content, answer", [
    (None, "(answer no)"), ("", "(error"), ("(relocation (phase committed))", "(error"), ("/", "(error"),
    ("(relocation (phase committed) (id %s) (name a) (uuid u) (host h))", "(answer yes)"),
])
def test_what_cannot_be_known_is_not_answered(pair, content, answer):
    """Neither yes nor no may be said of a move whose record cannot be read."""
    host, ident = pair[1], str(uuid4())
    record = host.directory / "state/relocation" / (ident + ".target.sxp")
    if content == "/":
        record.mkdir(parents=True)
    elif content is not None:
        record.parent.mkdir(exist_ok=True)
        record.write_text(content.replace("%s", ident))
    said = answers(host, f"(ask (id {ident}))")
    assert answer in said and said.count("(answer") == answer.count("(answer")


def frame_of(text):
    return struct.pack(">I", len(text)) + text.encode()


def frame(*texts):
    return b"XENDMOVE" + b"".join(frame_of(text) for text in texts)


def connects(host, data):
    with socket.create_connection(("localhost", host.port)) as client:
        client.settimeout(5)
        try:
            client.sendall(data)
            return b"hello" in client.recv(4096)
        except (ConnectionError, TimeoutError):
            return False


def test_versions_and_hosts(pair):
    source, target = pair
    uuid = run(source)
    with socket.create_connection(("localhost", target.port)) as client:
        client.sendall(frame("(hello (oldest 2) (newest 3))"))
        assert b"speaks versions 1 to 1 of the protocol, not 2 to 3" in client.recv(4096)
    target.set_options(f"(xend-relocation-server yes)(xend-relocation-port {target.port})"
                       "(xend-relocation-hosts-allow '^10\\\\.0\\\\.0\\\\.1$ ^other\\\\.example$')")
    target.stop()
    restart(target)
    assert "connection" in fault(source.call.migrate, "alice", "localhost", False, target.port).faultString.lower()
    assert "does not name it" in target.log.read_text()
    stayed(source, target, uuid)


def test_stall(pair):
    """A target that does nothing any more, while its machine lives: a guest that waits for it goes on."""
    source, target = pair
    uuid = run(source)
    (target.fake / "slow.restore").write_text("1500")
    thread = migrate_in_background(source, target)
    wait_until(lambda: len(target.domains_in_hypervisor()) > 1 and not running(source))
    target.xend.send_signal(signal.SIGSTOP)
    try:
        # All is sent, for it is little; the user who goes away is noticed all the same.
        source.call.migrate_cancel("alice")
        thread.join(10)
        assert not thread.is_alive() and running(source) == [source.domid()]
    finally:
        target.xend.send_signal(signal.SIGCONT)
    stayed(source, target, uuid)


def test_cancel(pair):
    """By the operation, and by going away."""
    source, target = pair
    uuid = run(source)
    (source.fake / "stream").write_text("40")
    (source.fake / "slow.save").write_text("50")
    assert "not being moved" in fault(source.call.migrate_status, "alice").faultString
    for live in (True, False):
        thread = migrate_in_background(source, target, live)
        wait_until(lambda: len(target.domains_in_hypervisor()) > 1)
        time.sleep(0.3)
        status = source.call.migrate_status("alice")
        assert status[0] == "migration"
        source.call.migrate_cancel("alice")
        thread.join(10)
        assert not thread.is_alive()
        stayed(source, target, uuid)
    # xm is killed.
    xm = subprocess.Popen([ROOT / "build/tools/bin/xm", "migrate", "--live", "-p", str(target.port), "alice", "localhost"],
                          env=dict(source.environment, XM_SERVER=f"unix:{source.socket}"), stderr=subprocess.PIPE)
    wait_until(lambda: len(target.domains_in_hypervisor()) > 1)
    time.sleep(0.3)
    xm.kill()
    wait_until(lambda: len(target.domains_in_hypervisor()) == 1)
    wait_until(lambda: running(source) == [source.domid()])
    stayed(source, target, uuid)
    (source.fake / "stream").unlink()
    (source.fake / "slow.save").unlink()
    source.call.migrate("alice", "localhost", True, target.port)
    moved(source, target, uuid)


# ---- TLS ----

@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificates")
    authority(directory, "good")
    authority(directory, "evil")
    for name in ("one", "two"):
        certificate(directory, name, "good")
    certificate(directory, "stranger", "evil")
    certificate(directory, "old", "good", ("200101000000Z", "210101000000Z"))
    certificate(directory, "early", "good", ("20400101000000Z", "20410101000000Z"))
    certificate(directory, "elsewhere", "good", address="DNS:other.example")
    return directory


def tls_options(directory, name, port, authority="good"):
    return (f"(xend-relocation-ssl-server yes)(xend-relocation-ssl-port {port})(enable-dom0-ballooning no)"
            f"(xend-relocation-server-ssl-cert-file {directory}/{name}.crt)"
            f"(xend-relocation-server-ssl-key-file {directory}/{name}.key)"
            f"(xend-relocation-ssl-ca-file {directory}/{authority}.crt)")


def set_tls(host, certificates, name, authority="good"):
    host.set_options(tls_options(certificates, name, host.port, authority))
    host.stop()
    restart(host)


def test_tls(pair, certificates):
    source, target = pair
    # With what GnuTLS loads the leak checker falls over itself ("Tracer caught signal 11"); memory is checked otherwise.
    for host in pair:
        host.environment["ASAN_OPTIONS"] = "detect_leaks=0:abort_on_error=1"
    source.stop()
    restart(source)
    uuid = run(source)
    set_tls(target, certificates, "two")

    def move():
        return source.call.migrate("alice", "localhost", True, target.port, 0, True)

    def refused(*texts):
        message = fault(move).faultString
        assert any(text in message for text in texts) and "\n" not in message, message
        stayed(source, target, uuid)

    refused("TLS needs the option xend-relocation-server-ssl-cert-file")
    set_tls(source, certificates, "stranger")
    # With TLS 1.3 the one who calls learns that he is refused when he first reads.
    refused("certificate", "closed", "TLS")
    assert "nobody whom this host trusts has signed it" in target.log.read_text()
    for name, text in (("old", "it has expired"), ("early", "it is not valid yet")):
        set_tls(source, certificates, name)
        refused("certificate", "closed", "TLS")
        assert text in target.log.read_text()
    set_tls(source, certificates, "one", "evil")
    refused("nobody whom this host trusts has signed it")
    set_tls(source, certificates, "one")
    for name, text in (("old", "it has expired"), ("elsewhere", "it is for another host")):
        set_tls(target, certificates, name)
        refused(text)
    set_tls(target, certificates, "two")
    # In clear to a port with TLS, and without a certificate.
    assert fault(source.call.migrate, "alice", "localhost", False, target.port, 0, False)
    stayed(source, target, uuid)
    done = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{target.port}", "-CAfile", certificates / "good.crt"],
                          input=frame("(hello (oldest 1) (newest 1))"), capture_output=True, timeout=20)
    assert b"(hello (version" not in done.stdout
    assert "moved to localhost" in move()
    moved(source, target, uuid)
    # Back by the option, and with broken connections.
    source.set_options(tls_options(certificates, "one", source.port))
    source.stop()
    restart(source)
    target.call.migrate("alice", "127.0.0.1", False, source.port, 0, True)
    moved(target, source, uuid)
    for limit in (0, 1, 100, 700, 1500, 3000, 10000, 30000):
        wire = Wire(target.port, limit)
        try:
            source.call.migrate("alice", "localhost", False, wire.port, 0, True)
        except Exception as error:
            assert "\n" not in error.faultString
        if one_copy(source, target, uuid) is target:
            source, target = target, source
        wire.close()


def test_tls_needs_its_files(tmp_path, certificates):
    """xend does not start with half of what TLS needs."""
    options = tls_options(certificates, "one", free_port())
    (tmp_path / "a").mkdir()
    host = Host(tmp_path / "a", options.replace("one.key", "none.key"))

    def refuses(text):
        done = subprocess.run([BUILD / "xend", "start"], capture_output=True, text=True, timeout=60,
                              env=dict(host.environment, XEND_DAEMONIZE="0", ASAN_OPTIONS="detect_leaks=0"))
        assert text in done.stderr + host.log.read_text()

    refuses("none.key")
    host.set_options(options.replace("xend-relocation-ssl-ca-file", "xend-relocation-x"))
    refuses("TLS needs the option xend-relocation-ssl-ca-file")
    host.close()


def test_not_in_clear(pair):
    """Nothing goes to other hosts without TLS that was not allowed to."""
    source, target = pair
    uuid = run(source)
    address = os_address()
    if not address:
        pytest.skip("this host has no address but its own")
    target.set_options(f"(xend-relocation-server yes)(xend-relocation-port {target.port})")
    target.stop()
    restart(target)
    assert "xend-relocation-plain" in fault(source.call.migrate, "alice", address, False, target.port).faultString
    stayed(source, target, uuid)
    with socket.create_connection((address, target.port)) as client:
        client.settimeout(10)
        client.sendall(frame("(hello (oldest 1) (newest 1))"))
        try:
            assert client.recv(100) == b""
        except ConnectionError:
            pass
    wait_until(lambda: "xend-relocation-plain" in target.log.read_text())


def os_address():
    """An address of this host that is not the loopback's."""
    found = subprocess.run(["ip", "-4", "-o", "addr", "show", "scope", "global"], capture_output=True, text=True).stdout.split()
    return found[found.index("inet") + 1].split("/")[0] if "inet" in found else None


def test_locks(tmp_path):
    """A domain has one lock, wherever it runs; hosts tell each other by their names."""
    options = f"(xend-domain-lock yes)(xend-domain-lock-path {tmp_path}/lock)"
    host = make_host(tmp_path / "a", "(xend-relocation-server yes)(enable-dom0-ballooning no)" + options)
    locks = tmp_path / "lock"
    uuid = run(host)
    lock = locks / f"{uuid}.lock"
    own = lock.read_text()
    assert f"(host {socket.gethostname()})" in own and "(name alice)" in own
    host.call.migrate("alice", "localhost", False, host.port)
    wait_until(lambda: host.names() == ["Domain-0", "alice"])
    assert lock.read_text() == own
    # xend dies, and so does the domain.
    host.kill()
    (host.fake / f"ring.{host_domid(host)}").unlink()
    restart(host)
    wait_until(lambda: host.names() == ["Domain-0"])
    assert not list(locks.iterdir())
    host.call.new(host.vm("bob"))
    bob = child(host.server.xend.domain("bob"), "uuid")
    (locks / f"{bob}.lock").write_text("(lock (name bob) (host elsewhere))")
    message = fault(host.call.start, "bob", False).faultString
    assert "Domain 'bob' runs at elsewhere" in message and bob in message
    assert host.leftovers() == []
    (locks / f"{bob}.lock").write_text(own.replace("alice", "bob"))
    host.call.start("bob", False)
    host.call.destroy("bob")
    assert not list(locks.iterdir())
    host.obedient = False
    host.close()


def host_domid(host):
    return max(host.domains_in_hypervisor())
