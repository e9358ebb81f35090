"""PURE. An HTTP request and its answer as values, so that no rule has to know a socket."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
HTML = "text/html; charset=utf-8"

# RFC 6749 §5.1: what holds a token must not stay in any cache.
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

Pairs = Sequence[tuple[str, str]]


@dataclass(slots=True)
class Request:
    """A request as it arrived. Header names are in lower case; `status` is 0 until it is answered."""

    method: str
    path: str
    query_pairs: Pairs = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    status: int = 0

    @property
    def query(self) -> dict[str, str]:
        """The query without repetitions; the last of several equal names wins."""
        return dict(self.query_pairs)

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def form_pairs(self) -> list[tuple[str, str]]:
        """The form in the body; nothing if the body is of another media type."""
        if self.media_type != FORM:
            return []
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    @property
    def form(self) -> dict[str, str]:
        """The form without repetitions; the last of several equal names wins."""
        return dict(self.form_pairs)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to be sent. Content-Length is left to whoever sends it."""

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def json_answer(status: int, document: object, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer that no cache may keep: most of ours hold a token or what a token opens."""
    body = json.dumps(document, ensure_ascii=False).encode()
    return Answer(status, body, JSON, {**NO_STORE, **(headers or {})})


def redirect(url: str) -> Answer:
    """303, not 302 or 307: the form that led here must not be sent on (RFC 9700 §4.12)."""
    return Answer(303, b"", HTML, {"Location": url, **NO_STORE})
