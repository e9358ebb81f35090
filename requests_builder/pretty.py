"""Documents as people read them: JSON that folds, XML with a line for each element. PURE.

What comes out is a row of pieces, each with what it is; the page makes markup of them. It ends after so many
lines and characters that a browser draws it at once, however long the document is.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MAX_LINES = 3_000
MAX_CHARACTERS = 200_000
# Of one text; its rest is a matter for the raw body.
MAX_VALUE = 2_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text and what it is: key, string, number, boolean, null, comment, more, line (the end of
    one that folds), or nothing."""

    text: str = field(repr=False)
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Fold:
    """Begins something that folds: its first line, and what stands behind that while it is folded."""

    first: tuple[Piece, ...]
    instead: str


@dataclass(frozen=True, slots=True)
class End:
    """Ends what the last fold has begun."""


Part = Piece | Fold | End


def json_parts(document: Any) -> Iterator[Part]:
    """The document, indented by two spaces; beyond the limits only how much is left out.

    Put together, the text is the document itself, unless a piece of the kind `more` is among the pieces.
    """
    yield from _Json().value(document, (), "", "")


class _Json:
    def __init__(self) -> None:
        self._lines = MAX_LINES
        self._characters = MAX_CHARACTERS

    def value(self, value: Any, label: tuple[Piece, ...], indent: str, comma: str) -> Iterator[Part]:
        """One value with what stands before it, on as many lines as it takes."""
        if not isinstance(value, dict | list) or not value:
            yield from self._line((*label, *_scalar(value)), indent, comma)
            return
        is_object = isinstance(value, dict)
        begin, end = "{}" if is_object else "[]"
        count = len(value)
        words = f"{count:,} {'field' if is_object else 'item'}{'' if count == 1 else 's'}"
        # Its last line is owed as well.
        self._take(2 * len(indent) + 4, lines=2)
        yield Fold((Piece(indent), *label, Piece(begin), Piece("\n", "line")), f" {words} {end}{comma}")
        inner = indent + "  "
        items = value.items() if isinstance(value, dict) else ((None, each) for each in value)
        for place, (key, each) in enumerate(items, 1):
            if self._lines <= 0 or self._characters <= 0:
                left = f"{count - place + 1:,} more"
                yield Piece(f"{inner}… {left}\n", "more")
                break
            key_label = () if key is None else (Piece(_dumped(key), "key"), Piece(": "))
            yield from self.value(each, key_label, inner, "," if place < count else "")
        yield Piece(f"{indent}{end}{comma}\n")
        yield End()

    def _line(self, pieces: tuple[Piece, ...], indent: str, comma: str) -> Iterator[Part]:
        self._take(sum(len(piece.text) for piece in pieces) + len(indent))
        yield Piece(indent)
        yield from pieces
        yield Piece(f"{comma}\n")

    def _take(self, characters: int, lines: int = 1) -> None:
        self._lines -= lines
        self._characters -= characters


def _scalar(value: Any) -> tuple[Piece, ...]:
    match value:
        case str() if len(value) > MAX_VALUE:
            left = Piece(f"… {len(value) - MAX_VALUE:,} more characters", "more")
            return Piece(_dumped(value[:MAX_VALUE]), "string"), left
        case str():
            return (Piece(_dumped(value), "string"),)
        case bool():
            return (Piece("true" if value else "false", "boolean"),)
        case None:
            return (Piece("null", "null"),)
        case int() | float():
            return (Piece(json.dumps(value), "number"),)
        case _:
            return (Piece("{}" if isinstance(value, dict) else "[]"),)


def _dumped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


_XML_TOKEN = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>|[^<]+", re.DOTALL
)


def xml_parts(text: str) -> Iterator[Part]:
    """Well-formed XML with a line for each element that holds others; text of leaves stays beside."""
    depth, lines, is_open = 0, MAX_LINES, False
    for match in _XML_TOKEN.finditer(text[:MAX_CHARACTERS]):
        token = match[0].strip()
        is_text = not token.startswith("<") or token.startswith("<![CDATA[")
        is_close = token.startswith("</")
        if not token:
            continue
        if lines <= 0:
            break
        if is_open and (is_text or is_close):
            # The element's first text, or its end: on the line that its tag has begun.
            yield Piece(token, "string" if is_text else "key")
            if is_text:
                continue
        else:
            if is_open:
                yield Piece("\n")
            depth -= is_close and depth > 0
            yield Piece("  " * depth)
            yield Piece(token, "string" if is_text else "comment" if token[1] in "!?" else "key")
        if is_close:
            depth -= is_open and depth > 0
        is_open = not (is_text or is_close or token[1] in "!?" or token.endswith("/>"))
        depth += is_open
        lines -= 1
        if not is_open:
            yield Piece("\n")
    if lines <= 0 or len(text) > MAX_CHARACTERS:
        yield Piece("\n…\n", "more")
