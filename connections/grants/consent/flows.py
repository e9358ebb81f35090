"""One trip of a browser to a provider and back, as a row: how it ends, and what it ended with."""

import hashlib
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import Verb
from connections.grants import auditing, sentences
from connections.models import (
    AuthorizationRequest,
    AuthorizationState,
    AuthorizationStep,
    Connection,
    ConnectionState,
)

# Longer than an exchange and its storing can take: who has not finished it by then never will.
EXCHANGE_LIFE = timedelta(seconds=90)
# Ways in which an authorization ends that say nothing about the connection.
_NOBODYS_FAULT = frozenset({"superseded", "expired", "settings_changed", "not_allowed"})


class UnknownFlow(Exception):
    """A browser came with an authorization that is not its own, or with none. `sentence` is for its user."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class FlowFailed(Exception):
    """The flow has an end, and this is what its page says."""

    def __init__(
        self,
        step: AuthorizationStep,
        message: str,
        *,
        code: str = "",
        provider_text: str = "",
        suspect_field: str = "",
    ) -> None:
        super().__init__(code)
        self.step = step
        self.message = message
        self.code = code
        self.provider_text = provider_text
        self.suspect_field = suspect_field


def settle(flow: AuthorizationRequest, *, now: datetime) -> AuthorizationRequest:
    """The flow as it is; one whose time is over, or whose exchange was killed, ends with that."""
    if flow.state == AuthorizationState.PENDING and now >= flow.expires_at:
        end(flow, FlowFailed(AuthorizationStep.AUTHORIZATION, sentences.EXPIRED, code="expired"), now)
        return reloaded(flow)
    began_at = flow.answered_at or flow.created_at
    if flow.state == AuthorizationState.EXCHANGING and now >= began_at + EXCHANGE_LIFE:
        end(flow, FlowFailed(AuthorizationStep.TOKEN, sentences.ABANDONED, code="interrupted"), now)
        return reloaded(flow)
    return flow


@transaction.atomic
def end(flow: AuthorizationRequest, failure: FlowFailed, now: datetime) -> None:
    """Fail it, unless somebody else has ended it meanwhile; its verifier is forgotten."""
    unfinished = (AuthorizationState.PENDING, AuthorizationState.EXCHANGING)
    ended = AuthorizationRequest.objects.filter(pk=flow.pk, state__in=unfinished).update(
        state=AuthorizationState.FAILED,
        code_verifier=None,
        failed_step=failure.step,
        error_code=failure.code[:100],
        message=failure.message,
        provider_text=failure.provider_text,
        suspect_field=failure.suspect_field,
        finished_at=now,
    )
    if not ended:
        return
    detail = {
        "Step": failure.step.label,
        "Reason": failure.message,
        "The provider said": failure.provider_text,
    }
    auditing.record(Verb.FAILED_TO_CONNECT, flow.connection, user=flow.user, now=now, detail=detail)
    if failure.code not in _NOBODYS_FAULT:
        # A connection that has tokens goes on with them.
        never = Connection.objects.filter(
            pk=flow.connection_id, state__in=(ConnectionState.NEW, ConnectionState.ERROR)
        )
        never.enter(ConnectionState.ERROR, failure.message, now, provider_text=failure.provider_text)


def reloaded(flow: AuthorizationRequest) -> AuthorizationRequest:
    return AuthorizationRequest.objects.select_related("connection").get(pk=flow.pk)


def digest(text: str) -> str:
    """How states and sessions are kept."""
    return hashlib.sha256(text.encode()).hexdigest()
