"""Pages to look at: the list, and one connection."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from connections import grants
from connections.forms import missing, usual_provider
from connections.grants.asking.redirects import redirect_uri
from connections.models import AuthorizationRequest, AuthorizationState, Connection, ConnectionState, Token

PAGE = 100
CALLS = 20
ORDERS = {"trouble": "Trouble first", "name": "By name"}


@require_GET
@member_required()
def connection_list(request: TeamRequest) -> HttpResponse:
    """The team's connections with their health, a page at a time; of one state or some words if asked."""
    state, order = request.GET.get("state", ""), request.GET.get("order", "")
    # PostgreSQL takes no NUL.
    words = request.GET.get("q", "")[:100].replace("\0", " ").strip()
    found = request.team.connections.select_related("token").annotate(
        use_count=Count("saved_requests", distinct=True),
        schedule_count=Count("saved_requests__schedule", distinct=True),
    )
    if state in ConnectionState.values:
        found = found.filter(state=state)
    found = found.mentioning(words)
    found = found.order_by("name") if order == "name" else found.worst_first()
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    now = timezone.now()
    chosen = {"q": words, "state": state, "order": order}
    rows = [(connection, grants.health_of(connection, _token_of(connection), now=now)) for connection in page]
    context = {
        "rows": rows,
        "page": page,
        "newer": _page_url(chosen, page.previous_page_number()) if page.has_previous() else "",
        "older": _page_url(chosen, page.next_page_number()) if page.has_next() else "",
        "is_filtered": bool(state or words),
        "states": ConnectionState.choices,
        "orders": ORDERS.items(),
        **chosen,
        "can_create": request.membership.is_at_least(Role.EDITOR),
    }
    return render(request, "connections/list.html", context)


@require_GET
@member_required()
def detail(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """How one connection is, what uses it, and what its provider was asked."""
    connection = get_object_or_404(request.team.connections.select_related("token", "created_by"), id=uuid)
    context = detail_context(request, connection, now=timezone.now())
    if request.htmx:
        return render(request, "connections/detail_calls.html", context)
    return render(request, "connections/detail.html", context)


def detail_context(request: TeamRequest, connection: Connection, *, now: datetime) -> dict[str, Any]:
    """What the page of a connection shows this reader: viewers neither settings nor calls."""
    token, provider = _token_of(connection), grants.provider_of(connection)
    can_edit = request.membership.is_at_least(Role.EDITOR)
    usual = usual_provider(connection)
    context: dict[str, Any] = {
        "connection": connection,
        "token": token,
        "health": grants.health_of(connection, token, now=now),
        "remedy": grants.remedy_for_missing_refresh_token(connection, token),
        "scopes": grants.scopes_of(connection, token),
        "edited_scopes": grants.edited_scopes(connection, token),
        "provider": provider,
        "usual_provider": usual,
        "missing": missing(usual, connection),
        "saved_requests": connection.saved_requests.select_related("schedule"),
        "can_edit": can_edit,
        "can_manage": connection.is_managed_by(request.membership),
        "is_admin": request.membership.is_at_least(Role.ADMIN),
        "flow": _reported_flow(request, connection),
    }
    if can_edit:
        context |= {
            "has_secret": connection.has_secret,
            "redirect_url": redirect_uri(connection),
            "hosts": grants.reach_of(connection).hosts,
            "test_url": grants.url_to_test(connection),
            **_calls(request, connection),
        }
    return context


def _calls(request: TeamRequest, connection: Connection) -> dict[str, Any]:
    """The latest token calls, or the next older ones."""
    calls = connection.token_calls.select_related("user")
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        calls = calls.older_than(int(before))
    shown = list(calls[: CALLS + 1])
    older = f"?before={shown[CALLS - 1].pk}" if len(shown) > CALLS else ""
    return {"calls": shown[:CALLS], "older_calls": older, "is_first_page": not before}


def _token_of(connection: Connection) -> Token | None:
    token: Token | None = getattr(connection, "token", None)
    return token


def _page_url(chosen: dict[str, str], number: int) -> str:
    return "?" + urlencode({**chosen, "page": number})


def _reported_flow(request: TeamRequest, connection: Connection) -> AuthorizationRequest | None:
    """The reader's own authorization that has just connected this; its result is told once more here."""
    try:
        flow = AuthorizationRequest.objects.filter(id=UUID(request.GET.get("flow", "")))
    except ValueError:
        return None
    return flow.filter(
        connection=connection, user=request.user.pk, state=AuthorizationState.SUCCEEDED
    ).first()
