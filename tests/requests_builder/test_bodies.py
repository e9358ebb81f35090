"""Every kind of body, as it goes over the wire."""

import email.parser
import email.policy
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_builder.rendering import (
    BodyKind,
    BodyPart,
    InvalidRequest,
    RenderedRequest,
    RequestTemplate,
    Upload,
    render,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAME = TEXT.filter(bool)


def template(kind: BodyKind, body: str = "", **fields: Any) -> RequestTemplate:
    return RequestTemplate("POST", "https://api.example/", body_kind=kind, body=body, **fields)


def problems_of(typed: RequestTemplate) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        render(typed)
    return [tuple(problem) for problem in caught.value.problems]


def parts_of(request: RenderedRequest) -> list[Any]:
    """What a server reads of a multipart body."""
    head = f"Content-Type: {request.header('Content-Type')}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + (request.body or b""))
    assert not message.defects
    return list(message.iter_parts())


@given(st.lists(st.tuples(NAME, TEXT), min_size=1, max_size=5))
def test_a_form_is_read_as_it_was_typed(pairs: list[tuple[str, str]]) -> None:
    sent = render(template(BodyKind.FORM, body_parts=tuple(BodyPart(*pair) for pair in pairs)))

    assert sent.header("Content-Type") == "application/x-www-form-urlencoded"
    assert parse_qsl((sent.body or b"").decode(), keep_blank_values=True) == pairs


def test_a_multipart_body_carries_values_and_files() -> None:
    upload = Upload("contacts.csv", "text/csv", b"id\r\n1\r\n--not a boundary\r\n\x00\xff")
    sent = render(
        template(BodyKind.MULTIPART, body_parts=(BodyPart("note", "zwölf"), BodyPart("file", upload=upload)))
    )

    note, file = parts_of(sent)

    assert note.get_payload(decode=True) == "zwölf".encode()
    assert file["Content-Disposition"].params == {"name": "file", "filename": "contacts.csv"}
    assert file.get_content_type() == "text/csv"
    assert b"\x00\xff" in (sent.body or b"")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\ann\plan.pdf", "plan.pdf"),
        ('a"; filename="b', "a%22; filename=%22b"),
        ("a\r\nX-Injected: yes", "aX-Injected: yes"),
        ("..", "file"),
    ],
)
def test_the_name_of_a_file_leads_nowhere_and_ends_no_line(name: str, shown: str) -> None:
    part = BodyPart("a\r\nb", upload=Upload(name, "text/plain\r\nX-Injected: yes", b""))
    sent = render(template(BodyKind.MULTIPART, body_parts=(part,)))

    head = (sent.body or b"").split(b"\r\n\r\n")[0].split(b"\r\n")

    assert head[1].decode() == f'Content-Disposition: form-data; name="a%0D%0Ab"; filename="{shown}"'
    assert head[2:] == [b"Content-Type: application/octet-stream"]


def test_no_part_of_a_multipart_body_holds_the_line_between_parts() -> None:
    first = render(template(BodyKind.MULTIPART, body_parts=(BodyPart("a", "b"),)))
    boundary = (first.header("Content-Type") or "").partition("boundary=")[2]

    again = render(template(BodyKind.MULTIPART, body_parts=(BodyPart("a", f"b\r\n--{boundary}--"),)))

    assert len(parts_of(again)) == 1
    assert first == render(template(BodyKind.MULTIPART, body_parts=(BodyPart("a", "b"),)))


def test_a_typed_content_type_would_break_a_multipart_body() -> None:
    typed = template(
        BodyKind.MULTIPART,
        body_parts=(BodyPart("a", "b"),),
        headers=(("content-type", "multipart/form-data"),),
    )

    [(field, sentence)] = problems_of(typed)

    assert field == "headers"
    assert "Remove the header Content-Type" in sentence


def test_graphql_sends_query_and_variables_as_json() -> None:
    sent = render(
        template(BodyKind.GRAPHQL, '{ a(b: "ü") }', graphql_variables=' {"first": 12345678901234567890.0}\n')
    )

    assert sent.header("Content-Type") == "application/json"
    assert json.loads(sent.body or b"")["query"] == '{ a(b: "ü") }'
    assert b'"variables": {"first": 12345678901234567890.0}}' in (sent.body or b"")
    assert json.loads(render(template(BodyKind.GRAPHQL, "{ a }")).body or b"") == {"query": "{ a }"}


def test_xml_and_raw_go_as_typed_with_their_media_type() -> None:
    xml = render(template(BodyKind.XML, '\n<?xml version="1.0" encoding="UTF-8"?><a b="c">ü</a>\n'))
    raw = render(template(BodyKind.RAW, "a;b\n1;2\n", body_media_type="text/csv"))

    assert xml.body == '<?xml version="1.0" encoding="UTF-8"?><a b="c">ü</a>'.encode()
    assert xml.header("Content-Type") == "application/xml; charset=utf-8"
    assert (raw.body, raw.header("Content-Type")) == (b"a;b\n1;2\n", "text/csv")
    assert render(template(BodyKind.RAW, "hi")).header("Content-Type") == "text/plain; charset=utf-8"


def test_a_typed_media_type_wins() -> None:
    typed = replace(template(BodyKind.XML, "<a/>"), headers=(("Content-Type", "application/soap+xml"),))

    assert [value for name, value in render(typed).headers if name == "Content-Type"] == [
        "application/soap+xml"
    ]


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        (template(BodyKind.XML, "<a><b></a>"), "body", "line 1, column 9"),
        (template(BodyKind.XML, '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "body", "DOCTYPE"),
        (template(BodyKind.XML, '<?xml version="1.0" encoding="latin-1"?><a/>'), "body", "another encoding"),
        (template(BodyKind.XML, " "), "body", "empty"),
        (template(BodyKind.GRAPHQL, ""), "body", "query is empty"),
        (template(BodyKind.GRAPHQL, "{ a }", graphql_variables="{"), "graphql_variables", "column 2"),
        (template(BodyKind.GRAPHQL, "{ a }", graphql_variables="[]"), "graphql_variables", "object"),
        (template(BodyKind.RAW, ""), "body", "empty"),
        (template(BodyKind.RAW, "a", body_media_type="csv"), "body_media_type", "text/csv"),
        (template(BodyKind.RAW, "a", body_media_type="text/csv\r\nX: y"), "body_media_type", "text/csv"),
        (template(BodyKind.RAW, "ab" * 5_000_001), "body", "larger than 10,000,000 bytes"),
        (template(BodyKind.FORM), "body_pairs", "no rows"),
        (template(BodyKind.FORM, body_parts=(BodyPart("", "b"),)), "body_pairs", "no name"),
        (
            template(BodyKind.FORM, body_parts=(BodyPart("a", upload=Upload("b", "c/d", b"")),)),
            "body_pairs",
            "Multipart",
        ),
        (template(BodyKind.MULTIPART, body_parts=(BodyPart("\ud800", "b"),)), "body_pairs", "UTF-8"),
    ],
)
def test_a_body_that_cannot_be_sent_says_why_at_its_field(
    typed: RequestTemplate, field: str, words: str
) -> None:
    [(found, sentence)] = problems_of(typed)

    assert found == field
    assert words in sentence
