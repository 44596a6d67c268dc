"""The script that starts and ends domains with the machine, with a small program in the place of xm."""

import subprocess
import time
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]

# Each domain is a file with its state and its seconds. Who is paused hears of no shutdown; "deaf" never does.
XM = """#!/bin/sh
cd @DIR@ || exit 1
echo "$*" >>log
list() {
	echo 'Name ID Mem VCPUs State Time(s)'
	echo 'Domain-0 0 512 2 r----- 99.9'
	for name in $(ls domains); do
		[ -n "$1" ] && [ "$1" != "$name" ] || echo "$name 7 64 1 $(cat domains/$name)"
	done
}
case $1 in
list) if [ -n "$2" ]; then list "$2" | grep -v Domain-0; else list; fi ;;
unpause) echo '-b---- 5.0' >domains/$2 ;;
destroy) rm domains/$2 ;;
shutdown)
	for name in "$@"; do :; done
	while grep -q p domains/$name || [ $name = deaf ]; do sleep 0.1; done
	sleep 1
	rm domains/$name
	;;
*) exit 1 ;;
esac
"""


class Machine:
    """The script, made for a directory, and the domains there."""

    def __init__(self, directory):
        self.directory = directory
        (directory / "domains").mkdir()
        (directory / "xm").write_text(XM.replace("@DIR@", str(directory)))
        (directory / "xm").chmod(0o755)
        text = (TOP / "tools/init/bin/xendomains").read_text().replace("@SBINDIR@", str(directory))
        # No settings of this machine.
        text = text.replace("/etc/default/xendomains", str(directory / "settings")).replace("/run/lock", str(directory))
        (directory / "xendomains").write_text(text.replace("@SYSCONFDIR@", str(directory)))

    def add(self, **domains):
        """Domains that run: their state as xm list shows it, and seconds."""
        for name, state in domains.items():
            (self.directory / "domains" / name).write_text(state + "\n")

    def run(self, action, settings=""):
        """Runs the script; returns its status and the seconds that it took."""
        (self.directory / "settings").write_text(settings)
        start = time.monotonic()
        status = subprocess.run(["sh", self.directory / "xendomains", action], timeout=60, check=False).returncode
        return status, time.monotonic() - start

    def domains(self):
        """Names of those that run."""
        return {path.name for path in (self.directory / "domains").iterdir()}

    def calls(self):
        """What xm was called with."""
        return (self.directory / "log").read_text().splitlines()


@pytest.fixture(name="machine")
def machine_of_files(tmp_path):
    """A machine without domains."""
    return Machine(tmp_path)


def test_all_end_at_once(machine):
    machine.add(**{"g%d" % i: "-b---- 3.0" for i in range(8)})
    status, seconds = machine.run("stop")
    assert status == 0 and machine.domains() == set() and seconds < 6


def test_paused_guests_end(machine):
    machine.add(paused="--p--- 12.5", new="--p--- 0.0", kept="---s-- 40.1", crashed="--p-c- 40.1")
    status, _ = machine.run("stop")
    assert status == 0 and machine.domains() == set()
    calls = machine.calls()
    assert calls.index("unpause paused") < calls.index("shutdown --halt --wait paused")
    assert [call for call in calls if call.startswith("destroy")] == ["destroy crashed", "destroy kept", "destroy new"]
    assert [call.split()[-1] for call in calls if call.startswith("shutdown")] == ["paused"]


def test_limit_of_time(machine):
    """Who does not hear holds up nobody for longer than that, nor another."""
    machine.add(deaf="-b---- 3.0", good="-b---- 3.0")
    status, seconds = machine.run("stop", "XENDOMAINS_STOP_MAXWAIT=3\n")
    assert status != 0 and machine.domains() == {"deaf"} and seconds < 10
    assert len([call for call in machine.calls() if call.startswith("shutdown")]) == 2


def test_others_stay(machine):
    """With XENDOMAINS_AUTO_ONLY only domains of auto end."""
    machine.add(other="-b---- 3.0")
    assert machine.run("stop", "XENDOMAINS_AUTO_ONLY=true\n")[0] == 0
    assert machine.domains() == {"other"}
