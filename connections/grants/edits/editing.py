"""What people do to a connection besides connecting it: edit, move in with tokens, disconnect, delete."""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from accounts.models import User, Verb
from connections.grants import auditing
from connections.grants.renewal.storing import lock, store_grant
from connections.grants.revocation.discarding import discard
from connections.models import (
    Connection,
    ConnectionQuerySet,
    ConnectionState,
    DecryptionFailed,
    Token,
)
from connections.oauth2 import ClientRejected, TokenAnswer

from . import bell, consequences

_SETTINGS_MENDED = "The settings were changed; the token is renewed with the new ones in a moment."


def save_settings(
    connection: Connection, *, changed: Collection[str], now: datetime, user: User | None = None
) -> None:
    """Save a new or edited connection, and do what follows from the edit of the fields `changed`.

    `user` is who has edited it, if it was not a file.

    Tokens never go to another host or client than they came from: they are given up with the change.
    """
    if connection._state.adding:
        with transaction.atomic():
            connection.save(force_insert=True)
            auditing.record(Verb.CREATED, connection, user=user, now=now)
        return
    with transaction.atomic():
        before = lock(connection)
        if before is None:
            raise Connection.DoesNotExist
        fields = set(changed)
        _note_edit(connection, fields, user, now)
        for name, value in consequences.forgotten_with(fields).items():
            setattr(connection, name, value)
            fields.add(name)
        if fields:
            connection.save(update_fields=[*sorted(fields), "updated_at"])
        if consequences.RELIED_ON & fields:
            _own(connection).update(settings_version=F("settings_version") + 1)
        token = Token.objects.filter(connection=connection).first()
        if token is not None and (reason := consequences.why_tokens_end(before, connection)):
            _give_up(token, before, now)
            _own(connection).enter(ConnectionState.NEEDS_REAUTH, reason, now)
        elif token is not None and consequences.REVIVING & fields:
            _revive(before, token, now)
    connection.refresh_from_db(
        fields=[
            "settings_version",
            "state",
            "state_reason",
            "provider_text",
            "state_changed_at",
            "updated_at",
        ]
    )


def import_tokens(
    connection: Connection,
    *,
    access_token: str,
    refresh_token: str | None,
    expires_in: timedelta | None,
    now: datetime,
    user: User | None = None,
) -> None:
    """Take tokens over that were got elsewhere with this very client; in the place of those there were."""
    with transaction.atomic():
        lock(connection)
        _own(connection).enter(ConnectionState.CONNECTED, "", now)
        answer = TokenAnswer(access_token=access_token, refresh_token=refresh_token, life=expires_in)
        store_grant(connection, answer, now)
        auditing.record(Verb.IMPORTED_TOKENS, connection, user=user, now=now)


def disconnect(connection: Connection, *, now: datetime, user: User | None = None) -> None:
    """Forget the tokens, at once here and soon at the provider."""
    with transaction.atomic():
        before = lock(connection)
        token = Token.objects.filter(connection_id=connection.pk).first()
        if before is not None and token is not None:
            _give_up(token, before, now)
        _own(connection).enter(ConnectionState.NEW, "", now)
        auditing.record(Verb.DISCONNECTED, connection, user=user, now=now)


def delete(connection: Connection, *, now: datetime, user: User | None = None) -> None:
    """Delete it with all its secrets, but for those that the revocation at the provider needs."""
    with transaction.atomic():
        before = lock(connection)
        if before is None:
            return
        token = Token.objects.filter(connection_id=connection.pk).first()
        if token is not None:
            _give_up(token, before, now)
        auditing.record(Verb.DELETED, before, user=user, now=now)
        before.delete()


def _note_edit(connection: Connection, fields: Collection[str], user: User | None, now: datetime) -> None:
    secrets = {"client_secret", "old_client_secret"}.intersection(fields)
    if secrets:
        auditing.record(Verb.REPLACED_SECRET, connection, user=user, now=now)
    if others := sorted(set(fields) - secrets):
        labels = ", ".join(name.replace("_", " ") for name in others)
        auditing.record(Verb.EDITED, connection, user=user, now=now, detail={"Fields": labels})


def _own(connection: Connection) -> ConnectionQuerySet:
    return Connection.objects.filter(pk=connection.pk)


def _give_up(token: Token, before: Connection, now: datetime) -> None:
    # What cannot be read, or whose client is gone, cannot be revoked; that must not keep anybody from
    # deleting it.
    with suppress(DecryptionFailed, ClientRejected):
        discard(before, token.access_token, token.refresh_token, now, kept=token.kept)
    token.delete()


def _revive(before: Connection, token: Token, now: datetime) -> None:
    """Try again at once what has failed under the old settings."""
    if before.state not in (ConnectionState.CONFIG_ERROR, ConnectionState.RETRYING):
        return
    if token.has_refresh_token or token.refresh_at is not None:
        Token.objects.of_version(token).update(refresh_at=now, failures=0, refusals=0)
        _own(before).enter(ConnectionState.RETRYING, _SETTINGS_MENDED, now)
        bell.ring(before.pk)
