"""From the document in an answer to records: plain dictionaries that fit a JSONB column."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from requests_builder.expressions import InvalidPath, compiled, quoted_path
from requests_builder.reading import MAX_COLUMNS, UnreadableAnswer

__all__ = [
    "InvalidPath",
    "UnreadableAnswer",
    "columns_of",
    "csv_cell",
    "records_at",
    "suggest_paths",
    "validate_path",
]

MAX_SUGGESTIONS = 20
# How far `suggest_paths` looks: deeper lists are somebody's details, not the answer's records.
SUGGESTED_DEPTH = 6

_PREFERRED_NAMES = frozenset(
    {"data", "items", "results", "records", "value", "values", "rows", "entries", "list", "hits", "nodes"}
    | {"edges", "features", "objects", "content", "elements", "resources"}
)
# What spreadsheets take for the beginning of a formula, also in full-width forms (OWASP: CSV injection).
_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_INVISIBLE = " \xa0\u200b\u200c\u200d\u2060\u3000\ufeff"


def records_at(document: Any, path: str) -> list[dict[str, Any]]:
    """The records at a JMESPath expression; an empty path is the document itself.

    A list gives its items, an object one record, null at the path none. Items that are no objects become
    {"value": item}, lists among them {"1": first, "2": second}. Raises UnreadableAnswer and InvalidPath.
    """
    path = path.strip()
    if not path or path == "@":
        return _as_records(document if isinstance(document, list | dict) or document is None else [document])
    found = compiled(path).search(document)
    if isinstance(found, list | dict):
        return _as_records(found)
    if found is None:
        if _holds_null(document, path):
            return []
        raise UnreadableAnswer(
            "records_not_found", f"The path {path} finds nothing. {_what_is_there(document)}"
        )
    sentence = f"The path {path} finds {_kind(found)}, not a list or an object. {_what_is_there(document)}"
    raise UnreadableAnswer("records_wrong_type", sentence)


def validate_path(path: str) -> None:
    """Raise InvalidPath if the expression cannot be used on any document."""
    if path.strip():
        compiled(path)


def suggest_paths(document: Any) -> list[tuple[str, int]]:
    """Where records may be, with how many there are; the best place first.

    Lists of objects come before others, shallow before deep, large before small; the usual names (data,
    items, ...) count as one level shallower. An object without any list is one record.
    """
    if isinstance(document, list):
        return [("", len(document))]
    if not isinstance(document, dict):
        return []
    found: list[tuple[tuple[int, int, int], str, int]] = []
    level: list[tuple[list[str], dict[str, Any]]] = [([], document)]
    for depth in range(1, SUGGESTED_DEPTH + 1):
        deeper: list[tuple[list[str], dict[str, Any]]] = []
        for keys, mapping in level[:1000]:
            for key, value in mapping.items():
                if isinstance(value, dict):
                    deeper.append(([*keys, key], value))
                elif isinstance(value, list):
                    rank = _rank(key, value, depth)
                    found.append((rank, quoted_path([*keys, key]), len(value)))
        level = deeper
    found.sort(key=lambda candidate: candidate[0])
    usable = [(path, count) for _, path, count in found if _is_usable(path)]
    return usable[:MAX_SUGGESTIONS] or [("", 1)]


def columns_of(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """All top-level keys, in the order in which they first appear. Raises UnreadableAnswer beyond 2,000."""
    columns: dict[str, None] = {}
    for record in records:
        columns.update(dict.fromkeys(record))
        if len(columns) > MAX_COLUMNS:
            raise UnreadableAnswer(
                "too_many_columns",
                f"The records have more than {MAX_COLUMNS:,} different fields. Perhaps the path leads to an "
                "object whose keys are ids; choose a path that leads to a list, or only the fields you need.",
            )
    return list(columns)


def csv_cell(value: Any) -> str:
    """The value as the text of a CSV cell, also for headers; nested values as compact JSON.

    A text that a spreadsheet would take for a formula gets an apostrophe in front. Numbers stay numbers, also
    when they come as text ("-12.50").
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return _harmless(value)
        case int() | float():
            return str(value)
        case _:
            return _harmless(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _as_records(found: Any) -> list[dict[str, Any]]:
    if isinstance(found, dict):
        return [found]
    return [item if isinstance(item, dict) else _record(item) for item in found or ()]


def _record(item: Any) -> dict[str, Any]:
    if isinstance(item, list):
        return {str(position): value for position, value in enumerate(item, 1)}
    return {"value": item}


def _holds_null(document: Any, path: str) -> bool:
    """Whether the path leads to a key that is there and null, as some APIs say "no records"."""
    keys = compiled(path).keys
    if keys is None:
        return False
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return document is None


def _what_is_there(document: Any) -> str:
    if not isinstance(document, dict):
        return f"The answer is {_kind(document)}; leave the path empty to take it whole."
    keys = ", ".join(str(key)[:40] for key in list(document)[:10]) + (", …" if len(document) > 10 else "")
    lists = [f"{path} ({count})" for path, count in suggest_paths(document)[:3] if path]
    there = f"The answer has the keys {keys}" if document else "The answer is an empty object"
    return f"{there}; lists were found at {', '.join(lists)}." if lists else f"{there}, and no list."


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "null"


def _rank(key: str, value: Sequence[Any], depth: int) -> tuple[int, int, int]:
    is_preferred = key.lower() in _PREFERRED_NAMES
    if value and isinstance(value[0], dict):
        kind = 0
    elif value:
        kind = 2
    else:
        kind = 1 if is_preferred else 3
    return kind, depth - is_preferred, -len(value)


def _is_usable(path: str) -> bool:
    try:
        compiled(path)
    except InvalidPath:
        return False
    return True


def _harmless(text: str) -> str:
    text = text.replace("\x00", "")
    shown = text.lstrip(_INVISIBLE)
    return "'" + text if _FORMULA.match(shown) and not _NUMBER.fullmatch(text) else text
