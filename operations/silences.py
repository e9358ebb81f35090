"""What stands still because a process is missing, said to everybody who is signed in.

`Watch.look` is called by a thread every few seconds: a page asks memory, and no database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from operations.heartbeats import SILENCE
from operations.models import Heartbeat, ProcessKind


@dataclass(frozen=True, slots=True)
class Silence:
    """What does not happen, since when, and what to do for whoever hosts the product."""

    title: str
    text: str
    remedy: str
    since: datetime


@dataclass(frozen=True, slots=True)
class _Words:
    title: str
    text: str
    remedy: str


_START = {
    ProcessKind.SCHEDULER: "the scheduler (python -m config.background beat)",
    ProcessKind.WORKER: "a worker (python -m config.background worker)",
}
_NO_SCHEDULER = _Words(
    "Schedules stand still.",
    "No scheduler is running: nothing becomes due, and tokens are not renewed ahead of their end. Run now "
    "still works. When it is back, each schedule makes up for what it missed as its catch-up policy says.",
    f"Whoever hosts this product: start {_START[ProcessKind.SCHEDULER]} and see its log.",
)
_NO_WORKER = _Words(
    "Nothing is pulled at the moment.",
    "No worker is running: runs wait, and tokens are not renewed ahead of their end. Nothing is lost; what "
    "waits begins by itself when a worker is back.",
    f"Whoever hosts this product: start {_START[ProcessKind.WORKER]} and see its log.",
)
_NEITHER = _Words(
    "Nothing is pulled at the moment.",
    "Neither a scheduler nor a worker is running: nothing becomes due, runs wait, and tokens are not "
    "renewed ahead of their end. Nothing that waits is lost.",
    f"Whoever hosts this product: start {_START[ProcessKind.SCHEDULER]} and {_START[ProcessKind.WORKER]}, "
    "and see their logs.",
)
_NO_MESSAGES = _Words(
    "Nothing is pulled at the moment.",
    "Scheduler and worker are running, but no message reaches a worker: nothing becomes due, and runs wait. "
    "Nothing that waits is lost.",
    "Whoever hosts this product: see that the broker (Redis or Valkey) runs, and that BROKER_URL is the same "
    "for all processes.",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest of what the processes of one kind have shown."""

    seen_at: datetime
    started_at: datetime
    worked_at: datetime | None = None


def silence(seen: Mapping[str, Seen], *, watched_since: datetime, now: datetime) -> Silence | None:
    """Who is missing. Nobody is within a minute of when we began to watch, for all start together."""
    last = {kind: seen[kind].seen_at if kind in seen else watched_since for kind in _START}
    silent = {kind for kind, at in last.items() if now - max(at, watched_since) > SILENCE}
    if silent:
        words = _NEITHER if len(silent) > 1 else _NO_SCHEDULER
        words = _NO_WORKER if silent == {ProcessKind.WORKER} else words
        return _said(words, max(last[kind] for kind in silent))
    # Whoever has just started could not hear anything before.
    since = max([watched_since, *(seen[kind].started_at for kind in _START if kind in seen)])
    worker = seen.get(ProcessKind.WORKER)
    passed = worker.worked_at if worker else None
    if now - max(since, passed or since) > SILENCE:
        return _said(_NO_MESSAGES, passed or since)
    return None


def _said(words: _Words, since: datetime) -> Silence:
    return Silence(words.title, words.text, words.remedy, since)


class Watch:
    """What this process knows of the others."""

    def __init__(self) -> None:
        self.silence: Silence | None = None
        self._since: datetime | None = None

    def look(self, now: datetime) -> None:
        """Look who gave signs, by one query. Raises django.db.Error."""
        self._since = self._since or now
        newest = (
            Heartbeat.objects.order_by()
            .values_list("kind")
            .annotate(Max("seen_at"), Max("started_at"), Max("worked_at"))
        )
        seen = {kind: Seen(*moments) for kind, *moments in newest}
        self.silence = silence(seen, watched_since=self._since, now=now)


watch = Watch()
