"""A draft as somebody would have typed it: what the controls of the builder, and the form, hold."""

from typing import Any, TypedDict

from accounts.models import Team
from requests_builder import importing, rendering
from requests_builder.models import AuthorizationKind, SavedRequest

_SECRETS = {"bearer": "bearer_token", "basic": "password", "api_key": "api_key_value"}


class Typed(TypedDict):
    """`fields` by name, and rows by the name of their table."""

    fields: dict[str, Any]
    pairs: dict[str, list[list[str]]]


def as_typed(draft: importing.RequestDraft) -> Typed:
    """The draft as the form's controls would hold it."""
    fields: dict[str, Any] = {
        "method": draft.method,
        "url": draft.url,
        "body_kind": draft.body.kind,
        "body": draft.body.text,
        "body_media_type": draft.body.media_type,
        "graphql_variables": draft.body.variables,
    }
    if draft.timeout_seconds is not None:
        fields["timeout_seconds"] = str(draft.timeout_seconds)
    if draft.follow_redirects is not None:
        fields["follow_redirects"] = draft.follow_redirects
    match draft.authorization:
        case rendering.Bearer(token=token):
            fields |= {"authorization_kind": "bearer", "bearer_token": token}
        case rendering.Basic(username=username, password=password):
            fields |= {"authorization_kind": "basic", "username": username, "password": password}
        case rendering.ApiKey(place=place, name=name, value=value):
            fields |= {
                "authorization_kind": "api_key",
                "api_key_place": str(place),
                "api_key_name": name,
                "api_key_value": value,
            }
        case _:
            fields["authorization_kind"] = "oauth" if draft.wants_connection else "none"
    pairs = {"headers": draft.headers, "body_pairs": draft.body.pairs, "variables": draft.variables}
    return {"fields": fields, "pairs": {name: [list(pair) for pair in rows] for name, rows in pairs.items()}}


def secret_field(typed: Typed) -> str:
    """The name of the field for its secret; empty if it needs none, or has it already."""
    fields = typed["fields"]
    name = _SECRETS.get(fields["authorization_kind"], "")
    return name if name and not fields[name] else ""


def begun(team: Team, typed: Typed, name: str) -> SavedRequest:
    """A request that nobody has saved yet, with its secret: the form shows all but that."""
    fields, pairs = typed["fields"], typed["pairs"]
    kind = AuthorizationKind(fields["authorization_kind"])
    secret = fields.get(_SECRETS.get(kind, ""), "")
    # A user name without a password is a credential as well.
    has_secret = bool(secret or (kind == AuthorizationKind.BASIC and fields["username"]))
    request = SavedRequest(
        team=team,
        name=name,
        method=fields["method"],
        url=fields["url"],
        headers=pairs["headers"],
        body_kind=fields["body_kind"],
        body=fields["body"],
        body_pairs=[{"name": key, "value": text} for key, text in pairs["body_pairs"]],
        graphql_variables=fields["graphql_variables"],
        variables=pairs["variables"],
        body_media_type=fields["body_media_type"],
        authorization_kind=kind,
        username=fields.get("username", ""),
        api_key_name=fields.get("api_key_name", ""),
        api_key_place=fields.get("api_key_place", "header"),
        secret=secret if has_secret else None,
    )
    request.timeout_seconds = int(fields.get("timeout_seconds", request.timeout_seconds))
    request.follow_redirects = fields.get("follow_redirects", request.follow_redirects)
    return request
