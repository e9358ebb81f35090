"""The bell: messages that wake workers. The truth is in the runs' rows, so one may be lost or come twice.

A message says only that there is work. Handling one costs Celery some 3 ms, more than a small pull needs: for
any number of runs a few are sent, and whoever hears one takes as many runs as it has hands for.
"""

import logging
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

# By name, for the tasks are above this module.
WORK = "requests_builder.tasks.work"
# Enough to wake several workers on several machines, where there is enough for them to do.
MOST_MESSAGES = 4
RUNS_OF_A_MESSAGE = 8
# Seconds. What was not heard by then is rung for again.
EXPIRES = 60

logger = logging.getLogger(__name__)


class _Broker:
    """Whether the broker took the last message: said once when that changes, not for each message."""

    is_down = False

    def is_now(self, *, down: bool) -> None:
        if down and not self.is_down:
            logger.warning("The broker cannot be reached. Runs are kept, and start when it is back.")
        elif self.is_down and not down:
            logger.warning("The broker is back.")
        self.is_down = down


_broker = _Broker()


def ring(run_ids: Sequence[UUID]) -> None:
    """Wake workers for these runs once the transaction has committed. A broker that is down is no error."""
    if run_ids:
        count = min(-(-len(run_ids) // RUNS_OF_A_MESSAGE), MOST_MESSAGES)
        transaction.on_commit(partial(_send, count))


def _send(count: int) -> None:
    try:
        for _ in range(count):
            current_app.send_task(WORK, expires=EXPIRES)
    except OperationalError:
        # One is enough: the others would wait for the same broker. `recover_runs` rings again.
        _broker.is_now(down=True)
    else:
        _broker.is_now(down=False)
