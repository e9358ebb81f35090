"""What an answered page tells of those after it, for whoever asks for some of them before their turn."""

from dataclasses import dataclass, replace

from requests_builder.rendering import RenderedRequest

from .ends import Ends
from .following import MAX_PAGES
from .pages import Page, Pagination
from .trails import PageTrail


@dataclass(frozen=True, slots=True)
class Outlook:
    """The pages after one that was answered: `came` until now, and perhaps `remaining` by the API's word."""

    came: int
    remaining: int | None
    # No page so many after this one, or more, is wanted.
    _end: int
    _following: RenderedRequest
    _pagination: Pagination
    _page: Page

    def request(self, steps: int) -> RenderedRequest | None:
        """The request for the page that many after this one; None where nobody can tell, or wants it.

        The first is sure. A later one is what will be asked for if nothing unforeseen comes in between.
        Raises PaginationError.
        """
        if steps >= self._end:
            return None
        return self._following if steps == 1 else self._pagination.later_request(self._page, steps)


def outlook(
    pagination: Pagination,
    page: Page,
    following: RenderedRequest,
    trail: PageTrail,
    max_pages: int = MAX_PAGES,
) -> Outlook:
    """The outlook after this page, where `follow` gave `following` and `trail`. Raises PaginationError."""
    page = replace(page, number=trail.pages, earlier=trail.records - len(page.records))
    remaining = pagination.remaining(page)
    wanted = pagination.pages if isinstance(pagination, Ends) else 0
    left = [most - trail.pages for most in (wanted, max_pages) if most]
    end = min(left if remaining is None else [*left, remaining]) + 1
    return Outlook(trail.pages, remaining, end, following, pagination, page)
