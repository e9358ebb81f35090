"""Rows in our own database, in batches: the rows of one run appear together, or never."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from requests_builder import mapping, records
from requests_builder.destinations import keyed
from requests_builder.destinations.publishing import Shipment
from requests_builder.destinations.writing import KnownPage, insert
from requests_builder.models import Batch, Row, Run, SavedRequest

# Rows that go in one transaction: on SQLite, nobody else writes meanwhile.
REMOVED_AT_ONCE = 2_000
# A failed run removes so many by itself, and leaves a rest to the sweeper.
REMOVED_BY_A_RUN = 20_000
# Whoever began to read a batch before it was superseded reads it to the end.
SUPERSEDED_ARE_KEPT = timedelta(minutes=10)
_NO_TYPES: Mapping[str, str] = MappingProxyType({})
TypedPage = tuple[Sequence[Mapping[str, Any]], Mapping[str, str]]


class TableDestination:
    """The rows of one run, on their way into a table."""

    def __init__(self, saved_request: SavedRequest, table_id: UUID) -> None:
        self._saved_request = saved_request
        self._table_id = table_id
        self._batch: Batch | None = None
        self._columns: list[str] = []
        self._types: dict[str, str] = {}

    def prepare(self) -> None:
        if self.is_keyed:
            keyed.prepare(self._saved_request)

    def begin(self, run: Run) -> None:
        defaults = {"table_id": self._table_id, "saved_request": self._saved_request}
        defaults |= {"keyed_by": keyed.identity(self._saved_request)}
        self._batch, _ = Batch.objects.get_or_create(run=run, defaults=defaults)
        self._columns, self._types = self._batch.columns, self._batch.column_types

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
            if self.is_keyed:
                self._insert_keyed(self._batch, page, is_new=is_new)
            else:
                insert(self._batch.pk, page)

    def known(self, parts: Sequence[mapping.Rows]) -> KnownPage | None:
        if self._batch is None or self.is_keyed or len(parts) != 1:
            return None
        [part] = parts
        return KnownPage.of(self._batch.pk, part.rows) if self._is_known(part.rows, part.types) else None

    def shipment(self, run: Run, pages: Sequence[TypedPage], *, rows: int, is_complete: bool) -> Shipment:
        if self._batch is None and not self.is_keyed and not run.pages:
            return Shipment(
                run,
                self._saved_request,
                self._whole(run, pages),
                rows,
                is_complete,
                [page for page, _ in pages],
            )
        if self._batch is None:
            self.begin(run)
        assert self._batch is not None
        for number, (page, types) in enumerate(pages):
            self.write(page, types, is_new=number > 0)
        return Shipment(run, self._saved_request, self._batch, rows, is_complete)

    @property
    def is_keyed(self) -> bool:
        """Whether its rows are compared with those that are there."""
        return bool(keyed.identity(self._saved_request))

    def _whole(self, run: Run, pages: Sequence[TypedPage]) -> Batch:
        """The batch of a run of which nothing is stored yet: it is, with all its rows, when it is shown."""
        self._columns, self._types = [], {}
        batch = Batch(run=run, table_id=self._table_id, saved_request=self._saved_request)
        for page, types in pages:
            if page:
                self._see_columns(batch, page, types)
        return batch

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

    def restart(self, run: Run) -> None:
        Batch.objects.filter(run=run).update(run=None)

    def discard(self, run: Run) -> None:
        for batch in Batch.objects.filter(run=run, published_at=None):
            remove(batch, REMOVED_BY_A_RUN)

    def _add_columns(self, batch: Batch, page: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> None:
        if self._see_columns(batch, page, types):
            batch.save(update_fields=["columns", "column_types"])

    def _see_columns(self, batch: Batch, page: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> bool:
        """Note the columns and types of the page with the batch; whether any of them is new."""
        if self._is_known(page, types):
            return False
        self._columns = records.columns_of([dict.fromkeys(self._columns), *page])
        self._types = mapping.together(self._types, types)
        batch.columns, batch.column_types = self._columns, self._types
        return True

    def _is_known(self, page: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> bool:
        """Whether the batch has all columns of the page, and with the same types."""
        has_columns = set[str]().union(*page) <= set(self._columns)
        return has_columns and mapping.together(self._types, types) == self._types


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
