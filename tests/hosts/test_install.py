"""What `make install` puts where, and the menu entries that GRUB's configuration gets from it."""

import gzip
import os
import subprocess

import pytest
from host import TOP, is_ours

TREE = TOP / "dist/install"
pytestmark = [pytest.mark.quick, pytest.mark.timeout(120)]


@pytest.mark.skipif(not is_ours(), reason="installs our own build")
def test_install_and_uninstall(tmp_path):
    environment = {**os.environ, "MAKEFLAGS": ""}
    subprocess.run(["make", "-C", TOP, "install", "DESTDIR=%s" % tmp_path], check=True, capture_output=True,
                   env=environment)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    # What users look for; the whole tree is dist/install.
    assert {"boot/xen.gz", "boot/xen-syms", "etc/grub.d/19_xenith", "etc/init.d/xend", "etc/init.d/xendomains",
            "lib/systemd/system/xend.service", "usr/lib/xen/bin/xendomains"} <= files
    assert files == {str(path.relative_to(TREE)) for path in TREE.rglob("*") if path.is_file()}
    assert not [path for path in files if b"@SBINDIR@" in (tmp_path / path).read_bytes()]
    for name in ("etc/grub.d/19_xenith", "etc/init.d/xend", "usr/lib/xen/bin/xendomains"):
        assert os.access(tmp_path / name, os.X_OK)
    with gzip.open(tmp_path / "boot/xen.gz") as image:
        start = image.read(32768)
    # Both multiboot headers lie in the first pages.
    assert b"\x02\xb0\xad\x1b" in start[:8192] and b"\xd6\x50\x52\xe8" in start
    subprocess.run(["make", "-C", TOP, "uninstall", "DESTDIR=%s" % tmp_path], check=True, capture_output=True,
                   env=environment)
    left = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.parts[1].startswith("xen.old-") for path in left)


@pytest.mark.skipif(not is_ours(), reason="installs our own build")
def test_install_keeps_configuration(tmp_path):
    """A changed file in /etc survives a second installation and, renamed, the end of the first."""
    settings = tmp_path / "etc/default/xendomains"
    own = tmp_path / "etc/xen/own"
    subprocess.run([TOP / "scripts/install-dist", "-t", tmp_path], check=True, capture_output=True)
    shipped = settings.read_text()
    settings.write_text("XENDOMAINS_AUTO_ONLY=true\n")
    own.write_text("mine\n")
    subprocess.run([TOP / "scripts/install-dist", "-t", tmp_path], check=True, capture_output=True)
    assert settings.read_text() == "XENDOMAINS_AUTO_ONLY=true\n"
    assert settings.with_suffix(".new").read_text() == shipped
    assert not (tmp_path / "boot").exists()
    subprocess.run([TOP / "scripts/install-dist", "-t", "-u", tmp_path], check=True, capture_output=True)
    assert [path.read_text() for path in tmp_path.glob("etc/xen.old-*/own")] == ["mine\n"]


@pytest.mark.skipif(not is_ours(), reason="packs our own build")
def test_packages():
    """`make deb` makes two packages that hold what was built, each file in one of them."""
    subprocess.run(["make", "-C", TOP, "deb"], check=True, capture_output=True, env={**os.environ, "MAKEFLAGS": ""})
    files = []
    for package in ("xenith-hypervisor", "xenith-tools"):
        newest = max((TOP / "dist").glob(package + "_*.deb"), key=lambda path: path.stat().st_mtime)
        listing = subprocess.run(["dpkg-deb", "-c", newest], check=True, capture_output=True, text=True).stdout
        files += [line.split()[5].lstrip("./") for line in listing.splitlines() if line[0] in "-l"]
        depends = subprocess.run(["dpkg-deb", "-f", newest, "Depends"], check=True, capture_output=True, text=True).stdout
        assert ("libc6" in depends) == (package == "xenith-tools" and (TREE / "usr/sbin").exists())
    assert len(files) == len(set(files))
    built = {str(path.relative_to(TREE)) for path in TREE.rglob("*") if path.is_file()}
    packed = {path.removesuffix(".gz") for path in files if not path.startswith(("usr/share/doc/", "usr/share/lintian/"))}
    assert packed == {path.removesuffix(".gz") for path in built}


def grub_entry(boot, **settings):
    """Output of the script for a boot folder."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XENITH_BOOT": str(boot), **settings}
    return subprocess.run([TOP / "scripts/grub-entry"], check=True, capture_output=True, text=True,
                          env=environment).stdout


def test_grub_entries(tmp_path):
    for version, dom0 in (("6.1.0-9-amd64", "y"), ("6.1.0-10-amd64", "y"), ("6.1.0-10-cloud-amd64", "n")):
        (tmp_path / ("vmlinuz-" + version)).touch()
        (tmp_path / ("config-" + version)).write_text("CONFIG_XEN_DOM0=%s\n" % dom0, encoding="ascii")
    (tmp_path / "initrd.img-6.1.0-10-amd64").touch()
    assert grub_entry(tmp_path) == ""

    (tmp_path / "xen.gz").touch()
    text = grub_entry(tmp_path, GRUB_CMDLINE_XEN="dom0_mem=1G", GRUB_DEVICE_UUID="1234", GRUB_CMDLINE_LINUX="quiet")
    config = tmp_path / "grub.cfg"
    config.write_text(text, encoding="ascii")
    subprocess.run(["grub-script-check", config], check=True)
    assert text.count("menuentry") == 2 and "cloud" not in text
    assert text.index("6.1.0-10-amd64") < text.index("6.1.0-9-amd64")
    assert "xen.gz dom0_mem=1G\n" in text
    assert "vmlinuz-6.1.0-10-amd64 root=UUID=1234 ro quiet" in text
    assert text.count("initrd.img") == 1


def test_packages_are_debians():
    """Every name in the list is one that Debian has."""
    names = [line.split("#")[0].strip() for line in open(TOP / "scripts/packages.txt", encoding="ascii")]
    for name in filter(None, names):
        subprocess.run(["dpkg-query", "-W", name], check=True, capture_output=True)
