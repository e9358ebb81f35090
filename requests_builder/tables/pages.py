"""A page of rows next to a cursor."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Sum

from requests_builder.models import Row, Table
from requests_builder.tables.batches import visible

PAGE = 50


@dataclass(frozen=True, slots=True)
class RowsPage:
    """Some rows of a table; `next` and `previous` are cursors for `rows_page`, None at the ends."""

    rows: list[Row]
    next: str | None
    previous: str | None
    total: int


class _Position(NamedTuple):
    batch: int
    row: int

    def __str__(self) -> str:
        return f"{self.batch}.{self.row}"

    @classmethod
    def of(cls, row: Row) -> "_Position":
        return cls(row.batch_id, row.pk)

    @classmethod
    def parse(cls, cursor: str | None) -> "_Position | None":
        """None for what is no cursor: whoever changes the address sees the first page."""
        found = re.fullmatch("([0-9]{1,18})[.]([0-9]{1,18})", cursor or "")
        return cls(int(found[1]), int(found[2])) if found else None


def rows_page(
    table: Table, *, after: str | None = None, before: str | None = None, limit: int = PAGE
) -> RowsPage:
    """The rows after a cursor, or before one; the first ones if there is none, or nothing more."""
    total = visible(table).aggregate(rows=Sum("rows_count"))["rows"] or 0
    if position := _Position.parse(before):
        rows = _rows(table, position, limit + 1, is_backwards=True)
        shown = rows[:limit][::-1]
        if shown:
            previous = str(_Position.of(shown[0])) if len(rows) > limit else None
            return RowsPage(shown, str(_Position.of(shown[-1])), previous, total)
    position = _Position.parse(after)
    rows = _rows(table, position, limit + 1) if position else []
    previous = str(_Position.of(rows[0])) if rows else None
    rows = rows or _rows(table, _Position(0, 0), limit + 1)
    shown = rows[:limit]
    following = str(_Position.of(shown[-1])) if len(rows) > limit else None
    return RowsPage(shown, following, previous, total)


def _rows(table: Table, position: _Position, count: int, *, is_backwards: bool = False) -> list[Row]:
    """Up to `count` rows next to the position, the nearest first, with a handful of queries."""
    if is_backwards:
        batches = visible(table).filter(pk__lte=position.batch).order_by("-pk")
        order, beyond = ("-batch_id", "-id"), {"id__lt": position.row}
    else:
        batches = visible(table).filter(pk__gte=position.batch)
        order, beyond = ("batch_id", "id"), {"id__gt": position.row}
    found: list[Row] = []
    whole: list[int] = []
    room = count
    # Each batch has a row at least, so more than `count` of them are never needed; one is the position's own.
    for pk, size in batches.values_list("pk", "rows_count")[: count + 1]:
        if room <= 0:
            break
        if pk == position.batch:
            found += Row.objects.current().filter(batch=pk, **beyond).order_by(*order)[:count]
            room -= len(found)
        elif size <= room:
            whole.append(pk)
            room -= size
        else:
            # A large batch by itself, along its index: together with others it would have to be sorted whole.
            found += _all_of(whole, order)
            found += Row.objects.current().filter(batch=pk).order_by(*order)[:room]
            whole, room = [], 0
    return found + _all_of(whole, order)


def _all_of(batches: list[int], order: tuple[str, ...]) -> list[Row]:
    return list(Row.objects.current().filter(batch__in=batches).order_by(*order)) if batches else []
