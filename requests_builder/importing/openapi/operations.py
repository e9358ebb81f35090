"""The operations of a document, each as a request."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from requests_builder.importing.contents import Contents, Entry, entry_of, first_entries
from requests_builder.importing.drafts import Imported, Pair, Refused, RequestDraft
from requests_builder.importing.headers import kept_headers
from requests_builder.importing.untrusted import line, mapping, text

from .carrying import body_of
from .examples import Budget
from .parameters import optional_note, parameters_of, with_variables_in_path
from .references import References
from .securing import authorization_of
from .servers import server_of
from .swagger import upgraded, upgraded_operation

KIND = "OpenAPI document"
METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
# Those whose body, if any, servers do not read (RFC 9110 §9.3).
_WITHOUT_BODY = frozenset({"get", "head", "delete", "trace"})


@dataclass(frozen=True, slots=True)
class _Operation:
    path: str
    method: str
    described: dict[str, Any]
    item: dict[str, Any]


def parse_openapi(document: dict[str, Any]) -> Contents:
    """The operations of a document, by their tags. Raises Refused for versions that are not known."""
    version = text(document.get("openapi", document.get("swagger")))
    is_swagger = "swagger" in document and version.startswith("2")
    if not is_swagger and not version.startswith("3."):
        raise Refused(f"Version {version[:20]} of OpenAPI is not known here: it may be 2.0, 3.0 or 3.1.")
    if is_swagger:
        document = upgraded(document)
    _, notes = server_of(document.get("servers"))
    budget = Budget()
    references = References(document)
    kept, cut = first_entries(
        _operations(document, references),
        lambda operation: _entry(operation, document, budget, is_swagger=is_swagger),
        KIND,
    )
    title = line(mapping(document.get("info")).get("title"), 100)
    return Contents(KIND, title, kept, (*notes, *cut, *_note_on_foreign(references)))


def _operations(document: dict[str, Any], references: References) -> Iterator[_Operation]:
    for path, given in mapping(document.get("paths")).items():
        if not path.startswith("/"):
            continue
        item = references.resolved(given)
        for method in METHODS:
            if isinstance(item.get(method), dict):
                yield _Operation(path, method, item[method], item)


def _entry(operation: _Operation, document: dict[str, Any], budget: Budget, *, is_swagger: bool) -> Entry:
    described, shown = operation.described, f"{operation.method.upper()} {operation.path}"
    tags = described.get("tags")
    folder = line(tags[0], 60) if isinstance(tags, list) and tags else operation.path.split("/")[1][:60]
    entry = Entry(
        name=line(described.get("summary"), 100) or line(described.get("operationId"), 100) or shown[:100],
        method=operation.method.upper(),
        url=operation.path,
        folder=folder,
        detail="deprecated" if described.get("deprecated") is True else "",
    )
    return entry_of(entry, lambda: _imported(operation, document, budget, is_swagger=is_swagger))


def _imported(
    operation: _Operation, document: dict[str, Any], budget: Budget, *, is_swagger: bool
) -> Imported:
    references = References(document)
    item, described = operation.item, operation.described
    # The operation's own come last, and win over those of the path.
    by_name = {
        (text(each.get("name")), text(each.get("in"))): each
        for each in (*references.all(item.get("parameters")), *references.all(described.get("parameters")))
    }
    if is_swagger:
        described = upgraded_operation(described, list(by_name.values()), document, references)
    found = parameters_of(list(by_name.values()), references)
    proof = authorization_of(document, described, references)
    request_body = references.resolved(described.get("requestBody"))
    is_bare = operation.method in _WITHOUT_BODY and request_body.get("required") is not True
    body, typed, said = body_of({} if is_bare else request_body, references, budget)
    base, notes = server_of(described.get("servers"), item.get("servers"), document.get("servers"))
    query = "&".join([*found.query, *(f"{name}={value}" for name, value in proof.parameters)])
    url = base + with_variables_in_path(operation.path) + (f"?{query}" if query else "")
    headers, dropped = kept_headers(
        [*found.headers, *proof.headers, *typed, *_accept(described, references)], url
    )
    if described.get("servers") is None and item.get("servers") is None:
        # Said once, for the document.
        notes = []
    draft = RequestDraft(
        method=operation.method.upper(),
        url=url,
        headers=tuple(headers),
        body=body,
        authorization=proof.authorization,
        wants_connection=proof.wants_connection,
        variables=tuple(found.variables.items()),
    )
    notes += [*proof.notes, *found.notes, *said, *dropped]
    notes += optional_note("these parameters are", found.optional)
    return Imported(draft, (*notes, *_note_on_foreign(references)))


def _note_on_foreign(references: References) -> list[str]:
    if not references.foreign:
        return []
    named = ", ".join(dict.fromkeys(references.foreign[:5]))
    return [f"Described in another file, which is not read: {named}."]


def _accept(described: dict[str, Any], references: References) -> list[Pair]:
    """The header for an API that answers with something other than JSON."""
    responses = mapping(described.get("responses"))
    succeeded = next((value for status, value in responses.items() if str(status).startswith("2")), None)
    kinds = [str(kind) for kind in mapping(references.resolved(succeeded).get("content"))]
    if not kinds or any("json" in kind or "*" in kind for kind in kinds):
        return []
    return [("Accept", kinds[0][:200])]
