"""A file of requests, as other programs write it: which kind it is, and what is in it."""

from typing import Any

from .contents import Contents, Entry
from .curl import looks_like_curl, parse_curl
from .documents import read_document, resembles_document
from .drafts import Refused
from .har import parse_har
from .openapi import parse_openapi
from .postman import parse_postman
from .untrusted import mapping

_WANTED = "Choose a Postman collection, a HAR file, or an OpenAPI document."
_POSTMAN_1 = (
    "This is a Postman collection of version 1, which Postman itself no longer writes. Import it in Postman, "
    "then export it there as Collection v2.1."
)


def parse_any(text: str) -> Contents:
    """The requests in a file, or the one of a cURL command. Raises Refused."""
    if not looks_like_curl(text) and (resembles_document(text) or "curl" not in text[:2_000]):
        return parse_file(text)
    imported = parse_curl(text)
    draft = imported.draft
    entry = Entry(draft.name, draft.method, draft.url, draft=draft, notes=imported.notes)
    return Contents("cURL command", "", (entry,))


def parse_file(text: str) -> Contents:
    """The requests in a file. Raises Refused with the reason why there are none to be had."""
    if not text.strip():
        raise Refused("There is nothing in it. Choose a file, or paste its text.")
    if not resembles_document(text):
        raise Refused(f"This is neither JSON nor YAML. {_WANTED}")
    document = read_document(text)
    if not isinstance(document, dict):
        raise Refused(f"This is a list, and not one of the files that can be read. {_WANTED}")
    contents = _parsed(document)
    if not contents.entries:
        raise Refused(f"There is no request in this {contents.kind}.")
    return contents


def _parsed(document: dict[str, Any]) -> Contents:
    # As Postman's own API hands it out.
    inner = mapping(document.get("collection"))
    if "item" in inner:
        document = inner
    if "openapi" in document or "swagger" in document:
        return parse_openapi(document)
    if "item" in document and "info" in document:
        return parse_postman(document)
    if "entries" in mapping(document.get("log")):
        return parse_har(document)
    raise Refused(_unknown(document))


def _unknown(document: dict[str, Any]) -> str:
    if "requests" in document and ("order" in document or "folders" in document):
        return _POSTMAN_1
    if "_postman_variable_scope" in document:
        return (
            "This is an environment of Postman: it holds variables, and no requests. Export the collection."
        )
    if document.get("_type") == "export" or str(document.get("type", "")).startswith("collection.insomnia"):
        return "This is an export of Insomnia. Export it there as HAR, and import that."
    if "asyncapi" in document:
        return f"This is an AsyncAPI document, whose messages are no HTTP requests. {_WANTED}"
    if "__schema" in mapping(document.get("data")) or "__schema" in document:
        return "This is the schema of a GraphQL server. Create a request, and choose GraphQL under Body."
    return f"This is none of the files that can be read. {_WANTED}"
