"""Which client asks for a connection's tokens, and what it proves itself with."""

from collections.abc import Mapping

from django.conf import settings

from connections import oauth2, providers
from connections.models import Connection, SharedClient

_GONE = (
    "This installation no longer has a client of its own for {provider}. Edit the connection and enter one."
)
_ELSEWHERE = "The client of this installation goes to {provider} only; this connection has another address."


def client_of(connection: Connection) -> tuple[str, list[str]]:
    """Client id and secrets, the one to try first in front.

    Raises DecryptionFailed, and ClientRejected when there is no such shared client (any more).
    """
    if connection.uses_shared_client:
        client_id, secret = _shared_client_of(connection)
        return client_id, [secret] if secret else []
    secrets = [connection.client_secret, connection.old_client_secret]
    return connection.client_id, [secret for secret in dict.fromkeys(secrets) if secret]


def shared_client(slug: str) -> tuple[str, str | None] | None:
    """Id and secret of the client that teams may connect with by this preset. Raises DecryptionFailed."""
    provider = providers.get(slug)
    if provider is None or not is_shareable(provider):
        return None
    if configured := settings.PRESET_CLIENTS.get(slug):
        client_id, client_secret = configured
        return client_id, client_secret or None
    stored = SharedClient.objects.filter(preset=slug).first()
    return (stored.client_id, stored.client_secret) if stored else None


def shared_presets() -> frozenset[str]:
    """The slugs of the presets that this installation has a client for. Decrypts nothing."""
    slugs = {*settings.PRESET_CLIENTS, *SharedClient.objects.values_list("preset", flat=True)}
    found: Mapping[str, providers.Provider | None] = {slug: providers.get(slug) for slug in slugs}
    return frozenset(slug for slug, provider in found.items() if provider and is_shareable(provider))


def is_shareable(provider: providers.Provider) -> bool:
    """Whether a client may be lent to teams without their seeing its secret.

    Not where calls carry the secret as well, for a team says where calls go; and not where each customer
    has a server of their own.
    """
    carried = " ".join(provider.dialect.api_headers.values())
    return bool(provider.token_hosts) and "{client_secret}" not in carried


def _shared_client_of(connection: Connection) -> tuple[str, str | None]:
    provider = providers.get(connection.preset)
    client = shared_client(connection.preset)
    title = provider.title if provider else connection.preset
    if provider is None or client is None:
        raise oauth2.ClientRejected("no_shared_client", _GONE.format(provider=title))
    # The secret is the host's, not the team's: it goes where the preset says and nowhere else.
    known = provider.filled({**provider.values_in(connection.token_url), **connection.placeholders})
    own = {known.revocation_url, known.dialect.refresh_url, ""}
    addresses = (connection.token_url, connection.refresh_url, connection.revocation_url)
    if not all(url in own or provider.is_asked_at(url) for url in addresses):
        raise oauth2.ClientRejected("shared_client_elsewhere", _ELSEWHERE.format(provider=title))
    return client
