"""What a first answer hints at: how to ask for the pages after it, why, and how sure that is."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .configs import Strategy
from .counting import MAX_LIMIT, OffsetInBody, OffsetLimit, PageInBody, PageParameter
from .cursors import Cursor, CursorInBody
from .hints import Hint, Hints, count_of, is_count
from .linking import LinkHeader, NextUrl
from .links import link_to, may_follow
from .pages import NoPagination, Page, shortened
from .paths import search


class Confidence(StrEnum):
    """How much speaks for a suggestion; the values are words for people."""

    SURE = "This is how the answer itself names its next page."
    LIKELY = "This is how most APIs with such answers work."
    GUESS = "This is a guess: test it with page 2."
    NONE = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A strategy, and one sentence that says what speaks for it."""

    pagination: Strategy
    why: str = ""
    confidence: Confidence = Confidence.NONE

    @property
    def is_one(self) -> bool:
        """Whether anything is suggested."""
        return self.confidence != Confidence.NONE


NOTHING = Suggestion(NoPagination())

_NEXT_NAMES = re.compile(
    r"(?i)next|next_?(page|link|url|href|records_?url|page_?(url|link))|(@odata\.)?nextlink"
)
# How cursors are called in answers, and what the next request calls them.
_PARAMETER_OF_CURSOR = {
    "next_page_token": "page_token",
    "nextPageToken": "pageToken",
    "next_cursor": "cursor",
    "nextCursor": "cursor",
    "next_token": "next_token",
    "nextToken": "nextToken",
    "NextToken": "NextToken",
    "next_marker": "marker",
    "nextMarker": "marker",
    "NextMarker": "marker",
    "endCursor": "after",
    "end_cursor": "after",
    "continuation": "continuation",
    "continuationToken": "continuationToken",
    "continuation_token": "continuation_token",
    "next_page_id": "page_id",
    "bookmark": "bookmark",
    "scroll_id": "scroll_id",
    "cursor": "cursor",
    "offset": "offset",
}
# `after` and `next` are cursors where they stand in such an object.
_CURSOR_HOLDERS = re.compile(r"(?i)next|cursors|paging|pagination|page_?info|meta|links")
_CURSOR_HEADERS = {
    "x-next-cursor": "cursor",
    "x-cursor-next": "cursor",
    "x-next-page-token": "page_token",
    "x-continuation-token": "continuation_token",
}
_PAGE_NAMES = re.compile(r"(?i)page|p|page_?(number|num|no|index)|page\[number\]|current_?page")
_OFFSET_NAMES = r"(?i)\$?(offset|skip)|start_?(at|index)?|from|page\[offset\]"
_LIMIT_NAMES = r"(?i)\$?(limit|top)|max_?results|per_?page|page_?size|count|size|rows|page\[(limit|size)\]"
# No `count`: often it counts one page, and a pull would end with it.
_TOTAL_NAMES = r"(?i)total(_?(count|results|records|items|size|hits))?|number_?of_?results"
_PAGE_TOTALS = r"(?i)total_?pages|page_?count|last_?page|num_?pages|pages"


def suggest(page: Page) -> Suggestion:
    """The strategy that a first page hints at; the first of these that fits is the surest."""
    hints = Hints(page)
    looks: tuple[Callable[[Hints], Suggestion | None], ...] = (
        _link_header,
        _graphql,
        _next_url,
        _cursor,
        _cursor_header,
        _last_record,
        _offset,
        _page,
        _empty_next,
    )
    return next((found for look in looks if (found := look(hints))), NOTHING)


def _link_header(hints: Hints) -> Suggestion | None:
    target = link_to("next", hints.page.headers)
    if not target or not may_follow(hints.page.request.url, target):
        return None
    return Suggestion(
        LinkHeader(), "The answer's Link header names the next page (rel=next).", Confidence.SURE
    )


def _graphql(hints: Hints) -> Suggestion | None:
    query = hints.body.get("query")
    more = hints.first("hasNextPage", at_all=True)
    if not isinstance(query, str) or more is None:
        return None
    cursor = (*more.keys[:-1], "endCursor")
    path = next((hint.path for hint in hints.values if hint.keys == cursor), "")
    if not path:
        return None
    # `after: $name` in the query says which variable takes it.
    named = re.search(r"\bafter\s*:\s*\$(\w+)", query)
    place = f"variables.{named[1]}" if named else "variables.after"
    why = f"GraphQL's pageInfo says that there is more, and {shortened(path)} is where to go on."
    return Suggestion(
        CursorInBody(path, place, has_more=more.path), why, Confidence.SURE if named else Confidence.GUESS
    )


def _next_url(hints: Hints) -> Suggestion | None:
    for hint in hints.values:
        is_next = any(_NEXT_NAMES.fullmatch(name) for name in hint.keys[-2:])
        if is_next and isinstance(hint.value, str) and may_follow(hints.page.request.url, hint.value):
            why = f"The answer names the URL of the next page at {shortened(hint.path)}."
            return Suggestion(NextUrl(hint.path), why, Confidence.SURE)
    return None


def _cursor(hints: Hints) -> Suggestion | None:
    found = [(hint, name) for hint in hints.values if (name := _parameter_of(hint))]
    # A cursor that is there says more than one that is null on the only page.
    found.sort(key=lambda pair: pair[0].value is None)
    for hint, name in found:
        flag = hints.flag()
        if hint.value is None and not flag:
            continue
        parameter = _wanted_name(hints, hint, name)
        why = f"The answer holds a cursor for the next page at {shortened(hint.path)}."
        confidence = Confidence.GUESS if hint.value is None else Confidence.LIKELY
        if hints.page.request.body and hints.page.request.method not in ("GET", "HEAD"):
            place = next((one.path for one in hints.places if one.name == parameter), parameter)
            return Suggestion(CursorInBody(hint.path, place, **flag), why, confidence)
        return Suggestion(Cursor(hint.path, parameter, **flag), why, confidence)
    return None


def _cursor_header(hints: Hints) -> Suggestion | None:
    for name, value in hints.page.headers:
        parameter = _CURSOR_HEADERS.get(name.lower())
        if parameter and value:
            why = f"The answer's header {name} holds a cursor for the next page."
            return Suggestion(Cursor(name, parameter, source="header"), why, Confidence.LIKELY)
    return None


def _last_record(hints: Hints) -> Suggestion | None:
    document, records = hints.page.document, hints.page.records
    if not isinstance(document, dict) or document.get("object") != "list" or not records:
        return None
    if not isinstance(document.get("has_more"), bool) or not _has_id(records[-1]):
        return None
    why = "The answer is a list with has_more and no cursor: the id of its last record is where to go on."
    confidence = Confidence.LIKELY if document["has_more"] else Confidence.GUESS
    return Suggestion(
        Cursor("id", "starting_after", source="last_record", has_more="has_more"), why, confidence
    )


def _offset(hints: Hints) -> Suggestion | None:
    total = _rule("total", hints.first(_TOTAL_NAMES), more_than=len(hints.page.records))
    for name, value in hints.parameters:
        if re.fullmatch(_OFFSET_NAMES, name) and count_of(value) >= 0:
            limit_parameter, limit = _limit_of(hints, dict(hints.parameters))
            why = f"The URL skips records by {shortened(name)}."
            strategy = OffsetLimit(name, limit_parameter, limit, 0, **total)
            return Suggestion(strategy, why, Confidence.LIKELY)
    for place in hints.places:
        if re.fullmatch(_OFFSET_NAMES, place.name) and is_count(place.value):
            values = {one.path: one.value for one in hints.places if one.keys[:-1] == place.keys[:-1]}
            limit_path, limit = _limit_of(hints, values)
            why = f"The body skips records by {shortened(place.path)}."
            strategy_in_body = OffsetInBody(place.path, limit_path, limit, 0, **total)
            return Suggestion(strategy_in_body, why, Confidence.LIKELY)
    hint = hints.first(_OFFSET_NAMES)
    if hint is None or hint.name.lower() in ("from", "start"):
        return None
    limit_parameter, limit = _limit_of(hints, {one.name: one.value for one in hints.values})
    if not limit_parameter:
        return None
    why = f"The answer counts the records before it at {shortened(hint.path)}."
    return Suggestion(OffsetLimit(hint.name, limit_parameter, limit, 0, **total), why, Confidence.LIKELY)


def _page(hints: Hints) -> Suggestion | None:
    ending = _rule("total_pages", hints.first(_PAGE_TOTALS), more_than=1) or hints.flag()
    for name, value in hints.parameters:
        if _PAGE_NAMES.fullmatch(name) and count_of(value) >= 0:
            why = f"The URL counts pages by {shortened(name)}."
            return Suggestion(PageParameter(name, min(count_of(value), 1), **ending), why, Confidence.LIKELY)
    for place in hints.places:
        if _PAGE_NAMES.fullmatch(place.name) and is_count(place.value):
            why = f"The body counts pages by {shortened(place.path)}."
            return Suggestion(PageInBody(place.path, min(place.value, 1), **ending), why, Confidence.LIKELY)
    # The page is counted in the answer though the URL does not say so: "page" is what most APIs call it.
    for hint in hints.values:
        if _PAGE_NAMES.fullmatch(hint.name) and len(hint.name) > 1 and is_count(hint.value):
            why = f"The answer counts its pages at {shortened(hint.path)}."
            confidence = Confidence.LIKELY if ending else Confidence.GUESS
            return Suggestion(PageParameter("page", min(hint.value, 1), **ending), why, confidence)
    return None


def _empty_next(hints: Hints) -> Suggestion | None:
    for hint in hints.values:
        # On the only page of a sample the link is there, and null.
        if hint.value is None and hint.name == "next":
            why = f"The answer has a place for a next URL, which is empty here: {shortened(hint.path)}."
            return Suggestion(NextUrl(hint.path), why, Confidence.GUESS)
    return None


def _parameter_of(hint: Hint) -> str:
    """What a request would call the cursor that this is; empty if it is none."""
    if not (hint.value is None or (isinstance(hint.value, str) and 0 < len(hint.value) <= 4_000)):
        return ""
    if hint.name in _PARAMETER_OF_CURSOR:
        return _PARAMETER_OF_CURSOR[hint.name]
    if len(hint.keys) > 1 and hint.value and _CURSOR_HOLDERS.fullmatch(hint.keys[-2]):
        return {"after": "after", "next": "cursor"}.get(hint.name, "")
    return ""


def _wanted_name(hints: Hints, hint: Hint, name: str) -> str:
    """What this API calls it: as the request does already, or as its family does."""
    sent = {parameter for parameter, _ in hints.parameters} | {place.name for place in hints.places}
    if name in sent:
        return name
    if hint.name in sent:
        return hint.name
    document: Any = hints.page.document
    if hint.name == "next_cursor" and document.get("object") == "list":
        return "start_cursor"
    if hint.name == "nextPageToken" and search("isLast", document) is not None:
        return "nextPageToken"
    return name


def _limit_of(hints: Hints, values: dict[str, Any]) -> tuple[str, int]:
    """The name and the value of the limit among these; without one, nothing is sent."""
    for name, value in values.items():
        last = name.rpartition(".")[2] if "." in name and "[" not in name else name
        if re.fullmatch(_LIMIT_NAMES, last) and 1 <= count_of(value) <= MAX_LIMIT:
            return name, count_of(value)
    return "", 100


def _rule(key: str, hint: Hint | None, *, more_than: int) -> dict[str, Any]:
    """A total that says more than this page does by itself; else it may be one of the page alone."""
    return {key: hint.path} if hint and hint.value > more_than else {}


def _has_id(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("id"), int | str) and record["id"] != ""
