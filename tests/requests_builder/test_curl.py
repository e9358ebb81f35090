"""cURL commands as documentation prints them and browsers copy them: read, or refused with the reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requests_builder.importing import Refused, RequestDraft, looks_like_curl, parse_curl
from tests.requests_builder.curl_corpus import CORPUS, READ, REFUSED, Line, meaning_of


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 200


@pytest.mark.parametrize("line", READ, ids=str)
def test_a_command_becomes_the_request_that_it_would_send(line: Line) -> None:
    imported = parse_curl(line.command)

    assert meaning_of(imported.draft) == line.meaning
    for words in line.says:
        assert words in " ".join(imported.notes)


@pytest.mark.parametrize("line", REFUSED, ids=str)
def test_what_cannot_be_one_request_is_refused_with_the_reason(line: Line) -> None:
    with pytest.raises(Refused) as refusal:
        parse_curl(line.command)

    assert line.refused in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "curl"),
        ("make coffee", "does not begin with curl"),
        ("curl https://a.example\0", "character"),
        ("curl " + "x" * 100_001, "100,000"),
    ],
    ids=["empty", "another command", "NUL", "too long"],
)
def test_what_is_no_command_is_refused(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        parse_curl(text)


@pytest.mark.parametrize("line", [line for line in READ if "| curl" not in line.command], ids=str)
def test_a_pasted_command_is_known_by_its_beginning(line: Line) -> None:
    assert looks_like_curl(line.command)


@pytest.mark.parametrize(
    "text", ["https://a.example/curl ", "curly https://a.example", "a=" * 1_000 + "curl"]
)
def test_an_address_is_no_command(text: str) -> None:
    assert not looks_like_curl(text)


def test_a_credential_is_not_in_what_is_said() -> None:
    imported = parse_curl(
        "curl 'https://a.example/x?api_key=k-false' -H 'X-Auth-Token: t-false' -u ann:p-false"
    )

    assert "false" not in " ".join(imported.notes)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        draft = parse_curl(f"curl {text}").draft
    except Refused:
        return
    assert isinstance(draft, RequestDraft)
