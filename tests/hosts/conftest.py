"""Fixtures of the whole-host tests."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import host as host_module  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: in the subset that every change runs")
    config.addinivalue_line("markers", "full: boots a whole Debian, which takes root and minutes")


@pytest.fixture
def boot(request):
    """Function that starts a host for this test; every host started is ended with the test."""
    hosts = []
    request.node.hosts = hosts

    def start(**settings):
        name = request.node.name + (".%d" % len(hosts) if hosts else "")
        hosts.append(host_module.Host(name, **settings))
        return hosts[-1]

    yield start
    for started in hosts:
        started.close()


@pytest.fixture(scope="module")
def dom0(request):
    """One host at dom0's prompt for all tests of a module, with the module's SHARED settings."""
    name = request.module.__name__
    with host_module.Host(name, **request.module.SHARED) as started:
        request.module.shared_host = started
        started.wait_ready()
        yield started


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of the consoles of its hosts."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    hosts = list(getattr(item, "hosts", []))
    if "dom0" in item.fixturenames and hasattr(item.module, "shared_host"):
        hosts.append(item.module.shared_host)
    for started in hosts:
        report.sections.append(("console of %s" % started.name, started.tail()))
