"""Grants that have run out while nobody used them."""

from datetime import datetime

from django.db import transaction

from connections.grants import auditing, sentences
from connections.grants.asking.dialects import dialect_of
from connections.models import Connection, ConnectionQuerySet, ConnectionState
from connections.oauth2.dialect import RefreshKind

from .storing import lock

_BATCH = 200
# Kinds of grants that go on without a refresh token.
_RENEWABLE = (RefreshKind.CLIENT, RefreshKind.EXCHANGE)


def note_ended(*, now: datetime) -> int:
    """Say on connections that their access token has run out, where nothing renews it; how many there were.

    Whoever uses one learns it anyway; this is for those that nobody has used since.
    """
    noted = 0
    for connection in _ended(now)[:_BATCH]:
        if dialect_of(connection).refresh_kind in _RENEWABLE:
            continue
        with transaction.atomic():
            # Not over a grant that somebody has given meanwhile.
            if lock(connection) is not None and _ended(now).filter(pk=connection.pk).exists():
                noted += Connection.objects.filter(pk=connection.pk).enter(
                    ConnectionState.NEEDS_REAUTH, sentences.UNRENEWABLE, now
                )
                auditing.record_change(
                    connection, ConnectionState.NEEDS_REAUTH, now=now, reason=sentences.UNRENEWABLE
                )
    return noted


def _ended(now: datetime) -> ConnectionQuerySet:
    return Connection.objects.filter(
        state=ConnectionState.CONNECTED,
        token__refresh_token__isnull=True,
        token__refresh_at__isnull=True,
        token__expires_at__lte=now,
    )
