"""JSON, exactly.

Choices that hold everywhere: of two equal keys the last wins; integers stay exact up to 1,000 digits; NUL
and lone surrogates, which PostgreSQL cannot store, become U+FFFD; what is no number in JSON (NaN, Infinity,
1e999) is refused.
"""

import itertools
import json
import math
from collections.abc import Iterable
from typing import Any, Never

import orjson

from .documents import MAX_DEPTH, REPLACEMENT, UNSTORABLE, Kind, UnreadableAnswer, too_deep
from .texts import codec_of, shown_name

MAX_DIGITS = 1_000

# To search for integers beyond 64 bits, which orjson rounds to floats without a word.
_DIGITS_AS_ZEROS = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_NINETEEN_DIGITS = b"0" * 19
_FOUR_DIGITS = b"0" * 4
_CONTAINERS = frozenset({dict, list})
_DICTS = frozenset({dict})
_is_container = _CONTAINERS.__contains__
_UNKNOWN = object()


def parse_json(body: bytes, charset: str = "") -> Any:
    """The JSON document in the body. Raises UnreadableAnswer.

    UTF-8, UTF-16 and UTF-32 are recognised by their bytes (RFC 8259 §8.1); `charset`, as the media type names
    it, counts only for what is none of these.
    """
    return parsed(body, charset)[0]


def parsed(body: bytes, charset: str = "") -> tuple[Any, str]:
    """The same, with the name of its encoding."""
    if not body.strip(b"\xef\xbb\xbf \t\r\n"):
        raise UnreadableAnswer("empty_answer", "The answer is empty.", Kind.EMPTY)
    document, encoding = fast(body), "UTF-8"
    if document is _UNKNOWN:
        text, encoding = _decoded(body, charset)
        document = exact(text)
    check_depth(document)
    return document, encoding


def is_known(document: Any) -> bool:
    """Whether `fast` could read it."""
    return document is not _UNKNOWN


def fast(body: bytes) -> Any:
    """The document by orjson; not `is_known` where orjson refuses it or would round a number."""
    if has_large_numbers(body):
        return _UNKNOWN
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        # The slow way reads what is right all the same (big numbers, UTF-16), and says what is wrong.
        return _UNKNOWN
    # A single byte is found ten times faster than six.
    return _storable(document) if b"\\" in body and b"\\u0000" in body else document


def has_large_numbers(body: bytes) -> bool:
    """Whether there may be integers that orjson would round."""
    # Of nineteen digits in a row, each fourth byte meets four: that is looked at first, for it is less.
    if _FOUR_DIGITS not in body[::4].translate(_DIGITS_AS_ZEROS):
        return False
    return _NINETEEN_DIGITS in body.translate(_DIGITS_AS_ZEROS)


def exact(text: str) -> Any:
    """The document by Python's own parser, exact and with positions. Raises UnreadableAnswer."""
    try:
        document = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_refuse_number)
        return _storable(document)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno} (character {error.pos:,})"
        what = (
            "more follows after its end"
            if error.msg == "Extra data"
            else error.msg[:1].lower() + error.msg[1:]
        )
        raise UnreadableAnswer("parse_error", f"The answer is not JSON: {what} at {place}.") from None
    except RecursionError:
        raise too_deep() from None


def check_depth(document: Any) -> None:
    """Raises UnreadableAnswer if the document is nested too deeply."""
    level = [document] if type(document) in _CONTAINERS else []
    for _ in range(MAX_DEPTH):
        # Exact types, and no Python of ours for each value: this runs over all of them, on every page.
        inner: Iterable[Iterable[Any]] = (
            map(dict.values, level)
            if _DICTS.issuperset(map(type, level))
            else [container.values() if type(container) is dict else container for container in level]
        )
        values = list(itertools.chain.from_iterable(inner))
        level = list(itertools.compress(values, map(_is_container, map(type, values))))
        if not level:
            return
    raise too_deep()


def _decoded(body: bytes, charset: str) -> tuple[str, str]:
    encoding = json.detect_encoding(body)
    try:
        return body.decode(encoding).removeprefix("\ufeff"), shown_name(encoding.removesuffix("-sig"))
    except UnicodeDecodeError as error:
        position = error.start
    try:
        if name := codec_of(charset):
            return body.decode(name), shown_name(name)
    except UnicodeDecodeError:
        pass
    raise UnreadableAnswer("parse_error", f"The answer is not text in UTF-8 (byte {position:,} is not).")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise UnreadableAnswer(
            "parse_error", f"The answer contains a number of more than {MAX_DIGITS:,} digits."
        )
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse_number(digits[:40])


def _refuse_number(name: str) -> Never:
    raise UnreadableAnswer(
        "parse_error", f"The answer contains {name}, which is not a number that can be stored."
    )


def _storable(document: Any) -> Any:
    """The document without the characters that PostgreSQL's JSONB refuses. Raises UnreadableAnswer."""
    check_depth(document)
    return _cleaned(document)


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return UNSTORABLE.sub(REPLACEMENT, value)
        case dict():
            return {UNSTORABLE.sub(REPLACEMENT, key): _cleaned(inner) for key, inner in value.items()}
        case list():
            return [_cleaned(inner) for inner in value]
        case _:
            return value
