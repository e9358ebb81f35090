"""Rows that go: what does not come any more, what a reset replaces, what an empty answer leaves."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Sum
from pytest_httpserver import HTTPServer

from accounts.models import AuditEntry, User
from requests_builder import destinations, runs
from requests_builder.destinations import missing
from requests_builder.destinations import table as rows_of_table
from requests_builder.models import Batch, IfEmpty, Row, Run, RunState, SavedRequest, Table, WriteMode
from tests import factories
from tests.requests_builder.conftest import executed
from tests.requests_builder.writing import Answers, ran, shown

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


def items_of(*numbers: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": number} | more for number in numbers]


def ids(table: Table) -> list[int]:
    return sorted(row["id"] for row in shown(table))


@pytest.fixture
def synced(items: SavedRequest) -> SavedRequest:
    """A request that updates its table by id, and deletes what does not come any more."""
    SavedRequest.objects.filter(pk=items.pk).update(delete_missing=True)
    return items


@pytest.fixture
def neighbour(items: SavedRequest) -> SavedRequest:
    """Another request with the same keys in the same table."""
    return factories.SavedRequestFactory(
        team=items.team,
        table=items.table,
        url=items.url,
        write_mode=WriteMode.UPDATE,
        key_fields=["id"],
        delete_missing=True,
    )


# Delete missing


def test_what_does_not_come_any_more_is_deleted(
    answers: Answers, synced: SavedRequest, table: Table, now: datetime
) -> None:
    answers(items_of(*range(10)))
    ran(synced, now)
    answers(items_of(*range(2, 11)))
    run = ran(synced, now + HOUR)

    assert ids(table) == list(range(2, 11))
    assert run.changes == {"inserted": 1, "updated": 0, "unchanged": 8, "duplicates": 0, "deleted": 2}
    assert "Rows: 1 inserted, 0 updated, 8 unchanged, 2 deleted." in run.stop_reason


def test_what_was_deleted_and_comes_again_is_inserted_again(
    answers: Answers, synced: SavedRequest, table: Table, now: datetime
) -> None:
    for hours, numbers in enumerate([(1, 2), (2,), (1, 2)]):
        answers(items_of(*numbers))
        run = ran(synced, now + hours * HOUR)
    assert ids(table) == [1, 2]
    assert run.changes["inserted"] == 1


def test_nothing_is_deleted_without_being_asked_for(
    answers: Answers, items: SavedRequest, table: Table, now: datetime
) -> None:
    answers(items_of(1, 2))
    ran(items, now)
    answers(items_of(2))
    assert "deleted" not in ran(items, now + HOUR).changes
    assert ids(table) == [1, 2]


@pytest.mark.parametrize(
    ("percent", "left", "deleted", "held"),
    [(30, 28, 12, None), (30, 27, 0, 13), (100, 1, 39, None), (1, 31, 9, None), (1, 30, 0, 10)],
)
def test_beyond_the_limit_nothing_is_deleted_until_somebody_says_so(
    answers: Answers,
    synced: SavedRequest,
    table: Table,
    now: datetime,
    percent: int,
    left: int,
    deleted: int,
    held: int | None,
) -> None:
    SavedRequest.objects.filter(pk=synced.pk).update(delete_missing_percent=percent)
    answers(items_of(*range(40)))
    ran(synced, now)
    answers(items_of(*range(left)))
    run = ran(synced, now + HOUR)

    assert (run.changes["deleted"], run.changes.get("held")) == (deleted, held)
    assert len(ids(table)) == (40 if held else left)
    assert ("nothing is deleted before somebody confirms it" in run.stop_reason) == bool(held)


@pytest.mark.parametrize("answer", [[], [{"name": "no id"}]])
def test_an_answer_without_records_that_have_a_key_deletes_nothing_by_itself(
    answers: Answers, synced: SavedRequest, table: Table, now: datetime, answer: list[dict[str, Any]]
) -> None:
    SavedRequest.objects.filter(pk=synced.pk).update(delete_missing_percent=100)
    answers(items_of(1, 2, 3))
    ran(synced, now)
    answers(answer)
    run = ran(synced, now + HOUR)

    assert run.changes["held"] == 3
    assert ids(table) == [1, 2, 3]


def test_who_confirms_deletes_those_rows_and_only_once(
    answers: Answers, synced: SavedRequest, table: Table, editor: User, now: datetime
) -> None:
    answers(items_of(1, 2, 3))
    ran(synced, now)
    answers([])
    run = ran(synced, now + HOUR)
    assert missing.held(run).count() == 3

    assert destinations.delete_held(run, user=editor, now=now + 2 * HOUR) == 3
    assert destinations.delete_held(run, user=editor, now=now + 2 * HOUR) == 0

    run.refresh_from_db()
    assert (run.changes["deleted"], "held" in run.changes, ids(table)) == (3, False, [])
    assert AuditEntry.objects.get().object_name == synced.name


def test_once_the_request_has_published_again_an_old_question_is_void(
    answers: Answers, synced: SavedRequest, table: Table, now: datetime
) -> None:
    answers(items_of(1, 2, 3))
    ran(synced, now)
    answers([])
    old = ran(synced, now + HOUR)
    answers(items_of(1, 2, 3))
    ran(synced, now + 2 * HOUR)

    assert destinations.delete_held(old, user=None, now=now + 3 * HOUR) == 0
    assert ids(table) == [1, 2, 3]


def test_another_request_that_publishes_into_the_table_voids_no_question(
    answers: Answers, synced: SavedRequest, neighbour: SavedRequest, table: Table, now: datetime
) -> None:
    answers(items_of(1, 2))
    ran(synced, now)
    answers([])
    run = ran(synced, now + HOUR)
    answers(items_of(1, by="other"))
    ran(neighbour, now + 2 * HOUR)

    assert destinations.delete_held(run, user=None, now=now + 3 * HOUR) == 2
    assert shown(table) == [{"id": 1, "by": "other"}]


@pytest.mark.parametrize(
    "pagination",
    [
        {"kind": "next_url", "path": "next", "pages": 1},
        # Nobody asked for more pages, though the answer names another one.
        {"kind": "none"},
    ],
)
def test_after_a_pull_that_was_not_whole_nothing_is_deleted(
    answers: Answers,
    synced: SavedRequest,
    table: Table,
    httpserver: HTTPServer,
    now: datetime,
    pagination: dict[str, Any],
) -> None:
    answers(items_of(1, 2, 3))
    ran(synced, now)
    SavedRequest.objects.filter(pk=synced.pk).update(records_path="data", pagination=pagination)
    httpserver.clear()
    body = {"data": items_of(1, 2), "next": f"{synced.url}?page=2"}
    httpserver.expect_request("/items").respond_with_json(body)
    run = ran(synced, now + HOUR)

    assert "deleted" not in run.changes
    assert "Not all pages were read, so rows that did not come were kept." in run.stop_reason
    assert ids(table) == [1, 2, 3]


def test_what_a_later_run_has_brought_is_not_missing_in_an_earlier_one(
    answers: Answers, synced: SavedRequest, table: Table, httpserver: HTTPServer, now: datetime
) -> None:
    SavedRequest.objects.filter(pk=synced.pk).update(
        pagination={"kind": "next_url", "path": "next"}, records_path="data"
    )
    answers([])
    httpserver.clear()
    httpserver.expect_request("/items").respond_with_json({"data": items_of(1), "next": "/more"})
    httpserver.expect_request("/more").respond_with_data("busy", status=503)
    early = executed(runs.request_run(SavedRequest.objects.get(pk=synced.pk), user=None, now=now), now)
    httpserver.clear()
    httpserver.expect_request("/items").respond_with_json({"data": items_of(1, 2), "next": None})
    httpserver.expect_request("/more").respond_with_json({"data": [], "next": None})
    ran(synced, now + timedelta(seconds=1))

    early = executed(early, early.not_before)

    assert early.state == RunState.SUCCEEDED
    assert ids(table) == [1, 2]


# Reset and import again


def of_mode(saved_request: SavedRequest, mode: str, **more: Any) -> None:
    SavedRequest.objects.filter(pk=saved_request.pk).update(write_mode=mode, **more)


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        (WriteMode.APPEND, {"key_fields": []}),
        (WriteMode.APPEND, {}),
        (WriteMode.APPEND, {"key_fields": [], "newest_field": "id"}),
        (WriteMode.UPDATE, {}),
        (WriteMode.UPDATE, {"delete_missing": True}),
        (WriteMode.REPLACE, {}),
    ],
)
def test_a_reset_puts_a_fresh_pull_in_the_place_of_all_rows_of_the_request_and_no_others(
    answers: Answers,
    items: SavedRequest,
    neighbour: SavedRequest,
    table: Table,
    now: datetime,
    mode: str,
    more: dict[str, Any],
) -> None:
    of_mode(items, mode, **more)
    answers(items_of(1, 2, 3, by="one"))
    ran(items, now)
    answers(items_of(1, by="other"))
    ran(neighbour, now)

    answers(items_of(2, 5, by="fresh"))
    run = ran(items, now + HOUR, is_reset=True)

    assert sorted((row["id"], row["by"]) for row in shown(table)) == [
        (1, "other"),
        (2, "fresh"),
        (5, "fresh"),
    ]
    assert (run.changes["inserted"], run.changes["replaced"]) == (2, 3)


def test_a_reset_begins_from_nothing_and_finds_the_newest_value_anew(
    answers: Answers, items: SavedRequest, table: Table, httpserver: HTTPServer, now: datetime
) -> None:
    of_mode(items, WriteMode.APPEND, key_fields=[], newest_field="id", newest_parameter="after")
    answers(items_of(1, 99))
    ran(items, now)
    answers(items_of(1, 2))
    run = ran(items, now + HOUR, is_reset=True)

    assert httpserver.log[-1][0].query_string == b""
    assert run.watermarks["from"] is None
    assert SavedRequest.objects.get(pk=items.pk).watermark == 2
    assert ids(table) == [1, 2]


@pytest.mark.parametrize("status", [404, 200])
def test_a_reset_that_fails_or_finds_nothing_leaves_everything_as_it_was(
    answers: Answers, items: SavedRequest, table: Table, httpserver: HTTPServer, now: datetime, status: int
) -> None:
    of_mode(items, WriteMode.APPEND, newest_field="id")
    answers(items_of(1, 2))
    ran(items, now)
    httpserver.clear()
    httpserver.expect_request("/items").respond_with_data("[]", status=status, content_type="text/json")
    stored = SavedRequest.objects.get(pk=items.pk)
    run = executed(runs.request_run(stored, user=None, now=now + HOUR, is_reset=True), now + HOUR)

    assert run.state == (RunState.FAILED if status == 404 else RunState.SUCCEEDED)
    assert ids(table) == [1, 2]
    assert SavedRequest.objects.get(pk=items.pk).watermark == 2
    assert ("No records came, so 2 rows of before stay" in run.stop_reason) == (status == 200)


def test_rows_of_a_run_that_began_after_a_reset_stay_beside_it(
    answers: Answers, items: SavedRequest, table: Table, httpserver: HTTPServer, now: datetime
) -> None:
    answers(items_of(1, by="old"))
    ran(items, now)
    SavedRequest.objects.filter(pk=items.pk).update(
        pagination={"kind": "next_url", "path": "next"}, records_path="data"
    )
    httpserver.clear()
    httpserver.expect_request("/items").respond_with_json(
        {"data": items_of(1, 2, by="reset"), "next": "/more"}
    )
    httpserver.expect_request("/more").respond_with_data("busy", status=503)
    stored = SavedRequest.objects.get(pk=items.pk)
    reset = executed(runs.request_run(stored, user=None, now=now, is_reset=True), now)
    httpserver.clear()
    httpserver.expect_request("/items").respond_with_json({"data": items_of(2, 3, by="later"), "next": None})
    httpserver.expect_request("/more").respond_with_json({"data": [], "next": None})
    ran(items, now + timedelta(seconds=1))

    executed(reset, reset.not_before)

    assert sorted((row["id"], row["by"]) for row in shown(table)) == [
        (1, "reset"),
        (2, "later"),
        (3, "later"),
    ]


def test_a_reset_is_not_taken_for_a_run_that_waits_already(items: SavedRequest, now: datetime) -> None:
    plain = runs.request_run(items, user=None, now=now)
    reset = runs.request_run(items, user=None, now=now, is_reset=True)
    again = runs.request_run(items, user=None, now=now, is_reset=True)
    assert plain != reset == again


# Replace and nothing


@pytest.mark.parametrize(("if_empty", "left"), [(IfEmpty.REPLACE, []), (IfEmpty.KEEP, [1, 2])])
def test_replace_does_with_an_empty_answer_what_was_chosen(
    answers: Answers, items: SavedRequest, table: Table, now: datetime, if_empty: str, left: list[int]
) -> None:
    of_mode(items, WriteMode.REPLACE, if_empty=if_empty)
    answers(items_of(1, 2))
    ran(items, now)
    answers([])
    run = ran(items, now + HOUR)

    assert ids(table) == left
    said = "2 rows of before stay in the table" if left else "this request has no rows in the table now"
    assert said in run.stop_reason
    answers(items_of(3))
    ran(items, now + 2 * HOUR)
    assert ids(table) == [3]


# Several requests, and what is remembered


@pytest.mark.parametrize("answer", [items_of(1, by="new"), []])
@pytest.mark.parametrize("mode", WriteMode.values)
@pytest.mark.parametrize("is_reset", [False, True])
def test_whatever_one_request_does_the_rows_of_another_stay(
    answers: Answers,
    items: SavedRequest,
    neighbour: SavedRequest,
    table: Table,
    now: datetime,
    answer: list[dict[str, Any]],
    mode: str,
    is_reset: bool,
) -> None:
    of_mode(
        items, mode, delete_missing=mode == WriteMode.UPDATE, newest_field="" if mode == "update" else "id"
    )
    answers(items_of(1, 2, 3, by="other"))
    ran(neighbour, now)
    answers(items_of(1, 2, 3, by="one"))
    ran(items, now)

    answers(answer)
    run = ran(items, now + HOUR, is_reset=is_reset)
    destinations.delete_held(run, user=None, now=now + HOUR)
    rows_of_table.sweep(now + 9 * HOUR, 1_000)

    others = [row["id"] for row in shown(table) if row["by"] == "other"]
    assert sorted(others) == [1, 2, 3]
    counted = Batch.objects.visible().filter(saved_request=items).aggregate(it=Sum("rows_count"))["it"] or 0
    assert counted == len(shown(table)) - 3


def test_a_row_knows_which_runs_have_touched_it_also_when_its_versions_are_gone(
    answers: Answers, items: SavedRequest, table: Table, now: datetime
) -> None:
    made = []
    for hours, number in enumerate([1, 2, 2, 3]):
        answers([{"id": 1, "n": number}, {"id": 2}])
        made.append(ran(items, now + hours * HOUR))
    row = Row.objects.visible().get(data__n=3)

    versions = destinations.versions_of(row)
    assert [version.run for version in versions] == [made[3], made[1], made[0]]
    assert [version.data for version in versions] == [{"id": 1, "n": number} for number in (3, 2, 1)]
    assert [version.is_current for version in versions] == [True, False, False]

    for minutes in (0, 11, 22):
        rows_of_table.sweep(now + 4 * HOUR + timedelta(minutes=minutes), 1_000)
    versions = destinations.versions_of(Row.objects.visible().get(data__n=3))
    assert [version.run for version in versions] == [made[3], made[1], made[0]]
    assert [version.data for version in versions] == [{"id": 1, "n": 3}, None, None]
    assert [version.run for version in destinations.versions_of(Row.objects.get(data__id=2))] == [made[0]]


def test_a_long_history_is_cut_at_a_whole_number(items: SavedRequest, now: datetime) -> None:
    batch = Batch.objects.create(table=items.table, saved_request=items)
    numbers = [7_000_000 - number for number in range(26)]
    history = "".join(f",{number}" for number in numbers)
    Run.objects.bulk_create(
        Run(
            team=items.team,
            saved_request=items,
            trigger="manual",
            due_at=now,
            not_before=now,
            batch_number=number,
        )
        for number in [*numbers, 700_000, 70, 9]
    )
    for begins in ("", ",9"):
        row = Row(batch=batch, data={}, earlier=(begins + history)[:200])
        found = [version.run.batch_number for version in destinations.versions_of(row) if version.run]
        assert found == [*numbers[:24], *([9] if begins else [])]


# How often a page is tried, and how large it may be


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (2, 3)])
def test_a_page_is_tried_again_as_often_as_the_request_says(
    answers: Answers,
    items: SavedRequest,
    httpserver: HTTPServer,
    now: datetime,
    retries: int,
    attempts: int,
) -> None:
    answers([])
    httpserver.clear()
    httpserver.expect_request("/items").respond_with_data("busy", status=503)
    SavedRequest.objects.filter(pk=items.pk).update(retries=retries)
    run = runs.request_run(SavedRequest.objects.get(pk=items.pk), user=None, now=now)
    while not run.is_finished:
        run = executed(run, run.not_before)
    assert (run.attempts, run.error_code) == (attempts, "server_error")
    assert f"It was tried {'once' if attempts == 1 else '3 times'}" in run.error


def test_a_response_larger_than_the_request_allows_fails_the_run(
    answers: Answers, items: SavedRequest, table: Table, now: datetime
) -> None:
    answers([{"id": 1, "text": "x" * 2**20}])
    SavedRequest.objects.filter(pk=items.pk).update(max_response_mb=1)
    stored = SavedRequest.objects.get(pk=items.pk)
    run = executed(runs.request_run(stored, user=None, now=now), now)
    assert (run.state, run.error_code) == (RunState.FAILED, "too_large")

    SavedRequest.objects.filter(pk=items.pk).update(max_response_mb=2)
    ran(items, now)
    assert ids(table) == [1]
