"""The types of columns."""

import pytest

from requests_builder import mapping


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, None, 2**80], "integer"),
        ([1, 2.5], "number"),
        ([True, None], "boolean"),
        ([True, 1], "text"),
        (["a", 1], "text"),
        ([["a"], 1], "json"),
        ([{"a": 1}, "x"], "json"),
        ([None, None], None),
    ],
)
def test_a_column_has_the_type_that_holds_all_its_values(values: list[object], type_: str | None) -> None:
    assert mapping.types_of([{"a": value} for value in values]).get("a") == type_


def test_a_field_that_a_later_record_has_is_a_column_too() -> None:
    assert mapping.types_of([{}, {"a": 1}, {"b": "x"}]) == {"a": "integer", "b": "text"}


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("integer", "number", "number"),
        ("date", "datetime", "text"),
        ("json", "text", "json"),
        ("boolean", "integer", "text"),
        ("date", "date", "date"),
    ],
)
def test_two_types_have_one_that_holds_both(one: str, other: str, both: str) -> None:
    assert mapping.merged(one, other) == mapping.merged(other, one) == both
