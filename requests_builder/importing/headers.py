"""Which of the headers of somebody else's request can be taken along."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from requests_builder.rendering import OWN_HEADERS

from .drafts import Pair


def kept_headers(headers: Sequence[Pair], url: str) -> tuple[list[Pair], list[str]]:
    """The headers that a request may set itself, and sentences about the others."""
    kept: list[Pair] = []
    notes: list[str] = []
    for name, value in headers:
        lowered = name.lower()
        if lowered == "host" and value.lower() not in (_host(url), ""):
            notes.append(f"The header Host ({value[:60]}) was left out: the host is the one of the URL.")
        elif lowered in OWN_HEADERS or lowered == "accept-encoding":
            continue
        else:
            kept.append((name, value))
    dropped = [name for name, _ in headers if name.lower() in OWN_HEADERS | {"accept-encoding"}]
    dropped = [name for name in dict.fromkeys(dropped) if name.lower() != "host"]
    if dropped:
        notes.append(f"Left out, for the sender sets it itself: {', '.join(dropped)}.")
    return kept, notes


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""
