"""Cron lines of five fields: which can be kept, what they mean, and when they match next."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Never
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from .errors import InvalidSchedule
from .zones import INSTANT

MAX_EXPRESSION_LENGTH = 200

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# Name, lowest, highest, and the words that stand for numbers.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    ("day of week", 0, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
)


def _refuse(sentence: str) -> Never:
    raise InvalidSchedule("cron", sentence)


@lru_cache(maxsize=2048)
def checked_expression(typed: str) -> str:
    """The expression with its aliases written out and its spaces made single. Raises InvalidSchedule."""
    if len(typed) > MAX_EXPRESSION_LENGTH:
        _refuse(f"The cron line has {len(typed):,} characters; at most {MAX_EXPRESSION_LENGTH} are read.")
    expression = typed.strip()
    if expression.startswith("@"):
        if expression.lower() not in _ALIASES:
            _refuse(f"{expression} is not known here. Known are {', '.join(_ALIASES)}.")
        expression = _ALIASES[expression.lower()]
    parts = expression.split()
    if len(parts) in (6, 7):
        _refuse(
            "The cron line has seconds or a year. Write five fields: minute, hour, day, month, day of week."
        )
    if len(parts) != 5:
        _refuse(
            f"This cron line has {len(parts)} fields. It needs five: minute, hour, day, month, day of week."
        )
    for index, part in enumerate(parts):
        _check_field(index, part.upper())
    expression = " ".join(parts)
    try:
        simulation = CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except (CronSimError, AssertionError, ValueError):
        # What each field allows has been said above; what is left is a day that none of the months has.
        _refuse(_never(parts))
    if not _fires(simulation):
        _refuse(_never(parts))
    return expression


def _never(parts: list[str]) -> str:
    return f"This never runs: no date has day {parts[2]}, month {parts[3]}, day of week {parts[4]} together."


def _check_field(index: int, part: str) -> None:
    name, lowest, highest, words = _FIELDS[index]
    known = f"{lowest} to {highest}" + (f", {words[0]} to {words[-1]}" if words else "")
    for term in part.split(","):
        span, slash, step = term.partition("/")
        if slash and (not _is_number(step) or int(step) == 0):
            _refuse(f"“{term}” in the {name} field: after / comes how many to step, 1 or more.")
        if _is_special(name, term):
            continue
        ends = [] if span == "*" else span.split("-", 1)
        numbers = [words.index(end) + lowest if end in words else _number(end) for end in ends]
        if not span or any(number is None or not lowest <= number <= highest for number in numbers):
            _refuse(
                f"“{term}” in the {name} field: it takes {known}, *, ranges (1-5), lists (1,5), steps (*/5)."
            )
        low_and_high = [number for number in numbers if number is not None]
        if len(low_and_high) == 2 and low_and_high[0] > low_and_high[1]:
            _refuse(
                f"“{term}” in the {name} field runs backwards. Write the smaller end first, or two terms."
            )


def _is_special(name: str, term: str) -> bool:
    if name == "day of month":
        return term in ("L", "LW")
    if name == "day of week":
        return re.fullmatch(r"[0-7]L|([0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#[1-5]", term) is not None
    return False


def _is_number(text: str) -> bool:
    # Not isdigit: it is true for digits of every script and for superscripts.
    return re.fullmatch("[0-9]{1,3}", text) is not None


def _number(text: str) -> int | None:
    return int(text) if _is_number(text) else None


def _fires(simulation: CronSim) -> bool:
    """Whether any date matches, asked of the 14 calendars there are (leap year or not, seven first weekdays).

    The longest wait for a calendar is 40 years (29 February on one weekday, across 2100), within the 50 that
    cronsim searches; asking it instead takes longer than a person should wait for a form.
    """
    return any(
        day.month in simulation.months and simulation.match_day(day)
        for year in _CALENDARS
        for day in (date(year, 1, 1) + timedelta(days=n) for n in range(366))
        if day.year == year
    )


_CALENDARS = range(2000, 2028)


def next_match(expression: str, after: datetime, zone: str) -> datetime:
    """The first moment after `after` (both in UTC) that matches on the clocks of the zone.

    Looks 50 years ahead, which takes a few milliseconds.
    """
    minute, hour = expression.split()[:2]
    clocks = ZoneInfo(zone)
    if minute.startswith("*") or hour.startswith("*"):
        return _next_shown(expression, after, clocks)
    # In the hour that autumn repeats, cronsim counts on the clock face and may name a moment that is past.
    for found in CronSim(expression, after.astimezone(clocks)):
        due: datetime = found.astimezone(UTC)
        if due > after:
            return due
    raise InvalidSchedule("cron", _TOO_FAR)


def _next_shown(expression: str, after: datetime, clocks: ZoneInfo) -> datetime:
    """The first moment at which the clocks show a time that matches.

    Asked of each stretch between two clock changes: cronsim itself steps over a time that comes right after a
    change by half an hour.
    """
    offset = _offset(after, clocks)
    while True:
        found = next(CronSim(expression, (after + offset).replace(tzinfo=None)), None)
        if found is None:
            raise InvalidSchedule("cron", _TOO_FAR)
        due: datetime = found.replace(tzinfo=UTC) - offset
        change = _clock_change(after, due, offset, clocks)
        if change is None:
            return due
        after, offset = change - INSTANT, _offset(change, clocks)


def _clock_change(after: datetime, until: datetime, offset: timedelta, clocks: ZoneInfo) -> datetime | None:
    """The first moment after `after`, until `until`, at which the clocks are no longer that far from UTC."""
    sooner = after + INSTANT
    while sooner < until:
        later = min(sooner + _BETWEEN_CHANGES, until)
        if _offset(later, clocks) != offset:
            break
        sooner = later
    else:
        return None
    # Changes are on whole seconds.
    sooner = sooner.replace(microsecond=0)
    while later - sooner > timedelta(seconds=1):
        middle = sooner + timedelta(seconds=(later - sooner) // timedelta(seconds=2))
        sooner, later = (middle, later) if _offset(middle, clocks) == offset else (sooner, middle)
    return later


def _offset(moment: datetime, clocks: ZoneInfo) -> timedelta:
    return moment.astimezone(clocks).utcoffset() or timedelta(0)


# No zone changes its clocks twice within this.
_BETWEEN_CHANGES = timedelta(days=5)
_TOO_FAR = "This does not run within the next 50 years."


@lru_cache(maxsize=256)
def dial(expression: str) -> Callable[[datetime], bool]:
    """Whether a time on the clock face is one that the expression names."""
    simulation = CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    return lambda local: local.hour in simulation.hours and local.minute in simulation.minutes


@lru_cache(maxsize=256)
def explained(expression: str) -> str:
    """The expression in words: “At 06:00 on Monday through Friday”."""
    words: str = CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC)).explain()
    return words
