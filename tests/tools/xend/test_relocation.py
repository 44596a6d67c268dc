"""Domains that move between two hosts, each with a xend and a hypervisor of files: what goes wrong at any point leaves
exactly one copy that runs, or none but one that waits for an answer, and nothing else."""
import os
import socket
import struct
import threading
import time

import pytest

from fakehost import Host, wait_until
from test_xend import SUSPEND, VIF, child, fault


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
    made = [make_host(tmp_path / name) for name in "ab"]
    yield made
    for host in made:
        host.obedient = False
        host.close()


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
    assert source.leftovers() == [] and source.names() == ["Domain-0"]
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
    target.start()
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
    target.start()
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
        for end in (from_, to):
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
    wait_until(lambda: not [left for left in other.leftovers() if "relocation" not in str(left)])
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
    # Each byte of what the target says and of what the source says last, and points in the stream.
    points = [(1, n) for n in range(0, answered + 1, 1)]
    points += [(0, n) for n in range(sent - 90, sent + 1)] + [(0, n) for n in range(0, sent - 90, sent // 40)]
    places = cut_everywhere(pair, points)
    print(f"{len(points)} points, {sum(places.values())} moves")
    assert sum(places.values()) == len(points)
