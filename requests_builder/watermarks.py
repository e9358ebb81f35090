"""How far a request has come: the newest value of a field of its records. PURE.

Values are compared by what they mean, and kept as they came: the API that wrote one reads it best. A field
holds moments (ISO 8601, RFC 2822), numbers (a count, or seconds or milliseconds since 1970) or texts that
sort; values of two of these cannot be compared.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from requests_builder.expressions import InvalidPath, compiled
from requests_builder.mapping.values import ISO_DATE, ISO_MOMENT, RFC_2822, moment_of

Value = str | int | float

# A longer text is no moment and no number of anything.
MAX_LENGTH = 200
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,20})?")
# Seconds since 1970 from March 1973 on; smaller numbers count something else.
_SECONDS_FROM = 100_000_000
# From here on seconds would lie after the year 5138: milliseconds.
_MILLISECONDS_FROM = 100_000_000_000
_MILLISECONDS_BELOW = 100_000_000_000_000
_MINUTE_END = len("2026-11-23T12:00")
_DAY_END = len("2026-11-23")
_RFC_2822 = re.compile(
    r"((?:[A-Za-z]{3},\s*)?)([0-9]{1,2}) ([A-Za-z]{3}) ([0-9]{4}) ([0-9]{2}):([0-9]{2})(.*)", re.DOTALL
)
_DOT_NET = re.compile(r"(/Date\()(-?[0-9]{1,17})(.*)", re.DOTALL)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Kind(StrEnum):
    """What values of a field mean, and thus how they are compared."""

    MOMENT = "moment"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Mark:
    """A value, as it came, with what it means. Of one kind, a greater `order` is newer."""

    value: Value
    kind: Kind
    order: Any

    def is_newer_than(self, other: "Mark") -> bool:
        return self.kind == other.kind and bool(self.order > other.order)


def mark_of(value: Any) -> Mark | None:
    """What a value means; None for what has no order: nothing, true and false, lists and objects.

    A time without an offset is taken for one in UTC: within one field that makes no difference.
    """
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return Mark(value, Kind.NUMBER, value)
    if not isinstance(value, str) or len(value) > MAX_LENGTH or not (text := value.strip()):
        return None
    if _NUMBER.fullmatch(text):
        return Mark(value, Kind.NUMBER, float(text) if "." in text else int(text))
    if moment := moment_of(text, UTC):
        return Mark(value, Kind.MOMENT, (moment, _nanoseconds(text)))
    return Mark(value, Kind.TEXT, text)


def as_parameter(value: Value) -> str:
    """The value as a query parameter."""
    return value.strip() if isinstance(value, str) else str(value)


def is_time(value: Value) -> bool:
    """Whether a look-back can be taken from it."""
    mark = mark_of(value)
    return mark is not None and (mark.kind == Kind.MOMENT or _unit(mark) is not None)


def earlier(value: Value, by: timedelta) -> Value:
    """The value that lies so much earlier (whole minutes), in the very form of this one.

    A date becomes the day on which that time falls. What is no time stays as it is.
    """
    mark = mark_of(value)
    if mark is None or not by:
        return value
    try:
        if mark.kind == Kind.MOMENT:
            assert isinstance(value, str)
            return _earlier_moment(value.strip(), by)
        if unit := _unit(mark):
            seconds = int(by.total_seconds())
            return _less(value, seconds * unit)
    except (OverflowError, ValueError):
        # Before the first day of the calendar.
        return value
    return value


@dataclass(frozen=True, slots=True)
class Taken:
    """The records of a page that a run takes: those certainly new, and those that may be there already."""

    new: Sequence[Any]
    perhaps_known: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """From where on a run takes records, and what it has seen so far. A value: a page gives the next one.

    `start` is the newest value of the runs before, None at the first; `seen` is the one that was stored when
    the run began, which differs for a run that begins from nothing on purpose. `newest` is what this run has
    come to. `older` records were left out, `undated` ones have no value to compare and were taken.
    """

    path: str
    look_back: timedelta = timedelta(0)
    leaves_out: bool = True
    start: Value | None = None
    seen: Value | None = None
    newest: Value | None = None
    older: int = 0
    undated: int = 0

    @property
    def wanted_from(self) -> Value | None:
        """What the API is asked for: the start, less the look-back."""
        return None if self.start is None else earlier(self.start, self.look_back)

    @property
    def reached(self) -> Value | None:
        """The newest value of this run and those before."""
        return self.newest if self.newest is not None else self.start

    def after(self, page: Sequence[Any]) -> tuple["Progress", Taken]:
        """What a run takes of the page, and how far it is then."""
        expression = compiled(self.path)
        start, least = _mark(self.start), _mark(self.wanted_from)
        newest = _mark(self.reached)
        new: list[Any] = []
        perhaps_known: list[Any] = []
        older = undated = 0
        for record in page:
            mark = mark_of(_found(expression, record))
            if mark is None or (newest is not None and mark.kind != newest.kind):
                undated += 1
                perhaps_known.append(record)
                continue
            if newest is None or mark.order > newest.order:
                newest = mark
            if start is not None and mark.order > start.order:
                new.append(record)
            elif self.leaves_out and least is not None and mark.order < least.order:
                older += 1
            else:
                perhaps_known.append(record)
        reached = newest.value if newest is not None else None
        progress = replace(self, newest=reached, older=self.older + older, undated=self.undated + undated)
        return progress, Taken(new, perhaps_known)

    def anew(self) -> "Progress":
        """The same, before the first page."""
        return replace(self, newest=None, older=0, undated=0)

    def to_json(self) -> dict[str, Any]:
        """What a run keeps of it."""
        return {
            "field": self.path,
            "from": self.start,
            "seen": self.seen,
            "to": self.reached,
            "older": self.older,
            "undated": self.undated,
        }

    def with_stored(self, stored: Mapping[str, Any]) -> "Progress":
        """This, gone as far as a run has stored by `to_json`."""
        return replace(
            self,
            start=stored["from"],
            seen=stored["seen"],
            newest=stored["to"],
            older=stored["older"],
            undated=stored["undated"],
        )


def _mark(value: Value | None) -> Mark | None:
    return None if value is None else mark_of(value)


def _found(expression: Any, record: Any) -> Any:
    keys = expression.keys
    if keys is None:
        try:
            return expression.search(record)
        except InvalidPath:
            return None
    for key in keys:
        if not isinstance(record, dict):
            return None
        record = record.get(key)
    return record


def _nanoseconds(text: str) -> int:
    """The digits of a second that a moment of Python does not hold."""
    match = re.search(r"[.,][0-9]{6}([0-9]{1,3})", text)
    return int(match[1].ljust(3, "0")) if match else 0


def _unit(mark: Mark) -> int | None:
    """What a second is in the unit of a number that counts from 1970; None if it counts something else."""
    if mark.kind != Kind.NUMBER:
        return None
    if _SECONDS_FROM <= mark.order < _MILLISECONDS_FROM:
        return 1
    return 1000 if _MILLISECONDS_FROM <= mark.order < _MILLISECONDS_BELOW else None


def _less(value: Value, amount: int) -> Value:
    if not isinstance(value, str):
        return value - amount
    whole, point, fraction = value.strip().partition(".")
    return f"{int(whole) - amount:0{len(whole)}d}{point}{fraction}"


def _earlier_moment(text: str, by: timedelta) -> str:
    # Seconds, their fraction and the offset stay as they are written: a look-back is in minutes.
    if ISO_MOMENT.fullmatch(text):
        moment = datetime.fromisoformat(text[:_MINUTE_END].replace(" ", "T").replace("t", "T")) - by
        return f"{moment:%Y-%m-%d}".zfill(10) + text[10] + f"{moment:%H:%M}" + text[_MINUTE_END:]
    if ISO_DATE.fullmatch(text):
        return (datetime.fromisoformat(text) - by).date().isoformat()
    if RFC_2822.fullmatch(text) and (match := _RFC_2822.fullmatch(text)):
        name, day, month, year, hour, minute, rest = match.groups()
        number = _MONTHS.index(month.title()) + 1
        moment = datetime(int(year), number, int(day), int(hour), int(minute), tzinfo=UTC) - by
        name = f"{_DAYS[moment.weekday()]}, " if name else ""
        shown_day = f"{moment.day:0{len(day)}d}"
        return f"{name}{shown_day} {_MONTHS[moment.month - 1]} {moment.year:04d} {moment:%H:%M}{rest}"
    if match := _DOT_NET.fullmatch(text):
        return f"{match[1]}{int(match[2]) - int(by.total_seconds() * 1000)}{match[3]}"
    return text
