"""Applying an entry of connections."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Team
from connections import grants, providers
from connections.forms import PREFIX, CatalogueForm, ConnectionForm, as_typed
from connections.models import Connection, Token

from .changes import Changes
from .checking import check_keys, check_texts, read_mapping
from .errors import refuse
from .keys import ADDRESSES_OF_SIX, CONNECTION_KEYS
from .saving import save_form

_ADVANCED_KEYS = (*ConnectionForm.ADVANCED, "placeholders")
# What of Advanced is no text, and of which kind it is.
_ADVANCED_KINDS = {
    "allowed_hosts": (list, "a list"),
    "authorization_parameters": (dict, "a mapping"),
    "default_life": (int, "a number of seconds"),
    "follows_provider": (bool, "true or false"),
    "has_own_redirect_url": (bool, "true or false"),
    "placeholders": (dict, "a mapping"),
    "refresh_parameters": (dict, "a mapping"),
    "token_headers": (dict, "a mapping"),
    "token_parameters": (dict, "a mapping"),
}
_TOKEN_KEYS = ("access_token", "refresh_token", "expires_in")


def apply_connection(
    team: Team, where: str, entry: Mapping[str, Any], changes: Changes, now: datetime
) -> None:
    """Make or change one connection. Tokens are taken in if it has none yet."""
    check_keys(where, entry, (*CONNECTION_KEYS, "preset", "advanced", "tokens"))
    advanced = read_mapping(f"{where}.advanced", entry.get("advanced"), _ADVANCED_KEYS)
    tokens = read_mapping(f"{where}.tokens", entry.get("tokens"), _TOKEN_KEYS)
    check_texts(where, entry, but=("advanced", "tokens"))
    _check_advanced(f"{where}.advanced", advanced)
    existing = team.connections.filter(name=str(entry.get("name", "")).strip()).first()
    given = {key: entry[key] for key in CONNECTION_KEYS if key in entry} | advanced
    given |= {PREFIX + name: value for name, value in (given.pop("placeholders", None) or {}).items()}
    form = _connection_form(team, where, existing, entry.get("preset"), given)
    save_form(where, form, lambda: form.save_settings(now=now))
    connection: Connection = form.instance
    changed = sorted(form.changed_settings) if existing else []
    token = Token.objects.filter(connection=connection).first()
    # What the provider has rotated since is newer than any file: tokens are taken in only once.
    if tokens and token is None:
        _import_tokens(where, connection, tokens, now)
        changed.append("tokens")
    changes.note(f"connection {connection}", changed, is_new=existing is None)


def _connection_form(
    team: Team, where: str, existing: Connection | None, preset: str | None, given: dict[str, Any]
) -> ConnectionForm:
    """The form that a person would fill in; what the file does not mention stays as it was."""
    connection = existing or Connection(team=team)
    slug = connection.preset if preset is None else preset
    if existing and slug != existing.preset:
        refuse(f"{where}.preset", "a connection keeps the preset that it was made from")
    kept = as_typed(existing) if existing else {}
    if not slug:
        return ConnectionForm(kept | given, instance=connection, team=team, user=None)
    provider = providers.get(slug)
    if provider is None:
        refuse(f"{where}.preset", f"there is no preset called {slug}")
    for key in ADDRESSES_OF_SIX:
        if key in given:
            refuse(f"{where}.{key}", "comes with the preset")
    usual = {} if existing else {"scopes": " ".join(provider.needed_scopes)}
    return CatalogueForm(usual | kept | given, preset=provider, instance=connection, team=team, user=None)


def _check_advanced(where: str, advanced: Mapping[str, Any]) -> None:
    for key, value in advanced.items():
        kind, called = _ADVANCED_KINDS.get(key, (str, ""))
        if kind is str:
            check_texts(where, {key: value})
        elif value is not None and type(value) is not kind:
            refuse(f"{where}.{key}", f"must be {called}")


def _import_tokens(where: str, connection: Connection, tokens: Mapping[str, Any], now: datetime) -> None:
    access_token, refresh_token = tokens.get("access_token"), tokens.get("refresh_token")
    for name, value in (("access_token", access_token), ("refresh_token", refresh_token)):
        if value is not None and (not isinstance(value, str) or not value.strip()):
            refuse(f"{where}.tokens.{name}", "must be a text")
    if access_token is None:
        refuse(f"{where}.tokens", "access_token is missing")
    seconds = tokens.get("expires_in")
    # Out of a variable it is a text.
    if seconds is not None and not re.fullmatch("[0-9]{1,12}", str(seconds)):
        refuse(f"{where}.tokens.expires_in", "must be a number of seconds")
    life = None if seconds is None else timedelta(seconds=min(int(seconds), 10 * 365 * 86400))
    grants.import_tokens(
        connection, access_token=access_token, refresh_token=refresh_token, expires_in=life, now=now
    )
