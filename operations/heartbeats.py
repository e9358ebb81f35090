"""Signs of life in the database: who runs, on which host, and since when.

Written without the ORM, for the scheduler has none of Django's apps.
"""

import os
import resource
import socket
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from django.db import connection

# Who has given no sign for so long is not there.
SILENCE = timedelta(minutes=1)
# Then nobody asks any more when a process was seen last.
KEPT_FOR = timedelta(days=1)

_COLUMNS = (
    *("id", "kind", "host", "pid", "started_at"),
    *("seen_at", "worked_at", "ended_at", "memory_bytes", "cpu_seconds"),
)
_CHANGING = _COLUMNS[5:]
_BEAT = (
    f"INSERT INTO operations_heartbeat ({', '.join(_COLUMNS)}) "  # noqa: S608 - our own names
    f"VALUES ({', '.join(['%s'] * len(_COLUMNS))}) "
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _CHANGING)}"
)


@dataclass(frozen=True, slots=True)
class Process:
    """This process, as the others know it. `kind` is one of `models.ProcessKind`."""

    kind: str
    started_at: datetime
    id: str = field(default_factory=lambda: uuid4().hex)
    host: str = field(default_factory=lambda: socket.gethostname()[:255])
    pid: int = field(default_factory=os.getpid)


def beat(
    process: Process, now: datetime, *, worked_at: datetime | None = None, ended_at: datetime | None = None
) -> None:
    """Leave a sign of life, by one statement. Raises django.db.Error."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    moments = (process.started_at, now, worked_at, ended_at)
    adapted = (connection.ops.adapt_datetimefield_value(moment) for moment in moments)
    with connection.cursor() as cursor:
        cursor.execute(
            _BEAT,
            [
                *(process.id, process.kind, process.host, process.pid),
                *adapted,
                *(_memory(), round(used.ru_utime + used.ru_stime, 3)),
            ],
        )


def forget(now: datetime) -> None:
    """Remove who has not been seen for `KEPT_FOR`. Raises django.db.Error."""
    before = connection.ops.adapt_datetimefield_value(now - KEPT_FOR)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM operations_heartbeat WHERE seen_at < %s", [before])


def _memory() -> int:
    """The resident memory in bytes; elsewhere than on Linux, which does not tell, 0."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0
