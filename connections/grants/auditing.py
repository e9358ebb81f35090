"""What was done to connections, for the audit log of their team."""

from collections.abc import Mapping
from datetime import datetime

from accounts import audit
from accounts.models import User, Verb
from connections.models import Connection, ConnectionState

KIND = "connection"
# Only a person brings a connection out of these.
_STOPPED = frozenset({ConnectionState.CONFIG_ERROR, ConnectionState.NEEDS_REAUTH})


def record(
    verb: Verb,
    connection: Connection,
    *,
    user: User | None,
    now: datetime,
    detail: Mapping[str, str] | None = None,
) -> None:
    """Write down that `user`, or the product by itself (None), did this to the connection.

    `detail` holds words by their labels, and no secret: {"Fields": "Scopes, Token URL"}.
    """
    audit.record(
        verb,
        team_id=connection.team_id,
        kind=KIND,
        object_id=connection.pk,
        object_name=connection.name,
        user=user,
        now=now,
        detail=detail,
    )


def record_change(
    connection: Connection,
    state: ConnectionState,
    *,
    now: datetime,
    reason: str = "",
    provider_text: str = "",
) -> None:
    """Write down that renewing has stopped until a person acts, or goes on again; nothing for other changes.

    `connection` is as it was before, `state` what it is in from now on.
    """
    if (connection.state in _STOPPED) == (state in _STOPPED):
        return
    verb = Verb.STOPPED_RENEWING if state in _STOPPED else Verb.RENEWED_AGAIN
    detail = {"Reason": reason, "The provider said": provider_text}
    record(verb, connection, user=None, now=now, detail=detail)
