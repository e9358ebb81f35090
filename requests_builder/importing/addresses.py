"""The address of a request that somebody else wrote: completed, and named."""

import re
from urllib.parse import urlsplit

# A machine of one's own answers without TLS.
_NEAR = re.compile(r"(?:[\w-]+|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\])(?=[:/?#]|$)")


def with_scheme(url: str) -> tuple[str, list[str]]:
    """The URL with a scheme, and what to say about it. One that begins with something to fill in is left."""
    if "://" in url or re.match(r"[$<{%]", url):
        return url, []
    bare = url.lstrip("/")
    scheme = "http" if _NEAR.match(bare) else "https"
    return f"{scheme}://{bare}", [f"The URL had no https:// or http:// before it. {scheme}:// was added."]


def suggested_name(url: str) -> str:
    """A name that says what is asked of whom: “contacts (api.example.com)”."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    steps = [step for step in parts.path.split("/") if re.fullmatch(r"[A-Za-z][A-Za-z_.-]{2,40}", step)]
    return f"{steps[-1]} ({host})"[:100] if steps and host else host[:100]
