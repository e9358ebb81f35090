"""A request that was read from somewhere else: what the builder is filled with, and what to say about it."""

from dataclasses import dataclass, field, replace
from typing import Literal

from requests_builder.rendering import (
    ApiKey,
    Authorization,
    Basic,
    Bearer,
    NoAuthorization,
)

Pair = tuple[str, str]
BodyKind = Literal["none", "json", "form", "multipart", "xml", "graphql", "raw"]

NO_AUTHORIZATION = NoAuthorization()


class Refused(ValueError):
    """What was pasted cannot become one request; `str()` is a sentence that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent. `text` is the JSON, XML, GraphQL query or raw text; `pairs` those of forms."""

    kind: BodyKind = "none"
    text: str = field(default="", repr=False)
    pairs: tuple[Pair, ...] = field(default=(), repr=False)
    # Of a raw body.
    media_type: str = ""
    # Of a GraphQL body: JSON.
    variables: str = field(default="", repr=False)


NO_BODY = Body()


@dataclass(frozen=True, slots=True)
class RequestDraft:
    """One request as the builder takes it. The query stands in the URL; None leaves a setting as it is."""

    method: str = "GET"
    url: str = field(default="", repr=False)
    headers: tuple[Pair, ...] = field(default=(), repr=False)
    body: Body = NO_BODY
    authorization: Authorization = NO_AUTHORIZATION
    # Whether it wants an access token: which connection it comes from is for a person to choose.
    wants_connection: bool = False
    timeout_seconds: int | None = None
    follow_redirects: bool | None = None
    name: str = ""
    # Values of `{{ name }}`s in it.
    variables: tuple[Pair, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Imported:
    """A draft, and sentences about what it could not take along or what a person must still do."""

    draft: RequestDraft
    notes: tuple[str, ...] = ()


def texts_of(draft: RequestDraft) -> list[str]:
    """All that stands in a draft in the open."""
    texts = [draft.url, draft.body.text, draft.body.variables]
    return texts + [text for pair in (*draft.headers, *draft.body.pairs) for text in pair]


def secrets_of(draft: RequestDraft) -> list[str]:
    """What its authorization consists of."""
    match draft.authorization:
        case Bearer(token=token):
            return [token]
        case Basic(username=username, password=password):
            return [username, password]
        case ApiKey(value=value):
            return [value]
    return []


def with_notes(imported: Imported, *notes: str) -> Imported:
    """The same with more to say; nothing is said twice."""
    return replace(imported, notes=tuple(dict.fromkeys([*imported.notes, *notes])))
