"""cURL commands as documentation prints them and browsers copy them: read, or refused with the reason."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_builder import snippets
from requests_builder.importing import Refused, RequestDraft, looks_like_curl, parse_curl
from requests_builder.rendering import Basic, Bearer, NoAuthorization

# The command, and what of the draft is other than a plain GET of https://api.example/x.
READ: list[tuple[str, dict[str, Any]]] = [
    ("curl https://api.example/x", {}),
    ("$ curl -sSL 'https://api.example/x'", {"follow_redirects": True}),
    ("curl --request GET --url https://api.example/x", {}),
    ('curl "https://api.example/x" -H "Accept: text/csv"', {"headers": (("Accept", "text/csv"),)}),
    ("curl -XDELETE https://api.example/x", {"method": "DELETE"}),
    ("curl -I https://api.example/x", {"method": "HEAD"}),
    ("curl -u ann:pw https://api.example/x", {"authorization": Basic("ann", "pw")}),
    ("curl https://api.example/x -u sk_test_123:", {"authorization": Basic("sk_test_123", "")}),
    (
        "curl https://api.example/x -H 'Authorization: Bearer t0k'",
        {"authorization": Bearer("t0k")},
    ),
    (
        "curl https://api.example/x -H 'Authorization: Basic YW5uOnB3'",
        {"authorization": Basic("ann", "pw")},
    ),
    (
        'curl https://api.example/x \\\n  -H "Content-Type: application/json" \\\n  -d \'{"a": 1}\'',
        {"method": "POST", "kind": "json", "text": '{"a": 1}'},
    ),
    ("curl --json '{\"a\":1}' https://api.example/x", {"method": "POST", "kind": "json", "text": '{"a":1}'}),
    (
        "curl https://api.example/x -d a=1 -d 'b=x y'",
        {"method": "POST", "kind": "form", "pairs": (("a", "1"), ("b", "x y"))},
    ),
    (
        "curl https://api.example/x --data-urlencode 'q=a b&c' --data-urlencode '=z'",
        {"method": "POST", "kind": "raw", "text": "q=a%20b%26c&z"},
    ),
    ("curl -G https://api.example/x -d a=1 --data-urlencode 'q=a b'", {"url": "?a=1&q=a%20b"}),
    (
        "curl https://api.example/x -F name=Ann -F 'note=it;type=text/plain'",
        {"method": "POST", "kind": "multipart"},
    ),
    (
        "curl -X PUT https://api.example/x -H 'Content-Type: text/plain' --data-raw 'hello'",
        {"method": "PUT", "kind": "raw", "text": "hello"},
    ),
    (
        "curl https://api.example/x -H 'Content-Type: application/xml' -d '<a>1</a>'",
        {"method": "POST", "kind": "xml", "text": "<a>1</a>"},
    ),
    ("curl -A bot/1 -e https://ref.example -b 'a=1; b=2' https://api.example/x", {"has_headers": 3}),
    ("curl --compressed -m 20 -s https://api.example/x", {"timeout_seconds": 20}),
    (
        "curl 'https://api.example/x' -H 'content-type: application/json' --data-raw $'{\"a\":\"it\\'s\"}'",
        {"method": "POST", "kind": "json", "text": '{"a":"it\'s"}'},
    ),
    (
        'curl "https://api.example/x" ^\r\n  -H "accept: text/csv" ^\r\n  --data-raw "a=1"',
        {"method": "POST", "kind": "form", "pairs": (("a", "1"),), "headers": (("accept", "text/csv"),)},
    ),
    ("curl.exe `\n  -X PATCH `\n  'https://api.example/x'", {"method": "PATCH"}),
    ("curl 'https://api.example/x?a=&a&%5B%5D=1'", {"url": "?a=&a&%5B%5D=1"}),
    ("curl https://api.example/x -H 'X-Empty;' -H 'X-A:  b '", {"headers": (("X-Empty", ""), ("X-A", "b"))}),
]
REFUSED = [
    ("curl https://a.example https://b.example", "2 URLs"),
    ("curl https://a.example -d @body.json", "body.json"),
    ("curl https://a.example -F 'f=@photo.png'", "uploads a file"),
    ("curl https://a.example -T photo.png", "sends a file"),
    ("curl -H 'A: b'", "URL"),
    ("curl 'https://a.example", "never closed"),
    ("wget https://a.example", "wget"),
    ("fetch('https://a.example')", "JavaScript"),
    ("Invoke-RestMethod https://a.example", "PowerShell"),
    ("make coffee", "does not begin with curl"),
    ("", "curl"),
    ("curl https://a.example\0", "character"),
    ("curl " + "x" * 100_001, "100,000"),
]


@pytest.mark.parametrize(("line", "expected"), READ, ids=[line[:60] for line, _ in READ])
def test_a_command_becomes_the_request_that_it_would_send(line: str, expected: dict[str, Any]) -> None:
    assert looks_like_curl(line)
    draft = parse_curl(line).draft

    assert draft.method == expected.get("method", "GET")
    assert draft.url == "https://api.example/x" + expected.get("url", "")
    assert draft.body.kind == expected.get("kind", "none")
    for name in ("text", "pairs"):
        if name in expected:
            assert getattr(draft.body, name) == expected[name]
    assert draft.authorization == expected.get("authorization", NoAuthorization())
    assert draft.timeout_seconds == expected.get("timeout_seconds")
    assert draft.follow_redirects == expected.get("follow_redirects")
    if "has_headers" in expected:
        assert len(draft.headers) == expected["has_headers"]
    else:
        assert draft.headers == expected.get("headers", ())


@pytest.mark.parametrize(("line", "expected"), READ, ids=[line[:60] for line, _ in READ])
def test_copied_as_curl_and_read_again_it_means_the_same(line: str, expected: dict[str, Any]) -> None:
    draft = parse_curl(line).draft

    again = parse_curl(snippets.curl(draft)).draft

    assert type(again.authorization) is type(draft.authorization)
    assert (again.method, again.url, again.timeout_seconds) == (
        draft.method,
        draft.url,
        draft.timeout_seconds,
    )
    assert again.follow_redirects == draft.follow_redirects
    assert (again.body.kind, again.body.text, again.body.pairs) == (
        draft.body.kind,
        draft.body.text,
        draft.body.pairs,
    )
    # What may be a secret, such as a cookie, is copied by its name only.
    assert {name for name, _ in draft.headers} <= {name for name, _ in again.headers}


@pytest.mark.parametrize(("line", "said"), REFUSED, ids=[line[:40] for line, _ in REFUSED])
def test_what_cannot_be_one_request_is_refused_with_the_reason(line: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        parse_curl(line)


def test_options_that_are_not_known_are_named_and_certificates_stay_checked() -> None:
    notes = " ".join(parse_curl("curl --frobnicate -k --compressed https://a.example").notes)

    assert "--frobnicate is not an option that is known here" in notes
    assert "Certificates are always checked." in notes
    assert "--compressed" in notes


def test_what_only_stands_for_a_value_is_pointed_out_and_never_run() -> None:
    imported = parse_curl('curl "https://a.example/$(id)/${ID}" -H "Authorization: Bearer <token>"')

    assert "$(id)" in imported.draft.url or "%24(id)" in imported.draft.url
    assert any("${ID}" in note or "$ID" in note for note in imported.notes)


HOSTILE = ("$(id)", "`id`", "'; id; '", '"', "\\", "a\nb", "%0A", "!x", "{a,b}", "ü")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_leaves_its_quotes_in_any_language(text: str) -> None:
    draft = replace(
        parse_curl("curl https://a.example/x -d a=1").draft, headers=(("X-A", text.replace("\n", " ")),)
    )
    draft = replace(draft, body=replace(draft.body, pairs=((text, text),)))

    again = parse_curl(snippets.curl(draft)).draft
    assert again.body.pairs == draft.body.pairs
    compile(snippets.python(draft), "snippet", "exec")


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        draft = parse_curl(f"curl {text}").draft
    except Refused:
        return
    assert isinstance(draft, RequestDraft)
