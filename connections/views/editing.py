"""Creating, editing and deleting a connection."""

import copy
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.signing import BadSignature, Signer
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from connections import grants, providers
from connections.forms import ADDRESSES, ConnectionForm, Missing, discovered_values, typed_so_far
from connections.grants.asking.discovery import DiscoveryFailed, discover
from connections.grants.asking.redirects import redirect_uri
from connections.models import Connection

from .answers import managed, return_to_of, wants_json
from .flows import begin
from .presets import edit_preset


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def create(request: TeamRequest) -> HttpResponse:
    """Create connection: saved, then on to the provider."""
    return _edit(request, Connection(team=request.team, id=_shown_id(request)))


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def edit(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Change a connection in place; what uses it is untouched."""
    connection = managed(request, uuid)
    if providers.get(connection.preset):
        return edit_preset(request, connection)
    return _edit(request, connection)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def delete(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Say what uses the connection; then end its token at the provider and delete it."""
    connection = managed(request, uuid)
    will_revoke = bool(grants.revocation_address(connection))
    if request.method == "POST":
        told = " The provider is being told to end its token." if will_revoke else ""
        grants.delete(connection, user=request.user, now=timezone.now())
        messages.success(request, f"{connection.name} was deleted.{told}")
        return redirect("connections:list", team=request.team.slug)
    return render(
        request,
        "connections/delete.html",
        {
            "connection": connection,
            "saved_requests": connection.saved_requests.select_related("schedule"),
            "will_revoke": will_revoke,
            "ended_along": grants.ended_along(connection),
        },
    )


def _edit(request: TeamRequest, connection: Connection) -> HttpResponse:
    then = request.POST.get("then", "connect")
    if request.method == "POST" and then == "look":
        return _looked_at(request, connection)
    if request.method == "POST" and then == "discover":
        return _discovered(request, connection)
    form = ConnectionForm(
        request.POST or None,
        instance=connection,
        team=request.team,
        user=request.user,
        adds_missing=then == "add",
    )
    missing = Missing()
    if request.method == "POST" and form.is_valid():
        missing = form.missing() if then == "connect" else missing
        if not missing and form.save_settings(now=timezone.now()):
            return _saved(request, form.instance)
    is_wrong = request.method == "POST"
    template = "connections/form.html"
    if is_wrong and wants_json(request):
        template += "#fields"
    elif request.htmx:
        template += "#form"
    context = _context(request, form) | {"missing": missing}
    return render(request, template, context, status=422 if is_wrong else 200)


def _looked_at(request: TeamRequest, connection: Connection) -> HttpResponse:
    """What the addresses that are typed by now say. Nothing is checked, nothing is saved."""
    form = ConnectionForm(
        initial=typed_so_far(request.POST), instance=connection, team=request.team, user=request.user
    )
    return render(request, "connections/form_reading.html", {"form": form})


def _discovered(request: TeamRequest, connection: Connection) -> HttpResponse:
    """The form with what the typed issuer publishes about itself. Nothing is saved."""
    typed = typed_so_far(request.POST)
    told: dict[str, Any]
    try:
        found = discover(str(typed.get("expected_issuer") or "").strip())
    except DiscoveryFailed as failed:
        told = {"sentence": failed.sentence}
    else:
        values = discovered_values(found)
        typed |= values
        told = {
            "issuer": found.issuer,
            "expected_issuer": found.expected_issuer,
            "filled": [
                (ConnectionForm.base_fields[name].label, values[name]) for name in values if values[name]
            ],
            "hosts": dict.fromkeys(urlsplit(values[name]).netloc for name in ADDRESSES if name in values),
            "scopes": found.scopes,
        }
    form = ConnectionForm(initial=typed, instance=connection, team=request.team, user=request.user)
    template = "connections/form.html#fields" if request.htmx else "connections/form.html"
    return render(request, template, _context(request, form) | {"discovery": told})


def _saved(request: TeamRequest, connection: Connection) -> HttpResponse:
    if request.POST.get("then") == "save":
        messages.success(request, f"{connection.name} was saved.")
        return redirect("connections:detail", team=request.team.slug, uuid=connection.id)
    return begin(request, connection)


def _context(request: TeamRequest, form: ConnectionForm) -> dict[str, Any]:
    connection: Connection = form.instance
    names = {"team": request.team.slug}
    is_new = connection._state.adding
    own, shared = copy.copy(connection), copy.copy(connection)
    own.has_own_redirect_url, shared.has_own_redirect_url = True, False
    return {
        "form": form,
        "connection": None if is_new else request.team.connections.get(pk=connection.pk),
        "action": reverse("connections:new", kwargs=names)
        if is_new
        else reverse("connections:edit", kwargs={**names, "uuid": connection.id}),
        "redirect_urls": {"own": redirect_uri(own), "shared": redirect_uri(shared)},
        "new_id": _signer(request).sign(str(connection.id)) if is_new else "",
        "return_to": return_to_of(request),
        "is_dialog": bool(request.htmx),
    }


def _shown_id(request: TeamRequest) -> UUID:
    """The id that a new connection has had since its form was first shown: its own Redirect URL holds it."""
    try:
        return UUID(_signer(request).unsign(request.POST.get("new_id", "")))
    except (BadSignature, ValueError):
        return uuid4()


def _signer(request: TeamRequest) -> Signer:
    return Signer(salt=f"new connection of team {request.team.pk}")
