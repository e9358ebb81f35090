"""Records become rows, without a model instance of each: five times faster."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from requests_builder.models import Row
from requests_builder.models.bulk import Statement

# As COPY reads text (PostgreSQL's manual, COPY, Text Format).
_NULL = "\\N"
Page = Sequence[Mapping[str, Any]]
Keys = Sequence[tuple[str | UUID | None, int | None]]
# Bytes of a page that PostgreSQL may take apart at once; it cannot do that with a quarter of a gigabyte.
MOST_AT_ONCE = 16 * 2**20


@dataclass(frozen=True, slots=True)
class KnownPage:
    """A page that needs nothing but its rows written, in the same statement as an UPDATE: on PostgreSQL.

    A statement for each of the two, with the beginning and the end of their transaction, would be five ways
    to the server and back, which cost a pull more than all that it does with the page itself.
    """

    batch_id: int
    document: bytes

    @classmethod
    def of(cls, batch_id: int, page: Page) -> "KnownPage | None":
        """None where it has to be written by `insert`."""
        if connection.vendor != "postgresql" or not page:
            return None
        document = _as_list(page)
        return cls(batch_id, document) if len(document) <= MOST_AT_ONCE else None

    def execute(self, update: Statement) -> int:
        """Write the rows if the UPDATE meets a row; how many it were."""
        sql = (
            f'WITH met AS ({update.sql} RETURNING 1) INSERT INTO "{Row._meta.db_table}" (batch_id, data) '  # noqa: S608 - our own names
            "SELECT %s, value FROM met, jsonb_array_elements(CAST(%s AS jsonb))"
        )
        return Statement(sql, [*update.values, self.batch_id, self.document.decode()]).execute_bound()


def insert(batch_id: int, page: Page, keys: Keys | None = None) -> None:
    """Write the records as rows of the batch. `keys` are key and digest of each, where they have any."""
    _insert("batch_id, data, key, digest" if keys is not None else "batch_id, data", [(batch_id, page, keys)])


def insert_all(pages: Sequence[tuple[int, Page]]) -> None:
    """The same for pages of several batches, each with the number of its batch, without keys."""
    _insert("batch_id, data", [(batch_id, page, None) for batch_id, page in pages])


def _insert(columns: str, pages: Sequence[tuple[int, Page, Keys | None]]) -> None:
    table = Row._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f'COPY "{table}" ({columns}) FROM STDIN') as copy:
                copy.write(
                    b"".join(_for_copy(batch_id, _as_json(page), keys) for batch_id, page, keys in pages)
                )
            return
        places = ", ".join(["%s"] * (columns.count(",") + 1))
        statement = f'INSERT INTO "{table}" ({columns}) VALUES ({places})'  # noqa: S608 - our own names
        cursor.executemany(statement, [row for page in pages for row in _rows(*page)])


def _rows(batch_id: int, page: Page, keys: Keys | None) -> Iterable[tuple[Any, ...]]:
    documents = _as_json(page)
    return [
        (batch_id, document.decode(), *key)
        for document, key in zip(documents, keys or itertools.repeat(()), strict=False)
    ]


def _for_copy(batch_id: int, documents: Sequence[bytes], keys: Keys | None) -> bytes:
    """The rows as COPY reads text. JSON has no raw tabs and line breaks, so only a backslash is escaped."""
    begin, escaped = b"%d\t" % batch_id, [document.replace(b"\\", b"\\\\") for document in documents]
    ends = [b"\n"] * len(escaped)
    if keys is not None:
        ends = [
            "".join(f"\t{_NULL if value is None else value}" for value in key).encode() + b"\n"
            for key in keys
        ]
    return b"".join([begin + document + end for document, end in zip(escaped, ends, strict=True)])


def _as_list(page: Page) -> bytes:
    try:
        return orjson.dumps(page)
    except TypeError:
        return b"[%s]" % b",".join(_as_json(page))


def _as_json(page: Page) -> list[bytes]:
    try:
        return [orjson.dumps(record) for record in page]
    except TypeError:
        # Integers beyond 64 bits, which orjson does not write.
        return [json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() for record in page]
