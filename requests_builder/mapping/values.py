"""One value as the type of its column wants it.

What does not fit becomes MISFIT, which the caller counts and stores as null; nothing here raises. An empty
text is null for every type but text. Numbers stay exact; dates become ISO dates in the mapping's zone, and
moments ISO 8601 in UTC.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, tzinfo
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

from .types import ColumnType

Convert = Callable[[Any], Any]


class _Misfit:
    def __repr__(self) -> str:
        return "MISFIT"


MISFIT: Final = _Misfit()

ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
ISO_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?)"
    r" ?(Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
# The date of an e-mail or a feed (RFC 2822), as in "Mon, 23 Nov 2026 12:00:00 GMT".
RFC_2822 = re.compile(r"(?:[A-Za-z]{3},\s*)?[0-9]{1,2} [A-Za-z]{3} [0-9]{4} [0-9]{2}:[0-9]{2}.{0,20}")
_DOT_NET = re.compile(r"/Date\((-?[0-9]{1,17})(?:[+-][0-9]{4})?\)/")
_EPOCH = re.compile(r"-?[0-9]{9,13}(\.[0-9]{1,9})?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,1000}")
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
# From here on a count of seconds since 1970 would lie after the year 5138: it counts milliseconds.
_MILLISECONDS_FROM = 100_000_000_000
_EXACT_FLOATS = 2**53
_UTC_LENGTH = len("2026-11-23T12:00:00Z")


def converter(type_: ColumnType, *, zone: tzinfo, format_: str = "") -> Convert:
    """What makes a value, null or not, one of this type, or MISFIT."""
    if type_ == ColumnType.DATE:
        return partial(as_date, zone=zone, format_=format_)
    if type_ == ColumnType.DATETIME:
        return _moments(zone, format_)
    return _PLAIN[type_]


def as_text(value: Any) -> Any:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def joined(value: Any, separator: str) -> Any:
    """The elements of a list as one text, null left out; what is no list as text."""
    if isinstance(value, list):
        return separator.join(as_text(element) for element in value if element is not None)
    return as_text(value)


def as_number(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _INTEGER.fullmatch(text):
            return int(text)
        if len(text) > 1000 or not _NUMBER.fullmatch(text):
            return MISFIT
        number = float(text)
        return number if math.isfinite(number) else MISFIT
    return value if value is None or type(value) is int or type(value) is float else MISFIT


def as_integer(value: Any) -> Any:
    number = as_number(value)
    if type(number) is float:
        # Beyond 2^53 a float has lost digits already, so it is no exact integer any more.
        return int(number) if number.is_integer() and abs(number) <= _EXACT_FLOATS else MISFIT
    return number


def as_boolean(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        return _WORDS.get(word, MISFIT) if word else None
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else MISFIT


def as_moment(value: Any, *, zone: tzinfo, format_: str = "") -> Any:
    """ISO 8601 in UTC, as in 2026-11-23T12:00:00+00:00: a text whose order is that of time."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    found = moment_of(value, zone, format_)
    return found.isoformat() if found else MISFIT


def _moments(zone: tzinfo, format_: str) -> Convert:
    """As `as_moment`, three times faster for moments as most APIs write them."""
    if format_:
        return partial(as_moment, zone=zone, format_=format_)
    parse = datetime.fromisoformat

    def convert(value: Any) -> Any:
        if (
            type(value) is str
            and len(value) == _UTC_LENGTH
            and value[19] == "Z"
            and value[16] == ":"
            and value[10] == "T"
            and value[7] == "-"
        ):
            try:
                parse(value)
            except ValueError:
                return MISFIT
            return value[:19] + "+00:00"
        return as_moment(value, zone=zone)

    return convert


def as_date(value: Any, *, zone: tzinfo, format_: str = "") -> Any:
    """An ISO date; of a moment the day that it falls on in the zone."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str) and not format_ and ISO_DATE.fullmatch(value.strip()):
        try:
            return date.fromisoformat(value.strip()).isoformat()
        except ValueError:
            return MISFIT
    found = moment_of(value, zone, format_)
    if not found:
        return MISFIT
    try:
        return found.astimezone(zone).date().isoformat()
    except (ValueError, OverflowError):
        return MISFIT


def moment_of(value: Any, zone: tzinfo, format_: str = "") -> datetime | None:
    """The moment that a value names, in UTC: ISO 8601, RFC 2822, or seconds or milliseconds since 1970.

    With a format nothing but that is read. A time without an offset is one in the zone.
    """
    try:
        found = _written(str(value).strip(), format_) if format_ else _usual(value)
        if found is None:
            return None
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone)
        return found.astimezone(UTC)
    except (ValueError, OverflowError, OSError, IndexError, TypeError):
        # A day that does not exist, or a year that no calendar has.
        return None


def _written(text: str, format_: str) -> datetime:
    return datetime.strptime(text, format_)  # noqa: DTZ007 - its caller gives it the zone of the mapping


def _usual(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return _since_1970(value) if type(value) is int or type(value) is float else None
    text = value.strip()
    if match := ISO_MOMENT.fullmatch(text):
        day, time, offset = match.groups()
        offset = {"Z": "+00:00", "z": "+00:00", "UTC": "+00:00"}.get(offset, offset or "")
        return datetime.fromisoformat(f"{day}T{time.replace(',', '.')}{offset}")
    if ISO_DATE.fullmatch(text):
        return datetime.fromisoformat(text)
    if match := _DOT_NET.fullmatch(text):
        return datetime.fromtimestamp(int(match[1]) / 1000, UTC)
    if RFC_2822.fullmatch(text):
        found = parsedate_to_datetime(text)
        # "-0000" is UTC of which nobody knows the place (RFC 2822 §3.3).
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return _since_1970(float(text)) if _EPOCH.fullmatch(text) else None


def _since_1970(number: float) -> datetime:
    return datetime.fromtimestamp(number / 1000 if abs(number) >= _MILLISECONDS_FROM else number, UTC)


def _as_it_is(value: Any) -> Any:
    return value


_PLAIN: Mapping[ColumnType, Convert] = {
    ColumnType.TEXT: as_text,
    ColumnType.NUMBER: as_number,
    ColumnType.INTEGER: as_integer,
    ColumnType.BOOLEAN: as_boolean,
    ColumnType.JSON: _as_it_is,
}
