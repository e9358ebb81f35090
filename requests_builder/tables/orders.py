"""The two orders in which the rows of a table can be read from a cursor on: its own, and that of a column."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from requests_builder.models import Row, Sorting, SortKey, Table
from requests_builder.tables import ordering
from requests_builder.tables.batches import snapshot
from requests_builder.tables.ordering import Keys, KeysAtHand, Place
from requests_builder.tables.reading import Found, in_parts, next_to, of_places, quickly, together

_FAR = 2**63 - 1
_AT_HAND_AT_ONCE = 5_000


class Part(NamedTuple):
    """Some rows in an order, each with its cursor."""

    rows: list[tuple[str, Found]]
    # How many were looked at, the cursor of the last one, and whether there are no more.
    looked: int
    position: str | None
    is_end: bool


class Order(Protocol):
    def knows(self, cursor: str | None) -> bool:
        """Whether this is a cursor of this order: whoever changes an address sees the first page."""

    def read(self, cursor: str | None, count: int, *, is_backwards: bool = False) -> Part:
        """Look at up to `count` rows after the cursor, or before it, the nearest first."""


@dataclass(frozen=True, slots=True)
class TableOrder:
    """As the rows came."""

    table: Table

    def knows(self, cursor: str | None) -> bool:
        return _place(cursor) is not None

    def read(self, cursor: str | None, count: int, *, is_backwards: bool = False) -> Part:
        place = _place(cursor) or (Place(_FAR, _FAR) if is_backwards else Place(0, 0))
        some = next_to(self.table, place, count, is_backwards=is_backwards)
        rows = [(f"{one[0].batch}.{one[0].row}", one) for one in some]
        return Part(rows, len(rows), rows[-1][0] if rows else cursor, len(some) < count)


@dataclass(frozen=True, slots=True)
class ColumnOrder:
    """By the keys of a column. Some may be those of rows that are not seen any more."""

    table: Table
    keys: Keys
    is_descending: bool

    def knows(self, cursor: str | None) -> bool:
        return _key(cursor) is not None

    def read(self, cursor: str | None, count: int, *, is_backwards: bool = False) -> Part:
        keys = ordering.walk(
            self.keys, _key(cursor), count, is_descending=self.is_descending, is_backwards=is_backwards
        )
        places = {key: ordering.place_of(key) for key in keys}
        there = of_places(Row.objects.visible().filter(batch__table=self.table), places.values())
        rows = [(written(key), (place, there[place])) for key, place in places.items() if place in there]
        return Part(rows, len(keys), written(keys[-1]) if keys else cursor, len(keys) < count)


@dataclass(frozen=True, slots=True)
class KeptKeys:
    """The keys of a sorting."""

    sorting: Sorting

    def between(self, low: bytes, high: bytes, count: int, *, is_descending: bool) -> list[bytes]:
        some = SortKey.objects.filter(sorting=self.sorting, key__gt=low, key__lt=high)
        order = "-key" if is_descending else "key"
        # PostgreSQL's driver hands out views of memory.
        return [bytes(key) for key in some.order_by(order).values_list("key", flat=True)[:count]]


def keys_at_hand(table: Table, column: str, type_: str) -> KeysAtHand:
    """The keys of a small table, made at once."""
    state = snapshot(table)
    return KeysAtHand(
        [
            ordering.key_of(quickly(text).get(column), type_, place)
            for batches in together(state.batches)
            for some in in_parts(state.rows(), batches, _AT_HAND_AT_ONCE)
            for place, text in some
        ]
    )


def _place(cursor: str | None) -> Place | None:
    match = re.fullmatch("([0-9]{1,18})[.]([0-9]{1,18})", cursor or "")
    return Place(int(match[1]), int(match[2])) if match else None


def _key(cursor: str | None) -> bytes | None:
    try:
        key = base64.urlsafe_b64decode(cursor or "")
    except (ValueError, binascii.Error):
        return None
    return key if ordering.is_key(key) and len(key) < 2 * ordering.LONGEST_TEXT else None


def written(key: bytes) -> str:
    """The key as a cursor."""
    return base64.urlsafe_b64encode(key).decode()
