"""Schedules: when requests run by themselves."""

from uuid import UUID
from zoneinfo import available_timezones

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import runs, schedules
from requests_builder.forms import ScheduleForm
from requests_builder.models import SavedRequest, Schedule

# How many of the next due times are foretold.
FORETOLD = 5


@require_GET
@member_required()
def schedule_list(request: TeamRequest) -> HttpResponse:
    """Everything that runs by itself, the next one first."""
    scheduled = (
        request.team.saved_requests.filter(schedule__isnull=False)
        .select_related("schedule", "table")
        .with_last_run()
        .order_by("schedule__is_paused", "schedule__next_at")
    )
    can_edit = request.membership.is_at_least(Role.EDITOR)
    return render(
        request, "requests_builder/schedule_list.html", {"scheduled": scheduled, "can_edit": can_edit}
    )


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def schedule(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Put a request on a schedule, or change when it runs."""
    saved_request = get_object_or_404(request.team.saved_requests.select_related("schedule"), id=uuid)
    existing: Schedule | None = getattr(saved_request, "schedule", None)
    typed = (
        ScheduleForm.as_typed(existing)
        if existing and existing.kept_rule
        else {"kind": "minutes", "every": 60, "timezone": "UTC"}
    )
    form = ScheduleForm(request.POST or None, initial=typed)
    if request.method == "POST" and form.is_valid():
        rule = form.cleaned_data["rule"]
        runs.set_schedule(saved_request, rule, user=request.user, now=timezone.now())
        messages.success(request, f"{saved_request.name}: {schedules.in_words(rule)}.")
        return redirect("requests_builder:schedule_list", team=request.team.slug)
    context = {
        "form": form,
        "saved_request": saved_request,
        "schedule": existing,
        "timezones": sorted(available_timezones()),
    }
    if not form.is_bound:
        # Of a rule that was refused, nothing can be foretold: its sentence stands there instead.
        context |= _scheduled_next(existing) if existing else _foretold(schedules.Minutes(60))
    status = 422 if request.method == "POST" else 200
    return render(request, "requests_builder/schedule.html", context, status=status)


@require_POST
@member_required(Role.EDITOR)
def schedule_preview(request: TeamRequest) -> HttpResponse:
    """What the typed rule means, and its next due times; or the sentence for what is wrong with it."""
    form = ScheduleForm(request.POST)
    context = _foretold(form.cleaned_data["rule"]) if form.is_valid() else {}
    return render(request, "requests_builder/schedule.html#foretold", {"form": form, **context})


@require_POST
@member_required(Role.EDITOR)
def schedule_pause(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """No due time comes until it is resumed."""
    saved_request = _scheduled(request, uuid)
    runs.pause(saved_request.schedule)
    messages.success(request, f"The schedule of {saved_request.name} is paused.")
    return redirect("requests_builder:schedule_list", team=request.team.slug)


@require_POST
@member_required(Role.EDITOR)
def schedule_resume(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Go on from now."""
    saved_request = _scheduled(request, uuid)
    if saved_request.schedule.kept_rule is None:
        messages.error(request, saved_request.schedule.in_words)
        return redirect("requests_builder:schedule", team=request.team.slug, uuid=uuid)
    runs.resume(saved_request.schedule, now=timezone.now())
    messages.success(request, f"The schedule of {saved_request.name} goes on.")
    return redirect("requests_builder:schedule_list", team=request.team.slug)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def schedule_delete(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Take a request off its schedule; the request and its runs stay."""
    saved_request = _scheduled(request, uuid)
    if request.method == "POST":
        runs.remove_schedule(saved_request)
        messages.success(request, f"{saved_request.name} no longer runs by itself.")
        return redirect("requests_builder:schedule_list", team=request.team.slug)
    return render(request, "requests_builder/schedule_delete.html", {"saved_request": saved_request})


def _scheduled(request: TeamRequest, uuid: UUID) -> SavedRequest:
    scheduled = request.team.saved_requests.filter(schedule__isnull=False).select_related("schedule")
    return get_object_or_404(scheduled, id=uuid)


def _scheduled_next(schedule: Schedule) -> dict[str, object]:
    """As `_foretold`; intervals are counted from the last due time."""
    return {
        "in_words": schedule.in_words,
        "upcoming": runs.next_runs(schedule, now=timezone.now(), count=FORETOLD),
    }


def _foretold(rule: schedules.Rule) -> dict[str, object]:
    return {
        "in_words": schedules.in_words(rule),
        "upcoming": schedules.upcoming(rule, timezone.now(), FORETOLD),
    }
