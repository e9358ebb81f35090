"""What a request of a Postman collection carries."""

from typing import Any

from requests_builder.importing.bodies import sorted_body
from requests_builder.importing.drafts import NO_BODY, Body, Pair, Refused
from requests_builder.importing.names import renamed
from requests_builder.importing.untrusted import mapping, rows, text

_MEDIA_TYPES = {
    "json": "application/json",
    "xml": "application/xml",
    "html": "text/html",
    "javascript": "application/javascript",
    "text": "text/plain",
}
_UPLOADS = (
    "The body uploads a file, whose content is not in the collection. Build the body under Body → Multipart, "
    "and choose the file there."
)


def body_of(body: dict[str, Any], headers: list[Pair]) -> tuple[Body, bool]:
    """The body, and whether a Content-Type header is still needed beside it. Raises Refused for files."""
    if body.get("disabled") is True:
        return NO_BODY, False
    match body.get("mode"):
        case "raw":
            return _raw(body, headers)
        case "urlencoded":
            pairs = _pairs(body.get("urlencoded"))
            return (Body("form", pairs=pairs) if pairs else NO_BODY), False
        case "formdata":
            enabled = [row for row in rows(body.get("formdata")) if row.get("disabled") is not True]
            if any(row.get("type") == "file" for row in enabled):
                raise Refused(_UPLOADS)
            pairs = _pairs(enabled)
            return (Body("multipart", pairs=pairs) if pairs else NO_BODY), False
        case "graphql":
            return _graphql(body.get("graphql"))
        case "file":
            raise Refused(_UPLOADS)
    return NO_BODY, True


def _raw(body: dict[str, Any], headers: list[Pair]) -> tuple[Body, bool]:
    content = renamed(text(body.get("raw")))
    language = text(mapping(mapping(body.get("options")).get("raw")).get("language"))
    typed = next((value for name, value in headers if name.lower() == "content-type"), None)
    # Postman sends plain text where neither a language nor a header says otherwise.
    found = sorted_body(content, typed or _MEDIA_TYPES.get(language, "text/plain"))
    return found.body, found.keeps_header and typed is not None


def _graphql(given: Any) -> tuple[Body, bool]:
    query = renamed(text(mapping(given).get("query")))
    variables = renamed(text(mapping(given).get("variables"))).strip()
    if not query.strip():
        return NO_BODY, False
    return Body("graphql", query, variables="" if variables == "{}" else variables), False


def _pairs(given: Any) -> tuple[Pair, ...]:
    return tuple(
        (renamed(text(row.get("key"))), renamed(text(row.get("value"))))
        for row in rows(given)
        if row.get("disabled") is not True and text(row.get("key"))
    )
