"""One attempt at a run, and what becomes of the run after whatever stopped it."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.db import IntegrityError, InterfaceError, InternalError, OperationalError, connection

from connections import outbound
from requests_builder.models import Mender, RunState, Table
from requests_builder.runs import (
    leases,
    setbacks,
    settling,
    tallying,
)
from requests_builder.runs.clock import Clock
from requests_builder.runs.hosts import Held
from requests_builder.runs.leases import HandedOver, Lease, LeaseLost, claim, heart
from requests_builder.runs.problems import Problem, PullDelayed, PullFailed, told
from requests_builder.runs.pulling import Pull
from requests_builder.runs.settling import Ending

# For one page: attempts that failed here but might have gone well.
MOST_ATTEMPTS = 5

logger = logging.getLogger(__name__)


def execute(run_id: UUID, *, worker: UUID, now: datetime) -> RunState | None:
    """Work on the run until it has succeeded, failed, or has to wait; the state it is left in.

    None: it is not ours to do. Somebody else has it, it is finished, or its time has not come; or it was
    taken from us meanwhile. Any number of workers may call this for one run, at any time.
    """
    lease = claim(run_id, worker=worker, clock=Clock(now))
    return work_on(lease) if lease else None


def work_on(lease: Lease) -> RunState | None:
    """What `execute` does, with a run that is taken already."""
    with heart.keeping(lease):
        ending = pull(lease)
        return conclude(ending) if isinstance(ending, Ending) else ending


def pull(lease: Lease, shelf: outbound.Shelf | None = None) -> Ending | RunState | None:
    """Ask for every page that is left, and store all but the last one, which is to be settled.

    If it does not come to that, the state the run is left in; None if it is not ours any more. Connections
    are kept on the `shelf` for other runs of the same team.
    """
    return _seen_to(lease, partial(_pull, lease, shelf))


def conclude(ending: Ending) -> RunState | None:
    """Settle the run by itself; the state it is left in, and None if it is not ours any more."""
    return _seen_to(ending.lease, partial(_settle, ending))


def _pull(lease: Lease, shelf: outbound.Shelf | None) -> Ending | RunState:
    with outbound.Door(shelf=shelf, owner=lease.run.team_id) as door:
        return Pull(lease, door).go()


def _settle(ending: Ending) -> RunState:
    if not settling.settle([ending]):
        raise LeaseLost
    return RunState.SUCCEEDED


_T = TypeVar("_T")


def _seen_to(lease: Lease, work: Callable[[], _T]) -> _T | RunState | None:
    """What the work gives; if it fails, the state in which the run is left, or None if that is not ours."""
    with tallying.about(lease.run):
        try:
            return _tried(lease, work)
        except LeaseLost:
            leases.say_lost(lease)
            return None


def _tried(lease: Lease, work: Callable[[], _T]) -> _T | RunState:
    try:
        with told():
            return work()
    except PullFailed as failure:
        return setbacks.fail(lease, failure.problem)
    except PullDelayed as delay:
        return setbacks.postpone(lease, delay, lease.run.saved_request.retries + 1)
    except LeaseLost:
        raise
    except Held as held:
        return setbacks.hold(lease, held)
    except HandedOver:
        return setbacks.hand_over(lease)
    except Exception as surprise:
        return _after(surprise, lease)


def _after(surprise: Exception, lease: Lease) -> RunState:
    """What becomes of a run after something that its parts do not foresee."""
    if isinstance(surprise, IntegrityError | Table.DoesNotExist) and _has_lost_its_table(lease):
        return setbacks.fail(lease, _TABLE_GONE)
    logger.error("Run %s was interrupted", lease.run.pk, exc_info=surprise)
    # PostgreSQL calls it internal that it has ended the session of a process that was frozen.
    if isinstance(surprise, OperationalError | InterfaceError | InternalError):
        # A new connection may find the database back. If not, the lease runs out, which comes to the same.
        connection.close()
        return setbacks.postpone(lease, PullDelayed(_DATABASE_LOST), MOST_ATTEMPTS)
    return setbacks.postpone(lease, PullDelayed(_MISTAKE), MOST_ATTEMPTS)


def _has_lost_its_table(lease: Lease) -> bool:
    # The request as we read it names a table, which may have been deleted since.
    return not Table.objects.filter(saved_requests=lease.run.saved_request).exists()


_TABLE_GONE = Problem(
    "table_deleted",
    "The table for these records was deleted. Choose another one under Import Settings.",
    Mender.EDITOR,
)
_DATABASE_LOST = Problem("database_lost", "The database could not be reached.", Mender.HOST)
_MISTAKE = Problem(
    "internal_error",
    "Something went wrong here that should not. If it happens again, tell whoever hosts this product: its "
    "log says more.",
    Mender.HOST,
)
