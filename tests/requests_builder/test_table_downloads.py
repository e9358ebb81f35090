"""Tables as files: complete, typed, harmless to open, and written in little memory."""

import csv
import io
import itertools
import json
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import pyarrow
import pytest
from django.http import StreamingHttpResponse
from django.test import Client
from pyarrow import parquet

from accounts.models import Team, User
from requests_builder import tables
from requests_builder.destinations.table import insert
from requests_builder.models import Batch, Table
from requests_builder.tables import workbooks
from requests_builder.tables.whole import Whole
from tests import factories
from tests.requests_builder.pages import text

# What spreadsheets may take for a formula (OWASP: CSV injection), and how people try to hide it.
FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1+1",
    "\uff0b1+1",
    "\uff0d1+1",
    "\uff20SUM(A1)",
    "\u200b=1",
    "\xa0=1",
    "\ufeff=1",
    " =1",
    "'=1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example","x")',
    "\x00=1",
]
TYPES = {
    "id": "integer",
    "amount": "number",
    "ok": "boolean",
    "day": "date",
    "at": "datetime",
    "name": "text",
    "tags": "json",
}
FULL = {
    "id": 7,
    "amount": -2.5,
    "ok": True,
    "day": "2026-11-23",
    "at": "2026-11-23T12:00:00.500000+00:00",
    "name": "Zoë",
    "tags": {"a": [1, "ü"]},
}
MOMENT = datetime(2026, 11, 23, 12, 0, 0, 500_000)


def whole(records: list[dict[str, Any]], types: dict[str, str] | None = None) -> Whole:
    columns = list(dict.fromkeys(name for record in records for name in record))
    return Whole(columns, types or {}, iter(records))


def workbook(written: Whole, **options: int) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(b"".join(workbooks.pieces(written, **options))))


def rows_of(written: Whole) -> list[tuple[Any, ...]]:
    return list(workbook(written).active.iter_rows(values_only=True))


def csv_of(written: Whole) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(tables.csv_lines(written)), newline="")))


def downloaded(response: Any) -> bytes:
    assert isinstance(response, StreamingHttpResponse), response.status_code
    pieces = response.streaming_content
    assert isinstance(pieces, Iterator)
    return b"".join(pieces)


@pytest.fixture
def signed_in(client: Client, viewer: User) -> Client:
    client.force_login(viewer)
    return client


@pytest.fixture
def table(team: Team, now: datetime) -> Table:
    """Two full rows and an empty one."""
    made = factories.TableFactory(team=team, name="All Contacts", columns=list(TYPES), column_types=TYPES)
    batch = Batch.objects.create(
        table=made, published_at=now, columns=list(TYPES), column_types=TYPES, rows_count=3
    )
    insert(batch.pk, [FULL, {}, {**FULL, "id": 8, "name": "Bob"}])
    return made


def address(table: Table, format: str, query: str = "") -> str:
    return f"/t/acme/tables/{table.pk}/rows.{format}{query}"


# Formulas


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_formula_is_computed_from_a_csv_file_as_value_or_as_header(formula: str) -> None:
    header, row = csv_of(whole([{formula: formula}]))

    for cell in (*header, *row):
        assert cell.startswith("'"), cell
        assert "\x00" not in cell


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_formula_is_computed_from_a_workbook_as_value_or_as_header(formula: str) -> None:
    sheet = workbook(whole([{formula: formula}], {formula: "text"})).active

    for cell in (sheet["A1"], sheet["A2"]):
        assert cell.data_type == "s"
        assert cell.hyperlink is None
        assert cell.value.lstrip("\x00\r\n\t").endswith(formula.lstrip("\x00\r\n\t"))


def test_negative_numbers_stay_numbers() -> None:
    assert csv_of(whole([{"n": -2, "t": "-12.50"}]))[1] == ["-2", "-12.50"]
    assert rows_of(whole([{"n": -2, "t": -12.5}]))[1] == (-2, -12.5)


# CSV


@pytest.mark.parametrize(
    "value", ['lone " quote', "two\r\nlines", "NUL \x00 within", "x" * 1_000_000, ",;|\t"]
)
def test_csv_keeps_whatever_a_cell_holds(value: str) -> None:
    assert csv_of(whole([{"a": value, "b": 1}]))[1] == [
        value.replace("\x00", "") if "\x00" in value else value,
        "1",
    ]


# XLSX


def test_a_workbook_has_numbers_dates_and_truth_as_what_they_are(signed_in: Client, table: Table) -> None:
    response = signed_in.get(address(table, "xlsx"))

    assert response["Content-Disposition"] == 'attachment; filename="all-contacts.xlsx"'
    assert response["X-Content-Type-Options"] == "nosniff"
    header, first, empty, _ = openpyxl.load_workbook(io.BytesIO(downloaded(response))).active.iter_rows()
    assert [cell.value for cell in header] == list(TYPES)
    assert [cell.value for cell in first] == [
        7,
        -2.5,
        True,
        datetime(2026, 11, 23),
        MOMENT,
        "Zoë",
        '{"a":[1,"ü"]}',
    ]
    assert [cell.value for cell in empty] == [None] * len(TYPES)
    assert first[3].number_format == "yyyy-mm-dd"
    assert first[4].number_format == "yyyy-mm-dd hh:mm:ss"


def test_what_excel_cannot_count_is_a_text() -> None:
    long, early = 12_345_678_901_234_567_890, "1850-01-01"
    found = rows_of(whole([{"id": long, "day": early, "at": "no date"}], {"day": "date", "at": "datetime"}))
    assert found[1] == (str(long), early, "no date")


def test_a_cell_that_is_too_long_for_excel_is_cut_and_says_so() -> None:
    fits, too_long, wide = "x" * 32_767, "x" * 32_768, "😀" * 16_384
    row = rows_of(whole([{"a": fits, "b": too_long, "c": wide}]))[1]

    assert row[0] == fits
    for value in row[1:]:
        assert value.endswith(workbooks.CUT)
        assert len(value.encode("utf-16-le")) // 2 <= 32_767


def test_rows_that_do_not_fit_on_a_sheet_go_on_on_the_next() -> None:
    book = workbook(whole([{"n": number} for number in range(7)]), rows_of_a_sheet=4)

    found = {sheet.title: [row[0] for row in sheet.iter_rows(values_only=True)] for sheet in book}
    assert found == {"Rows": ["n", 0, 1, 2], "Rows 2": ["n", 3, 4, 5], "Rows 3": ["n", 6]}


def test_links_stay_texts() -> None:
    cell = workbook(whole([{"url": "https://evil.example/"}])).active["A2"]
    assert (cell.value, cell.hyperlink) == ("https://evil.example/", None)


# Parquet


def test_a_parquet_file_has_the_types_of_the_columns(signed_in: Client, table: Table) -> None:
    response = signed_in.get(address(table, "parquet"))

    assert response["Content-Disposition"] == 'attachment; filename="all-contacts.parquet"'
    found = parquet.read_table(pyarrow.BufferReader(downloaded(response)))
    assert [str(field.type) for field in found.schema] == [
        "int64",
        "double",
        "bool",
        "date32[day]",
        "timestamp[us, tz=UTC]",
        "string",
        "string",
    ]
    first, empty, _ = found.to_pylist()
    assert first == {
        **FULL,
        "day": date(2026, 11, 23),
        "at": MOMENT.replace(tzinfo=UTC),
        "tags": '{"a":[1,"ü"]}',
    }
    assert set(empty.values()) == {None}


def test_a_value_that_no_parquet_type_holds_is_left_out_and_counted() -> None:
    from requests_builder.tables import parquet as written

    pieces = b"".join(written.pieces(whole([{"n": 2**70}, {"n": 5}], {"n": "integer"})))
    file = parquet.ParquetFile(pyarrow.BufferReader(pieces))

    assert file.read().to_pylist() == [{"n": None}, {"n": 5}]
    assert file.metadata.metadata[written.LEFT_OUT] == b"1"


def test_without_its_library_parquet_is_explained_and_not_offered(
    signed_in: Client, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    page = signed_in.get(f"/t/acme/tables/{table.pk}/")

    assert "rows.parquet" not in page.content.decode()
    assert "Parquet: whoever hosts this can add it" in text(page)
    assert signed_in.get(address(table, "parquet")).status_code == 404


# What is selected


@pytest.mark.parametrize("format", ["csv", "json", "ndjson", "xlsx", "parquet"])
def test_a_selection_is_downloaded_in_its_order(signed_in: Client, table: Table, format: str) -> None:
    query = "?column=name&op=not-empty&value=&until=&sort=id&desc=1"
    content = downloaded(signed_in.get(address(table, format, query)))

    match format:
        case "csv":
            names = [row["name"] for row in csv.DictReader(io.StringIO(content.decode()))]
        case "json":
            names = [row["name"] for row in json.loads(content)]
        case "ndjson":
            names = [json.loads(line)["name"] for line in content.splitlines()]
        case "xlsx":
            sheet = openpyxl.load_workbook(io.BytesIO(content)).active
            names = [row[5] for row in sheet.iter_rows(min_row=2, values_only=True)]
        case _:
            names = parquet.read_table(pyarrow.BufferReader(content)).column("name").to_pylist()
    assert names == ["Bob", "Zoë"]


def test_a_filter_that_cannot_be_used_is_no_download(signed_in: Client, table: Table) -> None:
    page = signed_in.get(address(table, "csv", "?column=id&op=greater&value=much"), follow=True)

    assert "much is no number" in text(page)
    assert page.redirect_chain[0][0].endswith("?column=id&op=greater&value=much&until=")


def test_no_other_format_is_known(signed_in: Client, table: Table) -> None:
    assert signed_in.get(address(table, "exe")).status_code == 404


@pytest.mark.parametrize("name", ["../../x", "a\r\nSet-Cookie: x=1", "\u202efdp.exe", 'a"; filename="b.exe'])
@pytest.mark.parametrize("format", ["xlsx", "parquet"])
def test_the_name_of_a_file_is_harmless(signed_in: Client, team: Team, name: str, format: str) -> None:
    table = factories.TableFactory(team=team, name=name)
    disposition = signed_in.get(address(table, format))["Content-Disposition"]

    stem = disposition.removeprefix('attachment; filename="').removesuffix(f'.{format}"')
    assert stem.replace("-", "").isalnum()
    assert stem.isascii()


# Memory


@pytest.mark.parametrize(
    ("format", "rows"),
    [("csv", 4_000), ("json", 4_000), ("ndjson", 4_000), ("xlsx", 4_000), ("parquet", 20_000)],
)
def test_memory_does_not_grow_with_the_rows(format: str, rows: int) -> None:
    def peak(count: int) -> int:
        records = ({"n": number, "t": "x" * 400} for number in range(count))
        written = Whole(["n", "t"], {"n": "integer", "t": "text"}, records)
        tracemalloc.start()
        for _ in tables.FORMATS[format].write(written):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)  # what is imported the first time
    few, many = peak(rows), peak(rows * 2)
    assert many < few * 1.2 + 200_000


def test_a_stream_begins_before_all_rows_were_read() -> None:
    read = itertools.count()
    records = ({"n": next(read)} for _ in range(10**9))
    for name in ("csv", "json", "ndjson", "parquet"):
        next(tables.FORMATS[name].write(Whole(["n"], {"n": "integer"}, records)))
    assert next(read) < 50_000
