"""What can be known of a request before it is sent: its variables, and whether it may go to its address."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from connections import grants, outbound
from connections.grants.using.apis import placement_of
from connections.models import Connection
from requests_builder import masking, pagination, rendering, variables
from requests_builder.models import SavedRequest
from requests_builder.runs.reach import SecretNotAllowed, check_reach
from requests_builder.runs.sources import known_of


def foreseen(
    template: rendering.RequestTemplate,
    saved_request: SavedRequest,
    connection: Connection | None,
    *,
    now: datetime = variables.SOME_MOMENT,
    lets_undefined: bool = False,
) -> variables.Filled:
    """The template with its variables replaced, as far as their values are known today; secrets stay sealed.

    Until the provider of the connection has told something, each unknown value is taken for one that fits;
    with `lets_undefined` so are variables that somebody has yet to add.
    """
    names = variables.names_in(template)
    told: dict[str, str] = {}
    if connection and any(name.startswith("connection.") for name in names):
        told = grants.variables_of(connection)
        if told.keys() <= connection.placeholders.keys():
            told = variables.stand_ins(template, told, "connection")
    known = known_of(saved_request, names, now=now, connection=told)
    if lets_undefined:
        known = replace(known, own=variables.stand_ins(template, known.own))
    return variables.filled(template, known)


@dataclass(frozen=True, slots=True)
class Foresight:
    """What would be sent, with its secrets masked; as far as it goes, if something is wrong with it."""

    request: masking.PrintedRequest
    problems: tuple[rendering.Problem, ...] = ()


def foresight(
    template: rendering.RequestTemplate,
    saved_request: SavedRequest,
    connection: Connection | None,
    *,
    now: datetime,
) -> Foresight:
    """The first request as it would leave now, or what keeps it from being one. Nothing is sent."""
    result = foreseen(template, saved_request, connection, now=now)
    secrets = [seal.number for seal in result.seals]
    problems = list(result.problems)
    try:
        # First, for with these even a request that cannot be sent is masked.
        secrets += rendering.secrets_of(result.template.authorization)
        if not problems:
            request = rendering.render(result.template)
            with suppress(pagination.InvalidPagination):
                request = pagination.from_config(saved_request.pagination).first_request(request)
            return Foresight(masking.masked(request, secrets))
    except rendering.InvalidRequest as invalid:
        problems += invalid.problems
    return Foresight(masking.masked(_as_typed(result.template), secrets), tuple(dict.fromkeys(problems)))


def _as_typed(template: rendering.RequestTemplate) -> rendering.RenderedRequest:
    """The parts of a request that cannot be sent yet, without its credential."""
    rows = [f"{part.name}={part.value}" for part in template.body_parts]
    body = "\n".join(filter(None, [template.body, *rows, template.graphql_variables]))
    is_sent = template.body_kind != rendering.BodyKind.NONE
    return rendering.RenderedRequest(
        template.method,
        template.url,
        template.headers,
        body.encode("utf-8", "replace") if is_sent else None,
    )


def stand_in_token(connection: Connection) -> rendering.Authorization:
    """What a call will carry for the connection, with another text in the token's place."""
    try:
        placement = placement_of(connection)
    except grants.ConnectionMisconfigured:
        # Not the request's fault; its run says so.
        return rendering.NoAuthorization()
    place = rendering.Place.QUERY if placement.is_parameter else rendering.Place.HEADER
    return rendering.Granted(place, placement.name, "token")


def refusal(
    url: str, connection: Connection | None, secrets: Iterable[variables.Secret] = ()
) -> outbound.OutboundError | grants.HostNotAllowed | SecretNotAllowed | None:
    """Why a call to this address would not be made, with the token of the connection and these secrets.

    None if nothing speaks against it, or if the host is one that nobody can know yet.
    """
    if variables.is_stand_in(url):
        return None
    try:
        checked = outbound.check_url(rendering.ascii_url(url))
        if connection:
            grants.reach_of(connection).check(checked)
        check_reach(checked, secrets)
    except (outbound.OutboundError, grants.HostNotAllowed, SecretNotAllowed) as why_not:
        return why_not
    return None
