"""The bell: messages that wake a worker. The truth is the run's row, so one may be lost or come twice."""

import logging
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

# By name, for the tasks are above this module.
EXECUTE_RUN = "requests_builder.tasks.execute_run"

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
        transaction.on_commit(partial(_send, run_ids))


def _send(run_ids: Sequence[UUID]) -> None:
    try:
        for run_id in run_ids:
            current_app.send_task(EXECUTE_RUN, args=[str(run_id)])
    except OperationalError:
        # One is enough: the others would wait for the same broker. `recover_runs` rings again.
        _broker.is_now(down=True)
    else:
        _broker.is_now(down=False)
