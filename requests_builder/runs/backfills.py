"""Making up for due times of the past, one after the other."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from accounts.models import User
from requests_builder import schedules
from requests_builder.models import Run, RunState, Schedule, Trigger

MOST = 500
STOPPED = "The backfill was stopped before its turn came."


class BackfillRefused(Exception):
    """What was asked for cannot be: the sentence says why."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """What was asked for: due times that wait in line now, and those that had their run already."""

    queued: int
    kept: int


def backfill(
    schedule: Schedule, begin: datetime, end: datetime, *, user: User | None, now: datetime
) -> Backfill:
    """Run each due time from `begin` to `end` (included, none after now) that has not run, oldest first.

    What was skipped or missed becomes the run; what has run, also in vain, keeps it. Asked for twice, it is
    done once. Raises BackfillRefused.
    """
    rule = schedule.kept_rule
    if rule is None:
        raise BackfillRefused(schedule.in_words)
    with transaction.atomic():
        Schedule.objects.select_for_update().get(pk=schedule.pk)
        due = schedules.due_between(rule, _known_due_time(schedule), begin, min(end, now), MOST + 1)
        if not due:
            raise BackfillRefused("Nothing was due between these two times.")
        if len(due) > MOST:
            raise BackfillRefused(
                f"More than {MOST} due times lie between these two times. Choose a shorter range."
            )
        _take_out_of_ranges(schedule, rule, due)
        return _queue(schedule, due, user)


def _known_due_time(schedule: Schedule) -> datetime:
    newest: datetime | None = schedule.runs.aggregate(newest=Max("due_at"))["newest"]
    return schedule.next_at or newest or schedule.created_at


def _queue(schedule: Schedule, due: list[datetime], user: User | None) -> Backfill:
    passed = schedule.runs.filter(due_at__in=due, state__in=(RunState.SKIPPED, RunState.MISSED))
    queued = passed.update(
        state=RunState.QUEUED,
        trigger=Trigger.BACKFILL,
        requested_by=user,
        not_before=None,
        rung_at=None,
        finished_at=None,
        error_code="",
        stop_reason="",
    )
    known = set(schedule.runs.filter(due_at__in=due).values_list("due_at", flat=True))
    new = [moment for moment in due if moment not in known]
    saved_request = schedule.saved_request
    rows = [
        Run(
            team_id=saved_request.team_id,
            saved_request=saved_request,
            schedule=schedule,
            trigger=Trigger.BACKFILL,
            requested_by=user,
            due_at=moment,
        )
        for moment in new
    ]
    Run.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    return Backfill(queued + len(new), len(known) - queued)


def _take_out_of_ranges(schedule: Schedule, rule: schedules.Rule, due: list[datetime]) -> None:
    """Rows that stand for many due times leave these ones to rows of their own."""
    first, last = due[0], due[-1]
    for row in schedule.runs.filter(due_until__isnull=False, due_at__lte=last, due_until__gte=first):
        until = row.due_until
        assert until is not None
        after = rule.next_after(last)
        if after is not None and after <= until:
            rest = Run(
                team_id=row.team_id,
                saved_request_id=row.saved_request_id,
                schedule=schedule,
                trigger=row.trigger,
                due_at=after,
                due_until=until if until > after else None,
                state=row.state,
                stop_reason=row.stop_reason,
                finished_at=row.finished_at,
            )
            Run.objects.bulk_create([rest], ignore_conflicts=True)
        before = [row.due_at]
        if row.due_at < first:
            before = schedules.newest_due(rule, row.due_at, first - schedules.INSTANT, 1)
        row.due_until = before[-1] if before[-1] > row.due_at else None
        row.save(update_fields=["due_until"])


def stop_backfill(schedule: Schedule, *, now: datetime) -> int:
    """Leave out what has not begun; what is under way goes on. How many there were."""
    waiting = schedule.runs.in_line().filter(trigger=Trigger.BACKFILL)
    return waiting.update(state=RunState.SKIPPED, stop_reason=STOPPED, finished_at=now)
