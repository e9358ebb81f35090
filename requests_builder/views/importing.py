"""Requests from elsewhere into the builder, and from the builder for elsewhere."""

from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import importing, imports, naming, rendering, snippets
from requests_builder.forms import ImportForm, SavedRequestForm
from requests_builder.models import AuthorizationKind, SavedRequest


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def request_import(request: TeamRequest) -> HttpResponse:
    """A file of requests, or its text; what is in it is kept for its reader for a while."""
    if request.method != "POST":
        return render(request, "requests_builder/import.html", {"form": ImportForm()})
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    form = ImportForm(request.POST, request.FILES, length=length)
    if form.is_valid():
        try:
            kept = imports.keep(request.team, request.user, form.contents, now=timezone.now())
        except importing.Refused as refusal:
            form.add_error("file", str(refusal))
        else:
            only = kept.items[0] if len(kept.items) == 1 else None
            return redirect(
                _builder_url(request, kept, only) if only and only.typed else _pick_url(request, kept)
            )
    return render(request, "requests_builder/import.html", {"form": form}, status=422)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def request_pick(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """What is in the file: one is opened in the builder, or several are saved."""
    if request.method == "POST":
        return _save(request, uuid)
    kept = imports.find(request.team, request.user, uuid, now=timezone.now())
    if kept is None:
        return _gone(request)
    words, shows_all = request.GET.get("q", "")[:100].strip(), "all" in request.GET
    background = sum(item.is_background for item in kept.items)
    # With nothing else in it, there is nothing to hide it behind.
    shows_all = shows_all or background == len(kept.items)
    shown = [item for item in kept.items if (shows_all or not item.is_background) and _mentions(item, words)]
    context = {
        "kept": kept,
        "folders": [
            (folder, list(items))
            for folder, items in groupby(_by_folder(shown), key=lambda item: item.folder)
        ],
        "q": words,
        "shown": len(shown),
        "background": background,
        "shows_all": shows_all,
        "can_save": any(item.typed and not item.saved_as for item in shown),
        "wants_connection": any(item.wants_connection and not item.saved_as for item in shown),
        "wants_secret": any(item.wants_secret and not item.saved_as for item in shown),
        "connections": request.team.connections.all(),
    }
    return render(request, "requests_builder/import_pick.html", context)


@require_POST
@member_required(Role.EDITOR)
def request_import_curl(request: TeamRequest) -> HttpResponse:
    """A cURL command as the builder's fields, for its script; nothing is saved, sent or looked up."""
    try:
        imported = importing.parse_curl(request.POST.get("curl", ""))
    except importing.Refused as refusal:
        return JsonResponse({"refusal": str(refusal)}, status=422)
    return JsonResponse({**imports.as_typed(imported.draft), "notes": list(imported.notes)})


@require_POST
@member_required()
def request_copy(request: TeamRequest) -> HttpResponse:
    """What stands in the form as cURL, Python and JavaScript, with names in place of secrets."""
    form = SavedRequestForm(
        request.POST, instance=SavedRequest(team=request.team), team=request.team, is_trial=True
    )
    # Also of what cannot be sent yet something can be copied.
    form.is_valid()
    context = {"snippets": snippets.snippets(_draft_of(form))}
    return render(request, "requests_builder/snippets.html", context)


def begin(request: TeamRequest) -> tuple[SavedRequest, dict[str, Any]]:
    """A request that nobody has saved yet: empty, or picked from a file; and what its page says of that."""
    reference = _reference(request)
    if not reference:
        return SavedRequest(team=request.team), {}
    found = imports.picked(request.team, request.user, reference, now=timezone.now())
    if found is None:
        return SavedRequest(team=request.team), {"is_import_gone": True}
    kept, item = found
    assert item.typed is not None
    taken = set(request.team.saved_requests.values_list("name", flat=True))
    saved = imports.begun(request.team, item.typed, naming.free_name(item.name, taken))
    return saved, {
        "imported": reference,
        "imported_notes": item.notes,
        "imported_kind": kept.kind,
        "pick_url": _pick_url(request, kept) if len(kept.items) > 1 else "",
    }


def end(request: TeamRequest, saved: SavedRequest) -> None:
    """Remember, once it is saved, that the request came from a file: the list of the file says so."""
    import_id, _, number = _reference(request).partition(".")
    if number:
        imports.mark_saved(request.team, request.user, import_id, number, saved.id, now=timezone.now())


def _reference(request: TeamRequest) -> str:
    """Which one of which file: `<import>.<number>`; empty if it comes from none."""
    return request.POST.get("imported") or request.GET.get("imported") or ""


def _save(request: TeamRequest, uuid: UUID) -> HttpResponse:
    numbers = {
        int(number) for number in request.POST.getlist("take") if number.isascii() and number.isdigit()
    }
    here = redirect("requests_builder:request_pick", team=request.team.slug, uuid=uuid)
    if not 1 <= len(numbers) <= imports.MOST_AT_ONCE:
        kept = imports.find(request.team, request.user, uuid, now=timezone.now())
        if kept is None:
            return _gone(request)
        most = f"At most {imports.MOST_AT_ONCE} requests can be saved at once: tick fewer."
        messages.error(request, most if numbers else "Tick the requests to save first.")
        return here
    saved = imports.save_several(
        request.team,
        request.user,
        uuid,
        numbers,
        connection=request.POST.get("connection", ""),
        secret=request.POST.get("secret", "").strip(),
        now=timezone.now(),
    )
    if saved is None:
        return _gone(request)
    if saved.done:
        was = "request was" if saved.done == 1 else "requests were"
        messages.success(request, f"{saved.done} {was} saved.")
    if saved.refused:
        messages.warning(
            request,
            f"{saved.refused} request{pluralize(saved.refused)} could not be saved: the list says why.",
        )
    return here


def _gone(request: TeamRequest) -> HttpResponse:
    return render(request, "requests_builder/import_gone.html", status=404)


def _builder_url(request: TeamRequest, kept: imports.Import, item: imports.Item) -> str:
    url = reverse("requests_builder:request_new", kwargs={"team": request.team.slug})
    return f"{url}?imported={kept.id}.{item.number}"


def _pick_url(request: TeamRequest, kept: imports.Import) -> str:
    return reverse("requests_builder:request_pick", kwargs={"team": request.team.slug, "uuid": kept.id})


def _mentions(item: imports.Item, words: str) -> bool:
    text = f"{item.folder} {item.name} {item.method} {item.url}".lower()
    return all(word in text for word in words.lower().split())


def _by_folder(items: list[imports.Item]) -> list[imports.Item]:
    """Folders in the order in which the file first names them."""
    order = {folder: at for at, folder in enumerate(dict.fromkeys(item.folder for item in items))}
    return sorted(items, key=lambda item: order[item.folder])


def _draft_of(form: SavedRequestForm) -> importing.RequestDraft:
    """What stands in the form, right or not; secrets are not in it."""
    typed = form.cleaned_data
    pairs = tuple((row["name"], row.get("value", "")) for row in typed.get("body_pairs") or [])
    kind: Any = typed.get("body_kind") or "none"
    body = importing.Body(
        kind=kind,
        text=typed.get("body") or "",
        pairs=pairs,
        media_type=typed.get("body_media_type") or "",
        variables=typed.get("graphql_variables") or "",
    )
    return importing.RequestDraft(
        method=typed.get("method") or "GET",
        url=typed.get("url") or str(form["url"].value() or ""),
        headers=tuple((name, value) for name, value in typed.get("headers") or []),
        body=body,
        authorization=_authorization_of(typed),
        timeout_seconds=typed.get("timeout_seconds"),
        follow_redirects=typed.get("follow_redirects"),
    )


def _authorization_of(typed: dict[str, Any]) -> rendering.Authorization:
    # Any text will do for a secret: only its name is written.
    match typed.get("authorization_kind"):
        case AuthorizationKind.BEARER | AuthorizationKind.OAUTH:
            return rendering.Bearer("secret")
        case AuthorizationKind.BASIC:
            return rendering.Basic(typed.get("username") or "", "secret")
        case AuthorizationKind.API_KEY:
            place = rendering.Place(typed.get("api_key_place") or "header")
            return rendering.ApiKey(place, typed.get("api_key_name") or "key", "secret")
        case _:
            return rendering.NoAuthorization()
