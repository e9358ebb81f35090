"""Headers that people type: what is suggested, and which are the sender's own."""

from django import template

from requests_builder.rendering import OWN_HEADERS

register = template.Library()

_CONTENT = (
    "application/json",
    "application/x-www-form-urlencoded",
    "application/xml",
    "text/csv",
    "text/plain",
    "application/vnd.api+json",
    "application/x-ndjson",
)
SUGGESTED = {
    "Accept": ("application/json", "application/xml", "text/csv", "application/vnd.api+json", "*/*"),
    "Accept-Language": ("en", "en-US", "de", "fr", "es", "ja"),
    "API-Version": (),
    "Cache-Control": ("no-cache", "no-store", "max-age=0"),
    "Content-Language": ("en", "de"),
    "Content-Type": _CONTENT,
    "Cookie": (),
    "Date": (),
    "If-Match": ("*",),
    "If-Modified-Since": (),
    "If-None-Match": (),
    "Idempotency-Key": (),
    "Notion-Version": ("2022-06-28",),
    "OData-MaxVersion": ("4.0",),
    "OData-Version": ("4.0",),
    "Origin": (),
    "Prefer": ("return=representation", "return=minimal", "odata.maxpagesize=1000", "respond-async"),
    "Range": (),
    "Referer": (),
    "User-Agent": (),
    "X-API-Version": (),
    "X-GitHub-Api-Version": ("2022-11-28",),
    "X-Requested-With": ("XMLHttpRequest",),
}


@register.simple_tag
def suggested_headers() -> list[tuple[str, str, tuple[str, ...]]]:
    """Each suggested name, the id of the list of its values, and these."""
    return [(name, f"header-values-{name.lower()}", values) for name, values in SUGGESTED.items()]


@register.simple_tag
def own_headers() -> str:
    """The names that the sender sets itself, with spaces between."""
    return " ".join(sorted(OWN_HEADERS))
