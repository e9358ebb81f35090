"""How answers of APIs are shown."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from requests_builder import pretty, trees

register = template.Library()

HEX_BYTES = 256
_PHASES = (
    ("resolve", "Name look-up"),
    ("connect", "Connection"),
    ("tls", "TLS"),
    ("waiting", "Waiting"),
    ("download", "Download"),
)


@dataclass(frozen=True, slots=True)
class Pretty:
    """A document as HTML; `is_whole`: nothing of it is left out."""

    html: SafeString
    is_whole: bool


@register.filter
def pretty_json(document: object) -> Pretty:
    """The document indented, coloured, and folding at each object and list."""
    return _pretty(pretty.json_parts(document))


@register.filter
def pretty_xml(text: str) -> Pretty:
    """The same for XML, without folding."""
    return _pretty(pretty.xml_parts(text))


def _pretty(parts: Iterable[pretty.Part]) -> Pretty:
    made: list[str] = []
    is_whole = True
    for part in parts:
        match part:
            case pretty.Piece(text=text, kind=kind):
                made.append(_marked(text, kind))
                is_whole = is_whole and kind != "more"
            case pretty.Fold(first=first, instead=instead):
                line = "".join(_marked(piece.text, piece.kind) for piece in first)
                made.append(f'<details open><summary data-folded="{escape(instead)}">{line}</summary>')
            case pretty.End():
                made.append("</details>")
    return Pretty(mark_safe("".join(made)), is_whole)  # noqa: S308 - each piece is escaped


def _marked(text: str, kind: str) -> str:
    return f'<span class="json-{kind}">{escape(text)}</span>' if kind else escape(text)


@register.filter
def status_look(status: int) -> dict[str, str]:
    """The class, shape and word of a status: colour never says it alone."""
    look = {
        2: ("ok", "circle-check", "Success"),
        3: ("waiting", "arrow-right", "Redirect"),
        4: ("failed", "octagon-x", "Refused"),
        5: ("failed", "octagon-x", "Server error"),
    }.get(status // 100, ("warning", "triangle-alert", "Unusual"))
    return dict(zip(("kind", "icon", "word"), look, strict=True))


@register.filter
def phases(timings: Any) -> list[dict[str, Any]]:
    """Where the time went: name, seconds, and place and width of each phase on a bar of 100.

    Of one call, or of several: then a mapping holds the sums.
    """
    timings = SimpleNamespace(**timings) if isinstance(timings, dict) else timings
    total, at = max(timings.total, 1e-9), 0.0
    found = []
    for name, label in _PHASES:
        seconds = getattr(timings, name)
        width = seconds / total * 100
        found.append(
            {"name": name, "label": label, "seconds": seconds, "x": f"{at:.2f}", "width": f"{width:.2f}"}
        )
        at += width
    return found


@register.filter
def hex_lines(body: bytes) -> str:
    """The first bytes as an editor for such things shows them: place, sixteen bytes, and what is text."""
    lines = []
    for start in range(0, min(len(body), HEX_BYTES), 16):
        some = body[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in some)
        lines.append(f"{start:08x}  {some.hex(' '):<47}  {text}")
    return "\n".join(lines)


@register.filter
def steps_json(node: trees.Node) -> str:
    """Where a node is, as an address names it."""
    return json.dumps(node.steps, ensure_ascii=False)


@register.filter
def cell(record: dict[str, Any], column: str) -> str:
    """One value of a record as a table shows it: nested ones as compact JSON, nothing for null."""
    value = record.get(column)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


@register.filter
def is_number(record: dict[str, Any], column: str) -> bool:
    """Whether the value stands on the right."""
    value = record.get(column)
    return isinstance(value, int | float) and not isinstance(value, bool)
