"""Test connection."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from connections import grants

from .pages import detail_context

LONGEST_URL = 2000


@require_POST
@member_required(Role.EDITOR)
def try_out(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """Try the token out, with an address if one was given; the result is shown on the connection's page."""
    connection = get_object_or_404(request.team.connections, id=uuid)
    url = request.POST.get("url", "").strip()[:LONGEST_URL]
    tried = grants.try_out(connection, url=url, user=request.user, now=timezone.now())
    if (
        tried.status
        and connection.is_managed_by(request.membership)
        and url != grants.url_to_test(connection)
    ):
        grants.remember_test_url(connection, url)
    # What was tried may have changed state and token.
    connection = request.team.connections.select_related("token", "created_by").get(pk=connection.pk)
    context = detail_context(request, connection, now=timezone.now()) | {"tried": tried, "test_url": url}
    return render(request, "connections/detail.html", context)
