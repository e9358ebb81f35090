"""Pages that PostgreSQL takes in one statement with their checkpoint."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection

from requests_builder import destinations, mapping, runs
from requests_builder.destinations import writing
from requests_builder.models import Batch, Row, Run, SavedRequest
from requests_builder.runs.clock import Clock
from requests_builder.runs.leases import Lease, LeaseLost, claim

pytestmark = [pytest.mark.postgres_lane, pytest.mark.django_db(transaction=True)]
SOME: list[dict[str, Any]] = [
    {"id": 1, "name": "C:\\new\\table, 100 %"},
    {"id": 2, "name": "tab\tand\nline, “quotes” and 'others'"},
    {"id": 2**70, "name": None},
]


@pytest.fixture
def lease(contacts: SavedRequest, now: datetime) -> Lease:
    run = runs.request_run(contacts, user=None, now=now)
    lease = claim(run.pk, worker=uuid4(), clock=Clock(now))
    assert lease is not None
    return lease


@pytest.fixture
def destination(contacts: SavedRequest, lease: Lease) -> destinations.Destination:
    """With the columns of a first page."""
    made = destinations.of(contacts)
    made.begin(lease.run)
    made.write([{"id": 0, "name": "first"}], {"id": "integer", "name": "text"})
    Row.objects.all().delete()
    return made


def of(records: list[dict[str, Any]], **types: str) -> list[mapping.Rows]:
    return [mapping.Rows(records, types or {"id": "integer", "name": "text"})]


def stored() -> list[Any]:
    return list(Row.objects.order_by("id").values_list("data", flat=True))


def test_rows_and_checkpoint_are_written_as_they_are(
    lease: Lease, destination: destinations.Destination
) -> None:
    page = destination.known(of(SOME))
    assert page is not None

    lease.write_with(page.execute, pages=7, checkpoint="where to go on")

    assert stored() == SOME
    run = Run.objects.get(pk=lease.run.pk)
    assert (run.pages, run.checkpoint) == (7, "where to go on")


def test_whoever_does_not_hold_the_run_any_more_writes_nothing(
    lease: Lease, destination: destinations.Destination
) -> None:
    page = destination.known(of(SOME))
    assert page is not None
    Run.objects.update(fence=lease.run.fence + 1)

    with pytest.raises(LeaseLost):
        lease.write_with(page.execute, pages=7)

    assert lease.is_lost
    assert stored() == []
    assert Run.objects.get(pk=lease.run.pk).pages == 0


def test_where_the_rows_have_no_place_the_checkpoint_stays(
    lease: Lease, destination: destinations.Destination
) -> None:
    page = destination.known(of(SOME))
    assert page is not None
    Batch.objects.all().delete()

    with pytest.raises(IntegrityError):
        lease.write_with(page.execute, pages=7)

    assert Run.objects.get(pk=lease.run.pk).pages == 0
    assert not connection.in_atomic_block


def test_what_needs_more_than_its_rows_is_written_by_itself(
    destination: destinations.Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert destination.known(of([])) is None
    assert destination.known(of([{"id": 1, "new": 2}])) is None
    assert destination.known(of([{"id": 1}], id="text")) is None
    assert destination.known([*of(SOME), *of(SOME)]) is None
    monkeypatch.setattr(writing, "MOST_AT_ONCE", 20)
    assert destination.known(of(SOME)) is None
