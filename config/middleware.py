"""What holds for every page, whichever view answers."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.cache import patch_cache_control

GetResponse = Callable[[HttpRequest], HttpResponse]


class CanonicalAddress:
    """One address for everybody: `BASE_URL`.

    A visitor of another permitted name (http://127.0.0.1:8000 instead of http://localhost:8000) is sent
    there, for the session cookie of one name does not reach the callback at the other. The scheme comes
    from `BASE_URL`, too, so that no header of a proxy has to be trusted. Health checks ask by address.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        base = urlsplit(settings.BASE_URL)
        self.scheme, self.netloc = base.scheme, base.netloc

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.META["wsgi.url_scheme"] = self.scheme
        if hasattr(request, "environ"):
            request.environ["wsgi.url_scheme"] = self.scheme
        if request.path == "/healthz":
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
