"""What is asked: method, URL and headers, each checked."""

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from .addresses import ascii_url
from .authorizing import authorize
from .bodies import encoded
from .messages import BodyKind, RenderedRequest, RequestTemplate
from .problems import InvalidRequest, Problem
from .wire import DEFAULT_HEADERS, MAX_HEADER_LENGTH, OWN_HEADERS, TOKEN, is_control, is_encodable

MAX_URL_LENGTH = 8_000
MAX_HEADERS = 100
_KNOWN_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})


def render(template: RequestTemplate) -> RenderedRequest:
    """The request to send. Raises InvalidRequest with everything that is wrong with the template."""
    problems: list[Problem] = []
    method = _checked_method(template.method, problems)
    url = _checked_url(template.url, problems)
    headers = _checked_headers(template.headers, problems)
    body = encoded(template, problems)
    request = RenderedRequest(method, url, headers, body.content if body else None)
    if request.header("Accept") is None:
        request = replace(request, headers=(*request.headers, ("Accept", DEFAULT_HEADERS["accept"])))
    if body is not None and request.header("Content-Type") is None:
        request = replace(request, headers=(*request.headers, ("Content-Type", body.media_type)))
    elif template.body_kind == BodyKind.MULTIPART and body is not None:
        problems.append(Problem("headers", _MULTIPART_TYPED))
    try:
        request = authorize(request, template.authorization)
    except InvalidRequest as invalid:
        problems.extend(invalid.problems)
    if problems:
        raise InvalidRequest(problems)
    return request


_MULTIPART_TYPED = (
    "Remove the header Content-Type: that of a multipart body names the line between its parts, which is "
    "known only when it is sent."
)


def _checked_method(typed: str, problems: list[Problem]) -> str:
    method = typed.strip()
    if not TOKEN.fullmatch(method) or len(method) > 32:
        problems.append(Problem("method", "The method must be one word such as GET or POST."))
    elif method.upper() == "CONNECT":
        problems.append(Problem("method", "CONNECT asks a proxy for a tunnel; it cannot be used here."))
    # Methods are case-sensitive (RFC 9110 §9.1), but nobody who types "get" means another method.
    return method.upper() if method.upper() in _KNOWN_METHODS else method


def _checked_url(typed: str, problems: list[Problem]) -> str:
    url = typed.strip()
    sentence = _objection_to_url(url)
    if sentence:
        problems.append(Problem("url", sentence))
        return "http://invalid/"
    return ascii_url(url)


def _objection_to_url(url: str) -> str:
    if not url:
        return "The URL is empty."
    if len(url) > MAX_URL_LENGTH:
        return f"The URL has {len(url):,} characters; at most {MAX_URL_LENGTH:,} can be sent."
    if any(is_control(character) for character in url) or not is_encodable(url):
        return "The URL contains a line break or another character that cannot be sent."
    if "\\" in url:
        return "The URL contains a backslash. Write / between its parts, or %5C for a real backslash."
    return _objection_to_parts(url)


def _objection_to_parts(url: str) -> str:
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        return "The URL cannot be read: look at the host and the port."
    if parts.scheme.lower() not in ("http", "https") or "://" not in url:
        return "The URL must begin with https:// or http://."
    if not parts.hostname or not port_is_right or re.search(r"\s", parts.netloc):
        return "The URL has no host that can be called: it should look like https://api.example.com/contacts."
    if "@" in parts.netloc:
        return "The URL contains a user name or password. Put them under Authorization → Basic."
    return ""


def _checked_headers(rows: Sequence[tuple[str, str]], problems: list[Problem]) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    for typed_name, typed_value in rows:
        name, value = typed_name.strip(), typed_value.strip(" \t")
        if not name and not value:
            continue
        sentence = _objection_to_header(name, value)
        if sentence:
            problems.append(Problem("headers", sentence))
        else:
            headers.append((name, value))
    if len(headers) > MAX_HEADERS:
        problems.append(Problem("headers", f"{len(headers)} headers are too many: at most {MAX_HEADERS}."))
    return tuple(headers)


def _objection_to_header(name: str, value: str) -> str:
    # A value may be a secret, so no sentence repeats it.
    if not name:
        return "A header has a value but no name."
    return _objection_to_name(name) or _objection_to_value(name, value)


def _objection_to_name(name: str) -> str:
    if not TOKEN.fullmatch(name):
        return f"“{name[:60]}” cannot be the name of a header: use letters, digits and hyphens."
    if name.lower() in OWN_HEADERS:
        return f"The header {name} is set by the sender itself. Remove it."
    return ""


def _objection_to_value(name: str, value: str) -> str:
    if len(name) + len(value) > MAX_HEADER_LENGTH:
        return f"The header {name} is longer than {MAX_HEADER_LENGTH:,} characters."
    if any(is_control(character) for character in value.replace("\t", " ")):
        return f"The header {name} contains a line break or control character."
    if not value.isascii() and not _is_latin(value):
        return f"The header {name} contains a character that HTTP headers cannot carry: use Latin-1 only."
    return ""


def _is_latin(text: str) -> bool:
    # 0x80-0x9f are control characters in Latin-1.
    return all(character < "\x80" or "\xa0" <= character <= "\xff" for character in text)
