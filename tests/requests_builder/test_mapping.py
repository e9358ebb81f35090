"""Records become rows: what each field becomes, and that it is the same whatever comes together on a page."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_builder import mapping
from requests_builder.expressions import compiled
from requests_builder.records import UnreadableAnswer


def column(path: str, type_: str = "json", **more: Any) -> dict[str, Any]:
    return {"path": path, "name": more.pop("name", path), "type": type_, **more}


def rows(records: list[dict[str, Any]], **config: Any) -> list[dict[str, Any]]:
    return list(mapping.started(config).rows(records).rows)


def value(given: object, type_: str, **more: Any) -> object:
    return rows([{"a": given}], columns=[column("a", type_, **more)])[0]["a"]


MISFIT = None


@pytest.mark.parametrize(
    ("given", "type_", "stored"),
    [
        ("007", "text", "007"),
        (7, "text", "7"),
        (2**80, "text", str(2**80)),
        (True, "text", "true"),
        ([1, {"b": "ü"}], "text", '[1,{"b":"ü"}]'),
        ("12.50", "number", 12.5),
        ("-3", "number", -3),
        (" 9007199254740993 ", "integer", 9007199254740993),
        (9007199254740993, "integer", 9007199254740993),
        (12.0, "integer", 12),
        (12.5, "integer", MISFIT),
        (2.0**60, "integer", MISFIT),
        ("1,5", "number", MISFIT),
        ("1e999", "number", MISFIT),
        ("nan", "number", MISFIT),
        (True, "number", MISFIT),
        ([1], "number", MISFIT),
        ("", "integer", None),
        ("Yes", "boolean", True),
        (0, "boolean", False),
        ("perhaps", "boolean", MISFIT),
        (2, "boolean", MISFIT),
        ("2026-11-23", "date", "2026-11-23"),
        ("2026-02-30", "date", MISFIT),
        ("2026-11-23T23:30:00-05:00", "date", "2026-11-24"),
        ("Mon, 23 Nov 2026 12:00:00 GMT", "date", "2026-11-23"),
        ("2026-11-23T12:00:00Z", "datetime", "2026-11-23T12:00:00+00:00"),
        ("2026-11-23 12:00:00", "datetime", "2026-11-23T12:00:00+00:00"),
        ("2026-11-23T12:00:00.123456789+0230", "datetime", "2026-11-23T09:30:00.123456+00:00"),
        ("2026-11-23t12:00z", "datetime", "2026-11-23T12:00:00+00:00"),
        ("2026-11-23", "datetime", "2026-11-23T00:00:00+00:00"),
        ("2026-11-31T12:00:00Z", "datetime", MISFIT),
        ("2026-W48-1T12:00:00Z", "datetime", MISFIT),
        ("Mon, 23 Nov 2026 12:00:00 +0100", "datetime", "2026-11-23T11:00:00+00:00"),
        (1763899200, "datetime", "2025-11-23T12:00:00+00:00"),
        (1763899200123, "datetime", "2025-11-23T12:00:00.123000+00:00"),
        ("1763899200", "datetime", "2025-11-23T12:00:00+00:00"),
        ("/Date(1763899200000+0100)/", "datetime", "2025-11-23T12:00:00+00:00"),
        (10**30, "datetime", MISFIT),
        ("0001-01-01T00:00:00+14:00", "datetime", MISFIT),
        ("soon", "datetime", MISFIT),
        (True, "datetime", MISFIT),
        ({"b": [1]}, "json", {"b": [1]}),
    ],
)
def test_a_value_becomes_one_of_its_columns_type_or_null(given: object, type_: str, stored: object) -> None:
    found = value(given, type_)

    assert found == stored
    assert type(found) is type(stored)


def test_values_that_do_not_fit_are_counted_and_null_is_none_of_them() -> None:
    run = mapping.started({"columns": [column("a", "integer"), column("b", "date")]})

    run.rows([{"a": "x", "b": None}, {"a": 1.5}, {"a": "", "b": "never"}])
    run.rows([{"a": [], "b": "2026-11-23"}])

    assert run.findings.misfits == {"a": 3, "b": 1}
    assert "4 values did not fit the type of the column and became empty: a (3), b (1)." in run.end()


def test_a_time_without_an_offset_is_one_in_the_zone_of_the_mapping() -> None:
    config = {"timezone": "Europe/Berlin", "columns": [column("a", "datetime"), column("b", "date")]}

    [row] = rows([{"a": "2026-07-01T00:30:00", "b": "2026-06-30T22:30:00Z"}], **config)

    assert row == {"a": "2026-06-30T22:30:00+00:00", "b": "2026-07-01"}


def test_a_date_of_another_form_is_read_by_its_format() -> None:
    assert value("03.04.2026", "date", format="%d.%m.%Y") == "2026-04-03"
    assert value("04/03/26 5:30 PM", "datetime", format="%m/%d/%y %I:%M %p") == "2026-04-03T17:30:00+00:00"
    assert value("2026-04-03", "date", format="%d.%m.%Y") is None


def test_columns_are_renamed_ordered_and_left_out() -> None:
    columns = [column("c.d", name="Third"), column("a", name="First"), column("b", included=False)]

    found = rows([{"a": 1, "b": 2, "c": {"d": 3}}], columns=columns, drift="drop")

    assert [list(row.items()) for row in found] == [[("Third", 3), ("First", 1)]]


def test_a_field_that_a_record_lacks_is_null() -> None:
    columns = [column("a"), column("c.d.e")]
    records = [{}, {"c": None}, {"c": {"d": 7}}, {"a": 2, "c": {"d": {"e": 1}}}]

    found = rows(records, columns=columns, drift="drop")

    assert [tuple(row.values()) for row in found] == [(None, None), (None, None), (None, None), (2, 1)]


def test_a_column_may_be_computed() -> None:
    columns = [column("tags[0]", name="first"), column("length(tags)", "integer", name="count")]
    run = mapping.started({"columns": columns})

    found = run.rows([{"tags": ["x", "y"]}, {"tags": None}])

    # A function that cannot work with a value yields nothing, and what a column begins with is not new.
    assert found.rows == [{"first": "x", "count": 2}, {"first": None, "count": None}]
    assert run.findings.misfits == {"count": 1}
    assert run.findings.new == {}


def test_keys_that_are_no_words_are_plain_data() -> None:
    record = {"__proto__": {"x y": 1}, "": 2, "a.b": 3, "a": {"b": 4}, "pk": 5}

    [row] = rows([record], flatten=True)

    assert row == {"__proto__.x y": 1, "unnamed": 2, "a.b": 3, "a.b_2": 4, "pk": 5}


# --- lists


def test_a_list_stays_json_or_becomes_one_text() -> None:
    records = [{"tags": ["x", None, 1, {"b": True}]}, {"tags": "alone"}, {"tags": []}, {"tags": None}]

    assert rows(records, columns=[column("tags")])[0] == {"tags": ["x", None, 1, {"b": True}]}
    joined = rows(records, columns=[column("tags", arrays="join")], separator=" | ")
    assert [row["tags"] for row in joined] == ['x | 1 | {"b":true}', "alone", "", None]


def test_a_list_becomes_rows_that_repeat_their_record() -> None:
    columns = [
        column("id"),
        column("lines", arrays="rows", included=False),
        column("lines[].sku", name="sku"),
        column("lines[].price.net", "number", name="net"),
    ]
    records = [
        {"id": 1, "lines": [{"sku": "a", "price": {"net": "1.5"}}, {"sku": "b"}]},
        {"id": 2, "lines": []},
        {"id": 3},
    ]

    assert rows(records, columns=columns, drift="drop") == [
        {"id": 1, "sku": "a", "net": 1.5},
        {"id": 1, "sku": "b", "net": None},
        {"id": 2, "sku": None, "net": None},
        {"id": 3, "sku": None, "net": None},
    ]


def test_a_list_of_plain_values_becomes_rows() -> None:
    columns = [column("id"), column("tags", "text", arrays="rows")]

    assert rows([{"id": 1, "tags": ["x", "y"]}, {"id": 2, "tags": "z"}], columns=columns) == [
        {"id": 1, "tags": "x"},
        {"id": 1, "tags": "y"},
        {"id": 2, "tags": "z"},
    ]


def test_a_list_may_not_become_a_flood_of_rows() -> None:
    columns = [column("tags", arrays="rows")]

    with pytest.raises(UnreadableAnswer, match="more than can be stored"):
        rows([{"tags": [0] * 100_001}], columns=columns)
    with pytest.raises(UnreadableAnswer, match="more than can be stored"):
        rows([{"text": "x" * 1_000_000, "tags": [0] * 300}], columns=columns)


# --- other fields than the mapping knows

OLD = {"id": 1, "name": "a"}
NEW = {"id": 2, "email": "x", "address": {"city": "B", "geo": {"lat": 1.5}}}
COLUMNS = [column("id", "integer"), column("name", "text")]


def test_evolve_adds_new_fields_as_columns_and_says_so() -> None:
    run = mapping.started({"columns": COLUMNS})
    run.rows([OLD])

    found = run.rows([NEW])

    added = {"email": "x", "address.city": "B", "address.geo.lat": 1.5}
    assert found.rows == [{"id": 2, "name": None} | added]
    assert found.types["address.geo.lat"] == "number"
    assert run.end() == "New fields became columns: email, address.city, address.geo.lat."


def test_without_flattening_a_nested_object_is_one_new_column() -> None:
    assert rows([NEW], columns=COLUMNS, flatten=False)[0]["address"] == NEW["address"]


def test_evolve_waits_for_a_value_before_it_adds_a_column() -> None:
    run = mapping.started({"columns": COLUMNS})

    assert run.rows([{"id": 1, "name": "a", "owner": None}]).rows == [OLD]
    assert run.rows([{"id": 1, "name": "a", "owner": {"id": 7}}]).rows == [OLD | {"owner.id": 7}]


def test_evolve_loses_nothing_when_an_object_becomes_a_text() -> None:
    run = mapping.started({"columns": [column("a.b")]})

    assert run.rows([{"a": {"b": 1}}, {"a": "plain"}]).rows == [
        {"a.b": 1, "a": {"b": 1}},
        {"a.b": None, "a": "plain"},
    ]


def test_a_run_that_goes_on_gives_added_columns_the_same_names() -> None:
    first = mapping.started({"columns": COLUMNS})
    first.rows([{"a.b": 1}, {"a": {"b": 2}}])
    stored = json.loads(json.dumps(first.findings.to_json()))

    again = mapping.started({"columns": COLUMNS}, stored)

    assert again.rows([{"a": {"b": 3}}]).rows == [{"id": None, "name": None, "a.b": None, "a.b_2": 3}]
    assert again.findings.to_json() == stored


def test_drop_leaves_new_fields_out_and_says_so() -> None:
    run = mapping.started({"columns": COLUMNS, "drift": "drop"})

    assert run.rows([OLD | NEW]).rows == [{"id": 2, "name": "a"}]
    assert run.end() == "New fields were left out: email, address.city, address.geo.lat."


@pytest.mark.parametrize(
    ("records", "difference"),
    [
        ([OLD | {"email": None}], "new: email"),
        ([{"id": "x", "name": "a"}], "another type: id (no longer an integer)"),
    ],
)
def test_freeze_refuses_new_fields_and_other_types_at_once(
    records: list[dict[str, Any]], difference: str
) -> None:
    run = mapping.started({"columns": COLUMNS, "drift": "freeze"})
    run.rows([OLD])

    with pytest.raises(mapping.MappingFrozen) as refused:
        run.rows(records)

    assert f"({difference})" in refused.value.sentence


def test_freeze_refuses_at_the_end_what_never_came() -> None:
    config = {"columns": [*COLUMNS, column("later", included=False)], "drift": "freeze"}
    run = mapping.started(config)
    run.rows([{"id": 1}])
    again = mapping.started(config, run.findings.to_json())

    with pytest.raises(mapping.MappingFrozen, match=r"\(gone: name\)"):
        run.end()
    # The name came on a page of the other attempt.
    again.rows([OLD])
    assert again.end() == ""


def test_a_field_that_was_left_out_by_hand_is_not_new() -> None:
    columns = [*COLUMNS, column("email", included=False), column("address", included=False)]

    assert rows([NEW], columns=columns) == [{"id": 2, "name": None}]


def test_too_many_columns_are_refused() -> None:
    with pytest.raises(UnreadableAnswer, match="at most 2,000"):
        rows([{f"a{number}": 1 for number in range(2_001)}], flatten=True)


def test_an_object_whose_keys_are_ids_stays_whole() -> None:
    few, many = ({f"k{number}": number for number in range(count)} for count in (300, 301))

    assert len(rows([{"by_id": few}], flatten=True)[0]) == 300
    assert rows([{"by_id": many}], flatten=True) == [{"by_id": many}]


def test_of_a_flood_of_new_fields_not_all_are_remembered() -> None:
    run = mapping.started({"columns": COLUMNS, "drift": "drop"})

    for page in range(5):
        run.rows([{"id": 1, f"a{page}_{number}": number} for number in range(150)])

    assert 200 <= len(run.findings.new) <= 400
    assert "and 2" in run.end()


# --- what is stored


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"columns": []},
        {"columns": [column("a", "date", format="%d.%m.%Y", included=False)], "drift": "freeze"},
        {"columns": [column("a", "text", arrays="join")], "separator": ";", "timezone": "Asia/Tokyo"},
        {"columns": [column("a", arrays="rows"), column("a[].b")], "flatten": False, "drift": "drop"},
    ],
)
def test_a_mapping_is_stored_as_it_was_read(config: dict[str, Any]) -> None:
    if "drift" in config and config["drift"] == "freeze":
        config["columns"].append(column("b"))

    assert mapping.to_config(mapping.from_config(config)) == config


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"columns": [column("a"), column("b", name="a")]}, "Two columns are called a."),
        ({"columns": [column("a"), column("a", name="b")]}, "mapped twice"),
        ({"columns": [column("a", included=False)]}, "No field is ticked"),
        ({"columns": [column("][")]}, "not a JMESPath expression"),
        ({"columns": [column("a", "money")]}, "money is none of text, number"),
        ({"columns": [column("a", arrays="rows"), column("b", arrays="rows")]}, "Only one list"),
        ({"columns": [column("a", name="b\nc")]}, "characters that do not show"),
        ({"columns": [column("a", "date", format="%Q")]}, "no format of a date"),
        ({"columns": [column("a", "date", format="soon")]}, "no format of a date"),
        ({"columns": [{"name": "a"}]}, "needs a path"),
        ({"columns": [column("a", size=1)]}, "has no size"),
        ({"columns": "a"}, "are a list"),
        ({"columns": [column(f"a{n}") for n in range(2_001)]}, "at most 2,000"),
        ({"drift": "freeze"}, "press Run and choose"),
        ({"timezone": "Europe/Atlantis"}, "no time zone"),
        ({"timezone": "../../etc/passwd"}, "no time zone"),
        ({"flatten": "yes"}, "must be true or false"),
        ({"color": 1}, "There is no color"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_told(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(mapping.InvalidMapping) as invalid:
        mapping.from_config(config)

    assert sentence in invalid.value.sentence
    assert invalid.value.sentence.endswith(".")


# --- the compiled mapping beside a plain one

KEYS = st.sampled_from(["a", "b", "c d", "a.b", ""])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | (st.sampled_from(["", "x", "12", "007", "1.5", "true", "2026-11-23", "2026-11-23T12:00:00Z"]))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=6)
PATHS = st.sampled_from(["a", "b", "a.b", '"a.b"', "a.a", '"c d".a', "a[0]", "length(b)", '""'])


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    paths = draw(st.lists(PATHS, unique=True, min_size=1, max_size=6))
    types = st.sampled_from([type_.value for type_ in mapping.ColumnType])
    columns = [
        column(path, draw(types), name=f"n{number}", arrays=draw(st.sampled_from(["json", "join"])))
        for number, path in enumerate(paths)
    ]
    return {"columns": columns, "drift": "drop", "flatten": draw(st.booleans())}


def plainly(record: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """A record through the mapping, as one would write it who has time: value by value."""
    row: dict[str, Any] = {}
    for each in config["columns"]:
        try:
            found = compiled(each["path"]).search(record)
        except ValueError:
            row[each["name"]] = None
            continue
        [single] = (
            mapping.started({"columns": [column("v", each["type"], arrays=each["arrays"])], "drift": "drop"})
            .rows([{"v": found}])
            .rows
        )
        row[each["name"]] = single["v"]
    return row


@given(RECORDS, configs())
def test_a_page_becomes_what_each_of_its_records_would_become_alone(
    records: list[dict[str, Any]], config: dict[str, Any]
) -> None:
    found = rows(records, **config)

    expected = [plainly(record, config) for record in records]
    assert json.dumps(found) == json.dumps(expected)


@given(RECORDS)
def test_evolve_stores_every_value_once_wherever_it_stands(records: list[dict[str, Any]]) -> None:
    run = mapping.started({"flatten": True})

    found = run.rows(records).rows

    assert len(found) == len(records)
    paths = {name: compiled(path) for path, name in run.findings.new.items()}
    for record, row in zip(records, found, strict=True):
        assert {name: path.search(record) for name, path in paths.items()} == row


@given(RECORDS, st.integers(0, 6))
def test_pages_may_be_cut_anywhere(records: list[dict[str, Any]], cut: int) -> None:
    config = {"columns": [column("a", "text"), column("b", "number")], "drift": "drop"}
    whole, parts = mapping.started(config), mapping.started(config)

    together = [*whole.rows(records).rows]
    apart = [*parts.rows(records[:cut]).rows, *parts.rows(records[cut:]).rows]

    assert together == apart
    assert whole.findings.misfits == parts.findings.misfits
