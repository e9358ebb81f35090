"""The browser comes back from the provider: whose answer it is, and whether it may be used (RFC 9207)."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from accounts.models import Membership, User
from connections import oauth2
from connections.grants import sentences
from connections.grants.asking.clients import client_of
from connections.grants.asking.dialects import dialect_of
from connections.grants.asking.history import gathered
from connections.grants.asking.sending import refuse_in_transaction
from connections.models import (
    AuthorizationRequest,
    AuthorizationState,
    AuthorizationStep,
    Connection,
    DecryptionFailed,
)
from connections.oauth2.dialect import Dialect
from connections.providers import quirks

from .exchanging import finish, settings_changed, undecryptable
from .flows import FlowFailed, UnknownFlow, digest, end, reloaded, settle
from .regions import ElsewhereError, where_the_account_lives

Parameters = Mapping[str, Sequence[str]]

logger = logging.getLogger(__name__)


def complete_authorization(
    parameters: Parameters, *, arrived_at: str, user: User, session_key: str, now: datetime
) -> AuthorizationRequest:
    """Take the browser back from the provider, fetch the tokens and store them. The flow, with its outcome.

    `arrived_at` is the address that the browser came to, without its query: an answer counts only at the
    redirect URI that its flow began with. The same callback again gives the first outcome, and no second
    token request. Raises UnknownFlow, and writes nothing, for a callback that belongs to no flow of this
    user, session and address.
    """
    refuse_in_transaction()
    flow = _returning_flow(parameters, arrived_at, user, session_key)
    claimed = AuthorizationRequest.objects.filter(
        pk=flow.pk, state=AuthorizationState.PENDING, state_hash=flow.state_hash, expires_at__gt=now
    ).update(state=AuthorizationState.EXCHANGING, answered_at=now)
    if not claimed:
        return settle(reloaded(flow), now=now)
    try:
        with gathered(user):
            _check_still_allowed(flow, user)
            dialect = dialect_of(flow.connection)
            authorization = _read(flow, parameters, dialect)
            connection = _at_its_place(flow.connection, dialect, authorization.said)
            finish(flow, connection, authorization, now)
    except FlowFailed as failed:
        logger.info("Authorization %s failed at step %s: %s", flow.pk, failed.step, failed.code)
        end(flow, failed, now)
    return reloaded(flow)


def parameters_to_pass_on(parameters: Parameters) -> list[tuple[str, str]]:
    """What of a form_post is read, to pass it on as a GET; the dialect of its flow says."""
    flow = _flow_of(parameters)
    return oauth2.listed_parameters(parameters, dialect_of(flow.connection) if flow else Dialect())


def _flow_of(parameters: Parameters) -> AuthorizationRequest | None:
    state = oauth2.callback_state(parameters)
    if state is None:
        return None
    flows = AuthorizationRequest.objects.select_related("connection__team", "user")
    return flows.filter(state_hash=digest(state)).first()


def _returning_flow(
    parameters: Parameters, arrived_at: str, user: User, session_key: str
) -> AuthorizationRequest:
    flow = _flow_of(parameters)
    if flow is None or flow.redirect_uri != arrived_at:
        raise UnknownFlow(sentences.UNKNOWN_FLOW)
    if flow.user_id != user.pk or not user.is_active or flow.session_hash != digest(session_key):
        raise UnknownFlow(sentences.OTHER_BROWSER)
    return flow


def _check_still_allowed(flow: AuthorizationRequest, user: User) -> None:
    membership = Membership.objects.filter(team=flow.connection.team_id, user=user).first()
    if membership is None or not flow.connection.is_managed_by(membership):
        raise FlowFailed(AuthorizationStep.AUTHORIZATION, sentences.NOT_ALLOWED, code="not_allowed")
    if flow.settings_version != flow.connection.settings_version:
        raise settings_changed()


def _read(flow: AuthorizationRequest, parameters: Parameters, dialect: Dialect) -> oauth2.AuthorizationAnswer:
    connection = flow.connection
    try:
        authorization = oauth2.read_callback(parameters, dialect)
    except oauth2.AuthorizationRefused as refusal:
        message, suspect_field = sentences.refused(refusal, redirect_uri=flow.redirect_uri)
        words = ": ".join(filter(None, (refusal.code, refusal.description))) if refusal.code else ""
        raise FlowFailed(
            AuthorizationStep.AUTHORIZATION,
            message,
            code=refusal.code or refusal.refusal,
            provider_text=oauth2.masked(words),
            suspect_field=suspect_field,
        ) from None
    expected = connection.expected_issuer or connection.issuer
    if authorization.issuer or expected:
        _check_issuer(authorization.issuer, expected, connection)
    if dialect.quirk:
        _check_genuine(connection, dialect, parameters)
    return authorization


def _check_issuer(issuer: str, expected: str, connection: Connection) -> None:
    """Whether the answer is from whom the browser was sent to (RFC 9207 §2.4).

    Compared exactly with who it must be, or was before; the first time, with the hosts that the connection
    names.
    """
    hosts = [urlsplit(url).netloc for url in (connection.authorization_url, connection.token_url)]
    is_right = issuer == expected if expected else _host(issuer) in hosts
    if not is_right:
        raise FlowFailed(
            AuthorizationStep.AUTHORIZATION,
            sentences.wrong_issuer(oauth2.masked(issuer)[:200], expected or hosts[0]),
            code="wrong_issuer",
            suspect_field="expected_issuer" if connection.expected_issuer else "authorization_url",
        )


def _check_genuine(connection: Connection, dialect: Dialect, parameters: Parameters) -> None:
    """Where the provider signs its callbacks: whether it was the provider."""
    try:
        secrets = client_of(connection)[1] or [""]
    except DecryptionFailed:
        raise undecryptable(connection) from None
    except oauth2.ClientRejected as rejection:
        raise FlowFailed(
            AuthorizationStep.AUTHORIZATION, rejection.description, code=rejection.code
        ) from None
    host = connection.host
    if not any(
        quirks.callback_is_genuine(dialect.quirk, parameters, secret, token_host=host) for secret in secrets
    ):
        raise FlowFailed(
            AuthorizationStep.AUTHORIZATION,
            sentences.NOT_GENUINE,
            code="not_genuine",
            suspect_field="client_secret",
        )


def _at_its_place(connection: Connection, dialect: Dialect, said: Mapping[str, str]) -> Connection:
    try:
        return where_the_account_lives(connection, dialect, said)
    except ElsewhereError as elsewhere:
        raise FlowFailed(
            AuthorizationStep.AUTHORIZATION,
            sentences.elsewhere(elsewhere.parameter, oauth2.masked(elsewhere.value)[:100]),
            code="unknown_place",
        ) from None


def _host(issuer: str) -> str:
    try:
        return urlsplit(issuer).netloc
    except ValueError:
        return ""
