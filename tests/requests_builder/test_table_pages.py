"""Tables: browsed a page at a time, downloaded whole, deleted."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.test import Client

from accounts.models import Role, Team, User
from requests_builder.destinations.table import insert
from requests_builder.models import Batch, Row, SavedRequest, Table
from tests import factories
from tests.requests_builder.pages import assert_costs_the_same, text

LIST = "/t/acme/tables/"


@pytest.fixture
def signed_in(client: Client, viewer: User) -> Client:
    client.force_login(viewer)
    return client


@pytest.fixture
def table(team: Team) -> Table:
    return factories.TableFactory(team=team, name="All Contacts", columns=["id", "name"])


def fill(table: Table, records: list[dict[str, Any]], now: datetime | None) -> Batch:
    """A pull of these records; not published without a moment."""
    columns = list(dict.fromkeys(name for record in records for name in record))
    batch = Batch.objects.create(table=table, published_at=now, columns=columns, rows_count=len(records))
    insert(batch.pk, records)
    return batch


def contacts(count: int, begin: int = 0) -> list[dict[str, Any]]:
    return [{"id": number, "name": f"Person {number}"} for number in range(begin, begin + count)]


def page_of(table: Table, file: str = "") -> str:
    return f"{LIST}{table.pk}/{file}"


def names(page: Any) -> list[str]:
    return re.findall(r"<td>(Person \d+)</td>", page.content.decode())


def link(page: Any, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page.content.decode())
    return found[1].replace("&amp;", "&") if found else ""


def downloaded(response: Any) -> str:
    assert isinstance(response, StreamingHttpResponse)
    pieces = response.streaming_content
    assert isinstance(pieces, Iterator)
    return b"".join(pieces).decode()


# Browse


def test_rows_are_browsed_page_by_page_and_back(signed_in: Client, table: Table, now: datetime) -> None:
    fill(table, contacts(120), now)

    first = signed_in.get(page_of(table))
    second = signed_in.get(page_of(table) + link(first, "next"))
    third = signed_in.get(page_of(table) + link(second, "next"))

    everybody = [f"Person {number}" for number in range(120)]
    assert names(first) + names(second) + names(third) == everybody
    assert not link(first, "prev")
    assert not link(third, "next")
    assert names(signed_in.get(page_of(table) + link(third, "prev"))) == everybody[50:100]
    assert "120 rows" in text(first)


def test_rows_that_come_while_somebody_reads_move_nothing(
    signed_in: Client, table: Table, now: datetime
) -> None:
    fill(table, contacts(60), now)
    first = signed_in.get(page_of(table))

    fill(table, contacts(60, 60), now)

    assert names(signed_in.get(page_of(table) + link(first, "next")))[0] == "Person 50"


def test_a_run_that_has_not_finished_is_not_seen(signed_in: Client, table: Table) -> None:
    fill(table, contacts(3), None)

    assert "No rows yet" in text(signed_in.get(page_of(table)))


@pytest.mark.parametrize("query", ["after=x", "before=x", "after=1", "after=.", "after=%00", "before=9.9.9"])
def test_a_cursor_that_nobody_gave_is_the_first_page(
    signed_in: Client, table: Table, now: datetime, query: str
) -> None:
    fill(table, contacts(3), now)

    assert names(signed_in.get(f"{page_of(table)}?{query}")) == ["Person 0", "Person 1", "Person 2"]


def test_values_are_shown_as_text(signed_in: Client, table: Table, now: datetime) -> None:
    Table.objects.update(columns=["<b>", "nested", "none", "yes"])
    fill(table, [{"<b>": "<script>1</script>", "nested": {"a": ["é"]}, "none": None, "yes": True}], now)

    page = signed_in.get(page_of(table)).content.decode()

    assert "<script>1" not in page
    assert "&lt;script&gt;1" in page
    assert "<span>&lt;b&gt;</span>" in page
    assert "{&quot;a&quot;:[&quot;é&quot;]}" in page
    assert "<td>true</td>" in page


def test_a_page_costs_the_same_however_many_rows_there_are(
    signed_in: Client, table: Table, now: datetime
) -> None:
    factories.SavedRequestFactory(team=table.team, table=table)

    assert_costs_the_same(signed_in, page_of(table), lambda count: fill(table, contacts(count), now))


# Download


def test_the_whole_table_comes_as_csv(signed_in: Client, table: Table, now: datetime) -> None:
    fill(table, contacts(1200), now)

    response = signed_in.get(page_of(table, "rows.csv"))

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="all-contacts.csv"'
    rows = list(csv.reader(io.StringIO(downloaded(response))))
    assert rows[0] == ["id", "name"]
    assert rows[1:] == [[str(number), f"Person {number}"] for number in range(1200)]


def test_what_a_spreadsheet_would_compute_is_made_text(
    signed_in: Client, table: Table, now: datetime
) -> None:
    formulas = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"]
    Table.objects.update(columns=["=cmd", "n"])
    fill(table, [{"=cmd": formula, "n": -12.5} for formula in formulas], now)

    content = downloaded(signed_in.get(page_of(table, "rows.csv")))

    for row in csv.reader(io.StringIO(content, newline="")):
        assert row[0].startswith("'"), row
        assert row[1] in ("n", "-12.5")


def test_the_whole_table_comes_as_json(signed_in: Client, table: Table, now: datetime) -> None:
    fill(table, contacts(1200), now)

    response = signed_in.get(page_of(table, "rows.json"))

    assert response["Content-Type"] == "application/json"
    assert response["Content-Disposition"] == 'attachment; filename="all-contacts.json"'
    assert json.loads(downloaded(response)) == contacts(1200)


def test_an_empty_table_is_an_empty_list(signed_in: Client, table: Table) -> None:
    assert json.loads(downloaded(signed_in.get(page_of(table, "rows.json")))) == []
    assert downloaded(signed_in.get(page_of(table, "rows.csv"))) == "id,name\r\n"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ('a"; filename="evil.exe', "a-filenameevilexe.csv"),
        ("../../etc/passwd", "etcpasswd.csv"),
        ("a\r\nSet-Cookie: x=1", "a-set-cookie-x1.csv"),
        ("顧客", "rows.csv"),
    ],
)
def test_the_name_of_a_file_is_harmless(signed_in: Client, team: Team, name: str, file: str) -> None:
    table = factories.TableFactory(team=team, name=name)

    response = signed_in.get(page_of(table, "rows.csv"))

    assert response["Content-Disposition"] == f'attachment; filename="{file}"'
    assert "Set-Cookie" not in response.headers or "x=1" not in response["Set-Cookie"]


def test_a_download_holds_no_more_than_a_handful_of_rows_at_once(
    signed_in: Client, table: Table, now: datetime
) -> None:
    fill(table, contacts(3000), now)

    pieces = list(signed_in.get(page_of(table, "rows.csv")).streaming_content)

    assert len(pieces) >= 6
    assert max(len(piece) for piece in pieces) < 20_000


# List and delete


def test_the_list_tells_how_much_there_is_and_from_where(
    signed_in: Client, team: Team, table: Table, now: datetime
) -> None:
    fill(table, contacts(7), now)
    for _ in range(2):
        factories.SavedRequestFactory(team=team, table=table)
    factories.TableFactory(name="Foreign")

    page = text(signed_in.get(LIST))

    assert re.search(r"All Contacts 7 2 2 ", page), page
    assert "Foreign" not in page


def test_the_list_costs_the_same_however_many_there_are(signed_in: Client, team: Team, now: datetime) -> None:
    def add(count: int) -> None:
        for _ in range(count):
            made = factories.TableFactory(team=team)
            factories.SavedRequestFactory(team=team, table=made)
            fill(made, contacts(2), now)

    assert_costs_the_same(signed_in, LIST, add)


def test_deleting_a_table_says_who_writes_to_it_and_keeps_the_requests(
    client: Client, editor: User, table: Table, now: datetime
) -> None:
    client.force_login(editor)
    factories.SavedRequestFactory(team=table.team, table=table, name="Nightly contacts")
    fill(table, contacts(3), now)

    asked = text(client.get(page_of(table, "delete/")))
    assert "All of its rows are removed." in asked
    assert "Nightly contacts" in asked
    assert Row.objects.count() == 3

    done = client.post(page_of(table, "delete/"), follow=True)

    assert "The table All Contacts was deleted." in text(done)
    assert not Row.objects.exists()
    assert SavedRequest.objects.get().table is None


def test_a_viewer_is_not_offered_to_delete(signed_in: Client, table: Table) -> None:
    assert "/delete/" not in signed_in.get(page_of(table)).content.decode()
    assert signed_in.post(page_of(table, "delete/")).status_code == 403


def test_the_whole_table_comes_as_ndjson(signed_in: Client, table: Table, now: datetime) -> None:
    fill(table, contacts(1200), now)

    response = signed_in.get(page_of(table, "rows.ndjson"))

    assert response["Content-Type"] == "application/x-ndjson"
    assert response["Content-Disposition"] == 'attachment; filename="all-contacts.ndjson"'
    assert [json.loads(line) for line in downloaded(response).splitlines()] == contacts(1200)


@pytest.mark.parametrize("file", ["", "rows.csv", "rows.json", "rows.ndjson", "delete/"])
def test_another_teams_table_is_not_there(client: Client, team: Team, table: Table, file: str) -> None:
    other = factories.TeamFactory(slug="other")
    client.force_login(factories.member_of(other, Role.OWNER))

    assert client.get(page_of(table, file).replace("/acme/", "/other/")).status_code == 404
    assert client.get(page_of(table, file)).status_code == 404
