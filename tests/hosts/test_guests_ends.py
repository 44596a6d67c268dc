"""What follows a guest's own end: each reason, typed inside, with each action that a configuration may name."""

import re

import pytest

pytestmark = [pytest.mark.full, pytest.mark.timeout(2400)]

# Room for all guests at once.
SHARED = {"mem": 3072, "limit": 2300}
MEMORY = "memory=96"
POWEROFF, REBOOT = "(sleep 2; poweroff -f) & true", "(sleep 2; reboot -f) & true"
CRASH = "(sleep 2; echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger) & true"
# Name, the action, what is typed, which names are then there in what state, and how many cores.
CASES = [
    ("p1", "on_poweroff=destroy", POWEROFF, {}, 0),
    ("p2", "on_poweroff=preserve", POWEROFF, {"p2": "s"}, 0),
    ("p3", "on_poweroff=restart", POWEROFF, {"p3": "new"}, 0),
    ("r1", "on_reboot=restart", REBOOT, {"r1": "new"}, 0),
    ("r2", "on_reboot=destroy", REBOOT, {}, 0),
    ("r3", "on_reboot=rename-restart", REBOOT, {"r3": "new", "r3-1": "s"}, 0),
    ("c1", "on_crash=restart", CRASH, {"c1": "new"}, 0),
    ("c2", "on_crash=destroy", CRASH, {}, 0),
    ("c3", "on_crash=rename-restart", CRASH, {"c3": "new", "c3-1": "c"}, 0),
    ("c4", "on_crash=coredump-restart", CRASH, {"c4": "new"}, 1),
    ("c5", "on_crash=coredump-destroy", CRASH, {}, 1),
]


def follows(host, name, first, expected):
    """Whether the guests whose names begin with this one's are as they should be."""
    now = {other: row for other, row in host.domains().items() if re.fullmatch(name + "(-1)?", other)}
    if set(now) != set(expected):
        return False
    for other, state in expected.items():
        domid, _, _, letters, _ = now[other]
        if state == "new":
            if domid <= first or letters[2:5] != "---":
                return False
        elif state not in letters:
            return False
    return True


def test_every_end(module_dom0):
    """All guests run side by side, for the minute that a guest must have lived to be started again, and then end."""
    host = module_dom0
    # Cores go to memory.
    host.check("mkdir -p /var/xen/dump && mount -t tmpfs none /var/xen/dump")
    host.remember()
    for name, action, _, _, _ in CASES:
        host.create(name, MEMORY, action)
    for name, *_ in CASES:
        host.wait_guest(name, 400)
    host.check("sleep 62", 70)
    first = {name: row[0] for name, row in host.domains().items()}
    for name, _, typed, _, _ in CASES:
        host.check_guest(name, typed)
    for name, action, _, expected, core in CASES:
        host.wait_until(action, lambda: follows(host, name, first[name], expected), 300)
        cores = host.check("ls /var/xen/dump/%s 2>/dev/null; true" % name).split()
        assert len(cores) == core, (name, cores)
        if expected.get(name) == "new":
            host.wait_guest(name, 400, times=2)
            assert host.check_guest(name, "echo anew") == "anew"
    host.check("for g in $(xm list | awk '$2 > 0 { print $1 }'); do xm destroy $g; done", 200)
    host.frees_all(120)
