"""The body of an answer, decoded under a budget. PURE.

Ours and not the library's: those take any chain of codings, inflate without limit, and call a stream that
breaks off a success.
"""

import zlib
from collections.abc import Sequence

from .errors import Code, Interrupted, Unusable

# Small enough that the leftovers of many tiny gzip members stay cheap to carry from one to the next.
_SLICE = 8_192
_GZIP = 16 + zlib.MAX_WBITS


class Body:
    """Collects a body without a content coding; `feed` as it arrives, `finish` once."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        self._keep(data)

    def finish(self) -> bytes:
        return b"".join(self._parts)

    def _keep(self, decoded: bytes) -> None:
        self._size += len(decoded)
        if self._size > self._max_bytes:
            raise too_large(self._max_bytes)
        self._parts.append(decoded)


class GzipBody(Body):
    """The same for gzip: any number of members (RFC 1952 §2.2), at most a byte more than the budget."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self._inflate = zlib.decompressobj(_GZIP)
        self._is_inside = False  # a member

    def feed(self, data: bytes) -> None:
        for begin in range(0, len(data), _SLICE):
            self._feed(data[begin : begin + _SLICE])

    def finish(self) -> bytes:
        if self._is_inside:
            raise truncated()
        return super().finish()

    def _feed(self, data: bytes) -> None:
        while data:
            if not self._is_inside:
                if self._inflate.eof:
                    # Zeros may follow a member, as tape blocks once left them; else only another one may.
                    if not (data := data.lstrip(b"\0")):
                        return
                    self._inflate = zlib.decompressobj(_GZIP)
                self._is_inside = True
            try:
                self._keep(self._inflate.decompress(data, self._max_bytes - self._size + 1))
            except zlib.error as error:
                raise _not_decodable() from error
            data = self._inflate.unused_data
            self._is_inside = not self._inflate.eof


def body_decoder(content_encodings: Sequence[str], max_bytes: int) -> Body:
    """The decoder for the values of Content-Encoding; Unusable for a chain, or a coding we did not offer."""
    codings = [coding.strip().lower() for value in content_encodings for coding in value.split(",")]
    match [coding for coding in codings if coding not in {"", "identity"}]:
        case []:
            return Body(max_bytes)
        case ["gzip" | "x-gzip"]:
            return GzipBody(max_bytes)
        case _:
            raise Unusable(
                Code.DECODE_ERROR,
                "The answer is compressed in a way that was not asked for. Ask whoever runs this API to send "
                "it plain or with gzip.",
            )


def too_large(max_bytes: int) -> Unusable:
    return Unusable(
        Code.TOO_LARGE,
        f"The answer is larger than {max_bytes / 2**20:,.3g} MB. Ask for less at once, for example fewer "
        "records per page, or raise the size limit of the request.",
    )


def truncated() -> Interrupted:
    return Interrupted(
        Code.TRUNCATED,
        "The answer broke off before its end, so nothing of it was used. Try again; if it keeps happening, "
        "ask for less at once.",
    )


def _not_decodable() -> Unusable:
    return Unusable(
        Code.DECODE_ERROR,
        "The answer claims to be compressed with gzip, but cannot be unpacked. Tell whoever runs this API.",
    )
