"""The manual: what programs print in it is current, and its pages are clean."""

import shutil
import subprocess

import pytest

from programs import ROOT

PAGES = sorted((ROOT / "docs/man").glob("*.[1-9]"))


def test_sections_are_current():
    done = subprocess.run([ROOT / "docs/man/update", "--check"], text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_page_is_clean(page):
    for command in (["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-man", "-ww", "-Tutf8", "-z"]):
        assert shutil.which(command[0]), f"{command[0]} is missing"
        done = subprocess.run([*command, page], text=True, capture_output=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
