"""Signs of life of the worker and of beat, for the supervisor and for a container's health check.

Each touches a file of its name in DATA_DIR/run while work goes through it, and leaves a row in the database
for all the others. Asking over the broker (`celery inspect ping`) would start a whole Celery every time.
"""

import logging
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from celery.signals import after_task_publish
from django.conf import settings
from django.utils import timezone

from operations.pulse import Pulse

# Seconds between two looks; whoever watches should wait for several of them.
INTERVAL = 2.0


class _Work:
    """When work last went through this process."""

    at: datetime | None = None


def touch(name: str) -> None:
    """Leave a sign of life now."""
    _Work.at = timezone.now()
    path = Path(settings.DATA_DIR) / "run" / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch()


def show_worker(**_: Any) -> None:
    """The worker is ready. From now on, it lives while it takes tasks or is busy with some."""
    touch("worker")
    threading.Thread(target=_watch_tasks, name="heartbeat", daemon=True).start()
    from operations import tallies

    Pulse("worker", worked_at=lambda: _Work.at, also=(lambda now: tallies.flush(),)).start()


def _watch_tasks() -> None:
    # Late: the web process knows this module, too, and need not carry a worker's parts.
    from celery.worker import state

    seen = 0
    while True:
        taken: int = state.all_total_count[0]
        if taken != seen or state.active_requests:
            seen = taken
            touch("worker")
        time.sleep(INTERVAL)


def show_beat(**_: Any) -> None:
    """Beat has begun; it lives while the broker takes its messages."""
    # Kept by us (weak=False): a local function would be forgotten at once.
    after_task_publish.connect(lambda **_: touch("beat"), weak=False)
    Pulse("scheduler", worked_at=lambda: _Work.at).start()


def show_web() -> None:
    """This process serves pages: it lives while it runs, and knows who else does."""
    from operations import silences, tallies

    Pulse("web", also=(lambda now: tallies.flush(), silences.watch.look)).start()


def leave_logging_to_django(**_: Any) -> None:
    """Keep Celery from its own logging: settings.LOGGING holds, and a line for every tick is too much."""
    logging.getLogger("celery").setLevel(logging.WARNING)
