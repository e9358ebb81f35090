"""Values out of a document that somebody else wrote: each is asked for in the shape in which it is needed.

What has another shape counts as missing, for a file is not refused because one corner of it is odd.
"""

import json
from typing import Any

from requests_builder.rendering.wire import is_encodable


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is a mapping; an empty one otherwise."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[dict[str, Any]]:
    """The mappings in a list; none if it is no list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value as somebody would type it, without what no database and no request can hold."""
    match value:
        case str():
            written = value
        case None:
            written = ""
        case bool() | int() | float():
            written = json.dumps(value)
        case _:
            written = json.dumps(value, ensure_ascii=False)
    written = written.replace("\0", "")
    return written if is_encodable(written) else written.encode("utf-8", "replace").decode()


def line(value: Any, longest: int = 200) -> str:
    """The value as a short text on one line."""
    short = " ".join(text(value)[: longest * 4].split()) if not isinstance(value, dict | list) else ""
    return short if len(short) <= longest else f"{short[: longest - 1]}…"
