"""Incidents begin, are told, and end; each step is one transaction in which the database decides."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from requests_builder.alerts import facts
from requests_builder.alerts.judging import Course, Outcome
from requests_builder.alerts.rules import Rules
from requests_builder.alerts.telling import tell
from requests_builder.models import Incident, IncidentKind, Schedule


def begin(
    schedule: Schedule, kind: IncidentKind, *, is_told: bool, now: datetime, **fields: Any
) -> Incident | None:
    """Open an incident, and tell of it; None if there is an open one of this kind already."""
    try:
        with transaction.atomic():
            team_id = schedule.saved_request.team_id
            incident = Incident.objects.create(
                team_id=team_id, schedule=schedule, kind=kind, opened_at=now, **fields
            )
            if is_told:
                told(incident, schedule, now)
    except IntegrityError:
        # Another watcher was quicker, and has told of it.
        return None
    return incident


def told(incident: Incident, schedule: Schedule, now: datetime) -> None:
    """Tell of an incident that nobody has been told of; within a transaction."""
    if Incident.objects.open().filter(pk=incident.pk, told_at=None).update(told_at=now):
        incident.told_at = now
        tell(facts.of_incident(incident, schedule), team_id=incident.team_id, incident=incident, now=now)


def end(incident: Incident, schedule: Schedule, rules: Rules, now: datetime, how: str = "") -> None:
    """Close an incident; whoever was told of it is told `how` it ended, unless that is nothing."""
    with transaction.atomic():
        if not Incident.objects.open().filter(pk=incident.pk).update(ended_at=now):
            return
        # Told meanwhile, perhaps.
        incident.refresh_from_db(fields=["told_at", "failures"])
        if incident.told_at and how and rules.on_recovery:
            said = facts.of_incident(incident, schedule, recovered=how)
            tell(said, team_id=incident.team_id, incident=incident, now=now)


def shown_by(outcome: Outcome) -> dict[str, Any]:
    """The fields of an incident that its newest run decides."""
    return {
        "run_id": outcome.run_id,
        "reason": outcome.error or outcome.remark,
        "error_code": outcome.error_code,
        "mender": outcome.mender,
    }


def count(incident: Incident, course: Course) -> None:
    """Count failures that are new, unless another watcher has."""
    new, newest = len(course.failures), course.failures[-1]
    all_stubborn = course.stubborn == new
    fields = {
        "failures": F("failures") + new,
        "since_pause": F("since_pause") + new,
        "stubborn": F("stubborn") + new if all_stubborn else course.stubborn,
        "counted_until": newest.finished_at,
        **shown_by(newest),
    }
    uncounted = Incident.objects.open().filter(pk=incident.pk, counted_until=incident.counted_until)
    uncounted.update(**fields)
    incident.refresh_from_db()
