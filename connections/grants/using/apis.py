"""How the APIs behind a connection are called: where the token goes in, and what an answer says about it."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from connections import oauth2, outbound
from connections.grants.asking.clients import client_of
from connections.grants.asking.dialects import dialect_of
from connections.grants.errors import ConnectionMisconfigured
from connections.grants.renewal.holdings import AccessToken
from connections.grants.renewal.refreshing import fresh_token, refresh_rejected_token
from connections.models import MINIMUM_LIFE, Connection, Token
from connections.oauth2.dialect import Meaning, Rule

from .hosts import Reach, filled, kept_of, reach_of

# A token that is younger is not renewed for an answer that others give for other reasons, too.
YOUNG = timedelta(minutes=1)
# How long a refusal that renewing did not help is remembered for a token whose end nobody knows.
REMEMBERED = timedelta(hours=1)
# An envelope that tells of an error is small; pages of records are not read twice.
_MOST_READ_BYTES = 100_000

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TOKEN_PLACE = "{access_token}"  # noqa: S105 - a placeholder
_CHALLENGE_ERROR = re.compile(r'\berror\s*=\s*"?([a-z_]+)', re.IGNORECASE)
_CHALLENGE_SCOPE = re.compile(r'\bscope\s*=\s*"([\x20-\x21\x23-\x7e]{1,500})"', re.IGNORECASE)


class Signal(StrEnum):
    """How an API says that it does not take the access token any more."""

    UNAUTHORIZED = "unauthorized"  # 401: it has not acted on the request (RFC 9110 §15.5.2)
    RULE = "rule"  # in its own way: whether it has acted is another question


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an API wants the token: a header or a query parameter, and its value with `{access_token}`."""

    name: str
    value: str
    is_parameter: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """A living token, and how a call carries it: as the header or the query parameter `name`.

    `headers` are those that the API always wants besides. Ask again for the next call.
    """

    token: AccessToken
    reach: Reach
    name: str
    value: str = field(repr=False)
    is_parameter: bool
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    # What must never be shown: the token, and what else went into the above.
    secrets: tuple[str, ...] = field(repr=False)
    rules: tuple[Rule, ...] = field(repr=False)

    def signal_in(self, answer: outbound.Answer) -> Signal | None:
        """How this answer says that the token has run out; None if it does not."""
        if lacking_scope(answer) is not None:
            return None
        if answer.status == 401:
            return Signal.UNAUTHORIZED
        return Signal.RULE if _is_expired(answer, self.rules) else None


def access(
    connection: Connection, url: str, *, now: datetime, minimum_life: timedelta = MINIMUM_LIFE
) -> Access:
    """What a call to `url` carries in the connection's name; its token is refreshed if need be.

    Raises TokenUnavailable, HostNotAllowed among them, and the door's Refused; then nothing was sent.
    """
    reach_of(connection).check(url)
    return _access(connection, fresh_token(connection, now=now, minimum_life=minimum_life))


def renewed(
    connection: Connection, refused: Access, signal: Signal, url: str, *, now: datetime
) -> Access | None:
    """What to repeat a call with, after an API has refused it; None if another token would not help.

    One refresh for each token, however many were refused with it. Raises TokenUnavailable.
    """
    version = refused.token.version
    if signal is Signal.RULE and not _may_help(connection, version, now):
        return None
    again = _access(connection, refresh_rejected_token(connection, version=version, now=now))
    again.reach.check(url)
    return again


def note_help(connection: Connection, access: Access) -> None:
    """A call that was refused went well with the renewed token: the next refusal is worth a renewal, too."""
    Token.objects.filter(connection_id=connection.pk, version=access.token.version).update(rejected_at=None)


def variables_of(connection: Connection) -> dict[str, str]:
    """What a request may use as `{{ connection.name }}`: its placeholders, and what answers told last."""
    told = {**connection.placeholders, **kept_of(connection)}.items()
    return {name: _text(value) for name, value in told if isinstance(value, str | int | float)}


def lacking_scope(answer: outbound.Answer) -> str | None:
    """The scope that the token lacks by the answer's challenge, empty if unnamed; None: it does not say so.

    RFC 6750 §3.1 gives it the status 403; some send 401.
    """
    challenge = answer.header("WWW-Authenticate") or ""
    error = _CHALLENGE_ERROR.search(challenge)
    if answer.status not in (401, 403) or error is None or error[1].lower() != "insufficient_scope":
        return None
    scope = _CHALLENGE_SCOPE.search(challenge)
    return scope[1] if scope else ""


def placement_of(connection: Connection) -> Placement:
    """Where the APIs behind it want its token. Raises ConnectionMisconfigured."""
    try:
        return read_placement(dialect_of(connection).api_authorization)
    except ValueError as error:
        sentence = f"The connection “{connection.name}” needs its settings mended. {error}"
        raise ConnectionMisconfigured(sentence) from None


def read_placement(text: str) -> Placement:
    """Where the token goes, from `Name: value {access_token}` or `?name={access_token}`.

    Raises ValueError with a sentence.
    """
    is_parameter = text.strip().startswith("?")
    name, _, value = text.strip().removeprefix("?").partition("=" if is_parameter else ":")
    name, value = name.strip(), value.strip()
    if not _NAME.fullmatch(name):
        raise ValueError("Begin with the name: Authorization: Bearer {access_token}, or ?key={access_token}.")
    if value.count(_TOKEN_PLACE) != 1:
        raise ValueError("Write {access_token} once, where the token belongs.")
    if not value.isascii() or not value.isprintable():
        raise ValueError("Only ASCII characters can stand beside {access_token}.")
    return Placement(name, value, is_parameter)


def _access(connection: Connection, token: AccessToken) -> Access:
    dialect = dialect_of(connection)
    values, secrets = {"access_token": token.value}, [token.value]
    if any("{client_" in template for template in dialect.api_headers.values()):
        try:
            client_id, client_secrets = client_of(connection)
        except oauth2.ClientRejected as rejection:
            raise ConnectionMisconfigured(rejection.description) from None
        values |= {"client_id": client_id, "client_secret": next(iter(client_secrets), "")}
        secrets += client_secrets
    placement = placement_of(connection)
    return Access(
        token=token,
        reach=reach_of(connection),
        name=placement.name,
        value=filled(placement.value, values),
        is_parameter=placement.is_parameter,
        headers=tuple((name, filled(template, values)) for name, template in dialect.api_headers.items()),
        secrets=tuple(secrets),
        rules=tuple(rule for rule in dialect.rules if rule.meaning is Meaning.EXPIRED),
    )


def _is_expired(answer: outbound.Answer, rules: tuple[Rule, ...]) -> bool:
    likely = [rule for rule in rules if rule.status in (None, answer.status)]
    if not likely or len(answer.body) > _MOST_READ_BYTES:
        return any(not rule.member and not rule.words for rule in likely)
    text = answer.text()
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    return any(rule.fits(answer.status, document, text) for rule in likely)


def _may_help(connection: Connection, version: int, now: datetime) -> bool:
    """Whether renewing the token of this version is worth a try, after an answer that may mean other things.

    Not one that is new, nor one that was itself renewed for a refusal which then stayed.
    """
    token = Token.objects.filter(connection_id=connection.pk, version=version).first()
    if token is None:
        return True
    if now < token.obtained_at + YOUNG:
        return False
    if token.rejected_at is None or token.rejected_at < token.obtained_at:
        return True
    return token.expires_at is None and now >= token.rejected_at + REMEMBERED


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
