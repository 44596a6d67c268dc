"""What becomes of the machine when dom0 ends."""

import pytest

quick = pytest.mark.quick
pytestmark = pytest.mark.timeout(240)

MACHINE = {"cpus": 2, "mem": 512, "kernel": "quiet"}
# Of the tests after which the machine is up again.
SHARED = {**MACHINE, "limit": 480}


@quick
@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_poweroff(boot, machine):
    host = boot(machine=machine, **MACHINE)
    host.wait_ready()
    host.type("poweroff -f\r")
    assert host.qmp.wait_event("SHUTDOWN", 40)["guest"]
    host.wait_end()


@quick
def test_reboot(dom0):
    for _ in range(2):
        dom0.type("reboot -f\r")
        assert dom0.qmp.wait_event("RESET", 40)["guest"]
        dom0.wait_ready()


@quick
def test_crash_reboots(dom0):
    dom0.type("echo c >/proc/sysrq-trigger\r")
    dom0.expect(r"\(XEN\)[^\n]*(?i:crash)", 30, fatal=False)
    assert dom0.qmp.wait_event("RESET", 60)["guest"]
    dom0.wait_ready()


@quick
def test_crash_with_noreboot_halts(boot):
    host = boot(xen="noreboot", **MACHINE)
    host.wait_ready()
    host.type("echo c >/proc/sysrq-trigger\r")
    host.expect(r"\(XEN\)[^\n]*(?i:crash)", 30, fatal=False)
    assert not host.qmp.has_event("RESET", 12)
    assert not host.qmp.has_event("SHUTDOWN")


def test_halt(boot):
    """`halt` is a power-off to the hypervisor or a stop of dom0's CPUs; the machine does not start anew by itself."""
    host = boot(**MACHINE)
    host.wait_ready()
    host.type("halt -f\r")
    assert not host.qmp.has_event("RESET", 10)


@pytest.mark.parametrize("method", ["b", "a", "t", "k", "n"])
def test_reboot_methods(boot, method):
    """Named methods that this machine lacks give way to one that it has; `n` is none."""
    host = boot(xen="reboot=" + method, **MACHINE)
    host.wait_ready()
    host.type("reboot -f\r")
    if method == "n":
        assert not host.qmp.has_event("RESET", 10)
    else:
        assert host.qmp.wait_event("RESET", 40)["guest"]


def test_nmi_reaches_dom0(boot):
    """A button's NMI is dom0's business by default, and nobody's end."""
    host = boot(**MACHINE)
    host.wait_ready()
    for _ in range(3):
        host.qmp.command("inject-nmi")
    assert host.check("echo alive") == "alive"
