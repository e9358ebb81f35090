"""Rules as mappings that belong in a file."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

from .errors import InvalidSchedule
from .rules import Cron, Daily, Hours, Minutes, Monthly, Rule, ShortMonths, Weekday, Weekdays, Weekly
from .zones import check_wall, check_zone

# What a kind of rule knows besides its own key.
_KEYS: dict[str, tuple[str, ...]] = {
    "every": (),
    "daily": (),
    "weekdays": (),
    "weekly": ("at",),
    "monthly": ("at", "short_months"),
    "cron": (),
}
_KEYS_OF_ALL = ("timezone", "start", "end")


def from_config(config: object) -> Rule:
    """The rule a mapping describes, as `to_config` writes it. Raises InvalidSchedule."""
    if not isinstance(config, Mapping):
        raise InvalidSchedule("schedule", "A schedule is a mapping such as {every: 5 minutes}.")
    kinds = [kind for kind in _KEYS if kind in config]
    if len(kinds) != 1:
        raise InvalidSchedule("schedule", f"A schedule needs exactly one of {', '.join(_KEYS)}.")
    kind = kinds[0]
    known = (kind, *_KEYS[kind], *_KEYS_OF_ALL)
    unknown = [str(key) for key in config if key not in known]
    if unknown:
        sentence = f"Unknown key {', '.join(unknown)[:100]}. A schedule with {kind} knows {', '.join(known)}."
        raise InvalidSchedule("schedule", sentence)
    zone = _text(config, "timezone", "UTC")
    check_zone(zone)
    bounds: dict[str, Any] = {
        "timezone": zone,
        "start": wall_clock_time(config.get("start"), "start", zone),
        "end": wall_clock_time(config.get("end"), "end", zone),
    }
    return _READERS[kind](config, bounds)


def to_config(rule: Rule) -> dict[str, Any]:
    """The rule as a mapping that belongs in a file; `from_config` reads it back."""
    config: dict[str, Any]
    match rule:
        case Minutes(count):
            config = {"every": "1 minute" if count == 1 else f"{count} minutes"}
        case Hours(count):
            config = {"every": "1 hour" if count == 1 else f"{count} hours"}
        case Daily(at):
            config = {"daily": f"{at:%H:%M}"}
        case Weekdays(at):
            config = {"weekdays": f"{at:%H:%M}"}
        case Weekly(days, at):
            names = [day.value for day in days]
            config = {"weekly": names if len(names) > 1 else names[0], "at": f"{at:%H:%M}"}
        case Monthly(day, at, short_months):
            config = {"monthly": day, "at": f"{at:%H:%M}"}
            if short_months != ShortMonths.LAST_DAY:
                config["short_months"] = short_months.value
        case Cron(expression):
            config = {"cron": expression}
    if rule.timezone != "UTC" or not isinstance(rule, Minutes | Hours):
        config["timezone"] = rule.timezone
    for key, wall in (("start", rule.start), ("end", rule.end)):
        if wall:
            config[key] = f"{wall:%Y-%m-%dT%H:%M}"
    return config


def _every(config: Mapping[str, Any], bounds: dict[str, Any]) -> Rule:
    typed = _text(config, "every").strip().lower()
    found = re.fullmatch(r"(?:([0-9]{1,9})\s*)?(minutes?|min|m|hours?|h|seconds?|days?)", typed)
    if not found:
        raise InvalidSchedule("every", "Write a number and a unit, such as “5 minutes” or “2 hours”.")
    count, unit = int(found[1] or 1), found[2]
    if unit.startswith("s"):
        raise InvalidSchedule("every", "The shortest interval is one minute. Write “1 minute”.")
    if unit.startswith("d"):
        raise InvalidSchedule(
            "every", "Intervals are in minutes or hours. Write “24 hours”, or choose a daily time."
        )
    return Minutes(count, **bounds) if unit.startswith("m") else Hours(count, **bounds)


def _weekly(config: Mapping[str, Any], bounds: dict[str, Any]) -> Rule:
    given = config["weekly"]
    names = given if isinstance(given, list | tuple) else [given]
    return Weekly(tuple(_weekday(name) for name in names), _time(config, "at"), **bounds)


def _monthly(config: Mapping[str, Any], bounds: dict[str, Any]) -> Rule:
    short = config.get("short_months", ShortMonths.LAST_DAY.value)
    if short not in list(ShortMonths):
        raise InvalidSchedule("short_months", f"Write one of {', '.join(ShortMonths)}.")
    return Monthly(_day(config["monthly"]), _time(config, "at"), short_months=ShortMonths(short), **bounds)


_READERS: dict[str, Callable[[Mapping[str, Any], dict[str, Any]], Rule]] = {
    "every": _every,
    "daily": lambda config, bounds: Daily(_time(config, "daily"), **bounds),
    "weekdays": lambda config, bounds: Weekdays(_time(config, "weekdays"), **bounds),
    "weekly": _weekly,
    "monthly": _monthly,
    "cron": lambda config, bounds: Cron(_text(config, "cron"), **bounds),
}


def _text(config: Mapping[str, Any], key: str, default: str = "") -> str:
    value = config.get(key, default)
    if isinstance(value, str):
        return value
    # YAML 1.1 reads 16:00 without quotes as the number 960 (base 60), which deserves its own sentence.
    quoted = " Put the time in quotes." if key in ("daily", "weekdays", "at") else ""
    raise InvalidSchedule(key, f"{key} must be text.{quoted}")


def _time(config: Mapping[str, Any], key: str) -> time:
    typed = _text(config, key).strip()
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", typed)
    if not found:
        raise InvalidSchedule(key, "Write the time as hours and minutes, such as 06:00.")
    hour, minute = int(found[1]), int(found[2])
    if hour > 23 or minute > 59:
        raise InvalidSchedule(key, f"{typed} is not a time of day: it goes from 00:00 to 23:59.")
    return time(hour, minute)


def _weekday(typed: object) -> Weekday:
    name = typed.strip().lower() if isinstance(typed, str) else ""
    for weekday in Weekday:
        if len(name) >= 3 and weekday.value.startswith(name):
            return weekday
    raise InvalidSchedule("weekly", "Write the day as a word, such as monday.")


def _day(typed: object) -> int | Literal["last"]:
    name = str(typed).strip().lower()
    if name == "last":
        return "last"
    if isinstance(typed, bool) or not re.fullmatch("[0-9]{1,2}", name):
        raise InvalidSchedule("monthly", "Write the day as a number from 1 to 31, or last.")
    return int(name)


def wall_clock_time(value: object, key: str, zone: str) -> datetime | None:
    """A time on the clocks of the zone, as people and files write it; None for nothing.

    Of a day alone it is the first minute, or for the key `end` the last. Raises InvalidSchedule.
    """
    of_a_day = time(23, 59) if key == "end" else time(0, 0)
    match value:
        case None | "":
            return None
        case datetime():  # as YAML reads what has no quotes
            if not 1 < value.year < 9999:
                raise InvalidSchedule(key, _HOW_TO_WRITE)
            local = value.astimezone(ZoneInfo(zone)) if value.tzinfo else value
            wall = local.replace(tzinfo=None, fold=0, second=0, microsecond=0)
        case date():
            wall = datetime.combine(value, of_a_day)
        case str() if found := _DAY_AND_TIME.fullmatch(value.strip()):
            wall = _parsed(key, found[1], found[2] or f"{of_a_day:%H:%M}")
        case _:
            raise InvalidSchedule(key, _HOW_TO_WRITE)
    check_wall(wall, key)
    return wall


def _parsed(key: str, day: str, clock: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(day), time.fromisoformat(clock))
    except ValueError:
        raise InvalidSchedule(key, f"{day} {clock} is not in the calendar.") from None


_DAY_AND_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(?::00)?)?")
_HOW_TO_WRITE = (
    "Write a day, or a day and a time on the clocks of the time zone: 2026-12-01, or 2026-12-01 06:00."
)
