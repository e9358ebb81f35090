"""The hands of a worker process: threads that take runs and work on them, for as long as there are any."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.db import connections as databases
from django.utils import timezone

from connections import outbound
from requests_builder.runs import execution, hosts, leases, queue
from requests_builder.runs.leases import Lease, heart
from requests_builder.runs.settling import Ending, Writer

# Seconds for which a thread without work keeps its connection to the database.
LINGER = 5.0
# Runs that are taken at once; more would wait in this process while another one has hands free.
MOST_AT_ONCE = 64
# To take many costs hardly more than to take one: while most hands are busy, so many seconds are given for
# others to be free.
GATHER = 0.05
# To all hosts of all teams together, between two calls.
MOST_CONNECTIONS = 256

logger = logging.getLogger(__name__)


class Crew:
    """Threads that share the work. When there is none left, one of them fetches more for all.

    Small pulls are left to the writer when their page has come; the hand is free for another one then.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # For threads that wait for work, the one that waits for others before it fetches, and whoever rests.
        self._changed = threading.Condition(self._lock)
        self._freed = threading.Condition(self._lock)
        self._resting = threading.Condition(self._lock)
        self._writer = Writer(execution.conclude, self._settled)
        self._shelf = outbound.Shelf(MOST_CONNECTIONS)
        self._taken: deque[Lease] = deque()
        self._threads = 0
        self._busy = 0
        self._settling = 0
        self._is_rung = False
        self._is_fetching = False
        # Whether runs were left for which there were no hands, or which others have to make room for.
        self._are_left = False

    def rouse(self) -> None:
        """There may be work. Returns at once."""
        with self._lock:
            self._is_rung = True
            self._wake()

    def wind_down(self) -> None:
        """Take no more runs, and give back those under way as soon as a page of theirs is done."""
        leases.is_stopping.set()
        with self._lock:
            self._tell_all()
        self._writer.hurry()
        self._give_back()

    def rest(self, seconds: float) -> bool:
        """Wait until nothing is under way, or so long; whether nothing is."""
        with self._lock:
            return self._resting.wait_for(self._is_at_rest, seconds)

    def _is_at_rest(self) -> bool:
        return not (self._busy or self._settling or self._taken or self._is_fetching or self._is_rung)

    def _tell_all(self) -> None:
        for condition in (self._changed, self._freed, self._resting):
            condition.notify_all()

    def _give_back(self) -> None:
        with self._lock:
            unbegun = list(self._taken)
            self._taken.clear()
        for lease in unbegun:
            heart.let_go(lease)
        leases.give_back(unbegun, timezone.now())

    def _wake(self) -> None:
        """See to it that a thread is there for each run that was taken, and one to fetch if that is wanted.

        Old ones or new ones. Called with the lock.
        """
        wanted = len(self._taken) + (self._is_rung and not self._is_fetching)
        idle = self._threads - self._busy - self._is_fetching
        self._changed.notify(wanted)
        for _ in range(min(wanted - idle, settings.WORKER_THREADS - self._threads)):
            self._threads += 1
            threading.Thread(target=self._work, name="crew").start()

    def _work(self) -> None:
        try:
            while (lease := self._next()) is not None:
                self._do(lease)
            if leases.is_stopping.is_set():
                self._give_back()
        finally:
            databases.close_all()
            if not self._threads:
                self._shelf.clear()

    def _do(self, lease: Lease) -> None:
        is_left_to_writer = False
        try:
            close_old_connections()
            ending = execution.pull(lease, self._shelf)
            if isinstance(ending, Ending):
                is_left_to_writer = ending.is_light and self._leave(ending)
                if not is_left_to_writer:
                    execution.conclude(ending)
        except Exception:
            # Its lease runs out, and somebody takes it up again.
            logger.exception("Run %s was left alone", lease.run.pk)
        finally:
            if not is_left_to_writer:
                heart.let_go(lease)
            hosts.reminders.set(self.rouse)
            with self._lock:
                self._busy -= 1
                self._look_again()
                is_last = not (self._busy or self._taken)
            if is_last and is_left_to_writer:
                self._writer.hurry()

    def _leave(self, ending: Ending) -> bool:
        """Leave it to the writer, unless that has too much to do; whether it was left."""
        with self._lock:
            self._settling += 1
        if not (is_taken := self._writer.take(ending)):
            with self._lock:
                self._settling -= 1
        return is_taken

    def _settled(self, endings: Sequence[Ending]) -> None:
        """Called by the writer."""
        for ending in endings:
            heart.let_go(ending.lease)
        with self._lock:
            self._settling -= len(endings)
            self._look_again()
            self._wake()

    def _look_again(self) -> None:
        """A hand is free, or a run is finished: what was left may be taken now. Called with the lock."""
        self._is_rung = self._is_rung or self._are_left
        if self._has_gathered():
            self._freed.notify()
        if self._is_at_rest():
            self._resting.notify_all()

    def _has_gathered(self) -> bool:
        return 2 * self._busy <= settings.WORKER_THREADS or leases.is_stopping.is_set()

    def _next(self) -> Lease | None:
        """A run to work on; None after some time without any, and when the process was asked to stop."""
        until = time.monotonic() + LINGER
        with self._lock:
            while not leases.is_stopping.is_set():
                if self._taken:
                    self._busy += 1
                    return self._taken.popleft()
                if self._is_rung and not self._is_fetching:
                    self._fetch()
                elif time.monotonic() > until:
                    break
                else:
                    self._changed.wait(LINGER)
            self._threads -= 1
            self._is_rung = self._is_rung and not leases.is_stopping.is_set()
            self._tell_all()
            return None

    def _fetch(self) -> None:
        """Take what there is hands for. Called with the lock, which is free meanwhile."""
        self._is_fetching = True
        self._freed.wait_for(self._has_gathered, GATHER)
        self._is_rung = False
        free = settings.WORKER_THREADS - self._busy
        self._lock.release()
        taken: list[Lease] = []
        try:
            close_old_connections()
            kept, now = min(free, settings.WORKER_THREADS // 4), timezone.now()
            hosts.known.refresh(now, hosts.FRESH)
            taken, self._are_left = queue.take(min(free, MOST_AT_ONCE), kept=kept, now=now)
            heart.keep(taken)
        except DatabaseError as error:
            # The next bell tries again.
            logger.warning("No run could be taken: %s", type(error).__name__)
            databases.close_all()
        finally:
            self._lock.acquire()
            self._is_fetching = False
            self._taken.extend(taken)
            self._wake()
            if self._is_at_rest():
                self._resting.notify_all()


crew = Crew()
