"""The two ends of rendering: what was typed, and what will be sent."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from .addresses import parameters_of, url_with_parameters
from .credentials import Authorization, NoAuthorization


class BodyKind(StrEnum):
    """What a body is made of."""

    NONE = "none"
    JSON = "json"
    FORM = "form"
    MULTIPART = "multipart"
    XML = "xml"
    GRAPHQL = "graphql"
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it goes into a multipart body."""

    filename: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BodyPart:
    """One row of a form, or one part of a multipart body: a value, or a file in its place."""

    name: str
    value: str = field(default="", repr=False)
    upload: Upload | None = None


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """What a person typed. The URL holds its query; header rows keep their order.

    `body` is JSON, XML, raw text or the query of GraphQL; `body_parts` are the rows of a form.
    """

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body_kind: BodyKind = BodyKind.NONE
    body: str = field(default="", repr=False)
    authorization: Authorization = NoAuthorization()  # noqa: RUF009 - it is frozen
    body_parts: tuple[BodyPart, ...] = ()
    graphql_variables: str = field(default="", repr=False)
    body_media_type: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class RenderedRequest:
    """What will be sent. The URL has no fragment; all but the method may hold a secret."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    def __repr__(self) -> str:
        # The query may hold an API key, so it stays out of logs and tracebacks.
        return f"<RenderedRequest {self.method} {self.url.partition('?')[0]}>"

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def with_parameter(self, name: str, value: str) -> "RenderedRequest":
        """The same request with this query parameter once, where it stood first; the others byte for byte."""
        kept: list[tuple[str, str]] = []
        placed = False
        for pair in parameters_of(self.url):
            if pair[0] != name:
                kept.append(pair)
            elif not placed:
                kept.append((name, value))
                placed = True
        return replace(self, url=url_with_parameters(self.url, kept if placed else [*kept, (name, value)]))

    def without_parameter(self, name: str) -> "RenderedRequest":
        pairs = [pair for pair in parameters_of(self.url) if pair[0] != name]
        return replace(self, url=url_with_parameters(self.url, pairs))

    def with_header(self, name: str, value: str) -> "RenderedRequest":
        """The same request with this header once, whatever the case of the ones it replaces."""
        return replace(self, headers=(*self.without_header(name).headers, (name, value)))

    def without_header(self, name: str) -> "RenderedRequest":
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=kept)
