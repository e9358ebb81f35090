"""One call: the credential is added, the request sent, a refused token renewed once, the answer read."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.conf import settings

from connections import grants, outbound
from connections.models import Connection
from requests_builder import masking, pagination, reading, records, rendering, statuses, variables
from requests_builder.models import AuthorizationKind, Mender, Run, SavedRequest
from requests_builder.runs.clock import Clock
from requests_builder.runs.problems import (
    Problem,
    PullDelayed,
    PullFailed,
    check_meaning,
    check_status,
    told,
)
from requests_builder.runs.reach import MOVED, check_reach
from requests_builder.runs.sources import known_of
from requests_builder.runs.templating import template_of, typed_authorization

# A token that has less left is asked for again before a call: somebody may have renewed it meanwhile.
MINIMUM_LIFE = timedelta(minutes=1)
_NO_CONTENT = frozenset({204, 205})
# Idempotent methods (RFC 9110 §9.2.2), and QUERY, which is one by its definition.
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "QUERY"})
# Methods that only ask (RFC 9110 §9.2.1), and QUERY.
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})


def is_repeatable(request: rendering.RenderedRequest) -> bool:
    """Whether the request may be sent again when nobody knows what became of it."""
    return request.method in _REPEATABLE


def is_safe(request: rendering.RenderedRequest) -> bool:
    """Whether the request changes nothing on the other side, so that it may be sent in vain."""
    return request.method in _SAFE


@dataclass(frozen=True, slots=True)
class Departure:
    """A request with its credential, ready to leave, its secret variables still sealed.

    `access`: what it carries, where that is a token.
    """

    message: rendering.RenderedRequest
    access: grants.Access | None = field(repr=False)
    follows_redirects: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was sent, and its answer, whatever the status."""

    departure: Departure
    answer: outbound.Answer


class Caller:
    """Sends the requests of one saved request, each with a credential that is good at that moment.

    Afterwards, `sent` is what left last, `received` its answer if one came, `secrets` what must be masked
    where it is shown (and `forms_of_secrets` how that may stand in an answer), `calls` how often something
    left, and `renewals` how often a refused token was renewed meanwhile. `watch` is the door's; `heed` is
    told each answer, also one that is not taken.
    """

    def __init__(
        self,
        saved_request: SavedRequest,
        door: outbound.Door,
        clock: Clock,
        watch: outbound.Watch | None = None,
        *,
        run: Run | None = None,
        heed: Callable[[outbound.Answer], None] | None = None,
    ) -> None:
        self.sent: rendering.RenderedRequest | None = None
        self.received: outbound.Answer | None = None
        self.secrets: tuple[str, ...] = ()
        self.forms_of_secrets: tuple[bytes, ...] = ()
        self.calls = 0
        self.renewals = 0
        self._watch, self._heed = watch, heed
        self._saved_request = saved_request
        self._run = run
        self._door = door
        self._clock = clock
        self._access: grants.Access | None = None
        self._is_refused = False
        # The values of the connection that the request was made with.
        self._values: dict[str, str] = {}
        # What its variables have made of it, its credential among it.
        self._filled = variables.Filled(rendering.RequestTemplate(saved_request.method, saved_request.url))
        self._budget = outbound.Budget(
            total_seconds=saved_request.timeout_seconds, max_body_bytes=_most_bytes(saved_request)
        )

    @property
    def saved_request(self) -> SavedRequest:
        """The one whose requests it sends."""
        return self._saved_request

    @property
    def was_renewed(self) -> bool:
        """Whether a refused token was renewed."""
        return self.renewals > 0

    def first_request(
        self, strategy: pagination.Pagination, parameters: Mapping[str, str] = MappingProxyType({})
    ) -> rendering.RenderedRequest:
        """What a pull asks first, with these query parameters and without its credential.

        Raises InvalidRequest and TokenUnavailable.
        """
        template = replace(
            template_of(self._saved_request), authorization=typed_authorization(self._saved_request)
        )
        names = variables.names_in(template)
        told = self._variables() if any(name.startswith("connection.") for name in names) else {}
        self._values = {name: value for name, value in told.items() if f"connection.{name}" in names}
        known = known_of(
            self._saved_request, names, now=self._clock(), connection=told, run=self._run, reveals=True
        )
        self._filled = filled = variables.fill(template, known)
        self._keep_secret(secret.text for secret in filled.secrets)
        for seal in filled.seals:
            self._keep_secret((seal.number, seal.text))
        request = rendering.render(replace(filled.template, authorization=rendering.NoAuthorization()))
        for name, value in parameters.items():
            request = request.with_parameter(name, value)
        return strategy.first_request(request)

    def send(self, request: rendering.RenderedRequest, early: Exchange | None = None) -> outbound.Answer:
        """The answer, whatever its status. Raises PullFailed and PullDelayed.

        `early`: it was sent before its turn, and this came of it.
        """
        with told():
            exchange = early or self._exchange(request)
            if early:
                self._tell(early.answer)
            self.sent, self._is_refused = exchange.departure.message, False
            answer, refused = exchange.answer, exchange.departure.access
            self.received = answer
            if refused is None or (signal := refused.signal_in(answer)) is None:
                return answer
            self._is_refused = True
            access = self._renewed(refused, signal, request)
            if access is None:
                return answer
            self._access, self.renewals = access, self.renewals + 1
            self._check_still_there()
            answer = self._exchange(request).answer
            self._is_refused = access.signal_in(answer) is not None
            if signal is grants.Signal.RULE and not self._is_refused:
                grants.note_help(self._connection, access)
        return answer

    def ready(self, request: rendering.RenderedRequest) -> Departure:
        """The request with a credential that is good at this moment.

        Raises TokenUnavailable, InvalidRequest, SecretNotAllowed, the door's Refused, PullFailed and
        PullDelayed.
        """
        authorization = self._authorization(request.url)
        self._keep_secret(rendering.secrets_of(authorization))
        message = rendering.authorize(request, authorization)
        check_reach(message.url, self._filled.secrets)
        is_in_url = _is_in_url(authorization) or self._filled.has_secret_in_url
        self.calls += 1
        return Departure(message, self._access, self._saved_request.follow_redirects and not is_in_url)

    def deliver(self, departure: Departure, *, most_bytes: int | None = None) -> outbound.Answer:
        """Send it; raises OutboundError. `most_bytes`: take no larger body, even if the settings allow one.

        Other threads may do it: it touches nothing of the caller but the door, and who watches it.
        """
        budget, message = self._budget, variables.revealed(departure.message, self._filled.seals)
        if most_bytes is not None and most_bytes < budget.max_body_bytes:
            budget = replace(budget, max_body_bytes=most_bytes)
        return self._door.send(
            message.method,
            message.url,
            headers=message.headers,
            body=message.body,
            budget=budget,
            follow_redirects=departure.follows_redirects,
            watch=self._watch,
        )

    def check(self, answer: outbound.Answer) -> outbound.Answer:
        """The answer as it is to be read: without content if the settings take it for empty or done.

        Raises PullFailed and PullDelayed unless it is one to read.
        """
        if (meaning := self.meaning_of(answer)) is not None:
            check_meaning(answer, meaning, self.secrets)
            return replace(answer, status=204, body=b"")
        is_redirect = 300 <= answer.status < 400 and answer.header("Location")
        is_secret_in_url = (self._access and self._access.is_parameter) or self._filled.has_secret_in_url
        if is_redirect and is_secret_in_url:
            raise PullFailed(_NOT_FOLLOWED)
        lacking = grants.lacking_scope(answer) if self._access else None
        check_status(answer, self._clock(), self.secrets, is_refused=self._is_refused, lacking_scope=lacking)
        return answer

    def meaning_of(self, answer: outbound.Answer) -> statuses.Meaning | None:
        """What the settings take its status for. Whoever was refused for credentials has pulled nothing."""
        meaning = statuses.meaning_of(answer.status, self._saved_request.statuses)
        if meaning is None or self._is_refused or (self._access and grants.lacking_scope(answer) is not None):
            return None
        return meaning

    def without_credential(self, request: rendering.RenderedRequest) -> rendering.RenderedRequest:
        """The request as a checkpoint may hold it: next links often repeat a token or an API key."""
        access, filled = self._access, self._filled
        credential = _granted(access) if access else filled.template.authorization
        request = rendering.without_authorization(request, credential)
        return variables.sealed(request, filled.seals, filled.secrets)

    def _renewed(
        self, refused: grants.Access, signal: grants.Signal, request: rendering.RenderedRequest
    ) -> grants.Access | None:
        """What to send the request again with; None if a new token would not help. Raises TokenUnavailable.

        The server may end a token before its time: one renewal for each token, however many ask.
        """
        if signal is grants.Signal.UNAUTHORIZED or is_repeatable(request):
            return grants.renewed(self._connection, refused, signal, request.url, now=self._clock())
        # Nobody knows whether it was acted on, so it ends here, however the renewal for the next run ends.
        with suppress(grants.TokenUnavailable):
            if grants.renewed(self._connection, refused, signal, request.url, now=self._clock()) is None:
                return None
        raise PullFailed(_NOT_REPEATED)

    def _check_still_there(self) -> None:
        """Raise PullDelayed if the answer that renewed the token has moved what the request is made of."""
        if self._values and not self._values.items() <= grants.variables_of(self._connection).items():
            raise PullDelayed(_MOVED)

    def _exchange(self, request: rendering.RenderedRequest) -> Exchange:
        departure = self.ready(request)
        self.sent, self.received, self._is_refused = departure.message, None, False
        self.received = answer = self.deliver(departure)
        self._tell(answer)
        return Exchange(departure, answer)

    def _tell(self, answer: outbound.Answer) -> None:
        if self._heed:
            self._heed(answer)

    def _keep_secret(self, texts: Iterable[str | None]) -> None:
        """Have these masked wherever something of the request or its answers is shown."""
        if not (secrets := {text for text in texts if text}) <= set(self.secrets):
            self.secrets = tuple(secrets.union(self.secrets))
            self.forms_of_secrets = masking.forms_of(self.secrets)

    def _authorization(self, url: str) -> rendering.Authorization:
        if self._saved_request.authorization_kind == AuthorizationKind.OAUTH:
            return _granted(self._access_to(url))
        entered_for = self._saved_request.secret_origin
        if entered_for and not pagination.is_same_origin(url, entered_for):
            raise MOVED
        return self._filled.template.authorization

    def _access_to(self, url: str) -> grants.Access:
        """A token that is good now and may go there.

        Raises TokenUnavailable, the door's Refused, and PullDelayed.
        """
        now = self._clock()
        if self._access is None or not _lasts(self._access.token, now):
            self._access = grants.access(self._connection, url, now=now)
            self._check_still_there()
        self._access.reach.check(url)
        return self._access

    def _variables(self) -> dict[str, str]:
        """What the request may use of its connection, by the newest answer: a due refresh comes first."""
        if self._saved_request.authorization_kind != AuthorizationKind.OAUTH:
            return {}
        grants.fresh_token(self._connection, now=self._clock())
        return grants.variables_of(self._connection)

    @property
    def _connection(self) -> Connection:
        connection = self._saved_request.connection
        if connection is None:
            raise PullFailed(
                Problem(
                    "connection_missing",
                    "The OAuth connection of this request was deleted or never chosen. Choose one under "
                    "Authorization → OAuth.",
                    Mender.EDITOR,
                    "authorization",
                )
            )
        return connection


_NOT_REPEATED = Problem(
    "ambiguous",
    "The API answered that the access token has run out, and the next run gets a new one. With this method a "
    "request is sent again by itself only after a 401, which says that the API has not acted on it: look at "
    "the other side, then run it again.",
    Mender.EDITOR,
    "method",
)


_NOT_FOLLOWED = Problem(
    "redirected",
    "The API redirects to another address. It is not followed, because a secret travels in the URL and "
    "could be passed on: enter the address that it leads to.",
    Mender.EDITOR,
    "url",
)
_MOVED = Problem(
    "connection_moved",
    "With the new access token the provider has told another value that this request uses, such as the "
    "address of the account. It begins anew with that; in the request builder, press Run again.",
    Mender.NOBODY,
)


def _most_bytes(saved_request: SavedRequest) -> int:
    most: int = settings.RUN_MAX_PAGE_BYTES
    return min(most, (saved_request.max_response_mb or most) * 2**20)


def read(answer: outbound.Answer) -> reading.Document | None:
    """The document in the answer; None for an answer without content. Raises reading.UnreadableAnswer."""
    if answer.status in _NO_CONTENT:
        return None
    return reading.read(answer.body, answer.header("Content-Type") or "")


def records_in(answer: outbound.Answer, document: Any, path: str) -> list[dict[str, Any]]:
    """The records of an answer that was read; none in one without content, wherever they would stand.

    Raises UnreadableAnswer and InvalidPath.
    """
    return [] if answer.status in _NO_CONTENT else records.records_at(document, path)


def fetch(
    caller: Caller, request: rendering.RenderedRequest, early: Exchange | None = None
) -> tuple[outbound.Answer, Any]:
    """A good answer and what records are taken from. Raises PullFailed and PullDelayed; see `Caller.send`."""
    answer = caller.send(request, early)
    taken = caller.check(answer)
    with told():
        document = read(taken)
    return answer, document.value if document else None


def _granted(access: grants.Access) -> rendering.Granted:
    place = rendering.Place.QUERY if access.is_parameter else rendering.Place.HEADER
    return rendering.Granted(place, access.name, access.value, access.headers, access.secrets)


def _is_in_url(authorization: rendering.Authorization) -> bool:
    """Whether a redirect could carry the token on: servers like to repeat the query in the new address."""
    return isinstance(authorization, rendering.Granted) and authorization.place == rendering.Place.QUERY


def _lasts(token: grants.AccessToken, now: datetime) -> bool:
    return token.expires_at is None or token.expires_at - now > MINIMUM_LIFE
