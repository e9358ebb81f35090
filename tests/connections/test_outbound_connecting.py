"""Where the door really connects to: look-ups, checks at the socket, TLS, the environment."""

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connections.outbound import Allowance, Budget, Door, OutboundError, Refused, Unreachable, Unusable
from tests.connections.raw_server import Peer, RawServer, answering, ok, redirect

HASTY = Budget(connect_seconds=0.5, total_seconds=0.6)


def resolving(*addresses: str) -> Callable[[str], list[str]]:
    return lambda host: list(addresses)


def test_a_name_is_looked_up_absolutely_and_reached_under_its_name() -> None:
    looked_up = []

    def resolve(host: str) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    with RawServer(answering(ok())) as server, Door(server.allow, resolve=resolve) as door:
        answer = door.send("GET", f"http://api.example.com:{server.port}/x")

    assert answer.body == b"ok"
    assert looked_up == ["api.example.com."]  # the dot: no search domain of the machine is ever tried
    assert f"Host: api.example.com:{server.port}\r\n".encode() in server.requests[0]
    assert answer.timings.resolve > 0
    assert answer.timings.connect > 0


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.66"],
        ["127.0.0.1", "127.0.0.66"],
        ["127.0.0.1", "::1"],
        ["127.0.0.1", "::ffff:127.0.0.1"],
        ["8.8.8.8", "169.254.169.254"],
        ["fe80::1%lo"],
        [*(f"8.8.{number}.8" for number in range(63)), "10.0.0.1"],
    ],
)
def test_one_bad_address_spoils_the_name(addresses: list[str]) -> None:
    with RawServer(answering(ok())) as server, Door(server.allow, resolve=resolving(*addresses)) as door:
        with pytest.raises(Refused) as refusal:
            door.send("GET", f"http://api.example.com:{server.port}/")
        assert refusal.value.code == "egress_blocked"
        assert server.connections == 0


def test_a_name_that_changes_its_address_is_never_asked_twice_for_one_connection() -> None:
    answers = [["127.0.0.1"], ["127.0.0.66"]]
    with RawServer(answering(ok())) as server:
        url = f"http://rebind.example.com:{server.port}/"
        with Door(server.allow, resolve=lambda _: answers.pop(0)) as door:
            assert door.send("GET", url).status == 200
            assert door.send("GET", url).status == 200  # over the kept connection
        with (
            Door(server.allow, resolve=lambda _: answers.pop(0)) as another,
            pytest.raises(Refused),
        ):
            another.send("GET", url)
    assert server.connections == 1


def test_an_allowed_port_opens_no_other_one() -> None:
    with (
        RawServer(answering(ok())) as server,
        RawServer(answering(ok())) as canary,
        Door(server.allow) as door,
    ):
        assert door.send("GET", server.url).status == 200
        for url in (
            canary.url,
            f"http://localhost:{server.port}",
            f"http://[::ffff:127.0.0.1]:{server.port}",
        ):
            with pytest.raises(Refused) as refusal:
                door.send("GET", url)
            assert refusal.value.code == "egress_blocked"
    assert canary.connections == 0
    assert server.connections == 1


def test_a_listed_name_is_looked_up_as_written_by_the_system() -> None:
    with RawServer(answering(ok())) as server:
        with Door([Allowance.parse(f"localhost:{server.port}")]) as door:
            assert door.send("GET", f"http://LocalHost:{server.port}/").status == 200
        assert f"Host: localhost:{server.port}\r\n".encode() in server.requests[0]


def test_blocked_targets_fail_alike_whether_or_not_something_listens_there() -> None:
    with RawServer(answering(ok())) as server, Door([]) as door:
        sentences, seconds = set(), []
        for url in (server.url, "http://127.0.0.1:1/", "http://10.255.255.1/", "http://localhost/"):
            began = time.monotonic()
            with pytest.raises(Refused) as refusal:
                door.send("GET", url)
            seconds.append(time.monotonic() - began)
            sentences.add(str(refusal.value))
    assert len(sentences) == 1
    assert max(seconds) < 0.5


def test_a_bad_port_is_open_only_at_the_listed_address() -> None:
    door = Door([Allowance.parse("127.0.0.1:9200")], resolve=resolving("8.8.8.8"))
    with door, pytest.raises(Refused):
        door.send("GET", "http://search.example.com:9200/", budget=HASTY)


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with RawServer(answering(ok())) as server:
        allow = [Allowance.parse(f"127.0.0.0/8:{server.port}")]
        with Door(allow, resolve=resolving("127.0.0.99", "127.0.0.1")) as door:
            assert door.send("GET", f"http://api.example.com:{server.port}/").status == 200


def test_an_ipv6_literal_can_be_called() -> None:
    try:
        server = RawServer(answering(ok()), address="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server, Door([Allowance.parse(f"[::1]:{server.port}")]) as door:
        assert door.send("GET", f"http://[::1]:{server.port}/").status == 200
    assert f"Host: [::1]:{server.port}\r\n".encode() in server.requests[0]


@pytest.mark.parametrize(
    ("number", "is_transient"),
    [(socket.EAI_NONAME, False), (socket.EAI_AGAIN, True), (socket.EAI_FAIL, True)],
)
def test_an_unknown_host_is_named(number: int, is_transient: bool) -> None:
    def resolve(host: str) -> list[str]:
        raise socket.gaierror(number, "as the system would")

    with Door([], resolve=resolve) as door, pytest.raises(Unreachable, match=r"api\.exmaple\.com") as failure:
        door.send("GET", "https://api.exmaple.com/")
    assert failure.value.code == "dns_error"
    assert failure.value.is_transient is is_transient


def test_a_name_without_addresses_is_an_unknown_host() -> None:
    with Door([], resolve=resolving()) as door, pytest.raises(Unreachable) as failure:
        door.send("GET", "https://api.example.com/")
    assert failure.value.code == "dns_error"


def test_a_slow_look_up_counts_towards_the_deadline() -> None:
    released = threading.Event()

    def resolve(host: str) -> list[str]:
        released.wait(60)
        return ["8.8.8.8"]

    began = time.monotonic()
    with Door([], resolve=resolve) as door, pytest.raises(Unreachable) as failure:
        door.send("GET", "https://api.example.com/", budget=HASTY)
    released.set()
    assert failure.value.code == "deadline"
    assert time.monotonic() - began < 30


def test_a_closed_port_is_told_and_may_heal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Door([Allowance.parse(f"127.0.0.1:{port}")]) as door, pytest.raises(Unreachable) as failure:
        door.send("POST", f"http://127.0.0.1:{port}/", body=b"x")
    assert failure.value.code == "connect_failed"
    assert failure.value.is_transient
    assert failure.value.mender == "nobody: it may heal by itself"


def test_an_address_that_swallows_packets_costs_the_time_to_connect_and_no_more() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        clogs = [socket.socket() for _ in range(8)]  # fill the queue: further ones get no answer at all
        for clog in clogs:
            clog.setblocking(False)
            clog.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        budget = Budget(connect_seconds=0.4, total_seconds=0.8)
        with Door([Allowance.parse(f"127.0.0.1:{port}")]) as door, pytest.raises(OutboundError) as failure:
            door.send("GET", f"http://127.0.0.1:{port}/", budget=budget)
        for clog in clogs:
            clog.close()
    assert failure.value.code in {"connect_failed", "deadline"}
    assert time.monotonic() - began < 30


SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """A certificate authority of the tests, and the certificates that it gives out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
        self.certificate = folder / "authority.pem"
        root = (
            self._builder(self._name, self._key.public_key(), 1)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(SIGNS_CERTIFICATES, critical=True)
        )
        self._write(self.certificate, root.sign(self._key, hashes.SHA256()))

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def server(self, host: str, *, days: int = 1) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        try:
            subject: x509.GeneralName = x509.IPAddress(ip_address(host))
        except ValueError:
            subject = x509.DNSName(host)
        builder = self._builder(name, key.public_key(), days).add_extension(
            x509.SubjectAlternativeName([subject]), critical=False
        )
        path = self._folder / f"{host}{days}.pem"
        self._write(path, builder.sign(self._key, hashes.SHA256()), key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: int
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(identifier, critical=False)
        )

    @staticmethod
    def _write(
        path: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey | None = None
    ) -> None:
        pem = serialization.Encoding.PEM
        data = certificate.public_bytes(pem)
        if key:
            data += key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(data)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_tls_asks_for_the_name_and_verifies_it_while_the_address_is_pinned(authority: Authority) -> None:
    names: list[str | None] = []
    context = authority.server("api.example.com")
    context.sni_callback = lambda sock, name, ctx: names.append(name)
    resolve = resolving("127.0.0.1")
    with (
        RawServer(answering(ok()), tls=context) as server,
        Door(server.allow, resolve=resolve, trust=authority.trust()) as door,
    ):
        for _ in range(2):
            assert door.send("GET", f"https://api.example.com:{server.port}/").body == b"ok"
    assert names == ["api.example.com"]
    assert server.connections == 1
    assert f"Host: api.example.com:{server.port}\r\n".encode() in server.requests[0]


def test_tls_to_an_address_verifies_the_address(authority: Authority) -> None:
    with (
        RawServer(answering(ok()), tls=authority.server("127.0.0.1")) as server,
        Door(server.allow, trust=authority.trust()) as door,
    ):
        assert door.send("GET", server.url).body == b"ok"


def test_a_redirect_may_lead_to_https_but_never_from_it_to_http(authority: Authority) -> None:
    def script(peer: Peer) -> None:
        while request := peer.request():
            peer.send(redirect(plain.url) if b"/down" in request else ok())

    with (
        RawServer(script, tls=authority.server("127.0.0.1")) as secure,
        RawServer(answering(redirect(f"{secure.url}/up"))) as plain,
        Door(plain.allow + secure.allow, trust=authority.trust()) as door,
    ):
        assert door.send("GET", plain.url, follow_redirects=True).url == f"{secure.url}/up"
        with pytest.raises(Unusable) as failure:
            door.send("GET", f"{secure.url}/down", follow_redirects=True)
        assert failure.value.code == "insecure_redirect"
        assert len(plain.requests) == 1


@pytest.mark.parametrize(
    ("host", "days", "is_trusted", "words"),
    [
        ("api.example.com", 1, False, "certificate"),
        ("api.example.com", -1, True, "expired"),
        ("other.example.com", 1, True, "api.example.com"),
    ],
)
def test_a_bad_certificate_is_a_tls_error_and_nothing_is_sent(
    authority: Authority, host: str, days: int, is_trusted: bool, words: str
) -> None:
    trust = authority.trust() if is_trusted else None
    resolve = resolving("127.0.0.1")
    with (
        RawServer(answering(ok()), tls=authority.server(host, days=days)) as server,
        Door(server.allow, resolve=resolve, trust=trust) as door,
    ):
        with pytest.raises(Unreachable, match=words) as failure:
            door.send("GET", f"https://api.example.com:{server.port}/")
        assert failure.value.code == "tls_error"
        assert failure.value.mender == "who runs the API"
        assert server.requests == []


def test_old_tls_is_refused(authority: Authority) -> None:
    context = authority.server("127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    with RawServer(answering(ok()), tls=context) as server, Door(server.allow) as door:
        with pytest.raises(Unreachable, match=r"TLS 1\.2") as failure:
            door.send("GET", server.url)
        assert failure.value.code == "tls_error"


def test_a_server_that_speaks_no_tls_is_a_tls_error() -> None:
    with RawServer(lambda peer: peer.send(ok())) as server, Door(server.allow) as door:
        with pytest.raises(Unreachable, match="https server") as failure:
            door.send("GET", f"https://127.0.0.1:{server.port}/")
        assert failure.value.code == "tls_error"
        assert not failure.value.is_transient


def test_a_connection_that_closes_during_the_handshake_is_a_tls_error() -> None:
    with RawServer(lambda peer: None) as server, Door(server.allow) as door:
        with pytest.raises(Unreachable) as failure:
            door.send("GET", f"https://127.0.0.1:{server.port}/")
        assert failure.value.code == "tls_error"
        assert failure.value.is_transient


def test_a_handshake_that_hangs_costs_the_time_to_connect_and_no_more() -> None:
    def hang(peer: Peer) -> None:
        server.is_closing.wait(60)

    began = time.monotonic()
    with RawServer(hang) as server, Door(server.allow) as door:
        with pytest.raises(Unreachable) as failure:
            door.send(
                "GET",
                f"https://127.0.0.1:{server.port}/",
                budget=Budget(connect_seconds=0.3, total_seconds=20),
            )
        assert failure.value.code == "tls_error"
        assert failure.value.is_transient
        assert time.monotonic() - began < 30


ENVIRONMENT_SCRIPT = """
import sys
from connections.outbound import Allowance, Door, OutboundError
http, https = sys.argv[1:]
allow = [Allowance.parse(url.split("//")[1]) for url in (http, https)]
with Door(allow) as door:
    print(door.send("GET", http + "/direct").body.decode())
    try:
        door.send("GET", https)
    except OutboundError as error:
        print(error.code)
"""


def test_nothing_is_read_from_the_environment(authority: Authority, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password hunter2\n")
    netrc.chmod(0o600)
    keylog = tmp_path / "keylog"
    with (
        RawServer(answering(ok())) as server,
        RawServer(answering(ok()), tls=authority.server("127.0.0.1")) as tls_server,
        RawServer(answering(ok(b"proxied"))) as proxy,
    ):
        proxies = dict.fromkeys(
            ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"), proxy.url
        )
        environment = {
            **os.environ,
            **proxies,
            "no_proxy": "",
            "NETRC": str(netrc),
            "SSLKEYLOGFILE": str(keylog),
            **dict.fromkeys(
                ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), str(authority.certificate)
            ),
        }
        done = subprocess.run(
            [sys.executable, "-c", ENVIRONMENT_SCRIPT, server.url, tls_server.url],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    assert done.stdout.split() == ["ok", "tls_error"]
    assert proxy.connections == 0
    assert b"authorization" not in server.requests[0].lower()
    assert not keylog.exists()
