"""The door itself: one call, its redirects, and its answer."""

import functools
import ssl
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from django.conf import settings

from .addresses import Allowance, Origin, Policy, Target, follow_reference, parse_url
from .connecting import Guard, GuardedAdapter, GuardedRequest, Resolve, resolve
from .decoding import body_decoder, too_large
from .errors import Code, Interrupted, Mender, OutboundError, Refused, Unusable
from .messages import Answer, Hop, Outgoing, Timings
from .shelf import Shelf
from .wire import Budget, Reply, Trip, Watch, hung_up

_READ = 65_536
_MAX_DISCARDED_BYTES = 16_384
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Door:
    """Sends requests to the outside; keeps its connections open until it is closed.

    One for each run or flow, never shared between teams: a connection, once open, belongs to whoever used it.
    With a `shelf`, they outlive the door, for other doors of the same `owner`: a team has one owner for all
    that it sends. Threads of one run may share a door. Holds no cookies and reads nothing from the
    environment.

    `allow` None means what OUTBOUND_ALLOW in the settings says. `resolve` looks up names and `trust`
    decides about certificates, in place of the system's resolver and the public authorities.
    """

    def __init__(
        self,
        allow: Sequence[Allowance] | None = None,
        *,
        resolve: Resolve = resolve,
        trust: ssl.SSLContext | None = None,
        shelf: Shelf | None = None,
        owner: object = None,
    ) -> None:
        self._policy = _configured_policy() if allow is None else Policy(tuple(allow))
        self._guard = Guard(self._policy, resolve)
        self._adapter = GuardedAdapter(self._guard, trust, shelf, owner)
        self._under_way: set[Trip] = set()
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection that is not on a shelf.

        Calls that other threads have under way end with an OutboundError.
        """
        self._is_closed = True
        for trip in list(self._under_way):
            trip.abandon()
        self._adapter.close()

    def check(self, url: str) -> str:
        """The URL as it would be sent; Refused if it could not be, as far as that shows without a look-up."""
        return _check(url, self._policy)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        budget: Budget = Budget(),  # noqa: B008 - frozen
        follow_redirects: bool = False,
        watch: Watch | None = None,
    ) -> Answer:
        """Send one request and give its answer, whatever the status; anything less raises an OutboundError.

        Redirects are answers unless they are to be followed. To another origin no header follows but
        Accept and User-Agent, and no body at all. `watch` is told of each piece that comes, and asked twice
        a second while nothing does: the call ends as Unusable, with the code `cancelled`, when it says False.
        """
        target, outgoing = parse_url(url), Outgoing.checked(method, headers, body)
        trip = Trip(budget, watch)
        self._under_way.add(trip)
        try:
            if self._is_closed:
                trip.abandon()
            return self._travel(trip, target, outgoing, follow_redirects)
        finally:
            self._under_way.discard(trip)

    def _travel(self, trip: Trip, target: Target, outgoing: Outgoing, follow_redirects: bool) -> Answer:
        """The call, from redirect to redirect."""
        passed: list[Hop] = []
        while True:
            reply = self._exchange(trip, target, outgoing)
            location = ", ".join(reply.all("location")) if follow_redirects else ""
            if not location or reply.status not in _REDIRECTS:
                return _answer(trip, target, reply, passed)
            _discard(reply)
            passed.append(Hop(target.url, reply.status))
            if len(passed) > trip.budget.max_redirects:
                raise Unusable(
                    Code.TOO_MANY_REDIRECTS,
                    f"The server redirected more than {trip.budget.max_redirects} times. Enter the address "
                    "that the redirects lead to.",
                )
            outgoing = outgoing.redirected(reply.status)
            target, outgoing = _next_hop(target, location, outgoing)

    def _exchange(self, trip: Trip, target: Target, outgoing: Outgoing) -> Reply:
        """One request, and its answer as far as the head."""
        self._guard.trip = trip
        request = GuardedRequest(target, outgoing)
        while True:
            trip.begin_exchange()
            try:
                raw = self._adapter.send(request).raw
                assert isinstance(raw, Reply)
                return raw
            except Interrupted:
                if not trip.may_repeat(outgoing.method):
                    raise
            except OSError as error:
                # A socket that breaks while we write to it.
                if not trip.may_repeat(outgoing.method):
                    raise hung_up() from error


def check_url(url: str) -> str:
    """`Door.check` under the settings, for forms: no network, the same refusals."""
    return _check(url, _configured_policy())


def check_url_for_secrets(url: str) -> str:
    """As `check_url`, for addresses that secrets are sent to: https, or what OUTBOUND_ALLOW lists."""
    return _target_for_secrets(url).url


def origin_for_secrets(url: str) -> Origin:
    """The origin of an address that secrets are sent to; refuses as `check_url_for_secrets`."""
    return _target_for_secrets(url).origin


def _target_for_secrets(url: str) -> Target:
    target, policy = parse_url(url), _configured_policy()
    policy.check(target.origin)
    if target.origin.scheme != "https" and not policy.lists(target.origin):
        raise Refused(Code.INVALID_URL, "Secrets are sent here, so the address must begin with https://.")
    return target


def _check(url: str, policy: Policy) -> str:
    target = parse_url(url)
    policy.check(target.origin)
    return target.url


def _configured_policy() -> Policy:
    return _policy(tuple(settings.OUTBOUND_ALLOW))


@functools.lru_cache(maxsize=8)
def _policy(entries: tuple[str, ...]) -> Policy:
    return Policy(tuple(Allowance.parse(entry) for entry in entries))


def _next_hop(target: Target, location: str, outgoing: Outgoing) -> tuple[Target, Outgoing]:
    try:
        # Servers forget to encode spaces, and nobody reads them as anything else.
        following = follow_reference(target, location.strip().replace(" ", "%20"))
    except Refused as refusal:
        if refusal.code is not Code.INVALID_URL:
            raise
        sentence = f"The server redirects to an address that cannot be followed. {refusal}"
        raise Unusable(Code.INVALID_URL, sentence, mender=Mender.PROVIDER) from None
    if following.origin == target.origin:
        return following, outgoing
    if (target.origin.scheme, following.origin.scheme) == ("https", "http"):
        raise Unusable(
            Code.INSECURE_REDIRECT,
            "The server redirects from https to http, where anybody on the way could read along. Enter an "
            "https address that answers itself, or tell whoever runs this API.",
        )
    if outgoing.body is not None:
        raise Unusable(
            Code.CROSS_ORIGIN_REDIRECT,
            f"The server redirects the request with its body to {following.origin}, which it was not "
            "made for. If that is right, enter this address yourself.",
        )
    return following, outgoing.for_another_origin()


def _answer(trip: Trip, target: Target, reply: Reply, passed: list[Hop]) -> Answer:
    first_byte_at = trip.first_byte_at or trip.began
    try:
        body = _body(trip, reply)
    except OutboundError:
        reply.close()
        raise
    return Answer(
        status=reply.status,
        reason=reply.reason,
        headers=tuple(reply.headers),
        body=body,
        url=target.url,
        redirects=tuple(passed),
        timings=Timings(
            resolve=trip.resolve_seconds,
            connect=trip.connect_seconds,
            tls=trip.tls_seconds,
            first_byte=first_byte_at - trip.began,
            total=time.monotonic() - trip.began,
        ),
        wire_bytes=trip.wire_bytes,
    )


def _body(trip: Trip, reply: Reply) -> bytes:
    budget = trip.budget
    decoder = body_decoder(reply.all("content-encoding"), budget.max_body_bytes)
    if (reply.length or 0) > budget.wire_limit:
        raise too_large(budget.wire_limit)  # it says so itself: no need to read that much first
    while data := reply.read(_READ):
        decoder.feed(data)
    return decoder.finish()


def _discard(reply: Reply) -> None:
    """Read a short body to its end, so that the connection can be kept; cut a long one off."""
    discarded = 0
    try:
        while discarded <= _MAX_DISCARDED_BYTES and (data := reply.read(_READ)):
            discarded += len(data)
    except OutboundError as error:
        reply.close()
        if error.code in (Code.DEADLINE, Code.CANCELLED):
            raise
    if discarded > _MAX_DISCARDED_BYTES:
        reply.close()
