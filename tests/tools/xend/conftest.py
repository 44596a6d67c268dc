import subprocess
from pathlib import Path

import pytest

from fakehost import Host


def pytest_sessionstart(session):
    """Before the time limits of tests begin."""
    subprocess.run(["make", "-j2", "-s", "-C", Path(__file__).parent], check=True)


@pytest.fixture
def host(tmp_path):
    made = Host(tmp_path).start()
    yield made
    made.close()
