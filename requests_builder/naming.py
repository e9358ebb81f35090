"""A name for a request that nobody has named, from its URL. PURE."""

import itertools
import re
from collections.abc import Container
from urllib.parse import unquote, urlsplit

MAX_LENGTH = 80
# Parts of a path that say where an API is or which version it has, not what it gives.
_PASSING = re.compile(r"(?i)api|rest|v?\d+([.-]\d+)*|latest|search|query|list|index|export|[0-9a-f-]{16,}")
_ENDING = re.compile(r"\.(json|xml|csv|ndjson|rss|atom|php|aspx?)$", re.IGNORECASE)
_VARIABLE = re.compile(r"\{\{.*?\}\}|%7B%7B.*?%7D%7D", re.IGNORECASE)


def name_from(url: str, taken: Container[str] = ()) -> str:
    """What the request gives and whose it is: "Contacts of api.example.com"; with a number if that is taken.

    The last part of the path that is a word says what it gives. Never empty, never longer than 100.
    """
    try:
        parts = urlsplit(_VARIABLE.sub("", url.strip()))
        host = parts.hostname or ""
    except ValueError:
        return free_name("Request", taken)
    words = [_worded(part) for part in parts.path.split("/")]
    word = next((word for word in reversed(words) if word and not _PASSING.fullmatch(word)), "")
    what = word[:1].upper() + word[1:]
    return free_name(" of ".join(part for part in (what, host) if part)[:MAX_LENGTH] or "Request", taken)


def _worded(part: str) -> str:
    text = _ENDING.sub("", unquote(part, errors="replace"))
    return " ".join(re.sub(r"[^\w.-]+|[_-]+", " ", text).split())


def free_name(name: str, taken: Container[str]) -> str:
    """The name, with a number behind it if it is taken; never longer than 100."""
    stem = name[:MAX_LENGTH].strip() or "Request"
    numbered = itertools.chain([name], (f"{stem} {number}" for number in itertools.count(2)))
    return next(candidate for candidate in numbered if candidate and candidate not in taken)
