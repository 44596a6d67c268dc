"""Completion in bash: what is offered at some places."""

import os
import subprocess

import pytest

from programs import BIN, ROOT

SCRIPT = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_xm 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(xend, *words):
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "XM_SERVER": f"unix:{xend.path}"}
    done = subprocess.run(["bash", "-c", SCRIPT, "bash", ROOT / "tools/xm/completion", *words], env=env, text=True,
                          capture_output=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("words,offered", [
    (["xm", "cons"], ["console"]),
    (["xm", "help", "block-l"], ["block-list"]),
    (["xm", "pause", "a"], ["alice"]),
    (["xm", "shutdown", "--w"], ["--wait"]),
    (["xm", "create", "x.cfg", "vncd"], ["vncdisplay="]),
    (["xm", "trigger", "alice", "s"], ["s3resume"]),
    (["xm", "network-attach", "alice", "br"], ["bridge="]),
    (["xm", "info", ""], []),
])
def test_completion(xend, words, offered):
    xend.answers["xend.domains_with_state"] = [["domain", ["name", "alice"], ["domid", 1]],
                                               ["domain", ["name", "bob"], ["domid", 2]]]
    assert complete(xend, *words) == offered


def test_all_commands_are_offered(xend):
    assert len(complete(xend, "xm", "")) > 35
