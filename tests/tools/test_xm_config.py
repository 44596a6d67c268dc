"""Configurations of domains: conf/NAME.cfg with what `xm create -n` prints (NAME.sxp) or complains of (NAME.err)."""

import os
from pathlib import Path

import pytest

from programs import run_xm

CONF = Path(__file__).parent / "conf"


def create(name, *arguments):
    return run_xm("create", "-n", f"{name}.cfg", *arguments, cwd=CONF)


@pytest.mark.parametrize("name", sorted(p.stem for p in CONF.glob("*.sxp")))
def test_pass(name):
    result = create(name)
    warnings = CONF / f"{name}.warn"
    assert result.stderr == (warnings.read_text() if warnings.exists() else "")
    assert result.stdout == (CONF / f"{name}.sxp").read_text() and result.returncode == 0


@pytest.mark.parametrize("name", sorted(p.stem for p in CONF.glob("*.err")))
def test_fail(name):
    result = create(name)
    assert (result.stdout, result.stderr, result.returncode) == ("", (CONF / f"{name}.err").read_text(), 5)


def test_every_configuration_has_an_outcome():
    for path in CONF.glob("*.cfg"):
        assert path.with_suffix(".sxp").exists() != path.with_suffix(".err").exists(), path


FAILS = [
    ("memory=0", "memory: 0 is not in the range from 1 to 2097152"),
    ("memory=many", "memory: must be a whole number"),
    ("vcpus=129", "vcpus: 129 is not in the range from 1 to 128"),
    ("on_reboot=never", "on_reboot: 'never' is none of: destroy, restart, preserve, rename-restart"),
    ("name=a b", "name: 'a b' is no name: letters, digits and _-.:/+ may be in it"),
    ("uuid=12", "uuid: '12' is no UUID"),
    ("cpus=1-", "cpus: '1-' is no list of CPUs such as 0-3,5,^1"),
    ("cpus=3-1", "cpus: '3-1' is no list of CPUs such as 0-3,5,^1"),
    ("acpi=2", "acpi: must be 0 or 1"),
    ("disk=phy:a,xvda", "command line: disk: 'phy:a,xvda' is no uname,dev,mode[,backend[,protocol]]"),
    ("disk=a,xvda,w", "command line: disk: 'a' does not begin with phy:, file: or another kind of disk"),
    ("disk=foo:a,xvda,w", "command line: disk: 'foo' is no kind of disk"),
    ("disk=phy:a,xwda,w", "command line: disk: 'xwda' is no device such as xvda, sda1 or hdc:cdrom"),
    ("disk=phy:a,xvda,rwx", "command line: disk: mode 'rwx' is none of r, w, w!"),
    ("disk=['phy:a,xvda,w','phy:b,xvda,w']", "command line: disk: device xvda is there twice"),
    ("vif=mac=00:16", "command line: vif: '00:16' is no MAC address such as 00:16:3e:01:02:03"),
    ("vif=mac=01:16:3e:00:00:00", "command line: vif: '01:16:3e:00:00:00' is the MAC address of a group"),
    ("vif=bridge", "command line: vif: 'bridge' is no pair key=value"),
    ("vif=brigde=x", "command line: vif: there is no key 'brigde'; did you mean 'bridge'?"),
    ("vif=ip=1,ip=2", "command line: vif: 'ip' is there twice"),
    ("vif=rate=fast", "command line: vif: 'fast' is no rate such as 10Mb/s or 1MB/s@20ms"),
    ("vfb=type=x11", "command line: vfb: type 'x11' is neither vnc nor sdl"),
    ("ioports=3f8-", "command line: ioports: '3f8-' is no range of ports such as 3f8-3ff"),
    ("irq=x", "command line: irq: 'x' is no interrupt's number"),
    ("pci=00:01.0", "command line: pci: is not supported yet"),
    ("maxvcpus=0", "maxvcpus: 0 is not in the range from 1 to 128"),
    ("nfs_root=/x", "command line: nfs_root: needs nfs_server, too"),
]


@pytest.mark.parametrize("assignment,message", FAILS)
def test_wrong_value(assignment, message):
    result = run_xm("create", "-n", "/dev/null", "kernel=/k", "name=n", assignment)
    assert (result.stdout, result.stderr, result.returncode) == ("", f"xm: {message}\n", 5)


PASSES = [
    ("memory=0x80", "(memory 128)"),
    ("disk=['phy:a,xvda,w', \"phy:b,xvdb,r\"]", "(uname phy:b)"),
    ("disk=tap:aio:/x,xvda,w!", "(tap\n            (uname tap:aio:/x)"),
    ("disk=,hdc:cdrom,r", "(uname '')"),
    ("disk=phy:a,2049,w,back,x86_32-abi", "(protocol x86_32-abi)"),
    ("cpus=", "(vcpus 1)"),
    ("cpus=all", "(cpus all)"),
    ("restart=never", "(on_reboot destroy)"),
    ("nics=2", "(vif)\n    )\n    (device\n        (vif)"),
    ("bootentry=1", "(memory 128)"),
    ("ip=1.2.3.4", "(ip 1.2.3.4:::::eth0:off)"),
    ("acpi=yes", "(linux"),
]


@pytest.mark.parametrize("assignment,part", PASSES)
def test_right_value(assignment, part):
    result = run_xm("create", "-n", "/dev/null", "kernel=/k", "name=n", assignment)
    assert result.stderr == "" and part in result.stdout and result.returncode == 0


def test_vmid():
    example = Path(__file__).parents[2] / "tools/examples/xmexample2"
    missing = run_xm("create", "-n", example)
    assert missing.returncode == 5 and "variable 'vmid' is missing, say vmid=VALUE: " in missing.stderr
    wrong = run_xm("create", "-n", example, "vmid=zero")
    assert wrong.returncode == 5 and "vmid=zero is wrong: " in wrong.stderr
    assert "(name guest2)" in run_xm("create", "-n", example, "vmid=2").stdout


def test_environment_does_not_change_a_script(tmp_path):
    (tmp_path / "os.py").write_text("raise RuntimeError('not this one')\n")
    (tmp_path / "a.cfg").write_text("import os, re\nkernel = os.path.join('/a', 'b')\n")
    result = run_xm("create", "-n", "a.cfg", cwd=tmp_path, PYTHONPATH=str(tmp_path), PYTHONSTARTUP=str(tmp_path / "os.py"))
    assert result.returncode == 0 and "(kernel /a/b)" in result.stdout


def test_garbage(tmp_path):
    import random
    dice = random.Random(1)
    good = (CONF / "full.cfg").read_bytes()
    for i in range(40):
        data = bytearray(good)
        for _ in range(dice.randrange(1, 30)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        (tmp_path / "g.cfg").write_bytes(data)
        result = run_xm("create", "-n", tmp_path / "g.cfg")
        assert result.returncode in (0, 5), (i, result)
        assert result.returncode == 0 or result.stderr.splitlines()[-1].startswith("xm: ")
