"""In which order rows come when they are sorted by a column. PURE.

Each row gets a key: bytes whose order is that of the rows, the same in every database. A key is a head, for
the value, and the row's place in the table, for rows of equal value: these stay in their order, also when the
sorting is descending. No head is the beginning of another one. What is empty comes last in both directions.
"""

import json
import struct
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import groupby
from math import inf, isfinite
from typing import Any, NamedTuple, Protocol

from requests_builder.mapping import ColumnType

# Bytes of a text that tell it from others: long ones that begin alike keep the order of the table.
LONGEST_TEXT = 200
# Values of the column's type; others, which come after them, as texts; and nothing.
_FITS, _OTHERS, EMPTY = b"\x01", b"\x02", b"\x03"
_PLACE = struct.Struct(">QQ")
_BEYOND_PLACES = b"\xff" * (_PLACE.size + 1)
_END = b"\xff"
_NUMBER = struct.Struct(">QQ")
_DOUBLE, _BITS = struct.Struct(">d"), struct.Struct(">Q")
_TOP = 1 << 63
_ALL = (1 << 64) - 1


class Place(NamedTuple):
    """Where a row stands in its table: by batch, and in it as they came."""

    batch: int
    row: int


class Keys(Protocol):
    """Keys of rows, wherever they are kept."""

    def between(self, low: bytes, high: bytes, count: int, *, is_descending: bool) -> list[bytes]:
        """Up to `count` keys greater than `low` and less than `high`, from the side that is said."""


class KeysAtHand:
    """Keys in memory."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = sorted(keys)

    def between(self, low: bytes, high: bytes, count: int, *, is_descending: bool) -> list[bytes]:
        begin, end = bisect_right(self._keys, low), bisect_left(self._keys, high)
        if is_descending:
            return self._keys[max(begin, end - count) : end][::-1]
        return self._keys[begin : min(end, begin + count)]


def key_of(value: Any, type_: str, place: Place) -> bytes:
    """The key of a row with this value in a column of this type."""
    return _head_of(value, type_) + _PLACE.pack(*place)


def place_of(key: bytes) -> Place:
    return Place(*_PLACE.unpack(key[-_PLACE.size :]))


def is_key(key: bytes) -> bool:
    """Whether these bytes may be a key: what somebody wrote into an address need not be."""
    return len(key) > _PLACE.size and _FITS <= key[:1] <= EMPTY


def is_empty(value: Any) -> bool:
    """Whether there is nothing: null, an empty text, list or object."""
    return value is None or value in ("", [], {})


def as_words(value: Any) -> str:
    """A value as it is read and compared: nested ones as compact JSON."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def walk(
    keys: Keys, cursor: bytes | None, count: int, *, is_descending: bool, is_backwards: bool = False
) -> list[bytes]:
    """Up to `count` keys after the cursor (or before it: the nearest first), in the order of the sorting.

    Asks at most four times for keys, however many rows are equal.
    """
    if not is_descending:
        low, high = (b"", cursor or _END) if is_backwards else (cursor or b"", _END)
        return keys.between(low, high, count, is_descending=is_backwards)
    return _before(keys, cursor or _END, count) if is_backwards else _after(keys, cursor, count)


def _after(keys: Keys, cursor: bytes | None, count: int) -> list[bytes]:
    found: list[bytes] = []
    high = EMPTY
    if cursor and cursor < EMPTY:
        head = _head(cursor)
        found = keys.between(cursor, head + _BEYOND_PLACES, count, is_descending=False)
        high = head
    if not cursor or cursor < EMPTY:
        found += _by_heads(keys, b"", high, count - len(found), is_descending=True)
        cursor = EMPTY
    if len(found) < count:
        found += keys.between(cursor, _END, count - len(found), is_descending=False)
    return found


def _before(keys: Keys, cursor: bytes, count: int) -> list[bytes]:
    if cursor >= EMPTY:
        found = keys.between(EMPTY, cursor, count, is_descending=True)
        low = b""
    else:
        head = _head(cursor)
        found = keys.between(head, cursor, count, is_descending=True)
        low = head + _BEYOND_PLACES
    return found + _by_heads(keys, low, EMPTY, count - len(found), is_descending=False)


def _by_heads(keys: Keys, low: bytes, high: bytes, count: int, *, is_descending: bool) -> list[bytes]:
    """Keys by their heads in this direction, and those of one head in the other direction."""
    if count <= 0:
        return []
    some = keys.between(low, high, count, is_descending=is_descending)
    groups = [list(group) for _, group in groupby(some, key=_head)]
    last: list[bytes] = []
    if len(some) == count:
        # It may have been cut off, and then it has the wrong ones.
        cut = groups.pop()
        head = _head(cut[0])
        last = keys.between(head, head + _BEYOND_PLACES, len(cut), is_descending=not is_descending)
    return [key for group in groups for key in reversed(group)] + last


def _head(key: bytes) -> bytes:
    return key[: -_PLACE.size]


def _head_of(value: Any, type_: str) -> bytes:
    if is_empty(value):
        return EMPTY
    kind = type(value)
    match type_:
        case ColumnType.NUMBER | ColumnType.INTEGER:
            if kind is int or kind is float:
                return _FITS + _of_number(value)
        case ColumnType.BOOLEAN:
            if kind is bool:
                return _FITS + (b"\x01" if value else b"\x00")
        case _:
            return _FITS + _of_text(as_words(value))
    return _OTHERS + _of_text(as_words(value))


def _of_text(text: str) -> bytes:
    return (
        folded(text[:LONGEST_TEXT]).encode("utf-8", "replace")[:LONGEST_TEXT].replace(b"\x00", b"\x01")
        + b"\x00"
    )


def folded(text: str) -> str:
    """The text without upper and lower case and without accents, as words are ordered."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _of_number(value: int | float) -> bytes:
    """The bits of the double, turned round where it is negative, and what an integer has beyond it."""
    try:
        near = float(value) + 0.0  # there are two zeros, and their sum is the positive one
    except OverflowError:
        near = inf if value > 0 else -inf
    (bits,) = _BITS.unpack(_DOUBLE.pack(near))
    bits = ~bits & _ALL if bits & _TOP else bits | _TOP
    rest = value - int(near) if type(value) is int and isfinite(near) else 0
    return _NUMBER.pack(bits, int(min(max(rest, -_TOP), _TOP - 1)) + _TOP)
