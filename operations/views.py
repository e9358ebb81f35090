"""What a page asks while its banner is shown."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from operations.silences import watch


@require_safe
@login_required
def silence(request: HttpRequest) -> HttpResponse:
    """204 while a process is missing, which leaves the banner as it is; then nothing, to take its place."""
    return HttpResponse(status=204 if watch.silence else 200)
