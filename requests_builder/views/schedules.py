"""Schedules: when requests run by themselves."""

from uuid import UUID

from django.contrib import messages
from django.db.models import F
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
FORETOLD = 10


@require_GET
@member_required()
def schedule_list(request: TeamRequest) -> HttpResponse:
    """Everything that runs by itself, the next one first."""
    scheduled = (
        request.team.saved_requests.filter(schedule__isnull=False)
        .select_related("schedule", "table", "connection")
        .with_last_run()
        .order_by("schedule__is_paused", F("schedule__next_at").asc(nulls_last=True))
    )
    context = {
        "scheduled": scheduled,
        "stopped": [each for each in scheduled if each.schedule.state == "stopped"],
        "can_edit": request.membership.is_at_least(Role.EDITOR),
    }
    return render(request, "requests_builder/schedule_list.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def schedule(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Put a request on a schedule, or change when it runs; `then=preview` shows only what it would mean."""
    saved_request = get_object_or_404(request.team.saved_requests.select_related("schedule"), id=uuid)
    existing: Schedule | None = getattr(saved_request, "schedule", None)
    typed = (
        ScheduleForm.as_typed(existing)
        if existing and existing.kept_rule
        else {"kind": "minutes", "every": 60, "timezone": "UTC"}
    )
    form = ScheduleForm(request.POST or None, initial=typed)
    is_preview = request.POST.get("then") == "preview"
    is_good = _is_good(form)
    if is_good and not is_preview:
        kept = form.cleaned_data
        runs.set_schedule(
            saved_request,
            kept["rule"],
            user=request.user,
            now=timezone.now(),
            catch_up=kept["catch_up"],
            overlap=kept["overlap"],
        )
        messages.success(request, f"{saved_request.name}: {schedules.in_words(kept['rule'])}.")
        return redirect("requests_builder:schedule_list", team=request.team.slug)
    context = {
        "form": form,
        "saved_request": saved_request,
        "schedule": existing,
        "timezones": sorted(schedules.zones()),
        "more_is_open": any(form[name].errors or form[name].value() for name in ("start", "end"))
        or any(typed.get(name, form[name].initial) != form[name].initial for name in ("catch_up", "overlap")),
    }
    if is_good:
        context |= _foretold(form.cleaned_data["rule"], existing)
    elif not form.is_bound:
        # Of a rule that was refused, nothing can be foretold: its sentence stands there instead.
        context |= _scheduled_next(existing) if existing else _foretold(schedules.Minutes(60), None)
    status = 422 if request.method == "POST" and not is_good else 200
    return render(request, "requests_builder/schedule.html", context, status=status)


@require_POST
@member_required(Role.EDITOR)
def schedule_preview(request: TeamRequest) -> HttpResponse:
    """What the typed rule means, and its next due times; or the sentence for what is wrong with it."""
    form = ScheduleForm(request.POST)
    existing = Schedule.objects.filter(
        saved_request__team=request.team, saved_request=_uuid(request.POST.get("of", ""))
    ).first()
    context = _foretold(form.cleaned_data["rule"], existing) if _is_good(form) else {}
    return render(request, "requests_builder/schedule.html#foretold", {"form": form, **context})


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def schedule_delete(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Take a request off its schedule; the request and its runs stay."""
    saved_request = scheduled_or_404(request, uuid)
    if request.method == "POST":
        runs.remove_schedule(saved_request, now=timezone.now())
        messages.success(request, f"{saved_request.name} no longer runs by itself.")
        return redirect("requests_builder:schedule_list", team=request.team.slug)
    return render(request, "requests_builder/schedule_delete.html", {"saved_request": saved_request})


def scheduled_or_404(request: TeamRequest, uuid: UUID) -> SavedRequest:
    """The team's request of this id, if it has a schedule."""
    scheduled = request.team.saved_requests.filter(schedule__isnull=False)
    return get_object_or_404(scheduled.select_related("schedule", "connection"), id=uuid)


def _is_good(form: ScheduleForm) -> bool:
    if form.is_valid():
        form.refuse_if_never(timezone.now())
    return form.is_valid()


def _scheduled_next(schedule: Schedule) -> dict[str, object]:
    """As `_foretold`; intervals are counted from the last due time."""
    return {
        "in_words": schedule.in_words,
        "upcoming": runs.next_runs(schedule, count=FORETOLD),
        "rule": schedule.kept_rule,
        "is_paused": schedule.is_paused,
    }


def _foretold(rule: schedules.Rule, existing: Schedule | None) -> dict[str, object]:
    if existing and existing.rule == schedules.to_config(rule):
        return _scheduled_next(existing)
    return {
        "in_words": schedules.in_words(rule),
        "upcoming": schedules.foretold(rule, rule.next_after(timezone.now()), FORETOLD),
        "rule": rule,
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
