"""Where a run goes on after its worker was lost. Values only."""

import base64
import json
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from requests_builder.pagination import PageTrail
from requests_builder.rendering import RenderedRequest


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The next request, without its credential, and what happened so far.

    `is_sending` is written before a request that must not be sent twice leaves: found by the next worker,
    it says that nobody knows whether the other side has acted on it.
    """

    request: RenderedRequest = field(repr=False)
    trail: PageTrail = field(default_factory=PageTrail)
    seconds: float = 0
    is_sending: bool = False

    def to_text(self, first: RenderedRequest) -> str:
        """As it is stored: what is as in the first request is left out, which keeps it at 1 KB."""
        stored: dict[str, Any] = {"url": self.request.url, "trail": self.trail.to_json()}
        stored["seconds"] = round(self.seconds, 3)
        if self.is_sending:
            stored["is_sending"] = True
        if self.request.method != first.method:
            stored["method"] = self.request.method
        if self.request.headers != first.headers:
            stored["headers"] = self.request.headers
        if self.request.body != first.body:
            stored["splice"] = _splice(first.body or b"", self.request.body or b"")
        return orjson.dumps(stored).decode()

    @classmethod
    def from_text(cls, text: str, first: RenderedRequest) -> "Checkpoint":
        stored = json.loads(text)
        request = replace(first, url=stored["url"], method=stored.get("method", first.method))
        if "headers" in stored:
            request = replace(request, headers=tuple((name, value) for name, value in stored["headers"]))
        if "splice" in stored:
            request = replace(request, body=_spliced(first.body or b"", stored["splice"]) or None)
        elif "body" in stored:
            # As it was stored before there were splices.
            request = replace(request, body=base64.b64decode(stored["body"]) or None)
        return cls(
            request,
            PageTrail.from_json(stored["trail"]),
            stored["seconds"],
            stored.get("is_sending", False),
        )


def _splice(first: bytes, other: bytes) -> list[Any]:
    """How `other` comes from `first`: bytes kept at its beginning and end, and what stands between.

    Pages differ in a few bytes of a body that may have many.
    """
    begin = _common_length(first, other)
    end = _common_length(first[begin:][::-1], other[begin:][::-1])
    return [begin, end, base64.b64encode(other[begin : len(other) - end]).decode()]


def _common_length(first: bytes, other: bytes) -> int:
    """How many bytes two texts begin with in common; by halves, for a body may have megabytes."""
    least, most = 0, min(len(first), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if first[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def _spliced(first: bytes, splice: list[Any]) -> bytes:
    begin, end, between = splice
    return first[:begin] + base64.b64decode(between) + first[len(first) - end :]
