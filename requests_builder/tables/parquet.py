"""A table as Parquet, with the types of its columns. Needs pyarrow: `pip install api-connector[parquet]`."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from requests_builder.mapping import ColumnType
from requests_builder.tables.ordering import as_words
from requests_builder.tables.whole import Whole

ROWS_OF_A_GROUP = 10_000
_LONG = 2**63
# In the file's metadata: how many values did not fit the type of their column, and are null.
LEFT_OUT = b"values_left_out"


class _Sink:
    """A file that is taken away while it is written."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def taken(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def pieces(whole: Whole) -> Iterator[bytes]:
    """The file, a group of rows at a time."""
    columns = [(name, *_AS.get(whole.types.get(name, ""), _TEXT)) for name in whole.columns]
    schema = pa.schema([(name, type_) for name, type_, _ in columns])
    sink = _Sink()
    left_out = 0
    writer = parquet.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd")
    records = iter(whole.records)
    while some := list(itertools.islice(records, ROWS_OF_A_GROUP)):
        arrays = []
        for name, type_, convert in columns:
            values = [record.get(name) for record in some]
            converted = [None if value is None else convert(value) for value in values]
            left_out += sum(
                one is None and value is not None for one, value in zip(converted, values, strict=True)
            )
            arrays.append(pa.array(converted, type=type_))
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
        yield sink.taken()
    writer.add_key_value_metadata({LEFT_OUT: str(left_out).encode()})
    writer.close()
    yield sink.taken()


def _integer(value: Any) -> int | None:
    return value if type(value) is int and -_LONG <= value < _LONG else None


def _number(value: Any) -> float | None:
    try:
        return float(value) if type(value) is int or type(value) is float else None
    except OverflowError:
        return None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        return None


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None


_Column = tuple[Any, Callable[[Any], Any]]
_TEXT: _Column = (pa.string(), as_words)
_AS: Mapping[str, _Column] = {
    ColumnType.INTEGER: (pa.int64(), _integer),
    ColumnType.NUMBER: (pa.float64(), _number),
    ColumnType.BOOLEAN: (pa.bool_(), _boolean),
    ColumnType.DATE: (pa.date32(), _day),
    ColumnType.DATETIME: (pa.timestamp("us", tz="UTC"), _moment),
}
