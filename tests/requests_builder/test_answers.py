"""How answers of APIs are shown."""

import html
import json
import re
from typing import Any

import pytest

from requests_builder.templatetags.answers import (
    MAX_COLOURED_CHARACTERS,
    cell,
    is_number,
    pretty_json,
)


def plain(shown: str) -> str:
    """What a reader sees of it."""
    return html.unescape(re.sub("</?span[^>]*>", "", shown))


@pytest.mark.parametrize(
    "document",
    [
        {"id": 1, "name": "Ann", "ok": True, "none": None, "price": -1.5e-7, "empty": {}, "list": []},
        ["true", "null", "1", '"quoted": 1', "a\\", "\n\t", "é→😀"],
        "text",
        None,
        [[[{"a": [1, 2]}]]],
    ],
)
def test_a_document_is_shown_whole_and_unchanged(document: Any) -> None:
    assert json.loads(plain(pretty_json(document))) == document


def test_nothing_in_a_document_becomes_markup() -> None:
    shown = pretty_json({"</pre><script>": "<img src=x onerror=\"alert('1')\"> &amp;"})

    assert re.sub('</?span( class="json-[a-z]+")?>', "", shown).count("<") == 0
    assert "&lt;script&gt;" in shown
    assert "&amp;amp;" in shown


def test_names_and_values_are_told_apart_by_colour() -> None:
    shown = pretty_json({"a": "true", "b": True, "c": None, "d": 1})

    assert '<span class="json-key">&quot;a&quot;</span>: <span class="json-string">&quot;true&quot;' in shown
    for kind, text in (("boolean", "true"), ("null", "null"), ("number", "1")):
        assert f'<span class="json-{kind}">{text}</span>' in shown


def test_a_large_document_is_cut_and_not_coloured() -> None:
    shown = pretty_json(["<b>"] * MAX_COLOURED_CHARACTERS)

    assert "<" not in shown
    assert shown.endswith("\n…")
    assert len(plain(shown)) == MAX_COLOURED_CHARACTERS + 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (1.5, "1.5"),
        ("", ""),
        ("<b>", "<b>"),
        ({"a": [1, "é"]}, '{"a": [1, "é"]}'),
        ([], "[]"),
    ],
)
def test_a_cell_is_the_text_of_its_value(value: Any, text: str) -> None:
    assert cell({"column": value}, "column") == text


def test_a_cell_that_the_record_does_not_have_is_empty() -> None:
    assert cell({}, "column") == ""


@pytest.mark.parametrize(
    ("value", "is_it"), [(1, True), (-1.5, True), (0, True), (True, False), ("1", False), (None, False)]
)
def test_numbers_stand_on_the_right(value: Any, is_it: bool) -> None:
    assert is_number({"column": value}, "column") is is_it
