"""What tests of write modes share: an API that answers with records, a run of a request, the rows it left."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from requests_builder import runs, tables
from requests_builder.models import Run, RunState, SavedRequest, Table
from tests.requests_builder.conftest import executed

Answers = Callable[[list[dict[str, Any]]], None]


def ran(saved_request: SavedRequest, now: datetime, *, is_reset: bool = False) -> Run:
    """A run of the request as it is stored, which has succeeded."""
    stored = SavedRequest.objects.get(pk=saved_request.pk)
    run = executed(runs.request_run(stored, user=None, now=now, is_reset=is_reset), now)
    assert run.state == RunState.SUCCEEDED, run.error
    return run


def shown(table: Table) -> list[dict[str, Any]]:
    """The rows, as a reader of the whole table and one of its pages see them."""
    found = list(tables.records(table))
    page = tables.rows_page(Table.objects.get(pk=table.pk))
    assert [row.data for row in page.rows] == found
    assert page.total == len(found)
    return found
