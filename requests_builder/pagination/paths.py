"""Paths into the answer, as strategies use them."""

from typing import Any

from requests_builder.expressions import InvalidPath, compiled

from .pages import InvalidPagination, PaginationError


def check_path(name: str, path: str) -> None:
    """Raise InvalidPagination if a path that was given is no JMESPath. An empty one is fine."""
    try:
        compiled(path or "@")
    except InvalidPath as error:
        raise InvalidPagination(name, error.sentence) from error


def search(path: str, document: Any) -> Any:
    """What stands there, or None. Raises PaginationError if the path cannot be applied to this answer."""
    try:
        return compiled(path).search(document)
    except InvalidPath as error:
        raise PaginationError("invalid_next", error.sentence) from error


def as_flag(value: Any) -> bool | None:
    """What an answer says with this: true, false, or nothing that can be relied on."""
    if isinstance(value, bool):
        return value
    words = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
    return words.get(str(value).strip().lower()) if isinstance(value, int | str) else None


def as_count(value: Any) -> int | None:
    """A number of records or pages; None for anything else, and for numbers beyond 15 digits."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None
