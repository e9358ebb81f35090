"""How answers of APIs are shown."""

import html
import json
import re
from typing import Any

import pytest

from connections.outbound import Timings
from requests_builder import pretty, trees
from requests_builder.expressions import compiled
from requests_builder.templatetags.answers import (
    cell,
    hex_lines,
    is_number,
    phases,
    pretty_json,
    pretty_xml,
    status_look,
)


def plain(shown: str) -> str:
    """What a reader sees of it, and copies."""
    return html.unescape(re.sub("<[^>]*>", "", shown))


@pytest.mark.parametrize(
    "document",
    [
        {"id": 1, "name": "Ann", "ok": True, "none": None, "price": -1.5e-7, "empty": {}, "list": []},
        ["true", "null", "1", '"quoted": 1', "a\\", "\n\t", "é→😀"],
        "text",
        None,
        [[[{"a": [1, 2]}]]],
        {"id": 2**80},
    ],
)
def test_a_document_is_shown_whole_and_unchanged(document: Any) -> None:
    shown = pretty_json(document)

    assert plain(shown.html).removesuffix("\n") == json.dumps(document, indent=2, ensure_ascii=False)
    assert shown.is_whole


def test_nothing_in_a_document_becomes_markup() -> None:
    hostile = "<img src=x onerror=\"alert('1')\"> &amp;"
    shown = pretty_json({"</pre><script>": hostile, '"><script>': [hostile]}).html

    ours = r'</?(span|details|summary)( class="json-[a-z]+"| open| data-folded="[^"<>]*")?>'
    assert "<" not in re.sub(ours, "", shown)
    assert "&lt;script&gt;" in shown
    assert "&amp;amp;" in shown


def test_names_and_values_are_told_apart_by_colour() -> None:
    shown = pretty_json({"a": "true", "b": True, "c": None, "d": 1}).html

    assert '<span class="json-key">&quot;a&quot;</span>: <span class="json-string">&quot;true&quot;' in shown
    for kind, text in (("boolean", "true"), ("null", "null"), ("number", "1")):
        assert f'<span class="json-{kind}">{text}</span>' in shown


def test_each_object_and_list_folds_and_says_then_what_is_in_it() -> None:
    shown = pretty_json({"data": [{"id": 1}, {"id": 2}], "none": []}).html

    assert shown.count("<details open>") == shown.count("</details>") == 4
    assert 'data-folded=" 2 items ],"' in shown
    assert 'data-folded=" 1 field }"' in shown


def test_of_a_large_document_the_beginning_is_shown_and_what_is_left_is_counted() -> None:
    shown = pretty_json({"data": [["<b>"]] * 1_000_000, "after": 1})

    assert not shown.is_whole
    assert plain(shown.html).count("\n") < pretty.MAX_LINES + 20
    assert re.search("… 99[0-9],[0-9]{3} more", plain(shown.html))
    assert shown.html.count("<details") == shown.html.count("</details>")


def test_of_a_long_text_the_beginning_is_shown() -> None:
    shown = pretty_json({"text": "x" * 1_000_000})

    assert not shown.is_whole
    assert len(shown.html) < 5_000
    assert "998,000 more characters" in plain(shown.html)


def test_xml_has_a_line_for_each_element_that_holds_others() -> None:
    leaves = "<b>te<![CDATA[<x>]]>xt</b><c/><d><e>1</e>\n<f></f></d>mixed<!--c-->"
    xml = f"<?xml version='1.0'?><a x='1>2'>{leaves}</a>"

    assert plain(pretty_xml(xml).html) == (
        "<?xml version='1.0'?>\n<a x='1>2'>\n  <b>te<![CDATA[<x>]]>xt</b>\n  <c/>\n  <d>\n    <e>1</e>\n"
        "    <f></f>\n  </d>\n  mixed\n  <!--c-->\n</a>\n"
    )


def test_of_long_xml_the_beginning_is_shown() -> None:
    shown = pretty_xml(f"<a>{'<b>1</b>' * 100_000}</a>")

    assert not shown.is_whole
    assert plain(shown.html).count("\n") <= pretty.MAX_LINES + 2


DOCUMENT = {
    "data": [{"first name": "Ann", "a-b": {"c": [1, None]}, 'q"\\': 1, "é": 2, "": 3, "1st": 4}],
    "ok": True,
    "plain_key": {"x": "y"},
}


def all_nodes(document: Any, steps: tuple[trees.Step, ...] = ()) -> list[trees.Node]:
    found = trees.branch(document, steps)
    return [
        each
        for node in found.nodes
        for each in (node, *(all_nodes(document, node.steps) if node.count else []))
    ]


def test_the_path_of_every_node_leads_to_its_value() -> None:
    nodes = all_nodes(DOCUMENT)

    assert len(nodes) == 14
    for node in nodes:
        value: Any = DOCUMENT
        for step in node.steps:
            value = value[step]
        assert compiled(node.path).search(DOCUMENT) == value
    paths = [node.path for node in nodes]
    assert 'data[0]."first name"' in paths
    assert 'data[0]."a-b".c[1]' in paths
    assert "plain_key.x" in paths


def test_a_list_at_the_root_has_paths_too() -> None:
    assert [node.path for node in all_nodes([{"a": [1]}])] == ["[0]", "[0].a", "[0].a[0]"]
    assert trees.branch([1]).parent.path == "@"


def test_a_branch_goes_on_where_it_ended() -> None:
    document = {"data": list(range(250))}

    first = trees.branch(document, ("data",))
    last = trees.branch(document, ("data",), 200)

    assert (len(first.nodes), first.left, first.following) == (100, 150, 100)
    assert ([node.text for node in last.nodes][:2], last.left) == (["200", "201"], 0)


@pytest.mark.parametrize("steps", [("no",), ("data", 9), ("data", -1), ("data", "0"), ("ok", "x"), (0,)])
def test_steps_that_lead_nowhere_are_refused(steps: tuple[trees.Step, ...]) -> None:
    with pytest.raises(LookupError):
        trees.branch(DOCUMENT, steps)


@pytest.mark.parametrize(
    ("status", "kind", "word"),
    [
        (200, "ok", "Success"),
        (204, "ok", "Success"),
        (304, "waiting", "Redirect"),
        (404, "failed", "Refused"),
        (503, "failed", "Server error"),
        (999, "warning", "Unusual"),
    ],
)
def test_a_status_has_a_colour_a_shape_and_a_word(status: int, kind: str, word: str) -> None:
    look = status_look(status)

    assert (look["kind"], look["word"]) == (kind, word)
    assert look["icon"]


def test_the_phases_of_a_call_fill_the_bar() -> None:
    shown = phases(Timings(resolve=0.1, connect=0.2, tls=0.3, first_byte=1.0, total=2.0))

    assert [round(phase["seconds"], 6) for phase in shown] == [0.1, 0.2, 0.3, 0.4, 1.0]
    assert [phase["width"] for phase in shown] == ["5.00", "10.00", "15.00", "20.00", "50.00"]
    assert [phase["x"] for phase in shown] == ["0.00", "5.00", "15.00", "30.00", "50.00"]
    assert phases(Timings(0, 0, 0, 0, 0))


def test_bytes_are_shown_with_what_is_text_in_them() -> None:
    shown = hex_lines(b"%PDF-1.7\n<b>\xff" + bytes(500))

    assert (
        shown.splitlines()[0] == "00000000  25 50 44 46 2d 31 2e 37 0a 3c 62 3e ff 00 00 00  %PDF-1.7.<b>...."
    )
    assert len(shown.splitlines()) == 16


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
