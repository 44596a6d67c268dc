"""xm against a xend that is a few lines of Python: what it asks, prints and returns."""

import fcntl
import os
import pty
import signal
import socket
import subprocess
import threading
import time
import tty
import xmlrpc.client

import pexpect
import pytest

from programs import BIN, FakeXend, no_domain, run_xm

OK, FAILED, USAGE, NO_DOMAIN, NO_XEND, CONFIG, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


def domain(name, domid=None, state="-b----", memory=64, vcpus=1, time_=1.5, *more):
    sxp = ["domain", ["name", name], ["memory", memory], ["vcpus", vcpus], ["online_vcpus", vcpus],
           ["cpu_time", time_], ["uuid", "00000000-0000-0000-0000-000000000001"]]
    if domid is not None:
        sxp += [["domid", domid], ["state", state]]
    return sxp + list(more)


DOMAINS = [domain("Domain-0", 0, "r-----", 1024, 2, 12.34), domain("alice", 3), domain("bob", None, "", 128)]


def by_name(name):
    for d in DOMAINS:
        if name in (str(d[1][1]), *(str(p[1]) for p in d[1:] if p[0] == "domid")):
            return d
    return no_domain(name)


def all_commands():
    return subprocess.run([BIN / "xm", "help", "--names"], text=True, capture_output=True, check=True).stdout.split()


# ---- help ----

def test_every_command_is_documented():
    long = run_xm("help", "--long").stdout
    manual = run_xm("help", "--man").stdout
    assert len(all_commands()) > 35
    for name in all_commands():
        shown = run_xm("help", name)
        assert shown.returncode == OK and shown.stdout.startswith(f"Usage: xm {name}")
        assert run_xm(name, "--help").stdout == shown.stdout == run_xm(name, "-h").stdout
        assert len(shown.stdout.splitlines()[2]) > 10
        assert f"\n  {name}" in long
        assert "\\fB" + name.replace("-", "\\-") + "\\fR" in manual


def test_help_lists_every_command_once():
    lines = [line.split()[0] for line in run_xm("help").stdout.splitlines() if line.startswith("  ")]
    assert sorted(lines) == sorted(all_commands())
    assert run_xm().returncode == USAGE and run_xm("--help").returncode == OK


def test_every_variable_is_in_help_config():
    shown = run_xm("create", "--help_config").stdout
    names = run_xm("help", "--variables").stdout.split()
    assert len(names) > 100
    assert [line.split()[0] for line in shown.splitlines()] == names


def test_prefix_alias_and_nearest():
    assert run_xm("help", "cons").stdout.startswith("Usage: xm console")
    ambiguous = run_xm("s")
    assert ambiguous.returncode == USAGE and "'s' is ambiguous: start shutdown" in ambiguous.stderr
    wrong = run_xm("lsit")
    assert (wrong.returncode, wrong.stderr) == (USAGE, "xm: there is no command 'lsit'; did you mean 'list'?\n")
    old = run_xm("help", "balloon")
    assert old.stderr == "xm: warning: balloon is an old name of mem-set\n"
    assert old.stdout.startswith("Usage: xm mem-set")


@pytest.mark.parametrize("arguments,message", [
    (["pause"], "xm: pause: too few arguments\nUsage: xm pause DOMAIN\n"),
    (["pause", "a", "b"], "xm: pause: too many arguments\nUsage: xm pause DOMAIN\n"),
    (["list", "--nix"], "xm: list: Unknown option --nix; see xm help list\n"),
    (["mem-set", "a", "12X"], "xm: '12X' is no amount of memory such as 256, 512M or 2G\n"),
    (["vcpu-set", "a", "none"], "xm: number of virtual CPUs 'none' is no number from 1 to 4096\n"),
    (["vcpu-pin", "a", "0", "x"], "xm: 'x' is no list of CPUs such as 0-3,^1 or all\n"),
    (["sysrq", "a", "hh"], "xm: 'hh' is no key: one letter or digit\n"),
    (["trigger", "a", "boom"], "xm: 'boom' is none of: nmi, reset, init, s3resume, power\n"),
    (["list", "--state=odd"], "xm: list: no state 'odd'; there are halted, paused, running, suspended, shutdown, "
                              "crashed, all\n"),
    (["shutdown"], "xm: a domain or -a is needed\n"),
    (["shutdown", "-a", "x"], "xm: with -a no domain may be named\n"),
    (["shutdown", "-H", "-R", "x"], "xm: -H and -R exclude each other\n"),
    (["block-attach", "a", "phy:x", "xvdb", "q"], "xm: mode 'q' is none of r, w, w!\n"),
    (["network-attach", "a", "brigde=x"], "xm: there is no key 'brigde'; did you mean 'bridge'?\n"),
    (["sched-credit", "-w", "5"], "xm: sched-credit: -w and -c need -d DOMAIN\n"),
    (["sched-sedf", "a", "-p", "nan"], "xm: period 'nan' is no number of milliseconds from 0 to 1000000\n"),
    (["sched-sedf", "-e", "1"], "xm: sched-sedf: a domain is needed\n"),
    (["sched-bvt", "a", "1", "2"], "xm: sched-bvt: all of MCUADV WARPBACK WARPVALUE WARPL WARPU are needed\n"),
    (["sched-bvt", "a", "1", "2", "3", "4", "5"], "xm: warpback '2' is no number from 0 to 1\n"),
    (["sched-rrobin", "10ms"], "xm: slice '10ms' is no number of milliseconds from 0 to 1000000\n"),
])
def test_wrong_usage(arguments, message):
    result = run_xm(*arguments, XM_SERVER="unix:/nonexistent")
    assert (result.stdout, result.stderr, result.returncode) == ("", message, USAGE)


# ---- errors of xend ----

def test_xend_is_not_running(tmp_path):
    result = run_xm("list", XM_SERVER=f"unix:{tmp_path}/none")
    assert result.returncode == NO_XEND and result.stdout == ""
    assert result.stderr.startswith("xm: xend is not running: ") and result.stderr.count("\n") == 1


def test_xend_is_starting(tmp_path):
    """It has its lock and does not listen yet: xm waits for it, and says so on a terminal."""
    (tmp_path / "run").mkdir()
    environment = {**os.environ, "XM_SERVER": f"unix:{tmp_path}/run/xmlrpc.sock", "TERM": "xterm"}
    with open(tmp_path / "run.pid", "w", encoding="ascii") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        silent = subprocess.Popen([BIN / "xm", "domid", "alice"], text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=environment)
        child = pexpect.spawn(str(BIN / "xm"), ["domid", "alice"], timeout=20, encoding="utf-8", env=environment)
        child.expect_exact("Waiting for xend, which is starting ... 1 s")
        server = FakeXend(tmp_path / "run/xmlrpc.sock")
        server.answers["xend.domain"] = by_name
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        child.expect_exact("\r\x1b[K3\r\n")
        assert silent.communicate(timeout=20) == ("3\n", "")
        # One that ends before it listens is waited for no longer.
        server.shutdown()
        server.server_close()
        silent = subprocess.Popen([BIN / "xm", "domid", "alice"], text=True, stderr=subprocess.PIPE, env=environment)
        time.sleep(0.3)
        assert silent.poll() is None
    assert "xend is not running" in silent.communicate(timeout=20)[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="root becomes another user")
def test_only_root(xend, tmp_path):
    os.chmod(xend.path, 0o600)
    for parent in (tmp_path, *tmp_path.parents):
        if str(parent).startswith("/tmp/"):
            os.chmod(parent, 0o755)
    result = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BIN / "xm", "list"],
                            env={**os.environ, "XM_SERVER": f"unix:{xend.path}"}, text=True, capture_output=True)
    if "Permission denied" in result.stderr and "setpriv" in result.stderr:
        pytest.skip("the build is not readable for others")
    assert result.returncode == NO_XEND and result.stderr.startswith("xm: only root may use xm: ")


@pytest.mark.parametrize("command", ["pause", "unpause", "destroy", "reset", "domid", "uptime", "console", "vcpu-list",
                                     "list", "delete", "block-list", "network-list", "shutdown", "reboot"])
def test_no_such_domain(xend, command):
    for method in ("", ".pause", ".unpause", ".destroy", ".reset", ".getVCPUInfo", ".delete", ".getDeviceSxprs"):
        xend.answers["xend.domain" + method] = lambda name, *_: no_domain(name)
    xend.answers["xend.node.info"] = ["node", ["nr_cpus", 2]]
    result = xend.xm(command, "nobody")
    assert (result.stderr, result.returncode) == ("xm: there is no domain nobody\n", NO_DOMAIN)


def test_failure_is_one_line(xend):
    def pause(name):
        raise xmlrpc.client.Fault(2, "domain 0 may not be paused")
    xend.answers["xend.domain.pause"] = pause
    result = xend.xm("pause", "0")
    assert (result.stderr, result.returncode) == ("xm: domain 0 may not be paused\n", FAILED)


# ---- list and its relations ----

def test_list(xend):
    xend.answers["xend.domains_with_state"] = DOMAINS
    result = xend.xm("list")
    assert result.stdout == (
        "Name                                        ID   Mem VCPUs      State   Time(s)\n"
        "Domain-0                                     0  1024     2     r-----      12.3\n"
        "alice                                        3    64     1     -b----       1.5\n"
        "bob                                                128     1                  1.5\n".replace("       128", "     128"))
    assert result.returncode == OK and xend.calls == [("xend.domains_with_state", True, "all", True)]
    xend.xm("list", "--state=paused")
    assert xend.calls[-1] == ("xend.domains_with_state", True, "paused", True)


def test_list_some(xend):
    xend.answers["xend.domain"] = by_name
    assert len(xend.xm("list", "alice", "0").stdout.splitlines()) == 3
    assert xend.xm("li", "-l", "alice").stdout.startswith("(domain\n    (name alice)\n    (memory 64)\n")


def test_list_json(xend):
    import json
    xend.answers["xend.domains_with_state"] = DOMAINS + [domain('o"d\\d', 9)]
    found = json.loads(xend.xm("list", "--json").stdout)
    assert found[0] == {"name": "Domain-0", "uuid": "00000000-0000-0000-0000-000000000001", "domid": 0, "memory": 1024,
                        "vcpus": 2, "online_vcpus": 2, "state": "r-----", "cpu_time": 12.34}
    assert "domid" not in found[2] and found[3]["name"] == 'o"d\\d'


def test_domid_domname(xend):
    xend.answers["xend.domain"] = by_name
    assert xend.xm("domid", "alice").stdout == "3\n"
    assert xend.xm("domname", "3").stdout == "alice\n"
    halted = xend.xm("domid", "bob")
    assert (halted.stderr, halted.returncode) == ("xm: domain bob does not run\n", FAILED)


def test_uptime(xend):
    start = time.time() - 90061
    xend.answers["xend.domains_with_state"] = [domain("alice", 3, "-b----", 64, 1, 1, ["start_time", start])]
    assert xend.xm("uptime").stdout.splitlines() == [
        "Name                                ID Uptime", "alice                                3 1 day, 1:01:01"]
    assert xend.xm("uptime", "-s").stdout.endswith(" up 1 day, 1:01:01, alice (3)\n")


def test_vcpu_list(xend):
    xend.answers["xend.node.info"] = ["node", ["nr_cpus", 4]]
    xend.answers["xend.domains_with_state"] = ["alice"]
    xend.answers["xend.domain.getVCPUInfo"] = [
        "domain", ["domid", 3], ["name", "alice"], ["vcpu_count", 3],
        ["vcpu", ["number", 0], ["online", 1], ["blocked", 0], ["running", 1], ["cpu_time", 2.5], ["cpu", 1],
         ["cpumap", [0, 1, 2, 3]]],
        ["vcpu", ["number", 1], ["online", 1], ["blocked", 1], ["running", 0], ["cpu_time", 0.5], ["cpu", 3],
         ["cpumap", [0, 1, 3]]],
        ["vcpu", ["number", 2], ["online", 0], ["blocked", 1], ["running", 0], ["cpu_time", 0], ["cpu", -1],
         ["cpumap", [2]]]]
    assert xend.xm("vcpu-list").stdout == (
        "Name                                ID  VCPU   CPU State   Time(s) CPU Affinity\n"
        "alice                                3     0     1   r--       2.5 any cpu\n"
        "alice                                3     1     3   -b-       0.5 0-1,3\n"
        "alice                                3     2     -   --p       0.0 2\n")


# ---- what is asked of xend ----

@pytest.mark.parametrize("arguments,call", [
    (["pause", "a"], ("xend.domain.pause", "a")),
    (["unpause", "a"], ("xend.domain.unpause", "a")),
    (["destroy", "a"], ("xend.domain.destroy", "a")),
    (["reset", "a"], ("xend.domain.reset", "a")),
    (["delete", "a"], ("xend.domain.delete", "a")),
    (["mem-set", "a", "2G"], ("xend.domain.setMemoryTarget", "a", 2048)),
    (["balloon", "a", "65536K"], ("xend.domain.setMemoryTarget", "a", 64)),
    (["mem-max", "a", "512"], ("xend.domain.maxmem_set", "a", 512)),
    (["vcpu-set", "a", "2"], ("xend.domain.setVCpuCount", "a", 2)),
    (["vcpu-pin", "a", "all", "0-3,^1"], ("xend.domain.pincpu", "a", "all", "0-3,^1")),
    (["rename", "a", "b"], ("xend.domain.setName", "a", "b")),
    (["sysrq", "a", "h"], ("xend.domain.send_sysrq", "a", "h")),
    (["trigger", "a", "nmi", "1"], ("xend.domain.send_trigger", "a", "nmi", 1)),
    (["debug-keys", "q"], ("xend.node.send_debug_keys", "q")),
    (["block-attach", "a", "phy:v/b", "xvdb", "r"],
     ("xend.domain.device_create", "a", ["vbd", ["uname", "phy:v/b"], ["dev", "xvdb"], ["mode", "r"]])),
    (["block-configure", "a", "file:/x", "hdc:cdrom", "r"],
     ("xend.domain.device_configure", "a", ["vbd", ["uname", "file:/x"], ["dev", "hdc:cdrom"], ["mode", "r"]],
      "hdc:cdrom")),
    (["block-detach", "-f", "a", "xvdb"], ("xend.domain.destroyDevice", "a", "vbd", "xvdb", True, True)),
    (["network-attach", "a", "mac=00:16:3e:1:2:3", "bridge=br0"],
     ("xend.domain.device_create", "a", ["vif", ["mac", "00:16:3e:1:2:3"], ["bridge", "br0"]])),
    (["network-attach", "a"], ("xend.domain.device_create", "a", ["vif"])),
    (["network-detach", "a", "0"], ("xend.domain.destroyDevice", "a", "vif", "0", False, True)),
    (["dump-core", "-L", "a", "/c"], ("xend.domain.dump", "a", "/c", True, False, False)),
    (["dump-core", "a"], ("xend.domain.dump", "a", None, False, False, False)),
])
def test_call(xend, arguments, call):
    xend.answers[call[0]] = lambda *_: None
    result = xend.xm(*arguments)
    assert result.returncode == OK and xend.calls == [call]


def test_sched_credit(xend):
    xend.answers.update({
        "xend.node.info": ["node", ["xen_scheduler", "credit"]], "xend.domain": by_name,
        "xend.domains_with_state": ["Domain-0", "alice"],
        "xend.domain.sched_credit_get": {"weight": 256, "cap": 50}, "xend.domain.sched_credit_set": None})
    assert xend.xm("sched-credit").stdout == (
        "Name                                ID Weight  Cap\n"
        "Domain-0                             0    256   50\n"
        "alice                                3    256   50\n")
    assert xend.xm("sched-credit", "-d", "alice", "-c", "20").returncode == OK
    assert xend.calls[-1] == ("xend.domain.sched_credit_set", "alice", None, 20)
    assert xend.xm("sched-credit", "-dalice", "-w10").returncode == OK
    assert xend.calls[-1] == ("xend.domain.sched_credit_set", "alice", 10, None)
    wrong = xend.xm("sched-sedf")
    assert (wrong.stderr, wrong.returncode) == ("xm: Xen is running with the credit scheduler\n", FAILED)


def test_older_schedulers(xend):
    xend.answers.update({
        "xend.node.info": ["node", ["xen_scheduler", "sedf"]], "xend.domain": by_name, "xend.domain.cpu_sedf_set": None,
        "xend.domain.cpu_sedf_get": {"period": 500000000, "slice": 2500000, "latency": 0, "extratime": 1, "weight": 9}})
    assert xend.xm("sched-sedf", "alice").stdout == (
        "Name                                ID Period(ms) Slice(ms) Lat(ms)  Extra Weight\n"
        "alice                                3      500.0       2.5     0.0      1      9\n")
    assert xend.xm("sched-sedf", "alice", "-p", "5000", "-s", "0.1", "-e", "0").returncode == OK
    assert xend.calls[-1] == ("xend.domain.cpu_sedf_set", "alice", 5000000000, 100000, None, 0, None)
    xend.answers.update({
        "xend.node.info": ["node", ["xen_scheduler", "bvt"]], "xend.domain.cpu_bvt_set": None,
        "xend.domain.cpu_bvt_get": {"mcuadv": 10, "warpback": 1, "warpvalue": 100, "warpl": 5000000, "warpu": 0},
        "xend.node.bvt_ctx_allow": 7500000})
    assert xend.xm("sched-bvt", "alice").stdout == (
        "Name                                ID McuAdv WarpBack WarpValue WarpL(ms) WarpU(ms)\n"
        "alice                                3     10        1       100       5.0       0.0\n")
    assert xend.xm("bvt", "alice", "20", "0", "0", "1", "2.5").returncode == OK
    assert xend.calls[-1] == ("xend.domain.cpu_bvt_set", "alice", 20, 0, 0, 1000000, 2500000)
    assert xend.xm("sched-bvt-ctxallow").stdout == "context-switch allowance: 7.5 ms\n"
    assert xend.xm("sched-bvt-ctxallow", "2").returncode == OK
    assert xend.calls[-1] == ("xend.node.bvt_ctx_allow", 2000000)
    wrong = xend.xm("sched-rrobin", "5")
    assert (wrong.stderr, wrong.returncode) == ("xm: Xen is running with the bvt scheduler\n", FAILED)


def test_device_lists(xend):
    xend.answers["xend.domain.getDeviceSxprs"] = lambda name, kind: {
        "vbd": [[51712, [["backend-id", 0], ["virtual-device", 51712], ["handle", 0], ["state", 4],
                         ["event-channel", 6], ["ring-ref", 8], ["backend", "/local/domain/0/backend/vbd/3/51712"]]]],
        "vif": [[0, [["backend-id", 0], ["mac", "00:16:3e:00:00:01"], ["state", 4], ["event-channel", 7],
                     ["tx-ring-ref", 768], ["rx-ring-ref", 769], ["backend", "/local/domain/0/backend/vif/3/0"]]]],
    }[kind]
    assert xend.xm("block-list", "a").stdout == (
        "Vdev  BE  handle state evt-ch ring-ref BE-path\n"
        "51712 0   0      4     6      8        /local/domain/0/backend/vbd/3/51712\n")
    assert xend.xm("vif-list", "a").stdout == (
        "Idx BE MAC Addr.         handle state evt-ch tx-/rx-ring-ref BE-path\n"
        "0   0  00:16:3e:00:00:01 0      4     7        768/769   /local/domain/0/backend/vif/3/0\n")


def test_info_dmesg_log(xend):
    xend.answers.update({
        "xend.node.info": ["node", ["host", "h"], ["nr_cpus", 2]], "xend.node.config": ["config", ["loglevel", "INFO"]],
        "xend.node.dmesg.info": "(XEN) hello\n", "xend.node.dmesg.clear": None, "xend.node.log": "a line\n"})
    assert xend.xm("info").stdout == "host                   : h\nnr_cpus                : 2\n"
    assert xend.xm("info", "-c").stdout == "loglevel               : INFO\n"
    assert xend.xm("dmesg", "-c").stdout == "(XEN) hello\n"
    assert xend.calls[-1] == ("xend.node.dmesg.clear",)
    assert xend.xm("log").stdout == "a line\n"


def test_shell(xend):
    xend.answers["xend.domain"] = by_name
    result = xend.xm("shell", input="domid alice\n# nothing\n\ndomname 3\nnix nix\ndomname 'nobody x'\nquit\nlist\n")
    assert result.stdout == "3\nalice\n" and result.returncode == NO_DOMAIN
    assert result.stderr == "xm: there is no command 'nix'; see xm help\nxm: there is no domain nobody x\n"


def test_serve(xend):
    xend.answers["xend.node.log"] = "the log"
    body = xmlrpc.client.dumps((), "xend.node.log")
    call = f"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n" \
           f"Connection: close\r\n\r\n{body}"
    result = xend.xm("serve", input=call)
    head, _, answer = result.stdout.partition("<?xml")
    assert head.startswith("HTTP/1.1 200") and xmlrpc.client.loads("<?xml" + answer)[0] == ("the log",)


# ---- shutdown ----

def test_shutdown_waits(xend):
    left = {"n": 3}

    def show(name):
        if name == "alice":
            return by_name(name)
        left["n"] -= 1
        return by_name(name) if left["n"] > 0 else no_domain(name)
    xend.answers.update({"xend.domain": show, "xend.domain.shutdown": None})
    result = xend.xm("shutdown", "-w", "alice")
    assert result.stdout == "Domain 3 terminated\nAll domains terminated\n" and result.returncode == OK
    assert ("xend.domain.shutdown", "3", "poweroff") in xend.calls and left["n"] == 0


def test_shutdown_all_but_dom0(xend):
    xend.answers.update({"xend.domains_with_state": DOMAINS[:2], "xend.domain.shutdown": None})
    assert xend.xm("shutdown", "-a", "-R").returncode == OK
    assert [c for c in xend.calls if "shutdown" in c[0]] == [("xend.domain.shutdown", "3", "reboot")]


# ---- create ----

@pytest.fixture
def config(tmp_path):
    path = tmp_path / "alice.cfg"
    path.write_text("kernel = '/boot/vmlinuz'\nname = 'alice'\n")
    return path


def test_create(xend, config):
    xend.answers.update({"xend.domain.create": lambda sxp: domain("alice", 7, "--p---"), "xend.domain.unpause": None})
    result = xend.xm("create", config, "memory=65", "disk=phy:x,xvda,w", "disk=phy:y,xvdb,r")
    assert result.stdout == f'Using config file "{config}".\nStarted domain alice (id=7)\n' and result.returncode == OK
    sxp = xend.calls[0][1]
    assert sxp[0] == "vm" and ["memory", "65"] in sxp
    assert [d[1][2][1] for d in sxp if d[0] == "device"] == ["xvda", "xvdb"]
    assert xend.calls[1] == ("xend.domain.unpause", "7")


def test_create_quiet_and_paused(xend, config):
    xend.answers["xend.domain.create"] = lambda sxp: domain("alice", 7, "--p---")
    result = xend.xm("create", "-q", "-p", "-f", config)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", OK) and len(xend.calls) == 1


def test_create_from_sxp(xend, config, tmp_path):
    text = xend.xm("create", "-n", config).stdout
    (tmp_path / "alice.sxp").write_text(text)
    xend.answers["xend.domain.new"] = None
    assert xend.xm("new", "-q", "-F", tmp_path / "alice.sxp").returncode == OK
    assert xend.xm("create", "-n", "-F", tmp_path / "alice.sxp").stdout == text
    assert xend.calls[0][1][:2] == ["vm", ["name", "alice"]]
    assert xend.xm("new", "-F", tmp_path / "alice.sxp", "memory=3").returncode == USAGE
    (tmp_path / "bad.sxp").write_text("(vm (name a)\n")
    bad = xend.xm("new", "-q", "-F", tmp_path / "bad.sxp")
    assert (bad.returncode, bad.stderr) == (CONFIG, f"xm: {tmp_path}/bad.sxp: line 1: a list is not closed\n")


def test_create_search_path(tmp_path):
    for where in ("one", "two"):
        (tmp_path / where).mkdir()
        (tmp_path / where / "guest").write_text(f"kernel='/{where}'\n")
    (tmp_path / "two" / "xmdefconfig").write_text("kernel='/default'\nname='d'\n")
    path = f"--path={tmp_path}/one:{tmp_path}/two"
    assert "(kernel /one)" in run_xm("create", "-n", path, "guest").stdout
    assert "(kernel /default)" in run_xm("create", "-n", path).stdout
    assert "(name guest)" in run_xm("create", "-n", "guest", cwd=tmp_path / "two").stdout
    missing = run_xm("create", "-n", path, "nix")
    assert missing.returncode == CONFIG and missing.stderr.startswith("xm: there is no configuration nix in ")


def test_create_that_fails(xend, config):
    def create(sxp):
        raise xmlrpc.client.Fault(2, "kernel: /boot/vmlinuz: No such file or directory")
    xend.answers["xend.domain.create"] = create
    result = xend.xm("create", "-q", config)
    assert (result.stdout, result.returncode) == ("", FAILED)
    assert result.stderr == "xm: kernel: /boot/vmlinuz: No such file or directory\n" and len(xend.calls) == 1


def test_create_that_cannot_run_is_removed(xend, config):
    def unpause(name):
        raise xmlrpc.client.Fault(2, "no")
    xend.answers.update({"xend.domain.create": lambda sxp: domain("alice", 7), "xend.domain.unpause": unpause,
                         "xend.domain.destroy": None})
    result = xend.xm("create", "-q", config)
    assert result.returncode == FAILED and xend.calls[-1] == ("xend.domain.destroy", "7")


def test_interrupted_create_is_undone(xend, config):
    begun, go_on = threading.Event(), threading.Event()

    def create(sxp):
        begun.set()
        assert go_on.wait(20)
        return domain("alice", 7)
    xend.answers.update({"xend.domain.create": create, "xend.domain.destroy": None})
    xm = subprocess.Popen([BIN / "xm", "create", "-q", config], text=True, stderr=subprocess.PIPE,
                          env={**os.environ, "XM_SERVER": f"unix:{xend.path}"})
    assert begun.wait(20)
    xm.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert xm.poll() is None
    go_on.set()
    assert "domain 7 is removed again" in xm.communicate(timeout=20)[1]
    assert xm.returncode == INTERRUPTED
    assert [c[0] for c in xend.calls] == ["xend.domain.create", "xend.domain.destroy"]


def test_progress_on_a_terminal(xend, config):
    def create(sxp):
        time.sleep(2.5)
        return domain("alice", 7)
    xend.answers.update({"xend.domain.create": create, "xend.domain.unpause": None})
    child = pexpect.spawn(str(BIN / "xm"), ["create", str(config)], timeout=20,
                          env={**os.environ, "XM_SERVER": f"unix:{xend.path}", "TERM": "xterm"})
    child.expect_exact("Creating alice ... 1 s")
    child.expect_exact("Creating alice ... 2 s")
    child.expect_exact("\r\x1b[KStarted domain alice (id=7)\r\n")
    child.expect(pexpect.EOF)
    # A line that is too long for the terminal could not be erased.
    child = pexpect.spawn(str(BIN / "xm"), ["create", str(config)], timeout=20, dimensions=(24, 10),
                          env={**os.environ, "XM_SERVER": f"unix:{xend.path}", "TERM": "xterm"})
    child.expect_exact("\rCreating \x1b[K")
    child.expect_exact("\r\x1b[KStarted domain")
    child.expect(pexpect.EOF)


def test_no_progress_without_a_terminal(xend, config):
    def create(sxp):
        time.sleep(1.5)
        return domain("alice", 7)
    xend.answers.update({"xend.domain.create": create, "xend.domain.unpause": None})
    assert xend.xm("create", "-q", config).stderr == ""
    dumb = pexpect.run(f"{BIN}/xm create -q {config}",
                       env={**os.environ, "XM_SERVER": f"unix:{xend.path}", "TERM": "dumb"})
    assert dumb == b""


# ---- console ----

@pytest.fixture
def guest():
    """The far end of a console, as xenconsoled has it."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    for fd in (master, slave):
        try:
            os.close(fd)
        except OSError:
            pass


def spawn(xend, *arguments):
    return pexpect.spawn(str(BIN / "xm"), list(map(str, arguments)), timeout=20, encoding="utf-8",
                         env={**os.environ, "XM_SERVER": f"unix:{xend.path}",
                              "XENCONSOLED_RUNDIR": os.path.dirname(xend.path)})


def console_domain(path):
    return domain("alice", 7, "--p---", 64, 1, 0, ["console_tty", path])


def test_console(xend, guest):
    master, path = guest
    xend.answers["xend.domain"] = lambda name: console_domain(path)
    child = spawn(xend, "console", "alice")
    os.write(master, b"login: ")
    child.expect_exact("login: ")
    child.send("root\r\x03")
    got = b""
    while len(got) < 6:
        got += os.read(master, 100)
    assert got == b"root\r\x03"
    child.send("\x1d")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == OK


def test_console_by_socket(xend, guest, tmp_path):
    """Two who look at a console each have a connection of their own; nobody reads the terminal."""
    master, path = guest
    xend.answers["xend.domain"] = lambda name: console_domain(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "7"))
        listener.listen()
        listener.settimeout(20)
        children = [spawn(xend, "console", "alice") for _ in range(2)]
        connections = [listener.accept()[0] for _ in children]
    for connection in connections:
        connection.sendall(b"login: ")
    os.write(master, b"unseen")
    for child, name in zip(children, "ab"):
        child.expect_exact("login: ")
        child.send(name)
    assert sorted(connection.recv(1) for connection in connections) == [b"a", b"b"]
    children[0].send("\x1d")
    for connection in connections:
        connection.close()
    for child in children:
        child.expect(pexpect.EOF)
        assert "unseen" not in child.before
        child.wait()
        assert child.exitstatus == OK


def test_console_of_create_misses_nothing(xend, guest, config):
    master, path = guest

    def unpause(name):
        os.write(master, b"first words of the kernel\r\n")
    xend.answers.update({"xend.domain.create": lambda sxp: console_domain(path),
                         "xend.domain": lambda name: console_domain(path), "xend.domain.unpause": unpause})
    child = spawn(xend, "create", "-c", config)
    child.expect_exact("Started domain alice (id=7)")
    child.expect_exact("first words of the kernel")
    assert [c[0] for c in xend.calls] == ["xend.domain.create", "xend.domain", "xend.domain.unpause"]
    child.send("\x1d")
    child.expect(pexpect.EOF)


def test_console_appears_late(xend, guest):
    master, path = guest
    answers = iter([domain("alice", 7)] * 5)
    xend.answers["xend.domain"] = lambda name: next(answers, None) or console_domain(path)
    child = spawn(xend, "console", "alice")
    os.write(master, b"late")
    child.expect_exact("late")
    child.send("\x1d")
    child.expect(pexpect.EOF)
