"""From the code to the stored tokens (RFC 6749 §4.1.3), and the same for a client's own token (§4.4)."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.db import transaction

from accounts.models import Verb
from connections import oauth2
from connections.grants import auditing, sentences
from connections.grants.asking.dialects import dialect_of, provider_of
from connections.grants.asking.sending import Deadline, Exchanged, Misjudged, ask_as_client, exchange_code
from connections.grants.errors import TokenUnavailable
from connections.grants.renewal.refreshing import refresh
from connections.grants.renewal.storing import insisting, is_renewable, learn, lock, store_grant
from connections.grants.revocation.discarding import discard
from connections.models import (
    AuthorizationRequest,
    AuthorizationState,
    AuthorizationStep,
    Connection,
    ConnectionState,
    DecryptionFailed,
    Token,
)
from connections.oauth2 import AuthorizationAnswer

from .flows import FlowFailed, UnknownFlow
from .regions import PLACED


def finish(
    flow: AuthorizationRequest, connection: Connection, authorization: AuthorizationAnswer, now: datetime
) -> None:
    """Trade the code, store what it brings, and end the flow. Raises FlowFailed or UnknownFlow.

    `connection` is the flow's, at the place where the account lives.
    """

    def exchange() -> Exchanged:
        return exchange_code(
            connection,
            code=authorization.code,
            code_verifier=flow.code_verifier,
            redirect_uri=flow.redirect_uri,
            said=authorization.said,
            deadline=Deadline(settings.EXCHANGE_SECONDS),
            now=now,
        )

    exchanged = _answered(flow, connection, exchange)
    _store(flow, connection, exchanged, now, issuer=authorization.issuer)
    if dialect_of(connection).follow_up is not None:
        _follow_up(flow, now)


def finish_as_client(flow: AuthorizationRequest, now: datetime) -> None:
    """Get a token for the client itself, store it, and end the flow. Raises FlowFailed or UnknownFlow."""
    connection = flow.connection
    exchanged = _answered(
        flow,
        connection,
        lambda: ask_as_client(connection, deadline=Deadline(settings.EXCHANGE_SECONDS), now=now),
    )
    _store(flow, connection, exchanged, now)


def settings_changed() -> FlowFailed:
    return FlowFailed(AuthorizationStep.AUTHORIZATION, sentences.SETTINGS_CHANGED, code="settings_changed")


def undecryptable(connection: Connection) -> FlowFailed:
    return FlowFailed(
        AuthorizationStep.TOKEN,
        sentences.undecryptable(connection),
        code="undecryptable",
        suspect_field="client_secret",
    )


def _answered(flow: AuthorizationRequest, connection: Connection, ask: Callable[[], Exchanged]) -> Exchanged:
    """What the token endpoint gave; what it did not give as a FlowFailed."""
    try:
        return ask()
    except DecryptionFailed:
        raise undecryptable(connection) from None
    except Misjudged as misjudged:
        learn(connection, misjudged.authentication)
        raise FlowFailed(
            AuthorizationStep.TOKEN,
            sentences.MISJUDGED,
            code=misjudged.failure.code or "invalid_grant",
            provider_text=misjudged.failure.provider_text,
        ) from None
    except oauth2.TokenRequestFailed as failure:
        step, message, suspect_field = sentences.failed_exchange(failure, redirect_uri=flow.redirect_uri)
        raise FlowFailed(
            step,
            message,
            code=(failure.code or f"http_{failure.status}")[:100],
            provider_text=failure.provider_text,
            suspect_field=suspect_field,
        ) from None


def _store(
    flow: AuthorizationRequest,
    placed: Connection,
    exchanged: Exchanged,
    now: datetime,
    *,
    issuer: str = "",
) -> None:
    """Tokens, the connection's state and the flow's end in one commit: success is told after it only."""
    answer, dialect = exchanged.answer, dialect_of(placed)

    @transaction.atomic
    def store() -> str:
        connection = lock(flow.connection)
        if connection is None:
            _put_aside(placed, exchanged, now)
            return "deleted"
        if connection.settings_version != flow.settings_version:
            # Where one revocation ends all grants of the account, it would end one that is in use, too.
            if not dialect.revocation.ends_all:
                _put_aside(placed, exchanged, now)
            return "changed"
        own = Connection.objects.filter(pk=connection.pk)
        own.enter(ConnectionState.CONNECTED, "", now)
        news = _news(flow.connection, placed)
        own.update(issuer=issuer[:500], **news)
        for name, value in news.items():
            setattr(connection, name, value)
        learn(connection, exchanged.authentication)
        before = Token.objects.filter(connection=connection).first()
        stored = _with_refresh_token_of_same_account(answer, before)
        # Whatever becomes of this process: a token that still has to be traded is due soon.
        store_grant(connection, stored, now, awaits_follow_up=dialect.follow_up is not None)
        auditing.record(
            Verb.CONNECTED, connection, user=flow.user, now=now, detail={"Account": answer.account}
        )
        AuthorizationRequest.objects.filter(pk=flow.pk).update(
            state=AuthorizationState.SUCCEEDED,
            code_verifier=None,
            message=_message(placed, stored, before),
            finished_at=now,
        )
        return "stored"

    outcome = insisting(store)
    if outcome == "changed":
        raise settings_changed()
    if outcome == "deleted":
        raise UnknownFlow(sentences.DELETED)


def _put_aside(asked_by: Connection, exchanged: Exchanged, now: datetime) -> None:
    """Have tokens ended that nobody will use, as the client and at the server that they came from."""
    answer = exchanged.answer
    # A client that was lent may have been taken back meanwhile: then nobody can ask for it any more.
    with suppress(oauth2.ClientRejected):
        discard(
            asked_by,
            answer.access_token,
            answer.refresh_token,
            now,
            kept=answer.kept,
            authentication=exchanged.authentication,
        )


def _news(before: Connection, placed: Connection) -> Mapping[str, object]:
    """What the callback told of where the account lives, as far as it is news."""
    told = {name: getattr(placed, name) for name in PLACED}
    return {name: value for name, value in told.items() if value != getattr(before, name)}


def _with_refresh_token_of_same_account(
    answer: oauth2.TokenAnswer, before: Token | None
) -> oauth2.TokenAnswer:
    """Who consents again may get no second refresh token: the first one goes on, if it is surely theirs.

    Never that of another account, nor when the server does not tell whose the grant is.
    """
    is_same = before is not None and before.account_id != "" and before.account_id == answer.account_id
    if before is None or not is_same or answer.refresh_token is not None:
        return answer
    try:
        return replace(answer, refresh_token=before.refresh_token)
    except DecryptionFailed:
        return answer


def _message(connection: Connection, answer: oauth2.TokenAnswer, before: Token | None) -> str:
    dialect, provider = dialect_of(connection), provider_of(connection)
    goes_on = is_renewable(dialect, has_refresh_token=answer.refresh_token is not None)
    has_end = answer.life is not None or dialect.default_life is not None
    remedy = provider.refresh_remedy if provider else ""
    parts = [sentences.connected(is_renewable=goes_on, has_end=has_end, remedy=remedy)]
    if before is not None and before.account_id and before.account_id != answer.account_id:
        was, now_is = before.account or before.account_id, answer.account or answer.account_id
        parts.append(sentences.another_account(was, now_is))
    if answer.other_path:
        parts.append(sentences.other_token(answer.other_path))
    return " ".join(parts)


def _follow_up(flow: AuthorizationRequest, now: datetime) -> None:
    """Trade the short token at once. If that fails, the background tries again, and the flow says why."""
    try:
        refresh(flow.connection, now=now)
    except TokenUnavailable as failure:
        message = sentences.follow_up_failed(str(failure), is_transient=failure.is_transient)
        AuthorizationRequest.objects.filter(pk=flow.pk).update(message=message)
