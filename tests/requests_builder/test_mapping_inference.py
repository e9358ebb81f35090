"""What the fields of a sample are, and how a mapping differs from it."""

from typing import Any

import pytest

from requests_builder import mapping
from requests_builder.records import UnreadableAnswer


def type_of(values: list[Any], name: str = "a") -> str:
    [field] = mapping.fields_of([{name: value} for value in values], flatten=True)
    return field.column.type.value


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, 2, None], "integer"),
        ([2**53 + 1], "integer"),
        ([1, 2.5], "number"),
        ([1, "n/a"], "text"),
        ([True, False], "boolean"),
        ([True, 1], "text"),
        (["true", "FALSE"], "boolean"),
        (["12", "-3", ""], "integer"),
        (["12", "1.50"], "number"),
        (["007", "12"], "text"),
        (["+4930123456", "+4930123457"], "text"),
        (["4930123456"], "text"),
        (["1,5"], "text"),
        (["2026-11-23", "2026-01-01"], "date"),
        (["2026-11-23", "2026-02-30"], "text"),
        (["2026-11-23T12:00:00Z", "2026-11-23"], "datetime"),
        (["2026-11-23 12:00:00+01:00"], "datetime"),
        (["Mon, 23 Nov 2026 12:00:00 GMT"], "datetime"),
        (["2026-11-23T12:00:00Z", "soon"], "text"),
        (["20261123"], "integer"),
        ([["a"], None], "json"),
        ([{}], "json"),
        ([{"b": 1}, "x"], "json"),
        ([None, ""], "text"),
    ],
)
def test_all_values_of_a_sample_have_a_say_in_the_type(values: list[Any], type_: str) -> None:
    assert type_of(values) == type_


@pytest.mark.parametrize("name", ["phone", "zip_code", "order_no", "customerId", "VAT", "ean"])
def test_texts_of_digits_that_name_something_stay_texts(name: str) -> None:
    assert type_of(["12345", "67890"], name) == "text"


@pytest.mark.parametrize(
    ("name", "value", "type_"),
    [
        ("created_at", 1763899200, "datetime"),
        ("createdAt", 1763899200123, "datetime"),
        ("timestamp", 1763899200, "datetime"),
        ("updated", 1763899200.5, "datetime"),
        ("id", 1763899200, "integer"),
        ("views", 1763899200123, "integer"),
        ("response_time", 250, "integer"),
        ("format", 1763899200, "integer"),
    ],
)
def test_a_number_is_a_time_only_if_its_name_says_so(name: str, value: float, type_: str) -> None:
    assert type_of([value], name) == type_


def test_nested_objects_become_fields_with_dotted_names() -> None:
    records = [{"id": 1, "customer": {"name": "A", "x y": {"z": True}}, "tags": ["a"]}, {"customer": None}]

    fields = mapping.fields_of(records, flatten=True)

    assert [(field.column.path, field.column.name, field.is_array) for field in fields] == [
        ("id", "id", False),
        ("customer.name", "customer.name", False),
        ('customer."x y".z', "customer.x y.z", False),
        ("tags", "tags", True),
    ]
    assert [field.column.path for field in mapping.fields_of(records, flatten=False)] == [
        "id",
        "customer",
        "tags",
    ]


def test_names_that_collide_are_numbered_in_the_order_of_the_fields() -> None:
    fields = mapping.fields_of([{"a.b": 1, "a": {"b": 2}, "a.b_2": 3}], flatten=True)

    assert [field.column.name for field in fields] == ["a.b", "a.b_2", "a.b_2_2"]


def test_samples_are_of_different_rows() -> None:
    [field] = mapping.fields_of([{"a": value} for value in (None, "x", "x", "", "y", "z", "w")], flatten=True)

    assert field.samples == ("x", "y", "z")


def test_elements_of_the_list_that_becomes_rows_have_fields_of_their_own() -> None:
    records = [{"id": 1, "lines": [{"sku": "a", "net": {"eur": 1}}]}, {"id": 2, "lines": []}]

    fields = mapping.fields_of(records, flatten=True, rows_path="lines")

    assert [(field.column.path, field.column.name) for field in fields] == [
        ("id", "id"),
        ("lines", "lines"),
        ("lines[].sku", "lines.sku"),
        ("lines[].net.eur", "lines.net.eur"),
    ]


def test_deep_objects_stay_json_and_many_fields_are_refused() -> None:
    deep: dict[str, Any] = {"a": 1}
    for _ in range(30):
        deep = {"a": deep}

    [field] = mapping.fields_of([deep], flatten=True)
    assert field.column.type == "json"
    with pytest.raises(UnreadableAnswer, match=r"2,001 different fields"):
        mapping.fields_of([{f"a{number}": 1 for number in range(2_001)}], flatten=True)


def test_a_mapping_of_the_fields_of_a_sample_finds_nothing_new_in_it() -> None:
    records = [{"id": 1, "": 2, "x": {"y": None, "z": [1]}, "k" * 400: 1}, {"x": {"y": "2026-11-23"}}]
    columns = tuple(field.column for field in mapping.fields_of(records, flatten=True))
    run = mapping.CompiledMapping(mapping.FieldMapping(columns, mapping.Drift.FREEZE))

    run.rows(records)

    assert run.end() == ""


# --- the difference


def differing(
    records: list[dict[str, Any]], **config: Any
) -> tuple[mapping.FieldMapping, mapping.Difference]:
    made = mapping.from_config(config)
    assert made
    run = mapping.CompiledMapping(made)
    run.rows(records)
    return made, mapping.difference(made, mapping.fields_of(records, flatten=made.flatten), run.findings)


COLUMNS = [
    {"path": "id", "name": "number", "type": "integer"},
    {"path": "name", "name": "name", "type": "text"},
    {"path": "at", "name": "at", "type": "datetime"},
    {"path": "note", "name": "note", "type": "text", "included": False},
]


def test_what_is_new_gone_and_of_another_type_is_named() -> None:
    _, found = differing([{"id": "x", "at": 1763899200, "email": "e", "number": 1}], columns=COLUMNS)

    assert [column.path for column in found.new] == ["email", "number"]
    assert [column.path for column in found.gone] == ["name"]
    assert [(column.path, type_) for column, type_ in found.changed] == [("id", "text")]


def test_accepting_a_difference_makes_the_mapping_fit() -> None:
    records = [{"id": "x", "at": 1763899200, "email": "e", "number": 1}]
    made, found = differing(records, columns=COLUMNS)

    fitting = mapping.accepted(made, found)

    assert [(column.path, column.name, column.type.value) for column in fitting.columns] == [
        ("id", "number", "text"),
        ("at", "at", "datetime"),
        ("note", "note", "text"),
        ("email", "email", "text"),
        ("number", "number_2", "integer"),
    ]
    _, again = differing(records, **mapping.to_config(fitting))
    assert not again
