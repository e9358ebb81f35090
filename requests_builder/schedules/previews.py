"""What a rule will do: the due times to come, with what the clock changes do to them.

The scheduler asks the same `next_after`, so that what is foretold is what runs.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from .cron import dial
from .rules import Hours, Minutes, Rule


@dataclass(frozen=True, slots=True)
class Foretold:
    """A due time: `at` in UTC, `wall` on the clocks of the zone; `note` tells of a clock change, if any."""

    at: datetime
    wall: datetime
    note: str


def upcoming(rule: Rule, moment: datetime, count: int) -> list[datetime]:
    """The next due times after the moment, in order; fewer when the rule ends."""
    due: list[datetime] = []
    while len(due) < count and (following := rule.next_after(due[-1] if due else moment)):
        due.append(following)
    return due


def foretold(rule: Rule, first: datetime | None, count: int) -> list[Foretold]:
    """The due times from `first`, which is one, with notes."""
    if first is None:
        return []
    zone = ZoneInfo(rule.timezone)
    due = [first, *upcoming(rule, first, count)]
    told: list[Foretold] = []
    for number, at in enumerate(due[:count]):
        before = due[number - 1] if number else None
        told.append(Foretold(at, at.astimezone(zone).replace(tzinfo=None), _note(rule, at, before)))
    return told


def _note(rule: Rule, at: datetime, before: datetime | None) -> str:
    local = at.astimezone(ZoneInfo(rule.timezone))
    if isinstance(rule, Minutes | Hours):
        return _shift(before.astimezone(local.tzinfo), local) if before else ""
    if not any(dial(expression)(local) for expression in rule.expressions):
        asked = "its time" if not hasattr(rule, "at") else f"{rule.at:%H:%M}"
        return f"The clocks go forward and skip {asked} on this day: it runs right after."
    first, second = local.replace(fold=0), local.replace(fold=1)
    if first.utcoffset() == second.utcoffset():
        return ""
    if local.fold:
        return f"The clocks have gone back: this is the second {local:%H:%M} of the day."
    again = rule.next_after(at) == second.astimezone(UTC)
    how = "it runs both times" if again else "it runs once, the first time"
    return f"The clocks go back and {local:%H:%M} comes twice on this day: {how}."


def _shift(before: datetime, local: datetime) -> str:
    shift = (local.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
    if not shift:
        return ""
    minutes = int(abs(shift).total_seconds()) // 60
    length = "1 hour" if minutes == 60 else f"{minutes} minutes"
    how = "later" if shift > timedelta() else "earlier"
    return f"The clocks change before this one: {length} {how} on them."
