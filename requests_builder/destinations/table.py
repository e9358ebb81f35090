"""Rows in our own database, in batches: the rows of one run appear together, or never."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import F, Sum
from django.db.models.functions import Greatest

from requests_builder import mapping, records
from requests_builder.destinations import keyed, missing, saying, settling
from requests_builder.destinations.saying import counted
from requests_builder.models import Batch, IfEmpty, Publication, Row, Run, SavedRequest, Table, WriteMode

# Rows that go in one transaction: on SQLite, nobody else writes meanwhile.
REMOVED_AT_ONCE = 2_000
# A failed run removes so many by itself, and leaves a rest to the sweeper.
REMOVED_BY_A_RUN = 20_000
# Whoever began to read a batch before it was superseded reads it to the end.
SUPERSEDED_ARE_KEPT = timedelta(minutes=10)
# As COPY reads text (PostgreSQL's manual, COPY, Text Format).
_NULL = "\\N"
_NO_TYPES: Mapping[str, str] = MappingProxyType({})


class TableDestination:
    """The rows of one run, on their way into a table."""

    def __init__(self, saved_request: SavedRequest, table_id: UUID) -> None:
        self._saved_request = saved_request
        self._table_id = table_id
        self._batch: Batch | None = None
        self._columns: list[str] = []
        self._types: dict[str, str] = {}
        self._is_reset = False

    def prepare(self) -> None:
        if self._is_keyed:
            keyed.prepare(self._saved_request)

    def begin(self, run: Run) -> None:
        defaults = {"table_id": self._table_id, "saved_request": self._saved_request}
        defaults |= {"keyed_by": keyed.identity(self._saved_request)}
        self._batch, _ = Batch.objects.get_or_create(run=run, defaults=defaults)
        self._columns, self._types = self._batch.columns, self._batch.column_types
        self._is_reset = run.is_reset

    def write(
        self,
        page: Sequence[Mapping[str, Any]],
        types: Mapping[str, str] = _NO_TYPES,
        *,
        is_new: bool = False,
    ) -> None:
        assert self._batch is not None
        if page:
            self._add_columns(self._batch, page, types)
            if self._is_keyed:
                self._insert_keyed(self._batch, page, is_new=is_new)
            else:
                insert(self._batch.pk, page)

    def publish(self, *, rows: int, now: datetime, is_complete: bool = True) -> str:
        batch = self._batch
        assert batch is not None
        # The lock keeps two runs from adding their columns to the same old list.
        table = Table.objects.select_for_update().get(pk=self._table_id)
        table.publication += 1
        table.save(update_fields=["publication"])
        missing.unmark(self._saved_request)
        batch.rows_count = rows
        changes = {"inserted": rows}
        if self._is_keyed:
            changes = self._settle(batch, table, is_complete=is_complete, now=now)
        remark = ""
        if self._is_reset or self._saved_request.write_mode == WriteMode.REPLACE:
            remark = self._replace(batch, rows, changes, now)
        batch.published_at = now
        batch.save(update_fields=["published_at", "superseded_at", "rows_count"])
        if batch.superseded_at is None:
            _show_columns(table, batch)
            Publication.objects.create(
                table=table,
                run_id=batch.run_id,
                saved_request=self._saved_request,
                at=now,
                rows=batch.rows_count,
            )
        Run.objects.filter(batch=batch).update(changes=changes, batch_number=batch.pk)
        remarks = self._remarks(changes, is_complete=is_complete)
        return " ".join(filter(None, [saying.in_words(changes), remark, *remarks]))

    @property
    def _is_keyed(self) -> bool:
        return bool(keyed.identity(self._saved_request))

    def _insert_keyed(self, batch: Batch, page: Sequence[Mapping[str, Any]], *, is_new: bool) -> None:
        fields = batch.keyed_by
        keys = [keyed.key_of(record, fields, self._saved_request) for record in page]
        known = [(key, record) for key, record in zip(keys, page, strict=True) if key]
        is_compared = not (is_new and fields == keyed.WHOLE)
        insert(
            batch.pk,
            [record for _, record in known],
            [
                (keyed.as_stored(key), keyed.digest_of(record) if is_compared else None)
                for key, record in known
            ],
        )
        if lacking := len(page) - len(known):
            batch.left_out = {"without_key": batch.left_out.get("without_key", 0) + lacking}
            batch.save(update_fields=["left_out"])

    def _settle(self, batch: Batch, table: Table, *, is_complete: bool, now: datetime) -> dict[str, int]:
        """Compare with what is there; what became of the records, counted."""
        lacking = batch.left_out.get("without_key", 0)
        came = batch.rows_count - lacking
        keyed.compare_by_index()
        if self._is_reset:
            changes = settling.settle_alone(batch, came)
        else:
            request = self._saved_request
            changes = settling.settle(batch, request, table, came, is_complete=is_complete, now=now)
        batch.rows_count = changes["inserted"] + changes.get("updated", 0)
        return changes | ({"without_key": lacking} if lacking else {})

    def _remarks(self, changes: Mapping[str, int], *, is_complete: bool) -> Iterator[str]:
        """Sentences on what is not as one might expect."""
        if lacking := changes.get("without_key", 0):
            names = ", ".join(self._saved_request.key_fields)
            yield f"{counted(lacking, 'record')} had no value in {names}, and became no rows."
        if held := changes.get("held", 0):
            yield (
                f"{counted(held, 'row')} did not come any more. That is much, so nothing is deleted before "
                "somebody confirms it on the page of this run."
            )
        wants_deleted = self._saved_request.delete_missing and not self._is_reset
        if wants_deleted and not is_complete and self._saved_request.write_mode == WriteMode.UPDATE:
            yield "Not all pages were read, so rows that did not come were kept."

    def restart(self, run: Run) -> None:
        Batch.objects.filter(run=run).update(run=None)

    def discard(self, run: Run) -> None:
        for batch in Batch.objects.filter(run=run, published_at=None):
            remove(batch, REMOVED_BY_A_RUN)

    def _add_columns(self, batch: Batch, page: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> None:
        types = mapping.together(self._types, types)
        has_new = not set[str]().union(*page) <= set(self._columns)
        if not has_new and types == self._types:
            return
        if has_new:
            self._columns = records.columns_of([dict.fromkeys(self._columns), *page])
        self._types = types
        batch.columns, batch.column_types = self._columns, self._types
        batch.save(update_fields=["columns", "column_types"])

    def _replace(self, batch: Batch, rows: int, changes: dict[str, int], now: datetime) -> str:
        """Take the place of this request's earlier rows in the table; a sentence if that is not all."""
        others = keyed.batches_of(self._saved_request)
        is_replace = self._saved_request.write_mode == WriteMode.REPLACE
        if is_replace and others.filter(pk__gt=batch.pk).exists():
            # This run waited long between two attempts: newer rows are there, and stay.
            batch.superseded_at = now
            changes["inserted"] = 0
            return "A run that began later had finished first: its newer rows stay in the table."
        others = others.filter(pk__lt=batch.pk)
        there = others.aggregate(it=Sum("rows_count"))["it"] or 0
        if not rows and there and self._keeps_rows_if_empty:
            return f"No records came, so {counted(there, 'row')} of before stay in the table."
        changes["replaced"] = there
        # The clocks of two workers differ, and nothing can be superseded before it was published.
        others.update(superseded_at=Greatest(now, F("published_at")))
        return "" if rows else "No records came, so this request has no rows in the table now."

    @property
    def _keeps_rows_if_empty(self) -> bool:
        # Whoever resets wants the rows anew, and not none.
        return self._is_reset or self._saved_request.if_empty == IfEmpty.KEEP


def insert(
    batch_id: int,
    page: Sequence[Mapping[str, Any]],
    keys: Sequence[tuple[str | UUID | None, int | None]] | None = None,
) -> None:
    """Write the records as rows of the batch, without a model instance of each: five times faster.

    `keys` are key and digest of each, where they have any.
    """
    columns = "batch_id, data, key, digest" if keys is not None else "batch_id, data"
    documents = _as_json(page)
    table = Row._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f'COPY "{table}" ({columns}) FROM STDIN') as copy:
                copy.write(_for_copy(batch_id, documents, keys))
            return
        rows = [
            (batch_id, document.decode(), *key)
            for document, key in zip(documents, keys or itertools.repeat(()), strict=False)
        ]
        places = ", ".join(["%s"] * (columns.count(",") + 1))
        statement = f'INSERT INTO "{table}" ({columns}) VALUES ({places})'  # noqa: S608 - our own names
        cursor.executemany(statement, rows)


def _for_copy(batch_id: int, documents: Sequence[bytes], keys: Sequence[tuple[object, ...]] | None) -> bytes:
    """The rows as COPY reads text. JSON has no raw tabs and line breaks, so only a backslash is escaped."""
    begin, escaped = b"%d\t" % batch_id, [document.replace(b"\\", b"\\\\") for document in documents]
    ends = [b"\n"] * len(escaped)
    if keys is not None:
        ends = [
            "".join(f"\t{_NULL if value is None else value}" for value in key).encode() + b"\n"
            for key in keys
        ]
    return b"".join([begin + document + end for document, end in zip(escaped, ends, strict=True)])


def remove(batch: Batch, most: int) -> int:
    """Delete up to `most` rows of the batch, in small transactions, and the batch once it is empty."""
    removed = 0
    while removed < most:
        some = Row.objects.filter(batch=batch).order_by("id").values("pk")[:REMOVED_AT_ONCE]
        count, _ = Row.objects.filter(pk__in=some).delete()
        removed += count
        if not count:
            batch.delete()
            break
    return removed


def sweep(now: datetime, most: int) -> int:
    """Remove up to `most` rows that nobody will see again; how many it were."""
    removed = 0
    for batch in _dead(now - SUPERSEDED_ARE_KEPT):
        removed += remove(batch, most - removed)
        if removed >= most:
            break
    return removed + keyed.forget(now, most - removed)


def _dead(superseded_until: datetime) -> Iterator[Batch]:
    yield from Batch.objects.abandoned().order_by("id")[:100]
    yield from Batch.objects.superseded(superseded_until).order_by("superseded_at")[:100]


def _show_columns(table: Table, batch: Batch) -> None:
    """Give the table the columns of the batch, beside those of the other rows that it shows."""
    if not batch.columns:
        return
    is_alone = not Batch.objects.visible().filter(table=table).exclude(pk=batch.pk).exists()
    columns, types = batch.columns, batch.column_types
    if not is_alone:
        columns = records.columns_of(map(dict.fromkeys, [table.columns, batch.columns]))
        types = mapping.together(table.column_types, batch.column_types)
    if (columns, types) != (table.columns, table.column_types):
        table.columns, table.column_types = columns, types
        table.save(update_fields=["columns", "column_types"])


def _as_json(page: Sequence[Mapping[str, Any]]) -> list[bytes]:
    try:
        return [orjson.dumps(record) for record in page]
    except TypeError:
        # Integers beyond 64 bits, which orjson does not write.
        return [json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() for record in page]
