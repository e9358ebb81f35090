"""Strategies that count: pages, or records that are skipped; in the query or in the body."""

from dataclasses import dataclass
from typing import ClassVar

from requests_builder.rendering import RenderedRequest

from .bodies import check_place, with_value
from .ends import Ends
from .pages import MAX_COUNT, End, InvalidPagination, Page, PaginationError

MAX_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class PageParameter(Ends):
    """A query parameter counts the pages.

    The end is a page without records, which costs one call more than there are pages, but holds for every
    API: a page shorter than the first does not mean the end, because some APIs filter after they have cut.
    Where the answer tells how many pages there are, the last is known and that call is saved.
    """

    kind: ClassVar[str] = "page"
    parameter: str = "page"
    start: int = 1

    def __post_init__(self) -> None:
        check_parameter("parameter", self.parameter, "that counts pages, such as page")
        _check_page(self)

    def first_request(self, request: RenderedRequest) -> RenderedRequest:
        """The request for page `start`, whatever page its URL names."""
        return request.with_parameter(self.parameter, str(self.start))

    def next_request(self, page: Page) -> RenderedRequest | End:
        number = _next_number(self, page)
        return number if isinstance(number, End) else page.request.with_parameter(self.parameter, str(number))

    def later_request(self, page: Page, steps: int) -> RenderedRequest | None:
        number = _later(self.start + page.number, steps, 1)
        return None if number is None else page.request.with_parameter(self.parameter, str(number))

    def remaining(self, page: Page) -> int | None:
        return self.left_after(page, skipped=_skipped(self))


@dataclass(frozen=True, slots=True)
class PageInBody(Ends):
    """A value in the body counts the pages; the end is as with PageParameter."""

    kind: ClassVar[str] = "page_body"
    path: str = "page"
    start: int = 1

    def __post_init__(self) -> None:
        check_body_path("path", self.path, "that counts pages, such as query.page")
        _check_page(self)

    def first_request(self, request: RenderedRequest) -> RenderedRequest:
        return with_value(request, self.path, self.start)

    def next_request(self, page: Page) -> RenderedRequest | End:
        number = _next_number(self, page)
        return number if isinstance(number, End) else with_value(page.request, self.path, number)

    def later_request(self, page: Page, steps: int) -> RenderedRequest | None:
        number = _later(self.start + page.number, steps, 1)
        return None if number is None else with_value(page.request, self.path, number)

    def remaining(self, page: Page) -> int | None:
        return self.left_after(page, skipped=_skipped(self))


@dataclass(frozen=True, slots=True)
class OffsetLimit(Ends):
    """A query parameter says how many records to skip; perhaps another, how many to send at most.

    `advance`: by the records that came, which is right also where an API sends fewer than it is asked for;
    or by the limit, for APIs that leave out records of a page. The end is a page without records.
    """

    kind: ClassVar[str] = "offset"
    parameter: str = "offset"
    limit_parameter: str = "limit"
    limit: int = 100
    start: int = 0
    advance: str = "records"

    def __post_init__(self) -> None:
        check_parameter("parameter", self.parameter, "that skips records, such as offset")
        if self.limit_parameter:
            check_parameter("limit_parameter", self.limit_parameter, "for the size of a page, such as limit")
        _check_offset(self)

    def first_request(self, request: RenderedRequest) -> RenderedRequest:
        if self.limit_parameter:
            request = request.with_parameter(self.limit_parameter, str(self.limit))
        return request.with_parameter(self.parameter, str(self.start))

    def next_request(self, page: Page) -> RenderedRequest | End:
        offset = _next_offset(self, page)
        return offset if isinstance(offset, End) else page.request.with_parameter(self.parameter, str(offset))

    def later_request(self, page: Page, steps: int) -> RenderedRequest | None:
        offset = _later(_passed(self, page), steps, _stride(self, page))
        return None if offset is None else page.request.with_parameter(self.parameter, str(offset))

    def remaining(self, page: Page) -> int | None:
        return self.left_after(page, skipped_records=self.start)


@dataclass(frozen=True, slots=True)
class OffsetInBody(Ends):
    """A value in the body says how many records to skip; the rest is as with OffsetLimit."""

    kind: ClassVar[str] = "offset_body"
    path: str = "offset"
    limit_path: str = "limit"
    limit: int = 100
    start: int = 0
    advance: str = "records"

    def __post_init__(self) -> None:
        check_body_path("path", self.path, "that skips records, such as query.offset")
        if self.limit_path:
            check_body_path("limit_path", self.limit_path, "for the size of a page, such as query.limit")
        _check_offset(self)

    def first_request(self, request: RenderedRequest) -> RenderedRequest:
        if self.limit_path:
            request = with_value(request, self.limit_path, self.limit)
        return with_value(request, self.path, self.start)

    def next_request(self, page: Page) -> RenderedRequest | End:
        offset = _next_offset(self, page)
        return offset if isinstance(offset, End) else with_value(page.request, self.path, offset)

    def later_request(self, page: Page, steps: int) -> RenderedRequest | None:
        offset = _later(_passed(self, page), steps, _stride(self, page))
        return None if offset is None else with_value(page.request, self.path, offset)

    def remaining(self, page: Page) -> int | None:
        return self.left_after(page, skipped_records=self.start)


def check_parameter(key: str, name: str, what: str) -> None:
    """Raise InvalidPagination unless this can be the name of a query parameter."""
    if not name.strip() or len(name) > 200:
        raise InvalidPagination(key, f"Name the query parameter {what}.")


def check_body_path(key: str, path: str, what: str) -> None:
    """Raise InvalidPagination unless this can be a place in the body: keys, or a form's field."""
    if not path.strip() or len(path) > 200:
        raise InvalidPagination(key, f"Name the place in the body {what}.")
    check_place(key, path)


def _check_page(strategy: PageParameter | PageInBody) -> None:
    if not 0 <= strategy.start <= MAX_COUNT:
        raise InvalidPagination("start", "The first page must be 0 or a larger whole number.")
    strategy.check_ends()


def _check_offset(strategy: OffsetLimit | OffsetInBody) -> None:
    if not 0 <= strategy.start <= MAX_COUNT:
        raise InvalidPagination("start", "The first offset must be 0 or a larger whole number.")
    if not 1 <= strategy.limit <= MAX_LIMIT:
        raise InvalidPagination("limit", f"The limit must be from 1 to {MAX_LIMIT:,} records.")
    if strategy.advance not in ("records", "limit"):
        raise InvalidPagination("advance", "The offset advances by records or by limit.")
    strategy.check_ends()


def _next_number(strategy: PageParameter | PageInBody, page: Page) -> int | End:
    if end := strategy.end_after(page, skipped=_skipped(strategy)):
        return end
    if not page.records:
        return End(f"Page {page.number:,} had no records.")
    return _checked(strategy.start + page.number)


def _next_offset(strategy: OffsetLimit | OffsetInBody, page: Page) -> int | End:
    # The records before `start` are among those that the API counts.
    if end := strategy.end_after(page, skipped=0, skipped_records=strategy.start):
        return end
    if not page.records:
        return End(f"Page {page.number:,} had no records.")
    return _checked(_passed(strategy, page))


def _skipped(strategy: PageParameter | PageInBody) -> int:
    """A run that begins at page 2 of the API has skipped one of those that the API counts."""
    return max(strategy.start - 1, 0)


def _passed(strategy: OffsetLimit | OffsetInBody, page: Page) -> int:
    """The offset after this page."""
    by_limit = strategy.advance == "limit"
    return strategy.start + (page.number * strategy.limit if by_limit else page.earlier + len(page.records))


def _stride(strategy: OffsetLimit | OffsetInBody, page: Page) -> int:
    """What the offset grows by with each page; by records, if the others are as long as this one."""
    return strategy.limit if strategy.advance == "limit" else len(page.records)


def _later(following: int, steps: int, stride: int) -> int | None:
    """The count `steps` pages on, where the next one has `following`; None beyond what can be counted."""
    count = following + (steps - 1) * stride
    return count if stride and count <= MAX_COUNT else None


def _checked(count: int) -> int:
    if count > MAX_COUNT:
        raise PaginationError("invalid_next", f"The next page would begin beyond {MAX_COUNT:,}.")
    return count
