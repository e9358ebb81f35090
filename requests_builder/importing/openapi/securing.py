"""Security schemes: how an operation wants to be told who asks."""

from typing import Any

from requests_builder.importing.authorizations import NOTHING, Found, oauth_note
from requests_builder.importing.drafts import Pair
from requests_builder.importing.names import variable
from requests_builder.importing.untrusted import line, mapping, rows, text
from requests_builder.rendering import ApiKey, Basic, Bearer, Place

from .references import References

_FLOWS = ("authorizationCode", "clientCredentials", "implicit", "password")
_ENTER = "Enter the {what} under Authorization: the document does not hold it."


def authorization_of(document: dict[str, Any], operation: dict[str, Any], references: References) -> Found:
    """What the operation wants; the first of several ways that can be used here."""
    asked = operation.get("security", document.get("security"))
    schemes = mapping(mapping(document.get("components")).get("securitySchemes"))
    ways = [
        [(references.resolved(schemes.get(name)), scopes) for name, scopes in list(requirement.items())[:10]]
        for requirement in rows(asked)
    ]
    found = [_together([_found(scheme, scopes) for scheme, scopes in way]) for way in ways if way]
    usable = [each for each in found if each is not None]
    if usable:
        return usable[0]
    if not found:
        return NOTHING
    kinds = {
        line(scheme.get("type"), 30) or "a scheme that it does not describe"
        for way in ways
        for scheme, _ in way
    }
    return Found(notes=(f"The document asks for {', '.join(sorted(kinds))}, which cannot be used here.",))


def _together(parts: list[Found | None]) -> Found | None:
    """Several that are wanted at once: the first under Authorization, further keys as rows to fill in."""
    if not parts or None in parts:
        return None
    first, *others = [part for part in parts if part]
    headers: list[Pair] = []
    parameters: list[Pair] = []
    notes = list(first.notes)
    for other in others:
        match other.authorization:
            case ApiKey(place=Place.HEADER, name=name):
                headers.append((name, variable(name)))
            case ApiKey(name=name):
                parameters.append((name, variable(name)))
            case _:
                notes.append("The document asks for a second authorization beside it, which cannot be sent.")
    return Found(first.authorization, first.wants_connection, tuple(notes), tuple(headers), tuple(parameters))


def _found(scheme: dict[str, Any], scopes: Any) -> Found | None:
    name = text(scheme.get("name"))
    match text(scheme.get("type")), text(scheme.get("in")), text(scheme.get("scheme")).lower():
        case "http", _, "basic":
            return Found(Basic("", ""), notes=(_ENTER.format(what="user name and the password"),))
        case "http", _, "bearer":
            return Found(Bearer(""), notes=(_ENTER.format(what="token"),))
        case "apiKey", "header" | "query" as place, _ if name:
            return Found(ApiKey(Place(place), name, ""), notes=(_ENTER.format(what="key"),))
        case "oauth2", _, _:
            return _oauth(scheme, scopes)
        case "openIdConnect", _, _:
            issuer = line(scheme.get("openIdConnectUrl")).removesuffix("/.well-known/openid-configuration")
            told = f" New can find everything from the issuer URL {issuer}." if issuer else ""
            return Found(wants_connection=True, notes=(f"{oauth_note('', '', _scopes(scopes))}{told}",))
    return None


def _oauth(scheme: dict[str, Any], scopes: Any) -> Found:
    flows = mapping(scheme.get("flows"))
    flow = next((mapping(flows[name]) for name in _FLOWS if name in flows), {})
    note = oauth_note(line(flow.get("authorizationUrl")), line(flow.get("tokenUrl")), _scopes(scopes))
    return Found(wants_connection=True, notes=(note,))


def _scopes(scopes: Any) -> str:
    return " ".join(line(scope, 100) for scope in scopes[:20]) if isinstance(scopes, list) else ""
