"""What the variables of a request stand for: when it runs, and before."""

from collections.abc import Mapping, Set
from datetime import datetime
from uuid import UUID

from requests_builder import variables, watermarks
from requests_builder.models import DecryptionFailed, Run, RunState, SavedRequest, Schedule, TeamVariable
from requests_builder.variables.names import NAMESPACES

# A call from the builder belongs to no run.
_NO_RUN = UUID(int=0)


def known_of(
    saved_request: SavedRequest,
    names: Set[str],
    *,
    now: datetime,
    connection: Mapping[str, str] | None = None,
    run: Run | None = None,
    reveals: bool = False,
) -> variables.Known:
    """What these names stand for in the request; `connection` is what its connection told.

    Dates are counted from when the run is due, and the last run is one that was due before it and had ended
    when it began: a run that is late, or goes on after a loss, asks for the same as it would have. Without a
    run, they are counted from `now`.

    `reveals`: secrets are read; raises DecryptionFailed for a value that cannot be.
    """
    own, unreadable = _own(saved_request, names, reveals=reveals)
    return variables.Known(
        now=run.due_at if run else now,
        own=own,
        connection=connection or {},
        run={"id": str(run.pk if run else _NO_RUN), "due_at": run.due_at if run else now},
        last_run=_last_run(saved_request, run) if _any_of("last_run", names) else {},
        timezone=_timezone(saved_request, own) if variables.TIMEZONE in names else "UTC",
        unreadable=unreadable,
    )


def _own(
    saved_request: SavedRequest, names: Set[str], *, reveals: bool
) -> tuple[dict[str, str | variables.Secret], frozenset[str]]:
    """The variables of the request and its team by name, and names of those that cannot be read."""
    own: dict[str, str | variables.Secret] = {}
    unreadable: set[str] = set()
    if any(name.partition(".")[0] not in NAMESPACES for name in names):
        for variable in TeamVariable.objects.filter(team_id=saved_request.team_id):
            is_used = variable.name in names
            try:
                if variable.is_secret:
                    text = variable.value if is_used and reveals else None
                    own[variable.name] = variables.Secret(
                        variable.name, variable.pk.hex, text, tuple(variable.hosts)
                    )
                else:
                    # Of those that nobody asks for the name is enough: it may be what was meant.
                    own[variable.name] = variable.value if is_used else ""
            except DecryptionFailed:
                if reveals:
                    raise
                unreadable.add(variable.name)
    return own | dict(saved_request.variables), frozenset(unreadable)


def _timezone(saved_request: SavedRequest, own: Mapping[str, str | variables.Secret]) -> str:
    """The variable `timezone` of the request or the team, else the zone of its schedule, else UTC."""
    named = own.get(variables.TIMEZONE)
    if isinstance(named, str):
        return named.strip()
    rule = Schedule.objects.filter(saved_request_id=saved_request.pk).values_list("rule", flat=True).first()
    return str((rule or {}).get("timezone") or "UTC")


def _last_run(saved_request: SavedRequest, run: Run | None) -> dict[str, str | datetime]:
    """What the last run that succeeded has left, by the names after `last_run.`; empty before the first."""
    succeeded = Run.objects.filter(saved_request_id=saved_request.pk, state=RunState.SUCCEEDED)
    if run and run.started_at:
        # Of a backfill, the one for the due time before; not one that has ended while this one goes on.
        succeeded = succeeded.filter(finished_at__lte=run.started_at, due_at__lt=run.due_at)
    last = succeeded.order_by("-due_at", "-id").first()
    if last is None or last.finished_at is None or last.started_at is None:
        return {}
    told: dict[str, str | datetime] = {
        "id": str(last.pk),
        "due_at": last.due_at,
        "started_at": last.started_at,
        "finished_at": last.finished_at,
    }
    # Of requests that take only what is new.
    if (reached := last.watermarks.get("to")) is not None:
        told["watermark"] = watermarks.as_parameter(reached)
    return told


def _any_of(namespace: str, names: Set[str]) -> bool:
    return any(name.startswith(f"{namespace}.") for name in names)
