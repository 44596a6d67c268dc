"""Boots the tiny guests of this folder as dom0 and judges what they say.

A guest prints PASS or FAIL lines and at last DONE with their numbers. A destructive case must instead end with the
hypervisor's word that dom0 has crashed. Either way the hypervisor itself never dies. XENITH_XEN names another image."""

import re
import subprocess
import threading
import time

import pytest

import host

TOP = host.TOP
OUT = TOP / "build/guests"
QEMU64 = "qemu64,+svm,+npt"
EPYC = "EPYC,+smap,+smep"  # so that the hypervisor's own protection from guests' memory works

# Words of a hypervisor in trouble; dom0's crash is no such trouble.
DEAD = re.compile(r"FATAL TRAP|FATAL PAGE FAULT|Panic|ASSERT|Assertion|Xen BUG|double fault|lock rank", re.I)
DOM0_CRASHED = "Hardware Dom0 crashed"
GUESTS = ["control", "pt_attack", "desc_attack", "iret_attack", "hypercall_args", "event_abuse", "smp_race",
          "log_dirty"]
quick = pytest.mark.quick


def _make(*arguments):
    subprocess.run(["make", "-s", *map(str, arguments)], check=True, cwd=TOP)


@pytest.fixture(scope="session", autouse=True)
def guests_built():
    """All guests, in OUT."""
    _make("-C", "tests/guests")


@pytest.fixture(scope="session")
def debug_xen():
    """The hypervisor with assertions and lock checks."""
    _make("-C", "xen", "OUT=%s" % (OUT / "xen-debug"), "debug=y", "-j2")
    return OUT / "xen-debug/xen"


def boot(guest, options="", model=QEMU64, xen=None, limit=120):
    """Runs a guest until it has said DONE, dom0 has crashed or the emulator has ended; returns the console's lines."""
    image = xen or host.hypervisor()
    name = "%s.%s" % (guest, re.sub(r"\W+", "_", "%s %s %s" % (options, model.split(",")[0], "debug" if xen else "")).strip("_"))
    command = ["timeout", "-k", "5", str(limit), "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", model,
               "-m", "512", "-smp", "2", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
               "-kernel", image, "-append", "com1=115200,8n1 console=com1 dom0_mem=256M",
               "-initrd", ("%s %s" % (OUT / (guest + ".elf"), options)).strip()]
    lines = []
    host.LOGS.mkdir(parents=True, exist_ok=True)
    with open(host.LOGS / (name + ".log"), "w", encoding="utf-8") as log, \
            subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        watchdog = threading.Timer(limit + 10, process.kill)
        watchdog.start()
        for line in process.stdout:
            log.write(line)
            lines.append(line.strip("\r\n"))
            if line.startswith("DONE ") or DOM0_CRASHED in line:
                # A word of the hypervisor's own end may follow.
                time.sleep(0.5)
                process.terminate()
        watchdog.cancel()
    return lines


def alive(lines):
    """The hypervisor has not died."""
    dead = [line for line in lines if DEAD.search(line) and not line.startswith(("PASS", "FAIL", "note"))]
    assert not dead, "\n".join(lines[-60:])


def judge(lines):
    """Every result is PASS, and there is an end that counts them."""
    alive(lines)
    failed = [line for line in lines if line.startswith("FAIL")]
    assert not failed, "\n".join(failed[:20])
    done = [line for line in lines if line.startswith("DONE ")]
    assert done, "no end:\n" + "\n".join(lines[-30:])
    passed = [line for line in lines if line.startswith("PASS")]
    assert done[0] == "DONE %d 0" % len(passed) and passed


@quick
@pytest.mark.parametrize("guest", GUESTS)
def test_guest(guest):
    """Each guest on the plain machine."""
    judge(boot(guest))


@pytest.mark.parametrize("guest", GUESTS)
def test_smap(guest):
    """The same on a processor with SMAP and SMEP."""
    judge(boot(guest, model=EPYC))


@pytest.mark.parametrize("guest", GUESTS)
def test_debug(guest, debug_xen):
    """The same with the hypervisor's assertions."""
    judge(boot(guest, xen=debug_xen, limit=300))


@quick
def test_race_smap_debug(debug_xen):
    """Two vCPUs at the same pages, with every check on."""
    judge(boot("smp_race", "seconds=10 seed=7", model=EPYC, xen=debug_xen))


@quick
@pytest.mark.parametrize("vcpus, count", [(1, 1000000), (2, 200000)])
def test_fuzz(vcpus, count):
    """Random hypercalls, of one vCPU and of two at once."""
    judge(boot("fuzz", "count=%d seed=1 vcpus=%d" % (count, vcpus), limit=300))


@pytest.mark.parametrize("vcpus", [1, 2])
@pytest.mark.parametrize("model", [QEMU64, "max"])
def test_fuzz_debug(model, vcpus, debug_xen):
    """Random hypercalls with assertions, without and with SMAP."""
    judge(boot("fuzz", "count=1000000 seed=%d vcpus=%d" % (2 + (model == "max"), vcpus), xen=debug_xen, model=model,
               limit=1800))


@pytest.mark.parametrize("vcpus", [1, 2])
def test_fuzz_long(vcpus):
    """Ten million random hypercalls."""
    judge(boot("fuzz", "count=10000000 seed=4 vcpus=%d" % vcpus, limit=3600))


def test_fuzz_long_debug(debug_xen):
    """Ten million random hypercalls with every check on."""
    judge(boot("fuzz", "count=10000000 seed=6", model="max", xen=debug_xen, limit=3 * 3600))


CASES = ["no_handler", "table_as_stack", "no_user_table", "no_failsafe", "handler_in_hypervisor", "crash"] + [
    "%s place=%s" % (case, place) for case in ("stack_", "user_stack_", "syscall_stack_", "int_stack_", "iret_frame_")
    for place in ("hole", "odd", "nothing")]


def judge_crash(lines):
    """dom0 has crashed, and the hypervisor says so and goes on."""
    alive(lines)
    assert any(line.startswith("case ") for line in lines), "the case did not begin:\n" + "\n".join(lines[-30:])
    assert not any(line.startswith("FAIL") for line in lines), "\n".join(lines[-30:])
    assert any(DOM0_CRASHED in line for line in lines), "\n".join(lines[-30:])


@quick
@pytest.mark.parametrize("case", CASES)
def test_fatal_to_guest(case):
    """What a kernel cannot survive ends the kernel."""
    judge_crash(boot("iret_attack", "case=" + case, limit=40))


@pytest.mark.parametrize("case", CASES)
def test_fatal_to_guest_debug(case, debug_xen):
    """The same with SMAP and assertions."""
    judge_crash(boot("iret_attack", "case=" + case, model=EPYC, xen=debug_xen, limit=40))


@quick
def test_junk_vcpu():
    """A vCPU with nonsense in every register ends its domain."""
    judge_crash(boot("event_abuse", "case=junk", limit=40))
