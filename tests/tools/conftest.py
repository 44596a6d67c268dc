"""Tests of the control stack's programs, run as users run them."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent))

from programs import ROOT, FakeXend


def pytest_sessionstart(session):
    """The programs under test: as they are, and with sanitizers. Before the time limits of tests begin, and once, before
    the processes that share the tests (-n) start."""
    if hasattr(session.config, "workerinput"):
        return
    make = ["make", "-s", "-j%d" % os.cpu_count()]
    subprocess.run([*make, "-C", ROOT / "tools", "all", f"ROOT={ROOT}"], check=True, stdout=subprocess.DEVNULL)
    for folder in "xenstored", "xend":
        subprocess.run([*make, "-C", ROOT / "tests/tools" / folder], check=True)


@pytest.fixture
def xend(tmp_path):
    server = FakeXend(tmp_path / "xmlrpc.sock")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
