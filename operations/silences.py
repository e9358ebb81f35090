"""What stands still because a process is missing, said to everybody who is signed in.

`Watch.look` is called by a thread every few seconds: a page asks memory, and no database.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Max

from operations.heartbeats import SILENCE
from operations.models import Heartbeat, ProcessKind


@dataclass(frozen=True, slots=True)
class Silence:
    """What does not happen; what to do for whoever hosts us; when there was a sign last, if ever."""

    title: str
    text: str
    remedy: str
    commands: tuple[str, ...] = ()
    since: datetime | None = None


_COMMANDS = {
    ProcessKind.SCHEDULER: "python -m config.background beat",
    ProcessKind.WORKER: "python -m config.background worker",
}
_NO_SCHEDULER = Silence(
    "Schedules stand still.",
    "No scheduler is running: nothing becomes due, and tokens are not renewed ahead of their end. Run now "
    "still works. When it is back, each schedule makes up for what it missed as its catch-up policy says.",
    "Whoever hosts this product: start the scheduler, and see its log.",
    (_COMMANDS[ProcessKind.SCHEDULER],),
)
_NO_WORKER = Silence(
    "Nothing is pulled at the moment.",
    "No worker is running: runs wait, and tokens are not renewed ahead of their end. Nothing is lost; what "
    "waits begins by itself when a worker is back.",
    "Whoever hosts this product: start a worker, and see its log.",
    (_COMMANDS[ProcessKind.WORKER],),
)
_NEITHER = Silence(
    "Nothing is pulled at the moment.",
    "Neither a scheduler nor a worker is running: nothing becomes due, runs wait, and tokens are not "
    "renewed ahead of their end. Nothing that waits is lost.",
    "Whoever hosts this product: start a scheduler and a worker, and see their logs.",
    tuple(_COMMANDS.values()),
)
_NO_MESSAGES = Silence(
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
    kinds = [seen.get(kind) for kind in _COMMANDS]
    silent = {
        kind: found.seen_at if found else None
        for kind, found in zip(_COMMANDS, kinds, strict=True)
        if now - max(found.seen_at if found else watched_since, watched_since) > SILENCE
    }
    if silent:
        words = _NEITHER if len(silent) > 1 else _NO_WORKER if ProcessKind.WORKER in silent else _NO_SCHEDULER
        return replace(words, since=max(filter(None, silent.values()), default=None))
    # Whoever has just started could not hear anything before.
    since = max([watched_since, *(found.started_at for found in kinds if found)])
    worker = seen.get(ProcessKind.WORKER)
    passed = worker.worked_at if worker else None
    if now - max(since, passed or since) > SILENCE:
        return replace(_NO_MESSAGES, since=passed)
    return None


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
