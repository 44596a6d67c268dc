"""`make demo` ends at dom0's prompt with a guest running, and with the keys it promises."""

import pexpect
import pytest
from host import TOP, is_ours

pytestmark = pytest.mark.timeout(700)


@pytest.mark.skipif(not is_ours(), reason="shows our own build")
def test_demo():
    child = pexpect.spawn("timeout", ["--foreground", "-k", "5", "600", str(TOP / "scripts/demo")], encoding="utf-8",
                          codec_errors="replace", timeout=240)
    try:
        child.expect("Starting domain demo")
        child.expect("DOM0-READY")
        child.expect("This is dom0")
        child.expect("dom0# ")
        child.send("xm list\r")
        child.expect(r"Domain-0 +0 ")
        child.expect(r"demo +\d+ +128 +2 ")
        child.expect("dom0# ")
        child.send("ping -c 2 -w 60 10.0.2.20\r")
        child.expect("bytes from 10.0.2.20")
        child.expect("dom0# ")
        child.send("\x01\x01\x01")
        child.expect("Serial input (->|to) Xen")
        child.send("\x01\x01\x01")
        child.expect("Serial input (->|to) DOM0")
        child.send("poweroff\r")
        child.expect("Shutting down domain demo")
        child.expect(pexpect.EOF, timeout=200)
    finally:
        child.terminate()
        child.close(force=True)
