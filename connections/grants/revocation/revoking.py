"""Telling authorization servers about tokens that nobody uses any more (RFC 7009), as far as they listen."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from accounts import audit
from accounts.models import Verb
from connections import oauth2
from connections.grants.asking.history import noted
from connections.grants.asking.sending import Deadline, is_about_the_client, send
from connections.grants.auditing import KIND
from connections.models import CallKind, DecryptionFailed, DiscardedToken
from connections.oauth2 import Authentication, Client
from connections.oauth2.dialect import Revocation

from .discarding import read

MAX_TRIES = 3
LONGEST_KEPT = timedelta(hours=24)
_BATCH = 50
# Nobody else takes one that is being told; then the gaps between the tries.
_CLAIM = timedelta(minutes=5)
_GAPS = (timedelta(minutes=10), timedelta(hours=3))

_NO_ANSWER = "The server did not answer; the tokens may live until they run out."
_UNREADABLE = "The stored tokens cannot be read with the keys that there are."

logger = logging.getLogger(__name__)


def revoke_discarded_tokens(*, now: datetime) -> int:
    """Tell the servers of all tokens whose time has come; how many are done with, one way or the other."""
    given_up = DiscardedToken.objects.filter(discarded_at__lte=now - LONGEST_KEPT)
    for token in given_up[:_BATCH]:
        _close(token, Verb.FAILED_TO_REVOKE, _NO_ANSWER, now)
    due = DiscardedToken.objects.filter(try_at__lte=now).order_by("try_at")
    return sum(_try(token, now) for token in due[:_BATCH])


def _try(token: DiscardedToken, now: datetime) -> bool:
    claimed = DiscardedToken.objects.filter(pk=token.pk, tries=token.tries, try_at=token.try_at).update(
        tries=F("tries") + 1, try_at=now + _CLAIM
    )
    if not claimed:
        return False
    # Whoever had the last try was killed over it.
    end = (Verb.FAILED_TO_REVOKE, _NO_ANSWER) if token.tries >= MAX_TRIES else _told(token, now)
    return end is not None and _close(token, *end, now)


def _told(token: DiscardedToken, now: datetime) -> tuple[Verb, str] | None:
    """What came of telling the server, and why if it was nothing; None: there is another try."""
    try:
        _revoke(token, now)
    except oauth2.GrantRejected:
        # It was dead before: that is what was wanted.
        return Verb.REVOKED, ""
    except oauth2.ServerUnavailable as failure:
        # The token must be taken to live on (RFC 7009 §2.2.1).
        if token.tries + 1 >= MAX_TRIES:
            return Verb.FAILED_TO_REVOKE, _NO_ANSWER
        gap = max(_GAPS[token.tries], failure.retry_after or timedelta())
        DiscardedToken.objects.filter(pk=token.pk).update(try_at=now + gap)
        return None
    except DecryptionFailed:
        return Verb.FAILED_TO_REVOKE, _UNREADABLE
    except oauth2.TokenRequestFailed as failure:
        return Verb.FAILED_TO_REVOKE, failure.provider_text or failure.code or f"HTTP {failure.status}"
    return Verb.REVOKED, ""


def _close(token: DiscardedToken, verb: Verb, reason: str, now: datetime) -> bool:
    """Forget it with all its secrets, and write down what became of it: both or neither, and once."""
    if verb is Verb.FAILED_TO_REVOKE:
        logger.warning("Could not revoke a token at %s", token.host)
    with transaction.atomic():
        deleted, _ = DiscardedToken.objects.filter(pk=token.pk).delete()
        if deleted and token.team_id is not None:
            audit.record(
                verb,
                team_id=token.team_id,
                kind=KIND,
                object_id=token.connection_id or "",
                object_name=token.connection_name,
                user=None,
                now=now,
                detail={"Server": token.host, "Reason": reason},
            )
    return bool(deleted)


def _revoke(token: DiscardedToken, now: datetime) -> None:
    """Tell the server as the client with its secret; with the old one only if that was refused."""
    revocation, deadline = read(token.revocation), Deadline()
    authentication = Authentication(token.client_authentication)
    client = Client(token.client_id, token.client_secret, authentication)
    try:
        _tell(token, client, revocation, deadline, now)
    except oauth2.ClientRejected as rejection:
        if not is_about_the_client(rejection) or token.old_client_secret is None:
            raise
        _tell(token, replace(client, client_secret=token.old_client_secret), revocation, deadline, now)


def _tell(
    token: DiscardedToken, client: Client, revocation: Revocation, deadline: Deadline, now: datetime
) -> None:
    """The token that the dialect wants; the other one where the server cannot end that kind."""
    named = oauth2.tokens_to_end(
        revocation, access_token=token.access_token, refresh_token=token.refresh_token
    )
    for value, kind in named:
        message = oauth2.revocation_request(
            token.revocation_url, client, revocation, token=value, kind=kind, values=token.values
        )
        try:
            with noted(
                token.connection_id or token.pk,
                CallKind.REVOCATION,
                message,
                now=now,
                authentication=client.authentication,
            ) as call:
                reply = call.answered(send(message, deadline))
                return oauth2.read_revocation_reply(reply, now=now, secrets=message.secrets)
        except oauth2.UnknownRefusal as refusal:
            if refusal.code != "unsupported_token_type" or (value, kind) == named[-1]:
                raise
