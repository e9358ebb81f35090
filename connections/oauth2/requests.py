"""What the client asks the token endpoint for, in the server's dialect (RFC 6749 §4 to §6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .dialect import BodyStyle, Dialect, FollowUp
from .messages import Authentication, Client, Message, Shape, assembled, expanded

PLAIN = Dialect()


@dataclass(frozen=True, slots=True)
class Known:
    """What a connection lends to the `{places}` in parameters and headers, besides client and tokens."""

    redirect_uri: str = ""
    # As they are asked for, separated in the server's way.
    scope: str = ""
    # Parameters of the callback, and values of the connection's own placeholders.
    values: Mapping[str, str] = field(default_factory=dict)


def code_request(
    endpoint: str,
    client: Client,
    dialect: Dialect = PLAIN,
    *,
    code: str,
    code_verifier: str | None,
    known: Known,
) -> Message:
    """Exchanges an authorization code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
    parameters = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": known.redirect_uri,
        "code_verifier": code_verifier or "",
    }
    values = _values(client, known, code=code)
    return assembled(
        endpoint,
        client,
        parameters,
        shape=_token_shape(dialect, values),
        secrets=(code, code_verifier or ""),
        renamed=dialect.renamed,
        extra=expanded(dialect.token_parameters, values),
    )


def client_request(endpoint: str, client: Client, dialect: Dialect = PLAIN, *, known: Known) -> Message:
    """Asks for a token for the client itself (RFC 6749 §4.4.2)."""
    values = _values(client, known)
    parameters = {"grant_type": "client_credentials"}
    if dialect.scope_parameter:
        parameters[dialect.scope_parameter] = known.scope
    return assembled(
        endpoint,
        client,
        parameters,
        shape=_token_shape(dialect, values),
        secrets=(),
        renamed=dialect.renamed,
        extra=expanded(dialect.token_parameters, values),
    )


def refresh_request(
    endpoint: str, client: Client, dialect: Dialect = PLAIN, *, refresh_token: str, known: Known
) -> Message:
    """Asks for a new access token with the scope that was granted (RFC 6749 §6)."""
    values = _values(client, known, refresh_token=refresh_token)
    return assembled(
        dialect.refresh_url or endpoint,
        client,
        {"grant_type": "refresh_token", "refresh_token": refresh_token},
        shape=_refresh_shape(dialect, values),
        secrets=(refresh_token,),
        renamed=dialect.renamed,
        dropped=dialect.refresh_dropped,
        extra=expanded(dialect.refresh_parameters, values),
    )


def exchange_request(
    endpoint: str, client: Client, dialect: Dialect = PLAIN, *, access_token: str, known: Known
) -> Message:
    """Trades a living access token for a new one; holds what the dialect says, and nothing else."""
    values = _values(client, known, access_token=access_token)
    return assembled(
        dialect.refresh_url or endpoint,
        _unproved(client),
        {},
        shape=_refresh_shape(dialect, values),
        secrets=(access_token,),
        dropped=_CLIENT_ID,
        extra=expanded(dialect.refresh_parameters, values),
    )


def follow_up_request(
    follow_up: FollowUp, client: Client, dialect: Dialect = PLAIN, *, access_token: str, known: Known
) -> Message:
    """Trades the token that a code brought for the one to keep; holds what the dialect says, nothing else."""
    values = _values(client, known, access_token=access_token)
    return assembled(
        follow_up.url,
        _unproved(client),
        {},
        shape=Shape(follow_up.method, follow_up.body, expanded(dialect.token_headers, values)),
        secrets=(access_token,),
        dropped=_CLIENT_ID,
        extra=expanded(follow_up.parameters, values),
    )


_CLIENT_ID = frozenset({"client_id"})


def _unproved(client: Client) -> Client:
    """The same, for requests in which the dialect's own parameters say who asks."""
    return Client(client.client_id, client.client_secret, Authentication.NONE)


def _token_shape(dialect: Dialect, values: Mapping[str, str]) -> Shape:
    return Shape(dialect.request_method, dialect.request_body, expanded(dialect.token_headers, values))


def _refresh_shape(dialect: Dialect, values: Mapping[str, str]) -> Shape:
    body: BodyStyle = dialect.refresh_body or dialect.request_body
    return Shape(dialect.refresh_method, body, expanded(dialect.token_headers, values))


def _values(
    client: Client, known: Known, *, code: str = "", access_token: str = "", refresh_token: str = ""
) -> dict[str, str]:
    return {
        **known.values,
        "client_id": client.client_id,
        "client_secret": client.client_secret or "",
        "redirect_uri": known.redirect_uri,
        "scope": known.scope,
        "code": code,
        "access_token": access_token,
        "refresh_token": refresh_token,
    }
