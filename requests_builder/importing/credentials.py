"""A credential among headers, in the query or in the address: taken out, so that it goes where secrets go."""

import base64
import binascii
import re
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from requests_builder.rendering import (
    ApiKey,
    Authorization,
    Basic,
    Bearer,
    NoAuthorization,
    Place,
    parameters_of,
    url_with_parameters,
)

from .drafts import Imported, Pair, RequestDraft, with_notes

_SECRET_HEADER = re.compile(
    r"(?:x-)?(?:[\w-]+-)?(?:api-?key|apikey|api-?token|auth-?token|access-?token|subscription-key|auth-?key)"
    r"|private-token|x-[\w-]*token|x-[\w-]*secret|x-[\w-]*key|apikey|token|ocp-apim-subscription-key",
    re.IGNORECASE,
)
# Names that look alike and hold no secret.
_NO_SECRET = frozenset({"x-csrf-token", "x-xsrf-token", "x-idempotency-key", "x-requested-key"})
_SECRET_PARAMETER = re.compile(
    r"(?:x-)?(?:api[_-]?key|apikey|access[_-]?token|auth[_-]?token|api[_-]?token|app[_-]?id[_-]?key|appid|"
    r"client[_-]?secret|subscription[_-]key|hapikey|token|key)",
    re.IGNORECASE,
)


def is_secret_header(name: str) -> bool:
    """Whether a header of this name usually holds a secret."""
    lowered = name.strip().lower()
    if lowered in ("authorization", "cookie", "proxy-authorization"):
        return True
    return lowered not in _NO_SECRET and bool(_SECRET_HEADER.fullmatch(lowered))


def is_secret_parameter(name: str) -> bool:
    """Whether a query parameter of this name usually holds a secret."""
    return bool(_SECRET_PARAMETER.fullmatch(name.strip()))


def with_credentials_apart(imported: Imported) -> Imported:
    """The same with its credential under Authorization; of several, the Authorization header first."""
    imported = _from_address(imported)
    for take in (_from_authorization, _from_header, _from_query):
        if not isinstance(imported.draft.authorization, NoAuthorization) or imported.draft.wants_connection:
            break
        imported = take(imported)
    left = [name for name, _ in imported.draft.headers if is_secret_header(name)]
    notes = [
        f"The header {name} stays under Headers, where everybody in the team can read it."
        for name in dict.fromkeys(left)
    ]
    exposed = [
        name for name, value in parameters_of(imported.draft.url) if is_secret_parameter(name) and value
    ]
    notes += [
        f"The parameter {name} stays in the URL, where everybody in the team can read it."
        for name in dict.fromkeys(exposed)
    ]
    return with_notes(imported, *notes)


def authorization_of(value: str) -> Authorization | None:
    """The credential that the value of an Authorization header holds; None for one that is none of ours."""
    scheme, _, rest = value.strip().partition(" ")
    credential = rest.strip()
    match scheme.lower():
        case "bearer" if credential:
            return Bearer(credential)
        case "basic" if credential:
            return _basic(credential)
    return ApiKey(Place.HEADER, "Authorization", value.strip()) if value.strip() else None


def _basic(encoded: str) -> Authorization | None:
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    username, colon, password = text.partition(":")
    return Basic(username, password) if colon and text.isprintable() else None


def _from_address(imported: Imported) -> Imported:
    draft = imported.draft
    try:
        parts = urlsplit(draft.url)
    except ValueError:
        return imported
    userinfo, at, _ = parts.netloc.rpartition("@")
    if not at:
        return imported
    username, _, password = userinfo.partition(":")
    apart = replace(draft, url=draft.url.replace(f"{userinfo}@", "", 1))
    if isinstance(draft.authorization, NoAuthorization) and not _header(draft, "authorization"):
        apart = replace(apart, authorization=Basic(unquote(username), unquote(password)))
    return with_notes(
        replace(imported, draft=apart), "User name and password were moved from the URL to Authorization."
    )


def _from_authorization(imported: Imported) -> Imported:
    draft = imported.draft
    value = _header(draft, "authorization")
    authorization = authorization_of(value) if value else None
    if authorization is None:
        return imported
    return replace(
        imported,
        draft=replace(draft, headers=_without(draft, "authorization"), authorization=authorization),
    )


def _from_header(imported: Imported) -> Imported:
    draft = imported.draft
    found = [
        (name, value)
        for name, value in draft.headers
        if is_secret_header(name) and name.lower() not in ("cookie", "authorization") and value.strip()
    ]
    if not found or _header(draft, "authorization"):
        return imported
    name, value = found[0]
    key = ApiKey(Place.HEADER, name, value)
    return replace(imported, draft=replace(draft, headers=_without(draft, name.lower()), authorization=key))


def _from_query(imported: Imported) -> Imported:
    draft = imported.draft
    pairs = parameters_of(draft.url)
    found = [(name, value) for name, value in pairs if is_secret_parameter(name) and value]
    # Twice the same name would be sent once.
    if len(found) != 1 or _header(draft, "authorization"):
        return imported
    [(name, value)] = found
    url = url_with_parameters(draft.url, [pair for pair in pairs if pair != (name, value)])
    return with_notes(
        replace(
            imported,
            draft=replace(draft, url=url, authorization=ApiKey(Place.QUERY, name, value)),
        ),
        f"The parameter {name} was moved to Authorization → API key, where it is stored encrypted.",
    )


def _header(draft: RequestDraft, name: str) -> str:
    return next((value for key, value in draft.headers if key.lower() == name), "")


def _without(draft: RequestDraft, name: str) -> tuple[Pair, ...]:
    return tuple(pair for pair in draft.headers if pair[0].lower() != name)
