"""Due times of the past: those that have piled up, and those of a range that is to be made up for."""

from datetime import datetime, timedelta

from .rules import Hours, Minutes, Rule
from .zones import INSTANT


def newest_due(rule: Rule, first: datetime, now: datetime, most: int) -> list[datetime]:
    """The newest `most` due times from `first`, which is one, until now, in order.

    Looks back from now, further and further, so that a year without a scheduler costs no more than a day.
    """
    if isinstance(rule, Minutes | Hours):
        # Counted from the first, so only the number of steps can be left out.
        until = min(now, rule.ends_at or now)
        steps = max(0, (until - first) // rule.step)
        return [first + rule.step * number for number in range(max(0, steps - most + 1), steps + 1)]
    until = min(now, rule.ends_at or now)
    span = timedelta(minutes=most)
    while True:
        begin = max(first, until - span)
        due = [first] if begin == first else []
        following = rule.next_after(begin)
        while following and following <= now:
            due.append(following)
            following = rule.next_after(following)
        if begin == first or len(due) >= most:
            return due[-most:]
        span *= 4


def due_between(rule: Rule, known: datetime, begin: datetime, end: datetime, most: int) -> list[datetime]:
    """The first `most` due times from `begin` to `end`, both included.

    Intervals without a start are counted from `known`, one of their due times, in both directions.
    """
    due: list[datetime] = []
    following: datetime | None
    if isinstance(rule, Minutes | Hours) and rule.start is None:
        following = known + rule.step * -((known - begin) // rule.step)
    else:
        following = rule.next_after(begin - INSTANT)
    while following and following <= end and len(due) < most:
        due.append(following)
        following = rule.next_after(following)
    return due
