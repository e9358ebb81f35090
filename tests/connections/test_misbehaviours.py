"""Token endpoints that answer as none should: a defined outcome, and never a lost token.

Each answer is given to an exchange of a code and to a refresh.
"""

import json
import logging
import os
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as django_settings
from pytest_django.fixtures import Settings

from accounts.models import Team, User
from connections import grants
from connections.models import (
    AuthorizationRequest,
    AuthorizationState,
    AuthorizationStep,
    Connection,
    ConnectionState,
    Token,
)
from tests import factories
from tests.connections.raw_server import Peer, RawServer, answering, answering_once, gzip_bomb

SESSION = "a-session"
CODE, SECRET = "the-code-7Qm2", "the-secret-9tKc"
GOOD = {"access_token": "access-2", "refresh_token": "refresh-2", "token_type": "Bearer", "expires_in": 3600}

ConnectTo = Callable[[Callable[[Peer], None]], Connection]


@dataclass(frozen=True)
class Case:
    """An answer, and what comes of it. `refreshed` is the state of the connection after a refresh."""

    name: str
    answer: bytes
    is_good: bool = False
    refreshed: ConnectionState = ConnectionState.RETRYING
    # The server hangs up after its answer.
    closes: bool = False


def http(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(document: object, status: int = 200, *headers: str) -> bytes:
    return http(status, json.dumps(document).encode(), *headers)


def token(**members: object) -> bytes:
    return says({**GOOD, **members})


def without(name: str) -> bytes:
    return says({key: value for key, value in GOOD.items() if key != name})


def text(body: str) -> bytes:
    return http(200, body.encode())


NEEDS, CONFIG = ConnectionState.NEEDS_REAUTH, ConnectionState.CONFIG_ERROR
FORM = b"access_token=access-2&refresh_token=refresh-2&token_type=bearer&expires_in=3600"
PLAIN = json.dumps(GOOD)

SHAPES = [
    Case("a web page", http(200, b"<html><h1>Welcome</h1></html>", kind="text/html")),
    Case("nothing", http(200, b"")),
    Case("204", b"HTTP/1.1 204 No Content\r\n\r\n"),
    Case("an empty object", says({})),
    Case("a list", says([GOOD])),
    Case("a number", text("42")),
    Case("a text", text('"access-2"')),
    Case("broken JSON", text('{"access_token": "access-2"')),
    Case("two documents", text(PLAIN + PLAIN)),
    Case(
        "UTF-16 by its charset",
        http(200, PLAIN.encode("utf-16"), kind="application/json; charset=utf-16"),
        is_good=True,
    ),
    Case("Latin-1 as UTF-8", http(200, '{"error_description": "geht nicht, Müller"}'.encode("latin-1"))),
    Case("a byte order mark", http(200, b"\xef\xbb\xbf" + PLAIN.encode()), is_good=True),
    Case(
        "no media type",
        f"HTTP/1.1 200 OK\r\nContent-Length: {len(PLAIN)}\r\n\r\n{PLAIN}".encode(),
        is_good=True,
    ),
    Case("JSON as plain text", http(200, PLAIN.encode(), kind="text/plain"), is_good=True),
    Case("a form", http(200, FORM, kind="application/x-www-form-urlencoded"), is_good=True),
    Case("a form as JSON", http(200, FORM), is_good=True),
    Case("100,000 brackets", http(200, b"[" * 100_000)),
    Case("no token", without("access_token")),
    Case("a token that is null", token(access_token=None)),
    Case("a token that is a number", token(access_token=12345)),
    Case("an empty token", token(access_token="")),
    Case("a token with line breaks", token(access_token="a\r\nX-Evil: 1")),
    Case("a token of 20 kB", token(access_token="a" * 20_000)),
    Case("a token that sits elsewhere", says({"data": GOOD})),
    Case("names in camel case", says({"accessToken": "access-2", "refreshToken": "refresh-2"})),
    Case("the same name twice", text('{"access_token": "access-1b", ' + PLAIN[1:]), is_good=True),
    Case("a cookie besides", says(GOOD, 200, "Set-Cookie: session=1"), is_good=True),
    Case("mac", token(token_type="mac")),
]

LIVES_TOLD = (
    *('"3600"', '"soon"', "-3600", "0", "1", "1000000000000000000", "null", "3599.5", "1e999", "true", "[]"),
    *('"2026-12-23T18:44:43Z"', "9" * 400, "NaN"),
)
LIVES = [
    *(
        Case(f"expires_in {told[:30]}", text(PLAIN.replace("3600", told)), is_good=True)
        for told in LIVES_TOLD
    ),
    Case("no expires_in", without("expires_in"), is_good=True),
]

KINDS = [
    Case(f"token_type {value!r}", token(token_type=value), is_good=True)
    for value in ("bearer", "BEARER", "", None, "User Access Token", 7)
]

ERRORS = [
    Case("an error with 200", says({"error": "invalid_grant"}), refreshed=NEEDS),
    Case("a token beside an error", says({**GOOD, "error": "invalid_grant"}), refreshed=NEEDS),
    Case("the grant is refused", says({"error": "invalid_grant"}, 400), refreshed=NEEDS),
    Case("the client is refused", says({"error": "invalid_client"}, 401), refreshed=CONFIG),
    Case("an unknown refusal", says({"error": "on_a_whim"}, 400)),
    Case("an error that is an object", says({"error": {"message": "no", "code": 7}}, 400)),
    Case("an error that is a list", says({"error": ["invalid_grant"]}, 400), refreshed=NEEDS),
    Case("an error that is true", says({"error": True, "message": "nope"}, 401), refreshed=CONFIG),
    Case("an error in depth", says({"message": {"nested": {"deep": 1}}}, 400)),
    Case("an error as text", http(400, b'"invalid code"')),
    Case("an error as XML", http(400, b"<error>no</error>", kind="application/xml")),
    Case("a refusal without a word", http(403, b"")),
    Case("429", says({}, 429, "Retry-After: 2")),
    Case("429 with a date", says({}, 429, "Retry-After: Mon, 23 Nov 2026 13:00:00 GMT")),
    Case("429 with less than nothing", says({}, 429, "Retry-After: -5")),
    Case("429 with all eternity", says({}, 429, "Retry-After: 100000000000")),
    Case("429 with nonsense", says({}, 429, "Retry-After: soon")),
    Case("500 as a page", http(500, b"<html>oops</html>", kind="text/html")),
    Case("502", http(502, b"<html>nginx</html>", kind="text/html")),
    Case("503", http(503, b"", "Retry-After: 30")),
    Case(
        "64 kB of markup", says({"error": "x", "error_description": "<script>alert(1)</script>" * 2600}, 400)
    ),
    Case(
        "an echo of what we sent",
        says({"error": "x", "error_description": f"{CODE} {SECRET} refresh-1"}, 400),
    ),
]

TRANSPORT = [
    Case("302 to elsewhere", http(302, b"", "Location: https://evil.example/"), closes=True),
    Case("307 to the inside", http(307, b"", "Location: http://169.254.169.254/"), closes=True),
    Case("no answer at all", b"", closes=True),
    Case("half an answer", http(200, PLAIN.encode())[:-20], closes=True),
    Case("no HTTP", b"hello\r\n\r\n", closes=True),
    Case("HTTP/0.9", PLAIN.encode(), closes=True),
    Case(
        "a bad chunk",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        closes=True,
    ),
    Case("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}", closes=True),
    Case(
        "a length and chunks",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        closes=True,
    ),
    Case("1,000 times Continue", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, closes=True),
    Case("a head of 1 MB", b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1_000_000 + b"\r\n\r\n{}", closes=True),
    Case("a gzip that is none", http(200, b"nonsense", "Content-Encoding: gzip"), closes=True),
    Case(
        "a bomb",
        http(200, gzip_bomb(48, b" "), "Content-Encoding: gzip"),
        closes=True,
    ),
]

REFRESH_ONLY = [
    Case("no refresh token", without("refresh_token"), is_good=True),
    Case("a refresh token that is null", token(refresh_token=None), is_good=True),
    Case("an empty refresh token", token(refresh_token=""), is_good=True),
    Case("the same refresh token", token(refresh_token="refresh-1"), is_good=True),
]

ALL = [*SHAPES, *LIVES, *KINDS, *ERRORS, *TRANSPORT]


@pytest.fixture
def connect_to(settings: Settings, team: Team, editor: User) -> Iterator[ConnectTo]:
    """A connection whose token endpoint follows a script."""
    started: list[RawServer] = []

    def connects(script: Callable[[Peer], None]) -> Connection:
        server = RawServer(script)
        started.append(server.__enter__())
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
        connection: Connection = factories.ConnectionFactory(
            team=team,
            created_by=editor,
            authorization_url=f"{server.url}/authorize",
            token_url=f"{server.url}/token",
            client_secret=SECRET,
            client_authentication="body",
        )
        return connection

    yield connects
    for server in started:
        server.__exit__()


@pytest.fixture(autouse=True)
def nothing_unexpected(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No stack trace is logged, and no secret."""
    with caplog.at_level(logging.DEBUG):
        yield
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    for secret in (CODE, SECRET, "refresh-1", "access-2", "refresh-2"):
        assert secret not in caplog.text


def script_of(case: Case) -> Callable[[Peer], None]:
    return answering_once(case.answer) if case.closes else answering(case.answer)


def named(case: Case) -> str:
    return case.name


def consented(connection: Connection, user: User, now: datetime) -> AuthorizationRequest:
    """The flow after somebody has consented, and the code was exchanged."""
    flow = grants.begin_authorization(connection, user=user, session_key=SESSION, return_to="/", now=now)
    url = grants.leave_for_provider(flow, user=user, session_key=SESSION, now=now)
    return grants.complete_authorization(
        {"code": [CODE], "state": parse_qs(urlsplit(url).query)["state"]},
        arrived_at=f"{django_settings.BASE_URL}/oauth/callback",
        user=user,
        session_key=SESSION,
        now=now,
    )


@pytest.mark.requirement("R24", "R26", "R60", "QC11", "QC12", "QC18", "QC22")
@pytest.mark.parametrize("case", ALL, ids=named)
def test_an_exchange_ends_with_a_connection_or_with_a_reason(
    case: Case, connect_to: ConnectTo, editor: User, now: datetime
) -> None:
    connection = connect_to(script_of(case))

    ended = consented(connection, editor, now)

    assert (ended.state == AuthorizationState.SUCCEEDED) is case.is_good, ended.message
    assert Token.objects.filter(connection=connection).exists() is case.is_good
    shown = ended.message + ended.provider_text
    assert ended.message
    assert len(ended.provider_text) <= 500
    assert not any(secret in shown for secret in (CODE, SECRET))


@pytest.mark.requirement("R36", "R37", "R39", "R41", "R60", "QC18", "QC22", "QC25", "QC30", "QC31")
@pytest.mark.parametrize("case", [*ALL, *REFRESH_ONLY], ids=named)
def test_a_refresh_loses_no_token_whatever_comes(case: Case, connect_to: ConnectTo, now: datetime) -> None:
    connection = connect_to(script_of(case))
    factories.connected(connection, now=now)

    if case.is_good:
        renewed = grants.refresh(connection, now=now)
        assert renewed.value == "access-2"
        # Whatever was told of its life: it is not renewed with each use.
        assert grants.fresh_token(connection, now=now).version == renewed.version
    else:
        with pytest.raises(grants.TokenUnavailable) as unavailable:
            grants.refresh(connection, now=now)
        assert not any(secret in unavailable.value.sentence for secret in (SECRET, "refresh-1"))

    connection.refresh_from_db()
    kept = Token.objects.get(connection=connection)
    expected = ConnectionState.CONNECTED if case.is_good else case.refreshed
    assert connection.state == expected, connection.state_reason
    if not case.is_good:
        assert (kept.access_token, kept.refresh_token) == ("access-1", "refresh-1")
        assert len(connection.state_reason) <= 1000
    elif case in REFRESH_ONLY:
        assert kept.refresh_token == "refresh-1"


# Time ------------------------------------------------------------------------------------------------

# What a server may take in these tests, and the most that a busy machine may make of it.
ALLOWED, AT_MOST = 1, 30


def dripping(answer: bytes) -> Callable[[Peer], None]:
    """A script: a good answer in many small pieces, each of which comes soon, and the last much too late."""

    def script(peer: Peer) -> None:
        peer.request()
        for place in range(0, len(answer), 4):
            peer.send(answer[place : place + 4])
            peer.pause(ALLOWED)

    return script


def hanging(answer: bytes) -> Callable[[Peer], None]:
    """A script: so much of an answer, and then nothing more while the test lasts."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer)
        peer.pause(2 * AT_MOST)

    return script


SLOWNESS = [
    pytest.param(hanging(b""), id="hangs"),
    pytest.param(hanging(says(GOOD)[:-1]), id="hangs before the last byte"),
    pytest.param(dripping(says(GOOD)), id="drips"),
]


@pytest.mark.requirement("R23", "R60", "QC22")
@pytest.mark.parametrize("script", SLOWNESS)
def test_an_exchange_that_takes_too_long_ends_with_a_reason_in_the_time_that_is_allowed(
    script: Callable[[Peer], None], connect_to: ConnectTo, editor: User, settings: Settings, now: datetime
) -> None:
    settings.EXCHANGE_SECONDS = ALLOWED
    connection = connect_to(script)
    began = time.monotonic()

    ended = consented(connection, editor, now)

    assert time.monotonic() - began < AT_MOST
    assert (ended.state, ended.failed_step) == (AuthorizationState.FAILED, AuthorizationStep.TOKEN)
    assert f"within {ALLOWED} second" in ended.provider_text
    assert not Token.objects.filter(connection=connection).exists()


@pytest.mark.requirement("R35", "R41", "R60", "QC24", "QC30")
@pytest.mark.parametrize("script", SLOWNESS)
def test_a_refresh_that_takes_too_long_keeps_the_tokens_and_knows_that_an_answer_may_be_lost(
    script: Callable[[Peer], None], connect_to: ConnectTo, settings: Settings, now: datetime
) -> None:
    settings.REFRESH_SECONDS = ALLOWED
    connection = connect_to(script)
    factories.connected(connection, now=now)
    began = time.monotonic()

    with pytest.raises(grants.ProviderUnavailable) as unavailable:
        grants.refresh(connection, now=now)

    assert time.monotonic() - began < AT_MOST
    assert unavailable.value.retry_after
    connection.refresh_from_db()
    assert connection.state == ConnectionState.RETRYING
    kept = Token.objects.get(connection=connection)
    assert (kept.access_token, kept.refresh_token) == ("access-1", "refresh-1")
    assert kept.refresh_sent_at is not None
    # Nobody is at it any more, and what there was is used on.
    assert kept.refresh_leased_by is None
    assert grants.fresh_token(connection, now=now + timedelta(minutes=1)).value == "access-1"


@pytest.mark.requirement("R33", "R60", "QC24")
def test_a_slow_answer_that_comes_in_time_is_used(
    connect_to: ConnectTo, editor: User, settings: Settings, now: datetime
) -> None:
    def script(peer: Peer) -> None:
        while peer.request():
            peer.pause(1.5)
            peer.send(says(GOOD))

    settings.EXCHANGE_SECONDS = settings.REFRESH_SECONDS = AT_MOST
    connection = connect_to(script)

    assert consented(connection, editor, now).state == AuthorizationState.SUCCEEDED
    assert grants.refresh(connection, now=now).version == 2


# Whose tokens they are ------------------------------------------------------------------------------


def in_turn(*answers: bytes) -> Callable[[Peer], None]:
    """A script: the first request of all gets the first answer, the second one the second."""
    left = iter(answers)

    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(next(left))

    return script


def id_token(subject: str) -> str:
    """An id_token as it comes straight from the server: only its claims are read."""
    parts = ({"alg": "RS256"}, {"sub": subject, "email": f"{subject}@example.com"})
    encoded = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


@pytest.mark.requirement("R30", "R55", "QC39")
def test_a_refresh_that_brings_another_accounts_tokens_uses_none_of_them(
    connect_to: ConnectTo, editor: User, now: datetime
) -> None:
    anns, bobs = token(access_token="of-ann", id_token=id_token("ann")), token(id_token=id_token("bob"))
    connection = connect_to(in_turn(anns, bobs, bobs))
    consented(connection, editor, now)

    with pytest.raises(grants.ReconnectRequired, match="the tokens of another account"):
        grants.refresh(connection, now=now)

    kept = Token.objects.get(connection=connection)
    assert (kept.access_token, kept.account) == ("of-ann", "ann@example.com")
    connection.refresh_from_db()
    assert (connection.state, connection.provider_text) == (NEEDS, "Tokens of bob@example.com (HTTP 200)")
    # What there is goes on being used to its end.
    assert grants.fresh_token(connection, now=now).value == "of-ann"


@pytest.mark.requirement("R30", "R36", "QC39")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(token(id_token=id_token("ann")), token(), id="the refresh does not say"),
        pytest.param(token(), token(id_token=id_token("bob")), id="the grant did not say"),
        pytest.param(token(), token(), id="nobody ever says"),
        pytest.param(token(), token(id_token="not.a.token"), id="nonsense"),
    ],
)
def test_where_the_account_cannot_be_known_tokens_are_used(
    first: bytes, second: bytes, connect_to: ConnectTo, editor: User, now: datetime
) -> None:
    connection = connect_to(in_turn(first, second))
    consented(connection, editor, now)

    assert grants.refresh(connection, now=now).version == 2


@pytest.mark.requirement("R30", "R55", "QC39")
def test_a_new_consent_of_another_account_is_told_with_both_names(
    connect_to: ConnectTo, editor: User, now: datetime
) -> None:
    connection = connect_to(in_turn(token(id_token=id_token("ann")), token(id_token=id_token("bob"))))
    consented(connection, editor, now)

    ended = consented(connection, editor, now)

    assert "another account than before: bob@example.com, not ann@example.com" in ended.message
    assert Token.objects.get(connection=connection).account == "bob@example.com"


# Memory ----------------------------------------------------------------------------------------------


def pouring(head: bytes, piece: bytes, times: int) -> Callable[[Peer], None]:
    """A script: a head, and then as much as the client takes."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(head)
        for _ in range(times):
            peer.send(piece)

    return script


MEGABYTE = 1024 * 1024
BOMB = gzip_bomb(200, b"[")


@pytest.mark.requirement("R60", "QC22")
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            pouring(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n", b" " * MEGABYTE, 100),
            id="a body of 100 MB",
        ),
        pytest.param(
            pouring(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"[" * MEGABYTE, 100),
            id="a body without an end",
        ),
        pytest.param(answering_once(http(200, BOMB, "Content-Encoding: gzip")), id="a bomb of 200 MB"),
        pytest.param(answering_once(http(200, b"[" * 100_000)), id="100,000 brackets"),
        pytest.param(answering_once(http(200, b'{"a":' * 190_000)), id="190,000 objects in each other"),
        pytest.param(pouring(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * MEGABYTE, 40), id="a head of 40 MB"),
        pytest.param(pouring(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 10_000, 400), id="4,000,000 headers"),
    ],
)
def test_no_answer_takes_more_than_32_mb(script: Callable[[Peer], None]) -> None:
    with RawServer(script) as server, RawServer(answering(says(GOOD))) as good:
        caller = subprocess.run(
            [sys.executable, Path(__file__).with_name("memory_caller.py"), good.url, server.url],
            env={**os.environ, "OUTBOUND_ALLOW": f"127.0.0.1:{server.port},127.0.0.1:{good.port}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert caller.returncode == 0, caller.stderr
    outcome, taken = caller.stdout.split()
    assert outcome == "failed"
    assert int(taken) <= 32 * MEGABYTE
