"""One call: the credential is added, the request sent, a refused token renewed once, the answer read."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.conf import settings

from connections import grants, outbound
from connections.models import Connection
from requests_builder import pagination, reading, rendering, variables
from requests_builder.models import AuthorizationKind, Mender, SavedRequest
from requests_builder.runs.clock import Clock
from requests_builder.runs.problems import Problem, PullDelayed, PullFailed, check_status, told

# A token that has less left is asked for again before a call: somebody may have renewed it meanwhile.
MINIMUM_LIFE = timedelta(minutes=1)
# Idempotent methods (RFC 9110 §9.2.2), and QUERY, which is one by its definition.
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "QUERY"})


def is_repeatable(request: rendering.RenderedRequest) -> bool:
    """Whether the request may be sent again when nobody knows what became of it."""
    return request.method in _REPEATABLE


class Caller:
    """Sends the requests of one saved request, each with a credential that is good at that moment.

    Afterwards, `sent` is what left last, and `secrets` what must be masked where it is shown.
    """

    def __init__(self, saved_request: SavedRequest, door: outbound.Door, clock: Clock) -> None:
        self.sent: rendering.RenderedRequest | None = None
        self.secrets: tuple[str, ...] = ()
        self._saved_request = saved_request
        self._door = door
        self._clock = clock
        self._access: grants.Access | None = None
        self._is_refused = False
        # The values of the connection that the request was made with.
        self._values: dict[str, str] = {}
        self._budget = outbound.Budget(
            total_seconds=saved_request.timeout_seconds, max_body_bytes=_most_bytes(saved_request)
        )

    def first_request(
        self, strategy: pagination.Pagination, parameters: Mapping[str, str] = MappingProxyType({})
    ) -> rendering.RenderedRequest:
        """What a pull asks first, with these query parameters and without its credential.

        Raises InvalidRequest and TokenUnavailable.
        """
        template = template_of(self._saved_request)
        if names := variables.names_in(template):
            known = self._variables()
            self._values = {name: known[name] for name in names & known.keys()}
            template = variables.fill(template, known)
        request = rendering.render(template)
        for name, value in parameters.items():
            request = request.with_parameter(name, value)
        return strategy.first_request(request)

    def send(self, request: rendering.RenderedRequest) -> outbound.Answer:
        """The answer, whatever its status. Raises PullFailed and PullDelayed."""
        with told():
            answer = self._send(request)
            if self._access is None or (signal := self._access.signal_in(answer)) is None:
                return answer
            self._is_refused = True
            access = self._renewed(self._access, signal, request)
            if access is None:
                return answer
            self._access = access
            self._check_still_there()
            answer = self._send(request)
            self._is_refused = access.signal_in(answer) is not None
            if signal is grants.Signal.RULE and not self._is_refused:
                grants.note_help(self._connection, access)
        return answer

    def check(self, answer: outbound.Answer) -> None:
        """Raise PullFailed or PullDelayed unless this is an answer to read."""
        is_redirect = 300 <= answer.status < 400 and answer.header("Location")
        if is_redirect and self._access and self._access.is_parameter:
            raise PullFailed(_NOT_FOLLOWED)
        lacking = grants.lacking_scope(answer) if self._access else None
        check_status(answer, self._clock(), self.secrets, is_refused=self._is_refused, lacking_scope=lacking)

    def without_credential(self, request: rendering.RenderedRequest) -> rendering.RenderedRequest:
        """The request as a checkpoint may hold it: next links often repeat a token or an API key."""
        if self._access is not None:
            return rendering.without_authorization(request, _granted(self._access))
        return rendering.without_authorization(request, self._typed_authorization())

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

    def _send(self, request: rendering.RenderedRequest) -> outbound.Answer:
        self._is_refused = False
        authorization = self._authorization(request.url)
        self.secrets = tuple({*self.secrets, *rendering.secrets_of(authorization)})
        self.sent = sent = rendering.authorize(request, authorization)
        return self._door.send(
            sent.method,
            sent.url,
            headers=sent.headers,
            body=sent.body,
            budget=self._budget,
            follow_redirects=self._saved_request.follow_redirects and not _is_in_url(authorization),
        )

    def _authorization(self, url: str) -> rendering.Authorization:
        if self._saved_request.authorization_kind != AuthorizationKind.OAUTH:
            return self._typed_authorization()
        return _granted(self._access_to(url))

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

    def _typed_authorization(self) -> rendering.Authorization:
        saved_request = self._saved_request
        secret = saved_request.secret or ""
        match saved_request.authorization_kind:
            case AuthorizationKind.BEARER:
                return rendering.Bearer(secret)
            case AuthorizationKind.BASIC:
                return rendering.Basic(saved_request.username, secret)
            case AuthorizationKind.API_KEY:
                place = rendering.Place(saved_request.api_key_place)
                return rendering.ApiKey(place, saved_request.api_key_name, secret)
            case _:
                return rendering.NoAuthorization()

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
    "The API redirects to another address. It is not followed, because the token of this connection travels "
    "in the URL and could be passed on: enter the address that it leads to.",
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


def template_of(saved_request: SavedRequest) -> rendering.RequestTemplate:
    """The request as typed, without its credential."""
    return rendering.RequestTemplate(
        method=saved_request.method,
        url=saved_request.url,
        headers=tuple((str(name), str(value)) for name, value in saved_request.headers),
        body_kind=rendering.BodyKind(saved_request.body_kind),
        body=saved_request.body,
        body_parts=tuple(
            rendering.BodyPart(str(row["name"]), str(row.get("value", "")))
            for row in saved_request.body_pairs
        ),
        graphql_variables=saved_request.graphql_variables,
        body_media_type=saved_request.body_media_type,
    )


def read(answer: outbound.Answer) -> reading.Document | None:
    """The document in the answer; None for an answer without content. Raises reading.UnreadableAnswer."""
    if answer.status in (204, 205):
        return None
    return reading.read(answer.body, answer.header("Content-Type") or "")


def fetch(caller: Caller, request: rendering.RenderedRequest) -> tuple[outbound.Answer, Any]:
    """A good answer and what records are taken from. Raises PullFailed and PullDelayed."""
    answer = caller.send(request)
    caller.check(answer)
    with told():
        document = read(answer)
    return answer, document.value if document else None


def _granted(access: grants.Access) -> rendering.Granted:
    place = rendering.Place.QUERY if access.is_parameter else rendering.Place.HEADER
    return rendering.Granted(place, access.name, access.value, access.headers, access.secrets)


def _is_in_url(authorization: rendering.Authorization) -> bool:
    """Whether a redirect could carry the token on: servers like to repeat the query in the new address."""
    return isinstance(authorization, rendering.Granted) and authorization.place == rendering.Place.QUERY


def _lasts(token: grants.AccessToken, now: datetime) -> bool:
    return token.expires_at is None or token.expires_at - now > MINIMUM_LIFE
