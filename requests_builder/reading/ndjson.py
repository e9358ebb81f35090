"""A JSON document on each line: NDJSON, JSON Lines, and JSON text sequences (RFC 7464)."""

from typing import Any

import orjson

from .documents import Kind, UnreadableAnswer
from .json import check_depth, exact, fast, has_large_numbers, is_known
from .texts import decoded

MEDIA_TYPES = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/json-lines",
        "application/x-json-stream",
        "application/stream+json",
        "application/json-seq",
        "text/x-ndjson",
        "text/jsonl",
    }
)
# How far the second line is searched for.
_SAMPLE = 1_000_000
_NOTHING = b" \t\r\x1e\xef\xbb\xbf"


def looks_like_lines(body: bytes) -> bool:
    """Whether the first two lines that hold anything are an object or a list each."""
    lines = (line.strip(_NOTHING) for line in body[:_SAMPLE].split(b"\n")[:100])
    begin = [line for line in lines if line][:2]
    return len(begin) == 2 and all(_is_container(line) for line in begin)


def parse_lines(body: bytes, charset: str = "") -> list[Any]:
    """The documents of all lines, blank ones left out. Raises UnreadableAnswer."""
    if b"\\u0000" not in body and not has_large_numbers(body):
        try:
            documents = [orjson.loads(line) for part in body.split(b"\n") if (line := part.strip(_NOTHING))]
        except orjson.JSONDecodeError:
            pass  # some of them have to be read exactly, or one is wrong
        else:
            check_depth(documents)
            return documents
    text = decoded(body, charset)
    lines = text.text.replace("\x1e", "").removeprefix("\ufeff").split("\n")
    last = max((number for number, line in enumerate(lines) if line.strip()), default=-1)
    documents = [
        _document(line, number + 1, is_broken_off=number == last == len(lines) - 1)
        for number, line in enumerate(lines)
        if line.strip()
    ]
    check_depth(documents)
    return documents


def _document(line: str, number: int, *, is_broken_off: bool) -> Any:
    document = fast(line.encode("utf-8", "surrogatepass"))
    if is_known(document):
        return document
    try:
        return exact(line.strip())
    except UnreadableAnswer as error:
        if error.code != "parse_error":
            raise
        if is_broken_off:
            sentence = (
                f"The answer broke off in line {number:,}, its last one, so nothing of it was used. Try "
                "again; if it keeps happening, ask for less at once."
            )
            raise UnreadableAnswer("truncated", sentence, Kind.NDJSON) from None
        said = error.sentence.replace("The answer", "it", 1).replace("line 1, ", "", 1)
        sentence = f"Line {number:,} of the answer cannot be read: {said}"
        raise UnreadableAnswer("parse_error", sentence, Kind.NDJSON) from None


def _is_container(line: bytes) -> bool:
    if not line.startswith((b"{", b"[")):
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
