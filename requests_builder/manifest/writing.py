"""How records become rows, in an entry of requests."""

from collections.abc import Mapping
from typing import Any

from requests_builder.forms import in_units
from requests_builder.models import IfEmpty, SavedRequest, WriteMode

from .checking import check_texts, read_mapping
from .environment import escaped
from .errors import refuse

# Which of the keys a write mode has a use for.
_KEYS_OF_MODES = {
    "only_new": (WriteMode.APPEND, WriteMode.UPDATE),
    "delete_missing": (WriteMode.UPDATE,),
    "if_empty": (WriteMode.REPLACE,),
}


def typed_writing(where: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as the form's fields would hold it."""
    mode = entry.get("write_mode", WriteMode.REPLACE.value)
    for key, modes in _KEYS_OF_MODES.items():
        if entry.get(key) and mode not in modes:
            refuse(f"{where}.{key}", f"goes with write_mode {' or '.join(modes)}, not with {mode}")
    only_new = read_mapping(f"{where}.only_new", entry.get("only_new"), ("field", "parameter", "look_back"))
    check_texts(f"{where}.only_new", only_new)
    if_empty = entry.get("if_empty", IfEmpty.REPLACE.value)
    check_texts(where, {"if_empty": if_empty})
    return {
        "write_mode": mode,
        "key_fields": _key_fields(f"{where}.key", entry.get("key", [])),
        "newest_field": only_new.get("field", ""),
        "newest_parameter": only_new.get("parameter", ""),
        "look_back": only_new.get("look_back", ""),
        "if_empty": if_empty,
        **_typed_delete_missing(f"{where}.delete_missing", entry.get("delete_missing", False)),
    }


def exported_writing(saved_request: SavedRequest) -> dict[str, Any]:
    """The keys of the entry that say how records become rows; those that say nothing are empty."""
    only_new = {
        "field": saved_request.newest_field,
        "parameter": saved_request.newest_parameter,
        "look_back": in_units(saved_request.look_back),
    }
    percent = saved_request.delete_missing_percent
    is_usual = percent == SavedRequest._meta.get_field("delete_missing_percent").default
    return {
        "write_mode": saved_request.write_mode,
        "key": escaped(saved_request.key_fields),
        "only_new": {key: escaped(value) for key, value in only_new.items() if value},
        "delete_missing": (True if is_usual else {"percent": percent})
        if saved_request.delete_missing
        else None,
        "if_empty": saved_request.if_empty if saved_request.if_empty != IfEmpty.REPLACE else None,
    }


def _typed_delete_missing(where: str, given: object) -> dict[str, Any]:
    if isinstance(given, bool):
        return {"delete_missing": given}
    percent = read_mapping(where, given, ("percent",)).get("percent", 30)
    if isinstance(percent, bool) or not isinstance(percent, int):
        refuse(f"{where}.percent", "must be a number from 1 to 100")
    return {"delete_missing": True, "delete_missing_percent": percent}


def _key_fields(where: str, given: object) -> list[str]:
    names = given if isinstance(given, list) else [given]
    if not all(isinstance(name, str) for name in names):
        refuse(where, "must be the name of a column, or a list of such names")
    return [str(name) for name in names]
