"""A HAR file: what a browser has sent, and what came of it."""

import re
from typing import Any
from urllib.parse import urlsplit

from .bodies import sorted_body
from .contents import Contents, Entry, entry_of, first_entries
from .credentials import with_credentials_apart
from .drafts import NO_BODY, Body, Imported, Pair, Refused, RequestDraft
from .headers import kept_headers
from .untrusted import line, mapping, rows, text

KIND = "HAR file"
_BACKGROUND_KINDS = frozenset(
    {"beacon", "cspviolationreport", "eventsource", "font", "image", "manifest", "media", "other", "ping"}
    | {"preflight", "script", "stylesheet", "texttrack", "websocket"}
)
_BACKGROUND_TYPES = re.compile(
    r"(?:image|font|audio|video)/|text/css|(?:text|application)/(?:x-)?(?:java|ecma)script|application/wasm"
    r"|application/(?:x-)?font|application/manifest\+json"
)
_BACKGROUND_ENDINGS = re.compile(
    r"\.(?:avif|css|eot|gif|ico|jpe?g|js|map|mjs|mp[34]|otf|png|svg|ttf|wasm|web[mp]|woff2?)$", re.IGNORECASE
)
# What a browser says about itself and its page, and what would make the answer another one: not modified.
_OF_BROWSERS = re.compile(
    r"sec-.*|accept-language|cache-control|dnt|if-modified-since|if-none-match|origin|pragma|priority|referer"
    r"|upgrade-insecure-requests|user-agent|x-client-data|access-control-request-.*",
    re.IGNORECASE,
)


def parse_har(document: dict[str, Any]) -> Contents:
    """The requests of a HAR file (1.2), by host; pictures, scripts and such are marked."""
    log = mapping(document.get("log"))
    # The cut must not fall upon what is wanted.
    found = sorted(filter(_is_http, rows(log.get("entries"))), key=_is_background)
    kept, notes = first_entries(found, _entry, KIND)
    name = line(mapping(log.get("browser")).get("name"), 60) or line(
        mapping(log.get("creator")).get("name"), 60
    )
    return Contents(KIND, f"Recorded with {name}" if name else "", kept, notes)


def _is_http(row: dict[str, Any]) -> bool:
    url = text(mapping(row.get("request")).get("url"))
    return bool(re.match(r"https?://", url, re.IGNORECASE))


def _entry(row: dict[str, Any]) -> Entry:
    request, response = mapping(row.get("request")), mapping(row.get("response"))
    url = text(request.get("url")).partition("#")[0]
    method = line(request.get("method"), 20).upper() or "GET"
    host, path = _parted(url)
    status = response.get("status")
    entry = Entry(
        name=f"{method} {path}"[:100],
        method=method,
        url=url,
        folder=host,
        detail=str(status) if isinstance(status, int) and status > 0 else "",
        is_background=_is_background(row),
    )
    return entry_of(entry, lambda: _imported(request, method, url))


def _parted(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        return parts.netloc.rpartition("@")[2], parts.path or "/"
    except ValueError:
        return "", "/"


def _is_background(row: dict[str, Any]) -> bool:
    request, response = mapping(row.get("request")), mapping(row.get("response"))
    path = re.split(r"[?#]", text(request.get("url")), maxsplit=1)[0]
    media_type = line(mapping(response.get("content")).get("mimeType"))
    kind = line(row.get("_resourceType"), 40).lower()
    if kind in ("fetch", "xhr"):
        return False
    return (
        kind in _BACKGROUND_KINDS
        or line(request.get("method"), 20).upper() == "OPTIONS"
        or bool(_BACKGROUND_TYPES.match(media_type) or _BACKGROUND_ENDINGS.search(path))
    )


def _imported(request: dict[str, Any], method: str, url: str) -> Imported:
    headers, notes = _headers(request, url)
    body, needs_header = _body(mapping(request.get("postData")), headers)
    if not needs_header:
        headers = [pair for pair in headers if pair[0].lower() != "content-type"]
    draft = RequestDraft(method=method, url=url, headers=tuple(headers), body=body)
    return with_credentials_apart(Imported(draft, tuple(notes)))


def _headers(request: dict[str, Any], url: str) -> tuple[list[Pair], list[str]]:
    given = [
        (text(row.get("name")).strip(), text(row.get("value")).strip())
        for row in rows(request.get("headers"))
    ]
    # HTTP/2 writes method and address as headers, too: they say nothing new.
    given = [(name, value) for name, value in given if name and not name.startswith(":")]
    browsers = [name for name, _ in given if _OF_BROWSERS.fullmatch(name)]
    notes = (
        [f"Left out, for only a browser needs it: {', '.join(dict.fromkeys(browsers))}."] if browsers else []
    )
    if rows(request.get("cookies")) or any(name.lower() == "cookie" for name, _ in given):
        notes.append(
            "Left out: the cookies of somebody's session, which ends. Use the authorization that the API "
            "offers."
        )
    own = [pair for pair in given if pair[0] not in browsers and pair[0].lower() != "cookie"]
    kept, dropped = kept_headers(own, url)
    return kept, [*notes, *dropped]


def _body(data: dict[str, Any], headers: list[Pair]) -> tuple[Body, bool]:
    if not data:
        return NO_BODY, True
    if data.get("encoding") == "base64":
        raise Refused("Its body is binary, which cannot be built here.")
    media_type = next(
        (value for name, value in headers if name.lower() == "content-type"), text(data.get("mimeType"))
    )
    content = text(data.get("text"))
    if not content and (given := rows(data.get("params"))):
        if any(row.get("fileName") for row in given):
            raise Refused("Its body uploads a file, whose content is not in the HAR file.")
        pairs = tuple((text(row.get("name")), text(row.get("value"))) for row in given)
        is_multipart = media_type.lower().startswith("multipart/")
        return Body("multipart" if is_multipart else "form", pairs=pairs), False
    found = sorted_body(content, media_type or None)
    return found.body, found.keeps_header
