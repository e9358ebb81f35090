"""What is wrong with the schedules of a team, and when its people are told."""

from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import TeamRequest, member_required
from accounts.models import Role, Team
from requests_builder import alerts
from requests_builder.forms import RulesForm, ScheduleRulesForm
from requests_builder.models import AlertRules, ChannelKind, Incident
from requests_builder.views.schedules import scheduled_or_404

PAGE = 50
# Of open incidents; the list has them all.
SHOWN = 8


def open_incidents(team: Team) -> "QuerySet[Incident]":
    """What is wrong with the team's schedules now, the newest first."""
    return (
        team.incidents.filter(ended_at=None)
        .select_related("schedule__saved_request")
        .defer("schedule__saved_request__body")
        .order_by("-opened_at", "-id")
    )


@require_GET
@member_required()
def alerts_page(request: TeamRequest) -> HttpResponse:
    """What is wrong now, where alerts go, and by which rules."""
    alerts.mail_channel(request.team.pk)
    found = list(open_incidents(request.team)[: SHOWN + 1])
    context = {
        "incidents": found[:SHOWN],
        "has_more": len(found) > SHOWN,
        "channels": request.team.alert_channels.prefetch_related("people"),
        "rules": alerts.rules.of_team(request.team.pk),
        "exceptions": request.team.alert_rules.filter(schedule__isnull=False).select_related(
            "schedule__saved_request"
        ),
        "kinds": [kind for kind in ChannelKind if kind != ChannelKind.EMAIL],
        "can_edit": request.membership.is_at_least(Role.EDITOR),
    }
    return render(request, "requests_builder/alerts.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def alert_rules(request: TeamRequest) -> HttpResponse:
    """When people are told, for all schedules of the team."""
    form = RulesForm(request.POST or None, rules=alerts.rules.of_team(request.team.pk))
    if request.method == "POST" and form.is_valid():
        alerts.rules.keep(form.cleaned_data, team_id=request.team.pk)
        messages.success(request, "The rules were saved.")
        return redirect("requests_builder:alerts", team=request.team.slug)
    status = 422 if request.method == "POST" else 200
    return render(request, "requests_builder/alert_rules.html", {"form": form}, status=status)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def schedule_alerts(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """What one schedule has otherwise than the team."""
    saved_request = scheduled_or_404(request, uuid)
    schedule = saved_request.schedule
    form = ScheduleRulesForm(
        request.POST if request.method == "POST" else None,
        rules=alerts.rules.of_team(request.team.pk),
        own=AlertRules.objects.filter(schedule=schedule).first(),
    )
    if request.method == "POST" and form.is_valid():
        alerts.rules.keep(form.cleaned_data, team_id=request.team.pk, schedule=schedule)
        messages.success(request, f"The alerts of {saved_request.name} were saved.")
        return redirect("requests_builder:schedule_page", team=request.team.slug, uuid=uuid)
    context = {"form": form, "saved_request": saved_request}
    status = 422 if request.method == "POST" else 200
    return render(request, "requests_builder/schedule_alerts.html", context, status=status)


@require_GET
@member_required()
def incident_list(request: TeamRequest) -> HttpResponse:
    """What is and was wrong, the newest first, a page at a time."""
    found = request.team.incidents.select_related("schedule__saved_request").order_by("-opened_at", "-id")
    if before := _cursor(request.GET.get("before", "")):
        at, pk = before
        found = found.filter(Q(opened_at__lt=at) | Q(opened_at=at, id__lt=pk), opened_at__lte=at)
    page = list(found[: PAGE + 1])
    older = ""
    if len(page) > PAGE:
        last = page[PAGE - 1]
        older = "?" + urlencode({"before": f"{last.opened_at.isoformat()}_{last.id}"})
    context = {"incidents": page[:PAGE], "older": older, "newest": "?" if before else ""}
    return render(request, "requests_builder/incident_list.html", context)


def _cursor(text: str) -> tuple[datetime, UUID] | None:
    """Where a page begins; a cursor that nobody gave is the first page."""
    at, _, pk = text.partition("_")
    try:
        moment, key = datetime.fromisoformat(at), UUID(pk)
    except ValueError:
        return None
    return (moment, key) if moment.tzinfo and 1 < moment.year < 9999 else None
