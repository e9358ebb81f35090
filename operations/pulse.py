"""The thread by which a process shows that it lives, and writes down what it has counted."""

import atexit
import logging
import threading
from collections.abc import Callable
from datetime import datetime

from django.db import connections
from django.utils import timezone

from operations import heartbeats

# Seconds.
INTERVAL = 10.0
# So many beats until the rows of those who are gone are removed; also at the first.
_FORGETS_EVERY = 360

logger = logging.getLogger(__name__)


class Pulse:
    """Beats every `INTERVAL` from `start` until the process ends.

    `worked_at` tells when work last went through the process; each of `also` is called at each beat, and a
    last time at the end. It keeps no connection to the database between two beats.
    """

    def __init__(
        self,
        kind: str,
        *,
        worked_at: Callable[[], datetime | None] = lambda: None,
        also: tuple[Callable[[datetime], None], ...] = (),
    ) -> None:
        self._process = heartbeats.Process(kind, timezone.now())
        self._worked_at = worked_at
        self._also = also
        self._is_ending = threading.Event()
        self._lock = threading.Lock()
        self._beats = 0
        self._is_failing = False

    def start(self) -> None:
        """From now on, to the end of the process, after its other threads have ended."""
        threading.Thread(target=self._go, name="pulse", daemon=True).start()
        atexit.register(self._end)

    def _go(self) -> None:
        while not self._is_ending.is_set():
            self.beat(timezone.now())
            self._is_ending.wait(INTERVAL)

    def _end(self) -> None:
        self._is_ending.set()
        # After a beat that is under way, which would call it alive again.
        with self._lock:
            self._beat(timezone.now(), is_last=True)

    def beat(self, now: datetime) -> None:
        """One beat, unless the process is ending. A database that cannot be reached is no error."""
        with self._lock:
            if not self._is_ending.is_set():
                self._beat(now)

    def _beat(self, now: datetime, *, is_last: bool = False) -> None:
        try:
            ended_at = now if is_last else None
            heartbeats.beat(self._process, now, worked_at=self._worked_at(), ended_at=ended_at)
            if self._beats % _FORGETS_EVERY == 0:
                heartbeats.forget(now)
            self._beats += 1
            for call in self._also:
                call(now)
            self._is_failing = False
        except Exception as error:
            # Whatever it is, the process works, and the next beat may succeed.
            if not self._is_failing:
                logger.warning("No sign of life could be left: %s", type(error).__name__)
            self._is_failing = True
        finally:
            connections.close_all()
