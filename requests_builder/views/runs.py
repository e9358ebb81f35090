"""Runs: what was due, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import destinations, history, runs
from requests_builder.models import Attempt, Run, RunState, Trigger

# More requests than these are chosen by typing their names.
MOST_CHOICES = 200
# Calls of failed attempts that one page shows.
MOST_LOOKS = 3


@require_GET
@member_required()
def run_list(request: TeamRequest) -> HttpResponse:
    """The team's runs, newest first, a page at a time: all, those asked for, or what goes on with a page."""
    selection = _selection(request)
    before, found = request.GET.get("before", ""), _count(request.GET.get("found", ""))
    page = history.runs_page(
        request.team, selection, before=before, now=timezone.now(), limit=max(1, history.PAGE - found)
    )
    found += len(page.runs)
    is_first = not before or request.GET.get("first") == "1"
    context: dict[str, Any] = {
        "runs": page.runs,
        "page": page,
        "found": found,
        "older": _url(selection, before=page.older) if page.older else "",
        "more": _url(selection, before=page.more, found=found, first="1" * is_first) if page.more else "",
        "newest": "" if is_first else _url(selection),
        "selection": selection,
        "here": _url(selection),
        # What is under way is looked at again, on the page where it is.
        "is_under_way": is_first and not page.more and any(not run.is_finished for run in page.runs),
    }
    if request.htmx and request.htmx.target == "more":
        return render(request, "requests_builder/run_list.html#more", context)
    context |= _choices(request, selection)
    template = "requests_builder/run_list.html" + ("#runs" if request.htmx else "")
    answer = render(request, template, context)
    if request.htmx and request.htmx.trigger == "run-filter":
        # The form sends its empty fields, too: the address is the one that a link would have.
        answer["HX-Push-Url"] = request.path + context["here"].rstrip("?")
    return answer


def _selection(request: TeamRequest) -> history.Selection:
    """What is asked for; a request may be asked for by its name, too."""
    query = request.GET.dict()
    if name := query.get("name", "").strip():
        named = request.team.saved_requests.filter(name__iexact=name).values_list("pk", flat=True).first()
        # Nothing has the name: nothing is shown.
        query["request"] = str(named or UUID(int=0))
    return history.from_query(query, RunState.values, Trigger.values)


def _choices(request: TeamRequest, selection: history.Selection) -> dict[str, Any]:
    """What the form offers."""
    names = list(request.team.saved_requests.values_list("id", "name").order_by("name")[: MOST_CHOICES + 1])
    chosen = dict(names).get(selection.request) if selection.request else ""
    if selection.request and not chosen:
        chosen = (
            request.team.saved_requests.filter(pk=selection.request).values_list("name", flat=True).first()
        )
    of_schedule = (
        request.GET.get("schedule")
        and request.team.saved_requests.filter(schedule=selection.schedule)
        .values_list("name", flat=True)
        .first()
    )
    return {
        "requests": names[:MOST_CHOICES],
        "are_too_many": len(names) > MOST_CHOICES,
        "chosen_name": chosen or "",
        "of_schedule": of_schedule or "",
        "without_schedule": _url(replace(selection, schedule=None)),
        "states": RunState.choices,
        "triggers": Trigger.choices,
        "periods": [(name, label) for name, (label, _) in history.PERIODS.items()],
        "codes": history.error_codes(request.team),
        "fields": selection.to_query(),
    }


@require_GET
@member_required()
def run(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """One run; while it is under way, its page asks for news of it."""
    shown = get_object_or_404(
        request.team.runs.select_related("saved_request__table", "saved_request__connection", "requested_by"),
        id=uuid,
    )
    can_edit = request.membership.is_at_least(Role.EDITOR)
    news = _news(shown)
    attempts = list(shown.attempt_log.order_by("fence"))
    context = {
        "run": shown,
        "can_edit": can_edit,
        "obstacle": runs.obstacle(shown, timezone.now()),
        "counts": destinations.counts(shown.changes, shown.watermarks),
        "has_held": bool(shown.changes.get("held")) and destinations.held(shown).exists(),
        "news": news,
        "is_news": request.GET.get("said") != news,
        "phases": _phases(shown.figures),
        # One that failed says no more than its run.
        "attempts": attempts if len(attempts) > 1 or not shown.is_finished else [],
        "good": history.last_good(shown) if shown.is_finished and shown.started_at else None,
        **_calls(shown, attempts, can_edit=can_edit),
    }
    template = "requests_builder/run.html#outcome" if request.htmx else "requests_builder/run.html"
    return render(request, template, context)


def _news(shown: Run) -> str:
    """What is said to people who listen to the page: seldom enough to be heard out."""
    if shown.state != RunState.RUNNING:
        return f"{shown.get_state_display()}."
    digits = 10 ** (len(str(shown.pages)) - 1)
    pages = shown.pages // digits * digits
    count = f"{'more than ' if shown.pages > pages else ''}{pages:,} page{'' if pages == 1 else 's'}"
    return f"Running, {count} so far."


def _phases(figures: dict[str, Any]) -> dict[str, float]:
    """Where the time of all calls went."""
    found: dict[str, float] = figures.get("phases", {})
    return dict.fromkeys(runs.PHASES, 0.0) | found | {"total": sum(found.values())} if found else {}


@dataclass(frozen=True, slots=True)
class Call:
    """What was sent and received, under a title."""

    title: str
    preview: runs.Preview
    is_cut: bool


def _calls(shown: Run, attempts: Sequence[Attempt], *, can_edit: bool) -> dict[str, Any]:
    """What was sent and received, for whoever may see the answers of a request."""
    if not can_edit or not (shown.is_finished or shown.is_waiting):
        return {"looks": []}
    kept = list(shown.transcripts.order_by("-fence", "is_first"))
    numbers = {attempt.fence: number for number, attempt in enumerate(attempts, 1)}
    looks = []
    for one in kept[:MOST_LOOKS]:
        title = "First page" if one.is_first else "Last page" if len(kept) > 1 else "The call"
        if not one.is_good:
            number = numbers.get(one.fence)
            title = f"Last call of attempt {number}" if number and len(attempts) > 1 else "The last call"
        if found := runs.transcripts.look(one):
            looks.append(Call(title, found.preview, found.is_cut))
    return {"looks": looks, "more_looks": max(0, len(kept) - MOST_LOOKS)}


@require_GET
@member_required()
def run_compare(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """What differs between the run and the last good one of its request."""
    shown = get_object_or_404(request.team.runs.select_related("saved_request"), id=uuid)
    good = history.last_good(shown)
    can_edit = request.membership.is_at_least(Role.EDITOR)
    comparison = history.compared(shown, good, has_calls=can_edit) if good else None
    context = {"run": shown, "comparison": comparison, "can_edit": can_edit}
    return render(request, "requests_builder/run_compare.html", context)


@require_POST
@member_required(Role.EDITOR)
def run_cancel(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """**Cancel**: end a run that is waiting or under way; nothing of it is shown."""
    found = get_object_or_404(request.team.runs.select_related("saved_request"), id=uuid)
    if not runs.cancel(found, user=request.user, now=timezone.now()):
        messages.info(request, "The run had finished already.")
    return redirect("requests_builder:run", team=request.team.slug, uuid=found.id)


def _url(selection: history.Selection, **more: object) -> str:
    return "?" + urlencode(selection.to_query() | {name: value for name, value in more.items() if value})


def _count(text: str) -> int:
    return min(int(text), history.PAGE) if text.isascii() and text.isdigit() and len(text) < 4 else 0
