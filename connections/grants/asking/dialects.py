"""How to speak with a connection's server: what the catalogue knows of it, and over that what people set."""

from dataclasses import replace
from datetime import timedelta

from connections import providers
from connections.models import ClientAuthentication, Connection, GrantType, Pkce, TokenBody
from connections.oauth2.dialect import BodyStyle, Dialect, RefreshKind
from connections.oauth2.signals import read_signals


def known_provider(connection: Connection) -> providers.Provider | None:
    """The catalogue's entry that applies, as it stands there.

    It is that of the preset, or whom the host of the token URL gives away.
    """
    if connection.preset:
        return providers.get(connection.preset)
    return providers.recognize(connection.token_url) if connection.follows_provider else None


def provider_of(connection: Connection) -> providers.Provider | None:
    """The catalogue's entry that applies, its placeholders filled in with this connection's values."""
    provider = known_provider(connection)
    if provider is None:
        return None
    return provider.filled({**provider.values_in(connection.token_url), **connection.placeholders})


def dialect_of(connection: Connection) -> Dialect:
    """The dialect of its server. What the connection leaves as it is by default comes from the catalogue."""
    provider = provider_of(connection)
    dialect = provider.dialect if provider else Dialect()
    if connection.grant_type == GrantType.CLIENT_CREDENTIALS:
        dialect = replace(dialect, refresh_kind=RefreshKind.CLIENT)
    if connection.pkce != Pkce.AUTO:
        dialect = replace(dialect, pkce=connection.pkce)
    if connection.client_authentication != ClientAuthentication.AUTO:
        dialect = replace(dialect, client_authentication=connection.client_authentication)
    if connection.scope_separator != " ":
        dialect = replace(dialect, scope_separator=connection.scope_separator)
    if connection.token_body != TokenBody.AUTO:
        dialect = replace(dialect, request_body=BodyStyle(connection.token_body))
    if connection.token_path:
        dialect = replace(dialect, token_paths=(connection.token_path,))
    if connection.api_authorization:
        dialect = replace(dialect, api_authorization=connection.api_authorization)
    if connection.default_life:
        dialect = replace(dialect, default_life=timedelta(seconds=connection.default_life))
    # `grant_type=` with nothing behind it leaves out what a refresh carries by the RFC, or by the catalogue.
    dropped = {name for name, value in connection.refresh_parameters.items() if not value}
    refresh_parameters = {**dialect.refresh_parameters, **connection.refresh_parameters}
    return replace(
        dialect,
        authorization_parameters={**dialect.authorization_parameters, **connection.authorization_parameters},
        token_parameters={**dialect.token_parameters, **connection.token_parameters},
        refresh_parameters={name: value for name, value in refresh_parameters.items() if name not in dropped},
        refresh_dropped=dialect.refresh_dropped | dropped,
        token_headers={**dialect.token_headers, **connection.token_headers},
        refresh_url=connection.refresh_url or dialect.refresh_url,
        rules=(*read_signals(connection.expiry_signals), *dialect.rules),
    )
