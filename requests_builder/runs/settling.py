"""The end of a run: its last page is stored, all of it shown, and the run finished, in one transaction.

A small pull needs little more than that one transaction, and most of what it costs is the same for one run as
for fifty: so the threads of a worker leave such ends to its writer, which settles together what has come in
within a moment. A run that is not held any more is left out with all its rows. If something is wrong with
any of them, nothing of them all is stored, and each is settled by itself. A process that is killed before the
commit has written nothing, and its runs are taken up again when their leases have run out.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import close_old_connections, connections, transaction

from requests_builder import destinations, mapping, pagination, watermarks
from requests_builder.models import Run, RunState, bulk
from requests_builder.runs import attempts, leases, newness, tallying, transcripts
from requests_builder.runs.leases import Lease

# Ends of runs in one transaction, and seconds for which the first of them waits for others under way.
MOST_AT_ONCE = 64
GATHER = 0.2
# Bytes of answers: larger ones are settled at once by whoever brought them, as are all while so much waits.
LIGHT = 128 * 2**10
MOST_WAITING = 4 * 2**20
# Seconds for which a writer without work keeps its connection to the database.
LINGER = 5.0
_LONGEST_REASON = 1_000
# Of a run that has succeeded, whatever it brought.
_SUCCEEDED: dict[str, Any] = {
    "state": RunState.SUCCEEDED,
    "page_attempts": 1,
    "page_deaths": 0,
    "leased_by": None,
    "leased_until": None,
    "checkpoint": None,
    "error_code": "",
    "error": "",
    "mender": "",
}
_COUNTS = ("pages", "rows", "bytes_received", "findings", "watermarks", "figures", "last_status")
_TOLD = (*_COUNTS, "finished_at", "changes", "batch_number", "stop_reason")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """A run whose last page has come, and whose `parts` are not stored yet.

    `counts` are the fields of `_COUNTS` as they will be. Of several parts, the later ones hold what is
    certainly new. `size` is that of the last answer in bytes.
    """

    lease: Lease
    destination: destinations.Destination
    parts: Sequence[mapping.Rows]
    counts: dict[str, Any]
    end: pagination.End
    newness: watermarks.Progress | None
    size: int

    @property
    def is_light(self) -> bool:
        """Whether it may be settled together with others: small, whole, and not compared with anything."""
        is_small = self.size <= LIGHT and not self.lease.run.pages
        return is_small and self.newness is None and not self.destination.is_keyed


def settle(endings: Sequence[Ending]) -> list[Ending]:
    """Finish these runs, no two of one table; those that were still held. Others stay as they are.

    Raises Table.DoesNotExist, UnreadableAnswer and DatabaseError; then nothing is written.
    """
    with transaction.atomic():
        held = leases.hold([ending.lease for ending in endings])
        ours = [ending for ending in endings if ending.lease in held]
        if ours:
            _finish(ours)
    for ending in ours:
        tallying.finished(ending.lease.run, RunState.SUCCEEDED)
    return ours


def _finish(endings: Sequence[Ending]) -> None:
    now = max(ending.lease.clock() for ending in endings)
    # Before the destinations lock their tables, as whoever deletes a table does.
    said = [newness.keep(one.lease.run, one.newness) if one.newness else "" for one in endings]
    shipments = [
        one.destination.shipment(
            one.lease.run,
            [(part.rows, part.types) for part in one.parts],
            rows=one.counts["rows"],
            is_complete=one.end.is_complete,
        )
        for one in endings
    ]
    destinations.publish(shipments, now)
    rows = []
    for one, shipment, remark in zip(endings, shipments, said, strict=True):
        # Why it ended, and what became of what came.
        reason = " ".join(filter(None, [one.end.reason, shipment.remark, remark]))[:_LONGEST_REASON]
        counts = [one.counts[name] for name in _COUNTS]
        told = [*counts, now, shipment.changes, shipment.batch.pk, reason]
        rows.append([one.lease.run.pk, one.lease.run.fence, *told])
    written = bulk.update(Run, _TOLD, rows, alike=_SUCCEEDED, only_if=("fence",))
    assert written == len(rows)
    tallies = [(one.lease.run, one.lease.tally) for one in endings]
    for run, tally in tallies:
        attempts.note_success(run, tally, now=now)
    transcripts.keep_good([(run, tally.last_kept, tally.first_kept) for run, tally in tallies], now)


class Writer:
    """Settles what the threads of a worker bring, in a thread of its own, which there is only while they do.

    `conclude` settles one by itself, and sees to what is wrong with it; `done` is told of those that are
    settled, or left to the ends of their leases.
    """

    def __init__(
        self, conclude: Callable[[Ending], object], done: Callable[[Sequence[Ending]], None]
    ) -> None:
        self._conclude = conclude
        self._done = done
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: list[Ending] = []
        self._size = 0
        self._is_at_work = False
        self._is_hurried = False

    def take(self, ending: Ending) -> bool:
        """Settle it soon; False if too much waits already."""
        with self._lock:
            if self._size + ending.size > MOST_WAITING:
                return False
            self._waiting.append(ending)
            self._size += ending.size
            if not self._is_at_work:
                self._is_at_work = True
                threading.Thread(target=self._work, name="writer").start()
            self._is_hurried = False
            if len(self._waiting) in (1, MOST_AT_ONCE):
                self._changed.notify()
            return True

    def hurry(self) -> None:
        """Nothing else is under way: what waits need not wait for more."""
        with self._lock:
            self._is_hurried = True
            self._changed.notify()

    def _work(self) -> None:
        try:
            while group := self._next():
                self._settle(group)
        finally:
            connections.close_all()

    def _next(self) -> list[Ending]:
        """What is settled together next; nothing after some time without any."""
        until = time.monotonic() + LINGER
        with self._lock:
            while not self._waiting:
                left = until - time.monotonic()
                if left <= 0 or leases.is_stopping.is_set():
                    self._is_at_work = False
                    return []
                self._changed.wait(left)
            self._changed.wait_for(
                lambda: self._is_hurried or len(self._waiting) >= MOST_AT_ONCE or leases.is_stopping.is_set(),
                GATHER,
            )
            group = _of_different_tables(self._waiting)[:MOST_AT_ONCE]
            chosen = set(map(id, group))
            self._waiting = [ending for ending in self._waiting if id(ending) not in chosen]
            self._size -= sum(ending.size for ending in group)
            return group

    def _settle(self, group: Sequence[Ending]) -> None:
        try:
            close_old_connections()
            if not self._is_settled_together(group):
                for ending in group:
                    self._settle_alone(ending)
        finally:
            self._done(group)

    def _is_settled_together(self, group: Sequence[Ending]) -> bool:
        if len(group) == 1:
            return False
        try:
            ours = settle(group)
        except Exception as error:
            # Whatever it is, it is told where it belongs.
            logger.info("%s runs are settled one by one, after %s", len(group), type(error).__name__)
            close_old_connections()
            return False
        for ending in group:
            if ending not in ours:
                leases.say_lost(ending.lease)
        return True

    def _settle_alone(self, ending: Ending) -> None:
        try:
            self._conclude(ending)
        except Exception:
            # Its lease runs out, and somebody takes it up again.
            logger.exception("Run %s was left alone", ending.lease.run.pk)


def _of_different_tables(endings: Sequence[Ending]) -> list[Ending]:
    """The first ones of each table."""
    first: dict[object, Ending] = {}
    for ending in endings:
        first.setdefault(ending.lease.run.saved_request.table_id, ending)
    return list(first.values())
