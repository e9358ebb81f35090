"""Requests from elsewhere into the builder, and from the builder for elsewhere."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import importing, rendering, snippets
from requests_builder.forms import SavedRequestForm
from requests_builder.models import AuthorizationKind, SavedRequest


@require_POST
@member_required(Role.EDITOR)
def request_import(request: TeamRequest) -> HttpResponse:
    """A cURL command as the builder's fields, for its script; nothing is saved, sent or looked up."""
    try:
        imported = importing.parse_curl(request.POST.get("curl", ""))
    except importing.Refused as refusal:
        return JsonResponse({"refusal": str(refusal)}, status=422)
    return JsonResponse({**_as_typed(imported.draft), "notes": list(imported.notes)})


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


def _as_typed(draft: importing.RequestDraft) -> dict[str, Any]:
    """The draft as the form's controls would hold it: `fields` by name, and `pairs` by table."""
    fields: dict[str, Any] = {
        "method": draft.method,
        "url": draft.url,
        "body_kind": draft.body.kind,
        "body": draft.body.text,
        "body_media_type": draft.body.media_type,
        "graphql_variables": draft.body.variables,
    }
    if draft.timeout_seconds is not None:
        fields["timeout_seconds"] = str(draft.timeout_seconds)
    if draft.follow_redirects is not None:
        fields["follow_redirects"] = draft.follow_redirects
    match draft.authorization:
        case rendering.Bearer(token=token):
            fields |= {"authorization_kind": "bearer", "bearer_token": token}
        case rendering.Basic(username=username, password=password):
            fields |= {"authorization_kind": "basic", "username": username, "password": password}
        case rendering.ApiKey(place=place, name=name, value=value):
            fields |= {
                "authorization_kind": "api_key",
                "api_key_place": str(place),
                "api_key_name": name,
                "api_key_value": value,
            }
        case _:
            fields["authorization_kind"] = "oauth" if draft.wants_connection else "none"
    return {"fields": fields, "pairs": {"headers": draft.headers, "body_pairs": draft.body.pairs}}


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
