"""What runs have brought becomes visible: one run or many, in one transaction and by the same few statements.

Readers see the state before or the one after. Whoever publishes holds the locks on the tables to the end.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Greatest

from requests_builder import mapping, records
from requests_builder.destinations import keyed, missing, saying, settling
from requests_builder.destinations.saying import counted
from requests_builder.destinations.writing import insert_all
from requests_builder.models import Batch, IfEmpty, Publication, Run, SavedRequest, Table, WriteMode, bulk

Records = Sequence[Mapping[str, Any]]
_AT_ONCE = 500
# The fields of a new batch, each with its attribute.
_STORED = {field.name: field.attname for field in Batch._meta.concrete_fields if not field.primary_key}


@dataclass(slots=True)
class Shipment:
    """What a run has brought, to be shown in its table.

    A new batch is not stored yet, and neither are its `pages`. `rows` is how many records came,
    `is_complete` whether these are all that there are. `changes` and `remark` tell afterwards what became of
    them.
    """

    run: Run
    saved_request: SavedRequest
    batch: Batch
    rows: int
    is_complete: bool
    pages: Sequence[Records] = ()
    changes: dict[str, int] = field(default_factory=dict)
    remark: str = ""

    @property
    def replaces(self) -> bool:
        """Whether it takes the place of the earlier rows of its request."""
        return self.run.is_reset or self.saved_request.write_mode == WriteMode.REPLACE

    @property
    def is_superseded(self) -> bool:
        """Whether newer rows are there already, so that nobody will see it."""
        return self.batch.superseded_at is not None


def publish(shipments: Sequence[Shipment], now: datetime) -> None:
    """Show all of them at once, within the caller's transaction. Raises Table.DoesNotExist.

    No two of them may go into one table.
    """
    tables = _locked(shipments)
    missing.unmark([shipment.saved_request for shipment in shipments])
    for shipment in shipments:
        table = tables[shipment.batch.table_id]
        table.publication += 1
        shipment.batch.rows_count, shipment.changes = shipment.rows, {"inserted": shipment.rows}
        if shipment.batch.keyed_by:
            shipment.changes = _settle(shipment, table, now)
    said = _replace([shipment for shipment in shipments if shipment.replaces], now)
    for shipment in shipments:
        parts = [saying.in_words(shipment.changes), said.get(shipment.run.pk, ""), *_remarks(shipment)]
        shipment.remark = " ".join(filter(None, parts))
    _store(shipments, now)
    shown = [shipment for shipment in shipments if not shipment.is_superseded]
    _show_columns(shown, tables)
    names = ("publication", "columns", "column_types")
    values = [(table.pk, table.publication, table.columns, table.column_types) for table in tables.values()]
    bulk.update(Table, names, values)
    if shown:
        bulk.insert(
            Publication,
            ("table", "run", "saved_request", "at", "rows"),
            [
                (one.batch.table_id, one.run.pk, one.saved_request.pk, now, one.batch.rows_count)
                for one in shown
            ],
        )


def _locked(shipments: Sequence[Shipment]) -> dict[UUID, Table]:
    """Their tables. The locks keep two runs from adding their columns to the same old list."""
    wanted = {shipment.batch.table_id for shipment in shipments}
    assert len(wanted) == len(shipments)
    found = Table.objects.select_for_update().filter(pk__in=wanted).order_by("pk")
    tables = {table.pk: table for table in found}
    if len(tables) < len(wanted):
        raise Table.DoesNotExist
    return tables


def _settle(shipment: Shipment, table: Table, now: datetime) -> dict[str, int]:
    """Compare rows that have keys with what is there; what became of the records, counted."""
    batch, request = shipment.batch, shipment.saved_request
    lacking = batch.left_out.get("without_key", 0)
    came = shipment.rows - lacking
    keyed.compare_by_index()
    if shipment.run.is_reset:
        changes = settling.settle_alone(batch, came)
    else:
        changes = settling.settle(batch, request, table, came, is_complete=shipment.is_complete, now=now)
    batch.rows_count = changes["inserted"] + changes.get("updated", 0)
    return changes | ({"without_key": lacking} if lacking else {})


def _replace(shipments: Sequence[Shipment], now: datetime) -> dict[UUID, str]:
    """Let each take the place of its request's earlier rows; what else there is to say, by run."""
    if not shipments:
        return {}
    there: dict[tuple[UUID, UUID], dict[int, int]] = defaultdict(dict)
    found = Batch.objects.visible().filter(
        table__in=[shipment.batch.table_id for shipment in shipments],
        saved_request__in=[shipment.saved_request.pk for shipment in shipments],
    )
    for table, request, pk, rows in found.values_list("table", "saved_request", "pk", "rows_count"):
        there[table, request][pk] = rows
    said, replaced = {}, list[int]()
    for shipment in shipments:
        others = there[shipment.batch.table_id, shipment.saved_request.pk]
        said[shipment.run.pk], gone = _replaced_by(shipment, others, now)
        replaced += gone
    for begin in range(0, len(replaced), _AT_ONCE):
        some = Batch.objects.filter(pk__in=replaced[begin : begin + _AT_ONCE])
        # The clocks of two workers differ, and nothing can be superseded before it was published.
        some.update(superseded_at=Greatest(now, F("published_at")))
    return said


def _replaced_by(shipment: Shipment, there: Mapping[int, int], now: datetime) -> tuple[str, Sequence[int]]:
    """A sentence if there is one to say, and which of the batches that are there it replaces.

    `there`: the rows of each visible batch of its request in its table.
    """
    batch, is_replace = shipment.batch, shipment.saved_request.write_mode == WriteMode.REPLACE
    # What is not stored yet will have a higher number than anything that is visible now.
    earlier = {pk: rows for pk, rows in there.items() if batch._state.adding or pk < batch.pk}
    if is_replace and any(pk != batch.pk for pk in there.keys() - earlier.keys()):
        # This run waited long between two attempts: newer rows are there, and stay.
        batch.superseded_at = now
        shipment.changes["inserted"] = 0
        return "A run that began later had finished first: its newer rows stay in the table.", ()
    count = sum(earlier.values())
    # Whoever resets wants the rows anew, and not none.
    keeps_if_empty = shipment.run.is_reset or shipment.saved_request.if_empty == IfEmpty.KEEP
    if not shipment.rows and count and keeps_if_empty:
        return f"No records came, so {counted(count, 'row')} of before stay in the table.", ()
    shipment.changes["replaced"] = count
    sentence = "" if shipment.rows else "No records came, so this request has no rows in the table now."
    return sentence, list(earlier)


def _remarks(shipment: Shipment) -> Iterator[str]:
    """Sentences on what is not as one might expect."""
    request, changes = shipment.saved_request, shipment.changes
    if lacking := changes.get("without_key", 0):
        names = ", ".join(request.key_fields)
        yield f"{counted(lacking, 'record')} had no value in {names}, and became no rows."
    if held := changes.get("held", 0):
        yield (
            f"{counted(held, 'row')} did not come any more. That is much, so nothing is deleted before "
            "somebody confirms it on the page of this run."
        )
    wants_deleted = request.delete_missing and not shipment.run.is_reset
    if wants_deleted and not shipment.is_complete and request.write_mode == WriteMode.UPDATE:
        yield "Not all pages were read, so rows that did not come were kept."


def _store(shipments: Sequence[Shipment], now: datetime) -> None:
    """The batches as published, with the rows of those that are not stored yet."""
    new: dict[UUID, Shipment] = {}
    for shipment in shipments:
        batch = shipment.batch
        batch.published_at = now
        if batch._state.adding:
            batch.created_at = now
            new[shipment.run.pk] = shipment
        else:
            batch.save(update_fields=["published_at", "superseded_at", "rows_count"])
    if not new:
        return
    values = [[getattr(one.batch, name) for name in _STORED.values()] for one in new.values()]
    for run, pk in bulk.insert(Batch, list(_STORED), values, returning=("run", "id")):
        new[_uuid(run)].batch.pk = pk
    insert_all([(one.batch.pk, page) for one in new.values() for page in one.pages if page])


def _uuid(value: UUID | str) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _show_columns(shipments: Sequence[Shipment], tables: Mapping[UUID, Table]) -> None:
    """Give the tables the columns of the batches, beside those of the other rows that they show."""
    others = _with_others([one.batch for one in shipments if _has_other_columns(one.batch, tables)])
    for shipment in shipments:
        batch, table = shipment.batch, tables[shipment.batch.table_id]
        if not batch.columns:
            continue
        columns, types = batch.columns, batch.column_types
        if table.pk in others:
            columns = records.columns_of(map(dict.fromkeys, [table.columns, batch.columns]))
            types = mapping.together(table.column_types, batch.column_types)
        table.columns, table.column_types = columns, types


def _has_other_columns(batch: Batch, tables: Mapping[UUID, Table]) -> bool:
    """Whether it matters for the columns of its table if that shows other rows, too."""
    table = tables[batch.table_id]
    is_settled = table.columns in ([], batch.columns) and table.column_types in ({}, batch.column_types)
    return bool(batch.columns) and not is_settled


def _with_others(batches: Sequence[Batch]) -> set[UUID]:
    """The tables that show other rows than those of these batches."""
    if not batches:
        return set()
    others = Batch.objects.visible().filter(table=OuterRef("pk")).exclude(pk__in=[one.pk for one in batches])
    tables = Table.objects.filter(Exists(others), pk__in=[one.table_id for one in batches])
    return set(tables.values_list("pk", flat=True))
