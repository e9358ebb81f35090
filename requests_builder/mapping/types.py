"""The types of columns, and which one holds the values of two others."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any

__all__ = ["ColumnType", "merged", "together", "type_of", "types_of"]


class ColumnType(StrEnum):
    """What the values of a column are, apart from null.

    Dates are ISO dates and moments ISO 8601 in UTC, as texts whose order is that of time.
    """

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    JSON = "json"


_OF_CLASS: Mapping[type, ColumnType] = {
    str: ColumnType.TEXT,
    int: ColumnType.INTEGER,
    float: ColumnType.NUMBER,
    bool: ColumnType.BOOLEAN,
    dict: ColumnType.JSON,
    list: ColumnType.JSON,
}
_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.NUMBER})


def merged(one: str, other: str) -> str:
    """The type that holds the values of both: numbers stay numbers, nested values JSON, all else is text."""
    if one == other:
        return one
    both = {one, other}
    if both == _NUMBERS:
        return ColumnType.NUMBER.value
    return ColumnType.JSON.value if ColumnType.JSON in both else ColumnType.TEXT.value


def together(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """The types of the columns of both, by name."""
    shared = {name: merged(one[name], other[name]) for name in other if name in one}
    return {**one, **other, **shared}


def types_of(page: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What JSON says the values of each column are; a column of nothing but null has no type yet."""
    shapes = set(map(tuple, page))
    if len(shapes) == 1:
        # Records of one shape, as most are, are turned round at once.
        columns = zip(shapes.pop(), zip(*map(dict.values, page), strict=True), strict=True)  # type: ignore[arg-type]
        return {name: type_ for name, values in columns if (type_ := type_of(values))}
    classes: defaultdict[str, set[type]] = defaultdict(set)
    for record in page:
        for name, value in record.items():
            classes[name].add(type(value))
    return {name: type_ for name, some in classes.items() if (type_ := _of_classes(frozenset(some)))}


def type_of(values: Iterable[Any]) -> str:
    """What JSON says these values are; empty if they are all null."""
    return _of_classes(frozenset(map(type, values)))


@lru_cache(maxsize=1024)
def _of_classes(classes: frozenset[type]) -> str:
    types = sorted(_OF_CLASS[kind].value for kind in classes if kind in _OF_CLASS)
    found = types[0] if types else ""
    for type_ in types[1:]:
        found = merged(found, type_)
    return found
