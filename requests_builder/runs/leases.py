"""Who works on a run: of several workers one, for as long as it shows that it is alive.

Leases are taken by one conditional UPDATE that also raises the runs' fences. All that a holder writes carries
the fence, so that a worker that was frozen until somebody else took its run over writes nothing.
"""

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import NoneType
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, connections, transaction
from django.db.models import Case, F, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce

from requests_builder.models import Run, RunState, SavedRequest
from requests_builder.models.bulk import Statement
from requests_builder.runs import attempts
from requests_builder.runs.clock import Clock

LEASE = timedelta(seconds=15)
HEARTBEAT = timedelta(seconds=5)
# What nobody reads who works on a run.
_NOT_READ = (
    *("changes", "created_at", "due_until", "error", "finished_at", "mender", "not_before", "rung_at"),
    *("stop_reason", "saved_request__created_at", "saved_request__updated_at"),
)

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """The run is somebody else's now, finished, or deleted: stop, and write nothing."""


class HandedOver(Exception):
    """This process was asked to stop: give the run back, so that another one goes on with it."""


# Set when this process was asked to stop.
is_stopping = threading.Event()


class Lease:
    """The right to work on a run, and the only way to write to it."""

    def __init__(self, run: Run, clock: Clock, until: datetime) -> None:
        self.run = run
        self.clock = clock
        self.tally = attempts.Tally()
        self._until = until
        self._is_lost = False

    def check(self) -> None:
        """Called before each page is asked for. Raises LeaseLost if the run may be somebody else's, and
        HandedOver if it should be.

        Costs nothing while the heart beats; after a pause the database is asked.
        """
        if self._is_lost:
            raise LeaseLost
        if is_stopping.is_set():
            raise HandedOver
        if self.clock() >= self._until:
            self.prolong()

    @property
    def is_lost(self) -> bool:
        """Whether a write has shown that the run is somebody else's, or finished. Asks nobody."""
        return self._is_lost

    def lose(self) -> None:
        """Note that the run is somebody else's, or finished."""
        self._is_lost = True

    @property
    def is_safe(self) -> bool:
        """Whether `check` would let the run go on, without a look at the database."""
        return not self._is_lost and not is_stopping.is_set() and self.clock() < self._until

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
        self._execute(Statement.execute, fields)

    def write_with(self, execute: Callable[[Statement], int], **fields: Any) -> None:
        """`write`, by what executes its statement with others as one, and gives 0 if that met no row."""
        self._execute(execute, fields)

    def _execute(self, execute: Callable[[Statement], int], fields: dict[str, Any]) -> None:
        until = self.clock() + LEASE
        fields = {"leased_until": until} | fields
        if "checkpoint" in fields and fields["checkpoint"] is not None:
            fields["checkpoint"] = _FIELDS["checkpoint"].seal(self.run.pk, fields["checkpoint"])
        if not execute(_update_ours(self.run, fields)):
            self.lose()
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


def _update_ours(run: Run, fields: dict[str, Any]) -> Statement:
    """What writes the fields, unless the run is somebody else's or finished."""
    values = [
        # What every database takes as it is need not be looked at, some thousand times in a long pull.
        value if type(value) in _PLAIN else _FIELDS[name].get_db_prep_save(value, connection)
        for name, value in fields.items()
    ]
    ours = zip(_HELD_BY, (run.pk, run.fence, RunState.RUNNING), strict=True)
    values += [_FIELDS[name].get_db_prep_value(value, connection) for name, value in ours]
    return Statement(_update_sql(tuple(fields)), values)


_FIELDS: dict[str, Any] = {field.name: field for field in Run._meta.concrete_fields}
_PLAIN = frozenset({int, NoneType})
_HELD_BY = ("id", "fence", "state")


@functools.cache
def _update_sql(names: tuple[str, ...]) -> str:
    """The UPDATE of these fields: the ORM takes longer to build it anew than the database to obey it."""
    quote = connection.ops.quote_name
    sets, held = ([f"{quote(_FIELDS[name].column)} = %s" for name in some] for some in (names, _HELD_BY))
    table = quote(Run._meta.db_table)
    return f"UPDATE {table} SET {', '.join(sets)} WHERE {' AND '.join(held)}"  # noqa: S608 - our own names


def hold(leases: Sequence[Lease]) -> set[Lease]:
    """Those whose runs are still theirs, and stay so: they are locked to the end of the transaction."""
    runs = Run.objects.select_for_update().filter(pk__in=[lease.run.pk for lease in leases])
    # In one order for all, or two who lock several would wait for one another.
    fences = dict(runs.filter(state=RunState.RUNNING).order_by("pk").values_list("pk", "fence"))
    held = {lease for lease in leases if fences.get(lease.run.pk) == lease.run.fence}
    for lease in leases:
        if lease not in held:
            lease.lose()
    return held


def say_lost(lease: Lease) -> None:
    """Leave a word in the log about a run that was not ours any more."""
    logger.warning("Run %s was taken over or ended by somebody else", lease.run.pk)


def claim(run_id: UUID, *, worker: UUID, clock: Clock) -> Lease | None:
    """Take the run, if it is to be had now."""
    return next(iter(claim_all([run_id], worker=worker, clock=clock)), None)


def claim_all(run_ids: Sequence[UUID], *, worker: UUID, clock: Clock) -> list[Lease]:
    """Take those of the runs that are to be had now, in this order.

    The attempt is counted before anything leaves for the outside. `worker` is who calls, a new one each time.
    """
    with transaction.atomic(savepoint=False):
        return _claim_all(run_ids, worker, clock)


def _claim_all(run_ids: Sequence[UUID], worker: UUID, clock: Clock) -> list[Lease]:
    now = clock()
    under_way = attempts.under_way(run_ids)
    version = SavedRequest.objects.filter(pk=OuterRef("saved_request")).values("version")
    Run.objects.claimable(now).filter(pk__in=run_ids).update(
        # It was running, and its lease ran out: who worked on it died without a word.
        page_deaths=F("page_deaths") + Case(When(state=RunState.RUNNING, then=Value(1)), default=Value(0)),
        state=RunState.RUNNING,
        attempts=F("attempts") + 1,
        page_attempts=F("page_attempts") + 1,
        fence=F("fence") + 1,
        attempted_at=now,
        started_at=Coalesce("started_at", Value(now)),
        request_version=Coalesce("request_version", Subquery(version)),
        leased_by=worker,
        leased_until=now + LEASE,
    )
    taken = (
        Run.objects.filter(pk__in=run_ids, leased_by=worker)
        .select_related("saved_request")
        # Few have one, and it has many columns.
        .prefetch_related("saved_request__connection")
        .defer(*_NOT_READ)
    )
    if under_way:
        attempts.note_deaths(under_way, {run.pk: run.fence for run in taken})
    places = {run_id: place for place, run_id in enumerate(run_ids)}
    return [Lease(run, clock, now + LEASE) for run in sorted(taken, key=lambda run: places[run.pk])]


def give_back(leases: Sequence[Lease], now: datetime) -> None:
    """Let others have runs with which nothing was begun, as though they had not been taken."""
    for lease in leases:
        Run.objects.filter(pk=lease.run.pk, fence=lease.run.fence, state=RunState.RUNNING).update(
            state=RunState.QUEUED,
            attempts=F("attempts") - 1,
            page_attempts=F("page_attempts") - 1,
            not_before=now,
            leased_by=None,
            leased_until=None,
        )


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
        self.keep([lease])
        try:
            yield
        finally:
            self.let_go(lease)

    def keep(self, leases: Sequence[Lease]) -> None:
        """Keep these leases alive until each is let go."""
        with self._lock:
            self._leases.update(leases)
            if self._leases and not self._is_beating:
                self._is_beating = True
                threading.Thread(target=self._beat, name="leases", daemon=True).start()

    def let_go(self, lease: Lease) -> None:
        """Leave the lease to itself."""
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
