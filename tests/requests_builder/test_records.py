"""Answers of every kind, and the records that are in them."""

import codecs
import csv
import io
import json
import time

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_builder.reading import UnreadableAnswer, parse_json
from requests_builder.records import (
    InvalidPath,
    columns_of,
    csv_cell,
    records_at,
    suggest_paths,
    validate_path,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
DOCUMENTS = st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


@settings(deadline=None)
@given(DOCUMENTS, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]))
def test_every_document_is_read_in_every_unicode_encoding(document, encoding):
    assert parse_json(json.dumps(document).encode(encoding)) == document


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b'{"n": 9007199254740993}', {"n": 2**53 + 1}),
        (b'{"n": 18446744073709551616}', {"n": 2**64}),
        (b"[-9223372036854775809]", [-(2**63) - 1]),
        (b"9" * 1000, int("9" * 1000)),
        (b"[0.12345678901234567890123]", [0.12345678901234567890123]),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (rb'["\u0000x", "\\u0000"]', ["\ufffdx", "\\u0000"]),
        (rb'{"\u0000": 1}', {"\ufffd": 1}),
        (rb'["\ud800x", "\ud83d\ude00"]', ["\ufffdx", "😀"]),
        (b" null ", None),
    ],
)
def test_odd_but_right_json_is_read_exactly_and_can_be_stored(body, document):
    assert parse_json(body) == document


@pytest.mark.parametrize("charset", ["iso-8859-1", "ISO-8859-1", '"windows-1252"', "latin1"])
def test_the_charset_counts_where_the_bytes_are_not_unicode(charset):
    assert parse_json('{"name": "Zoë"}'.encode("latin-1"), charset) == {"name": "Zoë"}
    assert parse_json('{"name": "Zoë"}'.encode(), charset) == {"name": "Zoë"}


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        (b"", "empty_answer", "The answer is empty."),
        (codecs.BOM_UTF8 + b" \n", "empty_answer", "The answer is empty."),
        (
            b'{"a": 1} {"b": 2}',
            "parse_error",
            "more follows after its end at line 1, column 10 (character 9)",
        ),
        (b'{"a": 1,\n "b" 2}', "parse_error", "line 2, column 6"),
        (b"callback({})", "parse_error", "line 1, column 1"),
        (b'{"a": NaN}', "parse_error", "contains NaN"),
        (b"[-Infinity]", "parse_error", "contains -Infinity"),
        (b"[1e999]", "parse_error", "contains 1e999"),
        (b"9" * 1001, "parse_error", "more than 1,000 digits"),
        (b'"\xff"', "parse_error", "not text in UTF-8 (byte 1 is not)"),
        (b"[" * 101 + b"]" * 101, "too_deep", "100 levels"),
        (b"[" * 900 + b"12345678901234567890" + b"]" * 900, "too_deep", "100 levels"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep", "100 levels"),
        (b"[" * 900 + rb'"\u0000"' + b"]" * 900, "too_deep", "100 levels"),
    ],
)
def test_what_is_not_readable_is_refused_with_what_was_found(body, code, sentence):
    with pytest.raises(UnreadableAnswer) as caught:
        parse_json(body)
    assert caught.value.code == code
    assert sentence in caught.value.sentence


@pytest.mark.parametrize("charset", ["zlib", "punycode", "unicode_escape", "no-such", "\x00", "rot13"])
def test_a_strange_charset_is_no_way_in(charset):
    with pytest.raises(UnreadableAnswer, match="UTF-8"):
        parse_json(b'"\xff"', charset)


def test_a_hundred_levels_are_read():
    assert parse_json(b"[" * 100 + b"]" * 100)


@pytest.mark.parametrize(
    ("document", "path", "records"),
    [
        ([{"a": 1}, {"b": 2}], "", [{"a": 1}, {"b": 2}]),
        ({"a": 1}, " @ ", [{"a": 1}]),
        ({"data": {"items": [{"a": 1}]}}, "data.items", [{"a": 1}]),
        ({"data": {"a": 1}}, "data", [{"a": 1}]),
        ({"@odata.value": [{"a": 1}]}, '"@odata.value"', [{"a": 1}]),
        ({"data": [{"id": 1, "x": {"y": 2}}]}, "data[*].{id: id, y: x.y}", [{"id": 1, "y": 2}]),
        ([1, "a", None], "", [{"value": 1}, {"value": "a"}, {"value": None}]),
        ([[1, 2], [3]], "", [{"1": 1, "2": 2}, {"1": 3}]),
        ([], "", []),
        ({}, "", [{}]),
        (None, "", []),
        (7, "", [{"value": 7}]),
        ({"data": None}, "data", []),
        ({"data": []}, "data", []),
        ({"a": [{"__proto__": 1, "pk": 2, "": 3}]}, "a", [{"__proto__": 1, "pk": 2, "": 3}]),
    ],
)
def test_records_are_found_where_the_path_leads(document, path, records):
    assert records_at(document, path) == records


@pytest.mark.parametrize(
    ("document", "path", "code", "sentences"),
    [
        (
            {"meta": {}, "contacts": [{"a": 1}]},
            "data",
            "records_not_found",
            ["The path data finds nothing.", "keys meta, contacts", "contacts (1)"],
        ),
        ({"error": "no"}, "data", "records_not_found", ["keys error, and no list"]),
        ({}, "data", "records_not_found", ["empty object"]),
        ([1], "data", "records_not_found", ["The answer is a list", "leave the path empty"]),
        ({"data": "x"}, "data", "records_wrong_type", ["finds a text, not a list"]),
        ({"data": 1}, "data", "records_wrong_type", ["finds a number"]),
        ({"data": False}, "data", "records_wrong_type", ["finds true or false"]),
        ({"data": None}, "data.items", "records_not_found", ["finds nothing"]),
    ],
)
def test_a_path_that_leads_nowhere_tells_what_is_there(document, path, code, sentences):
    with pytest.raises(UnreadableAnswer) as caught:
        records_at(document, path)
    assert caught.value.code == code
    assert all(sentence in caught.value.sentence for sentence in sentences)


@pytest.mark.parametrize(
    "path",
    [
        "data[",
        "a" * 501,
        "(" * 400,
        "!" * 400 + "a",
        "`" + "[" * 240 + "]" * 240 + "`",
        "@" + "|[@,@]" * 20,
        "@" + "|[@,@][]" * 20,
        "@" + "|{a:@,b:@}" * 20,
        "@" + "|[to_string(@), to_string(@)]" * 10,
        "@" + "|[a, a[]]" * 20,
        "`[1,1,1,1,1,1]`[*].[`[1,1,1,1,1,1]`][][].[`[1,1,1,1,1,1]`]",
        "@" + "|[to_string(@)]" * 8,
        "join(to_string(@), a)",
        "a[?[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]]",
        "nothing(@)",
    ],
)
def test_a_path_that_cannot_be_used_or_costs_too_much_is_refused_in_no_time(path):
    begun = time.process_time()
    with pytest.raises(InvalidPath) as caught:
        validate_path(path)
    assert time.process_time() - begun < 0.5
    assert caught.value.sentence.endswith(".")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "data.items[]",
        ".".join("a" * 100),
        "links[?rel=='next' && type!='x' && (a || b)].href | [0]",
        "data[?a==`1` && b==`2`] | [?c==`3` && d==`4`] | [?e>`5`]",
        "data[*].{" + ", ".join(f"k{n}: f{n}" for n in range(40)) + "}",
        "data[*].{name: join(' ', [first, last]), n: length(tags), id: id}",
        "sort_by(data, &id)[0:10]",
        "data[?contains(['a','b','c','d'], x)] | [?contains(['e','f','g'], y)] | [?contains(['h','i'], z)]",
    ],
)
def test_ordinary_paths_are_accepted(path):
    validate_path(path)


@pytest.mark.parametrize(
    "path", ["a[?b > `1`]", "a[::0]", "sum(a)", "to_number('1e999')", "{x: to_number('nan')}"]
)
def test_a_path_that_fails_on_this_answer_says_so(path):
    with pytest.raises(InvalidPath, match="path"):
        records_at({"a": [{"b": "text of the answer"}]}, path)


def test_a_path_that_yields_millions_of_values_is_refused():
    with pytest.raises(InvalidPath, match="more than 5,000,000 values"):
        records_at([0] * 320_000, "[" + ",".join("@" * 16) + "]")


@pytest.mark.parametrize(
    ("document", "best"),
    [
        ([{"a": 1}], ("", 1)),
        ({"data": [{"a": 1}], "errors": [], "included": [{"b": 1}] * 9}, ("data", 1)),
        ({"data": {"contacts": {"nodes": [{"a": 1}]}}}, ("data.contacts.nodes", 1)),
        ({"meta": {"links": [{"a": 1}]}, "contacts": [{"a": 1}] * 3}, ("contacts", 3)),
        ({"took": 3, "hits": {"total": 1, "hits": [{"a": 1}]}}, ("hits.hits", 1)),
        ({"tags": ["a"] * 50, "people": [{"a": 1}]}, ("people", 1)),
        ({"data": [], "x": []}, ("data", 0)),
        ({"odd key": [{"a": 1}]}, ('"odd key"', 1)),
        ({"a": 1}, ("", 1)),
    ],
)
def test_the_likeliest_place_is_suggested_first(document, best):
    assert suggest_paths(document)[0] == best


@settings(deadline=None)
@given(DOCUMENTS)
def test_every_suggestion_leads_to_as_many_records_as_it_says(document):
    for path, count in suggest_paths(document):
        assert len(records_at(document, path)) == count


def test_columns_are_all_keys_in_order_of_appearance_up_to_two_thousand():
    assert columns_of([{"b": 1}, {"a": 1, "b": 2}, {"c": 1}]) == ["b", "a", "c"]
    assert len(columns_of([{str(n): n} for n in range(2000)])) == 2000
    with pytest.raises(UnreadableAnswer, match="more than 2,000") as caught:
        columns_of([{str(n): n} for n in range(2001)])
    assert caught.value.code == "too_many_columns"


@pytest.mark.parametrize(
    "text",
    [
        *[
            "=1+1",
            "+cmd|' /C calc'!A0",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1",
            "\xa0=1",
            "\u200b=1",
        ],
        *["\ufeff=1", "\x00=1", "-1\n=2", "+"],
        # Full-width = + - @.
        *["\uff1d1", "\uff0b1", "\uff0d1", "\uff20a"],
    ],
)
def test_a_cell_that_would_be_a_formula_becomes_text(text):
    assert csv_cell(text) == "'" + text.replace("\x00", "")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-2, "-2"),
        (-2.5, "-2.5"),
        (2**70, str(2**70)),
        ("-12.50", "-12.50"),
        ("+4930", "+4930"),
        ("a=b", "a=b"),
        ({"a": [1, "ü"]}, '{"a":[1,"ü"]}'),
        ([2**70], f"[{2**70}]"),
        ([], "[]"),
    ],
)
def test_other_values_are_written_as_they_are(value, cell):
    assert csv_cell(value) == cell


@settings(deadline=None)
@given(VALUES)
def test_any_cell_survives_a_csv_file(value):
    file = io.StringIO(newline="")
    csv.writer(file).writerow([csv_cell(value), "end"])
    assert next(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [csv_cell(value), "end"]


def test_reading_costs_little_more_than_orjson_alone():
    page = orjson.dumps([{"id": n, "name": "Ann", "tags": ["a"], "note": "x" * 300} for n in range(100)])

    def seconds(read):
        return min(_timed(read, page) for _ in range(30))

    assert seconds(parse_json) < 8 * seconds(orjson.loads)


def _timed(read, page):
    begun = time.perf_counter()
    read(page)
    return time.perf_counter() - begun
