"""The dashboard: how things are, at a glance."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Team, User
from connections.models import ConnectionState
from requests_builder.models import Run, RunState, SavedRequest, Schedule
from tests import factories
from tests.requests_builder.pages import assert_costs_the_same, text

DASHBOARD = "/t/acme/"


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


def ran(saved_request: SavedRequest, state: RunState, hours: float = 0, **fields: object) -> None:
    moment = timezone.now() - timedelta(hours=hours)
    Run.objects.create(
        team=saved_request.team,
        saved_request=saved_request,
        trigger="schedule",
        due_at=moment,
        not_before=moment,
        state=state,
        **fields,
    )


def test_a_new_team_is_told_what_to_do_first(signed_in: Client, client: Client, team: Team) -> None:
    assert "Pull your first API into a table" in text(signed_in.get(DASHBOARD))


def test_a_viewer_of_a_new_team_is_told_who_can(client: Client, viewer: User) -> None:
    client.force_login(viewer)

    page = text(client.get(DASHBOARD))

    assert "An editor of your team can create the first request." in page
    assert "Create Request" not in page.split("Nothing here yet")[1]


def test_it_counts_what_ran_in_a_day(signed_in: Client, team: Team) -> None:
    saved_request = factories.SavedRequestFactory(team=team)
    for _ in range(3):
        ran(saved_request, RunState.SUCCEEDED)
    for hours in (1, 2, 25):
        ran(saved_request, RunState.FAILED, hours)
    for state in (ConnectionState.CONNECTED, ConnectionState.CONNECTED, ConnectionState.NEW):
        factories.ConnectionFactory(team=team, state=state)

    page = text(signed_in.get(DASHBOARD))

    for shown in ("Connections 2 of 3", "Succeeded 3", "Failed 2", "Requests 1"):
        assert shown in page


def test_it_names_what_failed_and_why(signed_in: Client, team: Team) -> None:
    saved_request = factories.SavedRequestFactory(team=team, name="Nightly contacts")
    ran(saved_request, RunState.FAILED, error="The API answered 500.")

    page = text(signed_in.get(DASHBOARD))

    assert "What failed" in page
    assert "The API answered 500." in page


@pytest.mark.parametrize(
    ("state", "is_named"),
    [
        ("needs_reauth", True),
        ("config_error", True),
        ("retrying", False),  # for less than an hour
        ("connected", False),
        ("new", False),
    ],
)
def test_it_names_the_connections_that_need_a_person(
    signed_in: Client, team: Team, state: str, is_named: bool
) -> None:
    changed_at = timezone.now()
    factories.ConnectionFactory(team=team, name="CRM", state=state, state_changed_at=changed_at)

    assert ("CRM" in text(signed_in.get(DASHBOARD))) == is_named


def test_it_tells_what_comes_next_without_what_is_paused(signed_in: Client, team: Team) -> None:
    for name, minutes, is_paused in (("Second", 9, False), ("First", 5, False), ("Paused one", 1, True)):
        saved_request = factories.SavedRequestFactory(team=team, name=name)
        Schedule.objects.create(
            saved_request=saved_request,
            rule={"every": "5 minutes"},
            next_at=timezone.now() + timedelta(minutes=minutes),
            is_paused=is_paused,
        )

    page = text(signed_in.get(DASHBOARD))

    assert page.index("First") < page.index("Second")
    assert "Every 5 minutes" in page
    assert "Paused one" not in page


def test_nothing_of_another_team_is_in_it(signed_in: Client, team: Team) -> None:
    factories.SavedRequestFactory(team=team)
    foreign = factories.SavedRequestFactory(name="Foreign contacts")
    ran(foreign, RunState.FAILED, error="Foreign error")
    Schedule.objects.create(saved_request=foreign, rule={"every": "5 minutes"}, next_at=timezone.now())
    factories.ConnectionFactory(name="Foreign CRM", state=ConnectionState.NEEDS_REAUTH)

    page = text(signed_in.get(DASHBOARD))

    assert "Foreign" not in page
    assert "Failed 0" in page


def test_it_costs_the_same_however_much_there_is(signed_in: Client, team: Team) -> None:
    def add(count: int) -> None:
        for _ in range(count):
            made = factories.SavedRequestFactory(team=team)
            Schedule.objects.create(saved_request=made, rule={"every": "1 hour"}, next_at=timezone.now())
            ran(made, RunState.FAILED)
            factories.ConnectionFactory(team=team, state=ConnectionState.NEEDS_REAUTH)

    assert_costs_the_same(signed_in, DASHBOARD, add)
