"""Tests of the control stack's programs, run as users run them."""

import subprocess
import threading

import pytest

from programs import ROOT, FakeXend


@pytest.fixture(scope="session", autouse=True)
def built():
    """The programs under test; xenstored with sanitizers besides."""
    subprocess.run(["make", "-s", "-C", ROOT / "tools", "all", f"ROOT={ROOT}"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["make", "-s", "-C", ROOT / "tests/tools/xenstored"], check=True)


@pytest.fixture
def xend(tmp_path):
    server = FakeXend(tmp_path / "xmlrpc.sock")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
