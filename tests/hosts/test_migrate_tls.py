"""A guest moves between two hosts under TLS: nothing of its memory can be read on the wire, and only hosts with good
certificates take part."""

import secrets

import pytest
from certificates import authority, certificate
from dom0 import RELOCATION, two_hosts

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]

NAME = "t1"
OPTIONS = ("(xend-relocation-ssl-server yes)(xend-relocation-server-ssl-cert-file /root/%s.crt)"
           "(xend-relocation-server-ssl-key-file /root/%s.key)(xend-relocation-ssl-ca-file /root/%s.crt)")


@pytest.fixture(scope="module", name="capture")
def capture_file(tmp_path_factory):
    """Where the first host's network card writes what goes over the link, once the hosts are there."""
    return tmp_path_factory.mktemp("capture") / "capture1"


@pytest.fixture(scope="module", name="hosts")
def hosts_with_keys(tmp_path_factory, capture):
    """Two hosts with certificates, good and bad, in /root."""
    keys = tmp_path_factory.mktemp("keys")
    authority(keys, "good")
    authority(keys, "evil")
    for name, signer, dates in (("one", "good", ()), ("two", "good", ()), ("stranger", "evil", ()),
                                ("old", "good", ("200101000000Z", "210101000000Z"))):
        certificate(keys, name, signer, dates, address="IP:10.9.0.%d" % (1 if name == "one" else 2))
    dump = ["-object", "filter-dump,id=dump,netdev=link,file=%s{number}" % str(capture)[:-1]]
    with two_hosts("test_migrate_tls", dump, files=sorted(keys.glob("*.crt")) + sorted(keys.glob("*.key")),
                   limit=1700) as made:
        for host, name in zip(made, ("one", "two")):
            show(host, name)
        yield made


def show(host, name, trusted="good"):
    """From now on a host shows that certificate."""
    host.configure(RELOCATION + OPTIONS % (name, name, trusted))


def crossed(capture, since, text):
    """Bytes that crossed the link since the capture was so long, and whether a text was in them."""
    with open(capture, "rb") as file:
        file.seek(since)
        data = file.read()
    return len(data), text.encode() in data


def test_nothing_is_readable(hosts, capture):
    one, two = hosts
    one.create(NAME, "memory=128")
    one.wait_guest(NAME)
    # The text as such is not typed: it is in memory only where the guest has put it together.
    word = secrets.token_hex(12)
    one.check_guest(NAME, "a=%s; for i in $(seq 5000); do echo ${a}%s; done >/tmp/words" % (word[:12], word[12:]), 120)
    for source, target, number, option in ((one, two, 2, "--ssl"), (two, one, 1, "")):
        before = capture.stat().st_size
        said = source.check("xm migrate --live %s %s 10.9.0.%d </dev/null" % (option, NAME, number), 600)
        assert "moved to 10.9.0.%d in" % number in said
        assert target.check_guest(NAME, "wc -l </tmp/words; tail -n 1 /tmp/words", 120).split() == ["5000", word]
        length, readable = crossed(capture, before, word)
        print("%s: %d bytes" % (option, length))
        assert length > 10 << 20 and readable == (not option)


def test_only_good_certificates(hosts):
    """Whoever's is wrong, expired, or not there, the guest stays where it is and goes on."""
    one, two = hosts

    def refuses(text):
        one.refuses("xm migrate --live --ssl %s 10.9.0.2" % NAME, text)
        assert NAME in one.domains() and NAME not in two.domains()
        one.check_guest(NAME, "true", 120)

    for name, text in (("stranger", "nobody whom this host trusts has signed it"), ("old", "it has expired"),
                       ("one", "it is for another host")):
        show(two, name)
        refuses(text)
    show(two, "two")
    for name, text in (("stranger", "nobody whom this host trusts has signed it"), ("old", "it has expired")):
        show(one, name)
        refuses("")
        two.check("tail -n 5 /var/log/xen/xend.log | grep '%s'" % text)
    one.configure(RELOCATION)
    refuses("TLS needs the option xend-relocation-server-ssl-cert-file")
    one.destroy(NAME)
    two.frees_all()
