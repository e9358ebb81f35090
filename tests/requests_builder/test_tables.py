"""Tables as they are read."""

import csv
import io
import json
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from requests_builder import tables
from requests_builder.destinations.table import insert
from requests_builder.models import Batch, Row, Table
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def table(db: None) -> Table:
    return factories.TableFactory(columns=["n"])


def batch(table: Table, numbers: range, now: datetime | None) -> Batch:
    """A pull of these numbers; not published without a moment."""
    made = Batch.objects.create(table=table, published_at=now, columns=["n"], rows_count=len(numbers))
    insert(made.pk, [{"n": number} for number in numbers])
    return made


def numbers(rows: list[Row]) -> list[int]:
    return [row.data["n"] for row in rows]


def test_pages_go_on_to_the_end_and_back(table: Table, now: datetime) -> None:
    begin = 0
    for size in (1, 1, 7, 30, 1, 120, 2):
        batch(table, range(begin, begin + size), now)
        begin += size

    seen, cursor, pages = [], None, []
    while True:
        page = tables.rows_page(table, after=cursor, limit=25)
        pages.append(numbers(page.rows))
        seen += pages[-1]
        assert page.total == 162
        if page.next is None:
            break
        cursor = page.next
    assert seen == list(range(162))

    while page.previous is not None:
        page = tables.rows_page(table, before=page.previous, limit=25)
        pages.pop()
        assert numbers(page.rows) == pages[-1]
    assert len(pages) == 1


def test_a_page_costs_the_same_in_a_table_of_many_batches(table: Table, now: datetime) -> None:
    for number in range(120):
        batch(table, range(number, number + 1), now)
    batch(table, range(120, 300), now)

    for cursor in (None, tables.rows_page(table, limit=100).next):
        with CaptureQueriesContext(connection) as queries:
            assert len(tables.rows_page(table, after=cursor).rows) == 50
        assert len(queries) <= 5


def test_rows_that_are_not_visible_are_on_no_page(table: Table, now: datetime) -> None:
    replaced = batch(table, range(3), now)
    batch(table, range(10, 13), now)
    batch(table, range(20, 23), None)
    Batch.objects.filter(pk=replaced.pk).update(superseded_at=now)

    page = tables.rows_page(table)

    assert (numbers(page.rows), page.total, page.next, page.previous) == ([10, 11, 12], 3, None, None)
    assert numbers(list(Row.objects.filter(batch__table=table).visible().order_by("id"))) == [10, 11, 12]
    assert [record["n"] for record in tables.records(table)] == [10, 11, 12]


@pytest.mark.parametrize("cursor", ["", "x", "1", "1.x", "99999999999999999999.1", "1.2.3", "٣.٣"])
def test_a_cursor_that_is_none_shows_the_first_page(cursor: str, table: Table, now: datetime) -> None:
    batch(table, range(3), now)
    assert numbers(tables.rows_page(table, after=cursor).rows) == [0, 1, 2]
    assert numbers(tables.rows_page(table, before=cursor).rows) == [0, 1, 2]


def test_an_empty_table_has_an_empty_page(table: Table) -> None:
    page = tables.rows_page(table)
    assert (page.rows, page.next, page.previous, page.total) == ([], None, None, 0)


def test_a_download_reads_to_the_end_what_it_began_with(table: Table, now: datetime) -> None:
    old = batch(table, range(1200), now)
    reading = tables.records(table)
    assert next(reading) == {"n": 0}

    Batch.objects.filter(pk=old.pk).update(superseded_at=now + timedelta(seconds=1))
    batch(table, range(5), now + timedelta(seconds=1))

    assert len(list(reading)) == 1199
    assert len(list(tables.records(table))) == 5


def test_csv_is_safe_to_open_and_complete(table: Table, now: datetime) -> None:
    table.columns = ["=name", "n", "nested"]
    table.save()
    made = Batch.objects.create(table=table, published_at=now, rows_count=3, columns=table.columns)
    insert(
        made.pk,
        [
            {"=name": "=cmd|' /C calc'!A0", "n": -12},
            {"n": 2**70, "nested": {"a": [1, "ü"]}},
            {"=name": 'two\nlines, "quoted"'},
        ],
    )

    lines = list(csv.reader(io.StringIO("".join(tables.csv_lines(tables.whole(table))))))

    assert lines == [
        ["'=name", "n", "nested"],
        ["'=cmd|' /C calc'!A0", "-12", ""],
        ["", str(2**70), '{"a":[1,"ü"]}'],
        ['two\nlines, "quoted"', "", ""],
    ]


def test_json_is_one_array_with_exact_numbers(table: Table, now: datetime) -> None:
    made = Batch.objects.create(table=table, published_at=now, rows_count=2, columns=["n"])
    insert(made.pk, [{"n": 2**70 + 1}, {"n": 0.1}])

    assert json.loads("".join(tables.json_lines(tables.whole(table)))) == [{"n": 2**70 + 1}, {"n": 0.1}]
    assert json.loads("".join(tables.json_lines(tables.whole(factories.TableFactory())))) == []


def test_a_record_with_line_breaks_is_one_line_of_ndjson(table: Table, now: datetime) -> None:
    made = Batch.objects.create(table=table, published_at=now, rows_count=2, columns=["n"])
    insert(made.pk, [{"n": "two\nlines\u2028"}, {"n": 2**70 + 1}])

    assert "".join(tables.ndjson_lines(tables.whole(table))).split("\n") == [
        '{"n":"two\\nlines\u2028"}',
        f'{{"n":{2**70 + 1}}}',
        "",
    ]


def test_the_overview_counts_rows_without_reading_them(table: Table, now: datetime) -> None:
    batch(table, range(3), now)
    batch(table, range(4), now + timedelta(hours=1))
    empty = factories.TableFactory(team=table.team, name="a")
    factories.SavedRequestFactory(team=table.team, table=table)
    factories.TableFactory(name="of another team")

    with CaptureQueriesContext(connection) as queries:
        found = list(tables.overview(table.team))

    assert len(queries) == 1
    assert [(one.name, one.row_count, one.filled_at, one.request_count) for one in found] == [
        (empty.name, 0, None, 0),
        (table.name, 7, now + timedelta(hours=1), 1),
    ]
