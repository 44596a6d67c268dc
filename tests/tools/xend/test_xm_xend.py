"""xm and xend together: commands as users type them, on a host whose hypervisor is a directory of files."""

import os
import subprocess

import pytest

from fakehost import ROOT, wait_until

XM = ROOT / "build/tools/bin/xm"


@pytest.fixture(scope="module", autouse=True)
def xm_built():
    subprocess.run(["make", "-s", "-C", ROOT / "tools", XM, f"ROOT={ROOT}"], check=True)


@pytest.fixture
def xm(host):
    def run(*arguments, code=0):
        done = subprocess.run([XM, *map(str, arguments)], text=True, capture_output=True, timeout=60,
                              env={**os.environ, "XM_SERVER": f"unix:{host.socket}", "LC_ALL": "C.UTF-8"})
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr
    run.config = host.directory / "alice.cfg"
    run.config.write_text(f"kernel = '{host.kernel}'\nname = 'alice'\nmemory = 64\nvcpus = 2\ncpus = '0-1'\n"
                          "vif = ['mac=00:16:3e:01:02:03, bridge=br0']\nextra = 'quiet'\n")
    return run


def rows(text):
    return [line.split() for line in text.splitlines()[1:]]


def test_life_of_a_domain(host, xm):
    assert xm("create", "-q", xm.config) == ""
    domid = str(host.domid())
    assert xm("domid", "alice") == f"{domid}\n" and xm("domname", domid) == "alice\n"
    (_, alice) = rows(xm("list"))
    assert alice[:4] == ["alice", domid, "64", "2"] and len(alice[4]) == 6
    xm("pause", "alice")
    assert rows(xm("list", "--state=paused"))[0][4] == "--p---"
    xm("unpause", domid)
    assert [row[1:3] for row in rows(xm("vcpu-list", "alice"))] == [[domid, "0"], [domid, "1"]]
    xm("vcpu-pin", "alice", "all", "all")
    xm("rename", "alice", "bob")
    assert "alice" in xm("pause", "alice", code=3)
    assert xm("uptime", "bob").splitlines()[1].split()[:2] == ["bob", domid]
    xm("destroy", "bob")
    assert len(rows(xm("list"))) == 1 and host.leftovers() == []


def test_paused_and_started_message(host, xm):
    out = xm("create", "-p", xm.config, "memory=80")
    assert out.splitlines()[1] == f"Started domain alice (id={host.domid()})"
    assert rows(xm("list", "alice"))[0][2:5] == ["80", "2", "--p---"]
    assert "alice" in xm("create", "-q", xm.config, code=1)


def test_managed_and_export_edit_import(host, xm):
    xm("new", "-q", xm.config)
    assert rows(xm("list", "--state=halted"))[0][0] == "alice"
    assert "does not run" in xm("domid", "alice", code=1)
    text = xm("list", "-l", "alice")
    edited = host.directory / "alice.sxp"
    edited.write_text(text.replace("(memory 64)", "(memory 96)").replace("(maxmem 64)", "(maxmem 96)"))
    xm("delete", "alice")
    assert "alice" not in xm("list")
    xm("new", "-q", "-F", edited)
    xm("start", "-q", "-p", "alice")
    assert rows(xm("list", "alice"))[0][2] == "96"
    xm("delete", "alice", code=1)
    xm("destroy", "alice")
    xm("delete", "alice")
    assert "alice" not in xm("list") and host.leftovers() == []


def test_devices(host, xm):
    xm("create", "-q", xm.config)
    (nic,) = rows(xm("network-list", "alice"))
    assert nic[:3] == ["0", "0", "00:16:3e:01:02:03"] and nic[-1].startswith("/local/domain/0/backend/vif/")
    xm("network-attach", "alice", "mac=00:16:3e:01:02:04", "bridge=br0")
    assert [row[2] for row in rows(xm("network-list", "alice"))] == ["00:16:3e:01:02:03", "00:16:3e:01:02:04"]
    assert xm("network-list", "-l", "alice").startswith("(0\n")
    assert "/dev/nowhere" in xm("block-attach", "alice", "phy:/dev/nowhere", "xvdb", "r", code=1)
    assert xm("block-list", "alice") == ""
    xm("destroy", "alice")
    assert host.leftovers() == []


def test_create_that_fails_leaves_nothing(host, xm):
    assert "/nowhere" in xm("create", "-q", xm.config, "kernel=/nowhere", code=1)
    assert "/dev/nowhere" in xm("create", "-q", xm.config, "disk=phy:nowhere,xvda,w", code=1)
    assert host.leftovers() == [] and len(rows(xm("list"))) == 1


@pytest.mark.parametrize("action, kept", [("destroy", False), ("preserve", True)])
def test_shutdown_waits_for_the_guest(host, xm, action, kept):
    xm("create", "-q", xm.config, "on_poweroff=" + action)
    domid = host.domid()
    child = subprocess.Popen([XM, "shutdown", "-w", "alice"], text=True, stdout=subprocess.PIPE,
                             env={**os.environ, "XM_SERVER": f"unix:{host.socket}"})
    path = f"/local/domain/{domid}/control/shutdown"
    wait_until(lambda: host.store.read(path) == "poweroff")
    host.store.write(path, "")
    assert child.poll() is None
    host.guest_ends(domid, 0)
    assert child.communicate(timeout=20)[0] == f"Domain {domid} terminated\nAll domains terminated\n"
    assert child.returncode == 0 and (host.leftovers() != []) == kept


def test_host(host, xm):
    info = xm("info")
    assert all(line[23:25] == ": " for line in info.splitlines())
    assert {"host", "nr_cpus", "total_memory", "xen_major", "xen_scheduler"} <= {
        line.split(":")[0].strip() for line in info.splitlines()}
    assert f"logfile                : {host.log}" in xm("info", "-c")
    assert xm("log") == host.log.read_text()
    assert "nobody" in xm("destroy", "nobody", code=3)
    assert "Domain-0" in xm("destroy", "0", code=1)
