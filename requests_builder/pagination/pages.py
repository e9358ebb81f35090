"""What strategies speak about: an answered page, the end, and what can be wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from requests_builder.rendering import RenderedRequest

# No page number and no offset grows beyond this: more, JSON does not carry exactly everywhere.
MAX_COUNT = 2**53


class PaginationError(ValueError):
    """The next page cannot be asked for, so the pull has failed: half of the pages is no result.

    `code` is cross_origin_next, invalid_next, invalid_body, pagination_loop or too_many_pages.
    """

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        self.sentence = sentence
        super().__init__(sentence)


class InvalidPagination(ValueError):
    """The configuration cannot be used; `field` is the key that is wrong."""

    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        self.sentence = sentence
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was answered: what was asked, what came, and its number in this run, from 1.

    `earlier` counts the records of the pages before it.
    """

    request: RenderedRequest
    document: Any = field(repr=False)
    records: Sequence[Any] = field(repr=False)
    number: int = 1
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    earlier: int = 0

    def header(self, name: str) -> str | None:
        """The first header of that name in the answer, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class End:
    """There is no page after this one; `reason` is a sentence for people.

    Not complete: there may be more, which was not wanted.
    """

    reason: str = ""
    is_complete: bool = True


class Pagination(Protocol):
    kind: ClassVar[str]

    def first_request(self, request: RenderedRequest) -> RenderedRequest:
        """The request for the first page, from the one that was built. Raises PaginationError."""

    def next_request(self, page: Page) -> RenderedRequest | End:
        """The request for the page after this one, or why there is none. Raises PaginationError."""

    def later_request(self, page: Page, steps: int) -> RenderedRequest | None:
        """The request for the page that many after this one, as far as it can be foretold; else None.

        A guess, for whoever wants to ask before its turn: the end may lie before it, and a page may be of
        another length than this one. Raises PaginationError.
        """

    def remaining(self, page: Page) -> int | None:
        """How many pages come after this one, if its answer tells. Raises PaginationError."""


@dataclass(frozen=True, slots=True)
class NoPagination:
    """The first answer is all there is."""

    kind: ClassVar[str] = "none"

    def first_request(self, request: RenderedRequest) -> RenderedRequest:
        return request

    def next_request(self, page: Page) -> RenderedRequest | End:
        return End()

    def later_request(self, page: Page, steps: int) -> RenderedRequest | None:
        return None

    def remaining(self, page: Page) -> int | None:
        return 0


def shortened(text: str, most: int = 60) -> str:
    """A text of a stranger's or a path, short enough for a sentence."""
    return text if len(text) <= most else text[: most - 1] + "…"
