"""Token requests in the dialect of a connection's server, over the wire.

And which way of client authentication a server takes, where nobody has told.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote_plus

from django.db import connection as database

from connections import oauth2, outbound
from connections.models import CallKind, ClientAuthentication, Connection, Token
from connections.oauth2 import Authentication, Client, Known, Message, TokenAnswer
from connections.oauth2.dialect import Dialect, RefreshKind

from .clients import client_of
from .dialects import dialect_of
from .doors import open_door
from .history import noted
from .redirects import redirect_uri as redirect_uri_of

# All requests of one exchange or refresh together; shorter than the lease on a refresh.
HTTP_SECONDS = 20.0
_CONNECT_SECONDS = 5.0
_MAX_ANSWER_BYTES = 1024 * 1024
# Of 150 servers looked at, three quarters take the body and two fifths the header.
_FIRST_GUESS = Authentication.BODY


class Deadline:
    """What is left of some seconds, by a clock that nobody sets and that a frozen process cannot stop."""

    def __init__(self, seconds: float = HTTP_SECONDS) -> None:
        self._began = time.monotonic()
        self._seconds = seconds

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    @property
    def remaining(self) -> float:
        return self._seconds - self.elapsed


@dataclass(frozen=True, slots=True)
class Exchanged:
    """Tokens, and the way of client authentication that brought them."""

    answer: TokenAnswer
    authentication: Authentication


class Misjudged(Exception):
    """The server takes the other way of client authentication, but the grant did not survive finding out."""

    def __init__(self, authentication: Authentication, failure: oauth2.TokenRequestFailed) -> None:
        super().__init__(authentication)
        self.authentication = authentication
        self.failure = failure


def exchange_code(
    connection: Connection,
    *,
    code: str,
    code_verifier: str | None,
    redirect_uri: str,
    said: Mapping[str, str],
    deadline: Deadline,
    now: datetime,
) -> Exchanged:
    """Trade an authorization code for tokens; `said` is what the callback told besides.

    Raises TokenRequestFailed, DecryptionFailed, or Misjudged when a second way of client authentication
    came too late.
    """
    dialect = dialect_of(connection)
    known = _known(connection, dialect, redirect_uri, said)
    return _ask(
        connection,
        dialect,
        lambda client: oauth2.code_request(
            connection.token_url, client, dialect, code=code, code_verifier=code_verifier, known=known
        ),
        kind=CallKind.EXCHANGE,
        deadline=deadline,
        now=now,
        said=said,
    )


def ask_as_client(connection: Connection, *, deadline: Deadline, now: datetime) -> Exchanged:
    """Get a token for the client itself (RFC 6749 §4.4). Raises TokenRequestFailed or DecryptionFailed."""
    dialect = dialect_of(connection)
    known = _known(connection, dialect, redirect_uri_of(connection), {})
    return _ask(
        connection,
        dialect,
        lambda client: oauth2.client_request(connection.token_url, client, dialect, known=known),
        kind=CallKind.CLIENT,
        deadline=deadline,
        now=now,
    )


def refresh_tokens(
    connection: Connection,
    token: Token,
    *,
    deadline: Deadline,
    now: datetime,
    before_send: Callable[[], None],
) -> Exchanged:
    """Renew `token` as its server wants it: by refresh token, by trading it, or by asking again.

    A token that still waits for the follow-up of its grant gets that instead. `before_send` is called as
    late as can be, before each request, and may raise. Raises TokenRequestFailed, DecryptionFailed, or
    Misjudged.
    """
    dialect = dialect_of(connection)
    known = _known(connection, dialect, redirect_uri_of(connection), token.kept)
    build = _renewal(connection, token, dialect, known)

    def built_last(client: Client) -> Message:
        message = build(client)
        before_send()
        return message

    # A refresh token may be good for one request only: nothing is tried with it that is not known to work.
    kind = CallKind.FOLLOW_UP if token.awaits_follow_up and dialect.follow_up else CallKind.REFRESH
    # Only an id_token tells for certain: what else servers name an account by may change, or be left out.
    subject = "" if dialect.account_members else token.account_id
    exchanged = _ask(
        connection,
        dialect,
        built_last,
        kind=kind,
        deadline=deadline,
        now=now,
        may_guess=False,
        subject=subject,
    )
    if not token.account_id:
        return exchanged
    # Whose it is was told with the grant; a refresh often tells less.
    answer = replace(exchanged.answer, account="", account_id="")
    return replace(exchanged, answer=answer)


def _renewal(
    connection: Connection, token: Token, dialect: Dialect, known: Known
) -> Callable[[Client], Message]:
    endpoint, kind, follow_up = connection.token_url, dialect.refresh_kind, dialect.follow_up
    if token.awaits_follow_up and follow_up is not None:
        short = token.access_token
        return lambda client: oauth2.follow_up_request(
            follow_up, client, dialect, access_token=short, known=known
        )
    if kind is RefreshKind.CLIENT:
        return lambda client: oauth2.client_request(endpoint, client, dialect, known=known)
    if kind is RefreshKind.EXCHANGE:
        living = token.access_token
        return lambda client: oauth2.exchange_request(
            endpoint, client, dialect, access_token=living, known=known
        )
    refresh_token = token.refresh_token
    if refresh_token is None:
        raise ValueError("There is no refresh token to renew it with.")
    return lambda client: oauth2.refresh_request(
        endpoint, client, dialect, refresh_token=refresh_token, known=known
    )


def _known(
    connection: Connection, dialect: Dialect, redirect_uri: str, values: Mapping[str, object]
) -> Known:
    said = {name: value for name, value in values.items() if isinstance(value, str)}
    scope = dialect.scope_separator.join(connection.scopes.split())
    return Known(redirect_uri, scope, {**connection.placeholders, **said})


# Client authentication ------------------------------------------------------------------------------


def authentications(connection: Connection, *, may_guess: bool = True) -> list[Authentication]:
    """The ways to try, in this order; the next only after the server refused the client by the one before."""
    return _ways(connection, dialect_of(connection), client_of(connection)[1], may_guess=may_guess)


def _ways(
    connection: Connection, dialect: Dialect, secrets: list[str], *, may_guess: bool
) -> list[Authentication]:
    if not secrets and connection.client_authentication == ClientAuthentication.AUTO:
        return [Authentication.NONE]
    if dialect.client_authentication != ClientAuthentication.AUTO:
        return [Authentication(dialect.client_authentication)]
    learned = connection.learned_client_authentication
    if learned and not may_guess:
        return [Authentication(learned)]
    first = Authentication(learned) if learned else _FIRST_GUESS
    guesses = (Authentication.BODY, Authentication.BASIC, Authentication.BASIC_RAW)
    return [first, *(guess for guess in guesses if guess is not first)]


def _clients(connection: Connection, dialect: Dialect, *, may_guess: bool) -> Iterator[Client]:
    """As whom to ask, in this order. The old secret comes last: it is only for who refuses the new one."""
    client_id, secrets = client_of(connection)
    ways = _ways(connection, dialect, secrets, may_guess=may_guess)
    for secret in secrets or [""]:
        is_plain = all(quote_plus(part) == part for part in (client_id, secret))
        for way in ways:
            # What needs no encoding looks the same without it: no use in sending it twice.
            if way is Authentication.BASIC_RAW and is_plain and Authentication.BASIC in ways:
                continue
            yield Client(client_id, secret or None, way)


def _ask(
    connection: Connection,
    dialect: Dialect,
    build: Callable[[Client], Message],
    *,
    kind: CallKind,
    deadline: Deadline,
    now: datetime,
    may_guess: bool = True,
    said: Mapping[str, str] | None = None,
    subject: str = "",
) -> Exchanged:
    """Send what `build` makes for a client; for the next one only if the server does not know this one.

    `subject` is whose tokens they have to be, if an id_token tells (OpenID Connect §12.2).
    """
    first: tuple[Client, oauth2.ClientRejected] | None = None
    for client in _clients(connection, dialect, may_guess=may_guess):
        message = build(client)
        try:
            with noted(connection.pk, kind, message, now=now, authentication=client.authentication) as call:
                reply = call.answered(send(message, deadline))
                answer = oauth2.read_token_reply(reply, dialect, now=now, secrets=message.secrets, said=said)
                if subject and answer.account_id and answer.account_id != subject:
                    words = f"Tokens of {answer.account or answer.account_id}"
                    raise oauth2.AnotherAccount(description=words, status=reply.status)
            return Exchanged(answer, client.authentication)
        except oauth2.ClientRejected as rejection:
            if not is_about_the_client(rejection):
                raise
            first = first or (client, rejection)
        except oauth2.GrantRejected as rejection:
            if first is not None and first[0].authentication is not client.authentication:
                raise Misjudged(client.authentication, rejection) from None
            raise
        except oauth2.UnknownRefusal:
            # It does not even understand this way; what it said of the first one tells more.
            if first is not None:
                raise first[1] from None
            raise
    assert first is not None
    raise first[1]


def is_about_the_client(rejection: oauth2.ClientRejected) -> bool:
    """Whether the server did not know who asked, as opposed to refusing what was asked for."""
    code = rejection.code.lower()
    return rejection.status == 401 or ("client" in code and code != "unauthorized_client")


# The wire -------------------------------------------------------------------------------------------


def send(message: Message, deadline: Deadline) -> oauth2.Reply:
    """One request through the door: no redirects, 1 MB, within the deadline. Raises TokenRequestFailed."""
    refuse_in_transaction()
    budget = outbound.Budget(
        connect_seconds=_CONNECT_SECONDS,
        total_seconds=max(deadline.remaining, 0.1),
        max_body_bytes=_MAX_ANSWER_BYTES,
    )
    try:
        with open_door() as door:
            answer = door.send(
                message.method, message.url, headers=message.headers, body=message.body, budget=budget
            )
    except outbound.Refused as error:
        raise oauth2.ClientRejected(error.code, str(error)) from None
    except outbound.Unreachable as error:
        raise oauth2.ServerUnavailable(error.code, str(error)) from None
    except outbound.Interrupted as error:
        raise oauth2.ServerUnavailable(error.code, str(error), is_lost=True) from None
    except outbound.OutboundError as error:
        raise oauth2.UnreadableAnswer(error.code, str(error), is_lost=True) from None
    return oauth2.Reply(answer.status, answer.text(), {name.lower(): value for name, value in answer.headers})


def refuse_in_transaction() -> None:
    """Raises RuntimeError inside a transaction: it would stay open for as long as somebody's server likes.

    The transaction that a test case wraps round itself does not count.
    """
    if any(not getattr(block, "_from_testcase", False) for block in database.atomic_blocks):
        raise RuntimeError("A token request must not be sent inside a database transaction.")
