"""A page of rows next to a cursor, in any order, of those that somebody wants to see."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from requests_builder.models import Table
from requests_builder.tables import sorting
from requests_builder.tables.batches import visible
from requests_builder.tables.filters import Test
from requests_builder.tables.orders import ColumnOrder, KeptKeys, Order, TableOrder, keys_at_hand
from requests_builder.tables.reading import ShownRow, exactly, quickly
from requests_builder.tables.selection import EVERYTHING, Selection

PAGE = 50
# How many rows a page is searched for among before it is shown as far as it has come.
LOOKED_AT_ONCE = 20_000
# Up to so many, rows are sorted when somebody asks for it; beyond, in the background, once.
SORTED_AT_ONCE = 10_000
# Keys of new rows may be missing from a sorting that is shown, but no more than this share.
_MAY_BE_MISSING = 0.1
_TESTED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class RowsPage:
    """Some rows of a table; `next` and `previous` are cursors for `rows_page`, None at the ends.

    `more` is the cursor from which to go on looking, if there may be more rows for this page: `looked` were
    looked at. While the table is being sorted there are no rows, or not yet those of the newest runs:
    `sorted_rows` have been sorted; None: all.
    """

    rows: list[ShownRow]
    next: str | None
    previous: str | None
    total: int
    looked: int = 0
    more: str | None = None
    sorted_rows: int | None = None

    @property
    def is_being_sorted(self) -> bool:
        """Whether it is too early to show anything."""
        return self.sorted_rows is not None and self.sorted_rows < self.total * (1 - _MAY_BE_MISSING)


def rows_page(
    table: Table,
    selection: Selection = EVERYTHING,
    *,
    after: str | None = None,
    before: str | None = None,
    limit: int = PAGE,
    looked_at_once: int = LOOKED_AT_ONCE,
    now: datetime | None = None,
) -> RowsPage:
    """The rows after a cursor, or before one; the first ones if there is none, or nothing more.

    Looks at no more than `looked_at_once` rows. A table that is to be sorted by a column needs `now`: when a
    sorting was last used is kept with it. Raises InvalidFilter.
    """
    total = rows_count(table)
    test = selection.test(table.columns, table.column_types)
    order: Order = TableOrder(table)
    sorted_rows = None
    if now and can_be_sorted(table, selection.sort):
        if total <= SORTED_AT_ONCE:
            keys = keys_at_hand(table, selection.sort, table.column_types.get(selection.sort, ""))
            order = ColumnOrder(table, keys, selection.is_descending)
        else:
            kept = sorting.wanted(table, selection.sort, now)
            if not sorting.is_complete(kept, table.publication):
                sorted_rows = sorting.sorted_rows(kept)
            order = ColumnOrder(table, KeptKeys(kept), selection.is_descending)
    empty = RowsPage([], None, None, total, sorted_rows=sorted_rows)
    if empty.is_being_sorted:
        return empty
    search = _Search(order, test, limit, looked_at_once)
    page = None
    if order.knows(before):
        page = search.before(before)
    if page is None:
        page = search.after(after if order.knows(after) else None)
    rows, following, previous, looked, more = page
    return RowsPage(rows, following, previous, total, min(looked, total), more, sorted_rows)


def rows_count(table: Table) -> int:
    return visible(table).aggregate(rows=Sum("rows_count"))["rows"] or 0


def can_be_sorted(table: Table, column: str) -> bool:
    return column in table.columns and len(column) <= sorting.LONGEST_COLUMN


_Page = tuple[list[ShownRow], str | None, str | None, int, str | None]


@dataclass(frozen=True, slots=True)
class _Search:
    """Looks for the rows of one page."""

    order: Order
    test: Test | None
    limit: int
    most: int

    def after(self, cursor: str | None) -> _Page:
        rows, looked, more = self._look(cursor)
        if cursor and not rows and self.test is None:
            # The end has come nearer since the cursor was given.
            cursor = None
            rows, looked, more = self._look(cursor)
        shown = rows[: self.limit]
        following = shown[-1].cursor if len(rows) > self.limit else None
        previous = shown[0].cursor if cursor and shown else None
        return shown, following, previous, looked, None if following else more

    def before(self, cursor: str | None) -> _Page | None:
        """None if there is nothing before the cursor."""
        rows, looked, more = self._look(cursor, is_backwards=True)
        if not rows and not more:
            return None
        shown = rows[: self.limit][::-1]
        previous = shown[0].cursor if len(rows) > self.limit else more
        return shown, shown[-1].cursor if shown else None, previous, looked, None

    def _look(
        self, cursor: str | None, *, is_backwards: bool = False
    ) -> tuple[list[ShownRow], int, str | None]:
        """One row more than fit on the page; how many were looked at; where to go on, if not at the end."""
        rows: list[ShownRow] = []
        looked = 0
        size = _TESTED_AT_ONCE if self.test else self.limit + 1
        while True:
            part = self.order.read(cursor, size, is_backwards=is_backwards)
            for place, ((batch, row), text) in part.rows:
                if self.test is None or self.test(quickly(text)):
                    rows.append(ShownRow(row, batch, exactly(text), place))
                    if len(rows) > self.limit:
                        return rows, looked, None
            looked += part.looked
            cursor = part.position
            if part.is_end:
                return rows, looked, None
            if looked >= self.most:
                is_end = not self.order.read(cursor, 1, is_backwards=is_backwards).looked
                return rows, looked, None if is_end else cursor
            # Where keys outnumber the rows that are seen, go on in larger steps.
            size = min(size * 4, _TESTED_AT_ONCE)
