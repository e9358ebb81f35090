"""Due times that have not begun although their time has come."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Min, Q

from requests_builder import runs
from requests_builder.alerts import incidents, rules
from requests_builder.alerts.facts import moment, with_what_is_said
from requests_builder.models import Incident, IncidentKind, Run, RunState, Schedule, Trigger

# The least that anybody may choose.
LEAST = timedelta(minutes=1)
MOST_AT_ONCE = 2_000


def watch(now: datetime) -> None:
    """What is late, and what is no longer."""
    open_ones = {
        incident.schedule_id: incident for incident in Incident.objects.open().filter(kind=IncidentKind.LATE)
    }
    waiting = _waiting(now)
    if not waiting and not open_ones:
        return
    schedules = list(with_what_is_said().filter(pk__in={*waiting, *open_ones}))
    rules_of = rules.of_schedules(schedules)
    # Who knows that it fails need not hear that it is late, too.
    told_of = set(
        Incident.objects.open()
        .filter(kind=IncidentKind.FAILING, told_at__isnull=False, schedule__in=waiting)
        .values_list("schedule", flat=True)
    )
    for schedule in schedules:
        own, incident = rules_of[schedule.pk], open_ones.get(schedule.pk)
        due_at = waiting.get(schedule.pk, now)
        is_late = bool(own.late_after) and due_at <= now - timedelta(minutes=own.late_after)
        if incident is None and is_late and schedule.pk not in told_of:
            incidents.begin(
                schedule,
                IncidentKind.LATE,
                is_told=True,
                now=now,
                since=due_at,
                reason=_why(schedule, due_at, own.late_after, now),
            )
        elif incident and not is_late:
            how = f"The run that was due {moment(incident.since, schedule)} no longer waits."
            incidents.end(incident, schedule, own, now, how)


def _waiting(now: datetime) -> dict[UUID, datetime]:
    """The first due time that has not begun, by schedule."""
    return {**dict(_unwritten(now)), **dict(_unbegun(now))}


def _unbegun(now: datetime) -> Iterator[tuple[UUID, datetime]]:
    """Runs that were written down in time and wait. What is made up for is late anyway, and no news."""
    in_time = Q(created_at__lte=F("due_at") + runs.ON_TIME)
    late = Run.objects.unfinished().filter(
        # Also those that wait for their host until later: to people they are late all the same, and not late
        # and in time by turns.
        in_time,
        state=RunState.QUEUED,
        started_at=None,
        trigger=Trigger.SCHEDULE,
        schedule__isnull=False,
        due_at__lte=now - LEAST,
    )
    yield from late.order_by().values_list("schedule").annotate(Min("due_at"))[:MOST_AT_ONCE]


def _unwritten(now: datetime) -> Iterator[tuple[UUID, datetime]]:
    """Due times that no scheduler has written down."""
    for schedule, due_at in Schedule.objects.due(now - LEAST).values_list("pk", "next_at")[:MOST_AT_ONCE]:
        assert due_at is not None
        yield schedule, due_at


def _why(schedule: Schedule, due_at: datetime, minutes: int, now: datetime) -> str:
    unfinished = schedule.runs.unfinished().select_related("saved_request")
    waiting = unfinished.filter(due_at=due_at).first()
    if waiting and (obstacle := runs.obstacle(waiting, now)):
        cause = obstacle.sentence
    elif unfinished.filter(due_at__lt=due_at, state=RunState.RUNNING).exists():
        cause = "The run before it is still under way."
    else:
        cause = "It waits for a worker, or for others of this team or at this host."
    return f"It has not begun within {minutes} minute{'' if minutes == 1 else 's'}. {cause}"
