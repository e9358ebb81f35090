"""Tokens into their row: sealed, in one statement, never over something newer."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.db import connection as database
from django.db.models import F

from connections.grants.asking.dialects import dialect_of
from connections.models import Connection, Token
from connections.oauth2 import Authentication, TokenAnswer
from connections.oauth2.dialect import Dialect, Meaning, RefreshKind

from .planning import refresh_moment

# A grant whose second exchange has failed tries that again so soon.
_FOLLOW_UP_GAP = timedelta(seconds=15)
# Between two refreshes so close together, servers' rounding hides whether an end has moved.
_TOO_SOON_TO_TELL = timedelta(minutes=2)
# How long a database that is away is waited for, before tokens that exist nowhere else are given up.
_STORE_SECONDS = 15.0
_STORE_PAUSE = 0.2

T = TypeVar("T")


def store_grant(
    connection: Connection,
    answer: TokenAnswer,
    now: datetime,
    *,
    kept: Mapping[str, str] | None = None,
    awaits_follow_up: bool = False,
) -> None:
    """Put the tokens of a new grant in the place of whatever there was.

    `kept` is what its callback told besides. A refresh token of the old grant is not kept, whatever the
    answer lacks: it may be another account's. Call it in the transaction that has changed the connection's
    row, which makes two of them take turns.
    """
    token = Token.objects.filter(connection=connection).first() or Token(connection=connection)
    is_new = token._state.adding
    dialect = dialect_of(connection)
    fields = _fields(connection, dialect, answer, now, refresh_token=answer.refresh_token, granted_at=now)
    for name, value in fields.items():
        setattr(token, name, value)
    token.granted_at, token.refreshed_at, token.rejected_at = now, None, None
    token.granted_scopes, token.asked_scopes = answer.scope, connection.scopes
    token.account, token.account_id = answer.account, answer.account_id
    token.kept = {**(kept or {}), **answer.kept}
    token.access_token, token.refresh_token = answer.access_token, answer.refresh_token
    token.awaits_follow_up = awaits_follow_up
    if awaits_follow_up:
        token.refresh_at = now + _FOLLOW_UP_GAP
    if not is_new:
        # An expression, because a refresh may have stored a version since we looked.
        token.version = F("version") + 1
    token.save(force_insert=is_new, force_update=not is_new)


def store_refreshed(
    token: Token, answer: TokenAnswer, now: datetime, *, is_rejected: bool, holder: UUID | None = None
) -> bool:
    """Put refreshed tokens in the place of `token`; False, and nothing written, if that is no longer there.

    Nor if its lease is another's than `holder`'s, where None stands for nobody's. Whatever the answer leaves
    out stays as it was (RFC 6749 §6).
    """
    connection = token.connection
    refresh_token = answer.refresh_token or token.refresh_token
    fields = _fields(
        connection,
        dialect_of(connection),
        answer,
        now,
        refresh_token=refresh_token,
        granted_at=token.granted_at or token.obtained_at,
        before=token,
    )
    fields |= token.seal(answer.access_token, refresh_token)
    fields |= {"refreshed_at": now, "awaits_follow_up": False}
    said = {
        "granted_scopes": answer.scope,
        "account": answer.account,
        "account_id": answer.account_id,
        "kept": {**token.kept, **answer.kept} if answer.kept else None,
        "rejected_at": now if is_rejected else None,
    }
    fields |= {name: value for name, value in said.items() if value}
    mine = Token.objects.of_version(token).filter(refresh_leased_by=holder)
    return mine.update(version=F("version") + 1, **fields) == 1


def is_renewable(dialect: Dialect, *, has_refresh_token: bool, awaits_follow_up: bool = False) -> bool:
    """Whether a grant goes on without a person when its access token ends."""
    without_refresh_token = dialect.refresh_kind in (RefreshKind.CLIENT, RefreshKind.EXCHANGE)
    is_standard = dialect.refresh_kind is RefreshKind.STANDARD
    return awaits_follow_up or without_refresh_token or (is_standard and has_refresh_token)


def renews_late(dialect: Dialect) -> bool:
    """Whether its server renews a token only shortly before the end."""
    return any(rule.meaning is Meaning.STILL_GOOD for rule in dialect.rules)


def insisting(store: Callable[[], T]) -> T:
    """Run `store`, which is one statement or one transaction, again and again while the database is away.

    For tokens that the provider has given out once and will not give again.
    """
    gives_up_at = time.monotonic() + _STORE_SECONDS
    while True:
        try:
            return store()
        except (OperationalError, InterfaceError):
            if time.monotonic() >= gives_up_at:
                raise
            database.close()
            time.sleep(_STORE_PAUSE)


def lock(connection: Connection) -> Connection | None:
    """The connection's row as it is now, kept from others until the transaction ends; None if it is gone.

    Whoever changes connection and token begins here, so that two never wait for each other.
    """
    return Connection.objects.select_for_update(no_key=True).filter(pk=connection.pk).first()


def learn(connection: Connection, authentication: Authentication) -> None:
    """Remember which client authentication the server takes, unless the settings have changed since."""
    if authentication is not Authentication.NONE:
        Connection.objects.filter(pk=connection.pk, settings_version=connection.settings_version).exclude(
            learned_client_authentication=authentication
        ).update(learned_client_authentication=authentication)


def _fields(
    connection: Connection,
    dialect: Dialect,
    answer: TokenAnswer,
    now: datetime,
    *,
    refresh_token: str | None,
    granted_at: datetime,
    before: Token | None = None,
) -> dict[str, Any]:
    life = answer.life or dialect.default_life
    ends_at, ends_for_good = (
        _end_of_grant(dialect, answer, now, granted_at, before) if refresh_token else (None, False)
    )
    rolling_life = dialect.idle_life or (None if ends_for_good else answer.refresh_life)
    return {
        "token_type": answer.token_type,
        "obtained_at": now,
        "expires_at": now + life if life is not None else None,
        "refresh_expires_at": ends_at,
        "ends_for_good": ends_for_good,
        "refresh_at": refresh_moment(
            now,
            life,
            is_renewable=is_renewable(dialect, has_refresh_token=bool(refresh_token)),
            idle_life=rolling_life if refresh_token else None,
            needs_living_token=dialect.refresh_kind is RefreshKind.EXCHANGE,
            renews_late=renews_late(dialect),
        ),
        "refresh_leased_by": None,
        "refresh_leased_until": None,
        "refresh_sent_at": None,
        "failures": 0,
        "refusals": 0,
        "host": connection.host[:300],
        "server_key": connection.server_key,
    }


def _end_of_grant(
    dialect: Dialect, answer: TokenAnswer, now: datetime, granted_at: datetime, before: Token | None
) -> tuple[datetime | None, bool]:
    """When the refresh token ends, None if nobody knows of an end; and whether no refresh moves that."""
    if answer.refresh_has_no_end:
        return None, False
    if dialect.refresh_life is not None:
        return granted_at + dialect.refresh_life, True
    if answer.refresh_life is not None:
        ends_at = now + answer.refresh_life
        return ends_at, _stays(ends_at, now, before)
    if dialect.idle_life is not None:
        return now + dialect.idle_life, False
    return (before.refresh_expires_at, before.ends_for_good) if before else (None, False)


def _stays(ends_at: datetime, now: datetime, before: Token | None) -> bool:
    """Whether this end is the old one, of which answers tell less and less, and not moved by refreshes."""
    if before is None or before.refresh_expires_at is None:
        return False
    since = now - before.obtained_at
    if since < _TOO_SOON_TO_TELL:
        return before.ends_for_good
    return ends_at - before.refresh_expires_at < since / 2
