"""A guest moves whose disk is an image in a format of QEMU's, written to but not flushed: the target's QEMU must find all
of it, tables as well."""

import pytest
from dom0 import OWN_RELOCATION

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]

NAME = "i1"
# Pages that changed go to the disk at once, but the disk is not told to keep them for good.
WRITE = ("cd /proc/sys/vm; echo 1 >dirty_expire_centisecs; echo 1 >dirty_writeback_centisecs; "
         "dd if=/dev/urandom of=/dev/xvda bs=64k seek=%d count=64 conv=notrunc; "
         "while grep -q '^Dirty: *[1-9]' /proc/meminfo; do sleep 1; done; sha256sum /dev/xvda")


@pytest.mark.parametrize("kind", ["qcow2", "vmdk"])
def test_unflushed_image(boot_dom0, kind):
    host = boot_dom0(image_options=["-q"], limit=1100)
    host.wait_ready()
    host.configure(OWN_RELOCATION)
    host.check("qemu-img create -q -f %s /root/image 64M" % kind, 60)
    host.remember()
    host.create(NAME, "disk=tap:%s:/root/image,xvda,w" % kind)
    host.wait_guest(NAME)
    for turn, option in enumerate(("--live", "", "--live")):
        written = host.check_guest(NAME, WRITE % (turn * 200), 120).split()[-2]
        host.check("xm migrate %s %s localhost </dev/null" % (option, NAME), 180)
        host.check_guest(NAME, "echo 3 >/proc/sys/vm/drop_caches")
        assert host.check_guest(NAME, "sha256sum /dev/xvda", 120).split()[0] == written
    host.check("xm shutdown -w " + NAME, 180)
    host.check("qemu-img check -q /root/image", 60)
    host.frees_all()
