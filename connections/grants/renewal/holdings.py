"""What there is of a connection's token: the row, what callers get of it, and why they get nothing."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connections.grants import sentences
from connections.grants.asking.dialects import dialect_of
from connections.grants.errors import (
    ConnectionMisconfigured,
    ProviderUnavailable,
    ReconnectRequired,
    TokenUnavailable,
)
from connections.models import Connection, ConnectionState, DecryptionFailed, Token

from .storing import is_renewable


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token to be used at once; ask again for the next use."""

    value: str = field(repr=False)
    version: int
    expires_at: datetime | None


def load(connection: Connection) -> Token:
    """Its token as it is now, with the connection as it is now. Raises ReconnectRequired if there is none."""
    token = Token.objects.select_related("connection").filter(connection_id=connection.pk).first()
    if token is None:
        now_known = Connection.objects.filter(pk=connection.pk).first()
        raise ReconnectRequired(sentences.not_connected(now_known or connection, is_gone=now_known is None))
    return token


def handed_out(token: Token) -> AccessToken:
    """The access token in the row. Raises ConnectionMisconfigured if it cannot be decrypted."""
    try:
        return AccessToken(token.access_token, token.version, token.expires_at)
    except DecryptionFailed:
        raise ConnectionMisconfigured(sentences.undecryptable(token.connection)) from None


def is_dead(token: Token) -> bool:
    """Whether no request can bring this connection's token back to life."""
    if token.connection.state == ConnectionState.NEEDS_REAUTH:
        return True
    return not is_renewable(
        dialect_of(token.connection),
        has_refresh_token=token.has_refresh_token,
        awaits_follow_up=token.awaits_follow_up,
    )


def refusal(token: Token, *, retry_after: timedelta | None = None) -> TokenUnavailable:
    """The exception for a connection in the state that it is in."""
    connection = token.connection
    if is_dead(token):
        return ReconnectRequired(sentences.dead(connection))
    if connection.state == ConnectionState.CONFIG_ERROR:
        return ConnectionMisconfigured(sentences.misconfigured(connection), retry_after=retry_after)
    return ProviderUnavailable(sentences.unavailable(connection), retry_after=retry_after)
