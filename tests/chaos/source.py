"""The API that is pulled: what each page holds follows from its address, so that what arrived can be proved.

`GET /items/7` answers the first page of request 7 and takes a new version for it; the cursor of each page
names the version and the page that follows. So all pages of one pull have one version, and no other pull has
it: rows of two pulls, or of half a pull, can be told apart wherever they are seen.
"""

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

PER_PAGE = 20
MOST_PAGES = 5

Act = Callable[[int], None]


def pages_of(number: int) -> int:
    return number % MOST_PAGES + 1


def record(number: int, version: int, position: int) -> dict[str, Any]:
    text = f"{number} {version} {position}".encode()
    return {"id": position, "version": version, "value": hashlib.blake2b(text, digest_size=16).hexdigest()}


def whole(number: int, version: int) -> list[dict[str, Any]]:
    """All records of one version, as a whole pull brings them."""
    return [record(number, version, position) for position in range(pages_of(number) * PER_PAGE)]


def digest(records: list[dict[str, Any]]) -> str:
    """A hash of the records that does not depend on their order."""
    lines = sorted(orjson.dumps(one, option=orjson.OPT_SORT_KEYS) for one in records)
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


@lru_cache(10_000)
def digest_of_whole(number: int, version: int) -> str:
    return digest(whole(number, version))


class Source:
    """The server, and who waits for a moment at which half of a page has left."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.served: Counter[tuple[int, int]] = Counter()
        self._versions: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._armed: Act | None = None
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.source = self
        threading.Thread(target=self._server.serve_forever, daemon=True, name="source").start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def arm(self, act: Act) -> None:
        """Call `act` with the port of the client in the middle of the next page, once."""
        with self._lock:
            self._armed = act

    def disarm(self) -> bool:
        """Whether no page had been asked for since."""
        return self.act() is not None

    def act(self) -> Act | None:
        """What is to be done now, once."""
        with self._lock:
            act, self._armed = self._armed, None
            return act

    def place(self, number: int, cursor: str) -> tuple[int, int]:
        """Version and page that a request asks for."""
        with self._lock:
            if cursor:
                version, page = (int(part) for part in cursor.split("."))
            else:
                self._versions[number] += 1
                version, page = self._versions[number], 1
            self.served[number, page] += 1
            return version, page


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    source: Source

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever is killed hangs up: that is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        source, port = self.server.source, self.client_address[1]
        address = urlsplit(self.path)
        number = int(address.path.rsplit("/", 1)[1])
        version, page = source.place(number, parse_qs(address.query).get("cursor", [""])[0])
        time.sleep(source.latency * (1 + number % 5))
        is_last = page == pages_of(number)
        first = (page - 1) * PER_PAGE
        body = json.dumps(
            {
                "data": [record(number, version, first + place) for place in range(PER_PAGE)],
                "next_cursor": None if is_last else f"{version}.{page + 1}",
            }
        ).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        if act := source.act():
            self.wfile.write(head.encode() + body[: len(body) // 2])
            act(port)
            self.wfile.write(body[len(body) // 2 :])
            return
        self.wfile.write(head.encode() + body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""
