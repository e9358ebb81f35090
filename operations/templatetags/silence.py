"""The banner on every page while a process is missing."""

from typing import Any

from django import template

from operations.silences import watch

register = template.Library()


@register.inclusion_tag("operations/silence.html", takes_context=True)
def process_silence(context: template.Context) -> dict[str, Any]:
    """What stands still, for those who are signed in."""
    silence = watch.silence
    user = getattr(context.get("request"), "user", None)
    return {"silence": silence if silence and user and user.is_authenticated else None}
