"""Putting a request on a schedule, pausing and resuming it, and taking it off."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts.models import User
from requests_builder import schedules
from requests_builder.models import CatchUp, Overlap, Run, RunState, SavedRequest, Schedule
from requests_builder.runs import bell
from requests_builder.runs.ledger import with_what_decides, write_down

REMOVED = "The schedule was removed while it waited for the run before it."


def set_schedule(
    saved_request: SavedRequest,
    rule: schedules.Rule,
    *,
    user: User | None,
    now: datetime,
    catch_up: CatchUp = CatchUp.LATEST,
    overlap: Overlap = Overlap.SKIP,
) -> Schedule:
    """Have the request run by this rule from now on. The same rule again changes nothing.

    What was due by the old rule until now leaves its rows first.
    """
    config = schedules.to_config(rule)
    begun: list[UUID] = []
    with transaction.atomic():
        next_at = rule.next_after(now)
        zone = _zone_of(saved_request)
        policies = {"catch_up": catch_up, "overlap": overlap}
        schedule, is_new = Schedule.objects.select_for_update().get_or_create(
            saved_request=saved_request,
            defaults={"rule": config, "next_at": next_at, "created_by": user, **policies},
        )
        if not is_new:
            schedule.catch_up, schedule.overlap = catch_up, overlap
            if schedule.rule != config:
                begun = _settle(schedule, now)
                schedule.rule, schedule.next_at = config, next_at
            # What cannot be kept any more has been paused by `write_down`; this rule can.
            schedule.save(update_fields=["rule", "next_at", "is_paused", *policies])
        if zone != rule.timezone:
            _count_days_anew(saved_request)
    bell.ring(begun)
    return schedule


def _settle(schedule: Schedule, now: datetime) -> list[UUID]:
    """Write down what was due until now, as a tick does; during a pause nothing of it is made up for."""
    if schedule.next_at is None or schedule.next_at > now:
        return []
    found = with_what_decides(Schedule.objects.filter(pk=schedule.pk)).get()
    if found.is_paused:
        found.catch_up = CatchUp.SKIP
    return write_down([found], now, was_paused=found.is_paused)


def remove_schedule(saved_request: SavedRequest, *, now: datetime) -> None:
    """Have the request run no more by itself. Its runs stay, and what is under way goes on."""
    with transaction.atomic():
        if _zone_of(saved_request) != "UTC":
            _count_days_anew(saved_request)
        for schedule in Schedule.objects.select_for_update().filter(saved_request=saved_request):
            Run.objects.in_line().filter(schedule=schedule).update(
                state=RunState.SKIPPED, stop_reason=REMOVED, finished_at=now
            )
            schedule.delete()


def _zone_of(saved_request: SavedRequest) -> str:
    rule = Schedule.objects.filter(saved_request=saved_request).values_list("rule", flat=True).first()
    return str((rule or {}).get("timezone") or "UTC")


def _count_days_anew(saved_request: SavedRequest) -> None:
    """Its dates may be in the zone of its schedule: a run that is under way begins anew, not to mix them."""
    SavedRequest.objects.filter(pk=saved_request.pk).update(version=F("version") + 1)


def pause(schedule: Schedule) -> None:
    """Let the due times pass from now on. What is under way, or waits in line, goes on."""
    schedule.is_paused = True
    Schedule.objects.filter(pk=schedule.pk).update(is_paused=True)


def resume(schedule: Schedule, *, now: datetime) -> list[UUID]:
    """Go on. What passed during the pause leaves its rows, and is made up for by the catch-up policy.

    The ids of the runs that begin at once.
    """
    begun: list[UUID] = []
    with transaction.atomic():
        paused = Schedule.objects.select_for_update(of=("self",)).filter(pk=schedule.pk, is_paused=True)
        found = with_what_decides(paused).first()
        if found is not None:
            found.is_paused = False
            if found.next_at is not None and found.next_at <= now:
                begun = write_down([found], now, was_paused=True)
            else:
                found.save(update_fields=["is_paused"])
            Schedule.objects.filter(pk=schedule.pk).update(stopped_at=None)
    schedule.refresh_from_db(fields=["is_paused", "next_at", "stopped_at"])
    bell.ring(begun)
    return begun


def next_runs(schedule: Schedule, *, count: int = 10) -> list[schedules.Foretold]:
    """When it will run, the next time first; nothing while it is paused, ended or cannot be kept."""
    rule = schedule.kept_rule
    if schedule.is_paused or rule is None:
        return []
    return schedules.foretold(rule, schedule.next_at, count)
