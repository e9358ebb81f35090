"""Who looks on: a reader of the tables, and a watch on the runs that killed workers held."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from django.db import connection

from requests_builder import tables
from requests_builder.models import Run, RunState, WriteMode
from tests.chaos import source
from tests.chaos.world import Target, interruptible

READS_PER_SECOND = 20
LOOKS_PER_SECOND = 4


def complaint(target: Target, rows: Sequence[dict[str, Any]]) -> str:
    """What is wrong with the rows of a table, whichever pulls it shows; empty if nothing is."""
    versions: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        versions.setdefault(row["version"], []).append(row)
    if len(versions) > 1 and target.mode != WriteMode.APPEND:
        counts = {version: len(found) for version, found in versions.items()}
        return f"table {target.number} ({target.mode}) shows rows of several pulls: {counts}"
    for version, found in versions.items():
        if source.digest(found) != source.digest_of_whole(target.number, version):
            return f"table {target.number} ({target.mode}) shows {len(found)} of {target.rows} rows"
    return ""


class _Thread:
    """Something that is done again and again beside the chaos."""

    def __init__(self, per_second: float) -> None:
        self._pause = 1 / per_second
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True, name=type(self).__name__)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join(30)

    def _go(self) -> None:
        try:
            while not self._is_over.is_set():
                began = time.monotonic()
                with interruptible():
                    self.look()
                self._is_over.wait(max(0.0, self._pause - (time.monotonic() - began)))
        finally:
            connection.close()

    def look(self) -> None:
        raise NotImplementedError


class Reader(_Thread):
    """Reads one table after the other, as a person or a feed does, and never sees half of a pull."""

    def __init__(self, targets: Sequence[Target], seed: int) -> None:
        super().__init__(READS_PER_SECOND)
        self._targets = targets
        self._chance = random.Random(seed)
        self.reads = self.filled = 0
        self.complaints: list[str] = []

    def look(self) -> None:
        target = self._chance.choice(self._targets)
        rows = list(tables.records(target.table))
        self.reads += 1
        self.filled += bool(rows)
        if found := complaint(target, rows):
            self.complaints.append(found)


@dataclass(frozen=True, slots=True)
class _Left:
    """A run that was held when a worker was killed, and how it stood."""

    at: float
    fence: int
    pages: int
    leased_until: datetime | None


class Resumption(_Thread):
    """Measures how long the runs of a killed worker lie there until somebody takes them up again."""

    def __init__(self) -> None:
        super().__init__(LOOKS_PER_SECOND)
        self._lock = threading.Lock()
        self._left: dict[UUID, _Left] = {}
        self.seconds: list[float] = []
        # Seconds for which a run lay there that was set aside, because its workers died again and again.
        self.set_aside: list[float] = []

    def killed(self, at: float) -> None:
        """A worker was killed: any run that is held now may have been its."""
        with interruptible():
            held = Run.objects.filter(state=RunState.RUNNING)
            for pk, *how in held.values_list("pk", "fence", "pages", "leased_until"):
                with self._lock:
                    self._left.setdefault(pk, _Left(at, *how))

    def look(self) -> None:
        with self._lock:
            left = dict(self._left)
        if not left:
            return
        runs = Run.objects.filter(pk__in=left)
        found = runs.only("state", "fence", "page_deaths", "pages", "leased_until").in_bulk()
        for pk, before in left.items():
            if self._is_settled(found[pk], before):
                with self._lock:
                    self._left.pop(pk, None)

    def _is_settled(self, run: Run, before: _Left) -> bool:
        """Whether it was taken up, which is measured, or went on under the same worker."""
        if run.fence != before.fence:
            was_set_aside = run.page_deaths > Run.DEATHS_FORGIVEN
            (self.set_aside if was_set_aside else self.seconds).append(time.monotonic() - before.at)
            return True
        if run.state == RunState.QUEUED and run.page_deaths > Run.DEATHS_FORGIVEN:
            return False
        return run.state != RunState.RUNNING or (run.pages, run.leased_until) != (
            before.pages,
            before.leased_until,
        )

    @property
    def unresumed(self) -> int:
        with self._lock:
            return len(self._left)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of them does not exceed; 0 of none."""
    if not values:
        return 0.0
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
