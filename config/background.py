"""The worker and beat: `python -m config.background worker` and `python -m config.background beat`.

The same parts as `celery worker` and `celery beat` run, without Celery's command line, whose import alone
takes a second of CPU in each; and beat, which only sends names, without Django's apps.
"""

import logging
import signal
import sys
import warnings

import celery.apps.worker
from celery.beat import Service
from django.conf import settings

from config import heartbeat, logs
from config.celery import app

logger = logging.getLogger(__name__)


def work() -> int:
    """Take tasks until asked to stop; finishes those that it has begun."""
    # Its last words would go past the log, in a form of their own.
    celery.apps.worker.safe_say = lambda words, *_: logger.info(words.strip())  # type: ignore[attr-defined]
    worker = app.Worker(quiet=True, without_gossip=True, without_mingle=True)
    worker.start()
    return int(worker.exitcode or 0)


def beat() -> int:
    """Send what the schedule says until asked to stop."""
    # Without Django's apps, nobody has asked for the settings yet; and its sign of life needs none.
    logs.configure(settings.LOGGING)
    heartbeat.leave_logging_to_django()
    warnings.filterwarnings("ignore", "Accessing the database during app initialization")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    # By name: left out, it would be the scheduler that keeps a file in the working directory.
    Service(app, scheduler_cls=app.conf.beat_scheduler).start()
    return 0


if __name__ == "__main__":
    sys.exit({"worker": work, "beat": beat}[sys.argv[1]]())
