"""The guard at the socket: what a connection really connects to is what was checked.

Names are looked up once, every address is checked, and the connection goes to a checked address, while
Host, SNI and the certificate stay with the name. So no second look-up can be answered differently.
"""

import functools
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

import requests
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_match_hostname import CertificateError

from .addresses import Address, Origin, Policy, Target, blocked
from .errors import Code, Unreachable
from .messages import Outgoing
from .shelf import Shelf
from .wire import REPEATABLE, Reply, Trip

_MAX_KEPT = 32  # connections without a call, to all origins together

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
        while True:
            try:
                answer = answers.get(timeout=self.trip.glance())
                break
            except queue.Empty:
                self.trip.remaining()
                self.trip.look()
        self.trip.resolve_seconds += time.monotonic() - began
        if isinstance(answer, OSError | UnicodeError) or not answer:
            raise _unknown_host(origin.host, answer)
        return answer


class GuardedHTTPConnection(HTTPConnection):
    """A connection that goes only where the guard lets it, and reads and writes only while there is time."""

    _scheme = "http"

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.guard = guard

    def connect(self) -> None:
        trip = self.guard.trip
        trip.is_new_connection = True
        began, before = time.monotonic(), trip.resolve_seconds + trip.connect_seconds
        try:
            super().connect()
        except (ssl.SSLError, CertificateError) as error:
            raise _no_tls(self.host, error) from error
        except OSError as error:  # _new_conn raises none: it broke off during the handshake, or took too long
            trip.remaining()
            raise _no_tls(self.host, error) from error
        apart = trip.resolve_seconds + trip.connect_seconds - before
        trip.tls_seconds += max(time.monotonic() - began - apart, 0) if self._scheme == "https" else 0

    def exchange(self, request: "GuardedRequest", release: Callable[[bool], None]) -> Reply:
        """Send the request, and read the answer as far as its head."""
        if self.sock is None:
            self.connect()
        trip, sock = self.guard.trip, self.sock
        assert sock is not None
        trip.sock = sock
        sock.settimeout(trip.remaining())
        trip.is_sent = True
        try:
            sock.sendall(request.on_the_wire())
        except TimeoutError:
            raise trip.overrun() from None
        except (BrokenPipeError, ConnectionResetError):
            # Who answers before all has been read may hang up then: the answer can be read all the same.
            pass
        reply = Reply(sock, trip, request.outgoing.method, release)
        reply.begin()
        return reply

    def _new_conn(self) -> socket.socket:
        trip = self.guard.trip
        addresses = self.guard.addresses(Origin(self._scheme, self.host, self.port))
        began = time.monotonic()
        ends_at = began + min(trip.budget.connect_seconds, trip.remaining())
        for position, address in enumerate(addresses):
            # What is left is shared out: an address that swallows packets must leave time for the next.
            seconds = (ends_at - time.monotonic()) / (len(addresses) - position)
            if seconds <= 0:
                break
            if sock := self._connect_to(address, seconds):
                trip.connect_seconds += time.monotonic() - began
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


class GuardedHTTPSConnection(GuardedHTTPConnection, HTTPSConnection):
    _scheme = "https"


class GuardedRequest(requests.PreparedRequest):
    """A prepared request made of checked parts: nothing in it is parsed or mended a second time."""

    def __init__(self, target: Target, outgoing: Outgoing) -> None:
        super().__init__()
        self.target = target
        self.outgoing = outgoing
        self.method = outgoing.method
        self.url = target.url
        self.body = outgoing.body

    def on_the_wire(self) -> bytes:
        """The message (RFC 9112 §3). All in it is ASCII and without line breaks: that was checked."""
        outgoing, origin = self.outgoing, self.target.origin
        lines = [f"{outgoing.method} {self.target.path} HTTP/1.1", f"Host: {origin.authority}"]
        lines += [f"{name}: {value}" for name, value in outgoing.on_the_wire()]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + (outgoing.body or b"")


class GuardedAdapter(HTTPAdapter):
    """Sends prepared requests over guarded connections: no proxies, cookies, retries or environment.

    It keeps the connections itself, and has urllib3 only open them: pools and responses of urllib3 would
    settle again what is settled here, and take longer for it than everything else.
    """

    def __init__(
        self, guard: Guard, trust: ssl.SSLContext | None, shelf: Shelf | None = None, owner: object = None
    ) -> None:
        self._guard = guard
        self._trust = trust or _public_authorities()
        self._shelf = shelf or Shelf(_MAX_KEPT)
        self._has_own_shelf = shelf is None
        # Where certificates are judged otherwise, connections are others.
        self._owner = owner, self._trust
        self._is_closed = False
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """None: urllib3's leaves connections open until the garbage collector comes by."""

    def close(self) -> None:
        self._is_closed = True
        if self._has_own_shelf:
            self._shelf.clear()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert isinstance(request, GuardedRequest)
        origin = request.target.origin
        # A server may hang up just when it is asked over a connection that was idle: what must not be sent
        # twice goes over none that another door has left.
        may_be_old = self._has_own_shelf or request.outgoing.method in REPEATABLE
        connection = (self._kept_to(origin) if may_be_old else None) or self._new(origin)

        def release(is_reusable: bool) -> None:
            if not (is_reusable and self._keep(origin, connection)):
                connection.close()

        response = requests.Response()
        try:
            response.raw = connection.exchange(request, release)
        except BaseException:
            connection.close()
            raise
        return response

    def _kept_to(self, origin: Origin) -> GuardedHTTPConnection | None:
        """The connection to this origin that was used last, unless the other side has hung up."""
        connection = self._shelf.take(self._owner, origin)
        if connection is None:
            return None
        # It was opened by what was permitted then.
        if connection.guard.policy != self._guard.policy or not connection.is_connected:
            connection.close()
            return None
        connection.guard = self._guard
        return connection

    def _keep(self, origin: Origin, connection: GuardedHTTPConnection) -> bool:
        """Keep it for another call; False if it is to be closed."""
        if self._is_closed and self._has_own_shelf:
            return False
        self._shelf.put(self._owner, origin, connection)
        if self._is_closed and self._has_own_shelf:
            # Closed meanwhile: nobody else would.
            self._shelf.clear()
        return True

    def _new(self, origin: Origin) -> GuardedHTTPConnection:
        if origin.scheme == "https":
            return GuardedHTTPSConnection(
                origin.host, origin.port, guard=self._guard, ssl_context=self._trust
            )
        return GuardedHTTPConnection(origin.host, origin.port, guard=self._guard)


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
