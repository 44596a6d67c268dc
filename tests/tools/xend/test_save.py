"""Saving and restoring as xend does it; what is in the stream is test_stream.c's."""
import itertools
import json
import struct
import threading
import time

import pytest
from fakehost import BUILD, wait_until
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


def saved(host, path):
    """Runs a guest and saves it to a file; its uuid."""
    domid, uuid = run(host)
    guest = suspends(host, domid)
    host.call.save("alice", str(path))
    guest.join()
    return uuid


def starts_saving(host, save):
    """Runs a guest and a function that saves it, up to where the guest is asked to suspend; (id, thread of the function)."""
    domid, _ = run(host)
    saving = threading.Thread(target=save)
    saving.start()
    wait_until(lambda: host.store.read(f"/local/domain/{domid}/control/shutdown") == "suspend")
    return domid, saving


def test_save_and_restore(host, tmp_path):
    path = tmp_path / "alice.save"
    uuid = saved(host, path)
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
    assert (tmp_path / "a").read_bytes() == good and not list(tmp_path.glob("a.*"))
    assert "No such file" in fault(host.call.save, "alice", "/nowhere/a").faultString
    assert "path" in fault(host.call.save, "alice", "a").faultString
    host.call.pause("alice")
    assert "paused" in fault(host.call.save, "alice", str(tmp_path / "b")).faultString
    assert "Domain-0" in fault(host.call.save, "0", str(tmp_path / "b")).faultString


SUMS = 59  # bytes of the line with checksums


def without_sums(good):
    """The file as it was before there were any."""
    end = 48 + struct.unpack_from("<I", good, 44)[0]
    assert good[end - SUMS:end - SUMS + 8] == b"\n# xxh3 " and good[end - SUMS - 1:end - SUMS] == b")"
    return good[:44] + struct.pack("<I", end - 48 - SUMS) + good[48:end - SUMS] + good[end:]


def refused(host, path, data):
    """What restoring this file says; nothing is left of it."""
    path.write_bytes(data)
    text = fault(host.call.restore, str(path)).faultString
    assert str(path) in text and "\n" not in text
    assert host.leftovers() == [] and host.names() == ["Domain-0"]
    assert path.read_bytes() == data
    return text


def test_damaged(host, tmp_path):
    """One wrong bit, in the configuration, in the checksums, in the stream, or around it."""
    path = tmp_path / "a"
    saved(host, path)
    good = path.read_bytes()
    end = 48 + struct.unpack_from("<I", good, 44)[0]
    stream = end + 24
    tail = len(good) - 8

    def flipped(at):
        return good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1:]
    places = [range(48), range(48, end, 5), range(end - SUMS, stream), range(stream, tail, 257), range(tail, len(good))]
    for at in itertools.chain(*places):
        text = refused(host, path, flipped(at))
        if 48 <= at < end or stream < at < tail:
            assert "is damaged" in text, at
    # Parts exchanged: of the stream; the checksums with those of another file.
    part = good[stream + 100:stream + 200]
    assert "damaged" in refused(host, path, good[:stream + 300] + part + good[stream + 400:])
    saved(host, path)
    other = path.read_bytes()
    assert other[stream:] != good[stream:]
    assert "damaged" in refused(host, path, good[:stream] + other[stream:])
    # Files of before; they are as good.
    path.write_bytes(without_sums(good))
    assert child(host.call.restore(str(path)), "name") == "alice"
    host.call.destroy("alice")


def test_bad_files(host, tmp_path):
    """What is wrong by itself, whatever checksums say."""
    path = tmp_path / "a"
    saved(host, path)
    good = without_sums(path.read_bytes())
    data_length, json_length = struct.unpack_from("<II", good, 44)
    stream = 48 + data_length

    def changed(at, *values):
        return good[:at] + bytes(values) + good[at + len(values):]
    cases = [(b"", "is cut off"), (b"x" * 100, "is no saved domain"), (good[:18], "is cut off"),
             (changed(32, 1, 2, 3, 4), "another order of bytes"), (changed(36, 7), "its flags are 0x7"),
             (changed(47, 0xff), "configuration of"), (changed(51, 0xff), "configuration of"),
             (changed(44, *struct.pack("<I", 4 + json_length)), "no domain behind"),
             (changed(52 + json_length, ord(")")), ""), (changed(stream, 0), "no domain behind"),
             (changed(stream + 11, 3), "in version 3"), (changed(stream + 15, 1), "big-endian"),
             (changed(stream + 15, 2), "converted"), (changed(stream + 14, 1), "unknown options 0x100"),
             (changed(stream + 16, 9), "record of type 0x9"),
             (changed(stream + 20, 1), "a body"), (good[:-1], "is cut off"), (good[:-8], "is cut off"),
             (changed(len(good) - 8, 1), "record of type 0x1")]
    for data, message in cases:
        assert message in refused(host, path, data)
    assert "is no file" in fault(host.call.restore, str(tmp_path)).faultString
    # Cut off wherever; what a reader may leave out; device models' state.
    for length in range(0, len(good), 7 if len(good) < 8000 else 101):
        path.write_bytes(good[:length])
        assert "is cut off" in fault(host.call.restore, str(path)).faultString
    extra = struct.pack("<II5s3x", 0x80001234, 5, b"extra") + struct.pack("<IIQ", 3, 8, 0)
    path.write_bytes(good[:stream + 16] + extra + good[stream + 16:-8] + extra + good[-8:])
    assert child(host.call.restore(str(path)), "state") == "------"
    host.call.destroy("alice")
    path.write_bytes(good)
    (host.fake / "fail.restore").touch()
    assert "cut off" in fault(host.call.restore, str(path)).faultString
    assert host.leftovers() == [] and host.names() == ["Domain-0"]


LIBXL = {
    "c_info": {"type": "pv", "name": "bob", "uuid": "9cae1119-a0ef-4c8a-8900-9c25ad069efc"},
    "b_info": {
        "max_vcpus": 3, "avail_vcpus": [0, 1], "max_memkb": 131072, "target_memkb": 65536, "shadow_memkb": 1024,
        "sched_params": {"weight": 100, "cap": 5}, "kernel": "/boot/k", "cmdline": "a b", "ramdisk": "/r",
        "type.pv": {}, "arch_arm": {}, "arch_x86": {}},
    "nics": [{"devid": 0, "mac": "00:16:3e:01:02:03", "ip": "10.1.2.3", "bridge": "br0", "nictype": "vif",
              "script": "/etc/xen/scripts/vif-bridge"}],
    "on_reboot": "restart", "on_watchdog": "coredump_destroy", "on_crash": "restart_rename"}


def libxl_file(good, configuration):
    """A file as xl writes it, with the domain of one of ours."""
    data_length = struct.unpack_from("<I", good, 44)[0]
    text = json.dumps(configuration).encode() + b"\0"
    return good[:44] + struct.pack("<II", 4 + len(text), len(text)) + text + good[48 + data_length:]


def test_file_of_xl(host, tmp_path):
    """A configuration in libxl's form becomes ours, and ours has all that libxl wants to know in its form."""
    path = tmp_path / "a"
    saved(host, path)
    good = path.read_bytes()
    length = struct.unpack_from("<I", good, 48)[0]
    configuration = json.loads(good[52:52 + length - 1])
    assert configuration["c_info"]["name"] == "alice"
    assert configuration["b_info"]["target_memkb"] == configuration["b_info"]["max_memkb"] == 64 << 10
    assert configuration["b_info"]["avail_vcpus"] == [0] and configuration["b_info"]["cmdline"] == "quiet"
    assert configuration["nics"][0]["mac"] == "00:16:3e:01:02:03" and configuration["on_poweroff"] == "destroy"
    path.write_bytes(libxl_file(good, LIBXL))
    sxp = host.call.restore(str(path))
    assert child(sxp, "name") == "bob" and child(sxp, "uuid") == LIBXL["c_info"]["uuid"]
    assert (child(sxp, "vcpus"), child(sxp, "maxvcpus"), child(sxp, "cpu_weight"), child(sxp, "cpu_cap")) == (2, 3, 100, 5)
    assert (child(sxp, "on_poweroff"), child(sxp, "on_reboot"), child(sxp, "on_crash")) == (
        "destroy", "restart", "rename-restart")
    assert child(sxp, "image") == ["linux", ["kernel", "/boot/k"], ["ramdisk", "/r"], ["args", "a b"]]
    vif = child(sxp, "device")
    assert child(vif, "bridge") == "br0" and child(vif, "ip") == "10.1.2.3" and child(vif, "mac") == "00:16:3e:01:02:03"
    host.call.destroy("bob")
    for change, message in (({"c_info": {"type": "hvm"}}, "of type hvm"), ({"c_info": {"type": "pv"}}, "name"),
                            ({"b_info": {}}, "memory"), ({"b_info": []}, "memory")):
        path.write_bytes(libxl_file(good, {**LIBXL, **change}))
        assert message in fault(host.call.restore, str(path)).faultString
    for text in (b"[]\0", b"{\0", b""):
        path.write_bytes(good[:44] + struct.pack("<II", 4 + len(text), len(text)) + text
                         + good[48 + struct.unpack_from("<I", good, 44)[0]:])
        assert "JSON" in fault(host.call.restore, str(path)).faultString
    assert host.leftovers() == [] and host.names() == ["Domain-0"]


def test_killed_while_saving(host, tmp_path):
    """A guest that was asked to suspend goes on, whether it has done so when the next xend starts, or does so later."""
    def save():
        pytest.raises(Exception, host.call.save, "alice", str(tmp_path / "a"))

    for late in (False, True):
        domid, saving = starts_saving(host, save)
        assert list(tmp_path.glob("a.*"))
        host.kill()
        saving.join()
        # The guest takes note, and is slow.
        host.store.write(f"/local/domain/{domid}/control/shutdown", "")
        if not late:
            host.guest_ends(domid, SUSPEND)
        host.start()
        if late:
            assert host.domid() == domid
            host.guest_ends(domid, SUSPEND)
        wait_until(lambda: child(host.server.xend.domain("alice"), "state") == "------")
        assert host.domid() == domid and not list(tmp_path.glob("a*"))
        # What it does of its own accord stays.
        host.guest_ends(domid, SUSPEND)
        time.sleep(0.5)
        assert child(host.server.xend.domain("alice"), "state") == "---s--"
        host.call.destroy("alice")
    # One that has not even taken note is not asked any more.
    domid, saving = starts_saving(host, save)
    host.kill()
    saving.join()
    host.start()
    assert host.store.read(f"/local/domain/{domid}/control/shutdown") is None
    host.call.destroy("alice")
    assert host.leftovers() == [] and not list(tmp_path.glob("a*"))


def test_progress(host, tmp_path):
    path = str(tmp_path / "a")
    assert path in fault(host.server.xend.progress, path).faultString
    domid, saving = starts_saving(host, lambda: host.call.save("alice", path))
    assert host.server.xend.progress(path) == ["progress", ["stage", "suspending"], ["done", 0], ["total", 0]]
    host.guest_ends(domid, SUSPEND)
    saving.join()
    assert "nobody" in fault(host.server.xend.progress, path).faultString
    host.call.restore(path)
    assert "nobody" in fault(host.server.xend.progress, path).faultString


def test_managed_suspend(host):
    uuid_of = lambda: child(host.server.xend.domain("alice"), "uuid")  # noqa: E731
    host.call.new(host.vm("alice", VIF))
    host.call.start("alice", False)
    uuid, domid = uuid_of(), host.domid()
    file = host.directory / "domains" / uuid / "checkpoint.chk"
    assert "not suspended" in fault(host.call.resume, "alice").faultString
    guest = suspends(host, domid)
    host.call.suspend("alice")
    guest.join()
    assert file.exists() and host.leftovers() == []
    assert child(host.server.xend.domain("alice"), "state") == "---s--"
    assert host.server.xend.domains_with_state(False, "suspended") == ["alice"]
    for call in (host.call.start, host.call.suspend):
        assert fault(call, "alice")
    assert "suspended" in fault(host.call.new, host.vm("alice")).faultString
    assert "suspended" in fault(host.call.restore, str(file)).faultString
    host.kill()
    host.start()
    assert host.server.xend.domains_with_state(False, "suspended") == ["alice"]
    (host.fake / "fail.restore").touch()
    assert fault(host.call.resume, "alice")
    assert file.exists() and host.server.xend.domains_with_state(False, "suspended") == ["alice"]
    (host.fake / "fail.restore").unlink()
    host.call.resume("alice", True)
    assert child(host.server.xend.domain("alice"), "state") == "--p---" and uuid_of() == uuid
    assert not file.exists() and host.server.xend.domains_with_state(False, "suspended") == []
    host.call.unpause("alice")
    guest = suspends(host, host.domid())
    host.call.suspend("alice")
    guest.join()
    host.call.delete("alice")
    assert not file.exists() and host.names() == ["Domain-0"] and host.leftovers() == []
    run(host)
    assert "not managed" in fault(host.call.suspend, "alice").faultString


def test_suspend_at_the_end(host):
    """on_xend_stop and on_xend_start of a managed domain."""
    host.call.new(host.vm("alice", ["on_xend_start", "start"], ["on_xend_stop", "suspend"]))
    host.call.start("alice", False)
    guest = suspends(host, host.domid())
    host.stop()
    guest.join()
    assert host.leftovers() == [] and list((host.directory / "domains").glob("*/checkpoint.chk"))
    host.start()
    wait_until(lambda: host.domid() is not None)
    wait_until(lambda: child(host.server.xend.domain("alice"), "state") == "------")
    assert not list((host.directory / "domains").glob("*/checkpoint.chk"))
    host.call.destroy("alice")


def test_dump(host, tmp_path):
    domid, uuid = run(host)
    core = tmp_path / "core"
    assert host.call.dump("alice", str(core)) == str(core)
    assert core.read_text() == f"core of {domid}" and core.stat().st_mode & 0o777 == 0o600
    assert child(host.server.xend.domain("alice"), "state") == "------"
    assert "not a path" in fault(host.call.dump, "alice", "core").faultString
    assert "/nowhere/core" in fault(host.call.dump, "alice", "/nowhere/core").faultString
    (host.fake / "fail.dump").touch()
    assert "cannot be written" in fault(host.call.dump, "alice", str(core)).faultString
    assert core.read_text() == f"core of {domid}" and len(list(tmp_path.glob("core*"))) == 1
    assert child(host.server.xend.domain("alice"), "state") == "------"
    (host.fake / "fail.dump").unlink()
    host.call.dump("alice", str(core), True, False, True)
    assert host.domid() != domid and child(host.server.xend.domain("alice"), "uuid") == uuid
    host.call.dump("alice", str(core), False, True)
    assert host.names() == ["Domain-0"] and host.leftovers() == []


def test_dump_of_crash(host):
    host.call.create(host.vm("alice", ["on_crash", "coredump-destroy"]))
    domid = host.domid()
    host.guest_ends(domid, 3)
    wait_until(lambda: host.leftovers() == [])
    cores = list((BUILD / "dump/alice").glob(f"*-alice.{domid}.core"))
    assert cores and cores[-1].read_text() == f"core of {domid}"
    for core in cores:
        core.unlink()
