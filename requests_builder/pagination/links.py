"""URLs of next pages, which a stranger writes and which are asked with the credentials of the team."""

import re
from urllib.parse import urljoin, urlsplit

from requests_builder.rendering import MAX_URL_LENGTH, ascii_url

from .pages import PaginationError

# RFC 8288 §3: <URI-Reference> *( ";" param ), several of them parted by commas.
_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[^;,=\s]+(?:\s*=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^;,\"]*))?)*)")
_LINK_PARAMETER = re.compile(r";\s*([^;,=\s]+)(?:\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;,\"]*)))?")


def checked_next(base: str, found: str) -> str:
    """The URL that the answer names, absolute. Raises PaginationError if it must not be followed."""
    typed = found.strip()
    # Browsers and parsers read backslashes and control characters in different ways, so none is read at all.
    if len(typed) > MAX_URL_LENGTH or re.search(r"[\x00-\x1f\x7f\\\ud800-\udfff]", typed):
        raise PaginationError("invalid_next", "The answer names a next page whose URL cannot be read.")
    try:
        url = urljoin(base, typed)
        parts = urlsplit(url)
        origin = _origin(url)
    except ValueError:
        raise PaginationError(
            "invalid_next", "The answer names a next page whose URL cannot be read."
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PaginationError("invalid_next", "The answer names a next page that is no http or https URL.")
    if "@" in parts.netloc:
        raise PaginationError("invalid_next", "The answer names a next page with a user name in its URL.")
    if origin != _origin(base):
        raise PaginationError("cross_origin_next", _sentence_on_origin(_origin(base), origin))
    if len(url) > MAX_URL_LENGTH:
        raise PaginationError("invalid_next", f"The URL of the next page is longer than {MAX_URL_LENGTH:,}.")
    return ascii_url(url)


def may_follow(base: str, found: str) -> bool:
    """Whether a text in an answer is the URL of a next page that would be followed."""
    # A bare word is a cursor, though it would be right as a relative URL.
    if not re.match(r"https?://|/|\?", found):
        return False
    try:
        checked_next(base, found)
    except PaginationError:
        return False
    return True


def is_same_origin(url: str, other: str) -> bool:
    """Whether two URLs that can be sent have scheme, host and port in common (RFC 6454 §4)."""
    return _origin(url) == _origin(other)


def link_to(relation: str, headers: tuple[tuple[str, str], ...]) -> str | None:
    """Where the first link of this relation leads, by the Link headers of an answer (RFC 8288); or None."""
    for name, value in headers:
        if name.lower() != "link":
            continue
        for link in _LINK.finditer(value):
            parameters = _parameters(link[2])
            # A link with an anchor is about something else than this answer.
            if relation in parameters.get("rel", "").lower().split() and "anchor" not in parameters:
                return link[1].strip()
    return None


def _parameters(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, quoted, plain in _LINK_PARAMETER.findall(text):
        # Of several `rel`, the first counts (§3.3).
        parameters.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain.strip())
    return parameters


def _sentence_on_origin(asked: tuple[str, str, int], named: tuple[str, str, int]) -> str:
    if asked[0] == "https" and named[0] == "http" and asked[1] == named[1]:
        return "The answer names a next page over http, though this one came over https. It is not followed."
    here, there = (f"{scheme}://{host}:{port}" for scheme, host, port in (asked, named))
    return f"The answer names a next page at {there[:200]}, but credentials for {here} are sent nowhere else."


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454 §4). Raises ValueError."""
    parts = urlsplit(url)
    port = (443 if parts.scheme == "https" else 80) if parts.port is None else parts.port
    return parts.scheme, parts.hostname or "", port
