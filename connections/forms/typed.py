"""What stands in the form of a connection: in a browser so far, or for a stored one."""

from collections.abc import Iterator
from typing import Any

from django.http import QueryDict

from connections.grants.asking.discovery import Discovered
from connections.models import Connection

from .connection import TYPED_BEFORE, ConnectionForm
from .placeholders import PREFIX

_SECRETS = ("client_secret", "old_client_secret")


def typed_so_far(posted: QueryDict) -> dict[str, Any]:
    """What was typed, right or wrong, to be shown again. Without secrets, but that there was one."""
    typed = {
        name: field.widget.value_from_datadict(posted, {}, name)
        for name, field in ConnectionForm.base_fields.items()
        if name in posted and name not in _SECRETS
    }
    typed |= {name: value for name, value in posted.items() if name.startswith(PREFIX)}
    return typed | {TYPED_BEFORE: "yes" if posted.get("client_secret") else posted.get(TYPED_BEFORE)}


def discovered_values(found: Discovered) -> dict[str, Any]:
    """What a server says of itself as values of the fields. What it does not say stays as it was typed.

    But for the issuer: it is expected in answers only of a server that announces it.
    """
    values = {
        "authorization_url": found.authorization_url,
        "token_url": found.token_url,
        "revocation_url": found.revocation_url,
        "client_authentication": "" if found.client_authentication == "auto" else found.client_authentication,
        "pkce": "" if found.pkce == "auto" else found.pkce,
    }
    said = {name: str(value) for name, value in values.items() if value}
    return said | {"expected_issuer": found.expected_issuer}


def as_typed(connection: Connection) -> dict[str, Any]:
    """A stored connection as its form would post it, without secrets: what a file changes begins from it."""
    return dict(_typed(connection))


def _typed(connection: Connection) -> Iterator[tuple[str, Any]]:
    for name in ConnectionForm.Meta.fields:
        yield name, connection.address_templates.get(name, getattr(connection, name))
    for name, value in connection.placeholders.items():
        yield PREFIX + name, value
