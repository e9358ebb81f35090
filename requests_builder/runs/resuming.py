"""Resuming a schedule that was paused, and making up for what was skipped meanwhile."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Max, Min
from django.db.models.functions import Coalesce

from accounts.models import User
from requests_builder import schedules
from requests_builder.models import RunState, Schedule
from requests_builder.runs.backfills import MOST, Backfill, backfill
from requests_builder.runs.ledger import DEAD_CONNECTION, STOPPED
from requests_builder.runs.scheduling import resume

# So long it is offered to run what was skipped.
OFFERED_FOR = timedelta(days=7)


def resume_and_backfill(schedule: Schedule, *, user: User | None, now: datetime) -> Backfill:
    """Go on, and run what was skipped since the schedule was paused for its failures; of many, the newest.

    Both or neither: whoever is told that it goes on finds what was skipped in line.
    """
    with transaction.atomic():
        found = Schedule.objects.select_for_update().get(pk=schedule.pk)
        # Nothing has run since then, so the first due time of the pause is the next one.
        first, rule = found.next_at, found.kept_rule
        resume(schedule, now=now)
        if rule is None or first is None or first > now:
            return Backfill(0, 0)
        due = schedules.newest_due(rule, first, now, MOST)
        return backfill(schedule, due[-MOST:][0], now, user=user, now=now)


def skipped_lately(schedule: Schedule, now: datetime) -> tuple[int, datetime, datetime] | None:
    """How many lines of due times were skipped for a dead connection or failures, from when to when."""
    lately = schedule.runs.filter(due_at__gt=now - OFFERED_FOR)
    found = lately.filter(state=RunState.SKIPPED, error_code__in=(DEAD_CONNECTION, STOPPED)).aggregate(
        count=Count("id"), first=Min("due_at"), last=Max(Coalesce("due_until", "due_at"))
    )
    return (found["count"], found["first"], found["last"]) if found["count"] else None
