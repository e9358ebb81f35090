"""What a page of a pull costs the database: the same few statements, however many records it has."""

from datetime import datetime
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from demo_api.server import DemoServer
from requests_builder import runs
from requests_builder.models import RunState, SavedRequest
from requests_builder.runs import hosts
from tests import lanes

# The transaction begins, the checkpoint with the counts, the rows, the transaction ends; PostgreSQL does all
# of it in one.
STATEMENTS_OF_A_PAGE = 1 if lanes.is_postgres_lane() else 4
pytestmark = pytest.mark.django_db(transaction=True)


def execute(saved_request: SavedRequest, now: datetime) -> None:
    run = runs.request_run(saved_request, user=None, now=now)
    assert runs.execute(run.pk, worker=uuid4(), now=now) == RunState.SUCCEEDED


def statements_of(saved_request: SavedRequest, now: datetime) -> int:
    with CaptureQueriesContext(connection) as queries:
        execute(saved_request, now)
    return len(queries)


@pytest.mark.parametrize("per_page", [5, 50])
def test_a_page_costs_the_same_few_statements_whatever_is_on_it(
    per_page: int,
    contacts: SavedRequest,
    provider: DemoServer,
    now: datetime,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # From time to time a process asks which hosts are to be spared: not at each page.
    monkeypatch.setattr(hosts, "STALE", 3_600)
    contacts.url = contacts.url.replace("per_page=5", f"per_page={per_page}")
    contacts.save()
    provider.set(contacts=2 * per_page)
    execute(contacts, now)
    of_two = statements_of(contacts, now)
    provider.set(contacts=12 * per_page)

    with django_assert_num_queries(of_two + 10 * STATEMENTS_OF_A_PAGE):
        execute(contacts, now)
