"""Which runs are kept, and for how long."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from accounts.models import Team, User
from requests_builder import history
from requests_builder.history import retention
from requests_builder.models import Publication, Run, RunState, SavedRequest, Transcript
from tests import factories
from tests.requests_builder.pages import text
from tests.requests_builder.test_run_pages import made


@pytest.fixture
def saved_request(team: Team) -> SavedRequest:
    return factories.SavedRequestFactory(team=team)


@pytest.fixture
def limits(settings: Settings) -> Settings:
    settings.RUNS_KEPT_DAYS, settings.RUNS_KEPT_PER_REQUEST, settings.ANSWERS_KEPT_DAYS = 10, 0, 0
    return settings


def left(saved_request: SavedRequest) -> set[UUID]:
    return set(saved_request.runs.values_list("pk", flat=True))


def test_runs_that_are_too_old_go_but_never_the_newest_good_one_or_one_under_way(
    limits: Settings, saved_request: SavedRequest, now: datetime
) -> None:
    new = made(saved_request, 2, until=now, state=RunState.FAILED)
    old = made(saved_request, 5, until=now - timedelta(days=11))
    [waiting] = made(saved_request, until=now - timedelta(days=20), state=RunState.QUEUED)

    assert retention.sweep_request(saved_request.pk, now) == 4

    assert left(saved_request) == {run.pk for run in (*new, old[0], waiting)}
    assert retention.sweep_request(saved_request.pk, now) == 0


def test_runs_that_are_too_many_go(limits: Settings, saved_request: SavedRequest, now: datetime) -> None:
    limits.RUNS_KEPT_DAYS, limits.RUNS_KEPT_PER_REQUEST = 0, 3
    runs = made(saved_request, 10, until=now)

    retention.sweep_request(saved_request.pk, now)

    assert left(saved_request) == {run.pk for run in runs[:3]}


def test_within_an_hour_every_request_has_its_turn_and_none_has_it_twice(
    limits: Settings, saved_request: SavedRequest, now: datetime
) -> None:
    made(saved_request, 3, until=now - timedelta(days=11))
    turns = [retention._turn(now + number * retention.EVERY) for number in range(720)]

    assert sum(first <= saved_request.pk <= last for first, last in turns) == 1
    assert sum(last.int - first.int + 1 for first, last in turns) == 2**128
    assert sum(history.sweep(now + number * retention.EVERY) for number in range(720)) == 2


def test_a_sweep_that_has_nothing_to_do_costs_little(
    limits: Settings, saved_request: SavedRequest, now: datetime
) -> None:
    made(saved_request, 3, until=now)
    with CaptureQueriesContext(connection) as queries:
        retention.sweep_request(saved_request.pk, now)

    assert len(queries) <= 3


def test_a_table_still_tells_what_a_run_did_that_is_gone(
    limits: Settings,
    contacts: SavedRequest,
    pull: Callable[..., Run],
    now: datetime,
    client: Client,
    viewer: User,
) -> None:
    old = pull(contacts, now - timedelta(days=20))
    pull(contacts, now)

    retention.sweep_request(contacts.pk, now)

    assert not Run.objects.filter(pk=old.pk).exists()
    told = Publication.objects.get(run=None)
    assert told.did["inserted"] == 100
    client.force_login(viewer)
    page = client.get(f"/t/acme/tables/{contacts.table_id}/runs/")
    assert text(page).count("100") >= 2


def test_answers_of_failures_go_earlier_than_their_runs(
    limits: Settings, saved_request: SavedRequest, now: datetime
) -> None:
    limits.ANSWERS_KEPT_DAYS = 2
    runs = made(saved_request, 3, until=now, state=RunState.FAILED)
    for run, days in zip(runs, (0, 1, 3), strict=True):
        Transcript.objects.create(
            saved_request=saved_request,
            run=run,
            fence=1,
            is_good=False,
            created_at=now - timedelta(days=days),
            content="{}",
        )

    retention.sweep_request(saved_request.pk, now)

    assert Transcript.objects.count() == 2
    assert left(saved_request) == {run.pk for run in runs}
