"""The emulator's own fault that translations.py is for, without which some boots would stand still."""

import re

import pytest

pytestmark = pytest.mark.timeout(240)


def test_old_code_is_forgotten(boot):
    """A program that executes old code until there is none goes on; with an emulator without the fault it need not wait."""
    host = boot(cpus=2, mem=1024, kernel="quiet")
    host.wait_ready()
    output = host.check("oldcode", 120)
    assert re.fullmatch(r"old code: round \d+, \d+ calls", output), output
