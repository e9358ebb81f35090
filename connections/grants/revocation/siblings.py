"""Connections that a provider ends together with another one."""

from connections.grants.asking.dialects import dialect_of
from connections.models import Connection, ConnectionState, Token


def ended_along(connection: Connection) -> list[Connection]:
    """The team's other connections whose grants end too when this one's is revoked at its provider.

    Where the account of one is not known, it counts as the same: a warning too many harms less than one
    too few.
    """
    if not dialect_of(connection).revocation.ends_all:
        return []
    token = Token.objects.filter(connection_id=connection.pk).first()
    if token is None:
        return []
    others = connection.team.connections.exclude(pk=connection.pk).exclude(state=ConnectionState.NEW)
    return [
        other
        for other in others.filter(token__isnull=False).select_related("token").order_by("name")
        if other.server_key == connection.server_key and _may_be_same_account(token, other.token)
    ]


def _may_be_same_account(one: Token, other: Token) -> bool:
    return not one.account_id or not other.account_id or one.account_id == other.account_id
