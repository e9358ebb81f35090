"""A message that wakes a worker for one connection. The truth is its token's row, so it may be lost."""

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

# By name, for the tasks are above this package.
_TASK = "connections.tasks.refresh_token"

logger = logging.getLogger(__name__)


def ring(connection_pk: UUID) -> None:
    """Have its token renewed out of line once the transaction has committed.

    A broker that is down is no error: the next tick finds what is due.
    """
    transaction.on_commit(partial(_send, connection_pk))


def _send(connection_pk: UUID) -> None:
    try:
        current_app.send_task(_TASK, args=[str(connection_pk)])
    except OperationalError:
        logger.warning("The broker cannot be reached. A renewal waits for the next tick.")
