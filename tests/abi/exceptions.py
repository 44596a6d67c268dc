"""What the comparison leaves out, and why."""

# Folders and files of the reference that state no interface of the hypervisor.
SKIPPED_DIRS = {
    "arch-arm",  # another architecture
    "foreign",  # generated layouts of other architectures
    "sys",  # drivers of a guest kernel
}
SKIPPED_FILES = {
    # drivers of a guest kernel, owned by the kernel's own headers
    "evtchn.h", "gntalloc.h", "gntdev.h", "privcmd.h",
    "arch-arm.h",
}

# Headers that refuse, on purpose, to be included from elsewhere.
TOOLS_ONLY = {"domctl.h", "sysctl.h"}
OLD_ONLY = {"dom0_ops.h"}

# Reference headers that need another one first.
AFTER = {"arch-x86/hvm/save.h": "hvm/save.h"}

# Parts of another header, for one width only.
PARTS = {"arch-x86/xen-x86_32.h": "-m32", "arch-x86/xen-x86_64.h": "-m64"}

# What reference headers take for granted.
PRELUDE = """\
#include <assumed.h>
#include <xen/xen.h>
"""

# (pattern over "header view difference", reason)
ALLOWED = [
    (r"domctl.h hypervisor type .*assign_device",
     "a pointer the hypervisor keeps to a device tree node, which this architecture has not"),
]
