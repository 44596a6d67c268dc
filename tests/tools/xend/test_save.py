"""Saving and restoring as xend does it; what is in the stream is test_stream.c's."""
import threading

from fakehost import wait_until
from test_xend import SUSPEND, VIF, child, fault


def suspends(host, domid):
    """A guest that does what control/shutdown says."""
    def wait():
        wait_until(lambda: host.store.read(f"/local/domain/{domid}/control/shutdown") == "suspend")
        host.guest_ends(domid, SUSPEND)
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def run(host):
    sxp = host.call.create(host.vm("alice", VIF))
    host.call.unpause("alice")
    return child(sxp, "domid"), child(sxp, "uuid")


def test_save_and_restore(host, tmp_path):
    domid, uuid = run(host)
    guest = suspends(host, domid)
    path = tmp_path / "alice.save"
    host.call.save("alice", str(path))
    guest.join()
    assert host.leftovers() == [] and host.names() == ["Domain-0"]
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("alice")] == ["alice.save"]
    assert path.stat().st_mode & 0o777 == 0o600
    sxp = host.call.restore(str(path))
    assert child(sxp, "uuid") == uuid and child(sxp, "state") == "------"
    domid = child(sxp, "domid")
    assert host.store.read(f"/local/domain/{domid}/device/vif/0/mac") == "00:16:3e:01:02:03"
    assert "running" in fault(host.call.restore, str(path)).faultString
    host.call.destroy("alice")
    assert child(host.call.restore(str(path), True), "state") == "--p---"
    host.call.destroy("alice")
    assert host.leftovers() == []


def test_managed_stays(host, tmp_path):
    host.call.new(host.vm("alice"))
    host.call.start("alice", False)
    guest = suspends(host, host.domid())
    host.call.save("alice", str(tmp_path / "a"))
    guest.join()
    assert host.domains_in_hypervisor() == [0]
    host.call.restore(str(tmp_path / "a"))
    assert host.domid() > 0
    assert "running" in fault(host.call.restore, str(tmp_path / "a")).faultString


def test_checkpoint_and_failure_go_on(host, tmp_path):
    domid, _ = run(host)
    guest = suspends(host, domid)
    host.call.save("alice", str(tmp_path / "a"), True)
    guest.join()
    assert host.domid() == domid and child(host.server.xend.domain("alice"), "state") == "------"
    host.store.write(f"/local/domain/{domid}/control/shutdown", "")
    (host.fake / "fail.save").touch()
    guest = suspends(host, domid)
    good = (tmp_path / "a").read_bytes()
    assert "cannot be written" in fault(host.call.save, "alice", str(tmp_path / "a")).faultString
    guest.join()
    assert child(host.server.xend.domain("alice"), "state") == "------"
    assert (tmp_path / "a").read_bytes() == good and not (tmp_path / "a.part").exists()
    assert "No such file" in fault(host.call.save, "alice", "/nowhere/a").faultString
    assert "path" in fault(host.call.save, "alice", "a").faultString
    host.call.pause("alice")
    assert "paused" in fault(host.call.save, "alice", str(tmp_path / "b")).faultString
    assert "Domain-0" in fault(host.call.save, "0", str(tmp_path / "b")).faultString


def test_bad_files(host, tmp_path):
    domid, _ = run(host)
    guest = suspends(host, domid)
    path = tmp_path / "a"
    host.call.save("alice", str(path))
    guest.join()
    good = path.read_bytes()
    cases = [(b"", "is cut off"), (b"x" * 100, "is no saved domain"), (good[:18], "is cut off"),
             (good[:16] + b"\xff" + good[17:], "is no saved domain"), (good[:200], "is cut off"),
             (good[:-1], "it is cut off"), (good[:20] + b")" + good[21:], "")]
    for data, message in cases:
        path.write_bytes(data)
        text = fault(host.call.restore, str(path)).faultString
        assert message in text and str(path) in text and "\n" not in text
        assert host.leftovers() == [] and host.names() == ["Domain-0"]
    assert "is no file" in fault(host.call.restore, str(tmp_path)).faultString
    path.write_bytes(good)
    (host.fake / "fail.restore").touch()
    assert "cut off" in fault(host.call.restore, str(path)).faultString
    assert host.leftovers() == [] and host.names() == ["Domain-0"]
