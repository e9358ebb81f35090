"""Strategies for answers that name the URL of the next page: in the document, or in a Link header."""

from dataclasses import dataclass, replace
from typing import ClassVar

from requests_builder.rendering import RenderedRequest

from .ends import Ends
from .links import checked_next, link_to
from .pages import End, InvalidPagination, Page, PaginationError, shortened
from .paths import check_path, search


@dataclass(frozen=True, slots=True)
class NextUrl(Ends):
    """The answer names the URL of the next page; nothing, null, false or "" there is the end.

    The URL may be relative, and must stay at the origin of the request (scheme, host, port): a stranger
    writes it, and it will be asked with the credentials of the team.
    """

    kind: ClassVar[str] = "next_url"
    path: str = "links.next"

    def __post_init__(self) -> None:
        if not self.path.strip():
            raise InvalidPagination(
                "path", "Give the path to the next URL in the answer, such as links.next."
            )
        check_path("path", self.path)
        self.check_ends()

    def first_request(self, request: RenderedRequest) -> RenderedRequest:
        return request

    def next_request(self, page: Page) -> RenderedRequest | End:
        if end := self.end_after(page):
            return end
        found = search(self.path, page.document)
        if found is None or found is False or found == "":
            return End(f"Page {page.number:,} named no next URL ({shortened(self.path)}).")
        if not isinstance(found, str):
            inner = " Perhaps a key inside it is meant, such as href." if isinstance(found, dict) else ""
            raise PaginationError("invalid_next", f"The path {self.path} leads to no URL.{inner}")
        return replace(page.request, url=checked_next(page.request.url, found))


@dataclass(frozen=True, slots=True)
class LinkHeader(Ends):
    """The answer names the URL of the next page in a Link header with rel=next (RFC 8288).

    No such header is the end. What holds for the URL of NextUrl holds for this one.
    """

    kind: ClassVar[str] = "link_header"

    def __post_init__(self) -> None:
        self.check_ends()

    def first_request(self, request: RenderedRequest) -> RenderedRequest:
        return request

    def next_request(self, page: Page) -> RenderedRequest | End:
        if end := self.end_after(page):
            return end
        found = link_to("next", page.headers)
        if not found:
            return End(f"Page {page.number:,} came without a Link header for the next one (rel=next).")
        return replace(page.request, url=checked_next(page.request.url, found))
