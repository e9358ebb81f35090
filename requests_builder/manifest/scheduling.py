"""Applying the schedule of a request."""

from datetime import datetime

from requests_builder import runs, schedules
from requests_builder.models import SavedRequest, Schedule

from .errors import refuse


def apply_schedule(where: str, saved_request: SavedRequest, config: object, now: datetime) -> bool:
    """Make, change, pause or (null) remove the schedule; whether anything changed."""
    before: Schedule | None = Schedule.objects.filter(saved_request=saved_request).first()
    if config is None:
        runs.remove_schedule(saved_request)
        return before is not None
    rule = {**config} if isinstance(config, dict) else config
    paused = rule.pop("paused", None) if isinstance(rule, dict) else None
    if paused is not None and not isinstance(paused, bool):
        refuse(f"{where}.paused", "must be true or false")
    schedule = runs.set_schedule(saved_request, _rule(where, rule), user=None, now=now)
    changed = before is None or before.rule != schedule.rule
    if paused is None or paused == schedule.is_paused:
        return changed
    if paused:
        runs.pause(schedule)
    else:
        runs.resume(schedule, now=now)
    return True


def _rule(where: str, config: object) -> schedules.Rule:
    try:
        return schedules.from_config(config)
    except schedules.InvalidSchedule as invalid:
        refuse(where if invalid.field == "schedule" else f"{where}.{invalid.field}", invalid.sentence)
