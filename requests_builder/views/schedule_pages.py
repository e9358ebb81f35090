"""The page of one schedule: each due time and what became of it, and what can be done about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import runs
from requests_builder.forms import BackfillForm
from requests_builder.models import IncidentKind, Run, RunState, Schedule, Trigger
from requests_builder.views.schedules import FORETOLD, scheduled_or_404

PAGE = 50
ON_THE_STRIP = 60
INCIDENTS = 10


@dataclass(frozen=True, slots=True)
class DueTime:
    """A row of the ledger with what the clocks of the schedule's zone show then."""

    run: Run
    wall: datetime
    wall_until: datetime | None


@dataclass(frozen=True, slots=True)
class Day:
    """A day on these clocks, and what was due on it, oldest first."""

    day: date
    due_times: list[DueTime]


@require_GET
@member_required()
def schedule_page(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """What comes next, and what became of each due time, a page at a time."""
    saved_request = scheduled_or_404(request, uuid)
    schedule = saved_request.schedule
    rule = schedule.kept_rule
    zone = rule.timezone if rule else "UTC"
    past = schedule.runs.order_by("-due_at")
    before = _cursor(request.GET.get("before", ""))
    found = (past.filter(due_at__lt=before) if before else past)[: max(PAGE, ON_THE_STRIP) + 1]
    page = _due_times(found, zone)
    has_older = len(page) > PAGE
    incidents = list(schedule.incidents.order_by("-opened_at", "-id")[:INCIDENTS])
    context = {
        "saved_request": saved_request,
        "schedule": schedule,
        "zone": zone,
        "upcoming": runs.next_runs(schedule, count=FORETOLD),
        "days": [] if before else _by_day(reversed(page[:ON_THE_STRIP])),
        "states": sorted({due.run.state for due in page[:ON_THE_STRIP]}, key=RunState.values.index),
        "due_times": page[:PAGE],
        "older": "?" + urlencode({"before": page[PAGE - 1].run.due_at.isoformat()}) if has_older else "",
        "newest": "?" if before else "",
        "backfilling": schedule.runs.unfinished().filter(trigger=Trigger.BACKFILL).count(),
        "dead_connection": runs.dead_connection(saved_request),
        "skipped": None if schedule.is_paused else _skipped(schedule, zone, timezone.now()),
        "incidents": incidents,
        "stopped": next((each for each in incidents if each.kind == IncidentKind.PAUSED), None),
        "can_edit": request.membership.is_at_least(Role.EDITOR),
    }
    return render(request, "requests_builder/schedule_page.html", context)


@require_POST
@member_required(Role.EDITOR)
def schedule_pause(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """No due time comes until it is resumed."""
    saved_request = scheduled_or_404(request, uuid)
    runs.pause(saved_request.schedule)
    messages.success(request, f"The schedule of {saved_request.name} is paused.")
    return _back(request, uuid)


@require_POST
@member_required(Role.EDITOR)
def schedule_resume(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Go on, and make up for the pause as the catch-up policy says; on demand for all of it."""
    saved_request = scheduled_or_404(request, uuid)
    if saved_request.schedule.kept_rule is None:
        messages.error(request, saved_request.schedule.in_words)
        return redirect("requests_builder:schedule", team=request.team.slug, uuid=uuid)
    if request.POST.get("backfill"):
        done = runs.resume_and_backfill(saved_request.schedule, user=request.user, now=timezone.now())
        messages.success(request, f"The schedule of {saved_request.name} goes on. {_told(done)}")
        return _back(request, uuid)
    begun = runs.resume(saved_request.schedule, now=timezone.now())
    made_up = " What was due during the pause is made up for." if begun else ""
    messages.success(request, f"The schedule of {saved_request.name} goes on.{made_up}")
    return _back(request, uuid)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def schedule_backfill(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Have due times of the past run, one after the other."""
    saved_request = scheduled_or_404(request, uuid)
    schedule = saved_request.schedule
    rule = schedule.kept_rule
    now = timezone.now()
    zone = rule.timezone if rule else "UTC"
    form = BackfillForm(request.POST if request.method == "POST" else None, zone=zone, now=now)
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            done = runs.backfill(schedule, wanted["begin"], wanted["end"], user=request.user, now=now)
        except runs.BackfillRefused as refused:
            form.add_error("end", str(refused))
        else:
            messages.success(request, _told(done))
            return redirect("requests_builder:schedule_page", team=request.team.slug, uuid=uuid)
    context = {"form": form, "saved_request": saved_request, "schedule": schedule}
    status = 422 if request.method == "POST" else 200
    return render(request, "requests_builder/schedule_backfill.html", context, status=status)


@require_POST
@member_required(Role.EDITOR)
def schedule_backfill_stop(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Leave out the due times of a backfill whose turn has not come."""
    saved_request = scheduled_or_404(request, uuid)
    left = runs.stop_backfill(saved_request.schedule, now=timezone.now())
    messages.success(request, f"The backfill is stopped: {left} due time{'' if left == 1 else 's'} left out.")
    return redirect("requests_builder:schedule_page", team=request.team.slug, uuid=uuid)


def _told(done: runs.Backfill) -> str:
    told = [
        "1 due time waits in line." if done.queued == 1 else f"{done.queued} due times wait in line.",
        f"{done.kept} had run already." if done.kept else "",
    ]
    return " ".join(filter(None, told))


def _back(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """To the page of the schedule, if the button stood there, or to the list."""
    if request.POST.get("from") == "page":
        return redirect("requests_builder:schedule_page", team=request.team.slug, uuid=uuid)
    return redirect("requests_builder:schedule_list", team=request.team.slug)


def _by_day(due_times: Iterable[DueTime]) -> list[Day]:
    return [Day(day, list(own)) for day, own in groupby(due_times, key=lambda due: due.wall.date())]


def _due_times(found: Iterable[Run], zone: str) -> list[DueTime]:
    # Without a zone of their own: templates would turn them into the zone of the server.
    clocks = ZoneInfo(zone)
    return [
        DueTime(
            run,
            run.due_at.astimezone(clocks).replace(tzinfo=None),
            run.due_until.astimezone(clocks).replace(tzinfo=None) if run.due_until else None,
        )
        for run in found
    ]


def _skipped(schedule: Schedule, zone: str, now: datetime) -> dict[str, object] | None:
    """How many due times lately for no fault of theirs, and from when to when on the clocks of the zone."""
    found = runs.skipped_lately(schedule, now)
    if found is None:
        return None
    count, first, last = found
    first, last = (moment.astimezone(ZoneInfo(zone)) for moment in (first, last))
    return {"count": count, "first": f"{first:%Y-%m-%dT%H:%M}", "last": f"{last:%Y-%m-%dT%H:%M}"}


def _cursor(text: str) -> datetime | None:
    """Where a page begins; a cursor that nobody gave is the first page."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    # The first and last days of the calendar have no moment in every time zone.
    return at if at.tzinfo and 1 < at.year < 9999 else None
