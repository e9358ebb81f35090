"""How a request of a Postman collection proves who sends it."""

from typing import Any

from requests_builder.importing.authorizations import NOTHING, Found, oauth_note
from requests_builder.importing.names import renamed
from requests_builder.importing.untrusted import line, mapping, rows, text
from requests_builder.rendering import ApiKey, Basic, Bearer, Place

# Longer than any credential that can be stored.
_LONGEST = 20_000

_OTHERS = {
    "awsv4": "AWS signature",
    "digest": "Digest",
    "edgegrid": "Akamai EdgeGrid",
    "hawk": "Hawk",
    "jwt": "JWT",
    "asap": "ASAP",
    "ntlm": "NTLM",
    "oauth1": "OAuth 1.0",
}


def authorization_of(auth: dict[str, Any]) -> Found:
    """The credential that `auth` of a request, a folder or a collection describes."""
    kind = text(auth.get("type"))
    given = _values(auth.get(kind))
    match kind:
        case "bearer":
            return Found(Bearer(given.get("token", "")))
        case "basic":
            return Found(Basic(given.get("username", ""), given.get("password", "")))
        case "apikey":
            place = Place.QUERY if given.get("in") == "query" else Place.HEADER
            return Found(ApiKey(place, given.get("key", ""), given.get("value", "")))
        case "oauth2":
            return Found(wants_connection=True, notes=(_on_oauth(given),))
        case "" | "noauth":
            return NOTHING
    name = _OTHERS.get(kind, line(kind, 40))
    return Found(
        notes=(f"{name} authorization cannot be used here: choose another one if the API offers it.",)
    )


def _on_oauth(given: dict[str, str]) -> str:
    return oauth_note(
        line(given.get("authUrl")), line(given.get("accessTokenUrl")), line(given.get("scope"), 300)
    )


def _values(given: Any) -> dict[str, str]:
    """The settings of one kind: a list of key and value (2.1), or a mapping (2.0)."""
    if isinstance(given, list):
        values = {text(row.get("key")): text(row.get("value")) for row in rows(given)}
    else:
        values = {key: text(value) for key, value in mapping(given).items()}
    return {key: renamed(value) for key, value in values.items() if len(value) <= _LONGEST}
