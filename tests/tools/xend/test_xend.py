"""xend as a whole, on a host whose hypervisor is a directory of files."""
import http.client
import os
import random
import socket
import ssl
import subprocess
import threading
import time
import xmlrpc.client
from pathlib import Path

import pytest

from certificates import authority, certificate
from fakehost import BUILD, Host, UnixConnection, free_port, wait_until

VIF = ["device", ["vif", ["mac", "00:16:3e:01:02:03"], ["bridge", "br0"]]]
POWEROFF, REBOOT, SUSPEND, CRASH = range(4)


def child(sxp, name):
    for part in sxp[1:]:
        if part[0] == name:
            return part[1]
    return None


def fault(function, *args):
    with pytest.raises(xmlrpc.client.Fault) as caught:
        function(*args)
    return caught.value


def test_domain_zero(host):
    assert host.names() == ["Domain-0"]
    sxp = host.server.xend.domain("0")
    assert sxp[0] == "domain" and child(sxp, "domid") == 0 and child(sxp, "state") == "r-----"
    assert host.store.read("/local/domain/0/name") == "Domain-0"
    assert host.store.read("/local/domain/0/cpu/1/availability") == "online"
    for operation in ("destroy", "pause", "delete", "start", "reset"):
        assert "Domain-0" in fault(getattr(host.call, operation), "Domain-0").faultString


def test_create_and_destroy(host):
    sxp = host.call.create(host.vm("alice", VIF))
    domid, uuid = child(sxp, "domid"), child(sxp, "uuid")
    assert child(sxp, "state") == "--p---" and child(sxp, "memory") == 64
    path = f"/local/domain/{domid}"
    tree = host.store.tree(path)
    assert tree[path + "/name"] == "alice" and tree[path + "/vm"] == "/vm/" + uuid
    assert tree[path + "/memory/target"] == str(64 << 10)
    assert tree[path + "/console/port"] == "2" and tree[path + "/store/port"] == "1"
    assert tree[path + "/cpu/0/availability"] == "online"
    assert tree[path + "/device/vif/0/mac"] == "00:16:3e:01:02:03"
    back = tree[path + "/device/vif/0/backend"]
    assert host.store.read(back + "/hotplug-status") == "connected"
    assert host.store.read(back + "/bridge") == "br0"
    assert host.script_log.read_text() == f"online vif{domid}.0\n"
    assert host.store.read(f"/vm/{uuid}/name") == "alice"
    host.call.unpause("alice")
    assert child(host.server.xend.domain("alice"), "state") == "------"
    devices = host.call.getDeviceSxprs("alice", "vif")
    assert devices[0][0] == 0 and ["mac", "00:16:3e:01:02:03"] in devices[0][1]
    host.call.destroy("alice")
    assert host.script_log.read_text().endswith(f"offline vif{domid}.0\n")
    assert host.leftovers() == [] and host.names() == ["Domain-0"]
    assert fault(host.server.xend.domain, "alice").faultCode == 3


@pytest.mark.parametrize("config, message", [
    (["name", "a b"], "name: 'a b' has other characters"),
    (["name", "17"], "could be taken for an id"),
    (["memory", "x"], "memory: 'x' is no number"),
    (["maxmem", "32"], "maxmem: 32 MiB are less than memory"),
    (["on_crash", "explode"], "on_crash: 'explode' is none of"),
    (["on_reboot", "coredump-restart"], "on_reboot: 'coredump-restart' is none of"),
    (["cpus", "3-1"], "cpus: '3-1' is no set of CPUs"),
    (["cpus", "9"], "cpus: '9' leaves no CPU of 4"),
    (["image", ["linux", ["kernel", "/no/such/vmlinuz"]]], "/no/such/vmlinuz"),
    (["image", ["hvm"]], "the type 'hvm' is not supported"),
    (["device", ["vbd", ["uname", "phy:x"], ["dev", "foo"]]], "dev: 'foo' is no name of a disk"),
    (["device", ["vif", ["ip", "10.0.0.1 $(id)"]]], "ip: '$(id)' is no address"),
    (["device", ["vif", ["vifname", "-all"]]], "vifname: '-all' is no name of an interface"),
    (["device", ["vif", ["bridge", ".."]]], "bridge: '..' is no name of an interface"),
    (["device", ["vbd", ["uname", "phy:/dev/nowhere"], ["dev", "xvda"]]], "/dev/nowhere: No such file"),
    (["device", ["vbd", ["uname", "zip:x"], ["dev", "xvda"]]], "there is no kind of disk 'zip'"),
    (["device", ["vif", ["mac", "01:00:00:00:00:00"]]], "mac: '01:00:00:00:00:00' is no address"),
    (["device", ["vif", ["rate", "fast"]]], "rate: 'fast' is not like"),
    (["device", ["nosuch"]], "there is no class nosuch"),
    ("x", "holds only (NAME VALUE)"),
])
def test_wrong_configurations(host, config, message):
    assert message in fault(host.call.create, host.vm("alice", config)).faultString
    assert host.leftovers() == [] and host.names() == ["Domain-0"]


def test_wrong_calls(host):
    assert fault(host.server.nosuch).faultCode == 1
    assert "argument domain is missing" in fault(host.call.pause).faultString
    assert "at most 1" in fault(host.call.pause, "a", "b").faultString
    assert "integer was expected" in fault(host.call.setMemoryTarget, "0", "much").faultString
    connection = UnixConnection(str(host.socket))
    connection.request("POST", "/RPC2", "<methodCall>")
    assert b"faultCode" in connection.getresponse().read()
    connection = UnixConnection(str(host.socket))
    connection.request("GET", "/RPC2")
    assert connection.getresponse().status == 405
    connection = UnixConnection(str(host.socket))
    connection.putrequest("POST", "/RPC2")
    connection.putheader("Content-Length", str(1 << 30))
    connection.endheaders()
    assert connection.getresponse().status == 413
    assert host.names() == ["Domain-0"]


def test_connections_end(host):
    """Clients that leave between two requests leave nothing, and those that come all at once wait."""
    def descriptors():
        return len(list(Path(f"/proc/{host.xend.pid}/fd").iterdir()))

    def one_call():
        connection = UnixConnection(str(host.socket))
        connection.request("POST", "/RPC2", xmlrpc.client.dumps((), "xend.domains"))
        answers.append(connection.getresponse().read())
        connection.request("GET", "/nowhere")
        connection.getresponse().read()
        connection.close()

    answers, before = [], descriptors()
    threads = [threading.Thread(target=one_call) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 60 and all(b"Domain-0" in answer for answer in answers)
    wait_until(lambda: descriptors() <= before)


def test_table_and_document_agree(host):
    methods = host.server.system.listMethods()
    text = (BUILD.parents[2] / "docs/design/xend-calls.md").read_text()
    assert [name for name in methods if name.split(".")[-1] not in text] == []
    assert host.server.system.methodHelp("xend.domain.pause")
    assert host.server.system.methodSignature("xend.domain.rename") == "domain:d name:s"


def test_failures_while_building_leave_nothing(host):
    for call in ("create", "build"):
        (host.fake / f"fail.{call}").touch()
        fault(host.call.create, host.vm("alice", VIF))
        (host.fake / f"fail.{call}").unlink()
        assert host.leftovers() == []
    host.script.write_text("#!/bin/sh\n[ $1 = offline ] || { echo no bridge; exit 1; }\n")
    assert "online failed: no bridge" in fault(host.call.create, host.vm("alice", VIF)).faultString
    assert host.leftovers() == []
    host.script.write_text("#!/bin/sh\n[ $1 = offline ] || sleep 60 & wait\n")
    assert "did not end within 3 seconds" in fault(host.call.create, host.vm("alice", VIF)).faultString
    assert host.leftovers() == []
    host.backends.dead.add("vif")
    assert "the back end does not answer" in fault(host.call.create, host.vm("alice", VIF)).faultString
    assert host.leftovers() == [] and host.names() == ["Domain-0"]


def test_names_ids_uuids(host):
    sxp = host.call.create(host.vm())
    uuid, domid = child(sxp, "uuid"), child(sxp, "domid")
    for name in ("alice", domid, str(domid), uuid, uuid.upper()):
        assert child(host.server.xend.domain(name), "name") == "alice"
    assert "exists already" in fault(host.call.create, host.vm()).faultString
    host.call.create(host.vm("bob"))
    assert "exists already" in fault(host.call.setName, "alice", "bob").faultString
    host.call.rename("alice", "carol")
    assert host.store.read(f"/local/domain/{domid}/name") == "carol"
    assert host.store.read(f"/vm/{uuid}/name") == "carol"
    assert host.names() == ["Domain-0", "carol", "bob"]


def test_rows(host):
    """The table has of each domain what it shows, and no more; the states are those of the whole."""
    host.call.create(host.vm("alice", VIF))
    host.call.new(host.vm("bob", VIF))
    whole = {child(sxp, "name"): sxp for sxp in host.server.xend.domains_with_state(True, "all")}
    rows = host.server.xend.domains_with_state(True, "all", True)
    assert [child(row, "name") for row in rows] == ["Domain-0", "alice", "bob"]
    for row in rows:
        assert all(part in whole[child(row, "name")] for part in row)
        assert {part[0] for part in row[1:]} <= {
            "domid", "name", "uuid", "memory", "maxmem", "vcpus", "status", "state", "cpu_time", "online_vcpus",
            "start_time"}
    assert child(rows[2], "domid") is None and child(rows[2], "memory") == 64
    assert host.server.xend.domains_with_state(False, "paused") == ["alice"]
    assert host.server.xend.domains_with_state(False, "halted") == ["bob"]
    (host.fake / "fail.list").touch()
    assert "cannot list" in fault(host.server.xend.domains_with_state).faultString
    (host.fake / "fail.list").unlink()


def test_managed(host):
    host.call.new(host.vm("alice", ["on_xend_start", "start"]))
    sxp = host.server.xend.domain("alice")
    assert child(sxp, "domid") is None and child(sxp, "state") == ""
    assert host.server.xend.domains_with_state(False, "halted") == ["alice"]
    assert "not running" in fault(host.call.pause, "alice").faultString
    host.call.start("alice", False)
    assert "is running" in fault(host.call.delete, "alice").faultString
    assert "is running" in fault(host.call.new, host.vm()).faultString
    host.call.destroy("alice")
    assert host.names() == ["Domain-0", "alice"] and host.leftovers() == []
    # xm list -l, edit, xm new
    again = host.server.xend.domain("alice")
    host.call.new([["memory", 96] if part[0] == "memory" else ["maxmem", 96] if part[0] == "maxmem" else part
                   for part in again])
    assert child(host.server.xend.domain("alice"), "memory") == 96
    host.kill()
    host.start()
    wait_until(lambda: host.store.read(f"/local/domain/{host.domid('alice')}/memory/target") == str(96 << 10))
    host.call.destroy("alice")
    host.call.delete("alice")
    assert host.names() == ["Domain-0"] and list((host.directory / "domains").iterdir()) == []


def age(host, name):
    """Makes the domain old enough to be restarted: as if the clock had moved, by way of the state file."""
    host.kill()
    state = next(path for path in (host.directory / "state").iterdir() if f"(name {name})" in path.read_text())
    lines = ["    (start_time 1)" if "(start_time " in line else line for line in state.read_text().splitlines()]
    state.write_text("\n".join(lines))
    host.start()


def test_ends(host):
    for reason, key, action in ((POWEROFF, "on_poweroff", "destroy"), (CRASH, "on_crash", "destroy")):
        host.call.create(host.vm("alice", VIF, [key, action]))
        host.guest_ends(host.domid(), reason)
        wait_until(lambda: host.names() == ["Domain-0"])
        wait_until(lambda: host.leftovers() == [])
    host.call.create(host.vm("alice", ["on_crash", "preserve"]))
    host.guest_ends(host.domid(), CRASH)
    wait_until(lambda: child(host.server.xend.domain("alice"), "state") == "----c-")
    assert host.server.xend.domains_with_state(False, "crashed") == ["alice"]
    time.sleep(0.3)
    host.kill()
    host.start()
    assert child(host.server.xend.domain("alice"), "state") == "----c-"
    host.call.destroy("alice")
    assert host.leftovers() == []


def test_restart_and_throttle(host):
    uuid = child(host.call.create(host.vm("alice", VIF)), "uuid")
    host.call.unpause("alice")
    age(host, "alice")
    first = host.domid()
    host.guest_ends(first, REBOOT)
    wait_until(lambda: "alice" in host.names() and host.domid() not in (None, first))
    wait_until(lambda: child(host.server.xend.domain("alice"), "state") == "------")
    assert child(host.server.xend.domain("alice"), "uuid") == uuid
    assert host.call.getRestartCount("alice") == 1
    # Again at once: that would go on for ever.
    host.guest_ends(host.domid(), REBOOT)
    wait_until(lambda: host.names() == ["Domain-0"])
    wait_until(lambda: host.leftovers() == [])
    assert "less than 60 seconds" in host.log.read_text()


def test_rename_restart(host):
    uuid = child(host.call.create(host.vm("alice", VIF, ["on_crash", "rename-restart"])), "uuid")
    age(host, "alice")
    first = host.domid()
    host.guest_ends(first, CRASH)
    wait_until(lambda: "alice-1" in host.names() and "alice" in host.names())
    wait_until(lambda: host.domid("alice") is not None)
    old, new = host.server.xend.domain("alice-1"), host.server.xend.domain("alice")
    assert child(old, "domid") == first and child(old, "uuid") != uuid and child(new, "uuid") == uuid
    assert host.store.read(f"/local/domain/{first}/name") == "alice-1"
    host.call.destroy("alice-1")
    host.call.destroy("alice")
    assert host.leftovers() == []


def test_devices(host):
    domid = child(host.call.create(host.vm("alice", VIF)), "domid")
    assert host.call.device_create("alice", ["vif", ["rate", "10Mb/s@20ms"]]) == 1
    back = f"/local/domain/0/backend/vif/{domid}/1"
    assert host.store.read(back + "/rate") == "25000,20000"
    assert host.store.read(back + "/mac").startswith("00:16:3e:")
    assert len([part for part in host.server.xend.domain("alice") if part[0] == "device"]) == 2
    assert "there already" in fault(host.call.device_create, "alice", ["vif", ["devid", "1"]]).faultString
    host.call.destroyDevice("alice", "vif", "00:16:3E:01:02:03")
    assert [device[0] for device in host.call.getDeviceSxprs("alice", "vif")] == [1]
    host.backends.deaf.add("vif")
    assert "not given it up" in fault(host.call.destroyDevice, "alice", "vif", "1").faultString
    host.call.destroyDevice("alice", "vif", "1", True)
    assert host.call.getDeviceSxprs("alice", "vif") == []
    assert "no vif device 7" in fault(host.call.destroyDevice, "alice", "vif", "7").faultString


@pytest.mark.timeout(240)
def test_names_of_disks(host, tmp_path):
    """xen-vbd-interface(7)"""
    host.set_qemu()
    host.call.create(host.vm())
    names = {"xvda": 51712, "xvdb3": 51731, "xvdq": 1 << 28 | 16 << 8, "xvdaa": 1 << 28 | 26 << 8,
             "xvda17": 1 << 28 | 17, "hda": 768, "hdb1": 833, "hdc": 22 << 8, "sda1": 2049, "sdq": 65 << 8,
             "/dev/xvdc": 51744, "0xca30": 51760, "51776": 51776, "xvdf:cdrom": 51792, "ioemu:hdd": 22 << 8 | 64}
    for number, (name, wanted) in enumerate(names.items()):
        image = tmp_path / f"disk{number}"
        image.touch()
        config = ["tap", ["uname", f"tap:qcow2:{image}"], ["dev", name], ["mode", "w"]]
        assert host.call.device_create("alice", config) == wanted, name
    for name in ("xvd", "xvda0", "xvda256", "hda64", "sda16", "fd0", "xvdA", "", "-1", "xvda:tape"):
        assert "dev" in fault(host.call.device_create, "alice",
                              ["tap", ["uname", f"tap:aio:{image}"], ["dev", name]]).faultString
    host.call.destroyDevice("alice", "vbd", "xvdb3")
    assert 51731 not in [device[0] for device in host.call.getDeviceSxprs("alice", "vbd")]


def test_image_disks_are_not_shared(host, tmp_path):
    image = tmp_path / "disk"
    image.write_bytes(bytes(4096))

    def disk(mode):
        return ["device", ["tap", ["uname", f"tap:aio:{image}"], ["dev", "xvda"], ["mode", mode]]]

    for does, message in ("sleep 60", "was not ready within 3 seconds"), ("exit 1", "qemu-dm failed"):
        host.set_qemu(does)
        assert message in fault(host.call.create, host.vm("alice", disk("w"))).faultString
        assert host.leftovers() == []
    host.set_qemu()
    domid = child(host.call.create(host.vm("alice", disk("w"))), "domid")
    assert host.store.read(f"/local/domain/0/backend/qdisk/{domid}/51712/params") == f"raw:{image}"
    assert host.store.read(f"/local/domain/{domid}/device/vbd/51712/virtual-device") == "51712"
    assert "in use by guest alice" in fault(host.call.create, host.vm("bob", disk("r"))).faultString
    host.call.create(host.vm("bob", disk("r!")))
    assert host.call.getDeviceSxprs("bob", "vbd")[0][0] == 51712


def test_resources(host):
    domid = child(host.call.create(host.vm("alice", ["vcpus", "2"], ["maxvcpus", "3"], ["maxmem", "128"])), "domid")
    path = f"/local/domain/{domid}"
    host.call.setMemoryTarget("alice", 96)
    assert host.store.read(path + "/memory/target") == str(96 << 10)
    assert "at most 128 MiB" in fault(host.call.setMemoryTarget, "alice", 129).faultString
    host.call.maxmem_set("alice", 256)
    host.call.setMemoryTarget("alice", 200)
    assert host.store.read(path + "/cpu/2/availability") == "offline"
    host.call.setVCpuCount("alice", 3)
    assert host.store.read(path + "/cpu/2/availability") == "online"
    assert "1 to 3 vCPUs" in fault(host.call.setVCpuCount, "alice", 4).faultString
    host.call.pincpu("alice", "all", "0-3,^1")
    host.call.pincpu("alice", 2, [3])
    info = host.call.getVCPUInfo("alice")
    assert [child(part, "cpumap") for part in info if part[0] == "vcpu"] == [[0, 2, 3], [0, 2, 3], [3]]
    assert "no vCPU 3" in fault(host.call.pincpu, "alice", "3", "all").faultString
    host.call.sched_credit_set("alice", 512, None)
    assert host.call.sched_credit_get("alice") == {"weight": 512, "cap": 0}
    assert "from 1 to 65535" in fault(host.call.sched_credit_set, "alice", 0, 0).faultString
    assert "credit scheduler" in fault(host.call.cpu_sedf_get, "alice").faultString
    host.kill()
    host.start()
    assert child(host.server.xend.domain("alice"), "cpu_weight") == 512
    assert host.call.sched_credit_get("alice")["weight"] == 512


def test_older_schedulers(host):
    host.call.create(host.vm())
    assert "credit scheduler" in fault(host.call.cpu_sedf_set, "alice", 1, 1).faultString
    (host.fake / "scheduler").write_text("4")
    host.call.cpu_sedf_set("alice", "5000000000", 20000000, None, 1)
    assert host.call.cpu_sedf_get("alice") == {
        "period": 5000000000, "slice": 20000000, "latency": 0, "extratime": 1, "weight": 0}
    host.call.cpu_sedf_set("alice", None, None, None, None, 300)
    assert host.call.cpu_sedf_get("alice") == {"period": 0, "slice": 0, "latency": 0, "extratime": 1, "weight": 300}
    assert "a slice needs a period" in fault(host.call.cpu_sedf_set, "alice", None, 10).faultString
    assert ("period 10, slice 20, latency 0, extratime 1, weight 300 is refused: Invalid argument"
            in fault(host.call.cpu_sedf_set, "alice", 10, 20).faultString)
    assert "slice: -1 is out of range" in fault(host.call.cpu_sedf_set, "alice", 10, -1).faultString
    assert "weight: 4294967297 is out of range" in fault(
        host.call.cpu_sedf_set, "alice", 10, 0, 0, 0, str((1 << 32) + 1)).faultString
    host.call.new(host.vm("bob"))
    assert "not running" in fault(host.call.cpu_sedf_get, "bob").faultString
    (host.fake / "scheduler").write_text("0")
    assert "bvt scheduler" in fault(host.call.sched_credit_get, "alice").faultString
    host.call.cpu_bvt_set("alice", 20, 1, 100, 5000000)
    assert host.call.cpu_bvt_get("alice") == {
        "mcuadv": 20, "warpback": 1, "warpvalue": 100, "warpl": 5000000, "warpu": 0}
    assert "mcuadv 0" in fault(host.call.cpu_bvt_set, "alice", 0).faultString
    assert host.server.xend.node.bvt_ctx_allow() == 5000000
    assert host.server.xend.node.bvt_ctx_allow(7000000) == 7000000 == host.server.xend.node.bvt_ctx_allow()
    assert "rrobin" not in fault(host.server.xend.node.rrobin_slice).faultString
    (host.fake / "scheduler").write_text("3")
    assert child(host.server.xend.node.info(), "xen_scheduler") == "rrobin"
    assert "0 ns are refused" in fault(host.server.xend.node.rrobin_slice, 0).faultString


def test_guest_requests(host):
    path = f"/local/domain/{child(host.call.create(host.vm()), 'domid')}/control"
    host.call.shutdown("alice", "reboot")
    assert host.store.read(path + "/shutdown") == "reboot"
    assert "no reason 'boredom'" in fault(host.call.shutdown, "alice", "boredom").faultString
    host.call.send_sysrq("alice", "h")
    assert host.store.read(path + "/sysrq") == "h"
    host.call.send_trigger("alice", "nmi")
    assert "no trigger 'x'" in fault(host.call.send_trigger, "alice", "x").faultString


def test_kernel_arguments(host):
    image = ["image", ["linux", ["kernel", str(host.kernel)], ["root", "/dev/nfs"], ["ip", "10.0.0.2"],
                       ["netmask", "255.0.0.0"], ["gateway", "10.0.0.1"], ["hostname", "alice"],
                       ["nfs_server", "10.0.0.3"], ["nfs_root", "/srv"], ["extra", "4"]]]
    uuid = child(host.call.create(["vm", ["name", "alice"], ["memory", 32], image]), "uuid")
    assert host.store.read(f"/vm/{uuid}/image/cmdline") == (
        "ip=10.0.0.2:10.0.0.3:10.0.0.1:255.0.0.0:alice:eth0:off root=/dev/nfs nfsroot=10.0.0.3:/srv 4")


def test_bootloader(host, tmp_path):
    """It gets the disk's path, whatever is in it, and a directory, of which nothing stays."""
    loader = tmp_path / "loader"
    loader.write_text(f"""#!/bin/sh
echo "$@" >{tmp_path}/arguments
directory=${{2#*=}}
cp {host.kernel} "$directory/boot_kernel.1"
[ ! -e {tmp_path}/fails ] || {{ echo "no menu
on it" >&2; exit 1; }}
echo "(linux (kernel $directory/boot_kernel.1) (args 'root=/dev/xvda ro'))"
""")
    loader.chmod(0o755)
    image, disc = tmp_path / "a:b", tmp_path / "disc"
    for path in (image, disc):
        path.write_bytes(bytes(4096))
    wanted = ["vm", ["name", "alice"], ["memory", 32], ["bootloader", str(loader)], ["image", ["linux", ["extra", "4"]]],
              ["device", ["tap", ["uname", f"tap:aio:{disc}"], ["dev", "xvdc:cdrom"], ["mode", "r"]]],
              ["device", ["tap", ["uname", f"tap:aio:{image}"], ["dev", "xvda"], ["mode", "w"]]]]
    boot = host.directory / "run/boot"
    (tmp_path / "fails").touch()
    assert f"bootloader: {loader} failed: no menu on it" in fault(host.call.create, wanted).faultString
    assert list(boot.iterdir()) == [] and host.leftovers() == []
    (tmp_path / "fails").unlink()
    host.set_qemu()
    uuid = child(host.call.create(wanted), "uuid")
    assert (tmp_path / "arguments").read_text().split()[-1] == str(image)
    assert host.store.read(f"/vm/{uuid}/name") == "alice" and list(boot.iterdir()) == []
    host.kill()
    (boot / "killed").mkdir()
    (boot / "killed/boot_kernel.2").touch()
    host.start()
    assert not boot.exists()


def test_memory_of_domain_zero(tmp_path):
    host = Host(tmp_path, "(dom0-min-mem 900)")
    (host.fake / "dom0").write_text(str(1 << 20))
    (host.fake / "free").write_text(str(16 << 10))
    host.start()
    try:
        message = fault(host.call.create, host.vm("alice", ["memory", 512], ["maxmem", 512])).faultString
        assert "514 MiB are needed, 16 MiB are free, domain 0 may give 124 MiB" in message
        assert "must keep 900 MiB" in fault(host.call.setMemoryTarget, "0", 800).faultString
        assert host.leftovers() == []

        def balloon():
            # At once: xend reads it all the time.
            (host.fake / "draft").write_text(host.store.read("/local/domain/0/memory/target"))
            (host.fake / "draft").rename(host.fake / "dom0")
            return process.poll() is not None

        server = host.server
        process = subprocess.Popen(["/usr/bin/python3", "-c", f"""
import sys; sys.path.insert(0, {str(BUILD.parents[2] / 'tests/tools/xend')!r})
from fakehost import UnixTransport
import xmlrpc.client
xmlrpc.client.ServerProxy('http://x/RPC2', UnixTransport({str(host.socket)!r})).xend.domain.create({host.vm()!r})
"""])
        wait_until(balloon)
        assert process.returncode == 0 and server.xend.domains(False) == ["Domain-0", "alice"]
        assert int(host.store.read("/local/domain/0/memory/target")) == (1 << 20) - (50 << 10)
    finally:
        host.close()


def test_killed_at_any_instant(host):
    """Whenever xend is killed, the next one leaves a domain whole or removes it without a trace."""
    chance = random.Random(5)
    (host.fake / "slow.build").write_text("30")
    whole = 0
    for _ in range(25):
        process = subprocess.Popen(["/usr/bin/python3", "-c", f"""
import sys; sys.path.insert(0, {str(BUILD.parents[2] / 'tests/tools/xend')!r})
from fakehost import UnixTransport
import time, xmlrpc.client
call = xmlrpc.client.ServerProxy('http://x/RPC2', UnixTransport({str(host.socket)!r})).xend.domain
while True:
    call.create({host.vm('alice', VIF)!r})
    time.sleep(0.1)
    call.destroy('alice')
"""], stderr=subprocess.DEVNULL)
        time.sleep(0.1 + chance.random() * 0.6)
        host.kill()
        process.wait()
        host.start()
        if "alice" in host.names():
            whole += 1
            domid = host.domid()
            assert host.domains_in_hypervisor() == [0, domid]
            assert host.store.read(f"/local/domain/{domid}/device/vif/0/state") == "1"
            host.call.destroy("alice")
        assert host.leftovers() == []
    assert 0 < whole < 25


@pytest.mark.parametrize("reason, action, kept", [
    (REBOOT, ["on_reboot", "restart"], []), (CRASH, ["on_crash", "rename-restart"], ["alice-1"])])
def test_killed_while_restarting(host, reason, action, kept):
    """A guest that is to be started anew is, once, and what is to be kept is, whenever xend is killed."""
    chance = random.Random(6)
    for turn in range(10):
        # The first time surely in the middle of building.
        (host.fake / "slow.build").write_text("30" if turn else "500")
        uuid = child(host.call.create(host.vm("alice", VIF, action)), "uuid")
        host.call.unpause("alice")
        age(host, "alice")
        first = host.domid()
        host.log.write_text("")
        host.guest_ends(first, reason)
        if turn:
            time.sleep(chance.random() * 0.4)
        else:
            wait_until(lambda: "building: image" in host.log.read_text())
        host.kill()
        host.start()
        wait_until(lambda: host.names() == ["Domain-0", *kept, "alice"] and host.domid() not in (None, first))
        wait_until(lambda: child(host.server.xend.domain("alice"), "state") == "------")
        assert child(host.server.xend.domain("alice"), "uuid") == uuid
        assert turn or "was being restarted" in host.log.read_text()
        for name in ("alice", *kept):
            host.call.destroy(name)
        assert host.leftovers() == []


def test_guest_gone_while_xend_is_away(host):
    host.call.create(host.vm("alice", VIF))
    host.call.create(host.vm("bob", VIF))
    host.call.create(host.vm("carol"))
    host.kill()
    (host.fake / f"ring.{1}").unlink()
    (host.fake / "shutdown.2").write_text("0")
    host.start()
    wait_until(lambda: host.names() == ["Domain-0", "carol"])
    host.call.destroy("carol")
    assert host.leftovers() == []


def test_list_that_is_old(host):
    """A domain of ours that ended since the hypervisor listed it is not taken for somebody else's."""
    (host.fake / "slow.listed").write_text("200")
    fault(host.call.create, host.vm("alice", ["device", ["vbd", ["uname", "phy:/dev/nowhere"], ["dev", "xvda"]]]))
    for _ in range(5):
        assert host.names() == ["Domain-0"]
        time.sleep(0.1)
    assert "none of ours" not in host.log.read_text()


def test_hypervisor_that_cannot_answer(host):
    """Then a domain keeps all it has until it can."""
    path = f"/local/domain/{child(host.call.create(host.vm('alice', VIF)), 'domid')}/device/vif/0/state"
    bob = child(host.call.create(host.vm("bob")), "domid")
    host.kill()
    (host.fake / "fail.list").touch()
    host.start()
    assert "domain alice: left as it is" in host.log.read_text() and host.store.read(path) == "1"
    host.kill()
    (host.fake / "fail.list").unlink()
    host.start()
    assert host.names() == ["Domain-0", "alice", "bob"] and host.store.read(path) == "1"
    (host.fake / "fail.info").touch()
    host.guest_ends(bob, 0)
    wait_until(lambda: "domain alice: the hypervisor cannot say" in host.log.read_text())
    assert host.store.read(path) == "1"
    (host.fake / "fail.info").unlink()
    wait_until(lambda: host.names() == ["Domain-0", "alice"])
    assert host.store.read(path) == "1"


def test_domains_of_others(host):
    page = bytearray((host.fake / "ring.0").read_bytes())
    (host.fake / "ring.9").write_bytes(bytes(page))
    host.store.write("/local/domain/9/name", "other")
    # Its uuid must not be domain 0's.
    with open(host.fake / "ring.9", "r+b") as file:
        file.seek(4096 + 88)
        file.write(bytes(range(16)))
    host.fire()
    host.call.create(host.vm())
    wait_until(lambda: "other" in host.names())
    assert child(host.server.xend.domain("other"), "domid") == 9
    assert "not made by xend" in fault(host.call.device_create, "other", ["vif"]).faultString
    host.call.destroy("other")
    assert host.names() == ["Domain-0", "alice"]


def test_many_at_once(host):
    import threading
    failures = []

    def work(name):
        try:
            call = host.call
            for _ in range(3):
                call.create(host.vm(name, ["device", ["vif"]]))
                call.unpause(name)
                call.destroy(name)
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)

    threads = [threading.Thread(target=work, args=(f"guest{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        started = time.monotonic()
        host.server.xend.domains(True)
        assert time.monotonic() - started < 3
    assert failures == [] and host.leftovers() == []


def get(port, path, accept="application/sxp", method="GET", body=None, headers=None):
    connection = http.client.HTTPConnection("localhost", port, timeout=10)
    connection.request(method, path, body, {"Accept": accept, **(headers or {})})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_http(tmp_path):
    port = free_port()
    host = Host(tmp_path, f"(xend-http-server yes) (xend-port {port}) (xend-unix-server yes)"
                          f"(xend-unix-path {tmp_path}/xend-socket)").start()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        wait_until(lambda: reachable(port))
        assert "(Domain-0)" in get(port, "/xend/domain")[1]
        assert "<h1>Domains</h1>" in get(port, "/xend/", "text/html")[1]
        assert get(port, "/xend/domain/nosuch")[0] == 404
        assert get(port, "/nosuch")[0] == 404
        assert "(nr_cpus 4)" in get(port, "/xend/node")[1]
        assert "a message" in get(port, "/xend/node/dmesg")[1]
        config = f"(vm (name alice) (memory 32) (image (linux (kernel {host.kernel}))))"
        status, text = get(port, "/xend/domain", method="POST", headers=form,
                           body=f"op=create&config={config.replace(' ', '+')}")
        assert status == 200 and "(name alice)" in text
        assert get(port, "/xend/domain/alice", method="POST", body="op=unpause", headers=form)[0] == 200
        assert child(host.server.xend.domain("alice"), "state") == "------"
        assert "<pre>" in get(port, "/xend/domain/alice", "text/html")[1]
        assert get(port, "/xend/domain/alice", method="POST", body="op=destroy",
                   headers={**form, "Origin": "http://evil.example"})[0] == 403
        assert get(port, "/xend/domain/alice", method="POST", body="op=nosuch", headers=form)[0] == 400
        assert get(port, "/xend/domain/alice", method="POST", body="op=destroy", headers=form)[0] == 200
        assert host.names() == ["Domain-0"]
        connection = UnixConnection(f"{tmp_path}/xend-socket")
        connection.request("GET", "/xend/domain", headers={"Accept": "application/sxp"})
        assert b"(Domain-0)" in connection.getresponse().read()
        assert (tmp_path / "xend-socket").stat().st_mode & 0o777 == 0o600
        host.set_options("(xend-http-server no)")
        host.xend.send_signal(1)
        wait_until(lambda: not reachable(port))
        # All sockets are closed before those that are wanted now are opened; xm waits for that.
        wait_until(lambda: host.connectable(host.socket))
        assert host.names() == ["Domain-0"]
    finally:
        host.close()


def test_rpc_by_tls(tmp_path):
    """Calls over TCP, in clear and with TLS; one who speaks no TLS, or goes away at once, harms nobody."""
    authority(tmp_path, "ca")
    certificate(tmp_path, "host", "ca")
    port = free_port()
    plain = f"(xend-tcp-xmlrpc-server yes)(xend-tcp-xmlrpc-server-address localhost)(xend-tcp-xmlrpc-server-port {port})"
    host = Host(tmp_path, plain + f"(xend-tcp-xmlrpc-server-ssl-cert-file {tmp_path}/host.crt)"
                                  f"(xend-tcp-xmlrpc-server-ssl-key-file {tmp_path}/host.key)").start()
    # What GnuTLS loads is more than the leak checker can take.
    host.environment["ASAN_OPTIONS"] = "detect_leaks=0:abort_on_error=1"
    host.stop()
    host.start()
    try:
        wait_until(lambda: listens(port))
        trust = ssl.create_default_context(cafile=tmp_path / "ca.crt")
        for _ in range(3):
            for junk in (b"", b"POST /RPC2 HTTP/1.1\r\n\r\n"):
                with socket.create_connection(("127.0.0.1", port)) as client:
                    client.sendall(junk)
            with xmlrpc.client.ServerProxy(f"https://localhost:{port}/RPC2", context=trust) as proxy:
                assert proxy.xend.domains(False) == ["Domain-0"]
        with pytest.raises(ssl.SSLError):
            xmlrpc.client.ServerProxy(f"https://localhost:{port}/RPC2").xend.domains(False)
        host.set_options(plain)
        host.xend.send_signal(1)

        def in_clear():
            try:
                return xmlrpc.client.ServerProxy(f"http://localhost:{port}/RPC2").xend.domains(False) == ["Domain-0"]
            except (OSError, http.client.HTTPException):
                return False

        wait_until(in_clear)
    finally:
        host.close()


def test_calls_outlive_a_reload(host):
    """Who has connected, or has sent half of a call, when the options are read again, gets its answer."""
    body = xmlrpc.client.dumps((False,), "xend.domains").encode()
    head = b"POST /RPC2 HTTP/1.1\r\nHost: xend\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(body)
    descriptors = len(os.listdir(f"/proc/{host.xend.pid}/fd"))
    for sent in (0, 10, len(head), len(head) + 20):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(host.socket))
            client.sendall((head + body)[:sent])
            time.sleep(0.2)
            seen = (host.directory / "xend.log").read_text().count("reading the configuration again")
            host.xend.send_signal(1)
            wait_until(lambda seen=seen: (host.directory / "xend.log").read_text().count("reading the configuration") > seen)
            time.sleep(0.2)
            client.sendall((head + body)[sent:])
            answer = b""
            while more := client.recv(4096):
                answer += more
        assert b"200 OK" in answer and b"Domain-0" in answer, (sent, answer)
    wait_until(lambda: len(os.listdir(f"/proc/{host.xend.pid}/fd")) <= descriptors)


def listens(port):
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


def reachable(port):
    try:
        get(port, "/xend/")
    except OSError:
        return False
    return True


def test_daemon(host):
    def xend(command, **more):
        return subprocess.run([BUILD / "xend", command], env=host.environment, text=True, capture_output=True,
                              check=False, **more)

    assert (host.socket.stat().st_mode & 0o777) == 0o600
    assert xend("status").returncode == 0
    assert xend("start").returncode == 0
    assert xend("nosuch").returncode == 2
    assert xend("stop").returncode == 0
    host.xend.wait(5)
    assert xend("status").returncode == 3
    assert not host.socket.exists()
    host.config.write_text("(xend-port x)")
    failed = xend("start")
    assert failed.returncode == 1 and "option xend-port: 'x' is no number" in failed.stderr
    host.set_options("(nosuch 1)")
    assert xend("start").returncode == 0
    assert host.names() == ["Domain-0"]
    assert "option nosuch: there is no such option" in host.log.read_text()
    assert xend("restart").returncode == 0
    assert xend("status").returncode == 0
    assert xend("stop").returncode == 0


def test_damaged_state_is_put_aside(host):
    host.stop()
    bad = host.directory / "state/bad.sxp"
    bad.write_text("(state (phase")
    host.start()
    assert host.names() == ["Domain-0"]
    assert not bad.exists() and bad.with_suffix(".sxp.bad").exists()
