"""A page of the history: what it costs depends neither on the filter nor on how many runs there are.

Each page follows one index, in the order in which it is shown, and looks at a bounded number of runs: where
what is wanted is rare and no index knows it, a page says how far it has looked, and goes on from there.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from accounts.models import Team
from requests_builder.history.selection import Selection
from requests_builder.models import Run
from requests_builder.models.runs import (
    BY_HAND,
    IS_BY_HAND,
    IS_UNUSUAL,
    UNFINISHED,
    UNUSUAL,
    RunQuerySet,
)

PAGE = 50
LOOKED_AT_ONCE = 2_000
# Up to so many unfinished runs are sorted; more of them are mostly the newest.
_SORTED_AT_ONCE = 1_000
_MOST_CODES = 50
_ORDER = ("-due_at", "-id")
_FILTERED = ("saved_request_id", "schedule_id", "state", "trigger", "error_code")
_SHOWN = (
    *("id", "due_at", "due_until", "state", "trigger", "not_before", "attempts", "error", "error_code"),
    *("stop_reason", "rows", "started_at", "finished_at", "saved_request__name"),
)


@dataclass(frozen=True, slots=True)
class RunsPage:
    """Some runs, newest first. `older` is the cursor of the next page; `more` that from which this one goes
    on: nothing else was found among those that were due after `looked_until`."""

    runs: list[Run]
    older: str = ""
    more: str = ""
    looked_until: datetime | None = None


def runs_page(
    team: Team,
    selection: Selection,
    *,
    before: str = "",
    now: datetime,
    limit: int = PAGE,
    looked_at_once: int = LOOKED_AT_ONCE,
) -> RunsPage:
    """The runs of the team after the cursor `before`, or the newest. A cursor that nobody gave is none."""
    along, rest = along_an_index(team, selection)
    begin, end = selection.bounds(now)
    if begin:
        along = along.filter(due_at__gte=begin)
    if end:
        along = along.filter(due_at__lt=end)
    if at := _place(before):
        along = along.older_than(*at)
    along = along.order_by(*_ORDER)
    if not rest or along.query.is_empty():
        found = along.select_related("saved_request").only(*_SHOWN)[: limit + 1]
        return _page(list(found), limit)
    page = _page(_looked_for(along, rest, limit + 1, looked_at_once), limit)
    if page.older:
        return page
    last = along.values_list("due_at", "id")[looked_at_once - 1 : looked_at_once].first()
    if last is None:
        return page
    return RunsPage(page.runs, more=_cursor(*last), looked_until=last[0])


def error_codes(team: Team) -> list[str]:
    """The codes that runs of the team have ended with, from one to the next: not by looking at the runs."""
    table = connection.ops.quote_name(Run._meta.db_table)
    of_team = f"FROM {table} WHERE team_id = %s AND error_code > ''"
    statement = f"""
        WITH RECURSIVE found(code, number) AS (
            SELECT (SELECT MIN(error_code) {of_team}), 1
            UNION ALL
            SELECT (SELECT MIN(error_code) {of_team} AND error_code > found.code), number + 1
            FROM found WHERE code IS NOT NULL AND number < {_MOST_CODES}
        )
        SELECT code FROM found WHERE code IS NOT NULL
    """  # noqa: S608
    pk = Team._meta.pk.get_db_prep_value(team.pk, connection)
    with connection.cursor() as cursor:
        cursor.execute(statement, [pk, pk])
        return [code for (code,) in cursor.fetchall()]


def along_an_index(team: Team, selection: Selection) -> tuple[RunQuerySet, dict[str, object]]:
    """Runs that an index has in order, and what they have yet to be asked for: columns and values."""
    wanted: dict[str, object] = {
        "saved_request_id": selection.request,
        "schedule_id": selection.schedule,
        "state": selection.state,
        "trigger": selection.trigger,
        "error_code": selection.error,
    }
    rest = {name: value for name, value in wanted.items() if value}
    for name, place in (("schedule_id", "schedule"), ("saved_request_id", "pk")):
        if name in rest:
            # Once it is known to be the team's: to ask for the team, too, would lead along its own index.
            is_own = team.saved_requests.filter(**{place: rest[name]}).exists()
            return Run.objects.filter(**{name: rest.pop(name)}) if is_own else Run.objects.none(), rest
    all_runs: RunQuerySet = Run.objects.filter(team=team)
    if selection.error:
        code = rest.pop("error_code")
        return all_runs.filter(error_code__gt="", error_code=code), rest
    if selection.state in UNUSUAL:
        return all_runs.filter(IS_UNUSUAL, state=rest.pop("state")), rest
    if selection.state in UNFINISHED:
        unfinished = all_runs.unfinished().order_by().values_list("pk", flat=True)
        few = list(unfinished[: _SORTED_AT_ONCE + 1])
        if len(few) <= _SORTED_AT_ONCE:
            # They are the team's: to ask for the team, too, would lead along its index instead of to them.
            return Run.objects.filter(pk__in=few, **rest), {}
    if selection.trigger in BY_HAND:
        return all_runs.filter(IS_BY_HAND, trigger=rest.pop("trigger")), rest
    return all_runs, rest


def _looked_for(along: RunQuerySet, rest: dict[str, object], limit: int, most: int) -> list[Run]:
    """Those with these values among the first so many, the columns compared where the runs lie."""
    inner, parameters = along.values("id", "due_at", *_FILTERED)[:most].query.sql_with_params()
    quote = connection.ops.quote_name
    tests = " AND ".join(f"{quote(name)} = %s" for name in rest)
    fields: dict[str, Any] = {field.attname: field for field in Run._meta.concrete_fields}
    values = [fields[name].get_db_prep_value(value, connection) for name, value in rest.items()]
    statement = f"SELECT id FROM ({inner}) AS looked WHERE {tests} ORDER BY due_at DESC, id DESC LIMIT %s"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, *values, limit])
        found = [row[0] for row in cursor.fetchall()]
    chosen = Run.objects.filter(Q(pk__in=found)).select_related("saved_request").only(*_SHOWN)
    return list(chosen.order_by(*_ORDER))


def _page(found: list[Run], limit: int) -> RunsPage:
    runs = found[:limit]
    return RunsPage(runs, _cursor(runs[-1].due_at, runs[-1].pk) if len(found) > limit else "")


def _cursor(due_at: datetime, pk: UUID) -> str:
    return f"{due_at.isoformat()}_{pk}"


def _place(text: str) -> tuple[datetime, UUID] | None:
    """Where a page begins; a cursor that nobody gave is the first page."""
    moment, _, identifier = text.partition("_")
    try:
        at, uuid = datetime.fromisoformat(moment), UUID(identifier)
    except ValueError:
        return None
    # The first and last days of the calendar have no moment in every time zone.
    return (at, uuid) if at.tzinfo and 1 < at.year < 9999 else None
