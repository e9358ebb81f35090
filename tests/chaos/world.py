"""What is pulled during the chaos: teams, their requests, and a schedule for each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, connection

from accounts.models import Team
from requests_builder.models import CatchUp, Overlap, SavedRequest, Schedule, Table, WriteMode
from tests.chaos import source

TEAMS = 10
MODES = (WriteMode.APPEND, WriteMode.REPLACE, WriteMode.UPDATE)


@dataclass(frozen=True, slots=True)
class Target:
    """A scheduled request, and all its due times."""

    number: int
    request: SavedRequest
    table: Table
    schedule: Schedule
    due: tuple[datetime, ...]

    @property
    def mode(self) -> WriteMode:
        return WriteMode(self.request.write_mode)

    @property
    def rows(self) -> int:
        return source.pages_of(self.number) * source.PER_PAGE


def build(requests: int, first: datetime, last: datetime, port: int) -> list[Target]:
    """Requests that are due each minute from `first` to `last`, of every write mode and policy."""
    due = tuple(first + timedelta(minutes=n) for n in range(int((last - first).total_seconds() // 60) + 1))
    teams = [Team.objects.create(name=f"Team {n}", slug=f"team-{n}") for n in range(TEAMS)]
    targets = []
    for number in range(requests):
        team = teams[number % TEAMS]
        mode = MODES[number % len(MODES)]
        table = Table.objects.create(team=team, name=f"table_{number}")
        request = SavedRequest.objects.create(
            team=team,
            name=f"Request {number}",
            url=f"http://127.0.0.1:{port}/items/{number}",
            records_path="data",
            pagination={"kind": "cursor", "path": "next_cursor", "parameter": "cursor"},
            write_mode=mode,
            key_fields=["id"] if mode == WriteMode.UPDATE else [],
            table=table,
        )
        # Who lags behind makes up for all of it, for part of it, or for nothing.
        policies = list(CatchUp)
        schedule = Schedule.objects.create(
            saved_request=request,
            rule={"every": "1 minute", "end": f"{last:%Y-%m-%dT%H:%M}"},
            catch_up=CatchUp.ALL if number % 2 else policies[number // 2 % len(policies)],
            overlap=Overlap.QUEUE if number % 3 else Overlap.SKIP,
            next_at=first,
        )
        targets.append(Target(number, request, table, schedule, due))
    return targets


@contextmanager
def interruptible() -> Iterator[None]:
    """For a question to a database that may be away: whoever asks, asks again later."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        connection.close()
        if "locked" in str(error):
            raise
