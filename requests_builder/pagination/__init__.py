"""Pages: strategies as frozen values, (answered page) → next request or the end.

A strategy keeps nothing between pages, so a run can stop after any page and go on from the request it would
have sent. What all strategies owe (a budget, no loops) is in `follow`, once. Requests in here carry no
credentials: see `rendering.authorize` and `rendering.without_authorization`.

A new kind is a class with `kind`, `first_request` and `next_request`, and a place in `configs`.

pages          an answered page, the end, and what can be wrong
ends           rules for the end that every strategy knows
counting       pages and records that are counted, in the query or in the body
cursors        cursors that are handed back
linking        URLs that the answer names
links          which of those may be followed; Link headers
bodies         values inside a request's body
paths          paths into the answer
trails         which pages a run has seen
following      from a page to the next one
outlook        what a page tells of those after it
configs        strategies as mappings
suggestions    what a first answer hints at
checks         what a path leads to in a sample
"""

from .checks import ROLES, Check, check
from .configs import KINDS, Strategy, defaults_of, from_config, to_config
from .counting import OffsetInBody, OffsetLimit, PageInBody, PageParameter
from .cursors import Cursor, CursorInBody
from .ends import ENDS
from .following import MAX_PAGES, follow
from .linking import LinkHeader, NextUrl
from .links import is_same_origin
from .outlook import Outlook, outlook
from .pages import End, InvalidPagination, NoPagination, Page, Pagination, PaginationError
from .suggestions import Confidence, Suggestion, suggest
from .trails import PageTrail

__all__ = [
    "ENDS",
    "KINDS",
    "MAX_PAGES",
    "ROLES",
    "Check",
    "Confidence",
    "Cursor",
    "CursorInBody",
    "End",
    "InvalidPagination",
    "LinkHeader",
    "NextUrl",
    "NoPagination",
    "OffsetInBody",
    "OffsetLimit",
    "Outlook",
    "Page",
    "PageInBody",
    "PageParameter",
    "PageTrail",
    "Pagination",
    "PaginationError",
    "Strategy",
    "Suggestion",
    "check",
    "defaults_of",
    "follow",
    "from_config",
    "is_same_origin",
    "outlook",
    "suggest",
    "to_config",
]
