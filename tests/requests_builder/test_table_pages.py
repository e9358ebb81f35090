"""Tables: browsed a page at a time, downloaded whole, deleted."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils.html import escape

from accounts.models import Role, Team, User
from requests_builder import tasks
from requests_builder.destinations.writing import insert
from requests_builder.models import Batch, Publication, Row, Run, SavedRequest, Table, Trigger
from tests import factories
from tests.requests_builder.pages import assert_costs_the_same, cost, text

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


def people(count: int, begin: int = 0) -> list[dict[str, Any]]:
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
    fill(table, people(120), now)

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
    fill(table, people(60), now)
    first = signed_in.get(page_of(table))

    fill(table, people(60, 60), now)

    assert names(signed_in.get(page_of(table) + link(first, "next")))[0] == "Person 50"


def test_a_run_that_has_not_finished_is_not_seen(signed_in: Client, table: Table) -> None:
    fill(table, people(3), None)

    assert "No rows yet" in text(signed_in.get(page_of(table)))


@pytest.mark.parametrize("query", ["after=x", "before=x", "after=1", "after=.", "after=%00", "before=9.9.9"])
def test_a_cursor_that_nobody_gave_is_the_first_page(
    signed_in: Client, table: Table, now: datetime, query: str
) -> None:
    fill(table, people(3), now)

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

    assert_costs_the_same(signed_in, page_of(table), lambda count: fill(table, people(count), now))


# Filter, search, order


def test_filters_search_and_order_stand_in_the_address(
    signed_in: Client, table: Table, now: datetime
) -> None:
    fill(table, people(60), now)
    Table.objects.update(column_types={"id": "integer", "name": "text"})

    page = signed_in.get(
        page_of(table)
        + "?q=person+5&column=id&op=less&value=59&until=&column=id&op=is-not&value=50&sort=id&desc=1"
    )

    assert names(page) == [f"Person {number}" for number in (58, 57, 56, 55, 54, 53, 52, 51, 5)]
    assert "9 of 60 rows match." in text(page)
    assert "id is less than 59" in text(page)
    assert 'aria-sort="descending"' in page.content.decode()


def test_each_filter_can_be_taken_away_by_itself(signed_in: Client, table: Table, now: datetime) -> None:
    fill(table, people(9), now)
    Table.objects.update(column_types={"id": "integer", "name": "text"})
    page = signed_in.get(
        page_of(table) + "?column=id&op=less&value=2&column=name&op=contains&value=1"
    ).content.decode()

    href = re.search(r'href="([^"]+)" aria-label="Remove the filter: name contains 1"', page)
    assert href
    assert names(signed_in.get(page_of(table) + href[1].replace("&amp;", "&"))) == ["Person 0", "Person 1"]


def test_htmx_gets_what_is_below_the_search_and_the_address_to_show(
    signed_in: Client, table: Table, now: datetime
) -> None:
    fill(table, people(9), now)
    headers = {"HX-Request": "true", "HX-Trigger": "browse", "HX-Target": "rows"}

    part = signed_in.get(page_of(table) + "?q=person+3&column=&op=is&value=&until=", headers=headers)

    assert names(part) == ["Person 3"]
    assert "<html" not in part.content.decode()
    assert part["HX-Push-Url"] == page_of(table) + "?q=person+3"
    assert "rows.csv?q=person+3" in part.content.decode()


def test_a_filter_that_cannot_be_used_says_so_and_shows_no_rows(
    signed_in: Client, table: Table, now: datetime
) -> None:
    fill(table, people(9), now)
    Table.objects.update(column_types={"id": "integer"})

    page = signed_in.get(page_of(table) + "?column=id&op=greater&value=much")

    assert "much is no number. Write it as 1200 or 12.50." in text(page)
    assert names(page) == []
    assert "9 rows" in text(page)


def test_nothing_found_leads_back_to_all_rows(signed_in: Client, table: Table, now: datetime) -> None:
    fill(table, people(9), now)
    page = signed_in.get(page_of(table) + "?q=nowhere")
    assert "No rows match" in text(page)
    assert "Show all rows" in text(page)


def test_a_search_in_a_large_table_says_how_far_it_has_come_and_goes_on(
    signed_in: Client, table: Table, now: datetime
) -> None:
    fill(table, people(45_000), now)

    page = signed_in.get(page_of(table) + "?q=person+44999")
    assert "0 found so far. Looked through 20,000 of 45,000 rows." in text(page)
    for expected in ("0 found so far. Looked through 40,000 of 45,000 rows.", "1 of 45,000 rows matches."):
        more = re.search(r'id="more" hx-get="([^"]+)"', page.content.decode())
        assert more
        headers = {"HX-Request": "true", "HX-Target": "more"}
        page = signed_in.get(page_of(table) + more[1].replace("&amp;", "&"), headers=headers)
        assert expected in text(page)
    assert names(page) == ["Person 44999"]


def test_a_table_that_is_being_sorted_shows_how_far_it_is(
    signed_in: Client, table: Table, now: datetime
) -> None:
    fill(table, people(10_500), now)
    Table.objects.update(publication=1)

    page = signed_in.get(page_of(table) + "?sort=name")
    assert "0 of 10,500 rows are done." in text(page)
    assert signed_in.get(page_of(table, "rows.csv?sort=name")).status_code == 302

    tasks.sort_tables()
    assert names(signed_in.get(page_of(table) + "?sort=name"))[:3] == ["Person 0", "Person 1", "Person 10"]


def test_a_page_in_any_order_and_with_filters_costs_few_queries(
    signed_in: Client, table: Table, now: datetime
) -> None:
    factories.SavedRequestFactory(team=table.team, table=table)
    fill(table, people(9_000), now)
    signed_in.get(LIST)

    for query in ("?sort=id&desc=1", "?q=person", "?column=name&op=contains&value=9&sort=name"):
        cost(signed_in, page_of(table) + query)


@pytest.mark.parametrize(
    ("value", "is_link"),
    [
        ("https://example.org/a?b=c&d=<e>", False),
        ("https://example.org/a?b=c&d=e", True),
        ("HTTP://EXAMPLE.ORG/", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://a.example/ and more", False),
        ('https://a.example/"onclick="x', False),
    ],
)
def test_only_whole_addresses_of_the_web_are_links(
    signed_in: Client, table: Table, now: datetime, value: str, is_link: bool
) -> None:
    batch = fill(table, [{"id": 1, "name": value}], now)
    row = Row.objects.get(batch=batch)

    for path in ("", f"rows/{row.pk}/"):
        page = signed_in.get(page_of(table, path)).content.decode()
        link = f'href="{escape(value)}" target="_blank" rel="noopener noreferrer nofollow"'
        assert (link in page) is is_link
        assert 'javascript:alert(1)"' not in page


def test_types_are_shown_by_drawing_and_word(signed_in: Client, table: Table, now: datetime) -> None:
    types = {"n": "number", "d": "date", "at": "datetime", "j": "json"}
    Table.objects.update(columns=list(types), column_types=types)
    fill(table, [{"n": -1.5, "d": "2026-11-23", "at": "2026-11-23T12:00:00+00:00", "j": {"a": 1}}], now)

    page = signed_in.get(page_of(table)).content.decode()

    for word in ("number", "date", "date and time", "JSON"):
        assert f'aria-label="{word}"' in page
    assert '<td class="num">-1.5</td>' in page
    assert "23 Nov 2026</time>" in page
    assert 'data-local="exact">23 Nov 2026, 12:00:00 UTC</time>' in page


# Where rows come from


def test_a_row_is_shown_whole_with_the_run_that_brought_it(
    signed_in: Client, team: Team, table: Table, now: datetime
) -> None:
    request = factories.SavedRequestFactory(team=team, table=table, name="Nightly")
    run = Run.objects.create(
        team=team, saved_request=request, trigger=Trigger.MANUAL, due_at=now, not_before=now
    )
    batch = fill(table, [{"id": {"deep": [1]}, "name": "long " * 200}], now)
    Batch.objects.filter(pk=batch.pk).update(run=run, saved_request=request)
    row = Row.objects.get(batch=batch)

    page = signed_in.get(page_of(table, f"rows/{row.pk}/"))
    part = signed_in.get(page_of(table, f"rows/{row.pk}/"), headers={"HX-Request": "true"})

    for shown in (page, part):
        assert text(shown).count("long") == 200
        assert "a run of Nightly" in text(shown)
        assert f"/t/acme/runs/{run.pk}/" in shown.content.decode()
        assert "&quot;deep&quot;" in shown.content.decode()
    assert "<html" not in part.content.decode()


def test_earlier_versions_of_a_row_say_what_changed(signed_in: Client, table: Table, now: datetime) -> None:
    key = uuid4()
    old = fill(table, [{"id": 1, "name": "Old name"}], now)
    new = fill(table, [{"id": 1, "name": "New name"}], now)
    Row.objects.filter(batch=old).update(key=key, superseded_in=2)
    Row.objects.filter(batch=new).update(key=key)
    before, after = Row.objects.get(batch=old), Row.objects.get(batch=new)

    page = text(signed_in.get(page_of(table, f"rows/{after.pk}/")))
    assert "Earlier versions" in page
    assert re.search(r"name Old name New name", page)
    earlier = signed_in.get(page_of(table, f"rows/{before.pk}/"))
    assert "An earlier version of this row." in text(earlier)
    assert f"rows/{after.pk}/" in earlier.content.decode()


def test_rows_that_were_never_published_are_not_there(signed_in: Client, table: Table, now: datetime) -> None:
    hidden = Row.objects.get(batch=fill(table, people(1), None))
    other = Row.objects.get(batch=fill(factories.TableFactory(team=table.team), people(1), now))

    for row in (hidden.pk, other.pk, 10**30):
        assert signed_in.get(page_of(table, f"rows/{row}/")).status_code == 404


def test_the_runs_that_filled_a_table_stay_known_when_their_rows_are_gone(
    client: Client, owner: User, contacts: SavedRequest, pull: Callable[..., Run], now: datetime
) -> None:
    runs = [pull(contacts, now + timedelta(minutes=number)) for number in range(3)]
    Batch.objects.exclude(run=runs[-1]).delete()
    client.force_login(owner)

    page = client.get(page_of(contacts.table, "runs/"))

    ids = re.findall(r"/t/acme/runs/([0-9a-f-]{36})/", page.content.decode())
    assert ids == [str(run.pk) for run in runs[::-1]]
    assert text(page).count("100") == 3


def test_the_history_of_a_table_costs_the_same_however_long_it_is(
    signed_in: Client, team: Team, table: Table, now: datetime
) -> None:
    request = factories.SavedRequestFactory(team=team, table=table)

    def add(count: int) -> None:
        for number in range(count):
            moment = now + timedelta(minutes=number)
            run = Run.objects.create(
                team=team, saved_request=request, trigger=Trigger.MANUAL, due_at=moment, not_before=moment
            )
            Publication.objects.create(table=table, run=run, saved_request=request, at=moment, rows=1)

    assert_costs_the_same(signed_in, page_of(table, "runs/"), add)
    add(30)
    older = link(signed_in.get(page_of(table, "runs/")), "next")
    assert (
        len(re.findall(r'class="row-link"', signed_in.get(page_of(table, "runs/") + older).content.decode()))
        == 10
    )


# Download


def test_the_whole_table_comes_as_csv(signed_in: Client, table: Table, now: datetime) -> None:
    fill(table, people(1200), now)

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
    fill(table, people(1200), now)

    response = signed_in.get(page_of(table, "rows.json"))

    assert response["Content-Type"] == "application/json"
    assert response["Content-Disposition"] == 'attachment; filename="all-contacts.json"'
    assert json.loads(downloaded(response)) == people(1200)


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
    fill(table, people(3000), now)

    pieces = list(signed_in.get(page_of(table, "rows.csv")).streaming_content)

    assert len(pieces) >= 6
    assert max(len(piece) for piece in pieces) < 20_000


# List and delete


def test_the_list_tells_how_much_there_is_and_from_where(
    signed_in: Client, team: Team, table: Table, now: datetime
) -> None:
    fill(table, people(7), now)
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
            fill(made, people(2), now)

    assert_costs_the_same(signed_in, LIST, add)


def test_deleting_a_table_says_who_writes_to_it_and_keeps_the_requests(
    client: Client, editor: User, table: Table, now: datetime
) -> None:
    client.force_login(editor)
    factories.SavedRequestFactory(team=table.team, table=table, name="Nightly contacts")
    fill(table, people(3), now)

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
    fill(table, people(1200), now)

    response = signed_in.get(page_of(table, "rows.ndjson"))

    assert response["Content-Type"] == "application/x-ndjson"
    assert response["Content-Disposition"] == 'attachment; filename="all-contacts.ndjson"'
    assert [json.loads(line) for line in downloaded(response).splitlines()] == people(1200)


@pytest.mark.parametrize("file", ["", "rows.csv", "rows.json", "rows.ndjson", "delete/"])
def test_another_teams_table_is_not_there(client: Client, team: Team, table: Table, file: str) -> None:
    other = factories.TeamFactory(slug="other")
    client.force_login(factories.member_of(other, Role.OWNER))

    assert client.get(page_of(table, file).replace("/acme/", "/other/")).status_code == 404
    assert client.get(page_of(table, file)).status_code == 404
