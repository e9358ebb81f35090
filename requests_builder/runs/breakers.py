"""Calls to a host that does not answer: after some in a row nothing is sent, but one from time to time.

When it is back, what has waited begins at no more than the rate at which schedules call the host otherwise,
and all runs together at no more than twice that: whoever was down need not be overrun, and what becomes due
meanwhile need not wait for all that did.
"""

import logging
import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from requests_builder import schedules
from requests_builder.models import Breaker, Run, RunState, Schedule
from requests_builder.runs import hosts
from requests_builder.runs.clock import Clock

# Failures in a row, whoever's.
MOST_FAILURES = 5
# Between two trials: twice as long each time.
FIRST_GAP = timedelta(seconds=30)
LONGEST_GAP = timedelta(minutes=5)
# A trial that has said nothing by then never will.
TRIAL = timedelta(minutes=3)
# Whoever waits for a trial of somebody else looks again after so many seconds.
LOOK_AGAIN = 30.0
# Runs a second that a host gets after an outage though its schedules ask for fewer.
LEAST_RATE = 0.1
# After an outage, all runs together begin at so many times the normal rate: a little less than twice, for
# some begin at once when nobody has to wait for a turn any more. Those that waited begin at the second rate,
# which leaves room for what becomes due meanwhile: it would wait behind them otherwise.
TIMES_NORMAL = 1.98
TIMES_NORMAL_OF_BACKLOG = 0.9
# So many different rules are looked at to see how often they are due; they stand for all.
MOST_RULES = 100
FORGOTTEN_AFTER = timedelta(days=1)
# What may begin until the next tick stays where it is; rows in one transaction.
LINED_UP = timedelta(seconds=10)
AT_ONCE = 1_000
# What the other side, or the way to it, has to be blamed for.
OUTAGES = frozenset(
    {"dns_error", "connect_failed", "deadline", "transport_error", "truncated", "server_error"}
)
_LONGEST_REASON = 300

logger = logging.getLogger(__name__)


def admit(run: Run, host: str, clock: Clock) -> bool:
    """Let a run begin, perhaps after a moment; whether it is a trial. Raises Held if it has to wait.

    Costs nothing where nothing is known of the host, and one statement where something is.
    """
    now = clock()
    hosts.known.refresh(now, hosts.STALE)
    breaker = hosts.known.breaker(run.team_id, host)
    if breaker is None or not (breaker.opened_at or breaker.interval):
        return False
    if breaker.opened_at:
        if _is_our_trial(breaker, now):
            return True
        found = Breaker.objects.filter(pk=breaker.pk).first()
        if found is None:
            hosts.known.forget(breaker)
            return False
        hosts.known.learn(found)
        if found.opened_at:
            until = min(found.free_at, now.timestamp() + LOOK_AGAIN)
            raise hosts.later(until + random.uniform(0, 5), now)  # noqa: S311
        breaker = found
    if breaker.interval:
        _take_turn(breaker, run, clock, now)
    return False


def _is_our_trial(breaker: Breaker, now: datetime) -> bool:
    waiting = Breaker.objects.filter(pk=breaker.pk, opened_at__isnull=False, free_at__lte=now.timestamp())
    return waiting.update(free_at=(now + TRIAL).timestamp(), is_tried=True) == 1


def _take_turn(breaker: Breaker, run: Run, clock: Clock, now: datetime) -> None:
    """Begin when it is this run's turn, if that is within a second. Raises Held."""
    moment = now.timestamp()
    has_waited = breaker.backlog_until is not None and run.due_at <= breaker.backlog_until
    steps = {"free_at": breaker.interval}
    if has_waited:
        steps["backlog_free_at"] = _backlog_interval(breaker)
    largest, quote = "MAX" if connection.vendor == "sqlite" else "GREATEST", connection.ops.quote_name
    sets = ", ".join(f"{quote(name)} = {largest}({quote(name)}, %s) + %s" for name in steps)
    free = " AND ".join(f"{quote(name)} <= %s" for name in steps)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {quote(Breaker._meta.db_table)} SET {sets} "  # noqa: S608 - our own names
            f"WHERE id = %s AND opened_at IS NULL AND {free} RETURNING {', '.join(map(quote, steps))}",
            [value for step in steps.values() for value in (moment, step)]
            + [breaker.pk]
            + [moment + hosts.MOST_SLEPT] * len(steps),
        )
        taken = cursor.fetchone()
    if taken:
        slots = [after - step for after, step in zip(taken, steps.values(), strict=True)]
        clock.sleep(max(slots) - moment)
        return
    found = Breaker.objects.filter(pk=breaker.pk).first()
    if found is None:
        # All that waited has gone.
        hosts.known.forget(breaker)
        return
    hosts.known.learn(found)
    free_at = max(found.free_at, found.backlog_free_at if has_waited else 0.0)
    until = free_at - hosts.MOST_SLEPT / 2
    if found.opened_at:
        until = min(free_at, moment + LOOK_AGAIN)
    # Of those that waited there may be thousands, which must not all come back for the same turn.
    spread = (8 if has_waited else 2) * breaker.interval
    raise hosts.later(until + random.uniform(0, spread), now)  # noqa: S311


def _backlog_interval(breaker: Breaker) -> float:
    """Seconds between two of those that waited."""
    return breaker.interval * TIMES_NORMAL / TIMES_NORMAL_OF_BACKLOG


def failed(run: Run, host: str, reason: str, *, is_trial: bool, wait: timedelta, now: datetime) -> None:
    """Count a call that has come to no answer, or to one that says that the host is in trouble.

    `wait`: how long it asks to be left alone.
    """
    found = Breaker.objects.filter(team=run.team_id, host=host)
    told = {"reason": reason[:_LONGEST_REASON], "changed_at": now}
    if is_trial:
        trials = found.filter(opened_at__isnull=False)
        step = (breaker.trials if (breaker := trials.first()) else 0) + 1
        next_at = _next_trial(step, wait, now)
        trials.update(trials=F("trials") + 1, is_tried=False, free_at=next_at, **told)
    else:
        if not found.update(failures=F("failures") + 1, **told):
            row = Breaker(team_id=run.team_id, host=host)
            Breaker.objects.bulk_create([row], ignore_conflicts=True)
            found.update(failures=F("failures") + 1, **told)
        closed = found.filter(opened_at=None, failures__gte=MOST_FAILURES)
        if closed.update(opened_at=now, trials=0, is_tried=False, free_at=_next_trial(0, wait, now)):
            logger.warning("Nothing is sent to %s for team %s until it answers a trial.", host, run.team_id)
    if breaker := found.first():
        hosts.known.learn(breaker)


def _next_trial(number: int, wait: timedelta, now: datetime) -> float:
    growth: int = 2 ** min(number, 10)
    gap = min(FIRST_GAP * growth, LONGEST_GAP) * random.uniform(0.9, 1.1)  # noqa: S311
    return (now + max(gap, wait)).timestamp()


def answered(run: Run, host: str, *, now: datetime) -> None:
    """The host has answered: nothing is counted against it any more. Costs nothing if nothing was."""
    breaker = hosts.known.breaker(run.team_id, host)
    if breaker is None or not (breaker.opened_at or breaker.failures):
        return
    same = Breaker.objects.filter(pk=breaker.pk)
    if breaker.opened_at:
        # Whoever waits goes on from now.
        rate, moment = TIMES_NORMAL * normal_rate(run.team_id, host, now), now.timestamp()
        back = {"free_at": moment, "backlog_free_at": moment, "backlog_until": now, "interval": 1 / rate}
        opened = same.filter(opened_at__isnull=False)
        if opened.update(opened_at=None, failures=0, trials=0, reason="", changed_at=now, **back):
            logger.warning("%s answers again for team %s.", host, run.team_id)
    else:
        same.filter(opened_at=None).update(failures=0, reason="", changed_at=now)
    if stored := same.first():
        hosts.known.learn(stored)
    else:
        hosts.known.forget(breaker)


def normal_rate(team: UUID, host: str, now: datetime) -> float:
    """How many runs a second the team's schedules ask for at this host, on average."""
    active = Schedule.objects.filter(saved_request__team=team, saved_request__host=host, is_paused=False)
    rules: Counter[str] = Counter()
    examples: dict[str, object] = {}
    for rule in active.exclude(next_at=None).values_list("rule", flat=True):
        # Where an interval is counted from makes it no more frequent.
        name = repr(sorted((key, value) for key, value in rule.items() if key not in ("start", "end")))
        rules[name] += 1
        examples.setdefault(name, rule)
    rate, seen = 0.0, 0
    for name, count in rules.most_common(MOST_RULES):
        rate += count * schedules.rate_of(examples[name], now)  # type: ignore[arg-type]
        seen += count
    return max(rate * rules.total() / seen if seen else 0.0, LEAST_RATE)


def settle(now: datetime) -> None:
    """Let runs begin freely again where all that has waited has gone, and forget what is long ago.

    Runs that wait are put off until the next trial, and afterwards each until its turn: whoever takes runs
    need not look at thousands of them again and again. What they begin by is the row of the breaker.
    """
    closed = Breaker.objects.filter(opened_at=None)
    for breaker in Breaker.objects.filter(
        opened_at__isnull=False, is_tried=False, free_at__gt=now.timestamp()
    ):
        waiting = Run.objects.claimable(now).filter(state=RunState.QUEUED, team=breaker.team_id)
        until = datetime.fromtimestamp(breaker.free_at, UTC)
        ours = waiting.filter(saved_request__host=breaker.host)
        # Who has been the trial already comes later: else the same run would use up all its attempts.
        ours.filter(page_attempts__gt=0).update(not_before=until + LINED_UP, rung_at=None)
        ours.filter(page_attempts=0).update(not_before=until, rung_at=None)
    for breaker in closed.filter(interval__gt=0):
        waiting = Run.objects.unfinished().filter(team=breaker.team_id, saved_request__host=breaker.host)
        if not waiting.filter(due_at__lte=breaker.backlog_until).exists():
            closed.filter(pk=breaker.pk, backlog_until=breaker.backlog_until).update(
                interval=0, backlog_until=None, free_at=0, backlog_free_at=0
            )
        else:
            _line_up(breaker, now)
    closed.filter(interval=0, failures=0).delete()
    closed.filter(interval=0, changed_at__lt=now - FORGOTTEN_AFTER).delete()


def _line_up(breaker: Breaker, now: datetime) -> None:
    """Put those that have waited, but the next ones, off until their turn, the longest due first."""
    step = _backlog_interval(breaker)
    waiting = Run.objects.claimable(now).filter(
        state=RunState.QUEUED, team=breaker.team_id, due_at__lte=breaker.backlog_until
    )
    ours = waiting.filter(saved_request__host=breaker.host).order_by("due_at", "pk")
    turns = [
        (now + LINED_UP + timedelta(seconds=place * step), pk)
        for place, pk in enumerate(
            ours.values_list("pk", flat=True)[math.ceil(LINED_UP.total_seconds() / step) :]
        )
    ]
    fields: list[Any] = [Run._meta.get_field(name) for name in ("not_before", "id", "state")]
    table, *columns = map(
        connection.ops.quote_name, (Run._meta.db_table, *(field.column for field in fields))
    )
    statement = "UPDATE {} SET {} = %s, rung_at = NULL WHERE {} = %s AND {} = %s".format(table, *columns)  # noqa: S608
    for begin in range(0, len(turns), AT_ONCE):
        values = [
            [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)]
            for row in ((until, pk, RunState.QUEUED) for until, pk in turns[begin : begin + AT_ONCE])
        ]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statement, values)
