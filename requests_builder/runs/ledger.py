"""What is due becomes runs: one row for each due time, whatever became of it."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from accounts.models import User
from requests_builder import schedules
from requests_builder.destinations import table
from requests_builder.models import Run, RunState, SavedRequest, Schedule, Trigger
from requests_builder.runs import bell

# Schedules in one transaction, and transactions in one tick: then the workers hear of what is there.
SCHEDULES_AT_ONCE = 500
BATCHES_IN_A_TICK = 10
# After a long pause of the scheduler each schedule may leave many rows; others wait for the transaction.
ROWS_AT_ONCE = 2_000
MOST_MISSED = 500
# A worker that was told about a run has begun by now, or has not heard.
PATIENCE = timedelta(seconds=10)
RECOVERED_AT_ONCE = 200
SWEPT_AT_ONCE = 20_000

MISSED = "Nobody was there to start it: no scheduler was running. A later due time was started in its place."
MISSED_MANY = f"{MISSED} Due times before this one were missed, too, and are not listed."
SKIPPED = "The run before it was not finished yet."


def request_run(
    saved_request: SavedRequest, *, user: User | None, now: datetime, is_reset: bool = False
) -> Run:
    """Run now, also while the schedule is paused. Pressed twice, it is the same run, until that has begun.

    `is_reset`: all records are pulled, and take the place of all rows that the request has brought so far.
    """
    waiting = saved_request.runs.filter(trigger=Trigger.MANUAL, state=RunState.QUEUED, attempts=0)
    run = waiting.filter(is_reset=is_reset).first()
    if run is None:
        run = Run.objects.create(
            team_id=saved_request.team_id,
            saved_request=saved_request,
            trigger=Trigger.MANUAL,
            requested_by=user,
            is_reset=is_reset,
            due_at=now,
            not_before=now,
            rung_at=now,
        )
    bell.ring([run.pk])
    return run


def start_due_runs(now: datetime) -> list[UUID]:
    """Write down a run for each schedule that is due, and move the schedule on, in one transaction.

    Gives the ids of the runs to be executed. Several schedulers may do this at the same time. When nothing is
    due, it costs one query.
    """
    started: list[UUID] = []
    for _ in range(BATCHES_IN_A_TICK):
        if not Schedule.objects.due(now).exists():
            break
        with transaction.atomic():
            # What another scheduler is moving on at this moment is left to it. The lock saves work only: that
            # no due time has two runs is seen to by the constraint on them.
            due = Schedule.objects.due(now).select_related("saved_request")
            locked = due.select_for_update(skip_locked=True, of=("self",))[:SCHEDULES_AT_ONCE]
            started += _start(list(locked), now)
    return started


def _start(due: list[Schedule], now: datetime) -> list[UUID]:
    busy = set(Run.objects.unfinished().filter(schedule__in=due).values_list("schedule_id", flat=True))
    written: list[Run] = []
    moved: list[Schedule] = []
    for schedule in due:
        written += _move_on(schedule, now, is_busy=schedule.pk in busy)
        moved.append(schedule)
        if len(written) >= ROWS_AT_ONCE:
            break
    # A due time that has its row already keeps it.
    Run.objects.bulk_create(written, batch_size=500, ignore_conflicts=True)
    Schedule.objects.bulk_update(moved, ["next_at", "is_paused"], batch_size=100)
    queued = [run.pk for run in written if run.state == RunState.QUEUED]
    return list(Run.objects.filter(pk__in=queued).order_by("due_at").values_list("pk", flat=True))


def _move_on(schedule: Schedule, now: datetime, *, is_busy: bool) -> list[Run]:
    """The runs of the schedule's due times until now; only the last one is to be executed."""
    try:
        rule = schedules.from_config(schedule.rule)
        due = due_times(rule, schedule.next_at, now, MOST_MISSED + 2)
        schedule.next_at = rule.next_after(due[-1])
    except schedules.InvalidSchedule:
        # It was valid when it was saved: it has come to its end, or the time zone has left the world.
        due = [schedule.next_at]
        schedule.is_paused = True
    *missed, last = due
    runs = [_run(schedule, moment, now, RunState.MISSED, MISSED) for moment in missed[-MOST_MISSED:]]
    if len(missed) > MOST_MISSED:
        runs[0].stop_reason = MISSED_MANY
    if is_busy:
        return [*runs, _run(schedule, last, now, RunState.SKIPPED, SKIPPED)]
    return [*runs, _run(schedule, last, now, RunState.QUEUED)]


def _run(schedule: Schedule, due_at: datetime, now: datetime, state: RunState, reason: str = "") -> Run:
    return Run(
        team_id=schedule.saved_request.team_id,
        saved_request_id=schedule.saved_request_id,
        schedule=schedule,
        trigger=Trigger.SCHEDULE,
        due_at=due_at,
        state=state,
        stop_reason=reason,
        not_before=now,
        rung_at=now if state == RunState.QUEUED else None,
        finished_at=None if state == RunState.QUEUED else now,
    )


def due_times(rule: schedules.Rule, first: datetime, now: datetime, most: int) -> list[datetime]:
    """The newest `most` due times from `first`, which is one, until now.

    Looks back from now, further and further, so that a year without a scheduler costs no more than a day.
    """
    if isinstance(rule, schedules.Minutes | schedules.Hours):
        # Counted from the first, so only the number of steps can be left out.
        step = rule.next_after(first) - first
        steps = (now - first) // step
        return [first + step * number for number in range(max(0, steps - most + 1), steps + 1)]
    span = timedelta(minutes=most)
    while True:
        begin = max(first, now - span)
        due = [first] if begin == first else []
        moment = rule.next_after(begin)
        while moment <= now:
            due.append(moment)
            moment = rule.next_after(moment)
        if begin == first or len(due) >= most:
            return due[-most:]
        span *= 4


def recover_runs(now: datetime) -> list[UUID]:
    """Ids of runs that somebody should work on and nobody does: their message or their worker was lost.

    The longest waiting first, some at a time; when there are none, it costs one query.
    """
    unheard = Run.objects.unheard(now, PATIENCE)
    if not unheard.exists():
        return []
    with transaction.atomic():
        locked = unheard.select_for_update(skip_locked=True).values_list("pk", flat=True)
        pks = list(locked[:RECOVERED_AT_ONCE])
        Run.objects.filter(pk__in=pks).update(rung_at=now)
    return pks


def sweep(now: datetime) -> int:
    """Remove some of the rows that nobody will see again: of failed runs, and of replaced ones."""
    return table.sweep(now, SWEPT_AT_ONCE)


def set_schedule(
    saved_request: SavedRequest, rule: schedules.Rule, *, user: User | None, now: datetime
) -> Schedule:
    """Have the request run by this rule from now on. The same rule again changes nothing."""
    config = schedules.to_config(rule)
    with transaction.atomic():
        schedule, is_new = Schedule.objects.select_for_update().get_or_create(
            saved_request=saved_request,
            defaults={"rule": config, "next_at": rule.next_after(now), "created_by": user},
        )
        if not is_new and schedule.rule != config:
            schedule.rule, schedule.next_at = config, rule.next_after(now)
            schedule.save(update_fields=["rule", "next_at"])
    return schedule


def remove_schedule(saved_request: SavedRequest) -> None:
    """Have the request run no more by itself. Its runs stay, and what is under way goes on."""
    Schedule.objects.filter(saved_request=saved_request).delete()


def pause(schedule: Schedule) -> None:
    """Let the due times pass from now on, without rows. What is under way goes on."""
    schedule.is_paused = True
    Schedule.objects.filter(pk=schedule.pk).update(is_paused=True)


def resume(schedule: Schedule, *, now: datetime) -> None:
    """Go on with the first due time after now: what passed during the pause is not made up for."""
    if schedule.is_paused:
        schedule.is_paused = False
        schedule.next_at = schedules.from_config(schedule.rule).next_after(now)
        Schedule.objects.filter(pk=schedule.pk).update(is_paused=False, next_at=schedule.next_at)


def next_runs(schedule: Schedule, *, now: datetime, count: int = 5) -> list[datetime]:
    """When it will run, the next time first; nothing while it is paused or cannot be kept."""
    rule = schedule.kept_rule
    if schedule.is_paused or rule is None:
        return []
    first = schedule.next_at
    return [first, *schedules.upcoming(rule, first, count - 1)]
