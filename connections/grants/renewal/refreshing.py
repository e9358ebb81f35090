"""A living access token for whoever needs one: one refresh, however many ask (RFC 6749 §6).

Whoever finds the token too old takes the lease and renews it; the others wait for that, or use what is left
of the old one.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from connections.grants import auditing, sentences
from connections.grants.asking.dialects import dialect_of
from connections.grants.asking.sending import refuse_in_transaction
from connections.grants.errors import (
    ProviderUnavailable,
    ReconnectRequired,
    RefreshUnderway,
    TokenRejected,
    TokenUnavailable,
)
from connections.models import MINIMUM_LIFE, Circuit, Connection, ConnectionState, Token

from . import late
from .holdings import AccessToken, handed_out, is_dead, load, refusal
from .leases import lease
from .renewing import renew
from .servers import circuit_of, note_recovery, waiting_time
from .storing import renews_late

WAIT_SECONDS = 25.0
# For the first second of waiting, and afterwards.
POLL_SECONDS, _SLOW_POLL_SECONDS = 0.04, 0.1
# Whoever has waited in vain may come back in so long.
_COME_BACK = timedelta(seconds=15)
# An API that refuses a token so soon after it was renewed does not refuse it for its age.
REJECTION_SPACING = timedelta(minutes=1)


def fresh_token(
    connection: Connection, *, now: datetime, minimum_life: timedelta = MINIMUM_LIFE
) -> AccessToken:
    """The connection's access token with at least `minimum_life` left, refreshed if need be.

    While somebody else is refreshing it, or nobody can, one with at least 5 s left will do. Waits up to 25 s
    for a refresh that somebody else is at; then RefreshUnderway says when to come back. Raises
    TokenUnavailable.
    """
    return _obtain(connection, now, lambda token, at: token.lives_at(at, minimum_life))


def refresh_rejected_token(connection: Connection, *, version: int, now: datetime) -> AccessToken:
    """Another token than that of `version`, which an API has refused.

    One refresh for each version, however many were refused with it; none for a token that was renewed in
    the last minute and not refused for its age. Raises TokenUnavailable.
    """

    def is_good(token: Token, at: datetime) -> bool:
        if token.version != version:
            return token.lives_at(at)
        if token.expires_at is not None and token.expires_at - MINIMUM_LIFE <= at:
            # A life of seconds, which was over: servers count in whole ones, from a moment of their own.
            return False
        renewed_at = [moment for moment in (token.rejected_at, token.refreshed_at) if moment is not None]
        if renewed_at and at < max(renewed_at) + REJECTION_SPACING:
            raise TokenRejected(sentences.REJECTED_AGAIN)
        return False

    return _obtain(connection, now, is_good, is_rejected=True)


def refresh(connection: Connection, *, now: datetime) -> AccessToken:
    """Refresh now, however long the token would have lived. Raises TokenUnavailable.

    RefreshUnderway if somebody else is at it.
    """
    refuse_in_transaction()
    token = load(connection)
    if late.recall(token, now=now):
        token = load(connection)
    if is_dead(token):
        raise refusal(token)
    held = lease(token, now)
    if held is None:
        raise RefreshUnderway(sentences.underway(token.connection), retry_after=_COME_BACK)
    renewed = renew(held)
    note_recovery(held.token.connection, held.now)
    return renewed


def _obtain(
    connection: Connection,
    now: datetime,
    is_good: Callable[[Token, datetime], bool],
    *,
    is_rejected: bool = False,
) -> AccessToken:
    began = time.monotonic()
    while True:
        elapsed = time.monotonic() - began
        at = now + timedelta(seconds=elapsed)
        token = load(connection)
        if is_good(token, at):
            return handed_out(token)
        if is_dead(token):
            if is_rejected and token.connection.state != ConnectionState.NEEDS_REAUTH:
                raise ReconnectRequired(sentences.rejected_for_good(token.connection))
            _note_end_of_life(token, at)
            raise refusal(token)
        refuse_in_transaction()
        if late.recall(token, now=at):
            continue
        circuit = circuit_of(token.connection)
        hindrance = _hindrance(token, circuit, at)
        held = lease(token, at) if hindrance is None else None
        if held is not None:
            renewed = renew(held, is_rejected=is_rejected)
            if circuit is not None:
                note_recovery(token.connection, held.now)
            return renewed
        if not is_rejected and token.lives_at(at):
            # What is left of the old one will do.
            return handed_out(token)
        if hindrance is not None:
            raise hindrance
        if elapsed > WAIT_SECONDS:
            raise RefreshUnderway(sentences.underway(connection), retry_after=_COME_BACK)
        _wait_for_change(token, now, began)


def _hindrance(token: Token, circuit: Circuit | None, at: datetime) -> TokenUnavailable | None:
    """Why nobody may ask the server now; None if somebody may."""
    if token.refresh_at is not None and token.refresh_at > at and _is_failing(token):
        # The next try has its time. Whoever asks before it learns how the last one ended.
        return refusal(token, retry_after=token.refresh_at - at)
    if token.refresh_at is not None and token.refresh_at > at and renews_late(dialect_of(token.connection)):
        return ProviderUnavailable(sentences.underway(token.connection), retry_after=token.refresh_at - at)
    gap = waiting_time(circuit, at)
    if gap is None:
        return None
    return ProviderUnavailable(sentences.server_in_trouble(token.connection), retry_after=gap)


def _wait_for_change(token: Token, now: datetime, began: float) -> None:
    """Return when the token was stored anew, or its lease was given back, ran out or went to somebody else.

    `now` is the moment at which the monotonic clock said `began`.
    """
    holders: set[UUID] = set()
    while (elapsed := time.monotonic() - began) < WAIT_SECONDS:
        row = Token.objects.filter(pk=token.pk).values_list(
            "version", "refresh_leased_by", "refresh_leased_until"
        )
        version, holder, leased_until = row.first() or (0, None, None)
        if holder is not None:
            holders.add(holder)
        if version != token.version or holder is None or leased_until is None or len(holders) > 1:
            return
        if leased_until <= now + timedelta(seconds=elapsed):
            return
        time.sleep(POLL_SECONDS if elapsed < 1 else _SLOW_POLL_SECONDS)


def _is_failing(token: Token) -> bool:
    return token.failures > 0 or token.connection.state == ConnectionState.CONFIG_ERROR


def _note_end_of_life(token: Token, at: datetime) -> None:
    """A token that cannot be renewed has run out: say so on the connection."""
    if token.connection.state != ConnectionState.NEEDS_REAUTH:
        reason = sentences.UNRENEWABLE
        dead = ConnectionState.NEEDS_REAUTH
        current = Connection.objects.filter(pk=token.connection_id, token__version=token.version)
        if current.exclude(state=dead).enter(dead, reason, at):
            auditing.record_change(token.connection, dead, now=at, reason=reason)
        token.connection.state, token.connection.state_reason = dead, reason
