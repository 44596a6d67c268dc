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


def make_host(directory, options="(xend-relocation-server yes)"):
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
        flags = struct.unpack_from("<I", (host.fake / f"ring.{domid}").read_bytes(), 4096 + 4)[0] if domid else 2
        if not flags & 2 and not (host.fake / f"shutdown.{domid}").exists():
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
    assert target.names() == ["Domain-0"]
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
