"""Feeds: what programs read of a table, with a token and without signing in."""

import csv
import io
import json
import logging
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.conf import settings
from django.test import Client

from accounts.models import AuditEntry, Role, Team, User
from config import logs
from requests_builder.destinations.table import insert
from requests_builder.models import Batch, Feed, Publication, Table
from requests_builder.models.feeds import MOST_REQUESTS
from requests_builder.tables import feeds
from tests import factories
from tests.requests_builder.pages import cost, text


@pytest.fixture
def table(team: Team, now: datetime) -> Table:
    made = factories.TableFactory(
        team=team, name="All Contacts", columns=["n"], column_types={"n": "integer"}
    )
    publish(made, [1, 2, 3], now)
    return made


@pytest.fixture
def token(table: Table, editor: User, now: datetime) -> str:
    return feeds.create(table, "Budget", user=editor, now=now)[1]


@pytest.fixture
def program() -> Client:
    """Whoever has the address; keeps no cookies."""
    return Client(headers={"host": urlsplit(settings.BASE_URL).netloc})


def publish(table: Table, values: list[int], now: datetime) -> None:
    batch = Batch.objects.create(table=table, published_at=now, columns=["n"], rows_count=len(values))
    insert(batch.pk, [{"n": value} for value in values])
    Publication.objects.create(table=table, at=now, rows=len(values))
    table.publication += 1
    table.save()


def address(token: str, format: str = "json", query: str = "") -> str:
    return f"/feeds/{token}/rows.{format}{query}"


def content(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


def numbers(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [record["n"] for record in json.loads(content(answer))]


def next_of(answer: Any, token: str) -> str:
    link = answer.headers.get("Link", "")
    return address(token) + link.removeprefix("<").removesuffix('>; rel="next"') if link else ""


# Reading


def test_a_program_reads_the_table_in_each_format_without_a_session(program: Client, token: str) -> None:
    answer = program.get(address(token, "csv"))

    assert list(csv.reader(io.StringIO(content(answer)))) == [["n"], ["1"], ["2"], ["3"]]
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == 'attachment; filename="all-contacts.csv"'
    assert numbers(program.get(address(token))) == [1, 2, 3]
    assert content(program.get(address(token, "ndjson"))) == '{"n":1}\n{"n":2}\n{"n":3}\n'
    assert not program.cookies


def test_what_is_answered_stays_between_us_and_the_program(program: Client, token: str) -> None:
    for answer in (program.get(address(token)), program.get(address("feed_wrong"))):
        assert answer["Cache-Control"] == "private, no-store"
        assert answer["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("wrong", ["feed_wrong", "x", "é", "feed_" + "A" * 500, "%00"])
def test_an_unknown_token_finds_nothing(program: Client, token: str, wrong: str) -> None:
    assert program.get(address(wrong)).status_code == 404
    assert program.get(address(token[:-1])).status_code == 404


@pytest.mark.parametrize("format", ["xlsx", "parquet", "exe"])
def test_other_formats_are_not_there(program: Client, token: str, format: str) -> None:
    assert program.get(address(token, format)).status_code == 404


def test_a_limit_leads_from_part_to_part(program: Client, token: str, table: Table, now: datetime) -> None:
    publish(table, [4, 5, 6, 7], now)
    seen, parts, path = [], 0, address(token, query="?limit=2")
    while path:
        answer = program.get(path)
        seen += numbers(answer)
        parts += 1
        path = next_of(answer, token)
    assert (seen, parts) == ([1, 2, 3, 4, 5, 6, 7], 4)


def test_rows_after_a_moment_are_those_published_since(
    program: Client, token: str, table: Table, now: datetime
) -> None:
    later = now + timedelta(hours=1)
    publish(table, [4, 5, 6], later)

    assert numbers(program.get(address(token, query=f"?since={now:%Y-%m-%dT%H:%M:%SZ}"))) == [4, 5, 6]
    assert numbers(program.get(address(token, query=f"?since={now.isoformat()}"))) == [4, 5, 6]
    assert numbers(program.get(address(token, query="?since=2026-11-23"))) == [1, 2, 3, 4, 5, 6]
    assert numbers(program.get(address(token, query=f"?since={later:%Y-%m-%dT%H:%M:%SZ}"))) == []
    first = program.get(address(token, query=f"?limit=2&since={now:%Y-%m-%dT%H:%M:%SZ}"))
    assert numbers(program.get(next_of(first, token))) == [6]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?limit=0", "limit must be a number from 1 to 10,000"),
        ("?limit=10001", "limit must be"),
        ("?limit=-1", "limit must be"),
        ("?limit=٣", "limit must be"),
        ("?since=yesterday", "since must be a moment such as"),
        ("?since=0001-01-01T00:00:00%2B14:00", "since must be"),
        ("?after=1", "after must be a cursor"),
        ("?after=%00", "after must be a cursor"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_with_a_sentence(
    program: Client, token: str, query: str, sentence: str
) -> None:
    answer = program.get(address(token, query=query))

    assert answer.status_code == 400
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert sentence in answer.content.decode()


def test_an_unchanged_table_costs_no_rows(program: Client, token: str, table: Table, now: datetime) -> None:
    with time_machine.travel(now + timedelta(minutes=5), tick=False):
        answer = program.get(address(token))
        tag = {"If-None-Match": answer["ETag"]}
        since = {"If-Modified-Since": answer["Last-Modified"]}

        for unchanged in (tag, since):
            again = program.get(address(token), headers=unchanged)
            assert (again.status_code, again.content) == (304, b"")
            assert again["Cache-Control"] == "private, no-store"
        assert program.get(address(token, query="?limit=1"), headers=tag).status_code == 200
        assert program.get(address(token, "csv"), headers=tag).status_code == 200

        publish(table, [4], now + timedelta(minutes=4))
        for unchanged in (tag, since):
            assert numbers(program.get(address(token), headers=unchanged)) == [1, 2, 3, 4]


def test_a_table_that_has_just_changed_has_no_date_that_could_hide_another_change(
    program: Client, token: str, now: datetime
) -> None:
    with time_machine.travel(now + timedelta(seconds=1), tick=False):
        answer = program.get(address(token))
    assert "Last-Modified" not in answer
    assert "ETag" in answer


def test_asking_for_the_head_reads_no_rows(program: Client, token: str) -> None:
    answer = program.head(address(token))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert program.post(address(token)).status_code == 405


def test_who_asks_too_often_is_told_when_to_come_back(program: Client, token: str, now: datetime) -> None:
    with time_machine.travel(now + timedelta(minutes=5), tick=False) as clock:
        statuses = [program.get(address(token)).status_code for _ in range(MOST_REQUESTS + 1)]
        assert statuses == [200] * MOST_REQUESTS + [429]
        clock.shift(20)
        refused = program.get(address(token))
        assert (refused.status_code, refused["Retry-After"]) == (429, "40")
        clock.shift(40)
        assert program.get(address(token)).status_code == 200


def test_a_feed_costs_few_queries(program: Client, token: str) -> None:
    assert cost(program, address(token)) <= 8


# Making and revoking


def page_of(table: Table, more: str = "") -> str:
    return f"/t/acme/tables/{table.pk}/feeds/{more}"


def test_a_token_is_shown_once_and_kept_as_a_digest(
    client: Client, program: Client, editor: User, table: Table
) -> None:
    client.force_login(editor)

    made = client.post(page_of(table), {"name": "Budget"}).content.decode()
    feed = Feed.objects.get()
    token = made.split(f"{settings.BASE_URL}/feeds/")[1].split("/")[0]

    assert f"=IMPORTDATA(&quot;{settings.BASE_URL}/feeds/{token}/rows.csv&quot;)" in made.replace(
        '"', "&quot;"
    )
    assert "Csv.Document(Web.Contents(" in made
    assert token.startswith(feed.token_start)
    assert token not in str(list(Feed.objects.values()))
    assert token not in client.get(page_of(table)).content.decode()
    assert numbers(program.get(address(token))) == [1, 2, 3]


def test_making_and_revoking_stand_in_the_audit_log_without_the_token(
    client: Client, program: Client, editor: User, table: Table, token: str
) -> None:
    client.force_login(editor)

    done = client.post(page_of(table, f"{Feed.objects.get().pk}/revoke/"), follow=True)

    assert "The feed Budget was revoked" in text(done)
    assert program.get(address(token)).status_code == 404
    entries = list(AuditEntry.objects.order_by("pk"))
    assert [(one.verb, one.object_kind, one.object_name) for one in entries] == [
        ("created", "feed", "Budget"),
        ("deleted", "feed", "Budget"),
    ]
    assert token not in str([one.__dict__ for one in entries])


def test_a_viewer_sees_feeds_and_makes_and_revokes_none(
    client: Client, viewer: User, table: Table, token: str
) -> None:
    client.force_login(viewer)

    page = text(client.get(page_of(table)))

    assert "Budget" in page
    assert "Create feed" not in page
    assert "Revoke" not in page
    assert client.post(page_of(table), {"name": "x"}).status_code == 403
    assert client.post(page_of(table, f"{Feed.objects.get().pk}/revoke/")).status_code == 403


def test_the_page_tells_when_a_feed_was_last_read(
    client: Client, program: Client, viewer: User, table: Table, token: str
) -> None:
    client.force_login(viewer)
    assert "never" in text(client.get(page_of(table)))

    program.get(address(token))

    assert "never" not in text(client.get(page_of(table)))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "This field is required."),
        ("Budget", "This table has a feed of this name."),
        ("a\x07b", "A name is made of"),
    ],
)
def test_a_name_that_cannot_be_given_is_said_at_its_field(
    client: Client, editor: User, table: Table, token: str, name: str, sentence: str
) -> None:
    client.force_login(editor)
    answer = client.post(page_of(table), {"name": name})

    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert Feed.objects.count() == 1


def test_a_feed_of_another_table_is_not_found(client: Client, team: Team, table: Table, token: str) -> None:
    client.force_login(factories.member_of(team, Role.OWNER))
    other = factories.TableFactory(team=team)

    assert client.post(page_of(other, f"{Feed.objects.get().pk}/revoke/")).status_code == 404


def test_deleting_a_table_names_its_feeds_and_ends_them(
    client: Client, program: Client, editor: User, table: Table, token: str
) -> None:
    client.force_login(editor)

    assert "Budget" in text(client.get(f"/t/acme/tables/{table.pk}/delete/"))
    client.post(f"/t/acme/tables/{table.pk}/delete/")

    assert program.get(address(token)).status_code == 404


# The log


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("Error handling request %s %s", ("GET", "/feeds/feed_secret/rows.csv?limit=2")),
        ("Internal Server Error: /feeds/feed_secret/rows.json", ()),
        ('"GET /feeds/feed_secret HTTP/1.1" 500', ()),
    ],
)
def test_no_log_holds_a_token(message: str, arguments: tuple[str, ...]) -> None:
    record = logging.LogRecord("gunicorn.error", logging.ERROR, __file__, 1, message, arguments, None)

    line = logs.formatter("console").format(record)
    assert "feed_secret" not in line
    assert "/feeds/***" in line


def test_our_own_log_is_masked_where_an_error_is_written_down(
    program: Client,
    token: str,
    table: Table,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = logging.Handler()
    seen: list[str] = []
    handler.setFormatter(logs.formatter("console"))
    handler.emit = lambda record: seen.append(handler.format(record))  # type: ignore[method-assign]
    logging.getLogger("django.request").addHandler(handler)
    program.raise_request_exception = False
    Table.objects.filter(pk=table.pk).update(columns=5)  # what nobody could have stored

    try:
        assert program.get(address(token)).status_code == 500
    finally:
        logging.getLogger("django.request").removeHandler(handler)

    [line] = seen
    assert "Internal Server Error: /feeds/***/rows.json request_id=" in line
    assert token not in line
