"""One renewal of a token by whoever holds the lease: ask, keep what comes, note what went wrong."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from connections import oauth2
from connections.grants import auditing, sentences
from connections.grants.asking.history import gathered
from connections.grants.asking.sending import Deadline, Exchanged, Misjudged, refresh_tokens
from connections.grants.errors import ConnectionMisconfigured, ProviderUnavailable, RefreshUnderway
from connections.models import Connection, ConnectionState, DecryptionFailed, Token

from . import journal, late
from .holdings import AccessToken, handed_out, load, refusal
from .leases import LeaseLost, RefreshLease, heart
from .planning import gap_after, moment_after_early, state_after
from .servers import note_trouble
from .storing import insisting, learn, lock, store_refreshed

# For the one careful repetition: a moment for a server that is not of one mind with itself.
_SECOND_OPINION_SECONDS = 2.0
_REPETITION_SECONDS = 0.04
_TIME_FOR_REPETITION = 5.0
# After something that is nobody's refusal: a secret that cannot be read, or a fault of ours.
_UNREADABLE_GAP, _FAULT_GAP = timedelta(minutes=15), timedelta(minutes=1)

logger = logging.getLogger(__name__)


@gathered()
def renew(held: RefreshLease, *, is_rejected: bool = False) -> AccessToken:
    """Ask for new tokens and store them, however long it takes; the lease is given back in every case.

    `is_rejected` tells that an API has refused the present one. Raises TokenUnavailable.
    """
    token, asked_at = held.token, held.now
    with heart.keeping(held):
        try:
            exchanged = _ask_carefully(held)
        except LeaseLost:
            newest = load(token.connection)
            if newest.version != token.version:
                return handed_out(newest)
            raise RefreshUnderway(sentences.underway(token.connection)) from None
        except DecryptionFailed:
            # The right key makes it readable again: nothing is noted against the connection.
            held.give_back(refresh_at=held.now + _UNREADABLE_GAP)
            raise ConnectionMisconfigured(sentences.undecryptable(token.connection)) from None
        except oauth2.TokenRequestFailed as failure:
            return _Failed(held, failure, asked_at).noted()
        except BaseException:
            # Not an answer: a stop of the process, or a fault of ours. What was sent stays marked as sent.
            held.end(refresh_at=held.now + _FAULT_GAP)
            raise
        # Counted from before the request left: a token must not seem to live longer than it does.
        with journal.kept(
            token, exchanged.answer, holder=held.holder, at=asked_at, is_rejected=is_rejected
        ) as entry:
            return _stored(held, exchanged, entry, asked_at, is_rejected=is_rejected)


def _ask_carefully(held: RefreshLease) -> Exchanged:
    """One request, and one more if the first may have been lost or misheard and nobody has repeated it yet.

    A server without rotation or with a grace period answers the repetition; a strict one would not have
    taken the old token again in any case.
    """
    # Some token endpoints take three quarters of a minute, and hanging up on one that has already rotated
    # costs the grant.
    deadline = Deadline(settings.REFRESH_SECONDS)
    try:
        return _ask(held, deadline)
    except oauth2.TokenRequestFailed as failure:
        is_misheard = isinstance(failure, oauth2.GrantRejected)
        may_repeat = (is_misheard or failure.is_lost) and held.token.refresh_sent_at is None
        if not may_repeat or deadline.remaining < _TIME_FOR_REPETITION:
            raise
        time.sleep(_SECOND_OPINION_SECONDS if is_misheard else _REPETITION_SECONDS)
        try:
            return _ask(held, deadline)
        except oauth2.TokenRequestFailed as second:
            second.is_lost |= failure.is_lost
            raise


def _ask(held: RefreshLease, deadline: Deadline) -> Exchanged:
    token = held.token
    try:
        return refresh_tokens(
            token.connection, token, deadline=deadline, now=held.now, before_send=held.check
        )
    except Misjudged as misjudged:
        learn(token.connection, misjudged.authentication)
        raise misjudged.failure from None


def _stored(
    held: RefreshLease, exchanged: Exchanged, entry: journal.Entry, at: datetime, *, is_rejected: bool
) -> AccessToken:
    """What came is on the disk; now into its row, in one statement, before anything else."""
    answer, token, connection = exchanged.answer, held.token, held.token.connection

    def store() -> bool:
        return store_refreshed(token, answer, at, is_rejected=is_rejected, holder=held.holder)

    if not insisting(store):
        # The lease ran out, somebody was faster, or the connection is gone: never over something newer.
        if late.settle(entry, now=held.now, connection=connection):
            journal.settled(entry)
        newest = load(connection)
        if newest.version == token.version:
            raise RefreshUnderway(sentences.underway(connection))
        return handed_out(newest)
    journal.settled(entry)
    if connection.state != ConnectionState.CONNECTED:
        # Unless it was disconnected or edited in this very moment.
        stored = Connection.objects.filter(pk=connection.pk, token__version=token.version + 1)
        if stored.enter(ConnectionState.CONNECTED, "", at):
            auditing.record_change(connection, ConnectionState.CONNECTED, now=at)
    if connection.learned_client_authentication != exchanged.authentication:
        learn(connection, exchanged.authentication)
    expires_at = at + answer.life if answer.life is not None else None
    return AccessToken(answer.access_token, token.version + 1, expires_at)


@dataclass(frozen=True, slots=True)
class _Failed:
    """A renewal that brought no token."""

    held: RefreshLease
    failure: oauth2.TokenRequestFailed
    asked_at: datetime

    def noted(self) -> AccessToken:
        """Note what went wrong and raise it; or hand out what somebody else has stored meanwhile."""
        token, connection, at = self.held.token, self.held.token.connection, self.held.now
        newest = load(connection)
        if newest.version != token.version:
            return handed_out(newest)
        note_trouble(connection, self.failure, began_at=self.asked_at, now=at)
        if isinstance(self.failure, oauth2.StillGood):
            return self._too_early(newest)
        logger.warning(
            "Refreshing connection %s failed: %s %s",
            connection.pk,
            type(self.failure).__name__,
            self.failure.status or "",
        )
        gap = self._note()
        raise refusal(load(connection), retry_after=gap)

    def _too_early(self, newest: Token) -> AccessToken:
        """The server will not renew it yet, and takes it until then: no failure, and no reason to hurry."""
        at = self.held.now
        again_at = moment_after_early(newest.expires_at, at)
        self.held.give_back(refresh_at=again_at)
        if newest.expires_at is not None and newest.expires_at <= at:
            raise ProviderUnavailable(sentences.unavailable(newest.connection), retry_after=again_at - at)
        return handed_out(newest)

    def _note(self) -> timedelta | None:
        """Write it down, and give the lease back; the gap to the next try. Raises RefreshUnderway."""
        token, connection, failure, at = (
            self.held.token,
            self.held.token.connection,
            self.failure,
            self.held.now,
        )
        was_lost = failure.is_lost or token.refresh_sent_at is not None
        refusals = token.refusals + isinstance(failure, oauth2.UnknownRefusal)
        state = state_after(failure, refusals)
        gap = gap_after(failure, state, failures=token.failures, refusals=refusals)
        with transaction.atomic():
            current = lock(connection)
            # Under settings that were edited meanwhile it may go better: this failure says nothing of those.
            is_current = current is not None and current.settings_version == connection.settings_version
            is_noted = self.held.end(
                refresh_sent_at=at if was_lost else None,
                failures=token.failures + 1 if is_current else 0,
                refusals=refusals if is_current else 0,
                refresh_at=(at + gap if gap is not None else None) if is_current else at,
            )
            if is_noted and is_current:
                words = sentences.reason(failure, was_lost=was_lost)
                Connection.objects.filter(pk=connection.pk).enter(
                    state, words, at, provider_text=failure.provider_text
                )
                auditing.record_change(
                    connection, state, now=at, reason=words, provider_text=failure.provider_text
                )
        if not is_noted or not is_current:
            raise RefreshUnderway(sentences.underway(connection))
        return gap
