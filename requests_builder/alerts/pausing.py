"""A schedule that fails in vain is paused, loudly: its page says so, and whoever hears of it is told."""

from datetime import datetime

from django.db import transaction

from requests_builder.alerts import incidents
from requests_builder.alerts.judging import is_to_be_paused
from requests_builder.alerts.rules import Rules
from requests_builder.models import Incident, IncidentKind, Schedule


def pause_if_in_vain(schedule: Schedule, failing: Incident, rules: Rules, now: datetime) -> None:
    """Pause the schedule if what it does has failed often enough since it was last paused for that."""
    if schedule.is_paused or not is_to_be_paused(
        rules.pause_after,
        since_pause=failing.since_pause,
        stubborn=failing.stubborn,
        since=failing.since,
        now=now,
    ):
        return
    with transaction.atomic():
        going = Schedule.objects.filter(pk=schedule.pk, is_paused=False)
        counted = Incident.objects.open().filter(pk=failing.pk, since_pause=failing.since_pause)
        if not going.update(is_paused=True, stopped_at=now):
            return
        # Counted from the start after somebody has resumed it.
        if not counted.update(since_pause=0, stubborn=0):
            transaction.set_rollback(True)
            return
        schedule.is_paused, schedule.stopped_at = True, now
        Incident.objects.open().filter(schedule=schedule, kind=IncidentKind.PAUSED).update(ended_at=now)
        incidents.begin(
            schedule,
            IncidentKind.PAUSED,
            is_told=True,
            now=now,
            since=failing.since,
            failures=failing.failures,
            run_id=failing.run_id,
            reason=failing.reason,
            error_code=failing.error_code,
            mender=failing.mender,
        )
