"""Reading rows in the order of their table."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from requests_builder.models import Row, Table
from requests_builder.models.rows import RowQuerySet
from requests_builder.tables.batches import visible
from requests_builder.tables.ordering import Place

READ_AT_ONCE = 500
# What has so many digits, orjson reads as a float.
_BEYOND_INTEGERS = float(2**63)

# A row as it is read when many are: its place, and its record as the database has it.
Found = tuple[Place, str]


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row on a page: `id` is that of its Row, `cursor` its place for `rows_page`."""

    id: int
    batch_id: int
    data: dict[str, Any]
    cursor: str


def quickly(text: str) -> dict[str, Any]:
    """The record, four times faster than json reads it; long integers by themselves stay exact."""
    record: dict[str, Any] = orjson.loads(text)
    for value in record.values():
        if type(value) is float and not -_BEYOND_INTEGERS < value < _BEYOND_INTEGERS:
            return exactly(text)
    return record


def exactly(text: str) -> dict[str, Any]:
    """The record with all of its numbers as they are."""
    record: dict[str, Any] = json.loads(text)
    return record


def found(rows: QuerySet[Row]) -> list[Found]:
    """The rows of the query, without a model instance of each."""
    texts = rows.annotate(text=Cast("data", TextField())).values_list("batch_id", "id", "text")
    return [(Place(batch, row), text) for batch, row, text in texts]


def next_to(table: Table, place: Place, count: int, *, is_backwards: bool = False) -> list[Found]:
    """Up to `count` rows next to the place, the nearest first, with a handful of queries."""
    if is_backwards:
        batches = visible(table).filter(pk__lte=place.batch).order_by("-pk")
        order, beyond = ("-batch_id", "-id"), {"id__lt": place.row}
    else:
        batches = visible(table).filter(pk__gte=place.batch)
        order, beyond = ("batch_id", "id"), {"id__gt": place.row}
    rows: list[Found] = []
    whole: list[int] = []
    room = count
    # Each batch has a row at least, so more than `count` of them are never needed; one is the place's own.
    for pk, size in batches.values_list("pk", "rows_count")[: count + 1]:
        if room <= 0:
            break
        if pk == place.batch:
            rows += found(_current().filter(batch=pk, **beyond).order_by(*order)[:count])
            room -= len(rows)
        elif size <= room:
            whole.append(pk)
            room -= size
        else:
            # A large batch by itself, along its index: together with others it would have to be sorted whole.
            rows += _all_of(whole, order)
            rows += found(_current().filter(batch=pk).order_by(*order)[:room])
            whole, room = [], 0
    return rows + _all_of(whole, order)


def together(batches: Iterable[tuple[int, int]], at_once: int = READ_AT_ONCE) -> Iterator[list[int]]:
    """The batches in their order, small ones taken together, each group about so many rows."""
    group: list[int] = []
    size = 0
    for pk, count in batches:
        if group and (size + count > at_once or len(group) >= at_once):
            yield group
            group, size = [], 0
        group.append(pk)
        size += count
    if group:
        yield group


def in_parts(
    rows: RowQuerySet, batches: list[int], at_once: int = READ_AT_ONCE, *, after: int = 0
) -> Iterator[list[Found]]:
    """The rows of these batches, some at a time: small ones, or one, of which only the rows after an id."""
    rows = rows.filter(batch__in=batches).order_by("batch_id", "id")
    if len(batches) > 1:
        yield found(rows)
        return
    last = after
    while some := found(rows.filter(id__gt=last)[:at_once]):
        yield some
        last = some[-1][0].row


def of_places(rows: RowQuerySet, places: Iterable[Place]) -> dict[Place, str]:
    """Those of the rows that stand at these places."""
    return dict(found(rows.filter(pk__in=[place.row for place in places])))


def _current() -> RowQuerySet:
    return Row.objects.current()


def _all_of(batches: list[int], order: tuple[str, ...]) -> list[Found]:
    return found(_current().filter(batch__in=batches).order_by(*order)) if batches else []
