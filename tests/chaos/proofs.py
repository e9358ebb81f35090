"""What must hold when all is over, looked up in the database and compared with the source."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db import connection

from requests_builder import tables
from requests_builder.models import Run, RunState, Table, WriteMode
from tests.chaos import source
from tests.chaos.watching import complaint
from tests.chaos.world import Target

MINUTE = timedelta(minutes=1)


def ends(targets: Sequence[Target]) -> Counter[str]:
    """What became of all due times."""
    found: Counter[str] = Counter()
    for run in Run.objects.filter(schedule__in=[target.schedule.pk for target in targets]):
        name = f"{run.state} ({run.error_code})" if run.error_code else run.state
        found[name] += len(_due_times(run))
    return found


def violations(targets: Sequence[Target]) -> Iterator[str]:
    """A sentence for each thing that should not be."""
    for target in targets:
        runs = list(Run.objects.filter(schedule=target.schedule.pk))
        yield from _due_times_accounted_for(target, runs)
        yield from _rows_as_at_the_source(target, runs)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA integrity_check")
            if (found := cursor.fetchone()) != ("ok",):
                yield f"SQLite's integrity check says {found}"


def _due_times(run: Run) -> list[datetime]:
    count = round(((run.due_until or run.due_at) - run.due_at) / MINUTE) + 1
    return [run.due_at + MINUTE * number for number in range(count)]


def _due_times_accounted_for(target: Target, runs: Sequence[Run]) -> Iterator[str]:
    written = Counter(moment for run in runs for moment in _due_times(run))
    expected = Counter(target.due)
    if lost := expected - written:
        yield f"request {target.number}: {lost.total()} due times lost, the first {min(lost)}"
    if extra := written - expected:
        yield f"request {target.number}: {extra.total()} due times written too often, the first {min(extra)}"
    for run in runs:
        match run.state:
            case RunState.SUCCEEDED:
                if (run.pages, run.rows) != (source.pages_of(target.number), target.rows):
                    yield f"run {run.pk} succeeded with {run.pages} pages and {run.rows} rows"
            case RunState.SKIPPED | RunState.MISSED:
                if not run.stop_reason:
                    yield f"run {run.pk} was {run.state} without a reason"
            case _:
                yield f"run {run.pk} is {run.state} {run.error_code} {run.error}"


def _rows_as_at_the_source(target: Target, runs: Sequence[Run]) -> Iterator[str]:
    succeeded = sum(run.state == RunState.SUCCEEDED for run in runs)
    # It grows by one in the transaction that shows a run's rows: a run that is shown twice counts twice.
    published = Table.objects.get(pk=target.table.pk).publication
    if published != succeeded:
        yield f"request {target.number}: {succeeded} runs succeeded and {published} were published"
    rows = list(tables.records(target.table))
    if found := complaint(target, rows):
        yield found
    pulls = len({row["version"] for row in rows})
    expected = succeeded if target.mode == WriteMode.APPEND else min(1, succeeded)
    if pulls != expected:
        yield f"request {target.number} ({target.mode}): rows of {pulls} pulls instead of {expected}"
