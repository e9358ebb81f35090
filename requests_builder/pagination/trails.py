"""Which pages a run has seen."""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from requests_builder.rendering import RenderedRequest

from .pages import Page, PaginationError

# Fingerprints of 8 bytes, 11 characters each: two lists of 32 keep a checkpoint under 1 KB.
_REMEMBERED = 32
_FINGERPRINT_LENGTH = 11
# Bytes at each end of a page of records.
_HASHED = 2_048


@dataclass(frozen=True, slots=True)
class PageTrail:
    """Which pages a run has seen: enough to notice a loop, and small enough for every checkpoint.

    Remembers the last 32 requests and the last 32 pages of records, and one older of each, that of the last
    power of two (Brent's cycle detection): loops of up to 32 pages are noticed at the first repeat, longer
    ones at the latest when twice the power of two is reached that is no shorter. Holds fingerprints and
    counts only, no URL.
    """

    pages: int = 0
    records: int = 0
    requests: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    old_request: str = ""
    old_content: str = ""

    def after(self, page: Page) -> "PageTrail":
        """The trail with this page on it. Raises PaginationError if its records have been seen before."""
        content = _fingerprint_of_records(page.records) if page.records else ""
        if content and content in (*self.contents, self.old_content):
            raise PaginationError(
                "pagination_loop",
                f"Page {self.pages + 1} holds the same records as a page before. The API seems to ignore how "
                "the next page is asked for: look at the pagination settings.",
            )
        request = _fingerprint_of_request(page.request)
        pages = self.pages + 1
        is_power_of_two = pages & (pages - 1) == 0
        return PageTrail(
            pages=pages,
            records=self.records + len(page.records),
            requests=(*self.requests, request)[-_REMEMBERED:],
            contents=(*self.contents, content)[-_REMEMBERED:] if content else self.contents,
            old_request=request if is_power_of_two else self.old_request,
            old_content=content if is_power_of_two else self.old_content,
        )

    def has_seen(self, request: RenderedRequest) -> bool:
        return _fingerprint_of_request(request) in (*self.requests, self.old_request)

    def to_json(self) -> dict[str, int | str]:
        """For a checkpoint; at most 1 KB as JSON."""
        return {
            "pages": self.pages,
            "records": self.records,
            "requests": "".join(self.requests),
            "contents": "".join(self.contents),
            "old_request": self.old_request,
            "old_content": self.old_content,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "PageTrail":
        """The trail that `to_json` wrote; an empty mapping is the trail before the first page."""
        return cls(
            pages=int(stored.get("pages", 0)),
            records=int(stored.get("records", 0)),
            requests=_split(str(stored.get("requests", ""))),
            contents=_split(str(stored.get("contents", ""))),
            old_request=str(stored.get("old_request", "")),
            old_content=str(stored.get("old_content", "")),
        )


def _fingerprint_of_request(request: RenderedRequest) -> str:
    # With the headers, for a cursor may be sent in one.
    lines = [f"{request.method} {request.url}", *(f"{name}: {value}" for name, value in request.headers)]
    return _fingerprint("\n".join([*lines, "", ""]).encode() + (request.body or b""))


def _fingerprint_of_records(records: Sequence[Any]) -> str:
    try:
        content = orjson.dumps(records)
    except TypeError:
        # Integers beyond 64 bits; slower, but any.
        content = json.dumps(records).encode()
    # All of it by a checksum, its ends by a hash: half a page of records is read in a third of the time, and
    # pages that differ are taken for one another by neither.
    ends = content[:_HASHED] + content[-_HASHED:]
    return _fingerprint(b"%d %d " % (len(content), zlib.crc32(content)) + ends)


def _fingerprint(content: bytes) -> str:
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _split(joined: str) -> tuple[str, ...]:
    starts = range(0, len(joined), _FINGERPRINT_LENGTH)
    return tuple(joined[start : start + _FINGERPRINT_LENGTH] for start in starts)
