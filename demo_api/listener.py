"""The sockets: HTTP/1.1 with keep-alive, a thread for each connection."""

import socket
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from demo_api.messages import Answer, Request, json_answer

LARGEST_BODY = 10 * 1024 * 1024
IDLE_SECONDS = 75.0

Responder = Callable[[Request], Answer | None]
"""None: close the connection without a word."""


class Listener(ThreadingHTTPServer):
    """Listens from the moment it is made; `respond` is called in many threads at once."""

    daemon_threads = True
    # Fifty workers may knock at the same moment.
    request_queue_size = 256

    def __init__(self, host: str, port: int, respond: Responder, clock: Callable[[], datetime]) -> None:
        self.respond = respond
        self.clock = clock
        self._open_connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__((host, port), Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._connections_lock:
            self._open_connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._open_connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up when they like: that is no error of ours. Anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        """Hang up on everybody: a stopped server must not go on answering on kept-alive connections."""
        with self._connections_lock:
            for connection in self._open_connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class Handler(BaseHTTPRequestHandler):
    """Reads a request, lets the server respond, writes the answer."""

    protocol_version = "HTTP/1.1"
    server_version = "demo-api"
    sys_version = ""
    timeout = IDLE_SECONDS
    # One packet for head and body: with small writes, delayed acknowledgements cost 40 ms a request.
    wbufsize = -1
    disable_nagle_algorithm = True

    def __getattr__(self, name: str) -> Callable[[], None]:
        # The base class looks for do_<METHOD>; here every method is as good as any other.
        if name.startswith("do_"):
            return self._exchange
        raise AttributeError(name)

    @property
    def _listener(self) -> Listener:
        return cast(Listener, self.server)

    def _exchange(self) -> None:
        refusal, body = self._body()
        answer = refusal
        if refusal is None:
            target = urlsplit(self.path)
            request = Request(
                method=self.command,
                path=target.path,
                query_pairs=parse_qsl(target.query, keep_blank_values=True),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=body,
            )
            answer = self._listener.respond(request)
        if answer is None:
            self.close_connection = True
            return
        self._send(answer)

    def _body(self) -> tuple[Answer | None, bytes]:
        """The body of the request, or why it will not be read; after a refusal the connection is useless."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            refusal = json_answer(411, {"error": "length_required"})
        elif not (length.isascii() and length.isdigit()):
            refusal = json_answer(400, {"error": "bad_request"})
        elif int(length) > LARGEST_BODY:
            refusal = json_answer(413, {"error": "content_too_large"})
        else:
            return None, self.rfile.read(int(length))
        self.close_connection = True
        return refusal, b""

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.body:
            self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status >= 200 and answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and answer.status not in (204, 304):
            self.wfile.write(answer.body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(timestamp or self._listener.clock().timestamp())

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a request line holds codes and states."""
