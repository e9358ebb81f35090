"""A pull with a mapping: what reaches the table, and what a run says about other fields than it knows."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from accounts.models import User
from requests_builder import runs, tables
from requests_builder.models import Mender, Run, RunState, SavedRequest, Table
from tests import factories
from tests.requests_builder.conftest import executed
from tests.requests_builder.pages import text

Pull = Callable[..., Run]
pytestmark = pytest.mark.django_db

PAGES = [
    [{"id": "1", "at": "2026-11-23T13:00:00+01:00", "who": {"name": "Ann"}}],
    [{"id": "2", "at": "2026-11-23T12:00:00Z", "who": {"name": "Bob", "mail": "b@example.org"}}],
]
COLUMNS = [
    {"path": "who.name", "name": "Name", "type": "text"},
    {"path": "id", "name": "Number", "type": "integer"},
    {"path": "at", "name": "at", "type": "datetime", "included": False},
]


@pytest.fixture
def api(httpserver: HTTPServer, settings: Settings) -> HTTPServer:
    settings.OUTBOUND_ALLOW = [f"{httpserver.host}:{httpserver.port}"]
    return httpserver


@pytest.fixture
def people(api: HTTPServer, team: Any) -> SavedRequest:
    """A request for two pages with a record each."""
    serve(api, PAGES)
    return factories.SavedRequestFactory(
        team=team,
        table=factories.TableFactory(team=team, name="people"),
        url=api.url_for("/people"),
        pagination={"kind": "page", "parameter": "page", "start": 1},
        mapping={"columns": COLUMNS},
    )


def serve(api: HTTPServer, pages: list[list[dict[str, Any]]]) -> None:
    api.clear()
    for number, page in enumerate([*pages, []], 1):
        api.expect_request("/people", query_string={"page": str(number)}).respond_with_json(page)


def rows_of(saved_request: SavedRequest) -> list[dict[str, Any]]:
    return list(tables.records(Table.objects.get(pk=saved_request.table_id)))


def test_a_table_has_the_columns_of_the_mapping_in_its_order_and_with_its_types(
    people: SavedRequest, pull: Pull
) -> None:
    run = pull(people)

    table = Table.objects.get(pk=people.table_id)
    assert run.state == RunState.SUCCEEDED
    assert table.columns == ["Name", "Number", "who.mail"]
    assert table.column_types == {"Name": "text", "Number": "integer", "who.mail": "text"}
    assert rows_of(people) == [
        {"Name": "Ann", "Number": 1},
        {"Name": "Bob", "Number": 2, "who.mail": "b@example.org"},
    ]
    assert run.findings["remark"] == "New fields became columns: who.mail."


def test_the_page_of_a_run_says_what_other_fields_it_met(
    people: SavedRequest, pull: Pull, client: Client, viewer: User
) -> None:
    run = pull(people)
    client.force_login(viewer)

    assert "New fields became columns: who.mail." in text(client.get(f"/t/acme/runs/{run.pk}/"))


def test_without_a_mapping_records_are_taken_as_they_come(people: SavedRequest, pull: Pull) -> None:
    people.mapping = {}
    people.save()

    run = pull(people)

    assert rows_of(people) == [record for page in PAGES for record in page]
    assert run.findings == {}
    assert Table.objects.get(pk=people.table_id).column_types == {"id": "text", "at": "text", "who": "json"}


def test_a_frozen_mapping_fails_the_run_and_leaves_the_table_as_it_was(
    people: SavedRequest, api: HTTPServer, pull: Pull
) -> None:
    serve(api, PAGES[:1])
    people.mapping = {"columns": COLUMNS, "drift": "freeze"}
    people.save()
    assert pull(people).state == RunState.SUCCEEDED
    before = rows_of(people)
    serve(api, PAGES)

    run = pull(people)

    assert (run.state, run.error_code, run.mender) == (RunState.FAILED, "fields_changed", Mender.EDITOR)
    assert "(new: who.mail)" in run.error
    assert rows_of(people) == before


def test_a_frozen_mapping_misses_a_field_once_all_pages_are_in(
    people: SavedRequest, api: HTTPServer, pull: Pull
) -> None:
    serve(api, [[{"id": 1}], [{"id": 2}]])
    people.mapping = {"columns": COLUMNS, "drift": "freeze"}
    people.save()

    run = pull(people)

    assert (run.state, run.pages) == (RunState.FAILED, 2)
    assert "(gone: who.name)" in run.error
    assert rows_of(people) == []


def test_values_that_do_not_fit_fail_no_run_and_are_counted(
    people: SavedRequest, api: HTTPServer, pull: Pull
) -> None:
    serve(api, [[{"id": "one", "who": {"name": "Ann"}}], [{"id": "two"}, {"id": 3}]])

    run = pull(people)

    assert run.state == RunState.SUCCEEDED
    assert [row["Number"] for row in rows_of(people)] == [None, None, 3]
    assert (
        "2 values did not fit the type of the column and became empty: Number (2)."
        in (run.findings["remark"])
    )


def test_a_run_that_goes_on_remembers_what_its_earlier_pages_have_shown(
    people: SavedRequest, api: HTTPServer, now: datetime
) -> None:
    people.mapping = {"columns": COLUMNS, "drift": "freeze"}
    people.save()
    api.clear()
    first, second = ({"page": str(number)} for number in (1, 2))
    api.expect_request("/people", query_string=first).respond_with_json([{"id": 1, "who": {"name": "Ann"}}])
    api.expect_request("/people", query_string=second).respond_with_data("", status=503)
    run = executed(runs.request_run(people, user=None, now=now), now)
    assert run.state == RunState.QUEUED
    assert run.findings == {"missing": []}
    serve(api, [[{"id": 1, "who": {"name": "Ann"}}], [{"id": 2}]])

    # The second page alone has no name, which would be one field too few.
    assert executed(run, now + timedelta(hours=1)).state == RunState.SUCCEEDED


def test_an_edit_begins_anew_and_forgets_what_was_found(
    people: SavedRequest, api: HTTPServer, now: datetime
) -> None:
    serve(api, PAGES[1:])
    api.expect_oneshot_request("/people", query_string={"page": "2"}).respond_with_data("", status=503)
    run = executed(runs.request_run(people, user=None, now=now), now)
    people.mapping = {"columns": COLUMNS, "drift": "drop"}
    people.version += 1
    people.save()

    run = executed(run, now + timedelta(hours=1))

    assert run.findings["remark"] == "New fields were left out: who.mail."
    assert Table.objects.get(pk=people.table_id).columns == ["Name", "Number"]


def test_a_mapping_that_cannot_be_used_fails_the_run_with_its_sentence(
    people: SavedRequest, pull: Pull
) -> None:
    people.mapping = {"columns": [{"path": "]["}]}
    people.save()

    run = pull(people)

    assert (run.state, run.error_code) == (RunState.FAILED, "invalid_mapping")
    assert "not a JMESPath expression" in run.error
