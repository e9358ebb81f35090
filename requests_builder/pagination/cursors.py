"""Strategies for answers that hold a cursor, which the next request hands back."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from requests_builder.rendering import MAX_URL_LENGTH, RenderedRequest

from .bodies import normalized, with_value
from .counting import check_body_path, check_parameter
from .ends import Ends
from .pages import End, InvalidPagination, Page, PaginationError, shortened
from .paths import check_path, search

MAX_CURSOR_LENGTH = 4_000
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
# A stranger writes the cursor, and must not write these.
_NO_CURSORS = frozenset(
    {"authorization", "connection", "content-length", "content-type", "cookie", "host", "proxy-authorization"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)
SOURCES = ("answer", "header", "last_record")
PLACES = ("query", "header")


@dataclass(frozen=True, slots=True)
class Cursor(Ends):
    """The answer holds a cursor, and the next request hands it back in a query parameter or a header.

    `source`: `path` leads to it in the answer, or is the name of a header of the answer, or leads to it in
    the last record. No cursor, or a page without a last record, is the end.
    """

    kind: ClassVar[str] = "cursor"
    path: str = "next_cursor"
    parameter: str = "cursor"
    source: str = "answer"
    place: str = "query"

    def __post_init__(self) -> None:
        if self.place not in PLACES:
            raise InvalidPagination("place", f"The cursor is sent in one of {', '.join(PLACES)}.")
        if self.place == "query":
            check_parameter("parameter", self.parameter, "that takes the cursor, such as cursor")
        elif not _HEADER_NAME.fullmatch(self.parameter) or self.parameter.lower() in _NO_CURSORS:
            raise InvalidPagination("parameter", "Name a header that may carry a cursor, such as X-Cursor.")
        _check(self)

    def first_request(self, request: RenderedRequest) -> RenderedRequest:
        return request

    def next_request(self, page: Page) -> RenderedRequest | End:
        cursor = _next_cursor(self, page)
        if isinstance(cursor, End):
            return cursor
        if self.place == "query":
            following = page.request.with_parameter(self.parameter, str(cursor))
            if len(following.url) > MAX_URL_LENGTH:
                raise PaginationError(
                    "invalid_next", "With the cursor, the URL of the next page is too long."
                )
            return following
        if not re.fullmatch(r"[\x21-\x7e]+", str(cursor)):
            raise PaginationError("invalid_next", "The cursor holds a character that no header can carry.")
        return page.request.with_header(self.parameter, str(cursor))


@dataclass(frozen=True, slots=True)
class CursorInBody(Ends):
    """The answer holds a cursor, and the next request hands it back in its body, for example of GraphQL."""

    kind: ClassVar[str] = "cursor_body"
    path: str = "next_cursor"
    body_path: str = "cursor"
    source: str = "answer"

    def __post_init__(self) -> None:
        check_body_path("body_path", self.body_path, "that takes the cursor, such as variables.after")
        _check(self)

    def first_request(self, request: RenderedRequest) -> RenderedRequest:
        return normalized(request)

    def next_request(self, page: Page) -> RenderedRequest | End:
        cursor = _next_cursor(self, page)
        return cursor if isinstance(cursor, End) else with_value(page.request, self.body_path, cursor)


def cursor_in(source: str, path: str, page: Page) -> Any:
    """What stands where the cursor is looked for, or None. Raises PaginationError."""
    if source == "header":
        return page.header(path)
    if source == "last_record":
        return search(path, page.records[-1]) if page.records else None
    return search(path, page.document)


def _check(strategy: Cursor | CursorInBody) -> None:
    if strategy.source not in SOURCES:
        raise InvalidPagination("source", f"The cursor comes from one of {', '.join(SOURCES)}.")
    if not strategy.path.strip():
        raise InvalidPagination("path", "Say where the cursor is, such as meta.next_cursor.")
    if strategy.source != "header":
        check_path("path", strategy.path)
    elif not _HEADER_NAME.fullmatch(strategy.path):
        raise InvalidPagination("path", "Name the header of the answer, such as X-Next-Cursor.")
    strategy.check_ends()


def _next_cursor(strategy: Cursor | CursorInBody, page: Page) -> int | float | str | End:
    if end := strategy.end_after(page):
        return end
    if strategy.source == "last_record" and not page.records:
        return End(f"Page {page.number:,} had no records.")
    found = cursor_in(strategy.source, strategy.path, page)
    if strategy.source == "last_record" and found in (None, ""):
        raise PaginationError(
            "invalid_next", f"The last record has no {shortened(strategy.path)} to go on from."
        )
    if found is None or found is False or found == "":
        return End(f"Page {page.number:,} named no further cursor ({shortened(strategy.path)}).")
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        raise PaginationError("invalid_next", f"What is at {shortened(strategy.path)} is no cursor.")
    if len(str(found)) > MAX_CURSOR_LENGTH or re.search(r"[\ud800-\udfff]", str(found)):
        raise PaginationError("invalid_next", f"The cursor at {shortened(strategy.path)} cannot be sent.")
    return found
