"""Which rows somebody wants to see: a column, an operator that its type knows, and what to compare. PURE.

Rows are tested one by one in the same way on every database: no two of them agree on what is less.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from requests_builder.mapping import ColumnType
from requests_builder.tables.ordering import as_words, is_empty

Record = Mapping[str, Any]
Test = Callable[[Record], bool]


class Operator(StrEnum):
    IS = "is"
    IS_NOT = "is-not"
    CONTAINS = "contains"
    LACKS = "lacks"
    BEGINS = "begins"
    GREATER = "greater"
    LESS = "less"
    BETWEEN = "between"
    TRUE = "true"
    FALSE = "false"
    EMPTY = "empty"
    NOT_EMPTY = "not-empty"

    @property
    def operands(self) -> int:
        """How many values it compares with."""
        if self in _ALONE:
            return 0
        return 2 if self == Operator.BETWEEN else 1


_ALONE = frozenset({Operator.TRUE, Operator.FALSE, Operator.EMPTY, Operator.NOT_EMPTY})
LABELS: Mapping[Operator, str] = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.CONTAINS: "contains",
    Operator.LACKS: "does not contain",
    Operator.BEGINS: "begins with",
    Operator.GREATER: "is greater than",
    Operator.LESS: "is less than",
    Operator.BETWEEN: "is between",
    Operator.TRUE: "is true",
    Operator.FALSE: "is false",
    Operator.EMPTY: "is empty",
    Operator.NOT_EMPTY: "is not empty",
}
_OF_TIME = {Operator.GREATER: "is after", Operator.LESS: "is before"}
_NOTHING = (Operator.EMPTY, Operator.NOT_EMPTY)
_ORDERED = (Operator.IS, Operator.IS_NOT, Operator.GREATER, Operator.LESS, Operator.BETWEEN, *_NOTHING)
_WRITTEN = (Operator.CONTAINS, Operator.LACKS, Operator.IS, Operator.IS_NOT, Operator.BEGINS, *_NOTHING)
OPERATORS: Mapping[str, tuple[Operator, ...]] = {
    ColumnType.TEXT: _WRITTEN,
    ColumnType.NUMBER: _ORDERED,
    ColumnType.INTEGER: _ORDERED,
    ColumnType.DATE: _ORDERED,
    ColumnType.DATETIME: _ORDERED,
    ColumnType.BOOLEAN: (Operator.TRUE, Operator.FALSE, *_NOTHING),
    ColumnType.JSON: (Operator.CONTAINS, Operator.LACKS, *_NOTHING),
}


class InvalidFilter(ValueError):
    """The filter cannot be used; the sentence says what to put right."""


@dataclass(frozen=True, slots=True)
class Filter:
    column: str
    operator: Operator
    value: str = ""
    until: str = ""


def operators_of(type_: str) -> tuple[Operator, ...]:
    """What can be asked of a column; of one without a type what can be asked of text."""
    return OPERATORS.get(type_, _WRITTEN)


def label_of(operator: Operator, type_: str) -> str:
    is_time = type_ in (ColumnType.DATE, ColumnType.DATETIME)
    return _OF_TIME.get(operator, LABELS[operator]) if is_time else LABELS[operator]


def in_words(filter_: Filter, type_: str) -> str:
    """The filter as a sentence without its end: "amount is between 5 and 10"."""
    operands = (filter_.value, filter_.until)[: filter_.operator.operands]
    return " ".join([filter_.column, label_of(filter_.operator, type_), " and ".join(operands)]).strip()


def condition_of(filter_: Filter, types: Mapping[str, str]) -> Test:
    """Whether a record passes. Raises InvalidFilter."""
    type_ = types.get(filter_.column, "")
    if filter_.operator not in operators_of(type_):
        label = label_of(filter_.operator, type_)
        raise InvalidFilter(
            f"“{label}” cannot be asked of {filter_.column}, whose type is {type_ or 'text'}."
        )
    column, operator = filter_.column, filter_.operator
    if operator in _ALONE:
        return _of_nothing(column, operator)
    if not filter_.value or (operator == Operator.BETWEEN and not filter_.until):
        raise InvalidFilter(f"Say what {column} is compared with.")
    if type_ in (ColumnType.NUMBER, ColumnType.INTEGER):
        return _of_numbers(column, operator, _number(filter_.value), _number(filter_.until or filter_.value))
    if type_ in (ColumnType.DATE, ColumnType.DATETIME):
        return _of_times(filter_, is_day=type_ == ColumnType.DATE)
    return _of_texts(column, operator, filter_.value.casefold())


def search_test(text: str) -> Test:
    """Whether the text stands in any value of a record, whatever the case of its letters."""
    wanted = text.casefold()

    def test(record: Record) -> bool:
        return any(wanted in as_words(value).casefold() for value in record.values())

    return test


def all_of(tests: Iterable[Test]) -> Test:
    """Whether a record passes all of them."""
    each = tuple(tests)
    return each[0] if len(each) == 1 else lambda record: all(test(record) for test in each)


def _of_nothing(column: str, operator: Operator) -> Test:
    tests: Mapping[Operator, Test] = {
        Operator.EMPTY: lambda record: is_empty(record.get(column)),
        Operator.NOT_EMPTY: lambda record: not is_empty(record.get(column)),
        Operator.TRUE: lambda record: record.get(column) is True,
        Operator.FALSE: lambda record: record.get(column) is False,
    }
    return tests[operator]


def _of_texts(column: str, operator: Operator, wanted: str) -> Test:
    def text(record: Record) -> str:
        return as_words(record.get(column)).casefold()

    tests: Mapping[Operator, Test] = {
        Operator.IS: lambda record: text(record) == wanted,
        Operator.IS_NOT: lambda record: text(record) != wanted,
        Operator.CONTAINS: lambda record: wanted in text(record),
        Operator.LACKS: lambda record: wanted not in text(record),
        Operator.BEGINS: lambda record: text(record).startswith(wanted),
    }
    return tests[operator]


def _of_numbers(column: str, operator: Operator, low: float, high: float) -> Test:
    low, high = min(low, high), max(low, high)

    def holds(record: Record) -> bool:
        value = record.get(column)
        if type(value) is not int and type(value) is not float:
            return operator == Operator.IS_NOT
        match operator:
            case Operator.GREATER:
                return value > high
            case Operator.LESS:
                return value < low
            case Operator.IS_NOT:
                return value != low
            case _:
                return low <= value <= high

    return holds


def _number(text: str) -> float:
    text = text.strip().replace("−", "-")
    if re.fullmatch("[+-]?[0-9]{1,400}", text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not number - number == 0:
        raise InvalidFilter(f"{text[:50]} is no number. Write it as 1200 or 12.50.")
    return number


def _of_times(filter_: Filter, *, is_day: bool) -> Test:
    """Dates and moments are stored so that the order of their texts is that of time.

    What is written down with less than a moment means all of it: a day from its beginning to the next one's.
    """
    column, operator = filter_.column, filter_.operator
    first, last = (_span(text, is_day=is_day) for text in (filter_.value, filter_.until or filter_.value))
    if last < first:
        first, last = last, first
    begin, end = first[0], last[1]

    def holds(record: Record) -> bool:
        value = record.get(column)
        if not isinstance(value, str) or not value:
            return operator == Operator.IS_NOT
        match operator:
            case Operator.GREATER:
                return value >= end
            case Operator.LESS:
                return value < begin
            case Operator.IS_NOT:
                return not begin <= value < end
            case _:
                return begin <= value < end

    return holds


_CLOCKS = {len("2026-11-23"): timedelta(days=1), len("2026-11-23T12:00"): timedelta(minutes=1)}


def _span(text: str, *, is_day: bool) -> tuple[str, str]:
    """From the first moment that the text means to the one after its last, as they are stored; in UTC."""
    text = text.strip()
    try:
        if is_day:
            day = date.fromisoformat(text)
            return day.isoformat(), (day + timedelta(days=1)).isoformat()
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        length = _CLOCKS.get(len(text), timedelta(seconds=1))
        return moment.isoformat(), (moment + length).isoformat()
    except (ValueError, OverflowError):
        example = "2026-11-23" if is_day else "2026-11-23 or 2026-11-23 14:30, in UTC"
        raise InvalidFilter(f"{text[:50]} is no date. Write it as {example}.") from None
