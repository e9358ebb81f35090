"""Runs in a builder that take longer than a moment: how far they are, and how they are cancelled.

The call happens in one process, and its reader asks another. So the call writes down how far it is, once a
second, and finds in the same row whether it is still wanted. A short one writes nothing.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError
from django.db.models import QuerySet

from accounts.models import Team, User
from requests_builder.models import Try

# Seconds between two looks at the row, and before the first one.
BEAT = 1.0
# No call lasts so long.
FORGOTTEN_AFTER = timedelta(hours=1)
SWEPT_AT_ONCE = 500

logger = logging.getLogger(__name__)


class Watch:
    """Told how many bytes have come; says whether the call is still wanted."""

    def __init__(self, team: Team, user: User, try_id: UUID, *, now: datetime, beat: float = BEAT) -> None:
        self._row = Try(pk=try_id, team=team, user=user, begun_at=now)
        self._beat = beat
        self._looked = time.monotonic()
        self._is_written = False

    def __call__(self, received: int) -> bool:
        if time.monotonic() - self._looked < self._beat:
            return True
        self._looked = time.monotonic()
        try:
            return self._write_down(received)
        except DatabaseError as error:
            # Nobody hears of the progress; the answer is worth more.
            logger.warning("A try could not write down how far it is: %s", type(error).__name__)
            return True

    def end(self) -> None:
        """Nobody needs to hear of it any more."""
        if self._is_written:
            _of(self._row.team, self._row.user).filter(pk=self._row.pk).delete()

    def _write_down(self, received: int) -> bool:
        if not self._is_written:
            # It is there already, if it was cancelled before it was written down.
            Try.objects.bulk_create([self._row], ignore_conflicts=True)
            self._is_written = True
        wanted = _of(self._row.team, self._row.user).filter(pk=self._row.pk, is_cancelled=False)
        return wanted.update(received=received) == 1


@contextmanager
def watched(team: Team, user: User, try_id: str, *, now: datetime) -> Iterator[Watch | None]:
    """What a call tells how far it is; None if its page did not give it an id."""
    if (found := _uuid(try_id)) is None:
        yield None
        return
    watch = Watch(team, user, found, now=now)
    try:
        yield watch
    finally:
        watch.end()


def received(team: Team, user: User, try_id: str) -> int | None:
    """How many bytes have come; None if nothing is known of it, or it is somebody else's."""
    found = _uuid(try_id)
    return _of(team, user).filter(pk=found).values_list("received", flat=True).first() if found else None


def cancel(team: Team, user: User, try_id: str, *, now: datetime) -> None:
    """Have the call end at its next look, also if it was not written down yet."""
    if found := _uuid(try_id):
        Try.objects.bulk_create(
            [Try(pk=found, team=team, user=user, begun_at=now, is_cancelled=True)], ignore_conflicts=True
        )
        _of(team, user).filter(pk=found).update(is_cancelled=True)


def sweep(now: datetime) -> int:
    """Remove what was left by processes that died, and by cancels that came too late; how many it were."""
    old = Try.objects.filter(begun_at__lte=now - FORGOTTEN_AFTER).values_list("pk", flat=True)
    removed, _ = Try.objects.filter(pk__in=list(old[:SWEPT_AT_ONCE])).delete()
    return removed


def _of(team: Team, user: User) -> QuerySet[Try]:
    return Try.objects.filter(team=team, user=user)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
