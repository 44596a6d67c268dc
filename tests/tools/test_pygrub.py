"""pygrub on disks of all kinds, also on such as want to do harm."""

import os
import random
import subprocess
import textwrap

import pytest

from programs import BIN

KERNEL, SECOND, RAMDISK, MICROCODE = (os.urandom(size) for size in (300_000, 1000, 70_000, 500))

GRUB2 = textwrap.dedent("""
    if [ -s $prefix/grubenv ]; then
      set have_grubenv=true
      load_env
    fi
    if [ "${next_entry}" ] ; then
       set default="${next_entry}"
       set next_entry=
    else
       set default="${saved_entry:-0}"
       set default="${saved_entry}"
    fi
    if [ x"${feature_menuentry_id}" = xy ]; then
      menuentry_id_option="--id"
    else
      menuentry_id_option=""
    fi
    set menuentry_id_option=--id
    function savedefault {
      if [ -z "${boot_once}" ]; then saved_entry="${chosen}"; save_env saved_entry; fi
    }
    for i in 1 2 3; do set default=7; done
    if [ "$grub_platform" = efi -o ! -n "$x" -a 2 -gt 1 ]; then set timeout=3; else set timeout=9; fi
    menuentry 'Linux, the first' --class gnu $menuentry_id_option 'first' {
    \tset root='hd0,@P@'
    \tif [ x$feature_platform_search_hint = xy ]; then search --no-floppy --fs-uuid --set=root nothing; fi
    \tlinux   /boot/vmlinuz-1 root=/dev/xvda1 ro \\
    \t  quiet "with space=a b"
    \tinitrd  /boot/ucode.img /boot/initrd.img-1
    }
    submenu 'More { choices }' $menuentry_id_option 'more' {
    \tmenuentry 'Linux, the second' $menuentry_id_option 'second' { linux ($root)/boot/vmlinuz-2 two; }
    }
    menuentry 'Xen' --id xen { multiboot2 /boot/xen.gz; module2 /boot/vmlinuz-1 placeholder as=dom0
    module2 --nounzip /boot/initrd.img-1 }
    """)
LEGACY = textwrap.dedent("""\
    # menu.lst
    default=1
    timeout 4
    title  Old
    root (hd0,0)
    kernel /boot/vmlinuz-2
    title  Newer
    \troot\t(hd0,0)
    \tkernel\t(hd0,0)/boot/vmlinuz-1 root=/dev/sda1 ro
    \tinitrd\t/boot/initrd.img-1
    title Xen
    kernel /boot/xen.gz dom0_mem=1
    module /boot/vmlinuz-2 as=dom0
    module /boot/initrd.img-1
    """)
EXTLINUX = textwrap.dedent("""\
    DEFAULT second
    TIMEOUT 50
    LABEL first
      MENU LABEL The first
      KERNEL ../vmlinuz-2
      APPEND one
    label second
      linux /boot/vmlinuz-1
      append initrd=/boot/initrd.img-1 root=/dev/xvda1   ro
    """)


@pytest.fixture
def tree(tmp_path):
    """A root directory; the test adds a menu."""
    boot = tmp_path / "root" / "boot"
    for folder in ("grub", "extlinux"):
        (boot / folder).mkdir(parents=True)
    for name, data in {"vmlinuz-1": KERNEL, "vmlinuz-2": SECOND, "initrd.img-1": RAMDISK, "ucode.img": MICROCODE,
                       "xen.gz": b"no kernel"}.items():
        (boot / name).write_bytes(data)
    return tmp_path / "root"


def sh(*command, **more):
    subprocess.run([str(c) for c in command], check=True, capture_output=True, **more)


def ext4(tree, image, size="24M", *options):
    sh("mke2fs", "-q", "-t", "ext4", *options, "-d", tree, image, size)


def btrfs(tree, image):
    sh("truncate", "-s", "128M", image)
    sh("mkfs.btrfs", "-q", "--rootdir", tree, image)


def xfs(tree, image):
    """mkfs.xfs fills a file system as a prototype file says."""
    lines = ["/dev/null", "0 0", "d--755 0 0"]

    def add(folder):
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                lines.append(f"{path.name} d--755 0 0")
                add(path)
            else:
                lines.append(f"{path.name} ---644 0 0 {path}")
        lines.append("$")
    add(tree)
    prototype = tree.parent / "prototype"
    prototype.write_text("\n".join(lines) + "\n")
    sh("truncate", "-s", "320M", image)
    sh("mkfs.xfs", "-q", "-p", prototype, image)


def partitioned(image, label, *parts):
    """Puts images of file systems into partitions of one disk."""
    starts, at = [], 2048
    for part in parts:
        starts.append(at)
        at += (part.stat().st_size // 512 + 2047) // 2048 * 2048
    sh("truncate", "-s", str((at + 4096) * 512), image)
    script = f"label: {label}\n" + "".join(
        f"start={start}, size={part.stat().st_size // 512}\n" for start, part in zip(starts, parts))
    sh("sfdisk", "-q", image, input=script.encode())
    for start, part in zip(starts, parts):
        sh("dd", f"if={part}", f"of={image}", "bs=1M", f"seek={start // 2048}", "conv=notrunc,sparse")


def pygrub(image, *options, out=None, **more):
    out = out or image.parent / "out"
    return subprocess.run([BIN / "pygrub", f"--output-directory={out}", *options, image], text=True,
                          capture_output=True, timeout=120, stdin=more.pop("stdin", subprocess.DEVNULL), **more)


def booted(image, *options):
    """What is to be booted: kernel, RAM disk or None, arguments."""
    done = pygrub(image, "--output-format=simple", *options)
    assert (done.stderr, done.returncode) == ("", 0)
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    files = {key: open(found[key], "rb").read() if key in found else None for key in ("kernel", "ramdisk")}
    for key in files:
        if key in found:
            assert os.stat(found[key]).st_mode & 0o777 == 0o600
            os.unlink(found[key])
    return files["kernel"], files["ramdisk"], found["args"]


def fails(image, message, *options):
    done = pygrub(image, *options)
    assert done.stdout == "" and done.returncode == 1 and done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not list((image.parent / "out").iterdir() if (image.parent / "out").exists() else [])


FIRST = (KERNEL, MICROCODE + RAMDISK, 'root=/dev/xvda1 ro quiet "with space=a b"')
SYSTEMS = {"ext4": ext4, "xfs": xfs, "btrfs": btrfs}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("label", ["none", "dos", "gpt"])
def test_grub2_everywhere(tree, tmp_path, system, label):
    (tree / "boot/grub/grub.cfg").write_text(GRUB2.replace("@P@", {"dos": "msdos1", "gpt": "gpt1"}.get(label, "none")))
    image = tmp_path / "disk.img"
    if label == "none":
        SYSTEMS[system](tree, image)
    else:
        SYSTEMS[system](tree, tmp_path / "part.img")
        partitioned(image, label, tmp_path / "part.img")
    assert booted(image) == FIRST


def test_grub2_choices(tree, tmp_path):
    (tree / "boot/grub/grub.cfg").write_text(GRUB2)
    (tree / "boot/grub/grubenv").write_text("# GRUB Environment Block\nsaved_entry=more>second\n" + "#" * 900)
    image = tmp_path / "disk.img"
    ext4(tree, image)
    two = (SECOND, None, "two")
    assert booted(image) == two
    for name in ("more>second", "1>0", "second", "Linux, the second", "more"):
        assert booted(image, f"--entry={name}") == two
    for name in ("0", "first", "Linux, the first"):
        assert booted(image, f"--entry={name}") == FIRST
    assert booted(image, "--entry=xen") == (KERNEL, RAMDISK, "as=dom0")
    assert booted(image, "--entry=1", "--args=more=1") == (SECOND, None, "two more=1")
    fails(image, "the boot menu has no entry '9'", "--entry=9")


def test_separate_boot_partition(tree, tmp_path):
    uuid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    (tree / "boot/grub/grub.cfg").write_text(
        f"menuentry a {{\nsearch --no-floppy --fs-uuid --set=root {uuid}\nlinux /vmlinuz-1 a\n}}\n"
        "menuentry b {\nsearch --label --set root --hint x 'my kernels'\nlinux /vmlinuz-2 b\n}\n"
        "menuentry c {\nset root=hd0,gpt2\nlinux /vmlinuz-1 c\n}\n"
        "menuentry d {\nsearch --file --set=root /ucode.img\nlinux /vmlinuz-2 d\n}\n")
    kernels = tmp_path / "kernels"
    kernels.mkdir()
    for name in ("vmlinuz-1", "vmlinuz-2", "ucode.img"):
        (tree / "boot" / name).rename(kernels / name)
    ext4(tree, tmp_path / "1")
    ext4(kernels, tmp_path / "2", "8M", "-U", uuid, "-L", "my kernels")
    image = tmp_path / "disk.img"
    partitioned(image, "gpt", tmp_path / "1", tmp_path / "2")
    assert [booted(image, f"--entry={e}")[::2] for e in "abcd"] == [
        (KERNEL, "a"), (SECOND, "b"), (KERNEL, "c"), (SECOND, "d")]


def test_legacy(tree, tmp_path):
    (tree / "boot/grub/menu.lst").write_text(LEGACY)
    ext4(tree, tmp_path / "part")
    image = tmp_path / "disk.img"
    partitioned(image, "dos", tmp_path / "part")
    assert booted(image) == (KERNEL, RAMDISK, "root=/dev/sda1 ro")
    assert booted(image, "--entry=Old") == (SECOND, None, "")
    assert booted(image, "--entry=2") == (SECOND, RAMDISK, "as=dom0")


def test_extlinux(tree, tmp_path):
    (tree / "boot/extlinux/extlinux.conf").write_text(EXTLINUX)
    image = tmp_path / "disk.img"
    ext4(tree, image)
    assert booted(image) == (KERNEL, RAMDISK, "root=/dev/xvda1 ro")
    assert booted(image, "--entry=The first") == (SECOND, None, "one")


def test_given_kernel(tree, tmp_path):
    ext4(tree, tmp_path / "part")
    image = tmp_path / "disk.img"
    partitioned(image, "gpt", tmp_path / "part")
    assert booted(image, "--kernel=/boot/vmlinuz-2", "--ramdisk=/boot/initrd.img-1", "--args=a b") == (
        SECOND, RAMDISK, "a b")
    fails(image, "cannot copy /boot/none", "--kernel=/boot/none")
    fails(image, "no boot menu found")


def test_sxp_and_output_file(tree, tmp_path):
    (tree / "boot/grub/grub.cfg").write_text("menuentry a { linux /boot/vmlinuz-2 \"it's=(a)\" }\n")
    image = tmp_path / "disk.img"
    ext4(tree, image)
    done = pygrub(image, f"--output={tmp_path}/result")
    kernel = next((tmp_path / "out").iterdir())
    assert done.stdout == ""
    assert (tmp_path / "result").read_text() == f"(linux (kernel {kernel}) (args 'it\\'s=(a)'))\n"
    assert kernel.read_bytes() == SECOND


def test_menu(tree, tmp_path):
    (tree / "boot/grub/grub.cfg").write_text(GRUB2)
    image = tmp_path / "disk.img"
    ext4(tree, image)
    done = subprocess.run([BIN / "pygrub", "-i", f"--output-directory={tmp_path}/out", f"--output={tmp_path}/result",
                           image], input="7\n1\n0\n", text=True, capture_output=True)
    assert done.returncode == 0 and "   0  Linux, the first\n   1  More { choices } >\n" in done.stdout
    assert "There is no entry 7.\n" in done.stdout and "(args two)" in (tmp_path / "result").read_text()
    assert subprocess.run([BIN / "pygrub", "-i", f"--output-directory={tmp_path}/out", image], input="",
                          text=True, capture_output=True).returncode == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has what others may not read")
def test_private_image_and_device(tree, tmp_path):
    (tree / "boot/grub/grub.cfg").write_text(GRUB2)
    image = tmp_path / "disk.img"
    ext4(tree, image)
    image.chmod(0o600)
    assert booted(image) == FIRST
    os.chown(image, 1234, 1234)
    assert booted(image) == FIRST
    loop = subprocess.run(["losetup", "-f", "--show", "-r", image], text=True, capture_output=True)
    if loop.returncode:
        pytest.skip(f"no loop device: {loop.stderr}")
    device = tmp_path / "device"
    device.symlink_to(loop.stdout.strip())
    try:
        assert booted(device) == FIRST
    finally:
        sh("losetup", "-d", loop.stdout.strip())


# ---- what may be wrong ----

def test_no_disk(tmp_path):
    fails(tmp_path / "none", "No such file or directory")
    (tmp_path / "empty").touch()
    fails(tmp_path / "empty", "no boot menu found")
    (tmp_path / "a.qcow2").write_bytes(b"QFI\xfb" + bytes(1000))
    fails(tmp_path / "a.qcow2", "is a qcow image; without --format only raw disks are read")
    (tmp_path / "folder").mkdir()
    fails(tmp_path / "folder", "is neither a file nor a block device")
    assert pygrub(tmp_path / "a", "--nonsense").returncode == 2


HOSTILE = {
    "host": ("menuentry a { linux (host)/etc/shadow }", "cannot copy /etc/shadow"),
    "host search": ("search --file --set=root /etc/shadow\nmenuentry a { linux /etc/shadow }", "cannot copy /etc/shadow"),
    "parenthesis": ("menuentry a { linux '/x)/../(host)/etc/shadow' }", "cannot copy"),
    "no kernel": ("menuentry a { true }", "entry 'a' of /boot/grub/grub.cfg names no kernel"),
    "no entries": ("set a=b\n", "has no entries"),
    "no file": ("menuentry a { linux /boot/none }", "cannot copy /boot/none"),
    "open": ("menuentry a { linux /boot/vmlinuz-1\n", "'{' without '}'"),
    "growth": ("set a=xxxxxxxxxxxxxxxx\n" + "set a=$a$a$a$a\n" * 500, "has no entries"),
    "itself": ("source /boot/grub/grub.cfg\n", "nested too deeply"),
    "nested": ("if true; then\n" * 100, "nested too deeply"),
    "submenus": ("submenu a {\n" * 50 + "}\n" * 50, "nested too deeply"),
    "steps": ("set a=b\n" * 30000, "does not end"),
    "entries": ("menuentry a { true }\n" * 2000, "too many menu entries"),
    "long": ("#" * 2_000_000, "larger than 1048576 bytes"),
    "not text": ("menuentry a { linux /boot/vmlinuz-1 \udcff\udcfe }", "the kernel's arguments are no text"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_menu(tree, tmp_path, kind):
    text, message = HOSTILE[kind]
    (tree / "boot/grub/grub.cfg").write_text(text, errors="surrogateescape")
    (tree / "boot/evil").symlink_to("/etc/shadow")
    ext4(tree, tmp_path / "disk.img")
    fails(tmp_path / "disk.img", message)


def test_links_stay_on_the_disk(tree, tmp_path):
    (tree / "boot/evil").symlink_to("../../../../../etc/passwd")
    (tree / "boot/loop").symlink_to("loop")
    ext4(tree, tmp_path / "disk.img")
    fails(tmp_path / "disk.img", "cannot copy", "--kernel=/boot/evil")
    fails(tmp_path / "disk.img", "cannot copy", "--kernel=/boot/loop")
    fails(tmp_path / "disk.img", "cannot copy", "--kernel=/boot")


def test_huge_kernel(tree, tmp_path):
    with open(tree / "boot/huge", "wb") as f:
        for at in range(0, 600, 50):
            f.seek(at << 20)
            f.write(b"x" * 4096)
        f.truncate(600 << 20)
    ext4(tree, tmp_path / "disk.img")
    fails(tmp_path / "disk.img", "larger than 536870912 bytes", "--kernel=/boot/huge")


@pytest.mark.parametrize("system", SYSTEMS)
def test_damaged(tree, tmp_path, system):
    """Bytes of the file system's own data change: an answer or an error, in time, nothing left behind."""
    (tree / "boot/grub/grub.cfg").write_text(GRUB2)
    image = tmp_path / "disk.img"
    SYSTEMS[system](tree, image)
    dice = random.Random(system)
    data = image.read_bytes()
    used = [at for at in range(0, len(data), 4096) if any(data[at:at + 4096])]
    for _ in range(4 if system == "xfs" else 8):
        with open(image, "r+b") as f:
            for _ in range(40):
                f.seek(dice.choice(used[:60]) + dice.randrange(4096))
                f.write(bytes([dice.randrange(256)]))
        done = pygrub(image, "-q")
        assert done.returncode in (0, 1), done
        for path in (tmp_path / "out").iterdir():
            assert done.returncode == 0
            path.unlink()
        image.write_bytes(data)
