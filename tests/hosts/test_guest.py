"""What dom0 is told of the hypervisor, its clock, and processes under stress."""

import re
import time

import pytest

quick = pytest.mark.quick
pytestmark = [quick, pytest.mark.timeout(300)]

# Debian's kernels leave the old system call page out unless told.
SHARED = {"cpus": 2, "mem": 1024, "limit": 1200, "kernel": "quiet vsyscall=xonly"}


def read(host, name):
    """Text of a file below /sys/hypervisor."""
    return host.check("cat /sys/hypervisor/" + name)


def test_sysfs(dom0):
    assert read(dom0, "type") == "xen"
    assert (read(dom0, "version/major"), read(dom0, "version/minor")) == ("4", "17")
    assert re.fullmatch(r"\S{1,15}", read(dom0, "version/extra"))
    assert read(dom0, "guest_type") == "PV"
    assert read(dom0, "uuid") == "00000000-0000-0000-0000-000000000000"
    assert "xen-3.0-x86_64" in read(dom0, "properties/capabilities").split()
    assert read(dom0, "properties/pagesize") == "1000"
    assert read(dom0, "properties/virtual_start") == "ffff800000000000"
    for name in ("compiler", "compiled_by", "compile_date"):
        assert read(dom0, "compilation/" + name)


def test_features(dom0):
    features = int(read(dom0, "properties/features"), 16)
    # mmu_pt_update_preserve_ad, gnttab_map_avail_bits and dom0, which the kernel needs or was told at its start.
    for bit in (5, 7, 11):
        assert features & 1 << bit, "feature bit %d" % bit


def test_devices_of_the_tools(dom0):
    for name in ("evtchn", "gntdev", "gntalloc", "privcmd"):
        dom0.check("test -c /dev/xen/" + name)
    assert "control_d" in dom0.check("cat /proc/xen/capabilities")


def interrupts(host, name):
    """Counts per CPU of the first line of /proc/interrupts with that name, added up over such lines."""
    lines = [line for line in host.check("cat /proc/interrupts").splitlines() if line.split()[-1].startswith(name)]
    counts = [[int(field) for field in line.split()[1:3]] for line in lines]
    return [sum(column) for column in zip(*counts)]


def test_events_on_every_cpu(dom0):
    before = interrupts(dom0, "timer")
    dom0.check("for c in 0 1; do taskset $((c + 1)) sh -c 'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done'; done", 60)
    after = interrupts(dom0, "timer")
    assert all(b > a for a, b in zip(before, after)), (before, after)
    assert sum(interrupts(dom0, "resched")) > 0
    assert sum(interrupts(dom0, "callfunc")) > 0
    assert interrupts(dom0, "hvc_console")[0] > 0


def clock_offsets(host):
    """Offsets of dom0's (monotonic, wall) clocks to ours in seconds, from the quickest of several questions."""
    best = None
    for _ in range(8):
        start = time.time()
        monotonic, wall = (int(word) / 1e9 for word in host.check("now").split())
        end = time.time()
        if best is None or end - start < best[0]:
            best = end - start, monotonic - (start + end) / 2, wall - (start + end) / 2
    return best[1:]


def check_clock(host, seconds=60):
    """For so long, both clocks of dom0 keep within a thousandth of ours, and never run backwards from one CPU to
    another; the wall clock is right to two seconds."""
    start, begin = clock_offsets(host), time.monotonic()
    assert abs(start[1]) < 2
    assert "backwards=0" in host.check("clockcheck %d" % seconds, seconds + 60)
    drifts = [abs(b - a) for a, b in zip(start, clock_offsets(host))]
    assert time.monotonic() - begin >= seconds
    assert max(drifts) < seconds / 1000, drifts


def test_clock(dom0):
    check_clock(dom0)


def test_sleep_is_not_short_nor_long(dom0):
    start = time.monotonic()
    dom0.check("sleep 3")
    assert 2.9 < time.monotonic() - start < 4.5


@pytest.mark.parametrize("program", ["sigstress", "cpustate", "compat32"])
def test_program(dom0, program):
    output = dom0.check(program, 180)
    assert "FAIL" not in output and output.count("ok ") >= 4


def test_memory(dom0):
    assert "good" in dom0.check("memcheck 128 2", 120)


def test_cpu_off_and_on(dom0):
    for _ in range(3):
        dom0.check("echo 0 >/sys/devices/system/cpu/cpu1/online")
        assert dom0.check("nproc") == "1"
        dom0.check("echo 1 >/sys/devices/system/cpu/cpu1/online")
        assert dom0.check("nproc") == "2"
    dom0.check("taskset 2 true")


def total_memory(host):
    """Memory dom0 has, in KiB."""
    return int(host.check("awk '/MemTotal/{print $2}' /proc/meminfo"))


def test_balloon(dom0):
    target = "/sys/devices/system/xen_memory/xen_memory0/target_kb"
    full = int(dom0.check("cat " + target))
    before = total_memory(dom0)
    for wanted, expected in ((full - 128 * 1024, before - 128 * 1024), (full, before)):
        dom0.check("echo %d >%s" % (wanted, target))
        for _ in range(40):
            if abs(total_memory(dom0) - expected) < 4096:
                break
            time.sleep(0.5)
        assert abs(total_memory(dom0) - expected) < 4096
    assert "good" in dom0.check("memcheck 64 1", 60)


def test_kernel_found_no_fault(dom0):
    """Last in the module: nothing above made the kernel complain."""
    assert dom0.run("dmesg | grep -E 'BUG:|WARNING:|Oops|Call Trace|soft lockup|stall'")[1] == ""
