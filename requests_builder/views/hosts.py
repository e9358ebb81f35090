"""The question that the builder asks when a connection's token would go to a host that nobody has allowed."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.access import TeamRequest
from connections import grants
from connections.models import Connection
from requests_builder.forms import SavedRequestForm


def allow_asked(request: TeamRequest) -> None:
    """Allow the host whose button was pressed, if one was, for the connection that the button named."""
    asked = request.POST.get("allow_host")
    if not asked:
        return
    identifier, _, host = asked.partition(" ")
    try:
        uuid = UUID(identifier)
    except ValueError:
        raise BadRequest("No such button.") from None
    connection = get_object_or_404(request.team.connections, id=uuid)
    if not connection.is_managed_by(request.membership):
        raise PermissionDenied(f"{_managers(connection)} can allow {host[:300]} for {connection}.")
    try:
        grants.allow_host(connection, host, user=request.user, now=timezone.now())
    except ValueError as error:
        messages.error(request, str(error))


def question(request: TeamRequest, form: SavedRequestForm) -> dict[str, Any]:
    """What the page needs to offer the button, or to say whom to ask."""
    connection: Connection | None = form.instance.connection
    if not form.refused_host or connection is None:
        return {}
    return {
        "refused_host": form.refused_host,
        "refused_connection": connection,
        "may_allow_host": connection.is_managed_by(request.membership),
        "managers": _managers(connection),
    }


def _managers(connection: Connection) -> str:
    maker = connection.created_by
    return f"{maker} or an admin of {connection.team}" if maker else f"An admin of {connection.team}"
