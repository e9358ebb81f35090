"""Tables: browse what was pulled, see where it came from, and take it away."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import tables
from requests_builder.models import Row, Run, RunState, Table
from requests_builder.tables import filters

RUNS_ON_A_PAGE = 50


@require_GET
@member_required()
def table_list(request: TeamRequest) -> HttpResponse:
    """The team's tables, each with how much is in it and how new that is."""
    return render(request, "requests_builder/table_list.html", {"tables": tables.overview(request.team)})


@dataclass(frozen=True, slots=True)
class Column:
    """A column as its head shows it; `sort_url` leads to the next way of sorting by it."""

    name: str
    type: str
    sort_url: str
    order: str
    operators: str


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in words, and the address without it."""

    words: str
    without_url: str


@require_GET
@member_required()
def table(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """A page of rows, or what goes on with it: rows for the same page, from further down."""
    shown = get_object_or_404(request.team.tables, id=uuid)
    if request.htmx and request.htmx.target == "under-way":
        return _under_way(request, shown)
    selection = tables.from_query(dict(request.GET.lists()))
    begun, found = _count(request.GET.get("looked")), _count(request.GET.get("found"))
    error = ""
    after, before = request.GET.get("after"), request.GET.get("before")
    limit = max(1, tables.PAGE - found)
    try:
        page = tables.rows_page(shown, selection, after=after, before=before, limit=limit, now=now())
    except tables.InvalidFilter as problem:
        error = str(problem)
        page = tables.RowsPage([], None, None, tables.rows_count(shown))
    looked, found = min(begun + page.looked, page.total), found + len(page.rows)
    is_first = not (after or before) or request.GET.get("first") == "1"
    goes_on = {"looked": str(looked)} if selection.is_narrow else {}
    same_page = {"found": str(found), "first": "1" if is_first else ""}
    context = {
        "table": shown,
        "page": page,
        "selection": selection,
        "error": error,
        "state": selection.to_query(),
        "columns": _columns(shown, selection),
        "chips": [_chip(one, selection, shown) for one in selection.filters],
        "operators": [(one, filters.LABELS[one], one.operands) for one in filters.Operator],
        "newer": _url(selection, before=page.previous) if page.previous else "",
        "older": _url(selection, after=page.next, **goes_on) if page.next else "",
        "more": _url(selection, after=page.more, **goes_on, **same_page) if page.more else "",
        "everything": _url(tables.EVERYTHING),
        "here": _url(selection),
        "looked": looked,
        "found": found,
        "is_first": is_first,
        "run": _run_under_way(shown),
        **_downloads(selection),
    }
    template = "requests_builder/table.html"
    if request.htmx:
        # What goes on with a page asks for the part where it goes on, all else for all below the search.
        template += "#more" if request.htmx.target == "more" else "#rows"
    answer = render(request, template, {**context, **_frame(request, shown, "rows")})
    if request.htmx and request.htmx.trigger == "browse":
        # The form sends its empty fields, too: the address is the one that a link would have.
        answer["HX-Push-Url"] = request.path + context["here"].rstrip("?")
    return answer


def _run_under_way(shown: Table) -> Run | None:
    """The run that will publish into the table next, of those that are waiting or under way."""
    unfinished = Run.objects.unfinished().filter(saved_request__in=shown.saved_requests.values("pk"))
    # One that waits for its due time, or for another, is no news.
    begun = unfinished.filter(Q(state=RunState.RUNNING) | Q(not_before__lte=now()))
    return begun.select_related("saved_request").order_by("-state", "not_before").first()


def _under_way(request: TeamRequest, shown: Table) -> HttpResponse:
    """What a table says of a run that is under way.

    Once that has published, the page is loaded anew if it was empty, and offers it otherwise.
    """
    seen = request.GET.get("seen", "")
    has_new = seen != str(shown.publication)
    is_empty = request.GET.get("empty") == "1"
    context = {"table": shown, "run": _run_under_way(shown), "seen": seen, "is_empty": is_empty}
    context["has_new"] = has_new
    answer = render(request, "requests_builder/table_under_way.html", context)
    if has_new and is_empty:
        answer["HX-Refresh"] = "true"
    return answer


@require_GET
@member_required()
def table_row(request: TeamRequest, uuid: UUID, row: int) -> HttpResponse:
    """All of one row, the run that brought it, and its earlier versions."""
    shown = get_object_or_404(request.team.tables, id=uuid)
    history = tables.history.row_history(shown, row) if row < 2**63 else None
    if history is None:
        raise Http404("No such row")
    versions = [history.row, *history.earlier]
    context = {
        "history": history,
        "fields": [
            (name, shown.column_types.get(name, ""), history.row.data.get(name)) for name in shown.columns
        ],
        "changes": [_changed(shown, old, new) for new, old in pairwise(versions)],
    }
    template = "requests_builder/table_row.html" + ("#row" if request.htmx else "")
    return render(request, template, {**context, **_frame(request, shown, "rows")})


@require_GET
@member_required()
def table_runs(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """The runs that published into the table, newest first, a page at a time."""
    shown = get_object_or_404(request.team.tables, id=uuid)
    before = _moment_and_id(request.GET.get("before", ""))
    page = list(tables.history.publications(shown, before)[: RUNS_ON_A_PAGE + 1])
    older = ""
    if len(page) > RUNS_ON_A_PAGE:
        last = page[RUNS_ON_A_PAGE - 1]
        older = "?" + urlencode({"before": f"{last.at.isoformat()}_{last.pk}"})
    context = {
        "publications": page[:RUNS_ON_A_PAGE],
        "older": older,
        "newest": "?" if before else "",
    }
    return render(request, "requests_builder/table_runs.html", {**context, **_frame(request, shown, "runs")})


@require_GET
@member_required()
def table_download(request: TeamRequest, uuid: UUID, format: str) -> HttpResponseBase:
    """The table as a file, all of it or the rows that are selected, as a stream."""
    shown = get_object_or_404(request.team.tables, id=uuid)
    how = tables.FORMATS.get(format)
    if how is None or not how.is_there:
        raise Http404("No such format")
    selection = tables.from_query(dict(request.GET.lists()))
    try:
        whole = tables.whole(shown, selection, now())
    except (tables.InvalidFilter, tables.NotSortedYet) as problem:
        sentence = str(problem) or "The table is still being sorted. Download it when its rows are shown."
        messages.error(request, sentence)
        page = redirect("requests_builder:table", team=request.team.slug, uuid=shown.id)
        page["Location"] += _url(selection)
        return page
    return download(how, how.write(whole), shown.name)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def table_delete(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Say what goes with the table, then delete it. Requests that write to it need another one."""
    shown = get_object_or_404(request.team.tables, id=uuid)
    if request.method == "POST":
        tables.sorting.remove_table(shown)
        messages.success(request, f"The table {shown.name} was deleted.")
        return redirect("requests_builder:table_list", team=request.team.slug)
    context = {"table": shown, "saved_requests": shown.saved_requests.all(), "feeds": shown.feeds.all()}
    return render(request, "requests_builder/table_delete.html", context)


def download(how: tables.Format, pieces: Iterator[Any], name: str) -> StreamingHttpResponse:
    """The pieces as a file whose name is harmless."""
    response = StreamingHttpResponse(pieces, content_type=how.media_type)
    response["Content-Disposition"] = f'attachment; filename="{slugify(name) or "rows"}.{how.name}"'
    return response


def _frame(request: TeamRequest, shown: Table, tab: str) -> dict[str, Any]:
    """What the head of each of a table's pages needs."""
    return {
        "table": shown,
        "tab": tab,
        "saved_requests": shown.saved_requests.all(),
        "can_edit": request.membership.is_at_least(Role.EDITOR),
    }


def _columns(shown: Table, selection: tables.Selection) -> list[Column]:
    orders = {True: "descending", False: "ascending"}
    return [
        Column(
            name,
            type_ := shown.column_types.get(name, ""),
            _url(selection.sorted_by(name)),
            orders[selection.is_descending] if selection.sort == name else "",
            " ".join(filters.operators_of(type_)),
        )
        for name in shown.columns
    ]


def _chip(one: filters.Filter, selection: tables.Selection, shown: Table) -> Chip:
    words = filters.in_words(one, shown.column_types.get(one.column, ""))
    return Chip(words, _url(selection.without(one)))


def _downloads(selection: tables.Selection) -> dict[str, Any]:
    chosen = _url(selection)
    return {
        "formats": [one for one in tables.FORMATS.values() if one.is_there],
        "formats_missing": [one for one in tables.FORMATS.values() if not one.is_there],
        "chosen": chosen if chosen != "?" else "",
    }


def _changed(shown: Table, old: Row, new: Row) -> dict[str, Any]:
    names = [name for name in shown.columns if old.data.get(name) != new.data.get(name)]
    fields = [
        (name, shown.column_types.get(name, ""), old.data.get(name), new.data.get(name)) for name in names
    ]
    return {"old": old, "new": new, "fields": fields}


def _url(selection: tables.Selection, **more: str | None) -> str:
    pairs: Sequence[tuple[str, str]] = [
        *selection.to_query(),
        *((name, text or "") for name, text in more.items()),
    ]
    return f"?{urlencode(pairs)}"


def _count(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else 0


def _moment_and_id(text: str) -> tuple[datetime, int] | None:
    """Where a page begins; a cursor that nobody gave is the first page."""
    moment, _, pk = text.partition("_")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    # The first and last days of the calendar have no moment in every time zone.
    return (at, _count(pk)) if at.tzinfo and 1 < at.year < 9999 else None
