"""Runs: the history, a page at a time, and one run."""

import re
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role, Team, User
from requests_builder.models import Mender, Run, RunState, SavedRequest, Trigger
from tests import factories
from tests.requests_builder.pages import assert_costs_the_same, text

LIST = "/t/acme/runs/"


@pytest.fixture
def signed_in(client: Client, viewer: User) -> Client:
    client.force_login(viewer)
    return client


@pytest.fixture
def stored(team: Team) -> SavedRequest:
    return factories.SavedRequestFactory(team=team, name="All contacts")


def made(
    saved_request: SavedRequest, count: int = 1, *, until: datetime | None = None, **fields: object
) -> list[Run]:
    """So many runs, a minute apart; the newest is due `until`."""
    newest = until or timezone.now()
    runs = [
        Run(
            team_id=saved_request.team_id,
            saved_request=saved_request,
            trigger=Trigger.SCHEDULE,
            due_at=newest - timedelta(minutes=number),
            not_before=newest,
            **{"state": RunState.SUCCEEDED} | fields,
        )
        for number in range(count)
    ]
    return Run.objects.bulk_create(runs)


def shown(page: object) -> list[UUID]:
    """The runs on a page, in their order."""
    content = page.content.decode()  # type: ignore[attr-defined]
    return [UUID(found) for found in re.findall(rf'class="row-link" href="{LIST}([0-9a-f-]+)/"', content)]


def link(page: object, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page.content.decode())  # type: ignore[attr-defined]
    return found[1].replace("&amp;", "&") if found else ""


# The list


def test_the_newest_come_first_and_every_run_once(signed_in: Client, stored: SavedRequest) -> None:
    runs = made(stored, 120)

    page, seen = signed_in.get(LIST), []
    while True:
        seen += shown(page)
        if not (older := link(page, "next")):
            break
        page = signed_in.get(LIST + older)

    assert seen == [run.pk for run in runs]
    assert link(page, "prev")


def test_runs_of_the_same_moment_are_neither_lost_nor_shown_twice(
    signed_in: Client, stored: SavedRequest
) -> None:
    moment = timezone.now()
    runs = [run for _ in range(75) for run in made(stored, until=moment)]

    first = signed_in.get(LIST)
    second = signed_in.get(LIST + link(first, "next"))

    assert len(shown(first)) == 50
    assert sorted(shown(first) + shown(second)) == sorted(run.pk for run in runs)


def test_runs_that_come_while_somebody_reads_move_nothing(signed_in: Client, stored: SavedRequest) -> None:
    runs = made(stored, 60)
    first = signed_in.get(LIST)

    made(stored, 10, until=timezone.now() + timedelta(hours=1))

    assert shown(signed_in.get(LIST + link(first, "next"))) == [run.pk for run in runs[50:]]


def test_the_list_is_filtered_by_state_and_by_request_over_its_pages(
    signed_in: Client, team: Team, stored: SavedRequest
) -> None:
    other = factories.SavedRequestFactory(team=team)
    failed = made(stored, 55, state=RunState.FAILED)
    made(stored, 5)
    made(other, 5, state=RunState.FAILED)

    first = signed_in.get(f"{LIST}?state=failed&request={stored.pk}")
    second = signed_in.get(LIST + link(first, "next"))

    assert shown(first) + shown(second) == [run.pk for run in failed]
    assert f'value="{stored.pk}" selected' in second.content.decode()
    assert 'value="failed" selected' in second.content.decode()


def test_another_teams_runs_cannot_be_asked_for(signed_in: Client, stored: SavedRequest) -> None:
    foreign = factories.SavedRequestFactory(name="Foreign contacts")
    [run] = made(foreign)
    made(stored)

    page = signed_in.get(f"{LIST}?request={foreign.pk}")
    missing = signed_in.get(f"{LIST}?request={uuid4()}")

    assert shown(page) == shown(missing) == []
    assert "Foreign contacts" not in text(page)
    assert text(page).replace(str(foreign.pk), "") == text(missing)
    assert signed_in.get(f"{LIST}{run.pk}/").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "before=",
        "before=x",
        "before=2026-11-23T12:00:00_%s",
        "before=2026-11-23T12:00:00%%2B00:00_",
        "before=2026-11-23T12:00:00%%2B00:00_no-uuid",
        "before=0001-01-01T00:00:00%%2B23:59_%s",
        "before=9999-12-31T23:59:59-23:59_%s",
        "before=%%00_%s",
        "before=-1_%s",
        "state=nonsense",
        "request=no-uuid",
        "request=%%00",
    ],
)
def test_what_nobody_gave_is_the_first_page(signed_in: Client, stored: SavedRequest, query: str) -> None:
    [run] = made(stored)

    page = signed_in.get(f"{LIST}?{query.replace('%s', str(run.pk)).replace('%%', '%')}")

    assert page.status_code == 200
    assert shown(page) == [run.pk]


def test_what_became_of_a_run_is_told_in_words(signed_in: Client, stored: SavedRequest) -> None:
    made(stored, state=RunState.FAILED, error="The API answered 500.", error_code="status")
    made(stored, state=RunState.SKIPPED, stop_reason="The run before it was not finished yet.")
    made(stored, state=RunState.SUCCEEDED, rows=1234)

    page = text(signed_in.get(LIST))

    for words in ("Failed", "The API answered 500.", "Skipped", "not finished yet", "Succeeded"):
        assert words in page
    assert re.search("1.?234", page)


def test_a_team_without_runs_is_told_what_to_do(signed_in: Client, team: Team) -> None:
    assert "Nothing has run yet" in text(signed_in.get(LIST))
    assert "No such runs" in text(signed_in.get(f"{LIST}?state=failed"))


def test_the_list_costs_the_same_however_many_there_are(signed_in: Client, team: Team) -> None:
    def add(count: int) -> None:
        for _ in range(count):
            made(factories.SavedRequestFactory(team=team))

    assert_costs_the_same(signed_in, LIST, add)


# One run


def test_a_run_tells_who_can_mend_it(signed_in: Client, team: Team, stored: SavedRequest) -> None:
    stored.connection = factories.ConnectionFactory(team=team, name="CRM")
    stored.save()
    [run] = made(
        stored,
        state=RunState.FAILED,
        error="A person must reconnect.",
        error_code="reconnect_required",
        mender=Mender.CONNECTION,
        rows=7,
    )

    page = signed_in.get(f"{LIST}{run.pk}/")

    for words in (
        "A person must reconnect.",
        "Who can mend it: whoever manages the connection.",
        "Open CRM",
        "dropped: the table is as it was",
    ):
        assert words in text(page)
    assert 'data-code="reconnect_required"' in page.content.decode()


@pytest.mark.parametrize(
    ("state", "asks_again"),
    [("queued", True), ("running", True), ("succeeded", False), ("failed", False), ("missed", False)],
)
def test_a_run_that_is_under_way_asks_for_news(
    signed_in: Client, stored: SavedRequest, state: str, asks_again: bool
) -> None:
    [run] = made(stored, state=state)

    fragment = signed_in.get(f"{LIST}{run.pk}/", headers={"hx-request": "true"}).content.decode()

    assert ("hx-get" in fragment) == asks_again
    assert "<html" not in fragment
    assert f'data-run-state="{state}"' in fragment


def test_a_run_that_is_tried_again_says_when(signed_in: Client, stored: SavedRequest) -> None:
    [run] = made(stored, state=RunState.QUEUED, attempts=1, error="The API answered 503.")

    page = text(signed_in.get(f"{LIST}{run.pk}/"))

    assert "tried again" in page
    assert "The API answered 503." in page


def test_a_run_costs_few_queries(signed_in: Client, stored: SavedRequest) -> None:
    [run] = made(stored)

    assert_costs_the_same(signed_in, f"{LIST}{run.pk}/", lambda count: made(stored, count))


def test_only_editors_are_offered_run_now(client: Client, team: Team, stored: SavedRequest) -> None:
    [run] = made(stored)
    offered = {}
    for role in (Role.VIEWER, Role.EDITOR):
        client.force_login(factories.member_of(team, role))
        offered[role] = "/run-now/" in client.get(f"{LIST}{run.pk}/").content.decode()

    assert offered == {Role.VIEWER: False, Role.EDITOR: True}


def test_what_an_api_said_is_shown_as_text(signed_in: Client, stored: SavedRequest) -> None:
    [run] = made(stored, state=RunState.FAILED, error="It said <script>alert(1)</script>")

    for path in (LIST, f"{LIST}{run.pk}/"):
        page = signed_in.get(path).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
