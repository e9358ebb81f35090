"""Which URLs and addresses the door lets through: tables, without a network."""

import string
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_django import Settings

from connections.outbound import Allowance, Door, OutboundError, Refused, check_url, check_url_for_secrets
from connections.outbound.addresses import BAD_PORTS, Policy, follow_reference, is_public, parse_url

# The numbers of security.md's bad-input table stand before each group.
BLOCKED = [
    # S01: spellings of 127.0.0.66
    "http://2130706498/",
    "http://017700000102/",
    "http://0x7f000042/",
    "http://0x7f.0.0.66/",
    "http://0177.0.0.66/",
    "http://127.0.0.0102/",
    "http://127.0.66/",
    "http://127.66/",
    "http://127.0.0.066/",
    "http://127.000.000.066/",
    "http://6425673794/",
    "http://127.0.0.66./",
    "http://127.0.0.0x42/",
    "http://0X7F.0x0.0x0.0x42/",
    "http://127.0.0.322/",
    "http://1.2.3.4.5/",
    "http://127.0.0.66:8803/",
    # S02: letters that a mapping turns into digits and dots
    "http://\uff11\uff12\uff17.0.0.66/",
    "http://\u2460\u2461\u2466.0.0.66/",
    "http://127\u30020\u30020\u300266/",
    "http://127\uff610\uff610\uff6166/",
    "http://127\uff0e0\uff0e0\uff0e66/",
    "http://127.0.0.6\u00ad6/",
    "http://127.0.0.6\u200b6/",
    # S03: localhost, and names without a dot
    "http://localhost/",
    "http://LOCALHOST/",
    "http://LocalHost:8801/",
    "http://localhost./",
    "http://loc\u0430lhost/",
    "http://local\u00adhost/",
    "http://0/",
    "http://0x0/",
    "http://0.0.0.0/",
    "http://0.0.0.1/",
    "http://127.1/",
    "http://foo.localhost/",
    "http://localhost.localdomain/",
    "http://redis/",
    "http://db:5432/",
    "http://web:8000/",
    # S04
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::]/",
    "http://[::ffff:7f00:42]/",
    "http://[::ffff:127.0.0.66]/",
    "http://[0000:0000:0000:0000:0000:ffff:7f00:0042]/",
    "http://[::127.0.0.66]/",
    # S06
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[fc00::1]/",
    "http://[ff02::1]/",
    "http://[fec0::1]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[100::1]/",
    "http://[5f00::1]/",
    "http://[64:ff9b::7f00:42]/",
    "http://[64:ff9b:1::7f00:42]/",
    "http://[2002:7f00:42::]/",
    "http://[2001:0:7f00:42::]/",
    # S07, S08
    "http://169.254.169.254/",
    "http://169.254.170.2/",
    "http://169.254.169.253/",
    "http://[fd00:ec2::254]/",
    "http://[fd20:ce::254]/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://168.63.129.16/",
    "http://192.88.99.1/",
    "http://198.18.0.1/",
    "http://198.19.255.255/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://224.0.0.1/",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    # S09: edges
    "http://10.0.0.0/",
    "http://10.255.255.255/",
    "http://172.16.0.0/",
    "http://172.31.255.254/",
    "http://192.168.255.255/",
    # S10
    "http://metadata.google.internal/",
    "http://metadata/",
    "http://instance-data/",
    "http://host.docker.internal/",
    "http://kubernetes.default.svc/",
    "http://kubernetes.default.svc.cluster.local/",
    "http://printer.local/",
    "http://nas.home.arpa/",
    "http://intranet/",
    "http://wiki.corp/",
    "http://x.internal./",
    # S14: bad ports, also on public hosts
    *(f"https://example.com:{port}/" for port in (22, 25, 53, 3306, 5432, 6379, 9200, 11211, 27017)),
    "http://8.8.8.8:53/",
    "http://[2606:4700:4700::1111]:53/",
]

INVALID = [
    # S02, S06: neither percent-encoding nor a zone belongs in a host
    "http://%31%32%37.0.0.66/",
    "http://127.0.0.66%00.example.com/",
    "http://[fe80::1%25lo]/",
    "http://[fe80::1%lo]/",
    "http://[v1.a]/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]x/",
    "http://[example.com]/",
    # S11: what two parsers read in two ways
    "http://127.0.0.1:8801@127.0.0.66:8803/",
    "http://127.0.0.1:8801%2f@127.0.0.66:8803/",
    "http://127.0.0.1:8801\\@127.0.0.66:8803/",
    "http://127.0.0.66:8803\\.example.com/",
    "http://a@b@127.0.0.66/",
    "http://example.com,127.0.0.66/",
    "http://example.com;127.0.0.66/",
    "http://example.com&@127.0.0.66/",
    "http://example.com:80:8803/",
    "http:/127.0.0.66/",
    "http:127.0.0.66/",
    "http:///127.0.0.66/",
    "http://",
    "http://?x",
    "http://#x",
    "http://:80/",
    "http://.example.com/",
    "http://example..com/",
    "http://example.com../",
    "http://exam ple.com/",
    "http://example.com<script>/",
    "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 127 + "com/",
    " https://example.com/",
    "https://example.com/ ",
    # S13
    *(
        f"{scheme}127.0.0.1/etc/passwd"
        for scheme in (
            "file:///", "file://", "gopher://", "dict://", "ftp://", "ldap://", "jar:http://", "tftp://", "sftp://",
            "http+unix://", "ws://", "wss://", "view-source:http://", "netdoc:", "phar://", "about:", "unix:",
        )
    ),
    "data:text/html,x",
    "javascript:alert(1)",
    "\\\\127.0.0.1\\share",
    "//example.com/",
    "example.com/path",
    "localhost:8000",
    "",
    # S14
    *(f"http://host.example:{p}/" for p in ("0", "-1", "65536", "99999", "08803", "", "8a", "+8", "\u0668")),
    # S16
    "http://example.com/a\r\nX: 1",
    "http://example.com/\nx",
    "http://example.com/\tx",
    "http://example.com/\0x",
    "http://example.com/a b",
    "http://exam\tple.com/",
    "http://example.com/\x7f",
    "http://example.com/?q=a b",
    "http://example.com/\ud800",
    # S17
    "https://u:p@example.com/",
    "https://u@example.com/",
    "https://:@example.com/",
    "https://@example.com/",
    "http://example.com/" + "a" * 17_000,
]  # fmt: skip

ALLOWED = {
    "https://example.com": "https://example.com/",
    "https://EXAMPLE.com./x": "https://example.com/x",
    "HTTPS://example.com:443/": "https://example.com/",
    "http://example.com:443/": "http://example.com:443/",
    "https://example.com:8443/a?b=c#d": "https://example.com:8443/a?b=c",
    "https://example.com?b=c": "https://example.com/?b=c",
    "https://my_bucket.example.com/": "https://my_bucket.example.com/",
    "https://b\u00fccher.example/": "https://xn--bcher-kva.example/",
    "https://xn--bcher-kva.example/": "https://xn--bcher-kva.example/",
    "https://\u0440\u0430ypal.example/": "https://xn--ypal-43d9g.example/",
    "http://172.32.0.1/": "http://172.32.0.1/",
    "http://172.15.255.255/": "http://172.15.255.255/",
    "http://11.0.0.1/": "http://11.0.0.1/",
    "http://9.255.255.255/": "http://9.255.255.255/",
    "http://100.63.255.255/": "http://100.63.255.255/",
    "http://100.128.0.0/": "http://100.128.0.0/",
    "https://1.1.1.1/": "https://1.1.1.1/",
    "https://[2606:4700:4700:0::1111]/": "https://[2606:4700:4700::1111]/",
    "https://[2606:4700:4700::1111]:8443/x": "https://[2606:4700:4700::1111]:8443/x",
    "https://svc.example.com/": "https://svc.example.com/",
    # What stands after the host stays as it is, but for what may not be on the wire.
    "https://example.com/@x?u=a@b:c": "https://example.com/@x?u=a@b:c",
    "https://example.com//evil.example/..//x": "https://example.com//evil.example/..//x",
    "https://example.com/%0d%0a": "https://example.com/%0D%0A",
    "https://example.com/100%": "https://example.com/100%25",
    "https://example.com/\u00fc?\u00fc=\u20ac": "https://example.com/%C3%BC?%C3%BC=%E2%82%AC",
    'https://example.com/?f[a]="{x}|^`<>"': "https://example.com/?f%5Ba%5D=%22%7Bx%7D%7C%5E%60%3C%3E%22",
}

# One of each kind that has words of its own.
SENTENCES = {
    "example.com": "Begin the address with https://",
    "ftp://example.com": "Only http:// and https://",
    "https://u:p@example.com/": "enter them under Authorization",
    "https://example.com/a b": "a space is %20",
    "https://example.com:99999/": "from 1 to 65535",
    "http://169.254.169.254/": "only public internet addresses",
}


@pytest.mark.parametrize("url", BLOCKED)
@pytest.mark.requirement("R60", "QC21")
def test_addresses_that_are_not_public_are_blocked_before_any_look_up(url: str) -> None:
    with pytest.raises(Refused) as refusal:
        Door([]).check(url)
    assert refusal.value.code == "egress_blocked"
    assert not refusal.value.is_transient


@pytest.mark.parametrize("url", INVALID)
def test_what_is_not_plainly_an_http_url_is_invalid(url: str) -> None:
    with pytest.raises(Refused) as refusal:
        Door([]).check(url)
    assert refusal.value.code == "invalid_url"
    assert refusal.value.mender == "who edits the request"


@pytest.mark.parametrize(("url", "sent"), ALLOWED.items())
def test_public_urls_are_let_through_as_they_will_be_sent(url: str, sent: str) -> None:
    assert Door([]).check(url) == sent


@pytest.mark.parametrize(("url", "words"), SENTENCES.items())
def test_a_refusal_says_what_to_do(url: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        Door([]).check(url)


def test_the_password_in_a_refused_url_is_not_repeated() -> None:
    with pytest.raises(Refused) as refusal:
        Door([]).check("https://user:hunter2@example.com/?key=hunter3")
    assert "hunter" not in repr(refusal.value)


@pytest.mark.requirement("R60", "QC21")
def test_every_blocked_address_is_refused_in_the_same_words() -> None:
    sentences = set()
    for url in BLOCKED:
        with pytest.raises(Refused) as refusal:
            Door([]).check(url)
        sentences.add(str(refusal.value))
    assert len(sentences) == 1


@pytest.mark.parametrize(
    ("allow", "url", "is_allowed"),
    [
        ("127.0.0.1:8801", "http://127.0.0.1:8801/", True),
        ("127.0.0.1:8801", "http://127.0.0.1:8803/", False),
        ("127.0.0.1:8801", "http://127.0.0.1/", False),
        ("127.0.0.1:8801", "http://127.0.0.66:8801/", False),
        ("127.0.0.1:8801", "http://localhost:8801/", False),
        ("127.0.0.1:8801", "http://[::ffff:127.0.0.1]:8801/", False),
        ("127.0.0.1:8801", "http://\uff11\uff12\uff17.0.0.1:8801/", False),
        ("127.0.0.1:8801", "http://2130706433:8801/", False),
        ("127.0.0.1:443", "https://127.0.0.1/", True),
        ("127.0.0.1:6379", "http://127.0.0.1:6379/", True),
        ("localhost:9400", "http://localhost:9400/", True),
        ("LocalHost.:9400", "http://LOCALHOST.:9400/", True),
        ("localhost:9400", "http://localhost:9401/", False),
        ("localhost:9400", "http://127.0.0.1:9400/", False),
        ("localhost:9400", "http://foo.localhost:9400/", False),
        ("[::1]:9400", "http://[0::1]:9400/", True),
        ("[::1]:9400", "http://[::1]:9401/", False),
        ("[fd12::/48]:443", "https://[fd12::42]/", True),
        ("[fd12::/48]:443", "https://[fd13::42]/", False),
        ("10.1.0.0/16:443", "https://10.1.255.255/", True),
        ("10.1.0.0/16:443", "https://10.2.0.0/", False),
        ("10.1.0.0/16:9200", "http://10.1.0.1:9200/", True),
        ("10.1.0.0/16:9200", "http://search.example.com:9200/", True),  # the look-up decides
        ("wiki.corp:443", "https://wiki.corp/", True),
        ("b\u00fccher.internal:443", "https://xn--bcher-kva.internal/", True),
        ("host.example:8443", "https://8.8.8.8:8443/", True),
    ],
)
@pytest.mark.requirement("R64")
def test_an_allowance_opens_exactly_what_it_names(allow: str, url: str, is_allowed: bool) -> None:
    door = Door([Allowance.parse(allow)])
    if is_allowed:
        door.check(url)
    else:
        with pytest.raises(Refused) as refusal:
            door.check(url)
        assert refusal.value.code == "egress_blocked"


def test_an_allowance_does_not_lift_the_other_rules() -> None:
    door = Door([Allowance.parse("127.0.0.1:8801"), Allowance.parse("localhost:8801")])
    for url in ("ftp://localhost:8801/", "http://u:p@127.0.0.1:8801/", "http://127.0.0.1:8801/a b"):
        with pytest.raises(Refused) as refusal:
            door.check(url)
        assert refusal.value.code == "invalid_url"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("127.0.0.1", "needs a port"),
        ("localhost", "needs a port"),
        ("localhost:", "needs a port"),
        ("localhost:0", "needs a port"),
        ("localhost:65536", "needs a port"),
        ("localhost:http", "needs a port"),
        ("10.1.0.0/16", "needs a port"),
        ("::1:9400", "in brackets"),
        ("10.1.0.1/16:443", "host bits set"),
        ("10.1.0.0/33:443", "is not a network"),
        ("[10.1.0.0.1]:443", "is not a network"),
        ("127.1:9400", "neither a network nor a host"),
        ("https://localhost:9400", "in brackets"),
        ("two words:9400", "neither a network nor a host"),
        ("*:443", "neither a network nor a host"),
        ("", "needs a port"),
    ],
)
def test_an_entry_that_cannot_be_read_is_refused_with_a_sentence(entry: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Allowance.parse(entry)


def test_forms_check_against_the_settings(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9400"]
    assert check_url("http://127.0.0.1:9400/x#y") == "http://127.0.0.1:9400/x"
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(Refused):
        check_url("http://127.0.0.1:9400/x")
    with pytest.raises(Refused):
        Door().check("http://127.0.0.1:9400/x")


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("https://login.example.com/token", True),
        ("http://login.example.com/token", False),
        ("http://127.0.0.1:9400/token", True),
        ("http://localhost:9400/token", True),
        ("http://8.8.8.8/token", False),
        ("http://127.0.0.1:9401/token", False),
    ],
)
def test_secrets_go_over_http_only_to_what_the_operator_lists(
    settings: Settings, url: str, is_allowed: bool
) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9400", "localhost:9400"]
    if is_allowed:
        assert check_url_for_secrets(url) == url
    else:
        with pytest.raises(Refused):
            check_url_for_secrets(url)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b?c", "https://example.com/b?c"),
        ("c", "https://example.com/a/c"),
        ("../c", "https://example.com/c"),
        ("?p=2", "https://example.com/a/b?p=2"),
        ("", "https://example.com/a/b?p=1"),
        ("//other.example/x", "https://other.example/x"),
        ("https://other.example", "https://other.example/"),
        ("/\u00fc", "https://example.com/%C3%BC"),
    ],
)
def test_a_reference_is_followed_from_where_it_was_found(location: str, url: str) -> None:
    assert follow_reference(parse_url("https://example.com/a/b?p=1"), location).url == url


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "/\\evil.example", "http://ex\tample.com/", "https:\r\n//x", "gopher://x"],
)
def test_a_reference_is_read_as_strictly_as_a_url(location: str) -> None:
    with pytest.raises(Refused) as refusal:
        follow_reference(parse_url("https://example.com/a/b?p=1"), location)
    assert refusal.value.code == "invalid_url"


def test_public_addresses_are_none_of_the_special_ones() -> None:
    assert all(is_public(ip_address(text)) for text in ("8.8.8.8", "11.0.0.0", "172.32.0.0", "2a00:1450::1"))
    for text in ("::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1", "::8.8.8.8", "4000::1", "1fff::1"):
        assert not is_public(ip_address(text)), text


def test_ordinary_web_ports_are_not_bad() -> None:
    assert not BAD_PORTS & {80, 443, 8000, 8080, 8443, 3000, 5000, 9400}


@given(
    st.text(
        alphabet=string.ascii_lowercase + string.digits + ".:/@?#[]%\\-_ \u00fc\u3002\uff11\u00ad",
        max_size=40,
    )
)
@example("//127.0.0.1:8801#@10.0.0.1/")
@example("//127.0.0.1:8801?@10.0.0.1/")
def test_what_is_read_is_read_alike_a_second_time_and_by_another_parser(text: str) -> None:
    try:
        target = parse_url(f"http:{text}")
        Policy().check(target.origin)
    except OutboundError:
        return
    assert parse_url(target.url) == target
    again = urlsplit(target.url)
    assert (again.hostname, again.port or 80) == (target.origin.host, target.origin.port)
    assert again.username is None
    assert target.url.isascii()
