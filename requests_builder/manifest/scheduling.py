"""Applying the schedule of a request."""

from datetime import datetime
from typing import Any

from django.db.models import TextChoices

from requests_builder import runs, schedules
from requests_builder.models import CatchUp, Overlap, SavedRequest, Schedule

from .errors import refuse


def apply_schedule(where: str, saved_request: SavedRequest, config: object, now: datetime) -> bool:
    """Make, change, pause or (null) remove the schedule; whether anything changed."""
    before: Schedule | None = Schedule.objects.filter(saved_request=saved_request).first()
    if config is None:
        runs.remove_schedule(saved_request, now=now)
        return before is not None
    rule = {**config} if isinstance(config, dict) else config
    policies: dict[str, Any] = {}
    paused = None
    if isinstance(rule, dict):
        paused = rule.pop("paused", None)
        policies = {
            "catch_up": _policy(f"{where}.catch_up", CatchUp, rule.pop("catch_up", CatchUp.LATEST)),
            "overlap": _policy(f"{where}.overlap", Overlap, rule.pop("overlap", Overlap.SKIP)),
        }
    if paused is not None and not isinstance(paused, bool):
        refuse(f"{where}.paused", "must be true or false")
    schedule = runs.set_schedule(saved_request, _rule(where, rule), user=None, now=now, **policies)
    changed = before is None or any(
        getattr(before, name) != getattr(schedule, name) for name in ("rule", *policies)
    )
    if paused is None or paused == schedule.is_paused:
        return changed
    if paused:
        runs.pause(schedule)
    else:
        runs.resume(schedule, now=now)
    return True


def exported_schedule(schedule: Schedule) -> dict[str, Any]:
    """The schedule as `apply_schedule` reads it; what is as it is by default is left out."""
    exported: dict[str, Any] = {**schedule.rule}
    if schedule.catch_up != CatchUp.LATEST:
        exported["catch_up"] = schedule.catch_up
    if schedule.overlap != Overlap.SKIP:
        exported["overlap"] = schedule.overlap
    return exported | ({"paused": True} if schedule.is_paused else {})


def _policy(where: str, choices: type[TextChoices], value: object) -> Any:
    if value not in choices.values:
        refuse(where, f"must be one of {', '.join(choices.values)}")
    return choices(value)


def _rule(where: str, config: object) -> schedules.Rule:
    try:
        return schedules.from_config(config)
    except schedules.InvalidSchedule as invalid:
        refuse(where if invalid.field == "schedule" else f"{where}.{invalid.field}", invalid.sentence)
