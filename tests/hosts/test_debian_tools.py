"""Debian's own programs of the same interface, unmodified, beside ours: they show the same."""

import re
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.full, pytest.mark.timeout(1500),
    pytest.mark.skipif(not Path("/usr/bin/xenstore-ls").exists(), reason="needs Debian's package xenstore-utils"),
]
SHARED = {
    "image_options": ["-d"], "limit": 1400,
    "placed": [("/usr/bin/xenstore-" + name, "/root/debian/xenstore-" + name) for name in ("ls", "watch")],
}
XL = "/usr/lib/xen-4.17/bin/xl"
# Of xl's lines of information about the host those that do not change from one moment to the next.
INFO = ("host", "release", "version", "machine", "nr_cpus", "max_cpu_id", "nr_nodes", "cores_per_socket",
        "threads_per_core", "total_memory", "free_memory", "xen_major", "xen_minor", "xen_extra", "xen_version",
        "xen_caps", "xen_scheduler", "xen_pagesize", "platform_params", "xen_changeset", "xen_commandline", "cc_compiler",
        "cc_compile_by", "cc_compile_domain", "cc_compile_date")


@pytest.fixture(scope="module", name="host")
def host_with_both(module_dom0):
    """A dom0 with Debian's tools, in which ours run, and a guest."""
    module_dom0.check("chmod +x /root/debian/*; truncate -s 16M /root/disk")
    module_dom0.create("both", "vcpus=2", "disk=file:/root/disk,xvda,w")
    module_dom0.wait_guest("both")
    return module_dom0


def values(text):
    """What lines "key : value" say."""
    return dict(re.findall(r"^(\w+) +: *(.*?) *$", text, re.M))


def test_list(host):
    """Names, ids, memory and processors; state and time go on."""
    ours, theirs = host.table("xm list"), host.table(XL + " list")
    assert len(ours) == 2 and [row[:4] for row in ours] == [row[:4] for row in theirs]


def test_vcpu_list(host):
    host.check("xm vcpu-pin both 1 0")
    ours, theirs = host.table("xm vcpu-list"), host.table(XL + " vcpu-list")
    assert len(ours) == 4 and [row[:3] for row in ours] == [row[:3] for row in theirs]
    affinities = [(re.sub("any cpu", "all", " ".join(one[6:])), " ".join(other[6:]).split(" / ", maxsplit=1)[0])
                  for one, other in zip(ours, theirs)]
    assert [one for one, _ in affinities] == [other for _, other in affinities]
    assert affinities[-1][0] == "0"


def test_info(host):
    ours, theirs = values(host.check("xm info", 60)), values(host.check(XL + " info", 60))
    missing = [key for key in INFO if key not in theirs]
    assert not missing, missing
    differ = {key: (ours.get(key), theirs[key]) for key in INFO if key in ours and ours[key] != theirs[key]}
    assert not differ, differ
    assert len(set(INFO) & set(ours)) >= 20


def test_store(host):
    """All nodes with their values, and the events of a watch."""
    assert "/local/domain/0" in host.check("xenstore-ls -f / >/root/ours; /root/debian/xenstore-ls -f / >/root/theirs; "
                                           "cmp /root/ours /root/theirs && cat /root/ours | head -n 40", 60)
    for program in "/root/debian/xenstore-watch", "xenstore-watch":
        said = host.check("(sleep 3; xenstore-write /local/domain/0/seen 1; sleep 1; xenstore-rm /local/domain/0/seen) & "
                          "timeout 20 %s -n 3 /local/domain/0/seen; wait" % program, 60)
        assert re.findall(r"^/local/domain/0/seen$", said, re.M) == ["/local/domain/0/seen"] * 3, program
