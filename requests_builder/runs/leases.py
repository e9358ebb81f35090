"""Who works on a run: of several workers one, for as long as it shows that it is alive.

A lease is taken by one conditional UPDATE that also raises the run's fence. Everything that its holder writes
carries the fence, so that a worker that was frozen until somebody else took its run over writes nothing.
"""

import functools
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, connections, transaction

from requests_builder.models import Run, RunState
from requests_builder.runs.clock import Clock

LEASE = timedelta(seconds=15)
HEARTBEAT = timedelta(seconds=5)

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """The run is somebody else's now, finished, or deleted: stop, and write nothing."""


class Lease:
    """The right to work on a run, and the only way to write to it."""

    def __init__(self, run: Run, clock: Clock, until: datetime) -> None:
        self.run = run
        self.clock = clock
        self._until = until
        self._is_lost = False

    def check(self) -> None:
        """Called before each request to the outside. Raises LeaseLost if the run may be somebody else's.

        Costs nothing while the heart beats; after a pause the database is asked.
        """
        if self._is_lost:
            raise LeaseLost
        if self.clock() >= self._until:
            self.prolong()

    @property
    def is_fresh(self) -> bool:
        """Whether it was prolonged since the last beat, as it is by each page."""
        return self.clock() < self._until - LEASE + HEARTBEAT

    def prolong(self) -> None:
        """Hold it for another `LEASE` from now. Raises LeaseLost."""
        self.write()

    def write(self, **fields: Any) -> None:
        """Write these fields of the run, and prolong the lease. Raises LeaseLost.

        Fields that end the lease (`leased_until=None`) end it.
        """
        until = self.clock() + LEASE
        fields = {"leased_until": until} | fields
        if "checkpoint" in fields and fields["checkpoint"] is not None:
            fields["checkpoint"] = _FIELDS["checkpoint"].seal(self.run.pk, fields["checkpoint"])
        if not _update_ours(self.run, fields):
            self._is_lost = True
            raise LeaseLost
        self._until = until

    @contextmanager
    def writing(self, **fields: Any) -> Iterator[None]:
        """A transaction that writes these fields, and with them whatever its body writes, or nothing.

        The run comes first: its row stays locked to the end, so nobody takes the run over meanwhile.
        """
        with transaction.atomic():
            self.write(**fields)
            yield


def _update_ours(run: Run, fields: dict[str, Any]) -> bool:
    """Write the fields, unless the run is somebody else's or finished; whether it was ours."""
    values = [_FIELDS[name].get_db_prep_save(value, connection) for name, value in fields.items()]
    ours = zip(_HELD_BY, (run.pk, run.fence, RunState.RUNNING), strict=True)
    values += [_FIELDS[name].get_db_prep_value(value, connection) for name, value in ours]
    with connection.cursor() as cursor:
        cursor.execute(_update_statement(tuple(fields)), values)
        return bool(cursor.rowcount == 1)


_FIELDS: dict[str, Any] = {field.name: field for field in Run._meta.concrete_fields}
_HELD_BY = ("id", "fence", "state")


@functools.cache
def _update_statement(names: tuple[str, ...]) -> str:
    """The UPDATE of these fields: the ORM takes longer to build it anew than the database to obey it."""
    quote = connection.ops.quote_name
    sets, held = ([f"{quote(_FIELDS[name].column)} = %s" for name in some] for some in (names, _HELD_BY))
    table = quote(Run._meta.db_table)
    return f"UPDATE {table} SET {', '.join(sets)} WHERE {' AND '.join(held)}"  # noqa: S608 - our own names


def claim(run_id: UUID, *, worker: UUID, clock: Clock) -> Lease | None:
    """Take the run, if it is to be had now. The attempt is counted before anything leaves for the outside."""
    now = clock()
    run = Run.objects.claimable(now).select_related("saved_request__connection").filter(pk=run_id).first()
    if run is None:
        return None
    seen = run.fence
    # It was running, and its lease ran out: who worked on it died without a word.
    run.page_deaths += run.state == RunState.RUNNING
    run.state = RunState.RUNNING
    run.attempts += 1
    run.page_attempts += 1
    run.fence += 1
    run.started_at = run.started_at or now
    run.request_version = run.request_version or run.saved_request.version
    run.leased_by = worker
    run.leased_until = now + LEASE
    names = ("state", "attempts", "page_attempts", "page_deaths", "fence", "started_at", "request_version")
    fields = {name: getattr(run, name) for name in (*names, "leased_by", "leased_until")}
    if Run.objects.claimable(now).filter(pk=run_id, fence=seen).update(**fields) != 1:
        return None
    return Lease(run, clock, run.leased_until)


class Heart:
    """Prolongs every lease that this process holds.

    One thread for all of them, which there is only while there are leases, and which keeps no connection to
    the database between two beats: a worker has many threads already.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: set[Lease] = set()
        self._is_beating = False

    @contextmanager
    def keeping(self, lease: Lease) -> Iterator[None]:
        """Keep the lease alive while the body runs."""
        with self._lock:
            self._leases.add(lease)
            if not self._is_beating:
                self._is_beating = True
                threading.Thread(target=self._beat, name="leases", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._leases.discard(lease)

    def _beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT.total_seconds())
            with self._lock:
                leases = list(self._leases)
                self._is_beating = bool(leases)
            if not leases:
                return
            stale = [lease for lease in leases if not lease.is_fresh]
            for lease in stale:
                _prolong_if_possible(lease)
            if stale:
                connections.close_all()


def _prolong_if_possible(lease: Lease) -> None:
    try:
        lease.prolong()
    except LeaseLost:
        # Its holder finds out before its next request.
        pass
    except DatabaseError as error:
        # It may be back at the next beat; if not, the holder stops when the lease has run out.
        logger.warning("The lease of run %s could not be prolonged: %s", lease.run.pk, type(error).__name__)
        connections.close_all()


heart = Heart()
