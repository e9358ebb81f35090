"""The pull: pages, what may go wrong with them, and what the table shows meanwhile."""

import _thread
import json
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from connections.models import Connection, ConnectionState, Token
from demo_api.data import contact
from demo_api.server import DemoServer
from requests_builder import runs, tables
from requests_builder.models import (
    Batch,
    BodyKind,
    Mender,
    Row,
    Run,
    RunState,
    SavedRequest,
    Table,
    WriteMode,
)
from requests_builder.runs.setbacks import gap
from tests.requests_builder.conftest import CONTACTS, executed

Pull = Callable[..., Run]
pytestmark = pytest.mark.django_db
# Tokens are renewed outside of transactions only, and a test is one otherwise.
outer = pytest.mark.django_db(transaction=True)


def ids_of_source(provider: DemoServer) -> list[int]:
    return [contact(number)["id"] for number in range(1, provider.knobs.contacts + 1)]


def ids(table: Table) -> list[int]:
    return [record["id"] for record in tables.records(table)]


def test_a_run_pulls_every_page_once_into_the_table(
    contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    run = pull(contacts)

    assert (run.state, run.pages, run.rows, run.attempts) == (RunState.SUCCEEDED, 20, 100, 1)
    assert ids(table) == ids_of_source(provider)
    assert provider.page_fetches(CONTACTS) == dict.fromkeys(range(1, 21), 1)
    assert run.checkpoint is None
    assert run.leased_until is None
    assert run.error == ""
    assert run.bytes_received > 0
    table.refresh_from_db()
    assert table.columns == list(contact(1))


@outer
def test_next_urls_are_followed(
    protected: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    protected.url = f"{provider.url}/api/orders?per_page=100"
    protected.pagination = {"kind": "next_url", "path": "links.next"}
    protected.save()

    run = pull(protected)

    assert run.state == RunState.SUCCEEDED
    assert run.pages > 1
    assert len(set(ids(table))) == run.rows


@pytest.mark.requirement("R61")
def test_a_token_that_the_api_repeats_reaches_no_row(
    protected: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    protected.url = f"{provider.url}/api/echo"
    protected.records_path, protected.pagination = "", {"kind": "none"}
    protected.save()

    run = pull(protected)

    token = provider.requests_to("/api/echo")[-1].headers["authorization"].removeprefix("Bearer ")
    assert run.state == RunState.SUCCEEDED
    [row] = tables.records(table)
    assert "•••" in str(row)
    assert token not in str(row)


def test_replace_takes_the_place_of_earlier_rows_and_append_adds_to_them(
    contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    pull(contacts)
    provider.set(contacts=7)
    pull(contacts)
    assert len(ids(table)) == 7

    contacts.write_mode = WriteMode.APPEND
    contacts.save()
    pull(contacts)
    assert len(ids(table)) == 14

    contacts.write_mode = WriteMode.REPLACE
    contacts.save()
    pull(contacts)
    assert len(ids(table)) == 7


def test_replace_leaves_the_rows_of_other_requests_alone(
    contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    pull(contacts)
    other = contacts.duplicate(user=None)  # type: ignore[arg-type]

    pull(other)

    assert len(ids(table)) == 200


def test_an_empty_answer_replaces_with_nothing_and_says_so(
    contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    pull(contacts)
    provider.set(contacts=0)

    run = pull(contacts)

    assert run.state == RunState.SUCCEEDED
    assert "No records came" in run.stop_reason
    assert ids(table) == []
    table.refresh_from_db()
    assert table.columns, "the columns stay, for a table without any says nothing"


@pytest.mark.parametrize(
    ("fault", "code", "words", "mender"),
    [
        ({"status": 404}, "not_found", "404 Not Found", Mender.EDITOR),
        ({"status": 403, "body": {"error": "no scope"}}, "forbidden", "“no scope”", Mender.EDITOR),
        ({"status": 401}, "unauthorized", "Authorization", Mender.EDITOR),
        (
            {"status": 302, "headers": {"Location": "http://169.254.169.254/"}},
            "egress_blocked",
            "",
            Mender.HOST,
        ),
        (
            {"status": 200, "body": "<!doctype html><p>", "content_type": "text/html"},
            "parse_error",
            "HTML",
            "",
        ),
        ({"status": 200, "body": {"rows": []}}, "records_not_found", "rows", Mender.EDITOR),
        ({"status": 206, "body": {"data": []}}, "partial_answer", "Range", Mender.PROVIDER),
    ],
)
def test_a_failed_run_changes_nothing_and_says_what_to_do(
    fault: dict[str, object],
    code: str,
    words: str,
    mender: str,
    contacts: SavedRequest,
    table: Table,
    provider: DemoServer,
    pull: Pull,
) -> None:
    provider.set(contacts=20)
    pull(contacts)
    before = ids(table), Row.objects.count()
    provider.fail(CONTACTS, page=3, times=None, **fault)  # type: ignore[arg-type]

    run = pull(contacts)

    assert run.state == RunState.FAILED
    assert (run.error_code, run.mender) == (code, mender or Mender.EDITOR)
    assert words in run.error
    assert (ids(table), Row.objects.count()) == before, "its rows are removed at once"


def test_what_may_heal_is_tried_again_from_the_page_where_it_stopped(
    contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull, now: datetime
) -> None:
    provider.fail(CONTACTS, page=3, times=2, status=503)

    run = pull(contacts)
    assert run.is_waiting
    assert run.pages == 2
    assert run.leased_by is None
    assert (run.error_code, run.mender) == ("server_error", Mender.NOBODY)
    assert ids(table) == [], "nothing is shown before the end"

    run = executed(run, run.not_before)
    assert run.is_waiting
    run = executed(run, run.not_before)

    assert (run.state, run.attempts, run.error) == (RunState.SUCCEEDED, 3, "")
    assert ids(table) == ids_of_source(provider)
    assert provider.page_fetches(CONTACTS) == dict.fromkeys(range(1, 21), 1) | {3: 3}


def test_a_run_that_waits_is_nobodys_until_its_time_comes(
    contacts: SavedRequest, provider: DemoServer, pull: Pull, now: datetime
) -> None:
    provider.fail(CONTACTS, status=503)
    run = pull(contacts)

    assert runs.execute(run.pk, worker=uuid4(), now=run.not_before - timedelta(seconds=1)) is None
    assert runs.recover_runs(run.not_before - timedelta(seconds=1)) == []
    assert runs.recover_runs(run.not_before) == [run.pk]


def test_five_attempts_at_one_page_are_enough(
    contacts: SavedRequest, provider: DemoServer, pull: Pull, now: datetime
) -> None:
    provider.fail(CONTACTS, page=2, times=None, status=500)

    run = pull(contacts)
    gaps = []
    while run.is_waiting:
        gaps.append(run.not_before)
        run = executed(run, run.not_before)

    assert (run.state, run.attempts, run.mender) == (RunState.FAILED, 5, Mender.PROVIDER)
    assert "tried 5 times" in run.error
    waits = [later - earlier for earlier, later in zip([now, *gaps], gaps, strict=False)]
    assert waits == sorted(waits)
    assert waits[-1] > 8 * waits[0], "the gaps grow"


def test_attempts_are_counted_for_each_page(contacts: SavedRequest, provider: DemoServer, pull: Pull) -> None:
    for page in range(2, 9):
        provider.fail(CONTACTS, page=page, status=503)

    run = pull(contacts)
    while run.is_waiting:
        run = executed(run, run.not_before)

    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 8)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("120", 120, 133),
        ("Mon, 23 Nov 2026 12:05:00 GMT", 299, 331),
        ("86400", 3600, 3961),
        ("1", 7, 13),
        ("nonsense", 7, 13),
        ("Mon, 23 Nov 2020 12:05:00 GMT", 7, 13),
    ],
)
def test_retry_after_is_honoured_up_to_an_hour(
    header: str,
    least: int,
    most: int,
    contacts: SavedRequest,
    provider: DemoServer,
    pull: Pull,
    now: datetime,
) -> None:
    provider.fail(CONTACTS, status=429, headers={"Retry-After": header})

    run = pull(contacts)

    assert run.error_code == "rate_limited"
    assert timedelta(seconds=least) <= run.not_before - now <= timedelta(seconds=most)


def test_gaps_are_jittered() -> None:
    assert len({gap(1, None) for _ in range(20)}) > 10
    assert len({gap(1, timedelta(minutes=5)) for _ in range(20)}) > 10


@outer
@pytest.mark.requirement("R50", "QC36")
def test_a_token_that_ends_in_the_middle_is_renewed_once_and_the_same_page_asked_again(
    protected: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    provider.fail("/api/contacts", page=3, status=401)

    run = pull(protected)

    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 1)
    assert provider.refreshes == 1
    assert provider.page_fetches("/api/contacts") == dict.fromkeys(range(1, 21), 1) | {3: 2}
    assert ids(table) == ids_of_source(provider)


@outer
@pytest.mark.requirement("R26", "R43", "QC18", "QC35")
def test_a_pull_of_a_hundred_pages_with_a_token_that_lives_for_a_second_makes_no_storm_of_refreshes(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, now: datetime
) -> None:
    protected.url = protected.url.replace("per_page=5", "per_page=1")
    protected.save()
    provider.set(token_answer_with={"expires_in": 1})
    Token.objects.update(expires_at=now - timedelta(minutes=1))
    began = time.monotonic()

    run = pull(protected)

    seconds = time.monotonic() - began
    assert (run.state, run.pages) == (RunState.SUCCEEDED, 100)
    assert 1 <= provider.refreshes <= 1 + seconds // 30


@outer
@pytest.mark.requirement("R50")
def test_a_run_refused_for_its_credentials_is_never_green(
    protected: SavedRequest, provider: DemoServer, pull: Pull, table: Table
) -> None:
    provider.fail("/api/contacts", status=401, times=None, body={"data": []})

    run = pull(protected)

    assert run.state == RunState.FAILED
    assert run.error_code in ("unauthorized", "token_rejected")
    assert Batch.objects.visible().count() == 0


@outer
def test_a_connection_that_needs_a_person_fails_the_run_at_once(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, now: datetime
) -> None:
    connection.state = ConnectionState.NEEDS_REAUTH
    connection.save()
    connection.token.delete()

    run = pull(protected)

    assert (run.state, run.error_code, run.mender) == (
        RunState.FAILED,
        "reconnect_required",
        Mender.CONNECTION,
    )
    assert provider.requests_to("/api/contacts") == []


@outer
def test_a_provider_that_is_down_delays_the_run(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, now: datetime
) -> None:
    connection.token.expires_at = now - timedelta(hours=1)
    connection.token.save()
    provider.fail_token(status=503, times=None)

    run = pull(protected)

    assert run.is_waiting
    assert run.error_code == "provider_unavailable"
    assert provider.requests_to("/api/contacts") == []


@outer
def test_a_deleted_connection_is_told(protected: SavedRequest, connection: Connection, pull: Pull) -> None:
    connection.delete()
    protected.refresh_from_db()

    assert pull(protected).error_code == "connection_missing"


def test_an_edit_between_two_attempts_begins_anew(
    contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    provider.fail(CONTACTS, page=3, status=503)
    run = pull(contacts)
    assert run.rows == 10

    contacts.url = contacts.url.replace("per_page=5", "per_page=50")
    contacts.version += 1
    contacts.save()
    run = executed(run, run.not_before)

    assert (run.state, run.pages, run.rows) == (RunState.SUCCEEDED, 2, 100)
    assert ids(table) == ids_of_source(provider)
    assert runs.sweep(run.not_before) == 10, "the rows of the first attempt are nobody's"
    assert Row.objects.count() == 100


def test_a_checkpoint_holds_the_next_request_sealed_and_small(
    contacts: SavedRequest, provider: DemoServer, pull: Pull
) -> None:
    contacts.url += "&api_key=hidden-in-the-url"
    contacts.save()
    provider.fail(CONTACTS, page=20, status=503)

    run = pull(contacts)

    sealed = bytes(Run.objects.values_list("checkpoint", flat=True).get(pk=run.pk))
    assert b"hidden-in-the-url" not in sealed
    assert len(sealed) <= 1100
    assert "page=20" in json.loads(run.checkpoint)["url"]


def test_an_api_key_in_the_url_does_not_reach_the_checkpoint(
    contacts: SavedRequest, provider: DemoServer, pull: Pull
) -> None:
    contacts.authorization_kind, contacts.api_key_place = "api_key", "query"
    contacts.api_key_name, contacts.secret = "key", "k-123456"
    contacts.pagination = {"kind": "next_url", "path": "next"}
    contacts.save()
    # Next links often repeat the query that they were asked with.
    echoed = {"data": [{"id": 1}], "next": f"{contacts.url}&page=2&key=k-123456"}
    provider.fail(CONTACTS, page=1, status=200, body=echoed)
    provider.fail(CONTACTS, page=2, status=503)

    run = pull(contacts)

    assert "page=2" in run.checkpoint
    assert "k-123456" not in run.checkpoint
    assert provider.requests_to(CONTACTS)[-1].query["key"] == "k-123456"


class TestRequestsThatMustNotBeSentTwice:
    @pytest.fixture
    def search(self, contacts: SavedRequest, provider: DemoServer) -> SavedRequest:
        contacts.method, contacts.body_kind, contacts.body = "POST", BodyKind.JSON, '{"q": 1}'
        contacts.url = f"{provider.url}/api/echo"
        contacts.records_path, contacts.pagination = "", {"kind": "none"}
        contacts.save()
        return contacts

    def test_are_sent_once_when_all_goes_well(
        self, search: SavedRequest, provider: DemoServer, pull: Pull
    ) -> None:
        assert pull(search).state == RunState.SUCCEEDED
        assert len(provider.requests_to("/api/echo")) == 1

    def test_are_ambiguous_when_the_answer_is_lost(
        self, search: SavedRequest, provider: DemoServer, pull: Pull
    ) -> None:
        provider.drop("/api/echo", after_effect=True)

        run = pull(search)

        assert (run.state, run.error_code) == (RunState.FAILED, "ambiguous")
        assert len(provider.requests_to("/api/echo")) == 1

    def test_are_tried_again_when_the_server_says_that_it_has_done_nothing(
        self, search: SavedRequest, provider: DemoServer, pull: Pull
    ) -> None:
        provider.fail("/api/echo", status=429)

        run = pull(search)
        assert run.is_waiting

        assert executed(run, run.not_before).state == RunState.SUCCEEDED

    def test_are_ambiguous_when_the_worker_dies_after_sending(
        self, search: SavedRequest, provider: DemoServer, now: datetime
    ) -> None:
        run = runs.request_run(search, user=None, now=now)
        provider.hold("/api/echo")
        # A worker that is killed leaves what it had committed: the lease, and that it was about to send.
        with pytest.raises(KeyboardInterrupt):
            interrupted_while_held(run, provider, now)

        run = executed(run, now + timedelta(seconds=20))

        assert (run.state, run.error_code) == (RunState.FAILED, "ambiguous")
        assert len(provider.requests_to("/api/echo")) == 1


def interrupted_while_held(run: Run, provider: DemoServer, now: datetime) -> None:
    """Execute the run, and let the process be interrupted as soon as the provider has the request."""

    def interrupt() -> None:
        provider.wait_until_held()
        _thread.interrupt_main()
        provider.release()

    threading.Thread(target=interrupt).start()
    runs.execute(run.pk, worker=uuid4(), now=now)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("RUN_MAX_PAGES", 3, "too_many_pages"),
        ("RUN_MAX_ROWS", 12, "too_many_rows"),
        ("RUN_MAX_BYTES", 5000, "too_many_bytes"),
        ("RUN_MAX_SECONDS", 0, "too_long"),
        ("RUN_MAX_PAGE_BYTES", 500, "too_large"),
    ],
)
def test_a_run_beyond_its_budget_fails_and_shows_nothing(
    name: str,
    value: int,
    code: str,
    contacts: SavedRequest,
    table: Table,
    settings: Settings,
    pull: Pull,
) -> None:
    setattr(settings, name, value)

    run = pull(contacts)

    assert (run.state, run.error_code) == (RunState.FAILED, code)
    assert ids(table) == []
    assert not Row.objects.exists()


def test_a_loop_ends_the_run(contacts: SavedRequest, provider: DemoServer, pull: Pull) -> None:
    provider.fail(CONTACTS, times=None, status=200, body={"data": [{"id": 1}], "meta": {"total_pages": 1000}})

    assert pull(contacts).error_code == "pagination_loop"


def test_a_request_without_a_table_says_so(contacts: SavedRequest, provider: DemoServer, pull: Pull) -> None:
    contacts.table = None
    contacts.save()

    run = pull(contacts)

    assert run.error_code == "no_destination"
    assert provider.requests == []


@outer
@pytest.mark.parametrize("page", [1, 2])
def test_a_table_that_is_deleted_meanwhile_ends_the_run(
    page: int, contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    def delete() -> None:
        provider.wait_until_held()
        Table.objects.get(pk=table.pk).delete()
        connection.close()
        provider.release()

    provider.hold(CONTACTS, page=page)
    other = threading.Thread(target=delete)
    other.start()
    run = pull(contacts)
    other.join()

    assert (run.state, run.error_code) == (RunState.FAILED, "table_deleted")
    assert not Row.objects.exists()


def test_a_run_ends_with_its_request(
    contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    provider.fail(CONTACTS, page=2, status=503)
    run = pull(contacts)
    contacts.delete()

    assert runs.execute(run.pk, worker=uuid4(), now=run.not_before) is None
    assert runs.sweep(run.not_before) == 5


def test_a_secret_that_cannot_be_read_is_told(contacts: SavedRequest, settings: Settings, pull: Pull) -> None:
    contacts.authorization_kind, contacts.secret = "bearer", "t"
    contacts.save()
    settings.ENCRYPTION_KEYS = {9: bytes(32)}

    run = pull(contacts)

    assert (run.error_code, run.mender) == ("secret_unreadable", Mender.HOST)


def test_what_the_api_says_is_quoted_without_our_secrets(
    contacts: SavedRequest, provider: DemoServer, pull: Pull
) -> None:
    contacts.authorization_kind, contacts.secret = "bearer", "very-secret-token"
    contacts.save()
    provider.fail(CONTACTS, status=400, body={"error": {"message": "bad token very-secret-token"}})

    run = pull(contacts)

    assert "bad token •••" in run.error


def test_a_newer_pull_is_not_replaced_by_one_that_waited(
    contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull, now: datetime
) -> None:
    provider.fail(CONTACTS, page=2, status=503)
    waiting = pull(contacts)
    provider.set(contacts=7)
    pull(contacts, now + timedelta(seconds=1))
    newer = ids(table)

    waiting = executed(waiting, waiting.not_before)

    assert waiting.state == RunState.SUCCEEDED
    assert "newer rows stay" in waiting.stop_reason
    assert ids(table) == newer


@outer
@pytest.mark.postgres_lane
def test_a_database_that_goes_away_for_a_moment_only_delays_a_run(
    contacts: SavedRequest, table: Table, provider: DemoServer, pull: Pull
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()

    def hang_up() -> None:
        provider.wait_until_held()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        connection.close()
        provider.release()

    provider.hold(CONTACTS, page=3)
    other = threading.Thread(target=hang_up)
    other.start()
    run = pull(contacts)
    other.join()
    assert (run.is_waiting, run.error_code, run.pages) == (True, "database_lost", 2)

    run = executed(run, run.not_before)

    assert run.state == RunState.SUCCEEDED
    assert ids(table) == ids_of_source(provider)


def test_a_mistake_of_ours_is_tried_again_and_told_at_the_end(contacts: SavedRequest, pull: Pull) -> None:
    contacts.headers = [["a header without a value"]]
    contacts.save()

    run = pull(contacts)
    assert (run.is_waiting, run.error_code, run.mender) == (True, "internal_error", Mender.HOST)
    while run.is_waiting:
        run = executed(run, run.not_before)

    assert (run.state, run.attempts) == (RunState.FAILED, 5)


@outer
@pytest.mark.parametrize(
    ("content_type", "body", "rows"),
    [
        ("text/csv", "name;size\nZoë;1\n", [{"name": "Zoë", "size": "1"}]),
        ("application/x-ndjson", '{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ("application/xml", "<r><i>1</i><i>2</i></r>", [{"value": "1"}, {"value": "2"}]),
        ("application/rss+xml", "<rss><channel><item><title>A</title></item></channel></rss>", None),
    ],
)
def test_answers_of_other_kinds_fill_the_table_as_json_does(
    contacts: SavedRequest,
    table: Table,
    pull: Pull,
    httpserver: HTTPServer,
    settings: Settings,
    content_type: str,
    body: str,
    rows: list[dict[str, Any]] | None,
) -> None:
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{httpserver.port}"]
    httpserver.expect_request("/").respond_with_data(body.encode(), content_type=content_type)
    contacts.url, contacts.pagination = f"http://127.0.0.1:{httpserver.port}/", {"kind": "none"}
    contacts.records_path = "r.i" if content_type == "application/xml" else ""
    contacts.save()

    run = pull(contacts)

    assert run.state == RunState.SUCCEEDED, run.error
    found = list(tables.records(table))
    assert found == rows if rows else found[0]["title"] == "A"
