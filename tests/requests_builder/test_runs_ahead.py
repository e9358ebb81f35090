"""Pages that are asked for before their turn: what it brings, and what it must never do."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils.timezone import now as clock
from pytest_django.fixtures import Settings

from accounts.models import Team
from demo_api.messages import Answer
from demo_api.server import DemoServer
from requests_builder import runs, tables
from requests_builder.models import Run, RunState, SavedRequest, Table
from requests_builder.runs import ahead
from requests_builder.runs.leases import LEASE
from tests import factories
from tests.requests_builder.conftest import executed
from tests.requests_builder.far_api import FarApi
from tests.requests_builder.test_runs_leases import ROOT, environment

Pull = Callable[..., Run]
PAGES = 40
BY_PAGE = {"kind": "page", "parameter": "page", "start": 1, "total_pages": "total_pages"}
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api(settings: Settings) -> Iterator[FarApi]:
    with FarApi(PAGES) as api:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{api.port}"]
        yield api


@pytest.fixture
def items(team: Team, table: Table, api: FarApi) -> SavedRequest:
    """A request that pulls the items page by page."""
    return factories.SavedRequestFactory(
        team=team, table=table, url=api.url, records_path="data", pagination=BY_PAGE
    )


def ids(table: Table) -> list[int]:
    return [record["id"] for record in tables.records(table)]


def each_once(pages: int) -> Counter[int]:
    return Counter(range(1, pages + 1))


def all_ids(pages: int) -> list[int]:
    return list(range(1, 2 * pages + 1))


@pytest.mark.parametrize(
    "pagination",
    [
        BY_PAGE,
        {"kind": "offset", "parameter": "offset", "limit_parameter": "limit", "limit": 2, "total": "total"},
        {"kind": "offset", "parameter": "offset", "limit": 2, "advance": "limit", "pages": PAGES},
    ],
    ids=["by page", "by offset", "a wanted number by offset"],
)
def test_a_long_pull_from_afar_asks_for_pages_ahead_and_takes_them_in_turn(
    pagination: dict[str, Any], items: SavedRequest, table: Table, api: FarApi, pull: Pull
) -> None:
    items.pagination = pagination
    items.save()

    run = pull(items)

    assert (run.state, run.pages) == (RunState.SUCCEEDED, PAGES)
    assert 4 < api.most_at_once <= 8
    assert api.asked == each_once(PAGES), "none beyond the end that was known"
    assert ids(table) == all_ids(PAGES)


def test_pages_in_the_body_of_a_query_are_asked_for_ahead_and_those_of_a_post_in_turn(
    items: SavedRequest, table: Table, api: FarApi, pull: Pull
) -> None:
    items.body_kind, items.body = "json", "{}"
    items.pagination = {"kind": "page_body", "path": "page", "total_pages": "total_pages"}
    items.method = "QUERY"
    items.save()
    pull(items)
    assert 4 < api.most_at_once <= 8

    api.begin_anew()
    items.method = "POST"
    items.save()
    pull(items)

    assert api.most_at_once == 1
    assert ids(table) == all_ids(PAGES)


def test_a_pull_of_twenty_pages_goes_in_turn_so_that_a_kill_repeats_one(
    items: SavedRequest, api: FarApi, pull: Pull
) -> None:
    api.pages = ahead.FEW_PAGES

    assert pull(items).pages == 20
    assert api.most_at_once == 1


def test_where_nobody_says_how_many_there_are_twenty_come_first_and_those_beyond_the_end_are_dropped(
    items: SavedRequest, table: Table, api: FarApi, pull: Pull
) -> None:
    items.pagination = {"kind": "page", "parameter": "page"}
    items.save()
    at_once: dict[int, int] = {}
    api.on_arrival = lambda page: at_once.setdefault(page, api.most_at_once)  # type: ignore[assignment, return-value]

    run = pull(items)

    assert (run.state, run.pages, run.rows) == (RunState.SUCCEEDED, PAGES + 1, 2 * PAGES)
    assert at_once[20] == 1
    assert at_once[PAGES] == 8
    assert max(api.asked) <= PAGES + 1 + 8
    assert set(api.asked.values()) == {1}
    assert ids(table) == all_ids(PAGES)


def test_an_api_that_is_near_is_asked_in_turn(
    items: SavedRequest, api: FarApi, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine nobody is as near as that.
    monkeypatch.setattr(ahead, "SOON", 10.0)

    pull(items)

    assert api.most_at_once == 1


def test_one_late_answer_among_quick_ones_does_not_make_an_api_distant(
    items: SavedRequest, api: FarApi, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Above what a busy machine does to a quick answer, and below the late one.
    monkeypatch.setattr(ahead, "SOON", 0.5)
    api.latency = 0
    api.on_arrival = lambda page: time.sleep(0.8) if page == 10 else None

    pull(items)

    assert api.most_at_once == 1
    assert api.asked == each_once(PAGES)


def test_with_a_cursor_the_next_request_leaves_before_the_page_is_written(
    items: SavedRequest, table: Table, api: FarApi, pull: Pull
) -> None:
    items.pagination = {"kind": "cursor", "path": "next", "parameter": "cursor"}
    items.save()
    written: dict[int, int] = {}

    def look(page: int) -> None:
        written[page] = Run.objects.values_list("pages", flat=True).get()
        connection.close()

    api.on_arrival = look
    # To write a page takes longer than to look how many are written.
    api.padding = "x" * 500_000

    run = pull(items)

    assert (run.state, run.pages) == (RunState.SUCCEEDED, PAGES)
    assert api.most_at_once == 1
    assert all(written[page] == page - 1 for page in range(1, 21)), "in turn at first"
    assert any(written[page] < page - 1 for page in range(22, PAGES + 1))
    assert api.asked == each_once(PAGES)
    assert ids(table) == all_ids(PAGES)


@pytest.mark.parametrize(
    "answer",
    [Answer(429, headers={"Retry-After": "1"}), Answer(503)],
    ids=["too many requests", "not available"],
)
def test_a_server_that_asks_to_be_spared_is_asked_in_turn_for_the_rest_of_the_run(
    answer: Answer,
    items: SavedRequest,
    table: Table,
    api: FarApi,
    pull: Pull,
    caplog: pytest.LogCaptureFixture,
) -> None:
    api.instead[12] = [answer]
    with caplog.at_level(logging.INFO):
        run = pull(items)
    assert run.is_waiting
    assert run.pages == 11, "the pages before it count"
    assert f"in turn from now on: the API answered {answer.status}" in caplog.text

    api.begin_anew()
    run = executed(run, run.not_before)

    assert (run.state, run.pages) == (RunState.SUCCEEDED, PAGES)
    assert api.most_at_once == 1
    assert ids(table) == all_ids(PAGES)


def test_what_the_server_says_to_allow_is_not_exceeded(items: SavedRequest, api: FarApi, pull: Pull) -> None:
    api.headers = {"X-RateLimit-Remaining": "3"}

    pull(items)

    assert 1 < api.most_at_once <= 3


def test_a_good_answer_with_retry_after_ends_it_too(items: SavedRequest, api: FarApi, pull: Pull) -> None:
    api.headers = {"Retry-After": "1"}

    assert pull(items).state == RunState.SUCCEEDED
    assert api.most_at_once == 1


def test_a_request_ahead_that_gets_no_answer_is_sent_again_in_its_turn(
    items: SavedRequest, table: Table, api: FarApi, pull: Pull
) -> None:
    # An answer that breaks off.
    api.instead[12] = [Answer(200, b"{}", headers={"Transfer-Encoding": "chunked"})]

    run = pull(items)

    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 1)
    assert api.asked[12] == 2
    assert ids(table) == all_ids(PAGES)


def test_another_page_than_was_foreseen_is_asked_for_and_the_others_are_dropped(
    items: SavedRequest, table: Table, api: FarApi, pull: Pull
) -> None:
    items.pagination = {"kind": "offset", "parameter": "offset", "limit": 2}
    items.save()
    # One record where two were expected: the offset goes on by one.
    api.instead[25] = [Answer(200, b'{"data": [{"id": 49}]}')]

    run = pull(items)

    assert run.state == RunState.SUCCEEDED
    assert sorted(set(ids(table))) == all_ids(PAGES)


def test_large_pages_are_few_at_once(items: SavedRequest, api: FarApi, pull: Pull) -> None:
    api.padding = "x" * (ahead.MOST_BYTES // 20)
    api.pages = 24

    assert pull(items).state == RunState.SUCCEEDED
    assert 1 < api.most_at_once <= 5


def test_all_runs_of_a_process_share_what_one_host_is_asked_ahead(
    team: Team, items: SavedRequest, api: FarApi, settings: Settings, now: datetime
) -> None:
    settings.RUN_PAGES_AHEAD = 3
    other = factories.SavedRequestFactory(
        team=team,
        table=factories.TableFactory(team=team),
        url=items.url,
        records_path="data",
        pagination=BY_PAGE,
    )
    both = [runs.request_run(each, user=None, now=now) for each in (items, other)]

    def work(run: Run) -> None:
        runs.execute(run.pk, worker=uuid4(), now=now)
        connection.close()

    threads = [threading.Thread(target=work, args=(run,)) for run in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(Run.objects.values_list("state", flat=True)) == {RunState.SUCCEEDED}
    assert 3 <= api.most_at_once <= 3 + 2, "beside what each asks in its turn"


def test_nothing_is_asked_for_ahead_where_the_settings_say_so(
    items: SavedRequest, api: FarApi, settings: Settings, pull: Pull
) -> None:
    settings.RUN_PAGES_AHEAD = 0

    assert pull(items).pages == PAGES
    assert api.most_at_once == 1


def test_a_token_that_ends_while_pages_are_under_way_is_renewed_once(
    protected: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    provider.set(contacts=300, api_latency=0.02)
    provider.hold("/api/contacts", page=30)

    def expire() -> None:
        provider.wait_until_held()
        provider.set(clock_offset=3_600)
        provider.release()

    other = threading.Thread(target=expire)
    other.start()
    run = pull(protected)
    other.join()

    assert (run.state, run.attempts, run.rows) == (RunState.SUCCEEDED, 1, 300)
    assert provider.refreshes == 1
    assert len(set(ids(table))) == 300


def test_a_killed_worker_leaves_no_more_pages_to_be_asked_twice_than_were_ahead(
    items: SavedRequest, table: Table, api: FarApi, provider: DemoServer, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{api.port}"]
    run = runs.request_run(items, user=None, now=clock())
    api.hold(25)
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.requests_builder.worker", str(run.pk)],
        cwd=ROOT,
        env=os.environ | environment(provider) | {"OUTBOUND_ALLOW": f"127.0.0.1:{api.port}"},
    )
    api.wait_until_held()
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    api.release()

    assert runs.execute(run.pk, worker=uuid4(), now=clock() + LEASE + timedelta(seconds=1)) == "succeeded"

    asked_again = [page for page, times in api.asked.items() if times > 1]
    assert 1 <= len(asked_again) <= 8 + 1
    assert ids(table) == all_ids(PAGES)
