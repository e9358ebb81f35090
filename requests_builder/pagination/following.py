"""From a page to the next one: what all strategies owe is here, once."""

from dataclasses import replace

from requests_builder.rendering import RenderedRequest

from .pages import End, NoPagination, Page, Pagination, PaginationError
from .suggestions import Confidence, suggest
from .trails import PageTrail

MAX_PAGES = 10_000


def follow(
    pagination: Pagination, page: Page, trail: PageTrail, max_pages: int = MAX_PAGES
) -> tuple[RenderedRequest | End, PageTrail]:
    """The request after this page, or the end; and the trail that belongs into the checkpoint with it.

    `trail` is the one from before this page. Raises PaginationError for a loop, for a URL that must not be
    followed, and when more than `max_pages` would be asked for.
    """
    page = replace(page, number=trail.pages + 1, earlier=trail.records)
    trail = trail.after(page)
    following = pagination.next_request(page)
    if isinstance(following, End):
        return (_end_of_one(page) if pagination.kind == NoPagination.kind else following), trail
    if trail.has_seen(following):
        raise PaginationError(
            "pagination_loop",
            f"After page {trail.pages:,} the API leads back to a page that was read already, without end.",
        )
    if trail.pages >= max_pages:
        raise PaginationError(
            "too_many_pages",
            f"There are more than {max_pages:,} pages. Ask for larger pages or for fewer records.",
        )
    return following, trail


def _end_of_one(page: Page) -> End:
    """Nobody asked for more pages: that there are some should not go unsaid."""
    hint = suggest(page)
    if hint.confidence != Confidence.SURE:
        return End()
    return End(f"Only the first page was read, because Pagination is None. {hint.why}", is_complete=False)
