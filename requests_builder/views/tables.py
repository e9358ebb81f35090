"""Tables: browse what was pulled, and take it away."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import tables


@require_GET
@member_required()
def table_list(request: TeamRequest) -> HttpResponse:
    """The team's tables, each with how much is in it and how new that is."""
    return render(request, "requests_builder/table_list.html", {"tables": tables.overview(request.team)})


@require_GET
@member_required()
def table(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """A page of rows."""
    shown = get_object_or_404(request.team.tables, id=uuid)
    page = tables.rows_page(shown, after=request.GET.get("after"), before=request.GET.get("before"))
    context = {
        "table": shown,
        "page": page,
        "newer": f"?{urlencode({'before': page.previous})}" if page.previous else "",
        "older": f"?{urlencode({'after': page.next})}" if page.next else "",
        "saved_requests": shown.saved_requests.all(),
        "can_edit": request.membership.is_at_least(Role.EDITOR),
    }
    return render(request, "requests_builder/table.html", context)


@require_GET
@member_required()
def table_csv(request: TeamRequest, uuid: UUID) -> StreamingHttpResponse:
    """All rows as CSV (RFC 4180), as a stream."""
    shown = get_object_or_404(request.team.tables, id=uuid)
    return _download(
        StreamingHttpResponse(tables.csv_lines(shown)), "text/csv; charset=utf-8", f"{_stem(shown.name)}.csv"
    )


@require_GET
@member_required()
def table_json(request: TeamRequest, uuid: UUID) -> StreamingHttpResponse:
    """All rows as one JSON array, as a stream."""
    shown = get_object_or_404(request.team.tables, id=uuid)
    return _download(
        StreamingHttpResponse(tables.json_lines(shown)), "application/json", f"{_stem(shown.name)}.json"
    )


@require_GET
@member_required()
def table_ndjson(request: TeamRequest, uuid: UUID) -> StreamingHttpResponse:
    """All rows as NDJSON, a record on each line, as a stream."""
    shown = get_object_or_404(request.team.tables, id=uuid)
    return _download(
        StreamingHttpResponse(tables.ndjson_lines(shown)),
        "application/x-ndjson",
        f"{_stem(shown.name)}.ndjson",
    )


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def table_delete(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Say what goes with the table, then delete it. Requests that write to it need another one."""
    shown = get_object_or_404(request.team.tables, id=uuid)
    if request.method == "POST":
        shown.delete()
        messages.success(request, f"The table {shown.name} was deleted.")
        return redirect("requests_builder:table_list", team=request.team.slug)
    context = {"table": shown, "saved_requests": shown.saved_requests.all()}
    return render(request, "requests_builder/table_delete.html", context)


def _stem(name: str) -> str:
    return slugify(name) or "rows"


def _download(response: StreamingHttpResponse, media_type: str, file_name: str) -> StreamingHttpResponse:
    response["Content-Type"] = media_type
    response["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response
