"""When a schedule is due: rule + time zone + moment → next moment.

Moments go in and come out in UTC. Rules that name a time of day live in their zone: a time that a spring
change skips is due at the first minute after the gap, one that autumn repeats is due once, the first time.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from typing import Never
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

MAX_EXPRESSION_LENGTH = 200
MAX_INTERVAL = timedelta(days=366)

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


class InvalidSchedule(ValueError):
    """The rule cannot be kept; `field` is every, daily, weekly, at, cron, timezone or schedule."""

    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        self.sentence = sentence
        super().__init__(sentence)


class Weekday(StrEnum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


@dataclass(frozen=True, slots=True)
class Minutes:
    """Every `count` minutes, counted from the last due time; the zone is only where people read the times."""

    count: int
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        _check_interval(timedelta(minutes=1), self.count)
        _check_zone(self.timezone)

    def next_after(self, moment: datetime) -> datetime:
        return _in_utc(moment) + timedelta(minutes=self.count)


@dataclass(frozen=True, slots=True)
class Hours:
    """Every `count` hours, counted from the last due time; the zone is only where people read the times."""

    count: int
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        _check_interval(timedelta(hours=1), self.count)
        _check_zone(self.timezone)

    def next_after(self, moment: datetime) -> datetime:
        return _in_utc(moment) + timedelta(hours=self.count)


@dataclass(frozen=True, slots=True)
class Daily:
    at: time
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        _check_time(self.at)
        _check_zone(self.timezone)

    def next_after(self, moment: datetime) -> datetime:
        return _next_match(f"{self.at.minute} {self.at.hour} * * *", moment, self.timezone)


@dataclass(frozen=True, slots=True)
class Weekly:
    weekday: Weekday
    at: time
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        _check_time(self.at)
        _check_zone(self.timezone)

    def next_after(self, moment: datetime) -> datetime:
        number = list(Weekday).index(self.weekday) + 1
        return _next_match(f"{self.at.minute} {self.at.hour} * * {number}", moment, self.timezone)


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields as in Debian's cron, with names, `L`, `LW` and `#`; `@daily` and the like written out."""

    expression: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        _check_zone(self.timezone)
        object.__setattr__(self, "expression", _checked_expression(self.expression))

    def next_after(self, moment: datetime) -> datetime:
        return _next_match(self.expression, moment, self.timezone)


Rule = Minutes | Hours | Daily | Weekly | Cron


def upcoming(rule: Rule, moment: datetime, count: int) -> list[datetime]:
    """The next due times after the moment, in order."""
    due: list[datetime] = []
    for _ in range(count):
        moment = rule.next_after(moment)
        due.append(moment)
    return due


def in_words(rule: Rule) -> str:
    """What the rule means, for people: “Daily at 06:00 (Europe/Berlin)”."""
    match rule:
        case Minutes(count):
            return "Every minute" if count == 1 else f"Every {count} minutes"
        case Hours(count):
            return "Every hour" if count == 1 else f"Every {count} hours"
        case Daily(at, zone):
            return f"Daily at {at:%H:%M} ({zone})"
        case Weekly(weekday, at, zone):
            return f"Every {weekday.value.title()} at {at:%H:%M} ({zone})"
        case Cron(expression, zone):
            return f"{_explained(expression)} ({zone})"


def from_config(config: object) -> Rule:
    """The rule a mapping describes, as `to_config` writes it. Raises InvalidSchedule."""
    if not isinstance(config, Mapping):
        raise InvalidSchedule("schedule", "A schedule is a mapping such as {every: 5 minutes}.")
    kinds = [kind for kind in _KEYS if kind in config]
    if len(kinds) != 1:
        raise InvalidSchedule("schedule", f"A schedule needs exactly one of {', '.join(_KEYS)}.")
    kind = kinds[0]
    unknown = [str(key) for key in config if key not in _KEYS[kind]]
    if unknown:
        known = ", ".join(_KEYS[kind])
        sentence = f"Unknown key {', '.join(unknown)[:100]}. A schedule with {kind} knows {known}."
        raise InvalidSchedule("schedule", sentence)
    values = {key: _text(key, config[key]) for key in _KEYS[kind] if key in config}
    return parse(kind, **values)


def parse(
    kind: str,
    *,
    every: str = "",
    daily: str = "",
    weekly: str = "",
    at: str = "",
    cron: str = "",
    timezone: str = "UTC",
) -> Rule:
    """The rule that typed values describe; `kind` is every, daily, weekly or cron. Raises InvalidSchedule."""
    match kind:
        case "every":
            return _interval(every, timezone)
        case "daily":
            return Daily(_time("daily", daily), timezone)
        case "weekly":
            return Weekly(_weekday(weekly), _time("at", at), timezone)
        case "cron":
            return Cron(cron, timezone)
        case _:
            raise InvalidSchedule("schedule", f"A schedule is one of {', '.join(_KEYS)}.")


def to_config(rule: Rule) -> dict[str, str]:
    """The rule as a mapping that belongs in a file; `from_config` reads it back."""
    match rule:
        case Minutes(count):
            config = {"every": "1 minute" if count == 1 else f"{count} minutes"}
        case Hours(count):
            config = {"every": "1 hour" if count == 1 else f"{count} hours"}
        case Daily(at):
            config = {"daily": f"{at:%H:%M}"}
        case Weekly(weekday, at):
            config = {"weekly": weekday.value, "at": f"{at:%H:%M}"}
        case Cron(expression):
            config = {"cron": expression}
    if isinstance(rule, Minutes | Hours) and rule.timezone == "UTC":
        return config
    return config | {"timezone": rule.timezone}


_KEYS = {
    "every": ("every", "timezone"),
    "daily": ("daily", "timezone"),
    "weekly": ("weekly", "at", "timezone"),
    "cron": ("cron", "timezone"),
}


def _text(key: str, value: object) -> str:
    # YAML 1.1 reads 16:00 without quotes as the number 960 (base 60), which deserves its own sentence.
    if isinstance(value, str):
        return value
    quoted = " Put the time in quotes." if key in ("daily", "at") else ""
    raise InvalidSchedule(key, f"{key} must be text.{quoted}")


def _interval(typed: str, timezone: str) -> Minutes | Hours:
    found = re.fullmatch(
        r"(?:([0-9]{1,9})\s*)?(minutes?|min|m|hours?|h|seconds?|days?)", typed.strip().lower()
    )
    if not found:
        raise InvalidSchedule("every", "Write a number and a unit, such as “5 minutes” or “2 hours”.")
    count, unit = int(found[1] or 1), found[2]
    if unit.startswith("s"):
        raise InvalidSchedule("every", "The shortest interval is one minute. Write “1 minute”.")
    if unit.startswith("d"):
        raise InvalidSchedule(
            "every", "Intervals are in minutes or hours. Write “24 hours”, or choose a daily time."
        )
    return Minutes(count, timezone) if unit.startswith("m") else Hours(count, timezone)


def _check_interval(unit: timedelta, count: int) -> None:
    if count < 1:
        raise InvalidSchedule("every", "The shortest interval is one minute. Write 1 or more.")
    if count > MAX_INTERVAL // unit:
        raise InvalidSchedule("every", f"The longest interval is {MAX_INTERVAL.days} days.")


def _time(field: str, typed: str) -> time:
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", typed.strip())
    if not found:
        raise InvalidSchedule(field, "Write the time as hours and minutes, such as 06:00.")
    hour, minute = int(found[1]), int(found[2])
    if hour > 23 or minute > 59:
        raise InvalidSchedule(field, f"{typed.strip()} is not a time of day: it goes from 00:00 to 23:59.")
    return time(hour, minute)


def _check_time(at: time) -> None:
    if at.second or at.microsecond or at.tzinfo:
        raise InvalidSchedule(
            "at", "A schedule knows hours and minutes, no seconds; the zone has its own field."
        )


def _weekday(typed: str) -> Weekday:
    name = typed.strip().lower()
    for weekday in Weekday:
        if len(name) >= 3 and weekday.value.startswith(name):
            return weekday
    raise InvalidSchedule("weekly", "Write the day as a word, such as monday.")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _check_zone(name: str) -> None:
    # A list of names rather than ZoneInfo(name): that one opens a file, wherever the name leads it.
    if name in _zones():
        return
    lowered = {zone.lower(): zone for zone in _zones()}
    near = difflib.get_close_matches(name[:60].strip().lower().replace(" ", "_"), lowered, n=1, cutoff=0.7)
    hint = f"Do you mean {lowered[near[0]]}?" if near else "Choose one such as Europe/Berlin or UTC."
    raise InvalidSchedule("timezone", f"“{name[:60]}” is not a time zone. {hint}")


def _refuse(sentence: str) -> Never:
    raise InvalidSchedule("cron", sentence)


@lru_cache(maxsize=2048)
def _checked_expression(typed: str) -> str:
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
    return (
        f"This never happens: no date has day {parts[2]}, month {parts[3]}, day of week {parts[4]} together."
    )


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


def _next_match(expression: str, moment: datetime, zone: str) -> datetime:
    after = _in_utc(moment)
    simulation = CronSim(expression, after.astimezone(ZoneInfo(zone)))
    # In the hour that autumn repeats, cronsim counts on the clock face and may name a moment that is past.
    for found in simulation:
        due: datetime = found.astimezone(UTC)
        if due > after:
            return due
    raise InvalidSchedule("cron", "This does not happen within the next 50 years.")


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC)


def _explained(expression: str) -> str:
    words: str = CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC)).explain()
    return words
