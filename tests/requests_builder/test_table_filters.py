"""Which rows pass a filter, and how a choice of rows stands in an address."""

from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from requests_builder.tables.filters import Filter, InvalidFilter, Operator, condition_of, in_words
from requests_builder.tables.selection import MOST_FILTERS, Selection, from_query

MOMENT = "2026-11-23T12:00:00+00:00"


def passing(type_: str, operator: str, value: str, values: list[Any], until: str = "") -> list[Any]:
    test = condition_of(Filter("c", Operator(operator), value, until), {"c": type_})
    return [one for one in values if test({"c": one})]


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("is", "ZOË", ["Zoë"]),
        ("is-not", "zoë", ["Zoëlle", "abc", None, 5]),
        ("contains", "Oë", ["Zoë", "Zoëlle"]),
        ("lacks", "o", ["abc", None, 5]),
        ("begins", "zoël", ["Zoëlle"]),
        ("is", "5", [5]),
        ("empty", "", [None]),
        ("not-empty", "", ["Zoë", "Zoëlle", "abc", 5]),
    ],
)
def test_texts_are_compared_without_regard_to_case(operator: str, value: str, expected: list[Any]) -> None:
    assert passing("text", operator, value, ["Zoë", "Zoëlle", "abc", None, 5]) == expected


@pytest.mark.parametrize(
    ("operator", "value", "until", "expected"),
    [
        ("is", "2", "", [2, 2.0]),
        ("is-not", "2", "", [-1.5, 10, None]),
        ("greater", "2", "", [10]),
        ("less", "2", "", [-1.5]),
        ("between", "-2", "2", [-1.5, 2, 2.0]),
        ("between", "2", "-2", [-1.5, 2, 2.0]),
        ("is", " 1e1 ", "", [10]),
    ],
)
def test_numbers_are_compared_as_numbers(operator: str, value: str, until: str, expected: list[Any]) -> None:
    assert passing("number", operator, value, [-1.5, 2, 2.0, 10, None], until) == expected


def test_long_integers_are_compared_exactly() -> None:
    assert passing("integer", "is", str(2**70 + 1), [2**70, 2**70 + 1]) == [2**70 + 1]


@pytest.mark.parametrize(
    ("operator", "value", "until", "expected"),
    [
        ("is", "2026-11-23", "", ["2026-11-23T00:00:00+00:00", MOMENT]),
        ("greater", "2026-11-23", "", ["2026-11-24T00:00:00+00:00"]),
        ("less", "2026-11-23", "", ["2026-11-22T23:59:59.999999+00:00"]),
        ("is", "2026-11-23T13:00+01:00", "", [MOMENT]),
        ("is", "2026-11-23T12:00", "", [MOMENT]),
        (
            "between",
            "2026-11-22",
            "2026-11-23",
            ["2026-11-22T23:59:59.999999+00:00", "2026-11-23T00:00:00+00:00", MOMENT],
        ),
    ],
)
def test_a_day_means_all_of_its_moments_in_utc(
    operator: str, value: str, until: str, expected: list[Any]
) -> None:
    moments = [
        "2026-11-22T23:59:59.999999+00:00",
        "2026-11-23T00:00:00+00:00",
        MOMENT,
        "2026-11-24T00:00:00+00:00",
        None,
    ]
    assert passing("datetime", operator, value, moments, until) == expected


def test_the_two_ends_of_a_span_may_come_in_any_order() -> None:
    days = ["2026-11-22", "2026-11-23", "2026-11-25"]
    assert passing("date", "between", "2026-11-24", days, "2026-11-22") == days[:2]


def test_dates_and_truth_have_their_own_conditions() -> None:
    assert passing("date", "greater", "2026-01-01", ["2025-12-31", "2026-01-01", "2026-01-02", None]) == [
        "2026-01-02"
    ]
    assert passing("boolean", "true", "", [True, False, None, 1]) == [True]
    assert passing("boolean", "false", "", [True, False, None, 0]) == [False]
    assert passing("json", "contains", '"A":1', [{"a": 1}, {"a": 2}]) == [{"a": 1}]


@pytest.mark.parametrize(
    ("type_", "operator", "value", "sentence"),
    [
        ("number", "greater", "1,000", "1,000 is no number"),
        ("number", "is", "nan", "nan is no number"),
        ("number", "is", "inf", "inf is no number"),
        ("integer", "is", "9" * 500, "is no number"),
        ("date", "is", "yesterday", "yesterday is no date"),
        ("datetime", "is", "9999-12-31", "is no date"),
        ("boolean", "contains", "x", "“contains” cannot be asked of c, whose type is boolean"),
        ("text", "contains", "", "Say what c is compared with"),
        ("number", "between", "5", "Say what c is compared with"),
    ],
)
def test_what_cannot_be_compared_is_said(type_: str, operator: str, value: str, sentence: str) -> None:
    with pytest.raises(InvalidFilter, match=sentence.replace(",", "[,]")):
        passing(type_, operator, value, [])


def test_a_choice_survives_its_address() -> None:
    chosen = Selection(
        (Filter("a b&c", Operator.IS, "=1 & é"), Filter("n", Operator.BETWEEN, "1", "2")), "zoë", "n", True
    )
    assert from_query(parse_qs(urlencode(chosen.to_query()), keep_blank_values=True)) == chosen


def test_what_nobody_could_have_chosen_is_left_out() -> None:
    query = {"column": ["a", "", "b"], "op": ["is", "is", "drop table"], "value": ["1"], "desc": ["1"]}
    assert from_query(query) == Selection((Filter("a", Operator.IS, "1"),))
    assert (
        len(from_query({"column": [str(n) for n in range(99)], "op": ["empty"] * 99}).filters) == MOST_FILTERS
    )
    with pytest.raises(InvalidFilter, match="no column gone any more"):
        Selection((Filter("gone", Operator.EMPTY),)).test(["a"], {})


def test_a_filter_is_said_in_words() -> None:
    assert in_words(Filter("joined", Operator.GREATER, "2026-01-01"), "date") == "joined is after 2026-01-01"
    assert in_words(Filter("n", Operator.BETWEEN, "1", "2"), "number") == "n is between 1 and 2"
    assert in_words(Filter("n", Operator.EMPTY, "left over"), "number") == "n is empty"


def test_a_click_on_a_column_sorts_up_then_down_then_no_more() -> None:
    up = Selection().sorted_by("n")
    down = up.sorted_by("n")
    assert (up.sort, up.is_descending) == ("n", False)
    assert (down.sort, down.is_descending) == ("n", True)
    assert down.sorted_by("n") == Selection()
    assert down.sorted_by("m") == Selection(sort="m")
