"""Settings of the guest tests."""

import sys
from pathlib import Path

# The host tests know where the hypervisor's image is and what its last words are.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hosts"))


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: in the subset that every change runs")
