"""Making tables readable in the order of a column, in the background.

Keys are made in small transactions that each also write how far they have come, so a kill costs one of them.
Whoever reads sees whether the keys are those of all rows. Rows that are gone leave keys behind for a while:
readers look up each row, and do not find it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet, Sum

from requests_builder.models import Batch, Row, SortedBatch, Sorting, SortKey, Table
from requests_builder.tables.batches import Snapshot, snapshot, visible
from requests_builder.tables.ordering import key_of
from requests_builder.tables.reading import Found, found, quickly, together

# Keys that are made in one transaction: on SQLite, nobody else writes meanwhile.
AT_ONCE = 2_000
# Of fewer new keys, PostgreSQL need not be told.
COUNTED_FROM = 10_000
LEASE = timedelta(minutes=2)
UNUSED_ARE_KEPT = timedelta(days=30)
# How exactly it is known when a sorting was last used.
_USE_IS_NOTED = timedelta(hours=1)
MOST_OF_A_TABLE = 12
LONGEST_COLUMN = 500


def wanted(table: Table, column: str, now: datetime) -> Sorting:
    """The sorting of this column, which may have to be made yet: `work` does."""
    type_ = table.column_types.get(column, "")
    defaults = {"last_used_at": now}
    sorting, is_new = Sorting.objects.get_or_create(
        table=table, column=column, type=type_, is_dropped=False, defaults=defaults
    )
    if is_new:
        newest = table.sortings.usable().order_by("-last_used_at", "-pk").values("pk")
        kept = list(newest.values_list("pk", flat=True)[:MOST_OF_A_TABLE])
        table.sortings.usable().exclude(pk__in=[*kept, sorting.pk]).update(is_dropped=True)
    elif sorting.last_used_at < now - _USE_IS_NOTED:
        Sorting.objects.filter(pk=sorting.pk).update(last_used_at=now)
    return sorting


def is_complete(sorting: Sorting, publication: int) -> bool:
    """Whether there are the keys of all rows that this publication into the table shows."""
    return sorting.publication >= publication


def sorted_rows(sorting: Sorting) -> int:
    """How many rows of the table have their keys."""
    seen = visible(sorting.table).filter(pk=OuterRef("batch"))
    return sorting.batches.filter(Exists(seen)).aggregate(keys=Sum("keys"))["keys"] or 0


def work(now: datetime, most: int) -> int:
    """Make up to `most` keys for sortings that lack some; how many it were."""
    made = 0
    for sorting in Sorting.objects.behind().select_related("table").order_by("last_used_at")[:100]:
        if made >= most:
            break
        if not sorting.lease(now, now + LEASE):
            continue
        if sorting.type != sorting.table.column_types.get(sorting.column, ""):
            _drop(sorting)
            continue
        made += _extend(sorting, most - made)
        Sorting.objects.filter(pk=sorting.pk).update(leased_until=None)
    if made >= COUNTED_FROM:
        _have_counted()
    return made


def sweep(now: datetime, most: int) -> int:
    """Remove up to `most` keys of rows that are gone, and of sortings that nobody uses; how many it were."""
    Sorting.objects.usable().filter(last_used_at__lt=now - UNUSED_ARE_KEPT).update(is_dropped=True)
    removed = 0
    for sorting in Sorting.objects.filter(is_dropped=True)[:20]:
        removed += _remove(sorting, most - removed)
    gone = SortedBatch.objects.filter(~Exists(Batch.objects.filter(pk=OuterRef("batch"))))
    for done in gone.order_by("pk")[:500]:
        if removed >= most:
            break
        removed += _remove_keys(done.sorting_id, most - removed, batch=done.batch_id)
        if not _keys(done.sorting_id, batch=done.batch_id).exists():
            done.delete()
    thinned = SortedBatch.objects.filter(
        is_complete=True, batch__forget_at=None, keys__gt=F("batch__rows_count")
    )
    for done in thinned.order_by("pk")[:20]:
        if removed >= most:
            break
        removed += _thin(done)
    return removed


@transaction.atomic
def remove_table(table: Table) -> None:
    """Delete the table and all that belongs to it. Waits for whoever is adding keys."""
    list(table.sortings.select_for_update().values_list("pk", flat=True))
    table.delete()


def _extend(sorting: Sorting, most: int) -> int:
    state = snapshot(sorting.table)
    complete = set(sorting.batches.filter(is_complete=True).values_list("batch_id", flat=True))
    lacking = [(pk, count) for pk, count in state.batches if pk not in complete]
    made = 0
    for batches in together(lacking, AT_ONCE):
        is_done = False
        while not is_done:
            if made >= most:
                return made
            count, is_done = _add(sorting, state, batches)
            made += count
    Sorting.objects.filter(pk=sorting.pk, publication__lt=state.publication).update(
        publication=state.publication
    )
    return made


def _have_counted() -> None:
    """Let PostgreSQL know how many keys there are now.

    It finds that out by itself some minutes later. Until then it takes a sorting that it does not know for a
    small one, and sorts all its keys for each page: 100 ms of a million.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f'ANALYZE "{SortKey._meta.db_table}"')


def _add(sorting: Sorting, state: Snapshot, batches: Sequence[int]) -> tuple[int, bool]:
    """Add keys of these batches, which are one, or are small: how many, and whether these were all."""
    rows = Row.objects.current().order_by("batch_id", "id")
    with transaction.atomic():
        if not Sorting.objects.select_for_update().usable().filter(pk=sorting.pk).exists():
            return 0, True
        if len(batches) > 1:
            done = set(
                sorting.batches.filter(batch__in=batches, is_complete=True).values_list("batch_id", flat=True)
            )
            left = [pk for pk in batches if pk not in done]
            some = found(rows.filter(batch__in=left))
            _insert(sorting, some)
            counts = dict.fromkeys(left, 0)
            for place, _ in some:
                counts[place.batch] += 1
            SortedBatch.objects.bulk_create(
                SortedBatch(sorting=sorting, batch_id=pk, keys=count, is_complete=True)
                for pk, count in counts.items()
            )
            return len(some), True
        progress, _ = SortedBatch.objects.get_or_create(sorting=sorting, batch_id=batches[0])
        if progress.is_complete:
            return 0, True
        some = found(rows.filter(batch=batches[0], id__gt=progress.last_row)[:AT_ONCE])
        _insert(sorting, some)
        progress.keys += len(some)
        progress.last_row = some[-1][0].row if some else progress.last_row
        progress.is_complete = len(some) < AT_ONCE
        progress.save(update_fields=["keys", "last_row", "is_complete"])
        return len(some), progress.is_complete


def _insert(sorting: Sorting, some: Sequence[Found]) -> None:
    column, type_ = sorting.column, sorting.type
    keys = (
        (sorting.pk, key_of(quickly(text).get(column), type_, place), place.batch, place.row)
        for place, text in some
    )
    name, columns = SortKey._meta.db_table, "sorting_id, key, batch_id, row_id"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f'COPY "{name}" ({columns}) FROM STDIN') as copy:
                for key in keys:
                    copy.write_row(key)
        else:
            statement = f'INSERT INTO "{name}" ({columns}) VALUES (%s, %s, %s, %s)'  # noqa: S608 - our own names
            cursor.executemany(statement, list(keys))


def _drop(sorting: Sorting) -> None:
    Sorting.objects.filter(pk=sorting.pk).update(is_dropped=True)


def _remove(sorting: Sorting, most: int) -> int:
    removed = _remove_keys(sorting.pk, most)
    if not _keys(sorting.pk).exists():
        sorting.delete()
    return removed


def _keys(sorting: int, *, batch: int | None = None) -> QuerySet[SortKey]:
    keys = SortKey.objects.filter(sorting=sorting)
    return keys if batch is None else keys.filter(batch_id=batch)


def _remove_keys(sorting: int, most: int, *, batch: int | None = None) -> int:
    """Remove up to `most` keys, in small transactions; how many it were."""
    removed = 0
    keys = _keys(sorting, batch=batch).order_by("batch_id", "row_id")
    while removed < most:
        some = list(keys.values_list("batch_id", "row_id")[:AT_ONCE])
        for of_batch in {one for one, _ in some}:
            rows = [row for one, row in some if one == of_batch]
            # Along the index, from the first to the last of them.
            between = {"row_id__gte": rows[0], "row_id__lte": rows[-1]}
            SortKey.objects.filter(sorting=sorting, batch_id=of_batch, **between).delete()
        removed += len(some)
        if len(some) < AT_ONCE:
            break
    return removed


def _thin(done: SortedBatch) -> int:
    """Remove the keys of a batch whose rows are gone, and count those that stay."""
    keys = _keys(done.sorting_id, batch=done.batch_id).order_by("row_id")
    last = kept = removed = 0
    while some := list(keys.filter(row_id__gt=last).values_list("row_id", flat=True)[:AT_ONCE]):
        last = some[-1]
        there = set(Row.objects.filter(pk__in=some).values_list("pk", flat=True))
        kept += len(there)
        if gone := [row for row in some if row not in there]:
            removed += len(gone)
            keys.filter(row_id__in=gone).order_by().delete()
    SortedBatch.objects.filter(pk=done.pk).update(keys=kept)
    return removed
