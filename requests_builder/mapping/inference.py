"""What the fields of a sample are: their paths, names and types, judged by all of its records.

Better a text too many than a value spoilt: what looks like a number but has leading zeros, or may be the
number of a telephone, stays a text; a number is a time only if its name says so.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from .fields import Column
from .types import ColumnType
from .unfolding import unfolded
from .values import ISO_DATE, ISO_MOMENT, RFC_2822, moment_of
from .walking import Keys, Page, check_width, free_name, is_nameable, is_usable, leaves, path_of

MOST_SHOWN = 3

# As an API would write a number, without what numbers do not need: +, leading zeros, more than nine digits.
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?")
_PLAIN_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,8})")
_ID_LIKE = re.compile(
    r"(^|_)(id|ids|uid|key|code|no|number|phone|tel|telephone|mobile|fax|zip|zipcode|postal|postcode|plz"
    r"|iban|bic|account|card|vat|tax|sku|ean|isbn|serial|version|pin|ssn)(_|$)"
)
_TIME_LIKE = re.compile(r"(^|_)(at|on|time|date|datetime|timestamp|ts|created|updated|modified|expires)$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Seconds or milliseconds since 1970 between 2001 and 2096; smaller numbers are durations or counts.
_SECONDS = (1_000_000_000, 4_000_000_000)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the sample: the column that it would become, and what it shows."""

    column: Column
    samples: tuple[Any, ...] = ()
    is_array: bool = False


def fields_of(records: Sequence[dict[str, Any]], *, flatten: bool, rows_path: str = "") -> list[Field]:
    """The fields of the records in the order in which they come; with `rows_path` those of its elements, too.

    Raises UnreadableAnswer beyond 2,000 fields.
    """
    found: list[tuple[Keys, str, Sequence[Any]]] = []
    elements: Sequence[Any] = ()
    if rows_path:
        records, elements = unfolded(records, rows_path)
    for keys, values in _leaves_of(records, flatten=flatten):
        path = path_of(keys)
        found.append((keys, path, elements if path == rows_path else values))
        if path == rows_path:
            inner = _leaves_of([each for each in elements if isinstance(each, dict)], flatten=flatten)
            found += [((*keys, *below), path_of(below, rows_path), some) for below, some in inner]
    check_width(len(found))
    names: set[str] = set()
    fields = []
    for keys, path, values in found:
        name = free_name(keys, names)
        names.add(name)
        fields.append(field_of(path, name, values))
    return fields


def field_of(path: str, name: str, values: Sequence[Any]) -> Field:
    """One field, by its values in all records of the sample."""
    is_array = any(type(value) is list for value in values)
    return Field(Column(path, name, type_for(name, values)), _shown(values), is_array)


def type_for(name: str, values: Iterable[Any]) -> ColumnType:
    """The type that all these values fit, as a person would say who knows the name."""
    there = [value for value in values if value is not None and value != ""]
    classes = set(map(type, there))
    last = _CAMEL.sub("_", name.rsplit(".", 1)[-1]).lower().replace("-", "_").replace(" ", "_")
    if not classes:
        return ColumnType.TEXT
    if classes & {dict, list}:
        return ColumnType.JSON
    if classes == {bool}:
        return ColumnType.BOOLEAN
    if classes <= {int, float}:
        if _TIME_LIKE.search(last) and all(map(_may_be_since_1970, there)):
            return ColumnType.DATETIME
        return ColumnType.INTEGER if classes == {int} else ColumnType.NUMBER
    return _type_of_texts(last, there) if classes == {str} else ColumnType.TEXT


def _type_of_texts(name: str, texts: Collection[str]) -> ColumnType:
    if all(map(ISO_DATE.fullmatch, texts)):
        return ColumnType.DATE if all(map(_is_moment, texts)) else ColumnType.TEXT
    if all(map(_looks_like_time, texts)):
        return ColumnType.DATETIME if all(map(_is_moment, texts)) else ColumnType.TEXT
    if {text.lower() for text in texts} <= {"true", "false"}:
        return ColumnType.BOOLEAN
    if all(map(_PLAIN_NUMBER.fullmatch, texts)) and not _ID_LIKE.search(name):
        is_whole = all(map(_PLAIN_INTEGER.fullmatch, texts))
        return ColumnType.INTEGER if is_whole else ColumnType.NUMBER
    return ColumnType.TEXT


def _looks_like_time(text: str) -> bool:
    return bool(ISO_MOMENT.fullmatch(text) or ISO_DATE.fullmatch(text) or RFC_2822.fullmatch(text))


def _is_moment(text: str) -> bool:
    return moment_of(text, UTC) is not None


def _may_be_since_1970(number: float) -> bool:
    return any(_SECONDS[0] * scale <= number <= _SECONDS[1] * scale for scale in (1, 1000))


def _leaves_of(records: Sequence[dict[str, Any]], *, flatten: bool) -> Iterable[tuple[Keys, Sequence[Any]]]:
    page = Page(records)
    names = dict.fromkeys(key for record in records for key in record)
    check_width(len(names))
    for key in names:
        if is_nameable(key):
            for keys, values in leaves((key,), page.values((key,)), flatten=flatten):
                if is_usable(path_of(keys)):
                    yield keys, values


def _shown(values: Sequence[Any]) -> tuple[Any, ...]:
    """Up to three values that differ, from different records."""
    shown: list[Any] = []
    for value in values:
        if value is not None and value != "" and value not in shown:
            shown.append(value)
            if len(shown) == MOST_SHOWN:
                break
    return tuple(shown)
