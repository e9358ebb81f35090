"""Where providers send browsers back to (RFC 6749 §3.1.2), and whose answers count there."""

from django.conf import settings

from connections.models import Connection

CALLBACK = "/oauth/callback"


def redirect_uri(connection: Connection) -> str:
    """The address to register for this connection at the provider; it need not be saved yet.

    Custom connections share one. A client that teams share has its own for each provider, and a connection
    may have one for itself: then an answer of another server cannot be passed off as this one's (RFC 9700
    §4.4.2).
    """
    return f"{settings.BASE_URL}{_path(connection)}"


def _path(connection: Connection) -> str:
    if connection.has_own_redirect_url:
        return f"{CALLBACK}/c/{connection.pk}"
    if connection.uses_shared_client:
        return f"{CALLBACK}/{connection.preset}"
    return CALLBACK
