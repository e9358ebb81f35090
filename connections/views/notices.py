"""What a reader does about banners."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.access import TeamRequest, member_required
from connections import notices

from .answers import return_to_of


@require_POST
@member_required()
def notice_dismiss(request: TeamRequest, uuid: UUID) -> HttpResponse:
    """No more banners of this for this reader, until its next stage."""
    notice = get_object_or_404(request.team.notices, id=uuid)
    notices.dismiss(notice.pk, team=request.team, user=request.user, now=timezone.now())
    return redirect(return_to_of(request) or request.team)
