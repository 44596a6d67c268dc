"""dom0 reaches userspace with all its CPUs and the memory it was given."""

import pytest

quick = pytest.mark.quick


def case(label, *marks, **settings):
    """One machine to boot, named in the test's identifier."""
    return pytest.param(settings, id=label, marks=marks)


# `quiet` where the console's output would only cost time; one case has it all, so that a log shows a whole boot.
CASES = [
    case("pc-1cpu-512M-verbose", quick, cpus=1, mem=512),
    case("pc-2cpu-1G-grub1", quick, cpus=2, mem=1024, boot="multiboot", kernel="quiet"),
    case("q35-4cpu-4G-grub2-EPYC", quick, machine="q35", cpus=4, mem=4096, boot="multiboot2", model="EPYC", kernel="quiet"),
    case("pc-2cpu-1G-Skylake", quick, cpus=2, mem=1024, model="Skylake-Server", kernel="quiet"),
    case("q35-2cpu-1G-max", quick, machine="q35", cpus=2, mem=1024, model="max", kernel="quiet"),
    case("pc-1cpu-2G-qemu64", cpus=1, mem=2048, model="qemu64", kernel="quiet"),
    case("pc-4cpu-16G", cpus=4, mem=16384, xen="no-bootscrub", kernel="quiet"),
    case("q35-2cpu-4G", machine="q35", cpus=2, mem=4096, kernel="quiet"),
    case("q35-1cpu-512M-EPYC-grub1", machine="q35", cpus=1, mem=512, model="EPYC", boot="multiboot", kernel="quiet"),
    case("pc-4cpu-1G-max-grub2", cpus=4, mem=1024, model="max", boot="multiboot2", kernel="quiet"),
    case("pc-8cpu-2G", cpus=8, mem=2048, kernel="quiet"),
    case("pc-4cpu-1G-threads", cpus="4,sockets=1,cores=2,threads=2", mem=1024, kernel="quiet"),
    case("q35-4cpu-4G-numa", machine="q35", cpus=4, mem=4096, kernel="quiet", qemu=[
        "-object", "memory-backend-ram,id=m0,size=2G", "-object", "memory-backend-ram,id=m1,size=2G",
        "-numa", "node,nodeid=0,cpus=0-1,memdev=m0", "-numa", "node,nodeid=1,cpus=2-3,memdev=m1"]),
    case("pc-1cpu-1G-rt", cpus=1, mem=1024, flavour="rt-amd64", kernel="quiet"),
    case("pc-2cpu-1G-rt", cpus=2, mem=1024, flavour="rt-amd64", kernel="quiet"),
    case("q35-4cpu-2G-rt-EPYC", machine="q35", cpus=4, mem=2048, model="EPYC", flavour="rt-amd64", kernel="quiet"),
    case("pc-2cpu-1G-Skylake-grub2", cpus=2, mem=1024, model="Skylake-Server", boot="multiboot2", kernel="quiet"),
    case("pc-1cpu-1G-Haswell", cpus=1, mem=1024, model="Haswell", kernel="quiet"),
    case("pc-2cpu-1G-Opteron", cpus=2, mem=1024, model="Opteron_G3", kernel="quiet"),
]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("settings", CASES)
def test_dom0_userspace(boot, settings):
    host = boot(**settings)
    cpus, memory = host.wait_ready(200)
    assert cpus == int(str(settings["cpus"]).split(",")[0])
    # Without dom0_mem the hypervisor keeps at most a sixteenth and its own; the kernel's share is not in MemTotal either.
    assert memory > settings["mem"] * 1024 * 0.55
    assert host.check("cat /sys/devices/system/cpu/online") == ("0" if cpus == 1 else "0-%d" % (cpus - 1))


@pytest.mark.timeout(240)
def test_kernel_that_cannot_be_dom0(boot):
    """Debian's cloud kernel has no support for dom0: it gets as far as its first program, and has no console then."""
    host = boot(cpus=2, mem=1024, flavour="cloud-amd64", kernel="earlyprintk=xen,keep")
    host.expect("Run /init as init process", 120)


@quick
@pytest.mark.timeout(400)
def test_dom0_userspace_bochs(boot):
    """The one processor here with Intel's virtualisation and PCIDs, and an emulator that shares no code with the other."""
    host = boot(boot="bochs", model="corei7_haswell_4770", mem=512, kernel="quiet", xen="loglvl=info", limit=380)
    host.expect("CPU features in use:.* PCID", 60)
    cpus, memory = host.wait_ready(360)
    assert cpus == 1 and memory > 100 * 1024
    assert "GenuineIntel" in host.check("grep -m1 vendor_id /proc/cpuinfo", 60)
