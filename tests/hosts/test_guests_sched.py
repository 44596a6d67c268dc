"""What schedulers promise, with guests that burn and guests that sleep, on a CPU of their own beside dom0's.

The machine counts instructions as its time (8 ns each), so that a busy computer under the test changes nothing."""

import json
import re
import subprocess

import pytest
from host import TOP

pytestmark = [pytest.mark.full, pytest.mark.timeout(2400)]

BUSY = TOP / "build/guests/busy.elf"
SECONDS = 10


@pytest.fixture(name="start")
def starter(boot_dom0):
    """Function that boots a dom0 on CPU 0 with a scheduler; CPU 1 is the guests'."""
    def start(scheduler):
        subprocess.run(["make", "-s", "-C", TOP / "tests/guests"], check=True)
        host = boot_dom0(files=[BUSY], limit=2300, qemu=["-icount", "shift=3,sleep=off"],
                         xen="dom0_mem=768M dom0_max_vcpus=1 dom0_vcpus_pin sched=" + scheduler)
        host.wait_ready(900)
        assert host.info("xen_scheduler") == scheduler
        return host

    return start


def create(host, name, *variables):
    """Starts a guest on CPU 1."""
    host.create(name, "kernel=/root/busy.elf", "memory=12", "cpus=1", *variables, config="/dev/null")


def shares(host, *names):
    """Part of CPU 1 that each guest had for some seconds."""
    command = "date +%s.%N; xm list --json </dev/null 2>/dev/null"
    text = host.check("%s; sleep %d; %s" % (command, SECONDS, command), 600)
    (begin, before), (end, after) = [
        (float(clock), {row["name"]: row["cpu_time"] for row in json.loads(table)})
        for clock, table in re.findall(r"^(\d+\.\d+)\n(\[.*?^\])", text, re.M | re.S)]
    parts = [(after[name] - before[name]) / (end - begin) for name in names]
    print(names, parts)
    return parts


def assert_ratio(parts, weights):
    """The parts are as the weights, within 2 %, and nothing is wasted."""
    for part, weight in zip(parts, weights):
        assert part / sum(parts) == pytest.approx(weight / sum(weights), rel=0.02), parts
    assert sum(parts) > 0.97, parts


def latency(host, name):
    """(maximum, mean) in microseconds of how late a guest that sleeps 300 times ran."""
    create(host, name, "extra=wake=300")
    log = "/var/log/xen/console/guest-%s.log" % name
    found = host.wait_until("%s has slept" % name, lambda: re.search(
        r"LATENCY us: max (\d+) mean (\d+)", host.run("cat " + log, 60)[1]), 600)
    host.wait_until("%s is gone" % name, lambda: name not in host.domains(), 120)
    return int(found.group(1)), int(found.group(2))


def test_credit(start):
    """Weights share a CPU, a cap limits even on an idle one, and a sleeper runs at once when it wakes."""
    host = start("credit")
    alone = latency(host, "alone")
    create(host, "a")
    create(host, "b", "cpu_weight=512")
    assert_ratio(shares(host, "a", "b"), (256, 512))
    host.check("xm sched-credit -d b -w 1024")
    assert_ratio(shares(host, "a", "b"), (256, 1024))
    host.check("xm sched-credit -d a -c 10")
    a, b = shares(host, "a", "b")
    assert a == pytest.approx(0.1, rel=0.02) and a + b > 0.97
    host.check("xm sched-credit -d a -c 25; xm destroy b", 60)
    assert shares(host, "a") == [pytest.approx(0.25, rel=0.02)]
    host.check("xm sched-credit -d a -c 0")
    assert shares(host, "a")[0] > 0.97
    beside = latency(host, "beside")
    print("latency alone", alone, "beside a burner", beside)
    assert beside[1] < alone[1] + 200 and beside[0] < alone[0] + 2000


def test_sedf(start):
    """A slice of each period is had, and no more; weights share what is left over."""
    host = start("sedf")
    for name in ("a", "b", "c"):
        create(host, name)
    host.check("xm sched-sedf a -p 20 -s 5 -e 0; xm sched-sedf b -p 100 -s 0 -e 1; xm sched-sedf c -p 100 -s 0 -e 1")
    a, b, c = shares(host, "a", "b", "c")
    assert a == pytest.approx(0.25, rel=0.02)
    assert_ratio((b + a / 2, c + a / 2), (1, 1))
    host.check("xm destroy b; xm destroy c", 60)
    assert shares(host, "a") == [pytest.approx(0.25, rel=0.02)]


def test_bvt(start):
    """The less virtual time advances, the more a domain gets."""
    host = start("bvt")
    create(host, "a")
    create(host, "b")
    host.check("xm sched-bvt b 5 0 0 0 0 && xm sched-bvt-ctxallow 10")
    assert_ratio(shares(host, "a", "b"), (1, 2))


def test_rrobin(start):
    """All get the same."""
    host = start("rrobin")
    create(host, "a")
    create(host, "b")
    host.check("xm sched-rrobin 5")
    assert_ratio(shares(host, "a", "b"), (1, 1))
