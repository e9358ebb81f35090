"""The way to the provider and back."""

from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from connections import grants, oauth2
from connections.forms import ConnectionForm, missing, usual_provider
from connections.models import AuthorizationRequest, AuthorizationState, Connection, GrantType

from .answers import managed, return_to_of, see_other, session_key, unreferred, wants_json


@require_POST
@member_required(Role.EDITOR)
def authorize(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Send the browser to the provider, if asked to with what it usually needs. Also the way to reconnect."""
    connection = managed(request, uuid)
    if request.POST.get("then") == "add":
        _add_missing(request, connection)
    return begin(request, connection)


@require_GET
@login_required
def flow_go(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Leave for the provider's consent page. Only the browser that began may, and it may again."""
    flow = _own_flow(request, uuid)
    try:
        url = grants.leave_for_provider(
            flow, user=flow.user, session_key=session_key(request), now=timezone.now()
        )
    except grants.UnknownFlow as unknown:
        return _lost(request, str(unknown), status=404)
    return see_other(url)


@csrf_exempt  # a provider's form_post arrives without our token; it is only turned into the GET below
@require_http_methods(["GET", "POST"])
def callback(request: HttpRequest, **_place: object) -> HttpResponse:
    """Where the provider sends the browser back to (RFC 6749 §4.1.2).

    At the address that its connection is registered with: the one of all custom connections, that of a
    preset's shared client, or its own. The code is used and gone from the address bar before anything is
    shown.
    """
    if request.method == "POST":
        passed_on = grants.parameters_to_pass_on(dict(request.POST.lists()))
        return see_other(f"{request.path}?{urlencode(passed_on)}")
    if not request.user.is_authenticated:
        return _lost(request, "", status=403)
    try:
        flow = grants.complete_authorization(
            dict(request.GET.lists()),
            arrived_at=settings.BASE_URL + request.path,
            user=request.user,
            session_key=session_key(request),
            now=timezone.now(),
        )
    except grants.UnknownFlow as unknown:
        return _lost(request, str(unknown), status=400)
    return see_other(reverse("connections:flow", kwargs={"uuid": flow.id}))


@require_GET
@login_required
def flow(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """What became of an authorization; the page that opened the window asks for the result alone."""
    flow = _own_flow(request, uuid)
    connection, team = flow.connection, flow.connection.team
    names = {"team": team.slug, "uuid": connection.id}
    token = getattr(connection, "token", None)
    suspect = ConnectionForm.base_fields.get(flow.suspect_field)
    context = {
        "flow": flow,
        "connection": connection,
        "token": token,
        "missing_scopes": oauth2.missing_scopes(connection.scopes, token.granted_scopes) if token else [],
        "suspect_label": suspect.label if suspect else "",
        "edit_url": _edit_url(flow, names),
        "back_url": _back_url(flow, names),
    }
    template = (
        "connections/flow.html#result" if request.headers.get("HX-Request") else "connections/flow.html"
    )
    return unreferred(render(request, template, context))


@require_GET
@login_required
def flow_status(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The state of an authorization, for the page that waits for it."""
    flow = _own_flow(request, uuid)
    return unreferred(
        JsonResponse(
            {
                "state": flow.state,
                "is_finished": flow.is_finished,
                "connection": {"id": str(flow.connection_id), "name": flow.connection.name},
            }
        )
    )


def begin(request: TeamRequest, connection: Connection) -> HttpResponse:
    """Begin an authorization; a script gets the addresses, a browser without scripts a page that goes on.

    Where nobody has to consent there is nothing to go on to: the outcome is there at once.
    """
    is_for_client = connection.grant_type == GrantType.CLIENT_CREDENTIALS
    start = grants.connect_as_client if is_for_client else grants.begin_authorization
    flow = start(
        connection,
        user=request.user,
        session_key=session_key(request),
        return_to=return_to_of(request),
        now=timezone.now(),
    )
    names, at = {"uuid": flow.id}, {"team": request.team.slug, "uuid": connection.id}
    result = reverse("connections:flow", kwargs=names)
    if not wants_json(request):
        if flow.is_finished:
            return see_other(result)
        context = {"flow": flow, "connection": connection}
        return unreferred(render(request, "connections/leaving.html", context))
    return JsonResponse(
        {
            "go": result if flow.is_finished else reverse("connections:flow_go", kwargs=names),
            "status": reverse("connections:flow_status", kwargs=names),
            "result": result,
            "needs_window": not flow.is_finished,
            "connection": {"id": str(connection.id), "name": connection.name},
            "edit": reverse("connections:edit", kwargs=at),
            "after": f"{reverse('connections:detail', kwargs=at)}?flow={flow.id}",
        },
        status=201,
    )


def _add_missing(request: TeamRequest, connection: Connection) -> None:
    added = missing(usual_provider(connection), connection).add_to(connection)
    try:
        if added:
            grants.save_settings(connection, changed=added, now=timezone.now(), user=request.user)
    except Connection.DoesNotExist:
        raise Http404("The connection was deleted") from None


def _own_flow(request: HttpRequest, uuid: UUID) -> AuthorizationRequest:
    flows = AuthorizationRequest.objects.select_related("connection__team", "connection__token")
    own = flows.filter(connection__team__memberships__user=request.user.pk)
    return grants.settle(get_object_or_404(own, id=uuid, user=request.user.pk), now=timezone.now())


def _edit_url(flow: AuthorizationRequest, names: dict[str, object]) -> str:
    """The connection's form, at the field to look at."""
    url = reverse("connections:edit", kwargs=names)
    query = f"?{urlencode({'return_to': flow.return_to})}" if flow.return_to else ""
    return url + query + (f"#connection_{flow.suspect_field}" if flow.suspect_field else "")


def _back_url(flow: AuthorizationRequest, names: dict[str, object]) -> str:
    """Where the browser came from: that page is told which connection there is now, to choose it."""
    if not flow.return_to:
        return reverse("connections:detail", kwargs=names)
    if flow.state != AuthorizationState.SUCCEEDED:
        return flow.return_to
    return f"{flow.return_to}{'&' if '?' in flow.return_to else '?'}connection={flow.connection_id}"


def _lost(request: HttpRequest, sentence: str, *, status: int) -> HttpResponse:
    """The page for an answer, or a way to a provider, that belongs to nothing of this reader."""
    context = {"sentence": sentence, "implicit_answer": oauth2.IMPLICIT_ANSWER}
    return unreferred(render(request, "connections/lost.html", context, status=status))
