"""The stress programs for longer, on machines of other shapes."""

import pytest
from test_guest import check_clock

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("settings", [
    pytest.param({"cpus": 1, "mem": 512}, id="1cpu"),
    pytest.param({"cpus": 4, "mem": 2048, "machine": "q35", "model": "max"}, id="4cpu-max"),
    pytest.param({"cpus": 4, "mem": 2048, "model": "Skylake-Server"}, id="4cpu-Skylake"),
])
def test_long_stress(boot, settings):
    host = boot(limit=850, kernel="quiet", **settings)
    host.wait_ready()
    check_clock(host)
    for program in ("sigstress", "cpustate", "compat32"):
        assert "FAIL" not in host.check(program, 300)
    assert "good" in host.check("memcheck %d 3" % (settings["mem"] // 4), 400)
    assert host.run("dmesg | grep -E 'BUG:|WARNING:|Oops|Call Trace|soft lockup|stall'")[1] == ""
