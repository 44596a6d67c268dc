"""Fixtures of the whole-host tests."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import host as host_module  # noqa: E402
from dom0 import Dom0  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: in the subset that every change runs")
    config.addinivalue_line("markers", "full: boots a whole Debian, which takes root and minutes")


def starter(request, kind):
    """Function that starts hosts of a kind for this test; every host started is ended with the test."""
    hosts = []
    request.node.hosts = hosts

    def start(**settings):
        name = request.node.name + (".%d" % len(hosts) if hosts else "")
        hosts.append(kind(name, **settings))
        return hosts[-1]

    yield start
    for started in hosts:
        started.close()


@pytest.fixture
def boot(request):
    """Function that starts a host for this test."""
    yield from starter(request, host_module.Host)


@pytest.fixture
def boot_dom0(request):
    """Function that starts a host with our control stack for this test."""
    yield from starter(request, Dom0)


def of_module(request, kind):
    """Starts one host of a kind for all tests of a module, with the module's SHARED settings."""
    with kind(request.module.__name__, **request.module.SHARED) as started:
        request.module.shared_host = started
        started.wait_ready()
        yield started


@pytest.fixture(scope="module")
def dom0(request):
    """One host at dom0's prompt for all tests of a module."""
    yield from of_module(request, host_module.Host)


@pytest.fixture(scope="module")
def module_dom0(request):
    """One host with our control stack for all tests of a module, which no other module uses."""
    yield from of_module(request, Dom0)


# The host of the fixture below, while there is one.
SHARED_DOM0 = []


def end_shared_dom0():
    """Ends the host that modules share, if it is on."""
    while SHARED_DOM0:
        SHARED_DOM0.pop().close()


def has_no_guests(started):
    """Whether a host answers and runs dom0 alone."""
    try:
        return set(started.domains()) == {"Domain-0"}
    except host_module.HostError:
        return False


@pytest.fixture(scope="module")
def host(request):
    """A host with our control stack and a bridge, which modules share that run one after the other. Each must leave it as
    it was; when one has left guests or worse, the next has a new host."""
    if SHARED_DOM0 and not has_no_guests(SHARED_DOM0[0]):
        end_shared_dom0()
    if not SHARED_DOM0:
        SHARED_DOM0.append(Dom0(request.module.__name__, limit=6000))
        request.module.shared_host = SHARED_DOM0[0]
        SHARED_DOM0[0].wait_ready()
        SHARED_DOM0[0].add_bridge()
    request.module.shared_host = SHARED_DOM0[0]
    SHARED_DOM0[0].remember()
    return SHARED_DOM0[0]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """The shared host ends with the last test in a row that uses it."""
    yield
    if "host" in item.fixturenames and (nextitem is None or "host" not in nextitem.fixturenames):
        end_shared_dom0()


def pytest_sessionfinish():
    """Also after an interrupt."""
    end_shared_dom0()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of the consoles of its hosts, and what these are doing."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    hosts = list(getattr(item, "hosts", []))
    if {"dom0", "module_dom0", "host"} & set(item.fixturenames) and hasattr(item.module, "shared_host"):
        hosts.append(item.module.shared_host)
    for started in hosts:
        if call.when != "teardown":
            started.examine()
        report.sections.append(("console of %s" % started.name, started.tail()))
