"""XML as dictionaries: attributes as "@name", text as "#text", an element that is repeated as a list.

Names keep the prefix that they are written with; an element that holds nothing but text is that text, and one
that holds nothing is null. Space around text is not kept.

Read by expat, which comes with Python, with our own bounds on what makes XML dangerous: a document type
declaration is refused where it begins, so that no entity is ever defined, nested or fetched, and depth and
number of nodes are counted while it is read. A library that wraps it, such as defusedxml, builds a second
tree of objects to be turned into dictionaries and counts neither.
"""

import re
from typing import Any
from xml.parsers import expat

from .documents import MAX_DEPTH, Kind, UnreadableAnswer, too_deep
from .texts import Text, decoded

# Elements and attributes.
MAX_NODES = 2_000_000

_DECLARED_ENCODING = re.compile(rb"""\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_DECLARATION = re.compile(r"\s*<\?xml\s[^>]*\?>")


def declared_encoding(body: bytes) -> str:
    """The encoding that the XML declaration names; empty if it names none."""
    found = _DECLARED_ENCODING.match(body.removeprefix(b"\xef\xbb\xbf")[:400])
    return found[1].decode() if found else ""


def parse_xml(body: bytes, charset: str = "") -> tuple[dict[str, Any], Text, dict[str, str]]:
    """The root element as a dictionary of one key, the text that it was read from, and the namespaces of the
    root.

    Raises UnreadableAnswer: too_deep, too_large, or parse_error for what is not well-formed or has a DTD.
    """
    source = decoded(body, charset or declared_encoding(body))
    # The declaration has been heeded already, and names an encoding that the text is not in any more.
    text = _DECLARATION.sub("", source.text, count=1)
    skipped = source.text[: len(source.text) - len(text)].count("\n")
    tree = _Tree()
    parser = tree.parser()
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        what = expat.errors.messages.get(error.code, "it is broken")
        raise UnreadableAnswer(
            "parse_error",
            f"The answer looks like XML, but is not well-formed: {what} at line {error.lineno + skipped:,}, "
            "column "
            f"{error.offset + 1:,}.",
            Kind.XML,
        ) from None
    finally:
        # They hold each other.
        tree.release(parser)
    return tree.root, source, tree.namespaces


class _Tree:
    """Builds the dictionaries while expat reads."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self.namespaces: dict[str, str] = {}
        self._open: list[tuple[str, dict[str, Any], list[str]]] = []
        self._nodes = 0

    def parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        return parser

    def release(self, parser: expat.XMLParserType) -> None:
        parser.StartDoctypeDeclHandler = None
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None

    def _refuse(self, *_: object) -> None:
        raise UnreadableAnswer(
            "parse_error",
            "The answer is XML with a document type declaration (DTD), which is not read, because it can "
            "make a short document endless. Ask whoever runs this API for a form without one.",
            Kind.XML,
        )

    def _start(self, name: str, attributes: list[str]) -> None:
        self._nodes += 1 + len(attributes) // 2
        if self._nodes > MAX_NODES:
            sentence = (
                f"The answer has more than {MAX_NODES:,} elements and attributes. Ask for less at once."
            )
            raise UnreadableAnswer("too_large", sentence, Kind.XML)
        if len(self._open) == MAX_DEPTH:
            raise too_deep(Kind.XML)
        content: dict[str, Any] = {}
        for key, value in zip(attributes[::2], attributes[1::2], strict=True):
            prefix, _, local = key.rpartition(":")
            if key == "xmlns" or prefix == "xmlns":
                # Declarations of namespaces are no attributes (Namespaces in XML §3).
                if not self._open:
                    self.namespaces[local if prefix else ""] = value
            else:
                content[f"@{key}"] = value
        self._open.append((name, content, []))

    def _text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def _end(self, name: str) -> None:
        _, content, parts = self._open.pop()
        text = "".join(parts).strip()
        value: Any = content
        if not content or content == {"@xsi:nil": "true"}:
            value = text or None
        elif text:
            content["#text"] = text
        parent = self._open[-1][1] if self._open else self.root
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]
