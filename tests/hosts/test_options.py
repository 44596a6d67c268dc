"""The hypervisor's command line: what options do, and that none is passed over in silence."""

import re

import pytest
from host import is_ours

quick = pytest.mark.quick
pytestmark = pytest.mark.timeout(240)


def complains(text, option):
    """Whether a console line other than the echo of the command line objects to the option."""
    lines = [line for line in text.splitlines() if option in line and "ommand line" not in line]
    return any(re.search(r"(?i)unknown|invalid|malformed|bad |ignored|not understood|unrecogni", line) for line in lines)


@quick
def test_unknown_and_malformed_are_named(boot):
    host = boot(cpus=1, mem=512, kernel="quiet",
                xen="frobnicate=1 dom0_mem=12Q maxcpus=banana loglvl=loud com2=9600,9z1 console_timestamps")
    host.wait_ready()
    for option in ("frobnicate", "dom0_mem", "maxcpus", "loglvl", "com2"):
        assert complains(host.boot_text, option), option
    assert not complains(host.boot_text, "console_timestamps")


@quick
@pytest.mark.parametrize("value,low,high", [
    ("262144", 100, 256),
    ("256M", 100, 256),
    ("-700M", 150, 330),
    ("min:128M,max:400M,300M", 150, 300),
    ("max:320M", 160, 320),
])
def test_dom0_mem(boot, value, low, high):
    """Bare numbers are KiB; less than the size is what to leave free."""
    host = boot(cpus=1, mem=1024, kernel="quiet", xen="dom0_mem=" + value)
    mib = host.wait_ready()[1] / 1024
    assert low < mib < high


@quick
@pytest.mark.parametrize("options,expected", [("nosmp", 1), ("maxcpus=2", 2), ("dom0_max_vcpus=3", 3)])
def test_processors(boot, options, expected):
    host = boot(cpus=4, mem=1024, kernel="quiet", xen=options)
    assert host.wait_ready()[0] == expected


@quick
def test_mem(boot):
    """Memory above mem= belongs to nobody."""
    host = boot(cpus=1, mem=2048, kernel="quiet", xen="mem=512M")
    assert 128 * 1024 < host.wait_ready()[1] < 512 * 1024


@quick
def test_badpage(boot):
    """The machine boots without the frames named, and says which they are."""
    host = boot(cpus=1, mem=512, kernel="quiet", xen="badpage=8000-8003,0x9100 loglvl=all")
    host.wait_ready()
    assert not complains(host.boot_text, "badpage")
    assert "good" in host.check("memcheck 32 1", 100)


@quick
@pytest.mark.parametrize("console,port", [
    ("com1=115200 console=com1,vga", 1),
    ("com1=115200,8n1,0x3f8,0 console=com1 sync_console", 1),
    ("com2=57600,8n1 console=com2", 2),
], ids=["default-line", "polled-synchronous", "com2"])
def test_serial_ports(boot, console, port):
    """Output and input work with the line settings, the port and the way of transfer named."""
    host = boot(cpus=1, mem=512, kernel="quiet", console=console, port=port)
    host.wait_ready()
    assert host.check("echo there and back") == "there and back"


@pytest.mark.parametrize("console", [
    "com1=auto console=com1", "com1=9600/1843200,8n1 console=com1", "com1=38400,8e2,0x3f8,4 console=com1", ""])
def test_more_line_settings(boot, console):
    host = boot(cpus=1, mem=512, kernel="quiet", console=console)
    host.wait_ready()
    assert host.check("echo there and back") == "there and back"


@quick
def test_conswitch(boot):
    """conswitch=bx: CTRL-b switches, and the input is the hypervisor's until it does."""
    host = boot(cpus=1, mem=512, kernel="quiet", xen="conswitch=bx")
    host.expect(r"DOM0-READY", 120)
    host.expect("dom0# ", 30)
    host.type("\x02\x02\x02")
    host.expect(r"Serial input (->|to) DOM0", 20)
    host.type("\r")
    host.expect("dom0# ", 20)
    assert host.check("echo mine") == "mine"
    host.type("\x02\x02\x02")
    host.expect(r"Serial input (->|to) Xen", 20)


@quick
@pytest.mark.parametrize("level,chatty", [("none", False), ("all", True)])
def test_log_levels(boot, level, chatty):
    """The console's first lines are there at any level; the rest follows the level."""
    host = boot(cpus=1, mem=512, kernel="quiet", xen="loglvl=%s guest_loglvl=%s" % (level, level))
    host.wait_ready()
    lines = len(re.findall(r"\(XEN\)", host.boot_text))
    assert lines > 30 if chatty else lines < 200


@pytest.mark.skipif(not is_ours(), reason="the names are of several versions of Xen; one of them knows no others")
def test_every_documented_option_is_known(boot):
    """Options that this machine has no use for are at least parsed."""
    options = (
        "no-bootscrub watchdog=0 noirqbalance nmi=dom0 tbuf_size=0 sched=credit apic_verbosity=verbose lapic "
        "acpi_skip_timer_override=0 vga=current dom0_vcpus_pin e820-verbose numa=off clocksource=pit timer_slop=50000 "
        "max_cstate=1 cpufreq=none reboot=k nr_irqs=256 irq_ratelimit=10000 msi mmcfg=off nomce cpuinfo "
        "gnttab_max_nr_frames=32 console_to_ring console_timestamps conring_size=64 serial_tx_buffer=64 "
        "debugtrace=0 debug_stack_lines=20 iommu=off xsave=1 hap=1 conswitch=a allowhugepage=0 availmem=900M "
        "dom0_ioports_disable=300-30f hpetbroadcast=0 tsc_unstable softtsc=0 edid=no edd=off ats=off")
    host = boot(cpus=2, mem=1024, kernel="quiet", xen=options)
    host.wait_ready()
    unknown = [option for option in options.split() if complains(host.boot_text, option.split("=")[0])]
    assert not unknown


def test_old_machine_switches(boot):
    """Without ACPI and without an I/O APIC there is still a machine with one processor, a console and a clock."""
    for options in ("ignorebiostables", "acpi=off nosmp", "noapic nosmp"):
        host = boot(cpus=2, mem=512, kernel="quiet", xen=options)
        assert host.wait_ready()[0] == 1
        assert host.check("sleep 1; echo awake") == "awake"
        host.close()
