"""What a page asks while its banner is shown."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from operations.silences import watch


@require_safe
def silence(request: HttpRequest) -> HttpResponse:
    """204 while a process is missing, which leaves the banner as it is; then nothing, to take its place.

    Always 204 for who is not signed in: a page to sign in at would be put where the banner is.
    """
    is_over = request.user.is_authenticated and watch.silence is None
    return HttpResponse(status=200 if is_over else 204)
