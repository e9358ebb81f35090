"""The threads of a worker, on real runs."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connections
from django.utils.timezone import now as clock
from pytest_django.fixtures import Settings

from accounts.models import Team
from demo_api.server import DemoServer
from requests_builder import runs, tables
from requests_builder.models import Run, RunState, SavedRequest, Table
from requests_builder.runs import leases
from requests_builder.runs.crew import Crew
from tests import factories
from tests.requests_builder.conftest import CONTACTS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def crew() -> Iterator[Crew]:
    """A crew of its own, as another process has."""
    made = Crew()
    yield made
    assert made.rest(20)
    made.wind_down()
    for thread in threading.enumerate():
        if thread.name in ("crew", "writer"):
            thread.join(60)
    leases.is_stopping.clear()


def request(team: Team, provider: DemoServer, name: str) -> SavedRequest:
    made: SavedRequest = factories.SavedRequestFactory(
        team=team,
        table=factories.TableFactory(team=team, name=name),
        url=f"{provider.url}{CONTACTS}?per_page=50",
        records_path="data",
    )
    return made


def test_a_crew_does_all_that_is_there(team: Team, provider: DemoServer, crew: Crew) -> None:
    for number in range(40):
        runs.request_run(request(team, provider, f"t{number}"), user=None, now=clock())

    crew.rouse()
    assert crew.rest(30)

    assert set(Run.objects.values_list("state", "attempts")) == {(RunState.SUCCEEDED, 1)}


def test_a_team_whose_calls_hang_holds_up_no_other(
    team: Team, provider: DemoServer, settings: Settings, crew: Crew
) -> None:
    settings.WORKER_THREADS = 4
    provider.hold("/api/open/orders")
    for number in range(8):
        hanging = request(team, provider, f"hangs{number}")
        hanging.url = f"{provider.url}/api/open/orders?number={number}"
        hanging.save()
        runs.request_run(hanging, user=None, now=clock() - timedelta(seconds=60))
    crew.rouse()
    assert provider.wait_until_held(10)

    other = runs.request_run(request(factories.TeamFactory(), provider, "good"), user=None, now=clock())
    crew.rouse()
    until = clock() + timedelta(seconds=10)
    while clock() < until and not Run.objects.get(pk=other.pk).is_finished:
        threading.Event().wait(0.02)

    assert Run.objects.get(pk=other.pk).state == RunState.SUCCEEDED
    assert Run.objects.filter(team=team, state=RunState.RUNNING).count() == 3
    provider.release()


def test_a_process_that_is_asked_to_stop_hands_over_after_its_page(
    contacts: SavedRequest, table: Table, provider: DemoServer, crew: Crew
) -> None:
    run = runs.request_run(contacts, user=None, now=clock())
    provider.hold(CONTACTS, page=11)
    crew.rouse()
    assert provider.wait_until_held(10)

    crew.wind_down()
    provider.release()
    assert crew.rest(20)
    run.refresh_from_db()
    assert (run.state, run.pages, run.attempts, run.leased_by) == (RunState.QUEUED, 11, 0, None)
    assert run.checkpoint
    assert list(tables.records(table)) == []

    # At once, by another process.
    leases.is_stopping.clear()
    crew.rouse()
    assert crew.rest(20)
    run.refresh_from_db()
    assert (run.state, run.pages, run.attempts) == (RunState.SUCCEEDED, 20, 1)
    assert provider.page_fetches(CONTACTS) == dict.fromkeys(range(1, 21), 1)
    connections.close_all()
