"""What is due becomes runs: one row for each due time, whatever became of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from accounts.models import User
from connections.models import Connection, ConnectionState
from requests_builder import schedules
from requests_builder.destinations import table as rows_of_tables
from requests_builder.models import (
    AuthorizationKind,
    CatchUp,
    Overlap,
    Run,
    RunState,
    SavedRequest,
    Schedule,
    Trigger,
)
from requests_builder.models.schedules import ScheduleQuerySet
from requests_builder.runs import bell, breakers, deaths, hosts, pacing, tallying

# Schedules in one transaction, and transactions in one tick: then the workers hear of what is there.
SCHEDULES_AT_ONCE = 500
BATCHES_IN_A_TICK = 10
# After a long pause of the scheduler each schedule may leave many rows; others wait for the transaction.
ROWS_AT_ONCE = 2_000
# So many missed due times have a row of their own; one row stands for all before them.
MOST_LISTED = 50
# So many are made up for by "all".
MOST_CAUGHT_UP = 100
# Whoever is later than this was away: the catch-up policy decides.
ON_TIME = timedelta(minutes=10)
# A worker that was told about a run has begun by now, or has not heard.
PATIENCE = timedelta(seconds=10)
RECOVERED_AT_ONCE = 200
CALLED_UP_AT_ONCE = 200
SWEPT_AT_ONCE = 20_000

AWAY = "No scheduler was running when it was due."
PAUSED = "The schedule was paused when it was due."
# The error code of what was due while a schedule was paused for its failures, and why.
STOPPED = "schedule_stopped"
PAUSED_FOR_FAILURES = "When it was due, the schedule was paused because it had failed again and again."
NOT_MADE_UP = {
    CatchUp.SKIP: "By the schedule’s catch-up policy nothing is made up for.",
    CatchUp.LATEST: "Only the latest due time was made up for.",
    CatchUp.ALL: f"Only the newest {MOST_CAUGHT_UP} due times were made up for.",
}
SKIPPED = "The run before it was not finished yet."
SKIPPED_FOR_WAITING = f"{SKIPPED} Another due time was waiting for it already."
# The error code of what was skipped because nobody could have called the API, and why.
DEAD_CONNECTION = "connection_needs_reauth"
DEAD = "Its connection {connection} needs reconnecting."


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

    Gives the ids of the runs to be executed, among them those whose turn in a line has come. Several
    schedulers may do this at the same time. When nothing is due, it costs two queries.
    """
    started: list[UUID] = []
    for _ in range(BATCHES_IN_A_TICK):
        if not Schedule.objects.due(now).exists():
            break
        with transaction.atomic():
            # What another scheduler is moving on at this moment is left to it. The lock saves work only: that
            # no due time has two runs is seen to by the constraint on them.
            due = with_what_decides(Schedule.objects.due(now))
            locked = due.select_for_update(skip_locked=True, of=("self",))[:SCHEDULES_AT_ONCE]
            started += write_down(list(locked), now)
    return started + _call_up(now)


def _call_up(now: datetime) -> list[UUID]:
    """Let those begin whose turn it is in their line."""
    called = []
    for pk in Run.objects.first_in_line()[:CALLED_UP_AT_ONCE]:
        # Another scheduler may have seen the same one.
        called += [pk] * Run.objects.in_line().filter(pk=pk).update(not_before=now, rung_at=now)
    return called


def with_what_decides(chosen: ScheduleQuerySet) -> ScheduleQuerySet:
    """The schedules with what `write_down` reads of their requests and connections, and no secrets."""
    names = ("team_id", "authorization_kind", "connection__name", "connection__state")
    of_request = (f"saved_request__{name}" for name in names)
    own = (field.attname for field in Schedule._meta.concrete_fields)
    return chosen.select_related("saved_request__connection").only(*own, *of_request)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Schedules by what is unfinished of them: a run at all, and one that waits for another."""

    busy: Collection[UUID] = field(default_factory=frozenset)
    waiting: Collection[UUID] = field(default_factory=frozenset)


def write_down(due: Sequence[Schedule], now: datetime, *, was_paused: bool = False) -> list[UUID]:
    """Write what becomes of each due time until now, and move the schedules on; within a transaction.

    The ids of the runs that begin now. Stops after `ROWS_AT_ONCE` rows; the schedules that are left stay due.
    """
    unfinished = Run.objects.unfinished().filter(schedule__in=due, trigger=Trigger.SCHEDULE)
    found = list(unfinished.values_list("schedule_id", "not_before"))
    lines = _Lines({pk for pk, _ in found}, {pk for pk, not_before in found if not_before is None})
    written: list[Run] = []
    moved: list[Schedule] = []
    for schedule in due:
        written += _moved_on(schedule, now, lines, was_paused=was_paused)
        moved.append(schedule)
        if len(written) >= ROWS_AT_ONCE:
            break
    # A due time that has its row already keeps it.
    Run.objects.bulk_create(written, batch_size=500, ignore_conflicts=True)
    transaction.on_commit(partial(tallying.passed_over, written))
    _store_where_they_stand(moved)
    begun = [run.pk for run in written if run.rung_at]
    return list(Run.objects.filter(pk__in=begun).order_by("due_at").values_list("pk", flat=True))


def _store_where_they_stand(moved: Sequence[Schedule]) -> None:
    """One plain statement: what `bulk_update` composes takes longer than all else that a tick does."""
    names = ("next_at", "is_paused", "id")
    fields: list[Any] = [Schedule._meta.get_field(name) for name in names]
    values = [
        [field.get_db_prep_save(getattr(schedule, field.attname), connection) for field in fields]
        for schedule in moved
    ]
    table, *columns = (
        connection.ops.quote_name(name) for name in (Schedule._meta.db_table, *(f.column for f in fields))
    )
    next_at, is_paused, key = columns
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET {next_at} = %s, {is_paused} = %s WHERE {key} = %s",  # noqa: S608 - our own names
            values,
        )


def _moved_on(schedule: Schedule, now: datetime, lines: _Lines, *, was_paused: bool) -> list[Run]:
    """The rows of the schedule's due times until now, in order; the schedule stands at the one after them."""
    first = schedule.next_at
    assert first is not None
    try:
        rule = schedules.from_config(schedule.rule)
        most = MOST_LISTED + 1 + (MOST_CAUGHT_UP if schedule.catch_up == CatchUp.ALL else 1)
        due = schedules.newest_due(rule, first, now, most)
        schedule.next_at = rule.next_after(due[-1])
    except schedules.InvalidSchedule:
        # It was valid when it was saved: it has come to its end, or the time zone has left the world.
        due = [first]
        schedule.is_paused = True
    is_on_time = not was_paused and now - due[-1] <= ON_TIME
    count = _count_to_run(CatchUp(schedule.catch_up), len(due), is_on_time=is_on_time)
    passed, to_run = due[: len(due) - count], due[len(due) - count :]
    is_backlog = schedule.catch_up == CatchUp.ALL and (len(due) > 1 or not is_on_time)
    return [
        *_passed(schedule, first, passed, now, was_paused=was_paused),
        *_to_run(schedule, to_run, now, lines, is_backlog=is_backlog),
    ]


def _count_to_run(policy: CatchUp, due: int, *, is_on_time: bool) -> int:
    """How many of the newest due times are to run."""
    match policy:
        case CatchUp.ALL:
            return min(due, MOST_CAUGHT_UP)
        case CatchUp.LATEST:
            return 1
        case CatchUp.SKIP:
            return 1 if is_on_time else 0


def _passed(
    schedule: Schedule, first: datetime, passed: list[datetime], now: datetime, *, was_paused: bool
) -> list[Run]:
    """Rows for what is not made up for: one for all the older ones, then one each."""
    if not passed:
        return []
    state = RunState.SKIPPED if was_paused else RunState.MISSED
    was_stopped = was_paused and schedule.stopped_at is not None
    why = (PAUSED_FOR_FAILURES if was_stopped else PAUSED) if was_paused else AWAY
    reason = f"{why} {NOT_MADE_UP[CatchUp(schedule.catch_up)]}"
    code = STOPPED if was_stopped else ""
    older, listed = passed[:-MOST_LISTED], passed[-MOST_LISTED:]
    if not older and passed[0] != first:
        older, listed = passed[:1], passed[1:]
    rows = [_row(schedule, moment, state, reason, finished_at=now, error_code=code) for moment in listed]
    if not older:
        return rows
    all_before = _row(schedule, first, state, reason, finished_at=now, error_code=code)
    all_before.due_until = older[-1] if older[-1] > first else None
    return [all_before, *rows]


def _to_run(
    schedule: Schedule, due: list[datetime], now: datetime, lines: _Lines, *, is_backlog: bool
) -> list[Run]:
    """Rows for what is to run: at once, in line, or not because of what stands in the way."""
    if dead := dead_connection(schedule.saved_request):
        reason = DEAD.format(connection=dead.name)
        return [
            _row(schedule, moment, RunState.SKIPPED, reason, finished_at=now, error_code=DEAD_CONNECTION)
            for moment in due
        ]
    is_busy, has_waiting = schedule.pk in lines.busy, schedule.pk in lines.waiting
    rows: list[Run] = []
    for moment in due:
        if not is_busy:
            is_busy = True
            begins_at = now + _spread(schedule)
            rung_at = now if begins_at == now else None
            rows.append(_row(schedule, moment, not_before=begins_at, rung_at=rung_at))
        elif is_backlog or (schedule.overlap == Overlap.QUEUE and not has_waiting):
            has_waiting = True
            rows.append(_row(schedule, moment))
        else:
            reason = SKIPPED_FOR_WAITING if schedule.overlap == Overlap.QUEUE else SKIPPED
            rows.append(_row(schedule, moment, RunState.SKIPPED, reason, finished_at=now))
    return rows


def dead_connection(saved_request: SavedRequest) -> Connection | None:
    """Its connection, if nothing but a person can bring that back to life."""
    used = saved_request.connection
    if used is None or saved_request.authorization_kind != AuthorizationKind.OAUTH:
        return None
    return used if used.state == ConnectionState.NEEDS_REAUTH else None


def _row(
    schedule: Schedule,
    due_at: datetime,
    state: RunState = RunState.QUEUED,
    reason: str = "",
    *,
    error_code: str = "",
    not_before: datetime | None = None,
    rung_at: datetime | None = None,
    finished_at: datetime | None = None,
) -> Run:
    return Run(
        team_id=schedule.saved_request.team_id,
        saved_request_id=schedule.saved_request_id,
        schedule=schedule,
        trigger=Trigger.SCHEDULE,
        due_at=due_at,
        state=state,
        stop_reason=reason,
        error_code=error_code,
        not_before=not_before,
        rung_at=rung_at,
        finished_at=finished_at,
    )


def _spread(schedule: Schedule) -> timedelta:
    """How long after its due time a schedule begins, always the same for one: all at once is a stampede."""
    seconds: int = settings.SCHEDULE_SPREAD_SECONDS
    return timedelta(seconds=schedule.pk.int % (seconds + 1))


def recover_runs(now: datetime) -> list[UUID]:
    """Ids of runs that somebody should work on and nobody does: their message or their worker was lost.

    The longest waiting first, some at a time; when there are none, it costs two queries.
    """
    deaths.set_aside(now)
    unheard = Run.objects.unheard(now, PATIENCE)
    if not unheard.exists():
        return []
    hosts.known.refresh(now)
    unheard = hosts.callable_now(unheard, now)
    with transaction.atomic():
        locked = unheard.select_for_update(skip_locked=True).values_list("pk", flat=True)
        pks = list(locked[:RECOVERED_AT_ONCE])
        Run.objects.filter(pk__in=pks).update(rung_at=now)
    return pks


def sweep(now: datetime) -> int:
    """Remove some of the rows that nobody will see again: of failed runs, and of replaced ones."""
    breakers.settle(now)
    pacing.sweep(now)
    return rows_of_tables.sweep(now, SWEPT_AT_ONCE)
