"""Swagger 2.0 in the words of OpenAPI 3: what differs in the parts that a request is made of."""

from typing import Any

from requests_builder.importing.bodies import FORM
from requests_builder.importing.untrusted import mapping, text

from .references import References

_FLOWS = {"accessCode": "authorizationCode", "application": "clientCredentials"}


def upgraded(document: dict[str, Any]) -> dict[str, Any]:
    """The document with servers and security schemes as in version 3; `$ref`s find what they found before."""
    base = text(document.get("basePath")).strip("/")
    host = text(document.get("host"))
    schemes = document.get("schemes")
    is_http_only = isinstance(schemes, list) and "http" in schemes and "https" not in schemes
    url = f"{'http' if is_http_only else 'https'}://{host}/{base}" if host else f"/{base}"
    definitions = mapping(document.get("securityDefinitions"))
    secured = {name: _scheme(mapping(scheme)) for name, scheme in definitions.items()}
    return {**document, "servers": [{"url": url}], "components": {"securitySchemes": secured}}


def upgraded_operation(
    operation: dict[str, Any],
    described: list[dict[str, Any]],
    document: dict[str, Any],
    references: References,
) -> dict[str, Any]:
    """The operation with its body, if it has one, as in version 3. `described`: its parameters."""
    produces = operation.get("produces", document.get("produces"))
    content: dict[str, Any] = {text(kind): {} for kind in produces} if isinstance(produces, list) else {}
    result = {**operation, "responses": {"200": {"content": content}}}
    body = next((each for each in described if each.get("in") == "body"), None)
    rows = [each for each in described if each.get("in") == "formData"]
    consumes = operation.get("consumes", document.get("consumes"))
    kinds = [each for each in consumes if isinstance(each, str)] if isinstance(consumes, list) else []
    if body is not None:
        result["requestBody"] = {
            "content": {kind: {"schema": body.get("schema")} for kind in kinds or ["application/json"]}
        }
    elif rows:
        schema = {
            "type": "object",
            "properties": {text(row.get("name")): row for row in rows},
            "required": [text(row.get("name")) for row in rows if row.get("required") is True],
        }
        kind = "multipart/form-data" if "multipart/form-data" in kinds else FORM
        result["requestBody"] = {"content": {kind: {"schema": schema}}}
    return result


def _scheme(scheme: dict[str, Any]) -> dict[str, Any]:
    match scheme.get("type"):
        case "basic":
            return {"type": "http", "scheme": "basic"}
        case "oauth2":
            flow = text(scheme.get("flow"))
            return {"type": "oauth2", "flows": {_FLOWS.get(flow, flow): scheme}}
    return scheme
