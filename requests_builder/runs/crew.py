"""The hands of a worker process: threads that take runs and work on them, for as long as there are any."""

import logging
import threading
import time
from collections import deque

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections
from django.utils import timezone

from requests_builder.runs import execution, hosts, leases, queue
from requests_builder.runs.leases import Lease, heart

# Seconds for which a thread without work keeps its connection to the database.
LINGER = 5.0
# Runs that are taken at once; more would wait in this process while another one has hands free.
MOST_AT_ONCE = 32

logger = logging.getLogger(__name__)


class Crew:
    """Threads that share the work. When there is none left, one of them fetches more for all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._taken: deque[Lease] = deque()
        self._threads = 0
        self._busy = 0
        self._is_rung = False
        self._is_fetching = False
        # Whether runs were left for which there were no hands, or which others have to make room for.
        self._are_left = False

    def rouse(self) -> None:
        """There may be work. Returns at once."""
        with self._lock:
            self._is_rung = True
            self._wake(1)

    def wind_down(self) -> None:
        """Take no more runs, and give back those under way as soon as a page of theirs is done."""
        leases.is_stopping.set()
        with self._lock:
            self._changed.notify_all()
        self._give_back()

    def rest(self, seconds: float) -> bool:
        """Wait until nothing is under way, or so long; whether nothing is."""
        until = time.monotonic() + seconds
        with self._lock:
            return self._changed.wait_for(
                lambda: not (self._busy or self._taken or self._is_fetching or self._is_rung),
                max(0.0, until - time.monotonic()),
            )

    def _give_back(self) -> None:
        with self._lock:
            unbegun = list(self._taken)
            self._taken.clear()
        for lease in unbegun:
            heart.let_go(lease)
        leases.give_back(unbegun, timezone.now())

    def _wake(self, count: int) -> None:
        """Have as many threads look for work, old ones or new ones. Called with the lock."""
        self._changed.notify(count)
        idle = self._threads - self._busy - self._is_fetching
        for _ in range(min(count - idle, settings.WORKER_THREADS - self._threads)):
            self._threads += 1
            threading.Thread(target=self._work, name="crew").start()

    def _work(self) -> None:
        try:
            while (lease := self._next()) is not None:
                self._do(lease)
            if leases.is_stopping.is_set():
                self._give_back()
        finally:
            connections.close_all()

    def _do(self, lease: Lease) -> None:
        try:
            close_old_connections()
            execution.work_on(lease)
        except Exception:
            # Its lease runs out, and somebody takes it up again.
            logger.exception("Run %s was left alone", lease.run.pk)
        finally:
            heart.let_go(lease)
            hosts.reminders.set(self.rouse)
            with self._lock:
                self._busy -= 1
                self._is_rung = self._is_rung or self._are_left
                self._changed.notify_all()

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
            self._changed.notify_all()
            return None

    def _fetch(self) -> None:
        """Take what there is hands for. Called with the lock, which is free meanwhile."""
        self._is_rung, self._is_fetching = False, True
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
            connections.close_all()
        finally:
            self._lock.acquire()
            self._is_fetching = False
            self._taken.extend(taken)
            self._wake(len(taken))


crew = Crew()
