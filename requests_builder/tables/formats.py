"""The forms in which a table is taken away, each written as a stream in little memory."""

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from requests_builder.records import csv_cell
from requests_builder.tables.reading import READ_AT_ONCE
from requests_builder.tables.whole import Whole

Pieces = Iterator[str] | Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Format:
    """How a table is written. `name` is also the end of the file's name."""

    name: str
    label: str
    media_type: str
    write: Callable[[Whole], Pieces]
    # What has to be installed beside the product, if something has to.
    needs: str = ""

    @property
    def is_there(self) -> bool:
        return not self.needs or find_spec(self.needs) is not None


def csv_lines(whole: Whole) -> Iterator[str]:
    """CSV (RFC 4180), several lines at a time; what a spreadsheet would compute is made text."""
    rows = ([csv_cell(data.get(column)) for column in whole.columns] for data in whole.records)
    return _written([csv_cell(column) for column in whole.columns], rows)


def json_lines(whole: Whole) -> Iterator[str]:
    """One JSON array, a record on each line, in pieces."""
    return _array(whole.records)


def ndjson_lines(whole: Whole) -> Iterator[str]:
    """NDJSON, a record on each line, several lines at a time."""
    # Within a text, JSON writes line breaks as escapes: a line is a record.
    lines = (_as_json(record) + "\n" for record in whole.records)
    while some := list(itertools.islice(lines, READ_AT_ONCE)):
        yield "".join(some)


def _workbook(whole: Whole) -> Iterator[bytes]:
    from requests_builder.tables import workbooks

    return workbooks.pieces(whole)


def _parquet(whole: Whole) -> Iterator[bytes]:
    from requests_builder.tables import parquet

    return parquet.pieces(whole)


FORMATS: Mapping[str, Format] = {
    one.name: one
    for one in (
        Format("csv", "CSV", "text/csv; charset=utf-8", csv_lines),
        Format(
            "xlsx",
            "Excel (XLSX)",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            _workbook,
        ),
        Format("json", "JSON", "application/json", json_lines),
        Format("ndjson", "NDJSON", "application/x-ndjson", ndjson_lines),
        Format("parquet", "Parquet", "application/vnd.apache.parquet", _parquet, needs="pyarrow"),
    )
}


def _written(header: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    for number, row in enumerate(rows, 1):
        writer.writerow(row)
        if number % READ_AT_ONCE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _array(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield "["
    separator = "\n"
    for some in _parts(found):
        yield separator + ",\n".join(_as_json(record) for record in some)
        separator = ",\n"
    yield "\n]\n"


def _parts(found: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    records = iter(found)
    while some := list(itertools.islice(records, READ_AT_ONCE)):
        yield some


def _as_json(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))
