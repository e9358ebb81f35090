"""Variables of a team, and what a request will send with those that it uses."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import runs
from requests_builder.forms import SavedRequestForm, TeamVariableForm
from requests_builder.models import DecryptionFailed, SavedRequest, TeamVariable


@require_GET
@member_required()
def variable_list(request: TeamRequest) -> HttpResponse:
    """The team's variables, each with its value, unless it is secret, and how many requests use it."""
    uses = runs.uses_of(request.team)
    rows = [
        {"variable": variable, "value": _shown(variable), "uses": len(uses.get(variable.name, []))}
        for variable in request.team.variables.all()
    ]
    context = {"rows": rows, "can_edit": request.membership.is_at_least(Role.EDITOR)}
    return render(request, "requests_builder/variable_list.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def variable_new(request: TeamRequest) -> HttpResponse:
    """Add a variable."""
    return _edit(request, TeamVariable(team=request.team))


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def variable(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Change a variable, and see which requests use it."""
    return _edit(request, get_object_or_404(request.team.variables, id=uuid))


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def variable_delete(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Say which requests use the variable, then delete it."""
    found = get_object_or_404(request.team.variables, id=uuid)
    if request.method == "POST":
        runs.delete_variable(found, user=request.user, now=timezone.now())
        messages.success(request, f"{found.name} was deleted.")
        return redirect("requests_builder:variable_list", team=request.team.slug)
    context = {"variable": found, "saved_requests": runs.uses_of(request.team).get(found.name, [])}
    return render(request, "requests_builder/variable_delete.html", context)


@require_POST
@member_required()
def request_will_send(request: TeamRequest, uuid: UUID | None = None) -> HttpResponse:
    """What stands in the form as it would leave now, secrets masked; nothing is sent and nothing saved."""
    saved = (
        get_object_or_404(request.team.saved_requests, id=uuid) if uuid else SavedRequest(team=request.team)
    )
    form = SavedRequestForm(request.POST, instance=saved, team=request.team, is_trial=True)
    # Also of what cannot be sent yet something can be shown.
    form.is_valid()
    connection = form.cleaned_data.get("connection")
    context: dict[str, Any] = {
        "foresight": runs.foresight(form.template, form.instance, connection, now=timezone.now()),
        "labels": {name: field.label for name, field in form.fields.items()},
    }
    template = "requests_builder/builder/will_send.html"
    return render(request, f"{template}#shown" if request.htmx else template, context)


def _edit(request: TeamRequest, found: TeamVariable) -> HttpResponse:
    is_new = found._state.adding
    # The form writes what was typed into the variable.
    name = found.name
    form = TeamVariableForm(request.POST or None, instance=found, team=request.team, user=request.user)
    if request.method == "POST" and form.is_valid() and form.save_variable(now=timezone.now()):
        messages.success(request, f"{found.name} was saved.")
        return redirect("requests_builder:variable_list", team=request.team.slug)
    context = {
        "form": form,
        "variable": None if is_new else found,
        "name": name,
        "saved_requests": [] if is_new else runs.uses_of(request.team).get(name, []),
    }
    status = 422 if form.is_bound else 200
    return render(request, "requests_builder/variable.html", context, status=status)


def _shown(found: TeamVariable) -> str:
    """Its value as the list shows it; empty for a secret."""
    try:
        return "" if found.is_secret else str(found.value)
    except DecryptionFailed:
        return "cannot be read: enter it again"
