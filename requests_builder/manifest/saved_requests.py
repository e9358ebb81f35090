"""Applying an entry of requests."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.models import Team
from requests_builder import mapping, pagination
from requests_builder.forms import SavedRequestForm, pagination_as_typed
from requests_builder.models import AuthorizationKind, SavedRequest

from .bodies import typed_body
from .changes import Changes
from .checking import check_keys, check_texts, read_mapping, read_pairs
from .errors import refuse
from .keys import REQUEST_KEYS
from .manners import typed_manners
from .saving import check_form, save_form
from .scheduling import apply_schedule
from .writing import typed_writing

_TEXTS_OF_REQUEST = ("name", "method", "url", "records", "write_mode", "table")


def apply_request(team: Team, where: str, entry: Mapping[str, Any], changes: Changes, now: datetime) -> None:
    """Make or change one saved request, and its schedule if the file speaks of it."""
    check_keys(where, entry, REQUEST_KEYS)
    existing = team.saved_requests.filter(name=str(entry.get("name", "")).strip()).first()
    data = _typed_request(where, team, entry)
    form = SavedRequestForm(data, instance=existing or SavedRequest(team=team), team=team)
    if not form.is_valid() and form.refused_host:
        # Who applies a file may allow hosts, too, but only in words that whoever reviews the file can see.
        refuse(
            f"{where}.url",
            f"the token of the connection {form.instance.connection} does not go to {form.refused_host}: if "
            "that belongs to the same API, add it to advanced.allowed_hosts of the connection",
        )
    check_form(where, form)
    changed = sorted(form.changed_settings)
    if existing is None or changed:
        save_form(where, form, form.save_request)
    instance: SavedRequest = form.instance
    if "schedule" in entry and apply_schedule(f"{where}.schedule", instance, entry["schedule"], now):
        changed.append("schedule")
    changes.note(f"request {instance}", changed if existing else [], is_new=existing is None)


def _typed_request(where: str, team: Team, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as the form's fields would hold it."""
    check_texts(where, {key: entry[key] for key in _TEXTS_OF_REQUEST if key in entry})
    seconds, follows = entry.get("timeout_seconds", 30), entry.get("follow_redirects", True)
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        refuse(f"{where}.timeout_seconds", "must be a number of seconds")
    for key in ("max_response_mb", "retries"):
        if isinstance(entry.get(key, 0), bool) or not isinstance(entry.get(key, 0), int):
            refuse(f"{where}.{key}", "must be a number")
    if not isinstance(follows, bool):
        refuse(f"{where}.follow_redirects", "must be true or false")
    data: dict[str, Any] = {
        "name": entry.get("name", ""),
        "method": entry.get("method", "GET"),
        "url": entry.get("url", ""),
        "headers": read_pairs(f"{where}.headers", entry.get("headers")),
        "timeout_seconds": seconds,
        "follow_redirects": follows,
        "variables": read_pairs(f"{where}.variables", entry.get("variables")),
        "max_response_mb": entry.get("max_response_mb"),
        "retries": entry.get("retries"),
        **typed_manners(where, entry),
        "records_path": entry.get("records", ""),
        "mapping": _typed_mapping(f"{where}.mapping", entry.get("mapping")),
        "table_name": entry.get("table", ""),
        **typed_writing(where, entry),
        **_typed_pagination(f"{where}.pagination", entry.get("pagination")),
        **typed_body(where, entry),
    }
    data |= _typed_authorization(f"{where}.authorization", team, entry.get("authorization"))
    return data


def _typed_mapping(where: str, given: object) -> dict[str, Any]:
    try:
        return mapping.to_config(mapping.from_config(read_mapping(where, given, None)))
    except mapping.InvalidMapping as invalid:
        refuse(f"{where}.{invalid.where}" if invalid.where else where, invalid.sentence)


def _typed_pagination(where: str, given: object) -> dict[str, Any]:
    config = read_mapping(where, given, None)
    check_texts(where, {key: value for key, value in config.items() if isinstance(value, str)})
    try:
        pagination.from_config(config)
    except pagination.InvalidPagination as invalid:
        refuse(f"{where}.{invalid.field}", invalid.sentence)
    return pagination_as_typed(config)


def _typed_authorization(where: str, team: Team, given: object) -> dict[str, Any]:
    if given is None:
        return {"authorization_kind": AuthorizationKind.NONE}
    authorization = read_mapping(where, given, [kind.value for kind in AuthorizationKind if kind != "none"])
    if len(authorization) != 1:
        refuse(where, "needs exactly one of oauth, bearer, basic, api_key")
    [(kind, value)] = authorization.items()
    match kind:
        case "oauth":
            check_texts(where, {kind: value})
            connection = team.connections.filter(name=value).first()
            if connection is None:
                refuse(f"{where}.oauth", f"the team has no connection called {value}")
            return {"authorization_kind": kind, "connection": connection.pk}
        case "bearer":
            check_texts(where, {kind: value})
            return {"authorization_kind": kind, "bearer_token": value}
        case "basic":
            basic = read_mapping(f"{where}.basic", value, ("username", "password"))
            check_texts(f"{where}.basic", basic)
            return {"authorization_kind": kind, **basic}
        case _:
            key = read_mapping(f"{where}.api_key", value, ("in", "name", "value"))
            check_texts(f"{where}.api_key", key)
            return {
                "authorization_kind": kind,
                "api_key_place": key.get("in", "header"),
                "api_key_name": key.get("name", ""),
                "api_key_value": key.get("value", ""),
            }
