"""A mapping: which fields of a record become which columns, as people choose it and as it is stored."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from requests_builder.expressions import InvalidPath, compiled
from requests_builder.reading import MAX_COLUMNS

from .types import ColumnType

MAX_NAME = 200
MAX_SEPARATOR = 20
MAX_FORMAT = 60
# Where the elements of a list that becomes rows begin in a path: `lines[].sku`.
ELEMENT = "[]"

_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_DIRECTIVE = re.compile("%(.?)")
_DIRECTIVES = frozenset("aAbBdfHIjmMpSyYzZ%")


class Arrays(StrEnum):
    """What becomes of a list in a field."""

    JSON = "json"
    JOIN = "join"
    ROWS = "rows"


class Drift(StrEnum):
    """What a run does when the records have other fields than the mapping."""

    EVOLVE = "evolve"
    FREEZE = "freeze"
    DROP = "drop"


class InvalidMapping(ValueError):
    """The mapping cannot be used; `sentence` tells the person why, `where` names the part of it."""

    code = "invalid_mapping"

    def __init__(self, sentence: str, where: str = "") -> None:
        self.sentence = sentence
        self.where = where
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record, and the column that it becomes.

    `path` is a JMESPath in the record; after `lines[].` in each element of the list that becomes rows.
    `format` is for dates that are none of the usual ones, in the words of strptime.
    """

    path: str
    name: str
    type: ColumnType = ColumnType.TEXT
    is_included: bool = True
    arrays: Arrays = Arrays.JSON
    format: str = ""


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """The columns in their order, and what becomes of everything that they do not name.

    `flatten`: fields of nested objects are fields of their own. `timezone` is that of times without one.
    """

    columns: tuple[Column, ...] = ()
    drift: Drift = Drift.EVOLVE
    flatten: bool = True
    separator: str = ", "
    timezone: str = "UTC"

    @property
    def rows_path(self) -> str:
        """The path of the list whose elements become rows; empty if there is none."""
        return next((column.path for column in self.columns if column.arrays == Arrays.ROWS), "")


def from_config(config: Mapping[str, Any]) -> FieldMapping | None:
    """The mapping as stored; None for an empty one: everything as it comes. Raises InvalidMapping."""
    if not isinstance(config, Mapping):
        _refuse("A mapping has columns, drift, flatten, separator and timezone.")
    if not config:
        return None
    known = ("columns", "drift", "flatten", "separator", "timezone")
    for key in config:
        if key not in known:
            _refuse(f"There is no {str(key)[:60]} in a mapping; there are {', '.join(known)}.", str(key)[:60])
    entries = config.get("columns", [])
    if not isinstance(entries, list):
        _refuse("The columns of a mapping are a list.", "columns")
    if len(entries) > MAX_COLUMNS:
        _refuse(f"A mapping has at most {MAX_COLUMNS:,} columns, not {len(entries):,}.", "columns")
    mapping = FieldMapping(
        columns=tuple(_column(entry, f"columns[{number}]") for number, entry in enumerate(entries)),
        drift=_choice(Drift, config.get("drift", Drift.EVOLVE), "drift"),
        flatten=_flag(config.get("flatten", True), "flatten"),
        separator=_text(config.get("separator", ", "), "separator", MAX_SEPARATOR),
        timezone=_zone(config.get("timezone", "UTC")),
    )
    _check_together(mapping)
    return mapping


def to_config(mapping: FieldMapping | None) -> dict[str, Any]:
    """The mapping as it is stored: what is as by default is left out, but for the columns and their types."""
    if mapping is None:
        return {}
    config: dict[str, Any] = {"columns": [to_entry(column) for column in mapping.columns]}
    plain = FieldMapping()
    for name in ("drift", "flatten", "separator", "timezone"):
        value = getattr(mapping, name)
        if value != getattr(plain, name):
            config[name] = value.value if isinstance(value, Drift) else value
    return config


def to_entry(column: Column) -> dict[str, Any]:
    """A column as it is stored."""
    entry: dict[str, Any] = {"path": column.path, "name": column.name, "type": column.type.value}
    if not column.is_included:
        entry["included"] = False
    if column.arrays != Arrays.JSON:
        entry["arrays"] = column.arrays.value
    if column.format:
        entry["format"] = column.format
    return entry


def _column(entry: Any, where: str) -> Column:
    known = ("path", "name", "type", "included", "arrays", "format")
    if not isinstance(entry, Mapping) or not entry.get("path"):
        _refuse("Each column of a mapping needs a path, such as customer.name.", where)
    for key in entry:
        if key not in known:
            _refuse(f"A column has no {str(key)[:60]}; it has {', '.join(known)}.", where)
    path = _text(entry["path"], f"{where}.path", 600).strip()
    arrays = _choice(Arrays, entry.get("arrays", Arrays.JSON), f"{where}.arrays")
    # Joined elements are a text, whatever they were.
    type_ = ColumnType.TEXT if arrays == Arrays.JOIN else entry.get("type", ColumnType.TEXT)
    return Column(
        path=path,
        name=_text(entry.get("name") or path, f"{where}.name", MAX_NAME).strip(),
        type=_choice(ColumnType, type_, f"{where}.type"),
        is_included=_flag(entry.get("included", True), f"{where}.included"),
        arrays=arrays,
        format=_format(entry.get("format", ""), f"{where}.format"),
    )


def _check_together(mapping: FieldMapping) -> None:
    paths: set[str] = set()
    names: set[str] = set()
    rows = [column.path for column in mapping.columns if column.arrays == Arrays.ROWS]
    if len(rows) > 1:
        _refuse(f"Only one list can become rows: choose between {rows[0]} and {rows[1]}.", "columns")
    for column in mapping.columns:
        if column.path in paths:
            _refuse(f"The field {column.path[:100]} is mapped twice.", "columns")
        paths.add(column.path)
        _check_path(column.path, rows[0] if rows else "")
        if not column.is_included:
            continue
        if not column.name:
            _refuse(f"The column of {column.path[:100]} needs a name.", "columns")
        if _CONTROL.search(column.name):
            _refuse(
                f"The name of the column of {column.path[:100]} has characters that do not show.", "columns"
            )
        if column.name in names:
            _refuse(f"Two columns are called {column.name[:100]}. Give one of them another name.", "columns")
        names.add(column.name)
    if mapping.columns and not names:
        _refuse("No field is ticked, so there would be nothing to store. Tick at least one.", "columns")
    if mapping.drift == Drift.FREEZE and not mapping.columns:
        _refuse("Freeze keeps to columns that are named: press Run and choose them first.", "drift")


def _check_path(path: str, rows_path: str) -> None:
    inner = path.removeprefix(f"{rows_path}{ELEMENT}.") if rows_path else path
    try:
        compiled(inner)
    except InvalidPath as invalid:
        _refuse(f"The field {path[:100]}: {invalid.sentence}", "columns")


def _choice(choices: Any, value: Any, where: str) -> Any:
    try:
        return choices(value)
    except ValueError:
        _refuse(f"{str(value)[:60]} is none of {', '.join(choices)}.", where)


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        _refuse(f"{where} must be true or false.", where)
    return value


def _text(value: Any, where: str, most: int) -> str:
    if not isinstance(value, str):
        _refuse(f"{where} must be a text.", where)
    if len(value) > most:
        _refuse(f"{where} has {len(value):,} characters; at most {most} are possible.", where)
    return value


def _zone(value: Any) -> str:
    name = _text(value, "timezone", 60)
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        _refuse(f"There is no time zone {name}. Write it as Europe/Berlin or UTC.", "timezone")
    return name


def _format(value: Any, where: str) -> str:
    text = _text(value, where, MAX_FORMAT)
    unknown = [found for found in _DIRECTIVE.findall(text) if found not in _DIRECTIVES or not found]
    if text and (unknown or "%" not in text):
        _refuse(f"{text} is no format of a date. Write it as %d.%m.%Y %H:%M.", where)
    try:
        datetime.strptime(datetime(2026, 1, 2, tzinfo=UTC).strftime(text), text)  # noqa: DTZ007 - a trial
    except ValueError:
        _refuse(f"{text} is no format of a date. Write it as %d.%m.%Y %H:%M.", where)
    return text


def _refuse(sentence: str, where: str = "") -> NoReturn:
    raise InvalidMapping(sentence, where)
