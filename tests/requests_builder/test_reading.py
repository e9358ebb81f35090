"""Answers of every kind, read for what they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_builder.reading import Kind, UnreadableAnswer, read

RSS = """<?xml version="1.0" encoding="ISO-8859-1"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>News</title>
<item><title>Zo\u00eb</title><link>https://a.example/1</link>
<pubDate>Mon, 23 Nov 2026 12:00:00 +0100</pubDate>
<dc:creator>Ann</dc:creator><category>one</category><category>two</category></item>
<item><title>Second</title><guid>https://a.example/2</guid></item></channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>urn:1</id><title>First</title>
<link rel="alternate" href="https://a.example/1"/><updated>2026-11-23T12:00:00+01:00</updated>
<author><name>Ann</name></author><summary>Short</summary></entry></feed>"""


def refused(body: bytes, content_type: str = "") -> UnreadableAnswer:
    with pytest.raises(UnreadableAnswer) as error:
        read(body, content_type)
    return error.value


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "value"),
    [
        (b'[{"a": 1}]', "text/html", Kind.JSON, [{"a": 1}]),
        (b'{"a": 1}\n\r\n{"a": 2}\r\n', "application/json", Kind.NDJSON, [{"a": 1}, {"a": 2}]),
        (b'{"a": 1}\n', "application/x-ndjson", Kind.NDJSON, [{"a": 1}]),
        (b'a,b\r\n1,"x\r\ny"\r\n', "text/csv", Kind.CSV, [{"a": "1", "b": "x\r\ny"}]),
        (b"a;b\n007;\n", "text/plain", Kind.CSV, [{"a": "007", "b": None}]),
        (b"sep=|\na|b\n1|2\n", "text/csv", Kind.CSV, [{"a": "1", "b": "2"}]),
        (b"a\tb\n1,5\t2\n", "text/tab-separated-values", Kind.CSV, [{"a": "1,5", "b": "2"}]),
        (b"a,a,,b\n1,2,3,4\n", "text/csv", Kind.CSV, [{"a": "1", "a_2": "2", "column_3": "3", "b": "4"}]),
        (b"a,b\n1\n1,2,3\n", "text/csv", Kind.CSV, None),
        (
            b"<orders><order id='1'>x</order><order id='2'/></orders>",
            "application/xml",
            Kind.XML,
            {"orders": {"order": [{"@id": "1", "#text": "x"}, {"@id": "2"}]}},
        ),
    ],
)
def test_the_shape_says_what_it_is_and_the_media_type_helps(
    body: bytes, content_type: str, kind: Kind, value: object
) -> None:
    document = read(body, content_type)

    assert document.kind == kind
    if value is None:
        rows = [{"a": "1", "b": None, "column_3": None}, {"a": "1", "b": "2", "column_3": "3"}]
        assert document.value == rows
        assert "line 3" in document.warnings[0]
    else:
        assert document.value == value
        assert not document.warnings


def test_the_encoding_is_what_the_bytes_are_and_a_guess_is_said() -> None:
    assert read("n;m\nZoë;1\n".encode("utf-16"), "text/csv").value == [{"n": "Zoë", "m": "1"}]
    assert read("n;m\nZoë;1\n".encode(), "text/csv; charset=latin-1").value == [{"n": "Zoë", "m": "1"}]
    guessed = read("n;m\nZoë;1\n".encode("cp1252"), "text/csv")
    assert guessed.value == [{"n": "Zoë", "m": "1"}]
    assert guessed.label == "CSV, semicolon, Windows-1252"
    assert "Windows-1252" in guessed.warnings[0]


def test_the_items_of_a_feed_are_flat_records() -> None:
    first, second = read(RSS.encode("latin-1"), "application/rss+xml").value
    assert first == {
        "id": "https://a.example/1",
        "title": "Zoë",
        "link": "https://a.example/1",
        "published": "2026-11-23T11:00:00Z",
        "updated": None,
        "author": "Ann",
        "categories": ["one", "two"],
        "summary": None,
    }
    assert second["link"] == "https://a.example/2"

    [entry] = read(ATOM).value
    assert (entry["id"], entry["link"], entry["author"]) == ("urn:1", "https://a.example/1", "Ann")
    assert entry["updated"] == "2026-11-23T11:00:00Z"


@pytest.mark.parametrize(
    ("body", "content_type", "code", "said"),
    [
        (b"<!DOCTYPE html><title>Sign in", "", "parse_error", "The answer is HTML, perhaps a login page."),
        (b" \n<HTML>", "application/json", "parse_error", "The answer is HTML"),
        (b"<!-- x --><head></head>", "", "parse_error", "The answer is HTML"),
        (b"<a><b></a>", "application/xml", "parse_error", "not well-formed"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "text/xml", "parse_error", "document type declaration"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "text/xml", "parse_error", "(DTD)"),
        (b"<a>" * 200, "text/xml", "too_deep", "100 levels"),
        (b'{"a": 1}\n{"a": ', "application/x-ndjson", "truncated", "line 2"),
        (b'{"a": 1}\n{"a" 2}\n{"a": 3}\n', "application/x-ndjson", "parse_error", "Line 2"),
        (b"x," * 3000 + b"\n", "text/csv", "too_many_columns", "3,000"),
        (b"%PDF-1.7 \x00\x01", "application/json", "unsupported_content", "PDF"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "", "unsupported_content", "108"),
        (b"Hello, this is prose. It has commas, too.", "text/plain", "parse_error", "not JSON"),
        (b" \n", "", "empty_answer", "empty"),
    ],
)
def test_what_no_records_can_be_taken_from_says_what_it_is(
    body: bytes, content_type: str, code: str, said: str
) -> None:
    refusal = refused(body, content_type)

    assert refusal.code == code
    assert said in refusal.sentence


@given(
    st.binary(max_size=200), st.sampled_from(["", "text/csv", "text/xml", "application/x-ndjson", "a;b=\n"])
)
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    try:
        kind = read(body, content_type).kind
    except UnreadableAnswer as refusal:
        kind = refusal.kind
    assert kind in Kind
