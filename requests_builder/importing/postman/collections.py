"""A Postman collection, versions 2.0 and 2.1: folders of requests."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from requests_builder.importing.addresses import with_scheme
from requests_builder.importing.authorizations import Found
from requests_builder.importing.contents import Contents, Entry, entry_of, first_entries
from requests_builder.importing.credentials import with_credentials_apart
from requests_builder.importing.drafts import (
    Imported,
    Pair,
    Refused,
    RequestDraft,
    secrets_of,
    texts_of,
    with_notes,
)
from requests_builder.importing.headers import kept_headers
from requests_builder.importing.names import VARIABLE, renamed, variable, variable_name
from requests_builder.importing.untrusted import line, mapping, rows, text

from .authorizing import authorization_of
from .carrying import body_of

KIND = "Postman collection"
_DEEPEST = 30
_LONGEST_VALUE = 2_000
_SCRIPTS = "scripts (before the request, and tests) were not taken: nothing of them is run here."


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a request stands: its folder, and what it inherits."""

    folder: str
    proof: Found


def parse_postman(document: dict[str, Any]) -> Contents:
    """The requests of a collection; those that cannot be taken say why."""
    known = _variables(document)
    top = _Place("", authorization_of(mapping(document.get("auth"))))
    kept, notes = first_entries(_items(document, top), lambda found: _entry(*found, known), KIND)
    if document.get("event"):
        notes = (*notes, f"The collection's own {_SCRIPTS}")
    name = line(mapping(document.get("info")).get("name"), 100)
    return Contents(KIND, name, kept, notes)


def _items(holder: dict[str, Any], place: _Place, depth: int = 0) -> Iterator[tuple[dict[str, Any], _Place]]:
    for item in rows(holder.get("item")):
        if "item" not in item:
            yield item, place
        elif depth < _DEEPEST:
            name = line(item.get("name"), 60) or "Folder"
            proof = authorization_of(item["auth"]) if isinstance(item.get("auth"), dict) else place.proof
            yield from _items(item, _Place(f"{place.folder} / {name}".removeprefix(" / "), proof), depth + 1)


def _entry(item: dict[str, Any], place: _Place, known: dict[str, Pair]) -> Entry:
    request = item.get("request")
    request = {"url": request} if isinstance(request, str) else mapping(request)
    url = _raw_url(request.get("url"))
    method = line(request.get("method"), 20).upper() or "GET"
    entry = Entry(line(item.get("name"), 100) or f"{method} {url}"[:100], method, url, place.folder)
    return entry_of(entry, lambda: _imported(item, request, method, place, known))


def _imported(
    item: dict[str, Any], request: dict[str, Any], method: str, place: _Place, known: dict[str, Pair]
) -> Imported:
    url, notes = _url(request.get("url"))
    typed = [(renamed(name), renamed(value)) for name, value in _headers(request.get("header"))]
    headers, dropped = kept_headers(typed, url)
    body, needs_header = body_of(mapping(request.get("body")), headers)
    if not needs_header:
        headers = [pair for pair in headers if pair[0].lower() != "content-type"]
    found = authorization_of(request["auth"]) if isinstance(request.get("auth"), dict) else place.proof
    profile = mapping(item.get("protocolProfileBehavior"))
    draft = RequestDraft(
        method=method,
        url=url,
        headers=tuple(headers),
        body=body,
        authorization=found.authorization,
        wants_connection=found.wants_connection,
        follow_redirects=False if profile.get("followRedirects") is False else None,
    )
    imported = with_credentials_apart(Imported(draft, (*notes, *dropped, *found.notes)))
    if rows(item.get("event")):
        imported = with_notes(imported, f"Its {_SCRIPTS}")
    return _with_variables(imported, known)


def _variables(document: dict[str, Any]) -> dict[str, Pair]:
    """The collection's variables by our names: value, and its type."""
    return {
        variable_name(text(row.get("key") or row.get("id"))): (text(row.get("value")), text(row.get("type")))
        for row in rows(document.get("variable"))
        if row.get("disabled") is not True
    }


def _with_variables(imported: Imported, known: dict[str, Pair]) -> Imported:
    """With the collection's variables that the request uses; secret ones by their names only."""
    draft = imported.draft
    texts = [*texts_of(draft), *secrets_of(draft)]
    used = dict.fromkeys(found[1].strip() for piece in texts for found in VARIABLE.finditer(piece))
    notes = [
        f"{{{{{name}}}}} is made up by Postman at each call, and unknown here: replace it."
        for name in used
        if name.startswith("$")
    ]
    plain = {name: known[name][0] for name in used if name in known and known[name][1] != "secret"}
    told = {name: value for name, value in plain.items() if value and len(value) <= _LONGEST_VALUE}
    notes += [f"{{{{ {name} }}}} is {line(value, 80)} in the collection." for name, value in told.items()]
    unknown = [name for name in used if name not in told and not name.startswith("$")]
    if unknown:
        names = ", ".join(f"{{{{ {name} }}}}" for name in unknown[:12])
        notes.append(f"The collection gives no value that can be taken for {names}.")
    return with_notes(Imported(replace(draft, variables=tuple(told.items())), imported.notes), *notes)


def _headers(given: Any) -> list[Pair]:
    if isinstance(given, str):
        lines = (each.partition(":") for each in text(given).splitlines())
        return [(name.strip(), value.strip()) for name, colon, value in lines if colon]
    return [
        (text(row.get("key")).strip(), text(row.get("value")).strip())
        for row in rows(given)
        if row.get("disabled") is not True and text(row.get("key")).strip()
    ]


def _raw_url(given: Any) -> str:
    if isinstance(given, str):
        return text(given).strip()
    parts = mapping(given)
    if raw := text(parts.get("raw")).strip():
        return raw
    host, path = _joined(parts.get("host"), "."), _joined(parts.get("path"), "/")
    scheme = text(parts.get("protocol")) or "https"
    port = f":{text(parts['port'])}" if parts.get("port") else ""
    return f"{scheme}://{host}{port}/{path}" if host else ""


def _joined(given: Any, joint: str) -> str:
    if isinstance(given, list):
        return joint.join(
            text(mapping(each).get("value") if isinstance(each, dict) else each) for each in given
        )
    return text(given)


def _url(given: Any) -> tuple[str, list[str]]:
    """The address with its enabled parameters and with its path variables filled, and what to say."""
    raw = renamed(_raw_url(given))
    if not raw:
        raise Refused("The request has no URL.")
    parts = mapping(given)
    if isinstance(parts.get("query"), list):
        pairs = [
            (renamed(text(row.get("key"))), renamed(text(row.get("value"))))
            for row in rows(parts["query"])
            if row.get("disabled") is not True and (row.get("key") or row.get("value"))
        ]
        raw = _with_query(raw, pairs)
    values = {
        text(row.get("key") or row.get("id")): text(row.get("value")) for row in rows(parts.get("variable"))
    }
    front, mark, rest = _split(raw)
    front = re.sub(
        r"(?<=/):([A-Za-z_][\w-]*)",
        lambda found: renamed(values.get(found[1], "")) or variable(found[1]),
        front,
    )
    return with_scheme(front + mark + rest)


def _with_query(url: str, pairs: list[Pair]) -> str:
    # Rows hold what was typed, which may be encoded already; variables stay readable.
    query = "&".join(f"{_typed(name)}={_typed(value)}" for name, value in pairs)
    front = url.partition("#")[0].partition("?")[0]
    return f"{front}?{query}" if query else front


def _typed(value: str) -> str:
    pieces = re.split(r"(\{\{[^{}]{1,300}\}\})", value)
    return "".join(
        piece
        if piece.startswith("{{")
        else re.sub(r"[&# \t\r\n]", lambda found: f"%{ord(found[0]):02X}", piece)
        for piece in pieces
    )


def _split(url: str) -> tuple[str, str, str]:
    found = re.search(r"[?#]", url)
    return (url[: found.start()], found[0], url[found.end() :]) if found else (url, "", "")
