"""The hypervisor's side of the serial console: switching input, and every key that shows something."""

import os
import re
import select

import pytest
from host import HostError, SWITCH_INPUT, is_ours

quick = pytest.mark.quick
pytestmark = [quick, pytest.mark.timeout(240)]

SHARED = {"cpus": 2, "mem": 1024, "limit": 600, "kernel": "quiet"}

TO_XEN = r"\*\*\* Serial input (->|to) Xen [^\n]*three times[^\n]*\n"
TO_DOM0 = r"\*\*\* Serial input (->|to) DOM0[^\n]*\n"

# Keys that end or change the machine, wait for a debugger, or need a second kernel: not pressed here.
NOT_PRESSED = "RC%DnNOS*"
# What the manuals promise in every build.
PROMISED = "hd0qrRtamHiezMgcs"


def press(host, key, quiet=1.0, limit=60):
    """Presses one key and returns what the hypervisor says until it is quiet for so many seconds."""
    host.type(key)
    text = ""
    try:
        text = host.expect(r"[^\n]*\n", limit, fatal=False).group(0)
        while True:
            text += host.expect(r"[^\n]*\n", quiet, fatal=False).group(0)
    except HostError:
        return text


def to_hypervisor(host):
    """Switches the input to the hypervisor."""
    host.type(SWITCH_INPUT)
    host.expect(TO_XEN, 20)


def to_dom0(host):
    """Switches the input back; dom0's shell shows that it is there."""
    host.type(SWITCH_INPUT)
    host.expect(TO_DOM0, 20)
    host.type("\r")
    host.expect("dom0# ", 20)


def ask(host, key):
    """Switches to the hypervisor, presses one key, and switches back; what it said."""
    to_hypervisor(host)
    text = press(host, key)
    to_dom0(host)
    return text


def listed_keys(text):
    """Keys of the list that `h` prints, with their descriptions."""
    return dict(re.findall(r"key '(.)'[^\n]*?(?:=>|:|-)\s*([^\r\n]+)", text))


@pytest.fixture(scope="module", name="keys")
def key_list(dom0):
    """What `h` lists."""
    return listed_keys(ask(dom0, "h"))


def test_one_or_two_go_to_dom0(dom0):
    """Fewer than three CTRL-a are input like any other."""
    dom0.type("cat -v\r")
    dom0.expect("cat -v\r*\n", 10)
    dom0.type("x\x01y\x01\x01z\r")
    dom0.expect(r"x\^Ay\^A\^Az", 10)
    dom0.type("\x03")
    dom0.expect("dom0# ", 10)


def test_switch_and_back(dom0):
    for _ in range(3):
        to_hypervisor(dom0)
        to_dom0(dom0)
    assert dom0.check("echo here") == "here"


def test_input_is_not_dom0s_while_switched(dom0):
    to_hypervisor(dom0)
    dom0.type("F")
    assert press(dom0, "F", limit=2) == ""
    to_dom0(dom0)
    assert dom0.check("echo clean") == "clean"


def test_help_lists_promised_keys(dom0, keys):
    assert dom0.check("true") == ""
    missing = [key for key in PROMISED if key not in keys]
    assert not missing or not is_ours()
    assert len(keys) >= 10


def test_every_listed_key(dom0, keys):
    """Each key is pressed while dom0 keeps both CPUs busy, says something, and leaves dom0 running."""
    dom0.check("for c in 1 2; do taskset $c sh -c 'while :; do :; done' & done")
    silent = []
    for key in sorted(keys):
        if key in NOT_PRESSED:
            continue
        to_hypervisor(dom0)
        if not re.search(r"\w{3,}", press(dom0, key, quiet=0.3)):
            silent.append(key)
        to_dom0(dom0)
    assert not silent
    assert dom0.check("echo alive") == "alive"
    dom0.check("kill $(pgrep -f 'while :') ; true")


def test_register_dump_names_every_cpu(dom0, keys):
    assert "d" in keys
    text = ask(dom0, "d")
    assert re.search(r"(?i)rip", text)
    assert all(re.search(r"(?i)cpu:?\s*#?%d" % cpu, text) for cpu in range(SHARED["cpus"]))


def test_domain_dump_names_every_vcpu(dom0, keys):
    assert "q" in keys
    text = ask(dom0, "q")
    assert re.search(r"(?i)domain 0", text)
    assert all(re.search(r"(?i)vcpu\s*#?%d" % vcpu, text) for vcpu in range(SHARED["cpus"]))


def test_flood_of_input(dom0):
    """16 KiB typed without a pause may lose characters, but nothing stops. The reader takes ^C as a character: Linux
    never reads again from a terminal whose full buffer a signal has flushed, on whatever hypervisor."""
    dom0.type("stty -isig -icanon; sed -n /END/q; stty sane\r")
    terminal = dom0.child.child_fd
    for _ in range(256):
        # The emulator takes no more than the serial port does, so what is echoed must be read in between.
        readable, writable, _ = select.select([terminal], [terminal], [], 20)
        assert readable or writable
        if writable:
            os.write(terminal, b"x" * 63 + b"\r")
        if readable:
            dom0.child.read_nonblocking(65536, 0)
    for _ in range(30):
        dom0.type("\rEND\r")
        try:
            dom0.expect("dom0# ", 2)
            break
        except HostError:
            continue
    assert dom0.check("echo alive", 60).split("\n")[-1] == "alive"


def test_reboot_key(dom0):
    """Last in the module: `R` starts the machine anew at once."""
    to_hypervisor(dom0)
    dom0.type("R")
    assert dom0.qmp.wait_event("RESET", 20)["guest"]
    dom0.wait_ready()
