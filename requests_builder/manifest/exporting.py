"""Writing a team as a file."""

import re
from typing import Any

import yaml

from accounts.models import Team
from connections.forms import ADDRESSES, ConnectionForm, as_typed
from connections.models import Connection
from requests_builder import variables as request_variables
from requests_builder.models import AuthorizationKind, DecryptionFailed, SavedRequest

from .bodies import exported_body
from .environment import Variables, escaped
from .keys import CONNECTION_KEYS, REQUEST_KEYS, SECRETS
from .manners import exported_manners
from .scheduling import exported_schedule
from .variables import exported_variable
from .writing import exported_writing

# Headers that people type a credential into, though there is a tab for that.
_SECRET_HEADER = re.compile("authorization|cookie|token|secret|password|api-?key", re.IGNORECASE)


def export(team: Team) -> str:
    """The team as a file that `apply` reads; secrets are `${NAME}`, tokens are left out."""
    memberships = team.memberships.select_related("user").order_by("user__email")
    saved_requests = team.saved_requests.select_related("table", "schedule", "connection")
    variables = Variables()
    document: dict[str, Any] = {
        "team": escaped(team.name),
        "users": [{"email": member.user.email, "role": member.role} for member in memberships],
        # Sorted here: databases differ in it, and the names of variables follow the order.
        "connections": [
            _exported_connection(connection, variables)
            for connection in sorted(team.connections.all(), key=str)
        ],
        "variables": [
            exported_variable(variable, variables) for variable in sorted(team.variables.all(), key=str)
        ],
        "requests": [
            _exported_request(saved_request, variables) for saved_request in sorted(saved_requests, key=str)
        ],
    }
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return text


def _exported_connection(connection: Connection, variables: Variables) -> dict[str, Any]:
    plain, typed = as_typed(Connection()), as_typed(connection)
    exported: dict[str, Any] = {"name": escaped(connection.name)}
    left_out = {"name", *SECRETS}
    if connection.preset:
        exported["preset"] = connection.preset
        left_out |= {*ADDRESSES, "grant_type"}
    if connection.uses_shared_client:
        left_out.add("client_id")
    exported |= {name: escaped(typed[name]) for name in CONNECTION_KEYS if name not in left_out}
    for name in SECRETS:
        if connection.__dict__.get(name) is not None:
            exported[name] = variables.name(connection.name, name)
    unlike = {name for name in ConnectionForm.ADVANCED if typed[name] != plain[name]} - left_out
    advanced = {name: escaped(typed[name]) for name in ConnectionForm.ADVANCED if name in unlike}
    if connection.placeholders:
        advanced["placeholders"] = escaped(connection.placeholders)
    return exported | ({"advanced": advanced} if advanced else {})


def _exported_request(saved_request: SavedRequest, variables: Variables) -> dict[str, Any]:
    plain = {
        "name": saved_request.name,
        "method": saved_request.method,
        "url": saved_request.url,
        "timeout_seconds": saved_request.timeout_seconds,
        "follow_redirects": saved_request.follow_redirects,
        "variables": dict(saved_request.variables),
        "max_response_mb": saved_request.max_response_mb,
        "retries": saved_request.retries,
        "records": saved_request.records_path,
        "mapping": saved_request.mapping,
        "pagination": saved_request.pagination,
        "table": saved_request.table.name if saved_request.table else None,
    }
    exported = {key: escaped(value) for key, value in plain.items()}
    exported |= exported_body(saved_request) | exported_writing(saved_request)
    exported |= exported_manners(saved_request)
    exported["headers"] = _exported_headers(saved_request, variables)
    exported["authorization"] = _exported_authorization(saved_request, variables)
    if schedule := getattr(saved_request, "schedule", None):
        exported["schedule"] = exported_schedule(schedule)
    defaults = {"timeout_seconds": 30, "follow_redirects": True, "retries": 4, "pagination": {"kind": "none"}}
    return {
        key: exported[key]
        for key in REQUEST_KEYS
        if exported.get(key) not in (None, "", {}, []) and exported[key] != defaults.get(key)
    }


def _exported_headers(saved_request: SavedRequest, variables: Variables) -> dict[str, str] | list[list[str]]:
    pairs = [
        [name, variables.name(saved_request.name, name) if _is_secret(name, value) else escaped(value)]
        for name, value in saved_request.headers
    ]
    by_name = dict(pairs)
    return by_name if len(by_name) == len(pairs) else pairs


def _is_secret(name: str, value: str) -> bool:
    return bool(_SECRET_HEADER.search(name)) and not request_variables.is_reference(value)


def _exported_secret(saved_request: SavedRequest, what: str, variables: Variables) -> str:
    """The name of an environment variable, unless the secret is a variable of the team itself."""
    try:
        secret = saved_request.secret or ""
    except DecryptionFailed:
        secret = ""
    if request_variables.is_reference(secret):
        return str(escaped(secret))
    return variables.name(saved_request.name, what)


def _exported_authorization(saved_request: SavedRequest, variables: Variables) -> dict[str, Any] | None:
    match saved_request.authorization_kind:
        case AuthorizationKind.OAUTH if saved_request.connection:
            return {"oauth": escaped(saved_request.connection.name)}
        case AuthorizationKind.BEARER:
            return {"bearer": _exported_secret(saved_request, "bearer_token", variables)}
        case AuthorizationKind.BASIC:
            username = escaped(saved_request.username)
            password = _exported_secret(saved_request, "password", variables)
            return {"basic": {"username": username, "password": password}}
        case AuthorizationKind.API_KEY:
            return {
                "api_key": {
                    "in": saved_request.api_key_place,
                    "name": escaped(saved_request.api_key_name),
                    "value": _exported_secret(saved_request, "api_key", variables),
                }
            }
    return None
