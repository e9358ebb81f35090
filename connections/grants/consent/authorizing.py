"""The authorization code flow up to the provider's page (RFC 6749 §4.1.1, RFC 7636).

And the grant that has no such page: a token for the client itself (§4.4).
"""

import logging
from datetime import datetime, timedelta

from accounts.models import User, Verb
from connections import oauth2
from connections.grants import auditing, sentences
from connections.grants.asking.clients import client_of
from connections.grants.asking.dialects import dialect_of
from connections.grants.asking.history import gathered
from connections.grants.asking.redirects import redirect_uri
from connections.grants.asking.sending import refuse_in_transaction
from connections.models import (
    AUTHORIZATION_REQUEST_LIFE,
    AuthorizationRequest,
    AuthorizationState,
    AuthorizationStep,
    Connection,
    DecryptionFailed,
    Pkce,
)

from .exchanging import finish_as_client
from .flows import FlowFailed, UnknownFlow, digest, end, reloaded

MAX_PENDING = 20
_FINISHED_KEPT = timedelta(days=1)

logger = logging.getLogger(__name__)


def begin_authorization(
    connection: Connection, *, user: User, session_key: str, return_to: str, now: datetime
) -> AuthorizationRequest:
    """Note that this browser is about to ask for a grant. The caller has checked that the user may.

    Of more than 20 that wait at once, the oldest end.
    """
    mine = AuthorizationRequest.objects.filter(user=user)
    mine.filter(created_at__lt=now - _FINISHED_KEPT).delete()
    pending = mine.filter(state=AuthorizationState.PENDING).order_by("-created_at")
    superseded = FlowFailed(AuthorizationStep.AUTHORIZATION, sentences.SUPERSEDED, code="superseded")
    for flow in pending[MAX_PENDING - 1 :]:
        end(flow, superseded, now)
    auditing.record(Verb.BEGAN_TO_CONNECT, connection, user=user, now=now)
    return AuthorizationRequest.objects.create(
        connection=connection,
        user=user,
        session_hash=digest(session_key),
        settings_version=connection.settings_version,
        redirect_uri=redirect_uri(connection),
        return_to=return_to,
        created_at=now,
        expires_at=now + AUTHORIZATION_REQUEST_LIFE,
    )


def leave_for_provider(flow: AuthorizationRequest, *, user: User, session_key: str, now: datetime) -> str:
    """The URL at the provider, with a state and a code_verifier made now; earlier ones of this flow are void.

    Raises UnknownFlow for another user or session, and for a flow that does not wait any more.
    """
    if flow.user_id != user.pk or flow.session_hash != digest(session_key):
        raise UnknownFlow(sentences.OTHER_BROWSER)
    connection = flow.connection
    if flow.settings_version != connection.settings_version:
        raise UnknownFlow(sentences.SETTINGS_CHANGED)
    dialect = dialect_of(connection)
    try:
        client_id, _ = client_of(connection)
    except DecryptionFailed:
        raise UnknownFlow(sentences.undecryptable(connection)) from None
    except oauth2.ClientRejected as rejection:
        raise UnknownFlow(rejection.description) from None
    state = oauth2.new_state()
    pkce = None if dialect.pkce == Pkce.OFF else oauth2.new_pkce_pair(dialect.pkce)
    left = AuthorizationRequest.objects.filter(
        pk=flow.pk, state=AuthorizationState.PENDING, expires_at__gt=now
    ).update(
        state_hash=digest(state),
        code_verifier=flow.seal_verifier(pkce.verifier) if pkce else None,
    )
    if not left:
        raise UnknownFlow(sentences.UNKNOWN_FLOW)
    return oauth2.authorization_url(
        connection.authorization_url,
        dialect,
        client_id=client_id,
        redirect_uri=flow.redirect_uri,
        state=state,
        scopes=connection.scopes,
        pkce=pkce,
        values=connection.placeholders,
    )


def connect_as_client(
    connection: Connection, *, user: User, session_key: str, return_to: str, now: datetime
) -> AuthorizationRequest:
    """Fetch a token for the client itself and store it. The flow, with its outcome."""
    refuse_in_transaction()
    flow = begin_authorization(connection, user=user, session_key=session_key, return_to=return_to, now=now)
    AuthorizationRequest.objects.filter(pk=flow.pk, state=AuthorizationState.PENDING).update(
        state=AuthorizationState.EXCHANGING, answered_at=now
    )
    try:
        with gathered(user):
            finish_as_client(flow, now)
    except FlowFailed as failed:
        logger.info("Connecting %s failed at step %s: %s", connection.pk, failed.step, failed.code)
        end(flow, failed, now)
    return reloaded(flow)
