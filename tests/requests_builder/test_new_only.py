"""Only new records: from the newest value so far on, by a query parameter or by what comes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from requests_builder import runs
from requests_builder.models import Run, RunState, SavedRequest, Table, WriteMode
from requests_builder.runs.leases import LEASE
from tests.requests_builder.conftest import executed
from tests.requests_builder.writing import Answers, ran, shown

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


@pytest.fixture
def news(items: SavedRequest) -> SavedRequest:
    """A request that appends what is newer by `at`, without key fields."""
    items.write_mode, items.key_fields, items.newest_field = WriteMode.APPEND, [], "at"
    items.save()
    return items


@pytest.fixture
def paged(news: SavedRequest, httpserver: HTTPServer, settings: Settings) -> Callable[..., None]:
    """Sets what two pages of the API hold; without a second one, or with a status in its place."""
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{httpserver.port}"]
    SavedRequest.objects.filter(pk=news.pk).update(
        pagination={"kind": "next_url", "path": "next"}, records_path="data"
    )

    def answer(first: list[Any], *, more: list[Any] | None = None, then: int = 0) -> None:
        httpserver.clear()
        following = "/more" if then or more is not None else None
        httpserver.expect_request("/items").respond_with_json({"data": first, "next": following})
        if then:
            httpserver.expect_request("/more").respond_with_data("no", status=then)
        else:
            httpserver.expect_request("/more").respond_with_json({"data": more, "next": None})

    return answer


def item(number: int, at: Any, **more: Any) -> dict[str, Any]:
    return {"id": number, "at": at} | more


def ids(table: Table) -> list[int]:
    return [row["id"] for row in shown(table)]


def asked(httpserver: HTTPServer) -> str:
    return httpserver.log[-1][0].query_string.decode()


def newest(saved_request: SavedRequest) -> Any:
    return SavedRequest.objects.get(pk=saved_request.pk).watermark


def test_the_newest_value_is_sent_back_as_it_came_at_the_next_run(
    answers: Answers, news: SavedRequest, table: Table, httpserver: HTTPServer, now: datetime
) -> None:
    SavedRequest.objects.filter(pk=news.pk).update(newest_parameter="created_after")
    answers([item(1, "2025-08-01T10:30:00"), item(2, "2025-07-31T10:30:00")])
    first = ran(news, now)
    assert asked(httpserver) == ""
    assert first.watermarks["from"] is None

    answers([item(3, "2025-08-02T09:00:00")])
    second = ran(news, now + HOUR)

    assert asked(httpserver) == "created_after=2025-08-01T10%3A30%3A00"
    assert (second.watermarks["from"], second.watermarks["to"]) == (
        "2025-08-01T10:30:00",
        "2025-08-02T09:00:00",
    )
    assert newest(news) == "2025-08-02T09:00:00"
    assert ids(table) == [1, 2, 3]


def test_a_value_in_the_url_counts_until_there_is_a_newer_one(
    answers: Answers, news: SavedRequest, httpserver: HTTPServer, now: datetime
) -> None:
    SavedRequest.objects.filter(pk=news.pk).update(
        newest_parameter="since", url=f"{news.url}?since=1700000000&limit=5"
    )
    answers([item(1, 1_754_044_200)])
    ran(news, now)
    assert asked(httpserver) == "since=1700000000&limit=5"
    ran(news, now + HOUR)
    assert asked(httpserver) == "since=1754044200&limit=5"


def test_without_a_parameter_everything_is_fetched_and_what_is_newer_is_added(
    answers: Answers, news: SavedRequest, table: Table, now: datetime
) -> None:
    old = [item(1, "Fri, 01 Aug 2025 10:30:00 GMT"), item(2, "Thu, 31 Jul 2025 10:30:00 GMT")]
    answers(old)
    ran(news, now)

    answers([item(3, "Fri, 01 Aug 2025 12:45:00 +0200"), *old])
    run = ran(news, now + HOUR)

    assert ids(table) == [1, 2, 3]
    assert run.changes == {"inserted": 1, "duplicates": 1}
    assert run.watermarks["older"] == 1
    assert "1 record was left out as older." in run.stop_reason
    assert "Rows: 1 inserted, 1 left out because they were there." in run.stop_reason


def test_a_later_record_of_the_same_moment_is_not_lost(
    answers: Answers, news: SavedRequest, table: Table, now: datetime
) -> None:
    answers([item(1, "2025-08-01")])
    ran(news, now)
    answers([item(1, "2025-08-01"), item(2, "2025-08-01")])
    ran(news, now + HOUR)
    assert ids(table) == [1, 2]


def test_new_records_that_look_like_old_ones_are_new_all_the_same(
    answers: Answers, news: SavedRequest, table: Table, now: datetime
) -> None:
    SavedRequest.objects.filter(pk=news.pk).update(
        mapping={"columns": [{"path": "message"}], "drift": "drop"}
    )
    answers([item(1, 100, message="ok"), item(2, 100, message="ok")])
    ran(news, now)
    answers([item(1, 100, message="ok"), item(3, 200, message="ok")])
    ran(news, now + HOUR)
    assert shown(table) == [{"message": "ok"}] * 3


def test_a_look_back_catches_what_comes_late_and_repeats_nothing(
    answers: Answers, news: SavedRequest, table: Table, httpserver: HTTPServer, now: datetime
) -> None:
    SavedRequest.objects.filter(pk=news.pk).update(newest_parameter="since", look_back=2 * HOUR)
    answers([item(1, "2025-08-01T10:00:00Z")])
    ran(news, now)

    answers(
        [item(1, "2025-08-01T10:00:00Z"), item(2, "2025-08-01T08:30:00Z"), item(3, "2025-08-01T07:59:00Z")]
    )
    ran(news, now + HOUR)

    assert asked(httpserver) == "since=2025-08-01T08%3A00%3A00Z"
    assert ids(table) == [1, 2]
    assert newest(news) == "2025-08-01T10:00:00Z"


def test_with_a_key_the_look_back_goes_by_the_key(
    answers: Answers, news: SavedRequest, table: Table, now: datetime
) -> None:
    SavedRequest.objects.filter(pk=news.pk).update(key_fields=["id"], look_back=HOUR)
    answers([item(1, "2025-08-01T10:00:00Z", seen=1)])
    ran(news, now)
    answers([item(1, "2025-08-01T10:00:00Z", seen=2), item(2, "2025-08-01T09:30:00Z", seen=2)])
    ran(news, now + HOUR)
    assert [(row["id"], row["seen"]) for row in shown(table)] == [(1, 1), (2, 2)]


def test_what_is_no_time_cannot_be_looked_back_from_and_the_run_says_so(
    answers: Answers, news: SavedRequest, now: datetime
) -> None:
    SavedRequest.objects.filter(pk=news.pk).update(look_back=HOUR)
    answers([item(1, 7)])
    ran(news, now)
    assert "There was no looking back, because 7 is no time." in ran(news, now + HOUR).stop_reason


def test_records_without_the_field_are_taken_counted_and_told(
    answers: Answers, news: SavedRequest, table: Table, now: datetime
) -> None:
    answers([item(1, 5), item(2, None), {"id": 3}])
    ran(news, now)
    answers([item(2, None), {"id": 4}])
    run = ran(news, now + HOUR)

    assert ids(table) == [1, 2, 3, 4]
    assert run.watermarks["undated"] == 2
    assert "2 records had no value to compare at at, and were taken." in run.stop_reason


def test_rows_from_before_are_not_brought_again_when_only_new_ones_are_wanted_later(
    answers: Answers, news: SavedRequest, table: Table, now: datetime
) -> None:
    SavedRequest.objects.filter(pk=news.pk).update(newest_field="")
    answers([item(1, 5), item(2, 6)])
    ran(news, now)
    SavedRequest.objects.filter(pk=news.pk).update(newest_field="at")

    answers([item(1, 5), item(2, 6), item(3, 7)])
    ran(news, now + HOUR)

    assert ids(table) == [1, 2, 3]


def test_a_failed_run_changes_nothing(
    news: SavedRequest, table: Table, paged: Callable[..., None], now: datetime
) -> None:
    paged([item(1, 5)])
    ran(news, now)

    paged([item(2, 9)], then=404)
    stored = SavedRequest.objects.get(pk=news.pk)
    run = executed(runs.request_run(stored, user=None, now=now + HOUR), now + HOUR)

    assert run.state == RunState.FAILED
    assert (newest(news), ids(table)) == (5, [1])


def test_a_run_that_goes_on_after_its_worker_was_lost_keeps_its_own_start(
    news: SavedRequest, table: Table, paged: Callable[..., None], now: datetime
) -> None:
    SavedRequest.objects.filter(pk=news.pk).update(newest_parameter="since")
    paged([item(1, 5)])
    ran(news, now)
    paged([item(2, 9)], then=503)
    stored = SavedRequest.objects.get(pk=news.pk)
    run = executed(runs.request_run(stored, user=None, now=now + HOUR), now + HOUR)
    assert (run.state, run.pages) == (RunState.QUEUED, 1)
    SavedRequest.objects.filter(pk=news.pk).update(watermark=100)

    paged([], more=[item(3, 6), item(4, 4)])
    run = executed(run, run.not_before + LEASE)

    assert (run.state, run.watermarks["from"], run.watermarks["to"]) == (RunState.SUCCEEDED, 5, 9)
    assert ids(table) == [1, 2, 3]
    assert newest(news) == 100, "what somebody has set meanwhile stays"


def test_a_run_that_begins_anew_after_an_edit_begins_from_what_is_stored_then(
    news: SavedRequest, table: Table, paged: Callable[..., None], now: datetime
) -> None:
    SavedRequest.objects.filter(pk=news.pk).update(watermark=5)
    paged([item(2, 9), item(1, 1)], then=503)
    run = executed(runs.request_run(SavedRequest.objects.get(pk=news.pk), user=None, now=now), now)
    assert run.watermarks["older"] == 1
    SavedRequest.objects.filter(pk=news.pk).update(version=2, watermark=None)

    paged([item(2, 9), item(1, 1)])
    run = executed(run, run.not_before + LEASE)

    assert (run.watermarks["from"], run.watermarks["older"]) == (None, 0)
    assert ids(table) == [2, 1]


def test_update_asks_for_what_has_changed_and_takes_older_records_too(
    answers: Answers, items: SavedRequest, table: Table, httpserver: HTTPServer, now: datetime
) -> None:
    SavedRequest.objects.filter(pk=items.pk).update(newest_field="at", newest_parameter="changed_since")
    answers([item(1, 5, n=1), item(2, 6, n=1)])
    ran(items, now)
    answers([item(1, 5, n=2), item(2, 8, n=2)])
    run = ran(items, now + HOUR)

    assert asked(httpserver) == "changed_since=6"
    assert run.changes["updated"] == 2
    assert [row["n"] for row in shown(table)] == [2, 2]
    assert newest(items) == 8


def test_replace_takes_everything_whatever_the_field_says(
    answers: Answers, news: SavedRequest, table: Table, now: datetime
) -> None:
    SavedRequest.objects.filter(pk=news.pk).update(write_mode=WriteMode.REPLACE, watermark=100)
    answers([item(1, 5)])
    run = ran(news, now)
    assert (ids(table), run.watermarks, newest(news)) == ([1], {}, 100)


def test_of_two_runs_at_once_the_second_repeats_nothing_and_turns_nothing_back(
    news: SavedRequest, table: Table, paged: Callable[..., None], now: datetime
) -> None:
    paged([item(1, 5)], then=503)
    early = executed(runs.request_run(SavedRequest.objects.get(pk=news.pk), user=None, now=now), now)
    paged([item(1, 5), item(2, 9)])
    ran(news, now)
    assert newest(news) == 9

    paged([], more=[item(2, 9), item(3, 7)])
    early = executed(early, early.not_before + LEASE)

    assert early.state == RunState.SUCCEEDED
    assert sorted(ids(table)) == [1, 2, 3]
    assert newest(news) == 9


def test_a_copy_of_a_request_begins_from_nothing(news: SavedRequest) -> None:
    SavedRequest.objects.filter(pk=news.pk).update(watermark=5)
    copy = SavedRequest.objects.get(pk=news.pk).duplicate(user=None)  # type: ignore[arg-type]
    assert (copy.watermark, copy.newest_field) == (None, "at")


def test_a_worker_that_was_lost_before_the_first_page_takes_what_is_stored_then(
    answers: Answers, news: SavedRequest, table: Table, now: datetime
) -> None:
    answers([item(1, 5), item(2, 9)])
    run = runs.request_run(SavedRequest.objects.get(pk=news.pk), user=None, now=now)
    Run.objects.filter(pk=run.pk).update(
        state=RunState.RUNNING, fence=1, leased_by=uuid4(), leased_until=now, request_version=1
    )
    SavedRequest.objects.filter(pk=news.pk).update(watermark=6)
    run = executed(run, now + HOUR)
    assert (run.watermarks["from"], ids(table)) == (6, [2])
