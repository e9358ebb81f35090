"""The history as people look for something in it: filtered, compared, and while a run is under way."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Role, Team, User
from demo_api.server import DemoServer
from requests_builder import history
from requests_builder.models import Run, RunState, SavedRequest, Schedule, Table, Trigger
from tests import factories
from tests.requests_builder.conftest import CONTACTS, executed
from tests.requests_builder.pages import cost, text
from tests.requests_builder.test_run_pages import LIST, link, made, shown

FAILED = {"state": RunState.FAILED, "error_code": "gone"}
NEWS = {"hx-request": "true"}


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


@pytest.fixture
def stored(team: Team) -> SavedRequest:
    return factories.SavedRequestFactory(team=team, name="All contacts")


def by_hand(runs: list[Run], trigger: Trigger) -> list[Run]:
    Run.objects.filter(pk__in=[run.pk for run in runs]).update(trigger=trigger)
    return runs


@pytest.fixture
def mixture(stored: SavedRequest) -> dict[str, list[Run]]:
    """Runs that differ in what they can be asked for."""
    now = timezone.now()
    schedule = Schedule.objects.create(saved_request=stored, rule={"every": "1 hour"}, next_at=now)
    other = factories.SavedRequestFactory(team=stored.team)
    return {
        "schedule": made(stored, 2, until=now - timedelta(hours=2), schedule=schedule),
        "trigger=manual": by_hand(made(other, 3, until=now - timedelta(hours=3)), Trigger.MANUAL),
        "error=gone": made(stored, 3, until=now - timedelta(days=3), **FAILED),
        "error=busy": made(other, 2, until=now - timedelta(days=4), **FAILED | {"error_code": "busy"}),
        "state=queued": made(other, 2, until=now, state=RunState.QUEUED),
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("schedule=%s", ["schedule"]),
        ("trigger=manual", ["trigger=manual"]),
        ("state=failed", ["error=gone", "error=busy"]),
        ("state=failed&request=%r", ["error=gone"]),
        ("state=failed&trigger=manual", []),
        ("error=gone", ["error=gone"]),
        ("error=busy", ["error=busy"]),
        ("error=gone&state=succeeded", []),
        ("state=queued", ["state=queued"]),
        ("state=queued&trigger=manual", []),
        ("state=succeeded", ["schedule", "trigger=manual"]),
        ("state=succeeded&trigger=schedule", ["schedule"]),
        ("name=all+contacts&state=succeeded", ["schedule"]),
        ("name=nobody", []),
        ("since=24h", ["state=queued", "schedule", "trigger=manual"]),
        ("since=24h&state=succeeded", ["schedule", "trigger=manual"]),
        ("begin=2020-01-01T00:00&end=%e", ["error=gone", "error=busy"]),
    ],
)
def test_runs_are_found_by_what_they_are(
    signed_in: Client, mixture: dict[str, list[Run]], stored: SavedRequest, query: str, names: list[str]
) -> None:
    a_day_ago = datetime.now(UTC) - timedelta(days=1)
    for mark, value in (("%s", stored.schedule.pk), ("%r", stored.pk), ("%e", f"{a_day_ago:%Y-%m-%dT%H:%M}")):
        query = query.replace(mark, str(value))

    page = signed_in.get(f"{LIST}?{query}")

    assert shown(page) == [run.pk for name in names for run in mixture[name]]
    assert cost(signed_in, f"{LIST}?{query}") <= 15


def test_an_address_keeps_its_filter_over_pages_and_is_the_one_of_the_form(
    signed_in: Client, stored: SavedRequest
) -> None:
    failed = made(stored, 60, **FAILED)
    query = "state=failed&error=gone&since=7d"

    first = signed_in.get(f"{LIST}?{query}")
    older = link(first, "next")
    by_form = signed_in.get(f"{LIST}?request=&{query}&name=", headers=NEWS | {"hx-trigger": "run-filter"})

    assert shown(first) + shown(signed_in.get(LIST + older)) == [run.pk for run in failed]
    for part in query.split("&"):
        assert part in older
    assert by_form["HX-Push-Url"] == f"{LIST}?{query}"
    assert "<html" not in by_form.content.decode()
    assert ">gone</option>" in first.content.decode()


def test_what_is_rare_is_looked_for_some_runs_at_a_time_to_the_end(
    signed_in: Client, stored: SavedRequest, team: Team, now: datetime
) -> None:
    runs = made(stored, 40, until=now)
    wanted = by_hand([runs[7], runs[23], runs[39]], Trigger.BACKFILL)
    selection = history.Selection(request=stored.pk, trigger=Trigger.BACKFILL)

    found: list[UUID] = []
    pages, before = 0, ""
    while True:
        page = history.runs_page(team, selection, before=before, now=now, looked_at_once=10)
        found += [run.pk for run in page.runs]
        pages += 1
        if not (before := page.more):
            break

    assert found == [run.pk for run in wanted]
    # The last look begins after the fortieth, and finds the end.
    assert pages == 5


def test_a_page_goes_on_looking_by_itself_and_says_how_far_it_is(
    signed_in: Client, stored: SavedRequest
) -> None:
    moment = timezone.now()
    made(stored, history.LOOKED_AT_ONCE, until=moment)
    [wanted] = by_hand(made(stored, until=moment - timedelta(days=9)), Trigger.BACKFILL)

    page = signed_in.get(f"{LIST}?request={stored.pk}&trigger=backfill").content.decode()
    [more] = re.findall(r'id="more" hx-get="([^"]+)"', page)
    rest = signed_in.get(LIST + more.replace("&amp;", "&"), headers=NEWS | {"hx-target": "more"})

    assert "Looking further" in page
    assert shown(rest) == [wanted.pk]
    assert "That is all." in text(rest)


def test_the_list_is_looked_at_again_while_something_is_under_way(
    signed_in: Client, stored: SavedRequest
) -> None:
    [run] = made(stored, state=RunState.RUNNING)
    assert "load delay:10s" in signed_in.get(LIST).content.decode()

    Run.objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED)
    assert "load delay:10s" not in signed_in.get(LIST, headers=NEWS).content.decode()


@pytest.mark.parametrize(
    ("index", "query"),
    [
        ("run_history_of_state", "state=failed"),
        ("run_history_of_trigger", "trigger=manual"),
        ("run_history_of_error", "error=gone"),
        ("run_history_of_request", "request=%r"),
        ("schedule_id", "schedule=%s"),
        ("run_history", ""),
    ],
)
def test_each_filter_has_its_index(team: Team, mixture: object, index: str, query: str) -> None:
    [schedule] = Schedule.objects.all()
    query = query.replace("%s", str(schedule.pk)).replace("%r", str(schedule.saved_request_id))
    asked = history.from_query(dict(parse_qsl(query)), RunState.values, Trigger.values)
    along, rest = history.pages.along_an_index(team, asked)
    if connection.vendor == "postgresql":
        # So few runs are read as a whole otherwise, and sorted.
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")

    plan = along.order_by("-due_at", "-id")[:50].explain()

    assert rest == {}
    assert re.search(rf"{index}\b", plan), plan


# One run


def test_a_run_shows_what_it_sent_and_received_to_whoever_may_see_answers(
    client: Client, team: Team, contacts: SavedRequest, pull: Callable[..., Run], provider: DemoServer
) -> None:
    provider.fail(CONTACTS, status=422, body={"message": "No <b>such</b> field", "hint": "Look at per_page"})
    run = pull(contacts)
    pages = {}
    for role in (Role.VIEWER, Role.EDITOR):
        client.force_login(factories.member_of(team, role))
        pages[role] = client.get(f"{LIST}{run.pk}/")

    assert "Look at per_page" in text(pages[Role.EDITOR])
    assert "/api/open/contacts?per_page=5" in text(pages[Role.EDITOR])
    assert "<b>such" not in pages[Role.EDITOR].content.decode()
    assert "Look at per_page" not in text(pages[Role.VIEWER])
    assert "What was sent and received" not in text(pages[Role.VIEWER])


def test_only_a_table_with_something_to_see_is_the_next_thing_to_do(
    signed_in: Client, stored: SavedRequest, team: Team
) -> None:
    stored.table = factories.TableFactory(team=team)
    stored.save()
    [run] = made(stored, state=RunState.RUNNING)

    def actions() -> str:
        page = signed_in.get(f"{LIST}{run.pk}/").content.decode()
        return page[page.index('id="run-actions"') : page.index('id="run-news"')]

    assert "Open table" not in actions()
    assert "Run again" not in actions()
    Table.objects.update(publication=3)
    assert 'class="btn" href="/t/acme/tables/' in actions()
    Run.objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED)
    assert "Open table" in actions()
    assert re.search(r'class="btn btn-primary" href="/t/acme/tables/[^>]+>Open table', actions())
    assert "Run again" in actions()


def test_news_are_said_once_and_not_with_each_page(signed_in: Client, stored: SavedRequest) -> None:
    [run] = made(stored, state=RunState.RUNNING, pages=21)
    path = f"{LIST}{run.pk}/?said=Running%2C%20more%20than%2020%20pages%20so%20far."

    def said() -> list[str]:
        page = signed_in.get(path, headers=NEWS).content.decode()
        return re.findall(r'hx-swap-oob="innerHTML:#run-news">([^<]+)', page)

    assert said() == []
    Run.objects.filter(pk=run.pk).update(pages=33)
    assert said() == ["Running, more than 30 pages so far."]
    Run.objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED)
    assert said() == ["Succeeded."]
    assert 'hx-trigger="load' not in signed_in.get(path, headers=NEWS).content.decode()


# Compared with the last good one


def test_what_differs_from_the_last_good_run_is_told_in_sentences(
    signed_in: Client, contacts: SavedRequest, provider: DemoServer, pull: Callable[..., Run], now: datetime
) -> None:
    pull(contacts)
    contacts.url = contacts.url.replace("per_page=5", "per_page=50")
    contacts.version += 1
    contacts.save()
    provider.fail(CONTACTS, status=503)
    provider.fail(CONTACTS, status=404, body={"message": "Nothing here"})
    run = pull(contacts, now + timedelta(minutes=1))
    assert run.not_before
    run = executed(run, run.not_before)
    assert run.state == RunState.FAILED

    page = text(signed_in.get(f"{LIST}{run.pk}/compare/"))

    assert "The request was edited in between: URL." in page
    assert "The API answered 404 Not Found instead of 200 OK." in page
    assert "Parameter per_page 5 50" in page
    assert "Rows 100 0" in page
    assert "Compare with the last good one" in text(signed_in.get(f"{LIST}{run.pk}/"))


def test_good_runs_are_compared_with_the_one_before(
    signed_in: Client, contacts: SavedRequest, provider: DemoServer, pull: Callable[..., Run], now: datetime
) -> None:
    first = pull(contacts)
    nothing = text(signed_in.get(f"{LIST}{first.pk}/compare/"))
    provider.set(contacts=60)
    second = pull(contacts, now + timedelta(hours=1))
    page = text(signed_in.get(f"{LIST}{second.pk}/compare/"))

    assert "There is nothing to compare it with" in nothing
    assert "It brought 60 rows instead of 100." in page
    assert "The request was edited" not in page


def test_who_may_not_see_answers_compares_the_rest(
    client: Client, viewer: User, contacts: SavedRequest, pull: Callable[..., Run], now: datetime
) -> None:
    pull(contacts)
    contacts.url = contacts.url.replace("per_page=5", "per_page=50")
    contacts.save()
    run = pull(contacts, now + timedelta(hours=1))
    client.force_login(viewer)

    page = text(client.get(f"{LIST}{run.pk}/compare/"))

    assert "Pages 20 2" in page
    assert "per_page" not in page


# A table whose first run is under way


def test_a_table_says_that_a_run_is_under_way_and_shows_its_rows_once_it_is_done(
    signed_in: Client, stored: SavedRequest, team: Team
) -> None:
    table = stored.table = factories.TableFactory(team=team)
    stored.save()
    [run] = made(stored, state=RunState.RUNNING, pages=2, rows=10)
    path = f"/t/acme/tables/{table.pk}/"

    page = signed_in.get(path).content.decode()
    [ask] = re.findall(r'id="under-way"[^>]+hx-get="([^"]+)"', page)
    news = signed_in.get(ask.replace("&amp;", "&"), headers=NEWS | {"hx-target": "under-way"})
    assert f"/t/acme/runs/{run.pk}/" in page
    assert "10 rows so far" in news.content.decode()
    assert "HX-Refresh" not in news

    Run.objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED)
    Table.objects.filter(pk=table.pk).update(publication=1)
    done = signed_in.get(ask.replace("&amp;", "&"), headers=NEWS | {"hx-target": "under-way"})
    assert done["HX-Refresh"] == "true"
    assert "hx-get" not in done.content.decode()
    assert "under-way" not in signed_in.get(path).content.decode()

    # Whoever reads rows keeps them, and is told.
    reading = signed_in.get(f"{path}?seen=0&empty=", headers=NEWS | {"hx-target": "under-way"})
    assert "HX-Refresh" not in reading
    assert "Show its rows" in text(reading)


def test_a_table_stops_waiting_for_a_run_that_failed(
    signed_in: Client, stored: SavedRequest, team: Team
) -> None:
    table = stored.table = factories.TableFactory(team=team)
    stored.save()
    made(stored, state=RunState.FAILED)

    news = signed_in.get(
        f"/t/acme/tables/{table.pk}/?seen=0&empty=1", headers=NEWS | {"hx-target": "under-way"}
    )

    assert "The run has ended" in text(news)
    assert "hx-get" not in news.content.decode()
