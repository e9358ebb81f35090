"""A TCP server that says, byte for byte, what a test tells it to: also what no web server would send."""

import contextlib
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable
from typing import Self

from connections.outbound import Allowance


class Peer:
    """One connection as the server sees it."""

    def __init__(self, sock: socket.socket, server: "RawServer") -> None:
        self.sock = sock
        self._server = server
        self._buffer = b""

    def request(self) -> bytes:
        """The next request, head and body; empty when the client has gone."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._receive():
                return b""
        head, _, _ = self._buffer.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        end = len(head) + 4 + length
        while len(self._buffer) < end:
            if not self._receive():
                return b""
        request, self._buffer = self._buffer[:end], self._buffer[end:]
        self._server.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than the test."""
        self._server.is_closing.wait(seconds)

    def _receive(self) -> bytes:
        data = self.sock.recv(65_536)
        self._buffer += data
        return data


class RawServer:
    """Listens on a port of the system's choice; gives each connection to `script`, in a thread of its own."""

    def __init__(
        self,
        script: Callable[[Peer], None],
        *,
        tls: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.connections = 0
        self.is_closing = threading.Event()
        self._tls = tls
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def allow(self) -> list[Allowance]:
        return [Allowance.parse(f"127.0.0.1:{self.port}")]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.is_closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(lambda sock=sock: self._serve(sock))  # type: ignore[misc]

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(10)
        with contextlib.suppress(OSError), sock:
            served = self._tls.wrap_socket(sock, server_side=True) if self._tls else sock
            with contextlib.suppress(OSError), served:
                self.script(Peer(served, self))


def answering(*answers: bytes) -> Callable[[Peer], None]:
    """A script: to each request the next of the answers, the last one again and again."""

    def script(peer: Peer) -> None:
        left = list(answers)
        while peer.request():
            peer.send(left[0])
            if len(left) > 1:
                left.pop(0)

    return script


def answering_once(answer: bytes) -> Callable[[Peer], None]:
    """A script: one answer, then the connection is closed."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer)

    return script


def ok(body: bytes = b"ok", *headers: str) -> bytes:
    """An answer 200."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(location: str, status: int = 302, body: bytes = b"") -> bytes:
    """An answer that redirects."""
    head = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def gzip_bomb(megabytes: int, filling: bytes = b"\0") -> bytes:
    """So many megabytes of one byte as one gzip member, packed a thousand times (RFC 1952).

    A megabyte is packed once and repeated: after a full flush deflate refers to nothing before it.
    """
    block = filling * 2**20
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(block, checksum)
    head = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    return (
        head + packed * megabytes + packer.flush() + struct.pack("<LL", checksum, megabytes * 2**20 % 2**32)
    )
