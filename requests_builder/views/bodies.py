"""The tab Body: what keeps a text from being sent, said while it is typed."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from accounts.access import TeamRequest, member_required
from accounts.models import Role
from requests_builder import rendering


@require_POST
@member_required(Role.EDITOR)
def body_check(request: TeamRequest) -> HttpResponse:
    """Whether a text is what it should be; empty for no text. Nothing is sent and nothing saved."""
    text, kind = request.POST.get("text", ""), request.POST.get("kind", "")
    context = {}
    if text.strip() and kind in set(rendering.Draft):
        draft = rendering.Draft(kind)
        label = "XML" if draft == rendering.Draft.XML else "JSON"
        context = {"objection": rendering.objection_to_draft(draft, text), "label": label}
    return render(request, "requests_builder/builder/body_check.html", context)
