"""The order of rows by a column: of values, and of pages that go on from a cursor."""

import random
from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_builder.tables.ordering import KeysAtHand, Place, key_of, place_of, walk

NUMBERS = [
    -(10**400),
    -(2**64),
    -3,
    -2.5,
    -1e-300,
    0,
    5e-324,
    1,
    1.5,
    2,
    10,
    2**53,
    2**53 + 1,
    2**70,
    2**70 + 1,
    1e300,
]


def in_order(values: list[Any], type_: str, *, is_descending: bool = False) -> list[Any]:
    """The values as a table shows them that has them in this order."""
    keys = KeysAtHand([key_of(value, type_, Place(1, row)) for row, value in enumerate(values)])
    found = walk(keys, None, len(values) + 1, is_descending=is_descending)
    return [values[place_of(key).row] for key in found]


def shuffled(values: list[Any]) -> list[Any]:
    return random.Random(7).sample(values, len(values))


def test_numbers_are_ordered_as_numbers_however_long_they_are() -> None:
    assert in_order(shuffled(NUMBERS), "number") == NUMBERS
    assert in_order(shuffled(NUMBERS), "number", is_descending=True) == NUMBERS[::-1]


@given(st.lists(st.one_of(st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False))))
def test_any_numbers_are_ordered_as_python_compares_them(values: list[float]) -> None:
    compare = cmp_to_key(lambda one, other: (one > other) - (one < other))
    assert in_order(values, "number") == sorted(values, key=compare)


def test_texts_are_ordered_without_case_and_accents() -> None:
    words = ["10", "9", "apfel", "Äpfel 2", "Apfel 3", "ähre", "B", "b", "Zoë", "zoo", "日本", "語"]
    expected = ["10", "9", "ähre", "apfel", "Äpfel 2", "Apfel 3", "B", "b", "Zoë", "zoo", "日本", "語"]
    assert in_order(words, "text") == expected


def test_times_are_ordered_by_time() -> None:
    moments = ["2026-11-23T12:00:00+00:00", "2026-11-23T12:00:00.500000+00:00", "2026-11-23T12:00:01+00:00"]
    assert in_order(moments[::-1], "datetime") == moments
    assert in_order(["2026-11-23", "1999-01-31"], "date") == ["1999-01-31", "2026-11-23"]


@pytest.mark.parametrize("is_descending", [False, True])
def test_what_is_empty_comes_last_in_both_directions(is_descending: bool) -> None:
    found = in_order([None, 2, "", 1, [], {}], "number", is_descending=is_descending)
    assert found == [*([2, 1] if is_descending else [1, 2]), None, "", [], {}]


@pytest.mark.parametrize("is_descending", [False, True])
def test_equal_values_keep_the_order_of_the_table_in_both_directions(is_descending: bool) -> None:
    keys = KeysAtHand([key_of(True, "boolean", Place(batch, row)) for batch in (2, 1) for row in (9, 8)])
    found = walk(keys, None, 10, is_descending=is_descending)
    assert [place_of(key) for key in found] == [(1, 8), (1, 9), (2, 8), (2, 9)]


def test_both_zeros_are_one_number() -> None:
    assert [str(value) for value in in_order([0, -0.0, 0.0, -0.0], "number")] == ["0", "-0.0", "0.0", "-0.0"]


def test_a_text_is_not_taken_for_the_beginning_of_another_one() -> None:
    texts = ["a", "a\x00b", "ab", "a b", "x" * 300, "x" * 299 + "y"]
    assert in_order(texts, "text") == ["a", "a\x00b", "a b", "ab", "x" * 300, "x" * 299 + "y"]


@given(
    st.lists(st.sampled_from([None, 1, 2, 3, 4]), max_size=30),
    st.integers(1, 7),
    st.booleans(),
    st.booleans(),
)
def test_pages_of_any_size_are_the_whole_once_forwards_and_backwards(
    values: list[Any], size: int, is_descending: bool, is_backwards: bool
) -> None:
    keys = KeysAtHand([key_of(value, "integer", Place(1, row)) for row, value in enumerate(values)])
    everything = walk(keys, None, 100, is_descending=is_descending)
    expected = sorted(
        range(len(values)),
        key=lambda row: (values[row] is None, (values[row] or 0) * (-1 if is_descending else 1), row),
    )
    assert [place_of(key).row for key in everything] == expected

    seen: list[bytes] = []
    cursor = None
    if is_backwards and everything:
        seen, cursor = [everything[-1]], everything[-1]
    while some := walk(
        keys, cursor, size, is_descending=is_descending, is_backwards=is_backwards and bool(cursor)
    ):
        seen += some
        cursor = some[-1]
    assert seen == (everything[::-1] if is_backwards else everything)
