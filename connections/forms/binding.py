"""Where a connection's client secret goes, and by which of two settings it would go somewhere new."""

from collections.abc import Iterator

from connections.grants.asking.dialects import dialect_of, provider_of
from connections.grants.using import hosts
from connections.models import Connection
from connections.oauth2.dialect import BodyStyle

from .addresses import origin


def newly_sent_by(before: Connection, after: Connection) -> str:
    """What sends the secret where it did not go before, as people call it; empty: nothing does.

    Another path of the same server is the same place. A secret in the query of an address is read by more
    than the server it is for, so to begin with that counts as well.
    """
    known = {origin(url) for _, url in _places(before)}
    for name, url in _places(after):
        if origin(url) not in known:
            return name
    return "" if _is_in_query(before) or not _is_in_query(after) else "Token request body"


def _places(connection: Connection) -> Iterator[tuple[str, str]]:
    provider, dialect = provider_of(connection), dialect_of(connection)
    places = {
        "Token URL": connection.token_url,
        "Refresh URL": dialect.refresh_url,
        "Revocation URL": connection.revocation_url or (provider.revocation_url if provider else ""),
        "address of the second token": dialect.follow_up.url if dialect.follow_up else "",
    }
    for name, url in places.items():
        if url:
            yield name, hosts.filled(url, connection.placeholders)


def _is_in_query(connection: Connection) -> bool:
    dialect = dialect_of(connection)
    bodies = [dialect.request_body, dialect.refresh_body, dialect.revocation.body]
    bodies += [dialect.follow_up.body] if dialect.follow_up else []
    return BodyStyle.QUERY in bodies
