"""What the commands share: finding things by the names that people give them, and printing JSON lines."""

import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from accounts.models import Team
from requests_builder.models import Run, SavedRequest, Table


def team_called(name: str) -> Team:
    """The team of this address or name."""
    # No two teams share an address; names they may share.
    found = list(Team.objects.filter(slug=name)) or list(Team.objects.filter(name=name)[:2])
    if len(found) == 1:
        return found[0]
    known = ", ".join(Team.objects.values_list("slug", flat=True)[:20]) or "none yet"
    several = "There are several teams" if found else "There is no team"
    raise CommandError(f"{several} called {name}. Teams: {known}.")


def request_called(team: Team, name: str) -> SavedRequest:
    """The team's request of this name."""
    saved_request = team.saved_requests.filter(name=name).first()
    if saved_request is None:
        known = ", ".join(team.saved_requests.values_list("name", flat=True)[:20]) or "none yet"
        raise CommandError(f"{team} has no request called {name}. Requests: {known}.")
    return saved_request


def table_called(team: Team, name: str) -> Table:
    """The team's table of this name."""
    table = team.tables.filter(name=name).first()
    if table is None:
        known = ", ".join(team.tables.values_list("name", flat=True)[:20]) or "none yet"
        raise CommandError(f"{team} has no table called {name}. Tables: {known}.")
    return table


def print_lines(stdout: OutputWrapper, lines: Iterable[str]) -> None:
    """Print each line; whoever reads them may stop early, as `head` does."""
    try:
        for line in lines:
            stdout.write(line)
        stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at its end, and would complain of the same.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_as_line(run: Run) -> str:
    """A run as one line of JSON."""
    moments = {name: getattr(run, name) for name in ("due_at", "started_at", "finished_at")}
    fields: dict[str, Any] = {
        "id": str(run.id),
        "request": run.saved_request.name,
        "state": run.state,
        "trigger": run.trigger,
        **{name: moment and moment.isoformat() for name, moment in moments.items()},
        "attempts": run.attempts,
        "pages": run.pages,
        "rows": run.rows,
        "bytes_received": run.bytes_received,
        "error_code": run.error_code or None,
        "error": run.error or None,
        "mender": run.mender or None,
        "stop_reason": run.stop_reason or None,
        "remark": run.findings.get("remark"),
    }
    return json.dumps(fields, ensure_ascii=False)
