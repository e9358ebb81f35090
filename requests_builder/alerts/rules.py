"""By which rules people are told: those of the product, a team's own, and what one schedule has otherwise."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

from django.db.models import Q

from requests_builder.models import AlertRules, Schedule


@dataclass(frozen=True, slots=True)
class Rules:
    """When people are told of a schedule. Numbers of 0 mean never."""

    # Failures in a row. A run has been tried several times by then, where trying again could help.
    failure_after: int = 1
    on_recovery: bool = True
    on_empty: bool = True
    # Minutes from the due time.
    late_after: int = 15
    on_drift: bool = True
    on_connection: bool = True
    # Failures in a row.
    pause_after: int = 20

    def overridden_by(self, row: AlertRules | None) -> "Rules":
        """These rules with what the row has otherwise."""
        if row is None:
            return self
        own = {name: value for name in NAMES if (value := getattr(row, name)) is not None}
        return Rules(**(asdict(self) | own))


NAMES = tuple(field.name for field in fields(Rules))
DEFAULTS = Rules()


def of_team(team_id: UUID) -> Rules:
    """The rules of a team, which hold for its schedules."""
    return DEFAULTS.overridden_by(AlertRules.objects.filter(team=team_id, schedule=None).first())


def of_schedules(schedules: Iterable[Schedule]) -> dict[UUID, Rules]:
    """The rules of each of these schedules, by its id. The schedules have their requests with them."""
    teams = {schedule.pk: schedule.saved_request.team_id for schedule in schedules}
    wanted = Q(team__in=set(teams.values()), schedule=None) | Q(schedule__in=teams)
    rows = {row.schedule_id or row.team_id: row for row in AlertRules.objects.filter(wanted)}
    return {
        pk: DEFAULTS.overridden_by(rows.get(team_id)).overridden_by(rows.get(pk))
        for pk, team_id in teams.items()
    }


def keep(rules: dict[str, Any], *, team_id: UUID, schedule: Schedule | None = None) -> None:
    """Store rules of the team, or what a schedule has otherwise; None: as the team or the product has it."""
    own = {name: rules.get(name) for name in NAMES}
    if schedule is not None and not any(value is not None for value in own.values()):
        AlertRules.objects.filter(schedule=schedule).delete()
        return
    AlertRules.objects.update_or_create(team_id=team_id, schedule=schedule, defaults=own)
