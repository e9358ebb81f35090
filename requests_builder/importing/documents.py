"""The text of a file, read as JSON or YAML: within bounds, and nothing in it is obeyed or fetched."""

import json
import re
from typing import Any

from .drafts import Refused
from .yaml_documents import read_yaml

MAX_BYTES = 10 * 2**20
MAX_DEPTH = 100
MOST_VALUES = 2_000_000


def text_of(raw: bytes) -> str:
    """The text in a file. Raises Refused for what is none, or too large."""
    if len(raw) > MAX_BYTES:
        raise Refused(too_large("The file"))
    if raw.startswith(b"PK\x03\x04"):
        raise Refused("This is a ZIP archive. Unpack it, and choose one of the files in it.")
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise Refused("This is no text file. Choose the JSON or YAML file that was exported.") from None


def read_document(text: str) -> Any:
    """The document in a text. Raises Refused, with the place of the mistake."""
    if len(text) > MAX_BYTES:
        raise Refused(too_large("The text"))
    stripped = text.strip().lstrip("\ufeff")
    if stripped[:1] not in "{[":
        return read_yaml(text, deepest=MAX_DEPTH)
    try:
        document = json.loads(stripped)
    except json.JSONDecodeError as error:
        message = error.msg[:1].lower() + error.msg[1:]
        raise Refused(f"This is not JSON: {message} at line {error.lineno}, column {error.colno}.") from None
    except (RecursionError, ValueError):
        raise Refused("This is not JSON that can be read: it is nested too deeply.") from None
    _check_depth(document)
    return document


def too_large(what: str) -> str:
    return f"{what} is larger than {MAX_BYTES // 2**20} MB. Export less of it, such as one folder."


def resembles_document(text: str) -> bool:
    """Whether a text begins as JSON or as YAML with a key does."""
    return bool(re.match(r"\s*(?:[\[{]|---|#|[\"']?[A-Za-z_]\w*[\"']?\s*:(?:\s|$))", text.lstrip("\ufeff")))


def _check_depth(document: Any) -> None:
    level, depth, count = [document], 0, 0
    while level:
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        depth += 1
        count += len(inner)
        if depth > MAX_DEPTH:
            raise Refused(f"The file is nested more than {MAX_DEPTH} levels deep.")
        if count > MOST_VALUES:
            raise Refused(f"The file holds more than {MOST_VALUES:,} values. Export less of it.")
        level = [value for value in inner if isinstance(value, dict | list)]
