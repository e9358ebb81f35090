"""Renewed tokens that were not stored at once: somebody died, the database was away, or things changed."""

import logging
from datetime import datetime

from connections.grants.asking.dialects import dialect_of
from connections.grants.revocation.discarding import discard
from connections.models import Connection, ConnectionState, DecryptionFailed, Token

from . import journal
from .storing import store_refreshed

logger = logging.getLogger(__name__)


def store_what_was_left(*, now: datetime) -> int:
    """Store what other processes, or this one, have left in the journal; how many answers that were."""
    stored = 0

    def store(entry: journal.Entry) -> bool:
        nonlocal stored
        is_done = settle(entry, now=now)
        stored += is_done
        return is_done

    journal.replay(store)
    return stored


def recall(token: Token, *, now: datetime) -> bool:
    """Whether the journal had a newer version of this token, which is stored by now."""
    found = [settle(entry, now=now) for entry in journal.left_for(token)]
    return any(found)


def settle(entry: journal.Entry, *, now: datetime, connection: Connection | None = None) -> bool:
    """Store an answer if it is still the newest there is of its grant; False: not decided yet.

    Never over something newer. What belongs to a grant that is no longer used is revoked, by the settings of
    `connection`, under which it was asked for, if they are still known.
    """
    token = Token.objects.select_related("connection").filter(pk=entry.token_id).first()
    try:
        received = entry.open()
        if token is None:
            asked_by = connection or Connection.objects.filter(pk=entry.connection_id).first()
            return _end_unused(received, asked_by, now)
        if token.version != entry.version:
            # Renewed since, or another grant in its place.
            if token.granted_at != received.granted_at:
                _end_unused(received, connection or token.connection, now)
            return True
    except DecryptionFailed:
        # The right key makes it readable again.
        return False
    return _store(entry, received, token, now)


def _store(entry: journal.Entry, received: journal.Received, token: Token, now: datetime) -> bool:
    # Whoever asked for it may hold the lease still, dead or frozen. Somebody else at work has sent the old
    # token, and knows soon which answer counts.
    has_run_out = token.refresh_leased_until is None or token.refresh_leased_until <= now
    if token.refresh_leased_by != entry.holder and not has_run_out:
        return False
    is_stored = store_refreshed(
        token,
        received.answer,
        received.at,
        is_rejected=received.is_rejected,
        holder=token.refresh_leased_by,
    )
    if is_stored:
        logger.info("Stored a late refresh of connection %s", token.connection_id)
        connection = Connection.objects.filter(pk=token.connection_id, token__version=token.version + 1)
        connection.exclude(state=ConnectionState.CONNECTED).enter(ConnectionState.CONNECTED, "", now)
    return is_stored


def _end_unused(received: journal.Received, connection: Connection | None, now: datetime) -> bool:
    if connection is None or connection.server_key != received.server_key:
        # Of another client or server by now, which must not see this one's tokens.
        return True
    # Where one revocation ends all grants of the account, it would end the one in use, too.
    if not dialect_of(connection).revocation.ends_all:
        answer = received.answer
        discard(connection, answer.access_token, answer.refresh_token, now, kept=answer.kept)
    return True
