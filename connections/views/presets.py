"""Available Presets: providers that are known, and settings that the team keeps."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts import audit
from accounts.access import TeamRequest, member_required
from accounts.models import Role, Verb
from connections import grants, providers
from connections.forms import (
    PRESET_NAME_TAKEN,
    CatalogueForm,
    Missing,
    PresetForm,
    SavePresetForm,
    TeamPresetForm,
)
from connections.grants.asking.clients import shared_presets
from connections.grants.asking.redirects import redirect_uri
from connections.models import Connection, DecryptionFailed, TeamPreset

from .answers import managed, return_to_of, wants_json
from .flows import begin


@require_GET
@member_required(Role.EDITOR)
def preset_list(request: TeamRequest) -> HttpResponse:
    """Available Presets, the team's own first, by what `q` asks for."""
    q = request.GET.get("q", "").strip()[:100]
    wanted = q.lower().split()
    found = [each for each in providers.catalogue().values() if _speaks_of(each, wanted)]
    kept = [each for each in request.team.presets.all() if _has(each.name, wanted)]
    by_group = {group: [each for each in found if each.group == group] for group in providers.groups()}
    groups = [(group, members) for group, members in by_group.items() if members]
    return render(
        request,
        "connections/preset_list.html" + ("#list" if request.htmx else ""),
        {
            "groups": groups,
            "team_presets": kept,
            "q": q,
            "is_found": bool(groups or kept),
            "shared": shared_presets(),
            "return_to": return_to_of(request),
            "is_dialog": bool(request.htmx),
        },
    )


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def preset(request: TeamRequest, preset: str) -> HttpResponse:
    """What a provider connects, how an app is registered there, and the form."""
    provider = _known(preset)
    return _answer(request, _catalogue_form(request, provider, Connection(team=request.team)))


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def team_preset(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """A new connection like one that the team has kept."""
    kept = get_object_or_404(request.team.presets, id=uuid)
    form = TeamPresetForm(
        request.POST or None, preset=kept, team=request.team, user=request.user, adds_missing=_adds(request)
    )
    return _answer(request, form, team_preset=kept, can_delete=_may_delete(request, kept))


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def team_preset_delete(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Ask, then delete a preset of the team. Connections made from it stay."""
    kept = get_object_or_404(request.team.presets, id=uuid)
    if not _may_delete(request, kept):
        raise PermissionDenied(
            f"{kept.name} can be deleted by an admin of {request.team}, or by the editor who made it."
        )
    if request.method == "POST":
        with transaction.atomic():
            audit.record(
                Verb.DELETED,
                team_id=request.team.pk,
                kind="preset",
                object_id=kept.pk,
                object_name=kept.name,
                user=request.user,
                now=timezone.now(),
            )
            kept.delete()
        messages.success(request, f"The preset {kept.name} was deleted.")
        return redirect("connections:presets", team=request.team.slug)
    return render(request, "connections/preset_delete.html", {"preset": kept})


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def save_as_preset(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Keep the settings of a custom connection that works, to make more like it."""
    connection = managed(request, uuid)
    if not can_be_preset(connection):
        raise Http404("Only a custom connection that is connected can become a preset.")
    form = SavePresetForm(request.POST or None, team=request.team, initial={"name": connection.name})
    if request.method == "POST" and form.is_valid() and _keep(request, connection, form):
        messages.success(request, f"{form.cleaned_data['name']} is now among your team’s presets.")
        return redirect("connections:presets", team=request.team.slug)
    return render(
        request,
        "connections/preset_save.html",
        {"form": form, "connection": connection},
        status=422 if request.method == "POST" else 200,
    )


def edit_preset(request: TeamRequest, connection: Connection) -> HttpResponse:
    """Change a connection that was made from the catalogue, in place."""
    return _answer(request, _catalogue_form(request, _known(connection.preset), connection))


def can_be_preset(connection: Connection) -> bool:
    """Whether its settings are ones that the team found out by itself, and that work."""
    return not connection.preset and getattr(connection, "token", None) is not None


def _catalogue_form(
    request: TeamRequest, provider: providers.Provider, connection: Connection
) -> CatalogueForm:
    return CatalogueForm(
        request.POST or None,
        preset=provider,
        instance=connection,
        team=request.team,
        user=request.user,
        adds_missing=_adds(request),
    )


def _answer(request: TeamRequest, form: PresetForm, **more: Any) -> HttpResponse:
    """The page of a preset; or, what was posted being right, on to the provider."""
    then = request.POST.get("then", "connect")
    missing = Missing()
    if request.method == "POST" and form.is_valid():
        missing = form.missing() if then == "connect" else missing
        if not missing and form.save_settings(now=timezone.now()):
            return _saved(request, form.instance)
    is_wrong = request.method == "POST"
    template = "connections/preset.html"
    if is_wrong and wants_json(request):
        template += "#fields"
    elif request.htmx:
        template += "#form"
    context = _context(request, form) | {"missing": missing} | more
    return render(request, template, context, status=422 if is_wrong else 200)


def _saved(request: TeamRequest, connection: Connection) -> HttpResponse:
    if request.POST.get("then") == "save":
        messages.success(request, f"{connection.name} was saved.")
        return redirect("connections:detail", team=request.team.slug, uuid=connection.id)
    return begin(request, connection)


def _context(request: TeamRequest, form: PresetForm) -> dict[str, Any]:
    connection: Connection = form.instance
    provider = form.preset if isinstance(form, CatalogueForm) else None
    # What is to be registered is the address of an app of one's own, lent client or not.
    own = Connection(id=connection.id, has_own_redirect_url=connection.has_own_redirect_url)
    return {
        "form": form,
        "provider": provider,
        "connection": None if connection._state.adding else request.team.connections.get(pk=connection.pk),
        "steps": _with_address(provider.steps, redirect_uri(own)) if provider else [],
        "redirect_url": redirect_uri(own),
        # A host with a placeholder in it says nothing yet.
        "api_hosts": [host for host in provider.api_hosts if "{" not in host] if provider else [],
        "action": request.path,
        "is_dialog": bool(request.htmx),
        "return_to": return_to_of(request),
        "list_url": reverse("connections:presets", kwargs={"team": request.team.slug}),
    }


def _with_address(steps: Iterable[str], address: str) -> list[list[str]]:
    """Each step in its parts, the address being every second one."""
    return [
        [part for text in step.split("{redirect_uri}") for part in (text, address)][:-1] for step in steps
    ]


def _keep(request: TeamRequest, connection: Connection, form: SavePresetForm) -> bool:
    name, with_client = form.cleaned_data["name"], form.cleaned_data["with_client"]
    try:
        kept = TeamPreset.of(connection, name=name, user=request.user, with_client=with_client)
        with transaction.atomic():
            kept.save(force_insert=True)
            grants.record(
                Verb.SAVED_PRESET,
                connection,
                user=request.user,
                now=timezone.now(),
                detail={"Preset": name},
            )
    except DecryptionFailed:
        form.add_error(
            "with_client", "The Client Secret cannot be read here: enter it in the connection first."
        )
        return False
    except IntegrityError:
        form.add_error("name", PRESET_NAME_TAKEN)
        return False
    return True


def _may_delete(request: TeamRequest, kept: TeamPreset) -> bool:
    return kept.created_by_id == request.user.pk or request.membership.is_at_least(Role.ADMIN)


def _known(slug: str) -> providers.Provider:
    provider = providers.get(slug)
    if provider is None:
        raise Http404("No such preset")
    return provider


def _adds(request: TeamRequest) -> bool:
    return request.POST.get("then") == "add"


def _speaks_of(provider: providers.Provider, wanted: Iterable[str]) -> bool:
    return _has(f"{provider.title} {provider.slug} {provider.group}", wanted)


def _has(text: str, wanted: Iterable[str]) -> bool:
    return all(word in text.lower() for word in wanted)
