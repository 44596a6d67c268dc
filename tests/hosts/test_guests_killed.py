"""xend and xenconsoled die at any moment of what they do for running guests; the guests do not notice, and the next daemons go
on or clean up."""

import random

import pytest

pytestmark = [pytest.mark.full, pytest.mark.timeout(2 * 3600)]

SHARED = {"limit": 2 * 3600 - 60}
KILL = "kill -9 $(cat /run/xend.pid); wait; xend start"


@pytest.fixture(scope="module", name="host")
def host_with_disks(module_dom0):
    """A dom0 with a bridge and two disks for guests."""
    module_dom0.add_bridge()
    module_dom0.check("truncate -s 16M /root/disk1 /root/disk2")
    module_dom0.remember()
    return module_dom0


def detach_all(host, name):
    """Takes every device away that the guest was given since it started."""
    for row in host.table("xm block-list " + name)[1:]:
        host.check("xm block-detach %s %s" % (name, row[0]), 150)
    for row in host.table("xm network-list " + name)[1:]:
        host.check("xm network-detach %s %s" % (name, row[0]), 150)


def test_attach(host):
    """Devices that were on their way in or out are there whole, or not at all."""
    chance = random.Random(2)
    host.create("g", "disk=file:/root/disk1,xvda,w", "vif=bridge=xenbr0")
    host.wait_guest("g")
    domid, with_guest = host.domains()["g"][0], host.leftovers()
    for turn in range(60):
        work = ("(xm block-attach g file:/root/disk2 xvdb w; xm network-attach g bridge=xenbr0; xm block-detach g xvdb) "
                "</dev/null >/dev/null 2>&1 & ")
        host.check(work + "sleep %.3f; " % chance.uniform(0, 3) + KILL, 180)
        assert host.domains()["g"][0] == domid, turn
        host.wait_until("block devices agree", lambda: len(host.table("xm block-list g")) ==
                        int(host.check_guest("g", "ls /sys/block | grep -c xvd")), 60)
        detach_all(host, "g")
        host.wait_until("what was attached is gone", lambda: host.leftovers() == with_guest, 120)
    host.check_guest("g", "dd if=/dev/xvda of=/dev/null bs=64k", 120)
    host.check("xm shutdown -w g", 180)
    host.frees_all(120)


def test_shutdown(host):
    """A guest that was ending has ended when the next xend is there, with all that it had."""
    chance = random.Random(3)
    for turn in range(40):
        # Each has a log of its own, which says when it is up.
        name = "s%d" % turn
        host.create(name, "disk=file:/root/disk1,xvda,w", "vif=bridge=xenbr0")
        host.wait_guest(name)
        host.check("(xm shutdown -w %s) </dev/null >/dev/null 2>&1 & sleep %.3f; " % (name, chance.uniform(0, 5)) + KILL, 180)
        # Killed before it had passed the wish on?
        if name in host.domains():
            host.run("xm shutdown -w %s 2>/dev/null" % name, 180)
        host.frees_all(120)


def test_consoles(host):
    """The consoles are those of the same guests when xenconsoled is back, and what guests print goes on being logged."""
    host.create("c")
    host.wait_guest("c")
    for turn in range(10):
        host.check("kill -9 $(pidof xenconsoled); xenconsoled --pid-file=/run/xen/xenconsoled.pid --log=guest", 30)
        assert host.check_guest("c", "echo turn $((%d * 7))" % turn) == "turn %d" % (turn * 7)
        host.check("grep -a 'turn %d' /var/log/xen/console/guest-c.log" % (turn * 7))
    host.check("xm shutdown -w c", 180)
    host.frees_all(120)
