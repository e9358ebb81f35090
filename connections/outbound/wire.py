"""Bytes from the socket to an HTTP answer: under a deadline, under limits, and framed strictly.

Ours and not the library's: `http.client` reads leniently, believes the first of two lengths, waits per read
and not in total, and follows an endless row of interim answers. Here every read is given only the time that
is left, and a message that could be read in two ways is an error (RFC 9112 §6.3, §11.2).
"""

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from .decoding import too_large, truncated
from .errors import Code, Interrupted, OutboundError, Unreachable, Unusable

Watch = Callable[[int], bool]
"""Told during a call how many bytes have come; whether to go on."""

# Methods that are sent again over a new connection when the other side had closed a kept one.
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})

_RECEIVE = 65_536
# Whoever waits for a silent server looks up so often, in seconds, whether the call is still wanted.
_GLANCE = 0.5
_MAX_INFORMATIONAL = 10
_MAX_CHUNK_LINE = 1_024
_MAX_TRAILER_BYTES = 16_384

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([^\r\n\0]*))?")
_FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\0]*)?")


@dataclass(frozen=True, slots=True)
class Budget:
    """What one call may cost, redirects included."""

    connect_seconds: float = 5  # TCP and TLS, at each origin
    total_seconds: float = 30  # from the call to the last byte: look-up, headers and a dripping body too
    max_body_bytes: int = 10 * 2**20  # decoded
    max_wire_bytes: int | None = None  # received; None: a quarter more than the body, for headers and framing
    max_redirects: int = 5
    max_header_bytes: int = 65_536
    max_headers: int = 200

    @property
    def wire_limit(self) -> int:
        if self.max_wire_bytes is not None:
            return self.max_wire_bytes
        return self.max_body_bytes + self.max_body_bytes // 4 + 2 * self.max_header_bytes


class Trip:
    """One call under way: what is left of its budget, and where its time went."""

    def __init__(self, budget: Budget, watch: Watch | None = None) -> None:
        self.budget = budget
        self.watch = watch
        self.began = time.monotonic()
        self.resolve_seconds = 0.0
        self.connect_seconds = 0.0
        self.tls_seconds = 0.0
        self.wire_bytes = 0
        self.sock: socket.socket | None = None  # that it waits at, to be woken from there
        self._is_abandoned = False
        self.begin_exchange()

    def begin_exchange(self) -> None:
        """One request and its answer; a call has several when it is redirected."""
        self.is_new_connection = False
        self.is_sent = False
        self.first_byte_at: float | None = None

    def remaining(self) -> float:
        """Seconds that are left, always more than none: past the deadline this raises."""
        if self._is_abandoned:
            raise self._given_up()
        remaining = self.began + self.budget.total_seconds - time.monotonic()
        if remaining <= 0:
            raise self.overrun()
        return remaining

    def glance(self) -> float:
        """How long to wait before `look`: all that remains, if nobody watches."""
        remaining = self.remaining()
        return remaining if self.watch is None else min(remaining, _GLANCE)

    def look(self) -> None:
        """Tell whoever watches how far it is; raises if the call is not wanted any more."""
        if self.watch is not None and not self.watch(self.wire_bytes):
            raise Unusable(Code.CANCELLED, _CANCELLED)

    def overrun(self) -> OutboundError:
        # What is left of a longer time is no round number; people set and read one.
        seconds = f"{round(self.budget.total_seconds, 1):g}"
        if self.is_sent:
            return Interrupted(
                Code.DEADLINE,
                f"There was no complete answer within {seconds} seconds. Try again later, ask for less at "
                "once, or give the request more time.",
            )
        return Unreachable(
            Code.DEADLINE,
            f"No connection came about within {seconds} seconds. Try again later; if it keeps happening, "
            "check the host in the address.",
        )

    def abandon(self) -> None:
        """End the call from another thread: it fails at once, or at its next step."""
        self._is_abandoned = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                # Past SSLSocket's own method, which would take the session away from under the reader.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def _given_up(self) -> OutboundError:
        failure = Interrupted if self.is_sent else Unreachable
        return failure(Code.TRANSPORT_ERROR, "The call was given up before its answer was complete.")

    def count(self, received: int) -> None:
        if self.first_byte_at is None:
            self.first_byte_at = time.monotonic()
        self.wire_bytes += received
        if self.wire_bytes > self.budget.wire_limit:
            raise too_large(self.budget.wire_limit)
        self.look()

    def may_repeat(self, method: str) -> bool:
        """Whether it only failed because the other side had closed a kept connection (RFC 9112 §9.3.1).

        Never for methods that must not be sent twice: it may have seen the request after all.
        """
        is_stale = self.is_sent and not self.is_new_connection and self.first_byte_at is None
        return is_stale and method in REPEATABLE


class Wire:
    """Reads from a socket as far as the trip's budget allows."""

    def __init__(self, sock: socket.socket, trip: Trip) -> None:
        self._sock = sock
        self._trip = trip
        self._buffer = b""
        self._at = 0

    @property
    def buffered(self) -> int:
        return len(self._buffer) - self._at

    def line(self, max_bytes: int) -> bytes | None:
        """The next line without its end, None when it is longer than max_bytes."""
        while (end := self._buffer.find(b"\n", self._at)) < 0:
            if self.buffered > max_bytes:
                return None
            if not (data := self._receive(_RECEIVE)):
                raise truncated() if self._trip.first_byte_at else hung_up()
            self._buffer = self._buffer[self._at :] + data
            self._at = 0
        line = self._buffer[self._at : end]
        self._at = end + 1
        return line.removesuffix(b"\r") if len(line) <= max_bytes else None

    def some(self, max_bytes: int) -> bytes:
        """At least one byte and at most max_bytes; none only at the end of the stream."""
        if not self.buffered:
            return self._receive(min(max_bytes, _RECEIVE))
        data = self._buffer[self._at : self._at + max_bytes]
        self._at += len(data)
        return data

    def _receive(self, max_bytes: int) -> bytes:
        while True:
            self._sock.settimeout(self._trip.glance())
            try:
                data = self._sock.recv(max_bytes)
                break
            except TimeoutError:
                self._trip.remaining()
                self._trip.look()
            except (OSError, ssl.SSLError) as error:
                raise (truncated() if self._trip.first_byte_at else hung_up()) from error
        if data:
            self._trip.count(len(data))
        return data


class Reply:
    """An answer under way: its head, and its body piece by piece.

    `release` is called once, when nothing more is read: with whether the connection may be used again.
    """

    def __init__(self, sock: socket.socket, trip: Trip, method: str, release: Callable[[bool], None]) -> None:
        self._trip = trip
        self._is_head = method == "HEAD"
        self._wire = Wire(sock, trip)
        self._release = release
        self._is_over = False
        self._chunk_left = 0
        self._has_read_chunk = False

    def begin(self) -> None:
        """Read the head of the answer, past interim ones (RFC 9110 §15.2)."""
        head_left = self._trip.budget.max_header_bytes
        for _ in range(_MAX_INFORMATIONAL + 1):
            head_left = self._read_head(head_left)
            if self.status >= 200:
                self._read_framing()
                return
            if self.status == 101:
                break  # nobody asked to switch protocols
        raise _not_http()

    def all(self, name: str) -> list[str]:
        """The values of a header, each as it stands."""
        return [value for key, value in self.headers if key.lower() == name]

    def read(self, max_bytes: int) -> bytes:
        """Some bytes of the body, its content coding untouched; none only at its true end."""
        if self._is_over:
            return b""
        if self.is_chunked:
            return self._read_chunks(max_bytes)
        if self.length == 0:
            self._finish()
            return b""
        data = self._wire.some(max_bytes if self.length is None else min(max_bytes, self.length))
        if self.length is not None:
            if not data:
                raise truncated()
            self.length -= len(data)
        if not data or self.length == 0:
            self._finish()
        return data

    def close(self) -> None:
        """Read no more. What has not been read to its end costs the connection."""
        if not self._is_over:
            self._is_over = True
            self._release(False)

    def _read_head(self, head_left: int) -> int:
        status_line, head_left = self._head_line(head_left)
        if not (parts := _STATUS_LINE.fullmatch(status_line)):
            raise _not_http()
        self._is_old = parts[1] == b"0"  # HTTP/1.0
        self.status = int(parts[2])
        self.reason = _text(parts[3] or b"").strip()
        self.headers: list[tuple[str, str]] = []
        for _ in range(self._trip.budget.max_headers + 1):
            line, head_left = self._head_line(head_left)
            if not line:
                return head_left
            # A line that begins with a space continues the one before, to some readers only: an error.
            if not (parts := _FIELD_LINE.fullmatch(line)):
                raise _not_http()
            self.headers.append((_text(parts[1]), _text(parts[2])))
        raise _head_too_large()

    def _head_line(self, head_left: int) -> tuple[bytes, int]:
        line = self._wire.line(head_left)
        if line is None:
            raise _head_too_large()
        return line, head_left - len(line) - 2

    def _read_framing(self) -> None:
        """Where the body ends (RFC 9112 §6.3)."""
        codings, lengths = self.all("transfer-encoding"), self.all("content-length")
        if codings and (self._is_old or lengths or [coding.lower() for coding in codings] != ["chunked"]):
            raise _not_http()
        if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
            raise _not_http()
        has_body = not self._is_head and self.status not in {204, 304}
        self.is_chunked = bool(codings) and has_body
        # What is left of the body, where its length is known.
        self.length = (int(lengths[0]) if lengths else None) if has_body else 0
        is_endless = self.length is None and not self.is_chunked
        options = ", ".join(self.all("connection")).lower()
        self._will_close = is_endless or "close" in options or (self._is_old and "keep-alive" not in options)

    def _read_chunks(self, max_bytes: int) -> bytes:
        parts: list[bytes] = []
        # All chunks that have arrived, at least one: a byte at a time would cost a call for each.
        while max_bytes > 0 and (not parts or self._wire.buffered):
            if not self._chunk_left and not self._begin_chunk():
                break
            data = self._wire.some(min(max_bytes, self._chunk_left))
            if not data:
                raise truncated()
            parts.append(data)
            max_bytes -= len(data)
            self._chunk_left -= len(data)
        return b"".join(parts)

    def _begin_chunk(self) -> bool:
        """Read the line before a chunk, and after the last one the trailer; False then."""
        if self._has_read_chunk and self._wire.line(2) != b"":
            raise _not_http()
        line = self._wire.line(_MAX_CHUNK_LINE)
        if line is None or not (parts := _CHUNK_SIZE.fullmatch(line)):
            raise _not_http()
        self._has_read_chunk = True
        self._chunk_left = int(parts[1], 16)
        if self._chunk_left:
            return True
        trailer_left = _MAX_TRAILER_BYTES
        while (line := self._wire.line(trailer_left)) != b"":
            if line is None:
                raise _head_too_large()
            trailer_left = max(trailer_left - len(line) - 2, 0)
        self._finish()
        return False

    def _finish(self) -> None:
        self._is_over = True
        # Bytes behind the answer would be read as the next one.
        self._release(not self._will_close and not self._wire.buffered)


_CANCELLED = (
    "The call was cancelled before the whole answer had come. The API may have acted on the request all the "
    "same."
)


def hung_up() -> Interrupted:
    return Interrupted(
        Code.TRANSPORT_ERROR,
        "The server closed the connection without an answer. Try again later; if it keeps happening, tell "
        "whoever runs this API.",
    )


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # RFC 9110 §5.5: what old servers mean by bytes above ASCII


def _not_http() -> Interrupted:
    return Interrupted(
        Code.TRANSPORT_ERROR,
        "What the server sent is not a proper HTTP answer. Check that the address and its port belong to a "
        "web server; otherwise tell whoever runs this API.",
    )


def _head_too_large() -> Unusable:
    return Unusable(
        Code.TOO_LARGE, "The headers of the answer are larger than any API needs. Tell whoever runs this API."
    )
