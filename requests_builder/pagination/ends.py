"""When a pull ends before a strategy finds its own end: by a rule, or after as many pages as are wanted."""

import math
from dataclasses import dataclass, fields

from requests_builder.rendering import RenderedRequest

from .pages import MAX_COUNT, End, InvalidPagination, Page, shortened
from .paths import as_count, as_flag, check_path, search

MAX_PAGES_WANTED = 1_000_000
_RULES = ("page_size", "total_pages", "total", "has_more", "is_last")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What every strategy may know about its end, beside its own.

    At most one rule: `page_size` ends after a page with fewer records; `total_pages` and `total` lead to the
    number of pages or records in the answer; `has_more` leads to a flag that is false on the last page,
    `is_last` to one that is true there. Where an answer does not hold what a rule needs, the rule says
    nothing, and the strategy's own end counts. `pages` is how many pages are wanted; 0: all.
    """

    page_size: int = 0
    total_pages: str = ""
    total: str = ""
    has_more: str = ""
    is_last: str = ""
    pages: int = 0

    def check_ends(self) -> None:
        """Raise InvalidPagination for rules that cannot be used."""
        given = [name for name in _RULES if getattr(self, name)]
        if len(given) > 1:
            raise InvalidPagination(
                given[1], f"Only one rule can say where the pages end: {given[0]} or {given[1]}."
            )
        for name in ("total_pages", "total", "has_more", "is_last"):
            check_path(name, getattr(self, name))
        if not 0 <= self.page_size <= MAX_COUNT:
            raise InvalidPagination("page_size", "The number of records of a full page must be 1 or more.")
        if not 0 <= self.pages <= MAX_PAGES_WANTED:
            raise InvalidPagination("pages", f"The number of pages must be from 1 to {MAX_PAGES_WANTED:,}.")

    def end_after(self, page: Page, skipped: int = 0, skipped_records: int = 0) -> End | None:
        """Why this page is the last one, if a rule or the wanted number says so.

        `skipped` pages and `skipped_records` lie before the first page of this run, and the API counts them.
        """
        return (
            self._by_size(page)
            or self._by_totals(page, skipped, skipped_records)
            or self._by_flag(page)
            or self._by_wish(page)
        )

    def later_request(self, page: Page, steps: int) -> RenderedRequest | None:
        """See `Pagination`: where the answer leads to the next page, nothing is known of those after it."""
        return None

    def remaining(self, page: Page) -> int | None:
        """See `Pagination`."""
        return self.left_after(page)

    def left_after(self, page: Page, skipped: int = 0, skipped_records: int = 0) -> int | None:
        """How many pages come after this one by the totals in the answer; None if it has none to go by.

        The arguments are those of `end_after`.
        """
        if self.total_pages and (pages := as_count(search(self.total_pages, page.document))):
            return max(pages - skipped - page.number, 0)
        if self.total and page.records and (total := as_count(search(self.total, page.document))):
            left = total - skipped_records - page.earlier - len(page.records)
            return max(math.ceil(left / len(page.records)), 0)
        return None

    def _by_size(self, page: Page) -> End | None:
        came = len(page.records)
        if came >= self.page_size:
            return None
        return End(f"Page {page.number:,} had {_records(came)}; a full one has {self.page_size:,}.")

    def _by_totals(self, page: Page, skipped: int, skipped_records: int) -> End | None:
        # A total of 0 beside records is wrong: ignored.
        records = as_count(search(self.total, page.document)) if self.total else None
        if records and page.records and skipped_records + page.earlier + len(page.records) >= records:
            return End(f"All {_records(records)} came that the API counts ({shortened(self.total)}).")
        pages = as_count(search(self.total_pages, page.document)) if self.total_pages else None
        if pages and page.records and page.number + skipped >= pages:
            return End(f"That was the last of {_pages(pages)} ({shortened(self.total_pages)}).")
        return None

    def _by_flag(self, page: Page) -> End | None:
        for path, ending in ((self.has_more, False), (self.is_last, True)):
            if path and as_flag(search(path, page.document)) is ending:
                said = "there is no more" if not ending else "it is the last"
                return End(f"The last page said that {said} ({shortened(path)} is {str(ending).lower()}).")
        return None

    def _by_wish(self, page: Page) -> End | None:
        if self.pages and page.number >= self.pages:
            return End(f"Stopped after {_pages(self.pages)}, as set.", is_complete=False)
        return None


ENDS = frozenset(one.name for one in fields(Ends))


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"


def _pages(count: int) -> str:
    return f"{count:,} page{'' if count == 1 else 's'}"
