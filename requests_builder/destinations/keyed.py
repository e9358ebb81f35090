"""Rows that are told apart: by the values of key fields, or by all that is in them.

A row carries a digest of its key, which holds the table and the request as well, so that equal keys of two
requests never meet; and a digest of its data. `settling` compares them when the rows of a run are published.
A row that was replaced stays for those who are reading it, and is removed a little later.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.models import Count, Exists, F, OuterRef, Subquery, TextField, Value
from django.db.models.functions import Cast, Concat, Left

from requests_builder.destinations.versions import MAX_HISTORY
from requests_builder.models import Batch, Row, SavedRequest, Table, WriteMode
from requests_builder.models.rows import RowQuerySet

AT_ONCE = 2_000
KEPT = timedelta(minutes=10)
# In place of key fields: the whole record tells it apart. No column that somebody names is called so.
WHOLE = [""]


def identity(saved_request: SavedRequest) -> list[str]:
    """The fields whose values tell its records apart; WHOLE: all of them; empty: nothing does, or has to.

    Where only new records are wanted, some come again beside them: without a key they are known by all that
    they hold.
    """
    if saved_request.write_mode == WriteMode.REPLACE:
        return []
    if not saved_request.key_fields and wants_new_only(saved_request):
        return WHOLE
    fields: list[str] = saved_request.key_fields
    return fields


def wants_new_only(saved_request: SavedRequest) -> bool:
    """Whether a run goes on from the newest value of the runs before."""
    return bool(saved_request.newest_field) and saved_request.write_mode != WriteMode.REPLACE


def key_of(record: Mapping[str, Any], fields: Sequence[str], saved_request: SavedRequest) -> UUID | None:
    """What tells the record from others of its request; None if a key field has no value."""
    owner = f"{saved_request.table_id} {saved_request.pk} ".encode()
    if fields == WHOLE:
        return UUID(bytes=hashlib.blake2b(owner + _dumped(record), digest_size=16).digest())
    values = [record.get(field) for field in fields]
    if any(value is None or value == "" for value in values):
        return None
    return UUID(bytes=hashlib.blake2b(owner + _dumped(values), digest_size=16).digest())


def digest_of(record: Mapping[str, Any]) -> int:
    """A signed integer of 64 bits that is another one for other data."""
    found = hashlib.blake2b(_dumped(record), digest_size=8).digest()
    return int.from_bytes(found, "big", signed=True)


def prepare(saved_request: SavedRequest) -> None:
    """Give keys to the rows that the request brought when it had none, or others.

    In small transactions: it may be done again from any point.
    """
    fields = identity(saved_request)
    for batch in batches_of(saved_request).exclude(keyed_by=fields).order_by("pk"):
        for rows in _in_parts(batch):
            _write_keys(saved_request, fields, rows)
        Batch.objects.filter(pk=batch.pk).update(keyed_by=fields)


def batches_of(saved_request: SavedRequest) -> Any:
    """The batches that a reader of its table sees of the request."""
    return Batch.objects.visible().filter(table=saved_request.table_id, saved_request=saved_request)


def compare_by_index() -> None:
    """Have PostgreSQL compare by the index over keys, row by row, until the transaction ends.

    Of rows that came a moment ago its statistics know nothing: it takes a batch of a million for one row, and
    compares all of its rows with all others.
    """
    if connection.vendor == "postgresql":
        plans = ("bitmapscan", "hashjoin", "material", "mergejoin", "seqscan")
        # To compile a statement takes longer than to look a few rows up.
        names = ("jit", *(f"enable_{plan}" for plan in plans))
        with connection.cursor() as cursor:
            cursor.execute("SELECT " + ", ".join(f"set_config('{name}', 'off', true)" for name in names))


def of_same_key(batch: Batch) -> RowQuerySet:
    """The rows of a batch with the key of an outer row: found by the key, and never by the batch."""
    return Row.objects.alias(its=F("batch_id") + 0).filter(its=batch.pk, key=OuterRef("key"))


def there() -> RowQuerySet:
    """The rows that readers see, to be narrowed by key.

    All else is looked up for each row that the index over keys has found: there is no plan that begins with
    all batches, or with all rows that did not go.
    """
    batch = Batch.objects.visible().filter(pk=OuterRef("batch_id"))
    rows = Row.objects.alias(went=F("superseded_in") + 0, seen=Subquery(batch.values("pk")[:1]))
    return rows.filter(went=0, seen__isnull=False)


def by_batch(rows: RowQuerySet) -> dict[int, int]:
    """How many these are in each batch."""
    return dict(rows.order_by().values_list("batch").annotate(Count("pk")))


def end(old: RowQuerySet, counts: Mapping[int, int], table: Table, now: datetime) -> int:
    """Take these rows out of the table with the publication that is being made; how many it were.

    `counts` are those of `by_batch`.
    """
    if not counts:
        return 0
    old.update(superseded_in=table.publication)
    for batch, count in counts.items():
        Batch.objects.filter(pk=batch, forget_at=None).update(
            forget_at=now + KEPT, forget_up_to=table.publication
        )
        Batch.objects.filter(pk=batch).update(rows_count=F("rows_count") - count)
    return sum(counts.values())


def forget(now: datetime, most: int) -> int:
    """Remove up to `most` rows that were replaced, and that nobody reads any more; how many it were."""
    removed = 0
    for batch in Batch.objects.filter(forget_at__lte=now).select_related("table").order_by("forget_at")[:100]:
        gone = Row.objects.filter(batch=batch, superseded_in__gt=0, superseded_in__lte=batch.forget_up_to)
        while removed < most:
            count = _remove(batch, list(gone.order_by("id").values_list("pk", flat=True)[:AT_ONCE]))
            removed += count
            if not count:
                _look_again(batch, now)
                break
        if removed >= most:
            break
    return removed


def as_stored(key: UUID | None) -> str | UUID | None:
    """The key as the database takes it in a statement of our own."""
    return key.hex if key and connection.vendor == "sqlite" else key


def _remove(batch: Batch, pks: list[int]) -> int:
    """Remove these rows of the batch; those that took their place remember that they were there."""
    with transaction.atomic():
        compare_by_index()
        removed = Row.objects.filter(pk__in=pks)
        before = of_same_key(batch).filter(superseded_in__gt=0, id__lt=OuterRef("id"))
        number = Cast("batch_id", TextField())
        # Nothing before or after is "", as Concat takes it.
        history = Concat(Value(","), number, "earlier", OuterRef("earlier"), output_field=TextField())
        later = Row.objects.filter(Exists(before), key__in=removed.values("key"))
        later.update(earlier=Subquery(before.values(history=Left(history, MAX_HISTORY))[:1]))
        count, _ = removed.delete()
    return count


def _look_again(batch: Batch, now: datetime) -> None:
    """Rows may have been replaced since; and a batch without any may go."""
    ours = Batch.objects.filter(pk=batch.pk, forget_up_to=batch.forget_up_to)
    if Row.objects.filter(batch=batch, superseded_in__gt=0).exists():
        ours.update(forget_at=now + KEPT, forget_up_to=batch.table.publication)
    else:
        ours.update(forget_at=None)
        ours.filter(rows_count=0, superseded_at=None, published_at__lte=now).update(superseded_at=now)


def _in_parts(batch: Batch) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    last = 0
    rows = Row.objects.current().filter(batch=batch).order_by("id").values_list("id", "data")
    while some := list(rows.filter(id__gt=last)[:AT_ONCE]):
        yield some
        last = some[-1][0]


def _write_keys(
    saved_request: SavedRequest, fields: Sequence[str], rows: Sequence[tuple[int, dict[str, Any]]]
) -> None:
    statement = f'UPDATE "{Row._meta.db_table}" SET key = %s, digest = %s WHERE id = %s'  # noqa: S608 - our own name
    values = [(as_stored(key_of(data, fields, saved_request)), digest_of(data), pk) for pk, data in rows]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(statement, values)


def _dumped(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # Integers beyond 64 bits, which orjson does not write.
        return json.dumps(value, sort_keys=True).encode()
