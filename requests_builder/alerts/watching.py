"""How runs have ended against what people have been told: what begins, what is over, who is told.

A tick compares what is now with what has been said. Each step is a transaction of its own, and the mark moves
on after all of them, so that two ticks at once, or one that is killed anywhere, tell nothing twice and leave
nothing out. When nothing has happened a tick costs a few queries, however many runs there are.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Subquery

from connections.models import ConnectionState
from requests_builder.alerts import incidents, lateness, notices, pausing, rules
from requests_builder.alerts.facts import moment, times, with_what_is_said
from requests_builder.alerts.judging import Course, Outcome, course
from requests_builder.alerts.rules import Rules
from requests_builder.models import (
    Incident,
    IncidentKind,
    Mender,
    Run,
    RunState,
    Schedule,
    Trigger,
    WatchMark,
)

# A run may be seen so long after its end: clocks differ, and a transaction takes a while.
SLACK = timedelta(minutes=2)
# Of a process that stood still, much longer: now and then it is looked back further.
LOOK_BACK = timedelta(hours=6)
LOOK_BACK_EVERY = timedelta(minutes=10)
# What is over is kept for so long.
REMEMBERED = timedelta(days=90)
_BATCH = 200
# So many successes are looked at for one with records.
_LATELY = 20
_BY_RUNS = (IncidentKind.FAILING, IncidentKind.EMPTY, IncidentKind.DRIFT)
# States of a connection about which people are told by notices.
_TOLD_BY_NOTICES = (ConnectionState.NEEDS_REAUTH, ConnectionState.CONFIG_ERROR)

logger = logging.getLogger(__name__)


def watch(*, now: datetime) -> None:
    """Bring incidents and alerts into step with runs, schedules and notices."""
    mark, _ = WatchMark.objects.get_or_create(pk=1, defaults={"seen_until": now, "looked_back_at": now})
    looks_back = mark.looked_back_at <= now - LOOK_BACK_EVERY
    since = mark.seen_until - (LOOK_BACK if looks_back else SLACK)
    touched = list(_touched(since))
    for start in range(0, len(touched), _BATCH):
        _judge(touched[start : start + _BATCH], since, now)
    lateness.watch(now)
    notices.watch(now)
    # Whoever resumes a schedule knows that it goes on.
    resumed = Exists(Schedule.objects.filter(pk=OuterRef("schedule"), stopped_at=None))
    Incident.objects.open().filter(resumed, kind=IncidentKind.PAUSED).update(ended_at=now)
    if looks_back:
        Incident.objects.filter(ended_at__lte=now - REMEMBERED).delete()
        WatchMark.objects.filter(pk=1, looked_back_at__lt=now).update(looked_back_at=now)
    WatchMark.objects.filter(pk=1, seen_until__lt=now).update(seen_until=now)


def _touched(since: datetime) -> Iterable[UUID]:
    """The requests on a schedule of which a run has ended that may begin or end something."""
    concerned = Incident.objects.open().filter(
        kind__in=_BY_RUNS, schedule__saved_request=OuterRef("saved_request")
    )
    has_failed = Q(state=RunState.FAILED, trigger=Trigger.SCHEDULE, schedule__isnull=False)
    is_odd = Q(rows=0) | Q(findings__has_key="remark")
    has_succeeded = Q(state=RunState.SUCCEEDED) & (is_odd | Exists(concerned))
    found = Run.objects.filter(finished_at__gt=since).filter(has_failed | has_succeeded)
    return found.order_by().values_list("saved_request", flat=True).distinct()


def _judge(requests: Sequence[UUID], since: datetime, now: datetime) -> None:
    """Each of these requests on its own: what goes wrong with one keeps nobody from hearing of the others."""
    schedules = list(with_what_is_said().filter(saved_request__in=requests))
    rules_of = rules.of_schedules(schedules)
    open_ones: defaultdict[UUID, dict[str, Incident]] = defaultdict(dict)
    for incident in Incident.objects.open().filter(schedule__in=schedules, kind__in=_BY_RUNS):
        open_ones[incident.schedule_id][incident.kind] = incident
    outcomes = _outcomes(requests, since)
    for schedule in schedules:
        ended = outcomes.get(schedule.saved_request_id, [])
        try:
            judged = _Judged(schedule, rules_of[schedule.pk], open_ones[schedule.pk], now)
            judged.whether_it_fails(ended)
            judged.whether_it_is_empty(ended)
            judged.whether_fields_have_changed(ended)
        except Exception:
            logger.exception("Schedule %s could not be judged", schedule.pk)


def _outcomes(requests: Sequence[UUID], since: datetime) -> Mapping[UUID, list[Outcome]]:
    """How their runs ended, by request. What somebody started by hand can heal, but fails for nobody else."""
    counts = Q(state=RunState.SUCCEEDED) | Q(
        state=RunState.FAILED, trigger=Trigger.SCHEDULE, schedule__isnull=False
    )
    found = Run.objects.filter(counts, saved_request__in=requests, finished_at__gt=since)
    outcomes: defaultdict[UUID, list[Outcome]] = defaultdict(list)
    for run in found.only(*_OF_RUNS):
        outcomes[run.saved_request_id].append(_outcome(run))
    return outcomes


_OF_RUNS = (
    "saved_request",
    "due_at",
    "finished_at",
    "state",
    "rows",
    "findings",
    "error",
    "error_code",
    "mender",
)


def _outcome(run: Run) -> Outcome:
    has_succeeded = run.state == RunState.SUCCEEDED
    assert run.finished_at is not None
    return Outcome(
        run.pk,
        run.due_at,
        run.finished_at,
        has_succeeded,
        rows=run.rows,
        remark=str(run.findings.get("remark", "")) if has_succeeded else "",
        error=run.error,
        error_code=run.error_code,
        mender=run.mender,
    )


class _Judged:
    """One schedule, with what is wrong with it already."""

    def __init__(
        self, schedule: Schedule, rules: Rules, open_ones: dict[str, Incident], now: datetime
    ) -> None:
        self.schedule, self.rules, self.open, self.now = schedule, rules, open_ones, now

    def whether_it_fails(self, outcomes: Sequence[Outcome]) -> None:
        """Failures in a row are one incident, however many there are."""
        incident = self.open.get(IncidentKind.FAILING)
        became = course(outcomes, incident.counted_until if incident else None)
        if incident and became.healed:
            how = (
                f"The run that was due {moment(became.healed.due_at, self.schedule)} succeeded, after "
                f"{times(incident.failures)}."
            )
            incidents.end(incident, self.schedule, self.rules, self.now, how)
            incident = None
        if incident is None:
            incident = self._begin_to_fail(became)
        elif became.failures:
            incidents.count(incident, became)
        if incident is not None:
            self._tell_if_it_is_time(incident)
            pausing.pause_if_in_vain(self.schedule, incident, self.rules, self.now)

    def _begin_to_fail(self, became: Course) -> Incident | None:
        if not became.failures:
            return None
        first, newest = became.failures[0], became.failures[-1]
        begun = incidents.begin(
            self.schedule,
            IncidentKind.FAILING,
            is_told=False,
            now=self.now,
            since=first.due_at,
            failures=len(became.failures),
            since_pause=len(became.failures),
            stubborn=became.stubborn,
            counted_until=newest.finished_at,
            **incidents.shown_by(newest),
        )
        # Whoever was quicker may have been killed before anybody was told.
        open_ones = Incident.objects.open().filter(schedule=self.schedule, kind=IncidentKind.FAILING)
        return begun or open_ones.first()

    def _tell_if_it_is_time(self, incident: Incident) -> None:
        enough = self.rules.failure_after
        if incident.told_at or not enough or incident.failures < enough or self._is_told_by_notices(incident):
            return
        with transaction.atomic():
            incidents.told(incident, self.schedule, self.now)

    def _is_told_by_notices(self, incident: Incident) -> bool:
        """Whether people hear of its connection anyway, with all that it affects."""
        connection = self.schedule.saved_request.connection
        return bool(
            incident.mender == Mender.CONNECTION and connection and connection.state in _TOLD_BY_NOTICES
        )

    def whether_it_is_empty(self, outcomes: Sequence[Outcome]) -> None:
        """No records, where there were some. A request that wants only new ones may well find none."""
        newest = course(outcomes).newest
        if newest is None:
            return
        incident = self.open.get(IncidentKind.EMPTY)
        wants_new = bool(self.schedule.saved_request.newest_field)
        if incident and newest.rows:
            due = moment(newest.due_at, self.schedule)
            how = f"The run that was due {due} brought {newest.rows:,} records."
            incidents.end(incident, self.schedule, self.rules, self.now, how)
        elif not incident and not newest.rows and not wants_new and self._brought_records(newest):
            self._begin(IncidentKind.EMPTY, newest, is_told=self.rules.on_empty)

    def _brought_records(self, newest: Outcome) -> bool:
        runs = Run.objects.filter(saved_request=self.schedule.saved_request_id, state=RunState.SUCCEEDED)
        lately = runs.filter(due_at__lt=newest.due_at).order_by("-due_at")[:_LATELY]
        return Run.objects.filter(pk__in=Subquery(lately.values("pk")), rows__gt=0).exists()

    def whether_fields_have_changed(self, outcomes: Sequence[Outcome]) -> None:
        """Records that do not fit the mapping, until they do, or it is changed."""
        newest = course(outcomes).newest
        if newest is None:
            return
        incident = self.open.get(IncidentKind.DRIFT)
        if incident and not newest.remark:
            how = f"The records of the run that was due {moment(newest.due_at, self.schedule)} fit."
            incidents.end(incident, self.schedule, self.rules, self.now, how)
        elif not incident and newest.remark:
            self._begin(IncidentKind.DRIFT, newest, is_told=self.rules.on_drift)

    def _begin(self, kind: IncidentKind, newest: Outcome, *, is_told: bool) -> None:
        incidents.begin(
            self.schedule,
            kind,
            is_told=is_told,
            now=self.now,
            since=newest.due_at,
            **incidents.shown_by(newest),
        )
