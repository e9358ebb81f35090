"""The right to renew a token: of several workers one has it, for as long as it shows that it is alive.

Taken by one conditional UPDATE that also marks, before anything leaves, that a request may be out. Prolonged
while the request is really in flight, however slow the server; so whoever finds a lease that has run out
knows that its holder died or was frozen.
"""

import logging
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connections, transaction

from connections.models import REFRESH_LEASE, Connection, Token

HEARTBEAT_SECONDS = 5.0
# Longer than a refresh may take: its requests have 90 s together, and then there is the storing.
LONGEST_SECONDS = 120.0

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Somebody else may be renewing the token, or it is not the newest any more: send nothing."""


class RefreshLease:
    """The right to renew one version of a token. `token` is the row as it was before the lease was taken."""

    def __init__(self, token: Token, holder: uuid.UUID, now: datetime) -> None:
        self.token = token
        self.holder = holder
        self._taken_at = now
        self._began = self._shown = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has been held, by a clock that nobody sets."""
        return time.monotonic() - self._began

    @property
    def now(self) -> datetime:
        """The moment of the caller's clock, further on by the seconds that have passed."""
        return self._taken_at + timedelta(seconds=self.seconds)

    @property
    def is_stale(self) -> bool:
        """Whether it is time for a sign of life."""
        return time.monotonic() - self._shown >= HEARTBEAT_SECONDS

    def check(self) -> None:
        """Called as late as can be before each request. Raises LeaseLost.

        Whoever was frozen since taking the lease must not send a token that somebody else has used
        meanwhile, because a strict server would end the whole grant. Costs nothing soon after a sign of life.
        """
        if self.is_stale and not self.prolong():
            raise LeaseLost

    def prolong(self) -> bool:
        """Show a sign of life; False if the lease is somebody else's by now, or as old as leases get."""
        if self.seconds > LONGEST_SECONDS or not self._update(refresh_leased_until=self.now + REFRESH_LEASE):
            return False
        self._shown = time.monotonic()
        return True

    def end(self, **fields: Any) -> bool:
        """Give it back and write these fields of the token, unless it is somebody else's by now."""
        return self._update(refresh_leased_by=None, refresh_leased_until=None, **fields)

    def give_back(self, **fields: Any) -> bool:
        """end() after which it is as though nothing had been sent."""
        return self.end(refresh_sent_at=self.token.refresh_sent_at, **fields)

    def _update(self, **fields: Any) -> bool:
        ours = Token.objects.of_version(self.token).filter(refresh_leased_by=self.holder)
        return ours.update(**fields) == 1


def lease(token: Token, now: datetime) -> RefreshLease | None:
    """The lease on a token that was read a moment ago; None if it is another's, or the row has changed."""
    holder = token.lease_refresh(now)
    return RefreshLease(token, holder, now) if holder else None


def lease_batch(due: Sequence[uuid.UUID], now: datetime) -> list[RefreshLease]:
    """Leases on those of these connections' tokens that are still due, all in one statement."""
    if not due:
        return []
    holder = uuid.uuid4()
    with transaction.atomic():
        # Others skip rows that we are about to take, instead of waiting for us.
        rows = Connection.objects.due_for_refresh(now).filter(pk__in=due).select_related("token")
        locked = rows.select_for_update(of=("token",), skip_locked=True)
        tokens = []
        for connection in locked:
            connection.token.connection = connection
            tokens.append(connection.token)
        Token.objects.filter(pk__in=[token.pk for token in tokens]).update(
            refresh_leased_by=holder, refresh_leased_until=now + REFRESH_LEASE, refresh_sent_at=now
        )
    return [RefreshLease(token, holder, now) for token in tokens]


class Heart:
    """Prolongs every lease of this process whose request is in flight.

    One thread for all of them, which there is only while there are leases, and which keeps no connection to
    the database between two beats.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: set[RefreshLease] = set()
        self._is_beating = False

    @contextmanager
    def keeping(self, held: RefreshLease) -> Iterator[None]:
        """Keep the lease alive while the body runs."""
        with self._lock:
            self._leases.add(held)
            if not self._is_beating:
                self._is_beating = True
                threading.Thread(target=self._beat, name="refresh leases", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._leases.discard(held)

    def _beat(self) -> None:
        while True:
            # More often than leases grow stale, so that none waits for twice as long.
            time.sleep(HEARTBEAT_SECONDS / 2)
            with self._lock:
                leases = list(self._leases)
                self._is_beating = bool(leases)
            if not leases:
                return
            stale = [held for held in leases if held.is_stale]
            for held in stale:
                _prolong_if_possible(held)
            if stale:
                connections.close_all()


def _prolong_if_possible(held: RefreshLease) -> None:
    try:
        if not held.prolong():
            logger.warning("The lease on the token of connection %s was lost", held.token.connection_id)
    except DatabaseError as error:
        # It may be back at the next beat.
        logger.warning("A lease on a token could not be prolonged: %s", type(error).__name__)
        connections.close_all()


heart = Heart()
