"""Programs and library of the store: ours and Debian's, each with both daemons. The same commands must show the same."""

import os
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from storeclient import BUILD, TOP, Daemon

THEIR_BIN = Path("/usr/lib/xen-4.17/bin")
THEIRS = THEIR_BIN / "xenstored"
OURS_BIN = TOP / "build/tools/bin"


class DebianDaemon(Daemon):
    """Debian's xenstored on the same files."""

    def start(self):
        (self.folder / "hv/port").write_text("1")
        self.environment["LD_PRELOAD"] = str(BUILD / "preload.so")
        super().start()
        del self.environment["LD_PRELOAD"]

    def stop(self):
        self.kill()


@pytest.fixture(params=["ours", "debian"])
def daemon(request, tmp_path):
    started = Daemon(tmp_path) if request.param == "ours" else DebianDaemon(tmp_path, program=THEIRS)
    with started:
        yield started


class Programs:
    """xenstore-* of one make, on one daemon."""

    def __init__(self, daemon, ours, folder):
        self.environment = daemon.environment
        self.ours = ours
        self.folder = Path(folder)
        if ours:
            for mode in "read write list ls rm exists chmod watch control".split():
                (self.folder / ("xenstore-" + mode)).symlink_to(OURS_BIN / "xenstore")

    def run(self, mode, *arguments):
        """Exit status and all output, without the daemon's own nodes."""
        program = "xenstore-" + mode
        if self.ours:
            program = self.folder / program
        elif mode == "control":  # the one in PATH looks for a hypervisor
            program = THEIR_BIN / program
        done = subprocess.run([program, *arguments], env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=20)
        return done.returncode, done.stdout.decode(errors="replace")


COMMANDS = [
    ["write", "/a/b", "1", "/a/c", "two words", "/a/d/e/f", ""],
    ["write", "/a/esc", r"a\x01b\nc\\d\065"],
    ["write", "-R", "/a/raw", r"a\x01b"],
    ["read", "/a/b"], ["read", "/a/b", "/a/c"], ["read", "-p", "/a/b", "/a/c"], ["read", "-s", "/a/b"],
    ["read", "/a/esc"], ["read", "-R", "/a/esc"], ["read", "/a/raw"], ["read", "/nope"], ["read", "/a/nope", "/a/b"],
    ["read"], ["write"], ["write", "/x"], ["list"], ["rm"], ["exists"], ["chmod"], ["watch"],
    ["read", "-h"], ["write", "-h"], ["list", "-h"], ["ls", "-h"], ["rm", "-h"], ["exists", "-h"], ["chmod", "-h"],
    ["watch", "-h"],
    ["list", "/a"], ["list", "-p", "/a"], ["list", "/a", "/a/d"], ["list", "/nope"], ["list", "/a/b"],
    ["ls", "/a"], ["ls", "-f", "/a"], ["ls", "-p", "/a"], ["ls", "-fp", "/a"], ["ls", "/nope"], ["ls", "/a/d/"],
    ["exists", "/a"], ["exists", "/nope"], ["exists", "/a", "/nope"],
    ["chmod", "/a/b", "n0", "r1", "b2"], ["chmod", "-r", "/a/d", "b0", "r3"], ["ls", "-p", "/a"],
    ["chmod", "-u", "/a/d/e", "r0"], ["ls", "-p", "/a"], ["chmod", "/a", "x"], ["chmod", "/nope", "n0"],
    ["write", "/a/z-long", "x" * 300], ["ls", "/a"], ["ls", "-p", "/a"], ["ls", "-f", "/a"],
    *(["write", "/a/z-long", "x" * length] for length in (48, 49, 50, 51)), ["ls", "-p", "/a"],
    *(cmd for length in (66, 67, 68, 69) for cmd in (["write", "/a/z-long", "x" * length], ["ls", "/a"])),
    ["rm", "/a/b"], ["rm", "/nope"], ["rm", "/nope/x"], ["rm", "-t", "/a/d/e/f"], ["ls", "/a"], ["rm", "/a"],
    ["write", "rel", "1"], ["read", "rel"], ["read", "/local/domain/0/rel"], ["ls", "/local"],
    ["write", "/bad path", "1"], ["write", "/tr/", "1"],
    ["control", "check"], ["control", "print", "x"], ["control", "log", "off"], ["control", "quota", "set", "nodes", "9"],
]


def play(daemon, ours, folder):
    """What each command says."""
    programs = Programs(daemon, ours, folder)
    return [(" ".join(command)[:60], *programs.run(*command)) for command in COMMANDS]


def test_same_as_debian(tmp_path):
    """All four pairs of programs and daemon."""
    results = {}
    for theirs in (False, True):
        for ours in (False, True):
            folder = tmp_path / ("%d%d" % (theirs, ours))
            (folder / "bin").mkdir(parents=True)
            with DebianDaemon(folder, program=THEIRS) if theirs else Daemon(folder) as daemon:
                results[theirs, ours] = play(daemon, ours, folder / "bin")
    expected = results.pop((True, False))
    for pair, result in results.items():
        for want, have in zip(expected, result):
            assert want == have, "Debian's daemon, our programs: %s" % (pair,)


def test_bad_options(daemon, tmp_path):
    (tmp_path / "bin").mkdir()
    programs = Programs(daemon, True, tmp_path / "bin")
    for command in (["read", "-x", "/a"], ["watch", "-n", "x", "/a"], ["watch", "-n", "0", "/a"], ["chmod", "/a"],
                    ["chmod", "/a", "n0x"]):
        status, output = programs.run(*command)
        assert status == 1 and output.count("\n") <= 2 and "xenstore-" + command[0] in output
    status, output = programs.run("control", "nonsense")
    assert status == 3 and "Invalid argument" in output
    only = subprocess.run([OURS_BIN / "xenstore", "read", "-p", "/tool"], env=daemon.environment, stdout=subprocess.PIPE)
    assert only.stdout == b"/tool: \n"
    absent = dict(os.environ, XENSTORED_PATH=str(tmp_path / "none"))
    gone = subprocess.run([OURS_BIN / "xenstore", "read", "/tool"], env=absent, stderr=subprocess.PIPE)
    assert gone.returncode == 1 and gone.stderr.startswith(b"xenstore read: xs_open: ")


@pytest.mark.parametrize("ours", [True, False])
def test_watch(daemon, tmp_path, ours):
    (tmp_path / "bin").mkdir()
    programs = Programs(daemon, ours, tmp_path / "bin")
    found = []
    watcher = threading.Thread(target=lambda: found.append(programs.run("watch", "-n", "3", "/w")))
    watcher.start()
    time.sleep(0.5)
    programs.run("write", "/w/x", "1", "/w/y", "2")
    watcher.join(20)
    assert found == [(0, "/w\n/w/x\n/w/y\n")]


def test_width(tmp_path):
    """On a terminal, lines end with it."""
    (tmp_path / "bin").mkdir()
    with Daemon(tmp_path) as daemon:
        daemon.client().write("/long", "x" * 300)
        shown = subprocess.run(["script", "-qc", "stty cols 60; %s ls /" % (OURS_BIN / "xenstore"), "/dev/null"],
                               env=daemon.environment, stdout=subprocess.PIPE, check=True).stdout.decode()
    assert re.search(r'^long = "x{46}\\\.\.\."\r$', shown, re.M)


@pytest.mark.parametrize("part", ["basic", "long-list", "watch", "threads", "helpers"])
def test_library(daemon, part):
    done = subprocess.run([BUILD / "libtest", part], env=daemon.environment, stderr=subprocess.PIPE, text=True, timeout=50)
    assert done.returncode == 0, done.stderr


def test_library_outlives_daemon(tmp_path):
    """A handle finds the next daemon: watches stay, an open transaction ends with EAGAIN."""
    with Daemon(tmp_path) as daemon:
        program = subprocess.Popen([BUILD / "libtest", "restart"], env=daemon.environment, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert program.stdout.readline() == "ready\n"
        daemon.restart()
        _, errors = program.communicate("\n", timeout=20)
        assert program.returncode == 0, errors


def test_debian_test_program(tmp_path):
    """Debian's own test of a store: its transactions, watches and lists on our daemon."""
    with Daemon(tmp_path) as daemon:
        done = subprocess.run([THEIR_BIN / "test-xenstore", "-i", "20"], env=daemon.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=50)
    assert done.returncode == 0, done.stdout
