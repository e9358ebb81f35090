"""All rows of a table, as a stream."""

import csv
import io
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

from requests_builder.models import Batch, Table
from requests_builder.records import csv_cell
from requests_builder.tables.batches import Snapshot, snapshot

READ_AT_ONCE = 500


def records(table: Table) -> Iterator[dict[str, Any]]:
    """All records of the table, as it is now: what is published meanwhile belongs to the next reader."""
    return _whole(table)[1]


def csv_lines(table: Table) -> Iterator[str]:
    """The table as CSV (RFC 4180), several lines at a time; what a spreadsheet would compute is made text."""
    columns, found = _whole(table)
    rows = ([csv_cell(data.get(column)) for column in columns] for data in found)
    return _written([csv_cell(column) for column in columns], rows)


def json_lines(table: Table) -> Iterator[str]:
    """The table as one JSON array, a record on each line, in pieces."""
    return _array(records(table))


def ndjson_lines(table: Table) -> Iterator[str]:
    """The table as NDJSON, a record on each line, several lines at a time."""
    lines = (_as_line(record) for record in records(table))
    while some := list(itertools.islice(lines, READ_AT_ONCE)):
        yield "".join(some)


def _as_line(record: dict[str, Any]) -> str:
    # Within a text, JSON writes line breaks as escapes: a line is a record.
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


def _whole(table: Table) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """The columns and the records. Which batches these are is settled now, not when the first row is read."""
    state = snapshot(table)
    batches = state.batches
    newest = Batch.objects.filter(pk__in=[pk for pk, _ in batches[-1:]]).values_list("columns", flat=True)
    # A Replace that is published at this moment may take columns away from the table, but not from its batch.
    lists = [*Table.objects.filter(pk=table.pk).values_list("columns", flat=True), *newest]
    columns = list(dict.fromkeys(column for one in lists for column in one))
    return columns, (
        _in_order(columns, data) for some in _together(batches) for data in _data_of(state, some)
    )


def _in_order(columns: list[str], data: dict[str, Any]) -> dict[str, Any]:
    # PostgreSQL keeps the keys of a record in an order of its own.
    return {column: data[column] for column in columns if column in data}


def _together(batches: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    """The batches in their order, small ones taken together, each group about READ_AT_ONCE rows."""
    group: list[int] = []
    size = 0
    for pk, count in batches:
        if group and size + count > READ_AT_ONCE:
            yield group
            group, size = [], 0
        group.append(pk)
        size += count
    if group:
        yield group


def _data_of(state: Snapshot, batches: list[int]) -> Iterator[dict[str, Any]]:
    rows = state.rows().filter(batch__in=batches).order_by("batch_id", "id").values_list("id", "data")
    if len(batches) > 1:
        yield from (data for _, data in rows)
        return
    last = 0
    while some := list(rows.filter(id__gt=last)[:READ_AT_ONCE]):
        yield from (data for _, data in some)
        last = some[-1][0]


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
    for record in found:
        yield separator + json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        separator = ",\n"
    yield "\n]\n"
