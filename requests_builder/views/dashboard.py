"""The dashboard: how things are, at a glance."""

from datetime import timedelta

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from connections.models import ConnectionState
from requests_builder.models import RunState, Schedule
from requests_builder.views.alerts import open_incidents

SHOWN = 8


@require_GET
@member_required()
def dashboard(request: TeamRequest) -> HttpResponse:
    """Connections by health, what ran, what failed, what comes next."""
    now = timezone.now()
    lately = request.team.runs.filter(due_at__gt=now - timedelta(hours=24), due_at__lte=now)
    counts = {
        row["state"]: row["count"] for row in lately.order_by().values("state").annotate(count=Count("id"))
    }
    health = request.team.connections.order_by().values("state").annotate(count=Count("id"))
    by_health = {row["state"]: row["count"] for row in health}
    active = Schedule.objects.filter(saved_request__team=request.team, is_paused=False, next_at__isnull=False)
    upcoming = active.select_related("saved_request").order_by("next_at")[:SHOWN]
    context = {
        "request_count": request.team.saved_requests.count(),
        "connection_count": sum(by_health.values()),
        "healthy_count": by_health.get(ConnectionState.CONNECTED, 0),
        "succeeded_count": counts.get(RunState.SUCCEEDED, 0),
        "failed_count": counts.get(RunState.FAILED, 0),
        "incidents": open_incidents(request.team)[:SHOWN],
        "failures": lately.filter(state=RunState.FAILED)
        .select_related("saved_request")
        .order_by("-due_at")[:SHOWN],
        "newest": request.team.runs.select_related("saved_request").order_by("-due_at", "-id")[:SHOWN],
        "upcoming": upcoming,
        "can_edit": request.membership.is_at_least(Role.EDITOR),
    }
    return render(request, "requests_builder/dashboard.html", context)
