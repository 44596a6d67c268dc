"""What control tools ask the hypervisor, and the schedulers that it can run with."""

import pytest

pytestmark = pytest.mark.timeout(300)


@pytest.mark.quick
def test_sysctl(boot):
    """Answers, errors, the console's ring and the trace buffers, as Xen's public headers have them."""
    host = boot(cpus=2, mem=1024, kernel="quiet", xen="loglvl=all")
    host.wait_ready()
    output = host.check("xensysctl", 120)
    assert output.count("ok ") == 5, output
    assert "good" in host.check("memcheck 16 1", 100)


@pytest.mark.parametrize("name,number", [("credit", 5), ("sedf", 4), ("bvt", 0), ("rrobin", 3)])
def test_schedulers(boot, name, number):
    """dom0 works with each scheduler, also when there is more to do than CPUs."""
    host = boot(cpus=2, mem=1024, kernel="quiet", xen="dom0_max_vcpus=4 sched=" + name)
    assert host.wait_ready()[0] == 4
    assert host.check("xensysctl scheduler") == "scheduler %d" % number
    assert "good" in host.check("memcheck 32 2", 200)
    host.check("for i in 1 2 3 4 5; do (dd if=/dev/zero bs=1M count=60 2>/dev/null | md5sum) & done; wait", 200)


def test_trace_at_boot(boot):
    """tbuf_size= makes buffers at boot; what the tool asks for later must fit."""
    host = boot(cpus=2, mem=1024, kernel="quiet", xen="loglvl=all tbuf_size=16 tevt_mask=0x0002f000")
    host.wait_ready()
    assert "ok trace" in host.check("xensysctl trace", 60)
