"""The rules: each knows, for any moment, the next due time after it.

Moments go in and come out in UTC. Intervals keep elapsed time. Rules that name a time of day follow the
clocks of their zone: a time that a spring change skips is due at the first minute after the gap, one that
autumn repeats is due once, the first time. Cron lines do so as in Debian's cron: lines whose minute or hour
begins with `*` go on through the repeated hour, and leave out what is skipped.
"""

from dataclasses import KW_ONLY, dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Literal

from .cron import checked_expression, next_match
from .errors import InvalidSchedule
from .zones import INSTANT, check_wall, check_zone, end_of_minute, in_utc, moment_of

MAX_INTERVAL = timedelta(days=366)


class Weekday(StrEnum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class ShortMonths(StrEnum):
    """What a monthly rule does in a month that does not have its day."""

    LAST_DAY = "last_day"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class _Rule:
    """What all rules have: `start` and `end`, the first and the last minute in which a due time may lie.

    Both are times on the clocks of the rule's zone, without one of their own.
    """

    _: KW_ONLY
    timezone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None

    @property
    def begins_at(self) -> datetime | None:
        return moment_of(self.start, self.timezone) if self.start else None

    @property
    def ends_at(self) -> datetime | None:
        """The last moment at which something may be due."""
        return end_of_minute(self.end, self.timezone) if self.end else None

    def next_after(self, moment: datetime) -> datetime | None:
        """The first due time after the moment; None when the end has been. Raises InvalidSchedule."""
        after, begin, end = in_utc(moment), self.begins_at, self.ends_at
        if begin and after < begin:
            after = begin - INSTANT
        if end and after >= end:
            return None
        due = self._following(after)
        return None if end and due > end else due

    def _following(self, after: datetime) -> datetime:
        raise NotImplementedError

    def _check(self) -> None:
        check_zone(self.timezone)
        for field, wall in (("start", self.start), ("end", self.end)):
            if wall:
                check_wall(wall, field)
        if self.start and self.end and self.end < self.start:
            raise InvalidSchedule("end", "The end lies before the start.")


@dataclass(frozen=True, slots=True)
class _Interval(_Rule):
    """Counted from the start, or without one from the last due time; the zone is that of start and end."""

    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InvalidSchedule("every", "The shortest interval is one minute. Write 1 or more.")
        if self.count > MAX_INTERVAL // self.unit:
            raise InvalidSchedule("every", f"The longest interval is {MAX_INTERVAL.days} days.")
        self._check()

    @property
    def unit(self) -> timedelta:
        raise NotImplementedError

    @property
    def step(self) -> timedelta:
        return self.unit * self.count

    def _following(self, after: datetime) -> datetime:
        begin = self.begins_at
        if begin is None:
            return after + self.step
        return begin + ((after - begin) // self.step + 1) * self.step


@dataclass(frozen=True, slots=True)
class Minutes(_Interval):
    """Every `count` minutes."""

    @property
    def unit(self) -> timedelta:
        return timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Hours(_Interval):
    """Every `count` hours of elapsed time: over a clock change, another time of day."""

    @property
    def unit(self) -> timedelta:
        return timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _ByTheClock(_Rule):
    """Due whenever the clocks of the zone show what one of its cron expressions says."""

    @property
    def expressions(self) -> tuple[str, ...]:
        raise NotImplementedError

    def _following(self, after: datetime) -> datetime:
        return min(next_match(expression, after, self.timezone) for expression in self.expressions)


@dataclass(frozen=True, slots=True)
class _AtATime(_ByTheClock):
    """On some days, at one time of day."""

    at: time

    def __post_init__(self) -> None:
        if self.at.second or self.at.microsecond or self.at.tzinfo:
            raise InvalidSchedule(
                "at", "A schedule knows hours and minutes, no seconds; the zone has its own field."
            )
        self._check()

    @property
    def expressions(self) -> tuple[str, ...]:
        return tuple(f"{self.at.minute} {self.at.hour} {days}" for days in self.days)

    @property
    def days(self) -> tuple[str, ...]:
        """Which days, as the last three fields of a cron expression."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Daily(_AtATime):
    @property
    def days(self) -> tuple[str, ...]:
        return ("* * *",)


@dataclass(frozen=True, slots=True)
class Weekdays(_AtATime):
    """Monday to Friday."""

    @property
    def days(self) -> tuple[str, ...]:
        return ("* * 1-5",)


@dataclass(frozen=True, slots=True)
class Weekly(_ByTheClock):
    """On one or several days of the week; kept in the order of the week, each once."""

    weekdays: tuple[Weekday, ...]
    at: time

    def __post_init__(self) -> None:
        object.__setattr__(self, "weekdays", tuple(day for day in Weekday if day in self.weekdays))
        if not self.weekdays:
            raise InvalidSchedule("weekly", "Choose one day of the week or more.")
        Daily(self.at)
        self._check()

    @property
    def expressions(self) -> tuple[str, ...]:
        order = list(Weekday)
        numbers = ",".join(str(order.index(day) + 1) for day in self.weekdays)
        return (f"{self.at.minute} {self.at.hour} * * {numbers}",)


@dataclass(frozen=True, slots=True)
class Monthly(_ByTheClock):
    """On one day of each month, 1 to 31 or the last."""

    day: int | Literal["last"]
    at: time
    short_months: ShortMonths = ShortMonths.LAST_DAY

    def __post_init__(self) -> None:
        if self.day != "last" and self.day not in range(1, 32):
            raise InvalidSchedule("monthly", "Write the day as a number from 1 to 31, or last.")
        Daily(self.at)
        self._check()

    @property
    def expressions(self) -> tuple[str, ...]:
        clock = f"{self.at.minute} {self.at.hour}"
        if self.day == "last":
            return (f"{clock} L * *",)
        own = f"{clock} {self.day} * *"
        if self.day <= 28 or self.short_months == ShortMonths.SKIP:
            return (own,)
        # The last day of the months that do not have it; in a leap year both may name 29 February.
        return (own, f"{clock} L 2 *") if self.day <= 30 else (f"{clock} L * *",)


@dataclass(frozen=True, slots=True)
class Cron(_ByTheClock):
    """Five fields as in Debian's cron, with names, `L`, `LW` and `#`; `@daily` and the like written out."""

    expression: str

    def __post_init__(self) -> None:
        check_zone(self.timezone)
        object.__setattr__(self, "expression", checked_expression(self.expression))
        self._check()

    @property
    def expressions(self) -> tuple[str, ...]:
        return (self.expression,)


Interval = Minutes | Hours
Rule = Minutes | Hours | Daily | Weekdays | Weekly | Monthly | Cron
