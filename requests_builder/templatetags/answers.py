"""How answers of APIs are shown."""

import json
import re
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

# Colouring a larger document would cost the browser more than it helps the reader.
MAX_COLOURED_CHARACTERS = 200_000
_JSON_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)'
    r"|(?P<boolean>\btrue\b|\bfalse\b)|(?P<null>\bnull\b)"
)


@register.filter
def pretty_json(document: object) -> SafeString:
    """The document indented and coloured, as HTML."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if len(text) > MAX_COLOURED_CHARACTERS:
        return mark_safe(escape(text[:MAX_COLOURED_CHARACTERS]) + "\n…")  # noqa: S308 - escaped
    pieces: list[str] = []
    end = 0
    for match in _JSON_TOKEN.finditer(text):
        pieces.append(escape(text[end : match.start()]))
        pieces.append(f'<span class="json-{match.lastgroup}">{escape(match[0])}</span>')
        end = match.end()
    return mark_safe("".join(pieces) + escape(text[end:]))  # noqa: S308 - each piece is escaped


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
