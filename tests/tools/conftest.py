"""What the tests of the tools need built."""

import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def programs():
    """The programs under test, with sanitizers."""
    subprocess.run(["make", "-s", "-C", TOP / "tests/tools/xenstored"], check=True)
    subprocess.run(["make", "-s", "-C", TOP / "tools", "ROOT=%s" % TOP], check=True, stdout=subprocess.DEVNULL)
