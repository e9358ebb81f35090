"""The guard at the socket: what a connection really connects to is what was checked.

Names are looked up once, every address is checked, and the connection goes to a checked address, while
Host, SNI and the certificate stay with the name. So no second look-up can be answered differently.
"""

import functools
import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, NoReturn

import requests
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPHeaderDict, HTTPSConnectionPool, Retry
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_match_hostname import CertificateError

from .addresses import Address, Origin, Policy, Target, blocked
from .errors import Code, Unreachable
from .messages import Outgoing
from .wire import StrictResponse, Trip

_MAX_POOLS = 16  # origins with open connections
_MAX_KEPT = 32  # connections to one origin, for as many threads

Resolve = Callable[[str], Sequence[str]]
"""A host name to its addresses; OSError if there are none."""


def resolve(host: str) -> list[str]:
    """All addresses of a name, from the system's resolver."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class Guard(threading.local):
    """What the connections of one door obey; the trip under way belongs to the thread that makes it."""

    trip: Trip

    def __init__(self, policy: Policy, resolve: Resolve) -> None:
        self.policy = policy
        self.resolve = resolve

    def addresses(self, origin: Origin) -> list[Address]:
        """The addresses that may be connected to for this origin; raises unless all it has are permitted."""
        self.policy.check(origin)
        if (literal := origin.address) is not None:
            return [literal]
        addresses = [ip_address(text) for text in self._look_up(origin)]
        for address in addresses:  # one bad address spoils the name: it may be the one a retry would take
            self.policy.check_address(origin, address)
        return addresses

    def _look_up(self, origin: Origin) -> Sequence[str]:
        # The dot keeps the resolver's search domains out; a name that the operator lists may be one of those,
        # or stand in a hosts file, where the dot is unknown.
        name = origin.host if self.policy.lists_name(origin) else f"{origin.host}."
        began = time.monotonic()
        answers: queue.SimpleQueue[Sequence[str] | OSError | UnicodeError] = queue.SimpleQueue()

        def work(resolve: Resolve = self.resolve) -> None:
            try:
                answers.put(resolve(name))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        # No look-up of the system can be given a deadline, but one can stop waiting for it.
        threading.Thread(target=work, name="look-up", daemon=True).start()
        try:
            answer = answers.get(timeout=self.trip.remaining())
        except queue.Empty:
            raise self.trip.overrun() from None
        self.trip.resolve_seconds += time.monotonic() - began
        if isinstance(answer, OSError | UnicodeError) or not answer:
            raise _unknown_host(origin.host, answer)
        return answer


class GuardedHTTPConnection(HTTPConnection):
    """A connection that goes only where the guard lets it, and reads and writes only while there is time."""

    _scheme = "http"

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard
        self.response_class = self._strict_response  # type: ignore[assignment]

    def connect(self) -> None:
        trip = self._guard.trip
        trip.is_new_connection = True
        began, resolved = time.monotonic(), trip.resolve_seconds
        try:
            super().connect()
        except (ssl.SSLError, CertificateError) as error:
            raise _no_tls(self.host, error) from error
        except OSError as error:  # _new_conn raises none: it broke off during the handshake, or took too long
            trip.remaining()
            raise _no_tls(self.host, error) from error
        trip.connect_seconds += time.monotonic() - began - (trip.resolve_seconds - resolved)

    def putheader(self, header: str | bytes, *values: Any) -> None:
        # Past urllib3's method, to which one string, which a user may type as well, is a command.
        http.client.HTTPConnection.putheader(self, header, *values)

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        trip = self._guard.trip
        trip.sock = self.sock
        self.sock.settimeout(trip.remaining())
        trip.is_sent = True
        try:
            super().send(data)
        except TimeoutError:
            raise trip.overrun() from None

    def _new_conn(self) -> socket.socket:
        trip = self._guard.trip
        addresses = self._guard.addresses(Origin(self._scheme, self.host, self.port))
        ends_at = time.monotonic() + min(trip.budget.connect_seconds, trip.remaining())
        for position, address in enumerate(addresses):
            # What is left is shared out: an address that swallows packets must leave time for the next.
            seconds = (ends_at - time.monotonic()) / (len(addresses) - position)
            if seconds <= 0:
                break
            if sock := self._connect_to(address, seconds):
                sock.settimeout(max(ends_at - time.monotonic(), 0.001))  # for the TLS handshake
                return sock
        trip.remaining()
        raise _no_connection(self.host, self.port)

    def _connect_to(self, address: Address, seconds: float) -> socket.socket | None:
        sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(seconds)
            sock.connect((str(address), self.port))
            peer = ip_address(sock.getpeername()[0])
        except OSError:
            sock.close()
            return None
        if peer != address:
            sock.close()
            raise blocked()
        return sock

    def _strict_response(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> StrictResponse:
        return StrictResponse(sock, self._guard.trip, method)


class GuardedHTTPSConnection(GuardedHTTPConnection, HTTPSConnection):
    _scheme = "https"


class _GuardedHTTPPool(HTTPConnectionPool):
    ConnectionCls = GuardedHTTPConnection


class _GuardedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = GuardedHTTPSConnection


class GuardedRequest(requests.PreparedRequest):
    """A prepared request made of checked parts: nothing in it is parsed or mended a second time."""

    def __init__(self, target: Target, outgoing: Outgoing) -> None:
        super().__init__()
        self.target = target
        self.method = outgoing.method
        self.url = target.url
        lines = HTTPHeaderDict()
        for name, value in outgoing.on_the_wire():
            lines.add(name, value)
        # urllib3's own, because the one of requests keeps only the last of several headers of one name.
        self.headers = lines  # type: ignore[assignment]
        self.body = outgoing.body


class GuardedAdapter(HTTPAdapter):
    """Sends prepared requests over guarded connections: no proxies, cookies, retries or environment."""

    def __init__(self, guard: Guard, trust: ssl.SSLContext | None) -> None:
        self._guard = guard
        self._trust = trust or _public_authorities()
        self._pools: dict[Origin, HTTPConnectionPool] = {}
        self._lock = threading.Lock()
        super().__init__(max_retries=Retry(total=False))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """None: urllib3's leaves connections open until the garbage collector comes by."""

    def close(self) -> None:
        with self._lock:
            while self._pools:
                self._pools.popitem()[1].close()

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError("A proxy would connect where the guard cannot look.")

    def get_connection_with_tls_context(self, request: Any, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        origin: Origin = request.target.origin
        with self._lock:
            if (pool := self._pools.get(origin)) is None:
                if len(self._pools) == _MAX_POOLS:
                    self._pools.pop(next(iter(self._pools))).close()
                pool = self._pools[origin] = self._new_pool(origin)
            return pool

    def _new_pool(self, origin: Origin) -> HTTPConnectionPool:
        if origin.scheme == "https":
            return _GuardedHTTPSPool(
                origin.host, origin.port, maxsize=_MAX_KEPT, guard=self._guard, ssl_context=self._trust
            )
        return _GuardedHTTPPool(origin.host, origin.port, maxsize=_MAX_KEPT, guard=self._guard)

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Done by the context, which every connection shares: it always asks for a certificate."""

    def request_url(self, request: Any, proxies: Any) -> str:
        return str(request.target.path)

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        response = requests.Response()
        response.raw = resp
        return response


@functools.cache
def _public_authorities() -> ssl.SSLContext:
    """Trust in the public certificate authorities, loaded once a process: it takes as long as a request."""
    # Made by hand: ssl and urllib3 would take SSLKEYLOGFILE and SSL_CERT_FILE from the environment.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=DEFAULT_CA_BUNDLE_PATH)
    return context


def _unknown_host(host: str, answer: object) -> Unreachable:
    is_final = isinstance(answer, socket.gaierror) and answer.errno == socket.EAI_NONAME
    return Unreachable(
        Code.DNS_ERROR,
        f"The host {host} was not found. Check its spelling; if it is right, try again later.",
        is_transient=not is_final,
    )


def _no_connection(host: str, port: int) -> Unreachable:
    return Unreachable(
        Code.CONNECT_FAILED,
        f"The host {host} does not accept connections on port {port}. Check the address; if it is right, the "
        "server may be down: try again later.",
    )


def _no_tls(host: str, error: Exception) -> Unreachable:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unreachable(
            Code.TLS_ERROR,
            f"The certificate of {host} was not accepted: {error.verify_message.rstrip('.')}. Check the "
            "host in the address; if it is right, tell whoever runs this API.",
        )
    return Unreachable(
        Code.TLS_ERROR,
        f"No secure connection to {host} came about. Check that the address and its port belong to an https "
        "server with TLS 1.2 or newer.",
        is_transient=isinstance(error, ConnectionError | TimeoutError | ssl.SSLEOFError),
    )
