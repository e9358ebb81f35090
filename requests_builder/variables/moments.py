"""Dates: from where they are counted, how far, and how they are written.

Days and longer are counted on the calendar and the clock of the time zone, minutes and hours in time that
passes: a day may have 23 or 25 hours. Weeks begin on Monday (ISO 8601).
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

UNITS = ("minute", "hour", "day", "week", "month", "year")
STARTS = ("hour", "day", "week", "month", "quarter", "year")
FORMATS = ("date", "iso", "unix", "unix_ms")

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_DIRECTIVES = "YymdHIMSfpjaAbBGVuwzZ%"
_MAX_PATTERN_LENGTH = 100


class NoSuchMoment(Exception):
    """It is beyond the calendar: before the year 1, or after 9999."""


@dataclass(frozen=True, slots=True)
class Shift:
    """So many units later, or earlier if `count` is negative."""

    count: int
    unit: str

    @property
    def is_in_days(self) -> bool:
        return self.unit not in ("minute", "hour")


@dataclass(frozen=True, slots=True)
class Format:
    """How a date is written; `pattern` in the words of strftime, empty: as ISO 8601."""

    name: str
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in its time zone; `is_day`: what matters of it is the day."""

    at: datetime
    is_day: bool = False

    def shifted(self, shift: Shift) -> "Moment":
        """So much later or earlier. Raises NoSuchMoment."""
        try:
            return Moment(_shifted(self.at, shift), self.is_day and shift.is_in_days)
        except (OverflowError, ValueError) as error:
            raise NoSuchMoment from error

    def written(self, form: Format | None) -> str:
        """As text; without a format a day as 2026-11-23, a moment as 2026-11-23T12:00:00Z."""
        name = form.name if form else "date" if self.is_day else "iso"
        match name:
            case "unix":
                return str(int(self.at.timestamp()))
            case "unix_ms":
                return str(int(self.at.timestamp()) * 1000 + self.at.microsecond // 1000)
            case "iso":
                text = self.at.isoformat(timespec="seconds")
                return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
            case _:
                pattern = form.pattern if form else ""
                # strftime leaves out the zeros of a year before 1000 on some systems.
                return (
                    self.at.strftime(pattern.replace("%Y", f"{self.at.year:04}"))
                    if pattern
                    else str(self.at.date())
                )


def named(name: str, now: datetime) -> Moment:
    """What now, today, yesterday or tomorrow is, counted from `now` in its time zone. Raises NoSuchMoment."""
    if name == "now":
        return Moment(now)
    days = {"yesterday": -1, "today": 0, "tomorrow": 1}[name]
    return start_of("this", "day", now).shifted(Shift(days, "day"))


def start_of(which: str, unit: str, now: datetime) -> Moment:
    """The first moment of this, the last or the next such unit. Raises NoSuchMoment."""
    if unit == "hour":
        # With its fold: an hour that autumn repeats begins twice.
        begun = now.replace(minute=0, second=0, microsecond=0)
        return Moment(begun).shifted(Shift(_STEPS[which], "hour"))
    begun = _normal(now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0))
    if unit == "week":
        begun = _normal(begun - timedelta(days=begun.weekday()))
    elif unit in _MONTHS:
        months = _MONTHS[unit]
        begun = _normal(begun.replace(month=begun.month - (begun.month - 1) % months, day=1))
    step = _STEPS[which]
    shift = Shift(step * _MONTHS[unit], "month") if unit in _MONTHS else Shift(step, unit)
    return Moment(begun, is_day=True).shifted(shift)


_STEPS = {"last": -1, "this": 0, "next": 1}


def parsed(text: str, zone: ZoneInfo) -> Moment | None:
    """The date or moment that a text says in ISO 8601, without an offset in `zone`; None: it says none."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    is_day = "T" not in text and ":" not in text
    try:
        return Moment(at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone), is_day)
    except OverflowError:
        return None


def objection_to_pattern(pattern: str) -> str:
    """Why dates cannot be written so; empty if they can."""
    if not pattern:
        return "the pattern of the date is empty"
    if len(pattern) > _MAX_PATTERN_LENGTH:
        return f"the pattern of the date is longer than {_MAX_PATTERN_LENGTH} characters"
    for match in _DIRECTIVE.finditer(pattern):
        if not match[1] or match[1] not in _DIRECTIVES:
            return f"“{match[0]}” means nothing in a date: %Y, %m, %d, %H, %M and %S are the usual ones"
    return ""


def is_timezone(name: str) -> bool:
    """Whether it names a time zone, such as Europe/Berlin."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _shifted(at: datetime, shift: Shift) -> datetime:
    match shift.unit:
        case "minute":
            return (at.astimezone(UTC) + timedelta(minutes=shift.count)).astimezone(at.tzinfo)
        case "hour":
            return (at.astimezone(UTC) + timedelta(hours=shift.count)).astimezone(at.tzinfo)
        case "day":
            return _normal(at + timedelta(days=shift.count))
        case "week":
            return _normal(at + timedelta(weeks=shift.count))
    months = at.year * 12 + at.month - 1 + shift.count * (12 if shift.unit == "year" else 1)
    year, month = divmod(months, 12)
    # The 31st of January and a month later is the last of February.
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return _normal(at.replace(year=year, month=month + 1, day=day))


def _normal(at: datetime) -> datetime:
    """The same wall clock, or, if spring skips it, as much later as it skips."""
    return at.astimezone(UTC).astimezone(at.tzinfo)
