"""What a path leads to in a sample, said while it is typed."""

import difflib
from dataclasses import dataclass
from typing import Any

from requests_builder.expressions import InvalidPath, compiled

from .cursors import cursor_in
from .hints import Hint, Hints
from .links import checked_next, link_to
from .pages import InvalidPagination, Page, PaginationError, shortened
from .paths import as_count, as_flag

SHOWN_CHARACTERS = 80
ROLES = frozenset(
    {"next_url", "cursor", "cursor_header", "cursor_last_record", "link_header", "total", "total_pages"}
    | {"has_more", "is_last"}
)


@dataclass(frozen=True, slots=True)
class Check:
    """`is_right`: a pull could use what stands there. `sentence` says what was found, or what to do."""

    is_right: bool
    sentence: str


def check(role: str, path: str, page: Page) -> Check:
    """Whether the path leads to what its role needs, in this page.

    Roles: see ROLES.
    """
    path = path.strip()
    try:
        if role == "link_header":
            return _link(page)
        return _value(role, path, page)
    except (InvalidPath, InvalidPagination, PaginationError) as error:
        return Check(False, error.sentence)


def _value(role: str, path: str, page: Page) -> Check:
    source = {"cursor_header": "header", "cursor_last_record": "last_record"}.get(role, "answer")
    if source != "header":
        compiled(path)
    found = cursor_in(source, path, page)
    if found is None:
        return _nothing(role, path, page)
    match role:
        case "next_url":
            if not isinstance(found, str):
                return Check(False, f"No URL is there, but {_kind_of(found)}{_inner(path, found)}")
            checked_next(page.request.url, found)
        case "total" | "total_pages":
            if as_count(found) is None:
                return Check(False, f"No number is there, but {_kind_of(found)}{_inner(path, found)}")
        case "has_more" | "is_last":
            if as_flag(found) is None:
                return Check(
                    False, f"Neither true nor false is there, but {_kind_of(found)}{_inner(path, found)}"
                )
        case _:
            if isinstance(found, bool | dict | list):
                return Check(False, f"No cursor is there, but {_kind_of(found)}{_inner(path, found)}")
    return Check(True, f"Found: {shown(found)}")


def _nothing(role: str, path: str, page: Page) -> Check:
    if role == "cursor_header":
        return Check(False, "The answer has no header of this name.")
    if role == "cursor_last_record":
        names = page.records[-1] if page.records and isinstance(page.records[-1], dict) else {}
        near = difflib.get_close_matches(path, [str(name) for name in names], 1)
        return Check(False, f"The last record has no such field.{_meant(near)}")
    hints = Hints(page)
    if any(hint.path == path for hint in hints.values):
        return Check(True, "It is there, and empty on this page (null): that is how the last page looks.")
    return Check(False, f"Nothing is there in the answer.{_meant(_near(path, hints.values))}")


def _near(path: str, values: list[Hint]) -> list[str]:
    last = path.rpartition(".")[2].lower()
    same_name = [hint.path for hint in values if hint.name.lower() == last]
    return same_name[:1] or difflib.get_close_matches(path, [hint.path for hint in values], 1, 0.6)


def _link(page: Page) -> Check:
    found = link_to("next", page.headers)
    if found is None:
        return Check(False, "This answer has no Link header with rel=next: it is the last page, or has none.")
    return Check(True, f"Found: {shown(checked_next(page.request.url, found))}")


def _meant(near: list[str]) -> str:
    return f" Did you mean {shortened(near[0])}?" if near else ""


def _inner(path: str, found: Any) -> str:
    """Which key inside an object is perhaps meant."""
    names = [name for name in ("href", "url", "after", "next") if isinstance(found, dict) and name in found]
    return f"; did you mean {shortened(path)}.{names[0]}?" if names else "."


def _kind_of(found: Any) -> str:
    if isinstance(found, dict):
        return "an object"
    if isinstance(found, list):
        return "a list"
    return shown(found)


def shown(found: Any) -> str:
    """A value from an answer, short enough for a line under a field."""
    if isinstance(found, str):
        return f"“{shortened(found, SHOWN_CHARACTERS)}”"
    return "true" if found is True else "false" if found is False else shortened(str(found), SHOWN_CHARACTERS)
