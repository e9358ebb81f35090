"""All tokens that are due, by threads over as many rows as there is time for.

Rows are leased in batches, and never many more than there are threads for. All workers together send a host
REFRESHES_PER_SECOND at most, and leave alone one that is out of order.
"""

import logging
import threading
import time
from collections import Counter, deque
from datetime import datetime, timedelta

from django.db import connections as databases
from django.db.models import Count, Min

from connections.grants.asking.doors import Doors
from connections.grants.asking.history import gathered, write_now_and_then
from connections.grants.errors import TokenUnavailable
from connections.models import Circuit, Connection, ConnectionQuerySet

from . import late
from .holdings import is_dead
from .leases import RefreshLease, lease_batch
from .renewing import renew
from .servers import may_try, note_recovery, take_turns

THREADS = 32
# One host among several must leave threads to the others, should it hang.
THREADS_PER_HOST = 24
# Leased ahead of the threads; with the fewest left the next batch is fetched, so that no thread waits for it.
_MOST_AHEAD, _FEWEST_AHEAD = 64, 16
# The next tick goes on where this one stopped.
MAX_SECONDS = 25.0
# Between two looks at what is due, while there are turns or threads to wait for.
_PAUSE = 0.1

# One at a time in each process: ticks come more often than a round takes.
_feeding = threading.Lock()
_is_winding_down = threading.Event()
logger = logging.getLogger(__name__)


def refresh_due_tokens(*, now: datetime) -> int:
    """Refresh what is due at `now`, the longest due first; how many were tried.

    Takes up new ones for 25 s at most, and finishes what it has begun. One that fails does not keep the
    others waiting; its row says when it is next. Begins with answers that were left in the journal.
    """
    try:
        late.store_what_was_left(now=now)
    except Exception:
        # One that cannot be read must not stop all others.
        logger.exception("The journal of renewed tokens could not be read")
    if not _feeding.acquire(blocking=False):
        return 0
    a_round = _Round(now)
    try:
        a_round.feed()
    finally:
        _feeding.release()
        a_round.finish()
    return a_round.tried


def wind_down() -> None:
    """Take up nothing more, because the process was asked to stop; what has begun is finished."""
    _is_winding_down.set()


class _Round:
    """What is due from now on, shared out among threads that are started when there is work for them."""

    def __init__(self, now: datetime) -> None:
        self._now, self._began = now, time.monotonic()
        # Two conditions of one lock: what threads wait for, and what whoever feeds them waits for.
        self._lock = threading.Lock()
        self._filled, self._emptied = threading.Condition(self._lock), threading.Condition(self._lock)
        self._waiting: deque[tuple[datetime, RefreshLease]] = deque()
        self._busy: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        self._is_fed = False
        # Servers that had trouble lately: a success ends it.
        self._troubled: set[str] = set()
        self.tried = 0

    @property
    def _at(self) -> datetime:
        return self._now + timedelta(seconds=time.monotonic() - self._began)

    @property
    def _is_over(self) -> bool:
        return _is_winding_down.is_set() or time.monotonic() - self._began >= MAX_SECONDS

    # Taking rows

    def feed(self) -> None:
        """Lease rows and hand them to threads, until nothing is due or the time is over."""
        is_first = True
        while not self._is_over:
            leased, left = self._lease()
            if is_first and left == 0 and len(leased) == 1:
                # What there mostly is needs no thread.
                self._renew(leased[0][1])
                return
            is_first = False
            if not leased and left == 0:
                return
            with self._lock:
                self._waiting.extend(leased)
                self._filled.notify(len(leased))
                self._start_threads()
                self._emptied.wait_for(lambda: len(self._waiting) < _FEWEST_AHEAD, _PAUSE)
            if not leased:
                time.sleep(_PAUSE)

    def finish(self) -> None:
        """Returns when all that was begun has ended. What no thread came to is left to the next tick."""
        with self._lock:
            unbegun = list(self._waiting) if self._is_over else []
            for each in unbegun:
                self._waiting.remove(each)
            self._is_fed = True
            self._filled.notify_all()
        for _, held in unbegun:
            held.give_back()
        for thread in self._threads:
            thread.join()

    def _lease(self) -> tuple[list[tuple[datetime, RefreshLease]], int]:
        """Leases with their moments, for as many as threads will soon have time for; how many are left."""
        at = self._at
        circuits = [circuit for circuit in Circuit.objects.all() if circuit.open_until is not None]
        self._troubled |= {circuit.key for circuit in circuits}
        all_due = Connection.objects.due_for_refresh(at)
        leased = self._trials(all_due, [each for each in circuits if (each.open_until or at) <= at], at)
        due = all_due.exclude(token__server_key__in=[circuit.key for circuit in circuits])
        hosts = list(
            due.order_by()
            .values("token__host")
            .annotate(number=Count("pk"), since=Min("token__refresh_at"))
            .order_by("since")
        )
        with self._lock:
            taken = self._busy + Counter(held.token.host for _, held in self._waiting)
        left = 0
        for row in hosts:
            host, number = row["token__host"], row["number"]
            room = THREADS + _MOST_AHEAD - taken.total() - len(leased)
            if len(hosts) > 1:
                room = min(room, THREADS_PER_HOST - taken[host])
            turns = take_turns(host, min(number, room), at) if room > 0 else []
            if turns:
                pks = list(due.filter(token__host=host).values_list("pk", flat=True)[: len(turns)])
                leased += zip(turns, lease_batch(pks, at), strict=False)
            left += number - len(turns)
        return leased, left

    def _trials(
        self, due: ConnectionQuerySet, circuits: list[Circuit], at: datetime
    ) -> list[tuple[datetime, RefreshLease]]:
        """For each server that has been left alone long enough, one that tries for all."""
        found = []
        for circuit in circuits:
            pks = list(due.filter(token__server_key=circuit.key).values_list("pk", flat=True)[:1])
            if pks and may_try(circuit, at):
                found += [(at, held) for held in lease_batch(pks, at)]
        return found

    # Renewing

    def _start_threads(self) -> None:
        missing = min(len(self._waiting), THREADS - len(self._threads))
        for _ in range(missing):
            thread = threading.Thread(target=self._work, name="refreshing")
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        doors = Doors()
        try:
            with gathered():
                while (taken := self._next()) is not None:
                    moment, held = taken
                    time.sleep(max((moment - self._at).total_seconds(), 0))
                    with doors.kept_open(held.token.connection.team_id):
                        self._renew(held)
                    write_now_and_then()
        finally:
            doors.close()
            databases.close_all()

    def _spare(self, server_key: str) -> None:
        """Give back what waits for a server that has just been found out of order."""
        with self._lock:
            spared = [each for each in self._waiting if each[1].token.server_key == server_key]
            for each in spared:
                self._waiting.remove(each)
        for _, held in spared:
            held.give_back()

    def _next(self) -> tuple[datetime, RefreshLease] | None:
        with self._lock:
            self._filled.wait_for(lambda: self._waiting or self._is_fed)
            if not self._waiting:
                return None
            moment, held = self._waiting.popleft()
            self._busy[held.token.host] += 1
            if len(self._waiting) < _FEWEST_AHEAD:
                self._emptied.notify()
            return moment, held

    def _renew(self, held: RefreshLease) -> None:
        token = held.token
        try:
            if is_dead(token):
                held.give_back(refresh_at=None)
                return
            renew(held)
            if token.server_key in self._troubled or token.failures:
                self._troubled.discard(token.server_key)
                note_recovery(token.connection, held.now)
        except TokenUnavailable:
            # The next success tells whether it was the server's trouble.
            self._troubled.add(token.server_key)
            if Circuit.objects.open(held.now).filter(key=token.server_key).exists():
                self._spare(token.server_key)
        except Exception:
            logger.exception("Refreshing connection %s failed unexpectedly", token.connection_id)
        finally:
            with self._lock:
                self._busy[token.host] -= 1
                self.tried += 1
