"""`make demo` ends at dom0's prompt, with the keys it promises."""

import pexpect
import pytest
from host import TOP, is_ours

pytestmark = pytest.mark.timeout(200)


@pytest.mark.skipif(not is_ours(), reason="shows our own build")
def test_demo():
    child = pexpect.spawn("timeout", ["--foreground", "-k", "5", "180", str(TOP / "scripts/demo")], encoding="utf-8",
                          codec_errors="replace", timeout=120)
    try:
        child.expect("DOM0-READY")
        child.expect("dom0# ")
        child.send("\x01\x01\x01")
        child.expect("Serial input (->|to) Xen")
        child.send("\x01\x01\x01")
        child.expect("Serial input (->|to) DOM0")
        child.send("poweroff -f\r")
        child.expect(pexpect.EOF, timeout=60)
    finally:
        child.terminate()
        child.close(force=True)
