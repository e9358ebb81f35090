"""Time zones: which there are, and which moment a time on their clocks is."""

import difflib
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from .errors import InvalidSchedule

# The least difference between two moments.
INSTANT = timedelta(microseconds=1)
# Far enough for everybody, and far from the ends of the calendar, where arithmetic fails.
YEARS = range(1970, 2200)


@cache
def zones() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset(available_timezones())


def check_zone(name: str) -> None:
    """Raises InvalidSchedule, with the name that was perhaps meant."""
    # A list of names rather than ZoneInfo(name): that one opens a file, wherever the name leads it.
    if name in zones():
        return
    lowered = {zone.lower(): zone for zone in zones()}
    near = difflib.get_close_matches(name[:60].strip().lower().replace(" ", "_"), lowered, n=1, cutoff=0.7)
    hint = f"Do you mean {lowered[near[0]]}?" if near else "Choose one such as Europe/Berlin or UTC."
    raise InvalidSchedule("timezone", f"“{name[:60]}” is not a time zone. {hint}")


def check_wall(wall: datetime, field: str) -> None:
    """Raises InvalidSchedule for a year that nobody means."""
    if wall.tzinfo or wall.year not in YEARS:
        raise InvalidSchedule(field, f"The year must lie between {YEARS[0]} and {YEARS[-1]}.")


def moment_of(wall: datetime, zone: str, *, is_later: bool = False) -> datetime:
    """When the clocks of the zone show this, in UTC.

    A time that a clock change skips is the first minute after it; of one that comes twice it is the first, or
    with `is_later` the second.
    """
    while True:
        moment = wall.replace(tzinfo=ZoneInfo(zone), fold=int(is_later)).astimezone(UTC)
        if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) == wall:
            return moment
        wall += timedelta(minutes=1)


def end_of_minute(wall: datetime, zone: str) -> datetime:
    """The last moment at which the clocks of the zone show this minute."""
    return moment_of(wall, zone, is_later=True) + timedelta(minutes=1) - INSTANT


def in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC)
