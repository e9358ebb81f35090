"""Ending tokens at their server: the request in its dialect, and what comes back (RFC 7009)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from .dialect import BodyStyle, Revocation
from .documents import parsed
from .messages import Authentication, Client, Message, Shape, assembled, expanded
from .refusals import Reply, failure, first_words

STANDARD = Revocation()
BEARER = "bearer"


def tokens_to_end(
    revocation: Revocation, *, access_token: str | None, refresh_token: str | None
) -> list[tuple[str, str]]:
    """Which tokens to name, each with its kind; the second only if the server cannot end the first.

    A refresh token takes its whole grant along (§2.1), so it goes first unless the dialect wants the other.
    """
    kinds = [(refresh_token, "refresh_token"), (access_token, "access_token")]
    if revocation.which == "access":
        kinds.reverse()
    return [(token, kind) for token, kind in kinds if token]


def revocation_request(
    endpoint: str,
    client: Client,
    revocation: Revocation = STANDARD,
    *,
    token: str,
    kind: str,
    values: Mapping[str, str] | None = None,
) -> Message:
    """Tells the server to forget a token; `kind` is `refresh_token` or `access_token` (§2.1).

    `values` are for the `{places}` in address, parameters and headers that neither client nor token fills.
    """
    places = {
        "access_token": "",
        "refresh_token": "",
        **(values or {}),
        "client_id": client.client_id,
        "client_secret": client.client_secret or "",
        kind: token,
    }
    headers = expanded(revocation.headers, places)
    parameters = {revocation.parameter: token} if revocation.parameter else {}
    if revocation.authentication == BEARER:
        headers["Authorization"] = f"Bearer {token}"
    if revocation.parameter == STANDARD.parameter and revocation.body is BodyStyle.FORM:
        parameters["token_type_hint"] = kind
    message = assembled(
        _addressed(endpoint, places),
        client,
        parameters,
        shape=Shape(revocation.method, revocation.body, headers),
        secrets=(token,),
        renamed=revocation.renamed,
        # Where the dialect says how the server knows who asks, it says so whole.
        dropped=frozenset({"client_id"}) if _is_unproved(revocation) else frozenset(),
        extra=expanded(revocation.parameters, places),
    )
    return message if parameters or revocation.parameters else _without_body(message)


def authentication_for(revocation: Revocation, usual: Authentication) -> Authentication:
    """How the client proves itself here; `usual` is how it does at the token endpoint."""
    if not revocation.authentication:
        return usual
    return Authentication.NONE if _is_unproved(revocation) else Authentication(revocation.authentication)


def read_revocation_reply(reply: Reply, *, now: datetime, secrets: Iterable[str] = ()) -> None:
    """Returns when the token is gone, which 200 says also of one that was unknown (§2.2).

    Raises UnknownRefusal with code `unsupported_token_type` (try the other kind), ServerUnavailable
    (it lives on: ask again), GrantRejected (it was dead before), or another TokenRequestFailed.
    """
    document = parsed(reply.text)
    refusal = first_words(document)
    if 200 <= reply.status < 300 and not refusal.is_error:
        return
    raise failure(reply, document, refusal, now=now, secrets=tuple(secrets))


def _is_unproved(revocation: Revocation) -> bool:
    return revocation.authentication in (BEARER, Authentication.NONE)


def _addressed(endpoint: str, places: Mapping[str, str]) -> str:
    """The address with its places filled in, each as one step of the path."""
    quoted = {name: quote(value, safe="") for name, value in places.items()}
    return expanded({"": endpoint}, quoted)[""]


def _without_body(message: Message) -> Message:
    """A request that says all in its head: some servers refuse an empty form as a malformed one."""
    headers = tuple((name, value) for name, value in message.headers if name != "Content-Type")
    has_body = message.body not in (b"", b"{}")
    return message if has_body else replace(message, headers=headers, body=b"")
