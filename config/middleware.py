"""What holds for every page, whichever view answers."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.cache import patch_cache_control

GetResponse = Callable[[HttpRequest], HttpResponse]


# What asks for these asks by address, without a session, and may not be sent elsewhere.
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestId:
    """A name for each request: in every line that is logged while it is answered, and in `X-Request-ID`.

    From outside it is taken only where REQUEST_ID_HEADER says so, and only if it is harmless in a log.
    """

    HARMLESS = re.compile(r"[\w.:+/=\-]{1,128}", re.ASCII)

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        header: str = settings.REQUEST_ID_HEADER
        given = request.headers.get(header, "") if header else ""
        request_id = given if self.HARMLESS.fullmatch(given) else uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class CanonicalAddress:
    """One address for everybody: `BASE_URL`.

    A visitor of another permitted name (http://127.0.0.1:8000 instead of http://localhost:8000) is sent
    there, for the session cookie of one name does not reach the callback at the other. The scheme comes
    from `BASE_URL`, too, so that no header of a proxy has to be trusted. Probes ask by address.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        base = urlsplit(settings.BASE_URL)
        self.scheme, self.netloc = base.scheme, base.netloc

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.META["wsgi.url_scheme"] = self.scheme
        if hasattr(request, "environ"):
            request.environ["wsgi.url_scheme"] = self.scheme
        if request.path in PROBES:
            request.META["HTTP_HOST"] = self.netloc
            return self.get_response(request)
        host = request.get_host()  # answers 400 to a host that ALLOWED_HOSTS does not name
        if host != self.netloc:
            if request.method in ("GET", "HEAD"):
                return HttpResponseRedirect(settings.BASE_URL + request.get_full_path())
            request.META["HTTP_HOST"] = self.netloc
        return self.get_response(request)


class PrivatePages:
    """Pages hold a team's data: no cache between us and the reader keeps them."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, no_store=True, private=True)
        return response
