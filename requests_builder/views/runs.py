"""Runs: what was due, and what became of it."""

from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import destinations, runs
from requests_builder.models import RunState

PAGE = 50


@require_GET
@member_required()
def run_list(request: TeamRequest) -> HttpResponse:
    """The team's runs, newest first, a page at a time; of one request or state when asked."""
    found = request.team.runs.select_related("saved_request")
    state, of_request = request.GET.get("state", ""), _uuid(request.GET.get("request", ""))
    if state in RunState.values:
        found = found.filter(state=state)
    if of_request:
        found = found.filter(saved_request=of_request)
    if before := _cursor(request.GET.get("before", "")):
        found = found.older_than(*before)
    page = list(found.order_by("-due_at", "-id")[: PAGE + 1])
    chosen = {"state": state, "request": of_request or ""}
    older = ""
    if len(page) > PAGE:
        last = page[PAGE - 1]
        older = "?" + urlencode({**chosen, "before": f"{last.due_at.isoformat()}_{last.id}"})
    context = {
        "runs": page[:PAGE],
        "older": older,
        "newest": f"?{urlencode(chosen)}" if before else "",
        "states": RunState.choices,
        "state": state,
        "saved_requests": request.team.saved_requests.only("id", "name", "team"),
        "of_request": of_request,
    }
    return render(request, "requests_builder/run_list.html", context)


@require_GET
@member_required()
def run(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """One run; while it is under way, its page asks for news of it."""
    shown = get_object_or_404(
        request.team.runs.select_related("saved_request__table", "saved_request__connection", "requested_by"),
        id=uuid,
    )
    template = "requests_builder/run.html#outcome" if request.htmx else "requests_builder/run.html"
    can_edit = request.membership.is_at_least(Role.EDITOR)
    context = {
        "run": shown,
        "can_edit": can_edit,
        "obstacle": runs.obstacle(shown, timezone.now()),
        "counts": destinations.counts(shown.changes, shown.watermarks),
        "has_held": bool(shown.changes.get("held")) and destinations.held(shown).exists(),
    }
    return render(request, template, context)


@require_POST
@member_required(Role.EDITOR)
def run_cancel(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """**Cancel**: end a run that is waiting or under way; nothing of it is shown."""
    found = get_object_or_404(request.team.runs.select_related("saved_request"), id=uuid)
    if not runs.cancel(found, user=request.user, now=timezone.now()):
        messages.info(request, "The run had finished already.")
    return redirect("requests_builder:run", team=request.team.slug, uuid=found.id)


def _cursor(text: str) -> tuple[datetime, UUID] | None:
    """Where a page begins; a cursor that nobody gave is the first page."""
    moment, _, identifier = text.partition("_")
    try:
        at, uuid = datetime.fromisoformat(moment), UUID(identifier)
    except ValueError:
        return None
    # The first and last days of the calendar have no moment in every time zone.
    return (at, uuid) if at.tzinfo and 1 < at.year < 9999 else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
