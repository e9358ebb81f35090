"""The banner on every page of a team."""

from typing import Any

from django import template
from django.utils import timezone

from accounts.models import Team
from connections import notices

register = template.Library()


@register.inclusion_tag("connections/banners.html", takes_context=True)
def connection_banners(context: template.Context) -> dict[str, Any]:
    """What to say about the connections of the page's team."""
    request, team = context.get("request"), context.get("team")
    if request is None or not isinstance(team, Team) or not getattr(request, "membership", None):
        return {"banners": []}
    said = notices.banners(team, request.user, timezone.now())
    return {
        # How a connection is, its own page says itself; when it ends, only the banner does.
        "banners": [banner for banner in said if banner.url != request.path or banner.notice_id],
        "team": team,
        "csrf_token": context.get("csrf_token"),
        "path": request.path,
        "return_to": request.get_full_path(),
    }
