"""Feeds: made and revoked by people, read by programs."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import tables
from requests_builder.forms import FeedForm
from requests_builder.tables import feeds
from requests_builder.views.tables import download


@require_http_methods(["GET", "POST"])
@member_required()
def table_feeds(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """The feeds of a table; a new one's address is shown this once."""
    table = get_object_or_404(request.team.tables, id=uuid)
    can_edit = request.membership.is_at_least(Role.EDITOR)
    made = token = None
    form = FeedForm(request.POST or None)
    if request.method == "POST":
        if not can_edit:
            raise PermissionDenied("Feeds are made by editors. Ask one of them.")
        if form.is_valid():
            try:
                made, token = feeds.create(table, form.cleaned_data["name"], user=request.user, now=now())
            except feeds.FeedRefused as refusal:
                form.add_error("name", str(refusal))
            else:
                form = FeedForm()
    context = {
        "table": table,
        "tab": "feeds",
        "saved_requests": table.saved_requests.all(),
        "can_edit": can_edit,
        "feeds": table.feeds.select_related("created_by"),
        "form": form,
        "made": made,
        "address": f"{settings.BASE_URL}/feeds/{token}/rows" if token else "",
        "most_rows": feeds.MOST_ROWS,
    }
    status = 422 if form.errors else 200
    return render(request, "requests_builder/table_feeds.html", context, status=status)


@require_POST
@member_required(Role.EDITOR)
def feed_revoke(request: TeamRequest, uuid: UUID, feed: UUID) -> HttpResponse:
    """End a feed: its address answers 404 from now on."""
    table = get_object_or_404(request.team.tables, id=uuid)
    found = get_object_or_404(table.feeds.select_related("table"), id=feed)
    if feeds.revoke(found, user=request.user, now=now()):
        messages.success(request, f"The feed {found} was revoked: its address no longer works.")
    return redirect("requests_builder:table_feeds", team=request.team.slug, uuid=table.id)


@require_safe
def feed(request: HttpRequest, token: str, format: str) -> HttpResponseBase:
    """The rows of a table for a program; the token in the address is all that it needs."""
    answer = _answer(request, token, format)
    # What is behind the address is for those who have it, and nobody learns it from a link.
    answer["Cache-Control"] = "private, no-store"
    answer["Referrer-Policy"] = "no-referrer"
    answer["X-Robots-Tag"] = "noindex"
    return answer


def _answer(request: HttpRequest, token: str, format: str) -> HttpResponseBase:
    found = feeds.of_token(token)
    if found is None or format not in feeds.FORMATS:
        return _said("There is no such feed, or it was revoked.", 404)
    moment = now()
    if not found.count_request(moment):
        refused = _said("Too many requests. Wait a moment and try again.", 429)
        refused["Retry-After"] = str(found.seconds_to_wait(moment))
        return refused
    try:
        asked = feeds.question(request.GET.dict())
    except feeds.InvalidQuestion as problem:
        return _said(str(problem), 400)
    etag, changed_at = feeds.state(found, asked, format, moment)
    seconds = int(changed_at.timestamp()) if changed_at else None
    unchanged = get_conditional_response(request, etag=etag, last_modified=seconds)
    if unchanged is not None:
        return unchanged
    whole, following = feeds.answer(found, asked)
    how = tables.FORMATS[format]
    answer = download(how, how.write(whole) if request.method == "GET" else iter(()), found.table.name)
    answer["ETag"] = etag
    if seconds is not None:
        answer["Last-Modified"] = http_date(seconds)
    if following:
        answer["Link"] = f'<?{following}>; rel="next"'
    return answer


def _said(sentence: str, status: int) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
