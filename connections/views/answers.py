"""What the views of this app have in common: whose row it is, and how an answer leaves."""

from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.access import TeamRequest
from connections.models import Connection


class _SeeOther(HttpResponseRedirect):
    """Go on with a GET, whatever this request was (RFC 9110 §15.4.4)."""

    status_code = 303


def managed(request: TeamRequest, uuid: UUID) -> Connection:
    connection = get_object_or_404(request.team.connections, id=uuid)
    if not connection.is_managed_by(request.membership):
        raise PermissionDenied(
            f"{connection.name} can be changed by an admin of {request.team}, or by the editor who made it."
        )
    return connection


def session_key(request: HttpRequest) -> str:
    return request.session.session_key or ""


def return_to_of(request: HttpRequest) -> str:
    """The page of ours to go back to; an address of anybody else's is dropped."""
    path = request.POST.get("return_to") or request.GET.get("return_to") or ""
    is_ours = path.startswith("/") and url_has_allowed_host_and_scheme(
        path, {urlsplit(settings.BASE_URL).netloc}
    )
    return path if is_ours and len(path) <= 500 else ""


def wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


def see_other(url: str) -> HttpResponse:
    return unreferred(_SeeOther(url))


def unreferred(response: HttpResponse) -> HttpResponse:
    """Neither kept nor named to the next page: a code or state may have been in the address."""
    response["Referrer-Policy"] = "no-referrer"
    patch_cache_control(response, no_store=True, private=True)
    return response
