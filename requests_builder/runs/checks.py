"""What can be known of a request before it is sent: its variables, and whether it may go to its address."""

from connections import grants, outbound
from connections.grants.using.apis import placement_of
from connections.models import Connection
from requests_builder import rendering, variables


def foreseen(template: rendering.RequestTemplate, connection: Connection | None) -> rendering.RequestTemplate:
    """The template with its variables replaced, as far as their values are known today.

    Until the provider of the connection has told something, each unknown value is taken for one that fits.
    Raises InvalidRequest.
    """
    if not variables.names_in(template):
        return template
    values = grants.variables_of(connection) if connection else {}
    if connection and values.keys() <= connection.placeholders.keys():
        values = variables.stand_ins(template, values)
    return variables.fill(template, values)


def stand_in_token(connection: Connection) -> rendering.Authorization:
    """What a call will carry for the connection, with another text in the token's place."""
    try:
        placement = placement_of(connection)
    except grants.ConnectionMisconfigured:
        # Not the request's fault; its run says so.
        return rendering.NoAuthorization()
    place = rendering.Place.QUERY if placement.is_parameter else rendering.Place.HEADER
    return rendering.Granted(place, placement.name, "token")


def refusal(url: str, connection: Connection | None) -> outbound.OutboundError | grants.HostNotAllowed | None:
    """Why a call to this address would not be made, with the token of the connection if there is one.

    None if nothing speaks against it, or if the host is one that nobody can know yet.
    """
    if variables.is_stand_in(url):
        return None
    try:
        checked = outbound.check_url(rendering.ascii_url(url))
        if connection:
            grants.reach_of(connection).check(checked)
    except (outbound.OutboundError, grants.HostNotAllowed) as why_not:
        return why_not
    return None
