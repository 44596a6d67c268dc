"""The scripts of network interfaces, in a network namespace of their own, with interfaces that lead nowhere."""

import os
import subprocess

import pytest

from programs import BIN, ROOT
from storeclient import Daemon

SCRIPTS = ROOT / "tools/hotplug"
pytestmark = pytest.mark.skipif(subprocess.run(["unshare", "-nm", "true"], check=False).returncode != 0,
                                reason="needs the right to make namespaces")


class Network:
    """A namespace that lives as long as the process that holds it; a xenstore; devices of guests."""

    def __init__(self, folder, daemon):
        self.folder, self.store = folder, daemon.client()
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        for name in ("read", "write"):
            (folder / f"xenstore-{name}").symlink_to(BIN / "xenstore")

    def run(self, *command, **environment):
        # /sys shows the namespace of whoever mounted it.
        inside = 'mount -t sysfs sysfs /sys && exec "$@"'
        return subprocess.run(
            ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "unshare", "-m", "sh", "-c", inside, "sh", *command],
            text=True, capture_output=True, timeout=60, check=False,
            env={**os.environ, "XENSTORED_RUNDIR": str(self.folder),
                 "PATH": f"{os.environ['PATH']}:{self.folder}", **environment})

    def ip(self, *words):
        done = self.run("ip", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def vif(self, domid, **nodes):
        """A guest's interface as its driver makes it; its back end's path."""
        path = f"/local/domain/0/backend/vif/{domid}/0"
        for name, value in nodes.items():
            self.store.write(f"{path}/{name}", value)
        self.ip("link", "add", f"vif{domid}.0", "type", "veth", "peer", "name", f"guest{domid}")
        return path

    def script(self, name, action, domid):
        return self.run(str(SCRIPTS / name), action, vif=f"vif{domid}.0",
                        XENBUS_PATH=f"/local/domain/0/backend/vif/{domid}/0")

    def close(self):
        self.holder.kill()
        self.holder.wait()


@pytest.fixture
def network(tmp_path):
    with Daemon(tmp_path) as daemon:
        made = Network(tmp_path, daemon)
        made.ip("link", "add", "br0", "type", "bridge")
        yield made
        made.close()


def test_bridge(network):
    path = network.vif(1)
    assert network.script("vif-bridge", "online", 1).returncode == 0
    assert network.store.read(path + "/hotplug-status") == "connected" and network.store.read(path + "/bridge") == "br0"
    assert "master br0" in network.ip("link", "show", "vif1.0")
    assert network.script("vif-bridge", "offline", 1).returncode == 0
    assert "master" not in network.ip("link", "show", "vif1.0")


def test_name_of_ones_own(network):
    network.vif(1, vifname="alice")
    assert network.script("vif-bridge", "online", 1).returncode == 0
    assert "master br0" in network.ip("link", "show", "alice")
    assert network.script("vif-bridge", "offline", 1).returncode == 0
    assert "master" not in network.ip("link", "show", "alice")


def test_a_name_that_is_taken(network):
    """The second guest gets an error, and its clean-up does not take the first one's interface from the bridge."""
    network.vif(1, vifname="alice")
    path = network.vif(2, vifname="alice")
    assert network.script("vif-bridge", "online", 1).returncode == 0
    failed = network.script("vif-bridge", "online", 2)
    assert failed.returncode == 1 and "there is an interface alice already" in failed.stderr
    assert "alice already" in network.store.read(path + "/hotplug-error")
    assert network.script("vif-bridge", "offline", 2).returncode == 0
    assert "master br0" in network.ip("link", "show", "alice")


def test_no_bridge(network):
    network.ip("link", "del", "br0")
    network.vif(1, bridge="$(reboot)")
    assert network.script("vif-bridge", "online", 1).stderr == "there is no bridge $(reboot)\n"
