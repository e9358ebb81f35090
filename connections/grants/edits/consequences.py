"""What the edit of a setting entails: for flows under way, for failed refreshes, for tokens."""

from collections.abc import Collection
from urllib.parse import urlsplit

from connections.models import Connection

# What an authorization that has begun relies on, and a refresh whose failure may be due to it.
RELIED_ON = frozenset(
    {
        "authorization_parameters",
        "authorization_url",
        "client_authentication",
        "client_id",
        "client_secret",
        "expected_issuer",
        "follows_provider",
        "grant_type",
        "has_own_redirect_url",
        "old_client_secret",
        "pkce",
        "placeholders",
        "preset",
        "refresh_parameters",
        "refresh_url",
        "scope_separator",
        "scopes",
        "token_body",
        "token_headers",
        "token_parameters",
        "token_path",
        "token_url",
        "uses_shared_client",
    }
)
# What only the way to the consent page, and back, depends on: no refresh has failed for it.
_OF_THE_BROWSER = frozenset(
    {"authorization_parameters", "authorization_url", "expected_issuer", "has_own_redirect_url", "pkce"}
)
# What may have been the cause of a failed refresh.
REVIVING = RELIED_ON - _OF_THE_BROWSER
# What holds from the next use on, and needs nothing else.
HARMLESS = frozenset(
    {
        "address_templates",
        "allowed_hosts",
        "api_authorization",
        "default_life",
        "expiry_signals",
        "name",
        "revocation_url",
        "test_url",
    }
)
# What nobody edits.
WRITTEN_BY_US = frozenset(
    {
        "created_at",
        "created_by",
        "id",
        "issuer",
        "learned_client_authentication",
        "provider_text",
        "settings_version",
        "state",
        "state_changed_at",
        "state_reason",
        "team",
        "updated_at",
    }
)


def forgotten_with(fields: Collection[str]) -> dict[str, str]:
    """What was learned of the server and counts no more once these fields are edited, with its new value."""
    forgotten: dict[str, str] = {}
    if {"token_url", "client_id", "client_authentication", "preset", "uses_shared_client"} & set(fields):
        forgotten["learned_client_authentication"] = ""
    if {"token_url", "authorization_url"} & set(fields):
        forgotten["issuer"] = ""
    return forgotten


def why_tokens_end(before: Connection, after: Connection) -> str:
    """Why an edit takes the tokens along, for people; empty when they stay good.

    Tokens never go to another host or client than they came from (RFC 9700 §2.3), nor into another account.
    """
    if _client(before) != _client(after):
        return _given_up("The Client ID was changed", "another client")
    names = before.placeholders.keys() & after.placeholders.keys()
    moved = sorted(name for name in names if before.placeholders[name] != after.placeholders[name])
    if moved:
        labels = " and ".join(f"“{name.replace('_', ' ')}”" for name in moved)
        return _given_up(f"{labels} was changed", "another account")
    if _origin(before) != _origin(after):
        return _given_up("The host of Token URL was changed", "another server")
    if before.grant_type != after.grant_type:
        return _given_up("The kind of grant was changed", "the other kind")
    return ""


def _given_up(what: str, whose: str) -> str:
    return f"{what}: the old tokens belong to {whose} and were given up. Connect again."


def _client(connection: Connection) -> tuple[bool, str]:
    shared = connection.uses_shared_client
    return shared, connection.preset if shared else connection.client_id


def _origin(connection: Connection) -> tuple[str, str]:
    parts = urlsplit(connection.token_url.lower())
    return parts.scheme, parts.netloc
