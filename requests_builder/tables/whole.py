"""All rows of a table, or those that somebody wants to see, as a stream."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from requests_builder.models import Batch, Table
from requests_builder.tables import ordering, sorting
from requests_builder.tables.batches import Snapshot, snapshot
from requests_builder.tables.filters import Test
from requests_builder.tables.ordering import Keys, Place
from requests_builder.tables.orders import KeptKeys, keys_at_hand
from requests_builder.tables.pages import SORTED_AT_ONCE, can_be_sorted
from requests_builder.tables.reading import (
    READ_AT_ONCE,
    Found,
    exactly,
    in_parts,
    of_places,
    quickly,
    together,
)
from requests_builder.tables.selection import EVERYTHING, Selection


class NotSortedYet(Exception):
    """The table is being sorted: it can be read in this order a little later."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A table on its way out: its columns, their types, and its records, which can be read once."""

    columns: list[str]
    types: Mapping[str, str]
    records: Iterator[dict[str, Any]]


def records(table: Table) -> Iterator[dict[str, Any]]:
    """All records of the table, as it is now: what is published meanwhile belongs to the next reader."""
    return whole(table).records


def whole(table: Table, selection: Selection = EVERYTHING, now: datetime | None = None) -> Whole:
    """The table as it is now, all of it or what is selected; sorted if `now` is given.

    Which rows these are is settled now, not when the first one is read. Raises InvalidFilter, NotSortedYet.
    """
    state = snapshot(table)
    columns, types = _columns(table, state)
    test = selection.test(columns, types)
    rows = in_table_order(state)
    if now and can_be_sorted(table, selection.sort):
        keys = _keys(table, state, selection.sort, now)
        rows = _in_order_of(keys, state, is_descending=selection.is_descending)
    return Whole(columns, types, _records(columns, rows, test))


def part(
    table: Table, *, since: datetime | None = None, after: Place | None = None, limit: int | None = None
) -> tuple[Whole, Place | None]:
    """Rows that were published after a moment, in the order of the table, after a place, so many.

    And the place of the last one, if there are more.
    """
    state = snapshot(table)
    columns, types = _columns(table, state)
    if since:
        newer = set(Batch.objects.filter(table=table, published_at__gt=since).values_list("pk", flat=True))
        state = Snapshot(state.publication, [one for one in state.batches if one[0] in newer])
    rows = in_table_order(state, after)
    if limit is None:
        return Whole(columns, types, _records(columns, rows, None)), None
    some = list(itertools.islice(rows, limit + 1))
    following = some[limit - 1][0] if len(some) > limit else None
    return Whole(columns, types, _records(columns, iter(some[:limit]), None)), following


def in_table_order(state: Snapshot, after: Place | None = None) -> Iterator[Found]:
    """The rows of this state, after a place."""
    after = after or Place(0, 0)
    begun = [[pk] for pk, _ in state.batches if pk == after.batch]
    for some in (part for batches in begun for part in in_parts(state.rows(), batches, after=after.row)):
        yield from some
    for batches in together(one for one in state.batches if one[0] > after.batch):
        for some in in_parts(state.rows(), batches):
            yield from some


def _keys(table: Table, state: Snapshot, column: str, now: datetime) -> Keys:
    if sum(count for _, count in state.batches) <= SORTED_AT_ONCE:
        return keys_at_hand(table, column, table.column_types.get(column, ""))
    kept = sorting.wanted(table, column, now)
    if not sorting.is_complete(kept, state.publication):
        raise NotSortedYet
    return KeptKeys(kept)


def _in_order_of(keys: Keys, state: Snapshot, *, is_descending: bool) -> Iterator[Found]:
    batches = {pk for pk, _ in state.batches}
    cursor = None
    while some := ordering.walk(keys, cursor, READ_AT_ONCE, is_descending=is_descending):
        places = [place for key in some if (place := ordering.place_of(key)).batch in batches]
        there = of_places(state.rows(), places)
        yield from ((place, there[place]) for place in places if place in there)
        cursor = some[-1]


def _columns(table: Table, state: Snapshot) -> tuple[list[str], Mapping[str, str]]:
    """The columns in their order and their types."""
    newest = Batch.objects.filter(pk__in=[pk for pk, _ in state.batches[-1:]])
    # A Replace that is published at this moment may take columns away from the table, but not from its batch.
    both = [
        *Table.objects.filter(pk=table.pk).values_list("columns", "column_types"),
        *newest.values_list("columns", "column_types"),
    ]
    columns = dict.fromkeys(column for names, _ in both for column in names)
    types = {name: type_ for _, some in reversed(both) for name, type_ in some.items()}
    return list(columns), types


def _records(columns: list[str], rows: Iterable[Found], test: Test | None) -> Iterator[dict[str, Any]]:
    for _, text in rows:
        if test is None or test(quickly(text)):
            data = exactly(text)
            # PostgreSQL keeps the keys of a record in an order of its own.
            yield {column: data[column] for column in columns if column in data}
