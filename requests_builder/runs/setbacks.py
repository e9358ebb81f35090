"""What becomes of a run whose attempt did not come to its end: failed, put off, held back, handed over.

Each is one transaction that gives the run back and leaves what people want to know of the attempt.
"""

import logging
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from requests_builder import destinations
from requests_builder.models import AttemptOutcome, Mender, RunState
from requests_builder.runs import attempts, bell, tallying, transcripts
from requests_builder.runs.hosts import Held
from requests_builder.runs.leases import Lease
from requests_builder.runs.pacing import LONGEST_WAIT
from requests_builder.runs.problems import Problem, PullDelayed

FIRST_GAP = timedelta(seconds=10)
LONGEST_GAP = timedelta(minutes=15)

logger = logging.getLogger(__name__)


def ended(state: RunState, now: datetime) -> dict[str, Any]:
    """The fields of a run that is finished."""
    ended: dict[str, Any] = {"state": state, "finished_at": now, "leased_by": None, "leased_until": None}
    return ended | {"checkpoint": None, "error_code": "", "error": "", "mender": ""}


def _told(problem: Problem) -> dict[str, Any]:
    return {"error_code": problem.code, "error": problem.sentence, "mender": problem.mender}


def fail(lease: Lease, problem: Problem) -> RunState:
    _give_up(lease, AttemptOutcome.FAILED, ended(RunState.FAILED, lease.clock()), problem)
    tallying.finished(lease.run, RunState.FAILED, problem.code)
    logger.info("Run %s failed: %s", lease.run.pk, problem.code)
    if lease.run.saved_request.table_id is not None:
        destinations.of(lease.run.saved_request).discard(lease.run)
    return RunState.FAILED


def postpone(lease: Lease, delay: PullDelayed, most: int) -> RunState:
    """Give the run back, to be tried again later, up to `most` times: a row waits, no worker does."""
    # An attempt whose worker died says nothing about the other side.
    attempts, problem = lease.run.page_attempts - lease.run.page_deaths, delay.problem
    if attempts >= most:
        mender = Mender.PROVIDER if problem.mender == Mender.NOBODY else problem.mender
        times = "once" if attempts == 1 else f"{attempts} times"
        tried = f"{problem.sentence} It was tried {times}; press Run now to try again."
        return fail(lease, replace(problem, sentence=tried, mender=mender))
    not_before = lease.clock() + gap(attempts, delay.retry_after)
    free = {"state": RunState.QUEUED, "leased_by": None, "leased_until": None}
    _give_up(lease, AttemptOutcome.DELAYED, free | {"not_before": not_before}, problem)
    tallying.postponed(problem.code)
    logger.info("Run %s waits until %s: %s", lease.run.pk, not_before, problem.code)
    return RunState.QUEUED


def _give_up(lease: Lease, outcome: AttemptOutcome, fields: dict[str, Any], problem: Problem) -> None:
    """End the attempt with these fields of the run, and leave what people want to know of it."""
    run, tally, now = lease.run, lease.tally, lease.clock()
    with lease.writing(**fields | tally.of_run(run) | _told(problem)):
        waits_until = fields.get("not_before")
        attempts.note(run, tally, outcome, now=now, problem=problem, waits_until=waits_until)
        transcripts.keep_failed(run, tally.caller, now)


def hand_over(lease: Lease) -> RunState:
    """Give the run back at once: whoever takes it goes on after the last page, and it cost no attempt."""
    run = lease.run
    counts = {"attempts": run.attempts - 1, "page_attempts": max(0, run.page_attempts - 1)}
    free = {"state": RunState.QUEUED, "leased_by": None, "leased_until": None}
    now = lease.clock()
    with lease.writing(**free, **counts, **lease.tally.of_run(run), not_before=now, rung_at=None):
        attempts.note(run, lease.tally, AttemptOutcome.HANDED_OVER, now=now)
    logger.info("Run %s is left to another worker", run.pk)
    bell.ring([run.pk])
    return RunState.QUEUED


def hold(lease: Lease, held: Held) -> RunState:
    """Give the run back until its host may be called again: nothing was sent, so it cost no attempt."""
    run = lease.run
    counts = {"attempts": run.attempts - 1, "page_attempts": max(0, run.page_attempts - 1)}
    free: dict[str, Any] = {"state": RunState.QUEUED, "leased_by": None, "leased_until": None}
    if run.attempts == 1 and not run.pages:
        free["started_at"] = None
    figures = lease.tally.of_run(run) if lease.tally.pages else {}
    with lease.writing(**free, **counts, **figures, not_before=held.until, rung_at=None):
        if figures:
            outcome = AttemptOutcome.HANDED_OVER
            attempts.note(run, lease.tally, outcome, now=lease.clock(), waits_until=held.until)
    logger.debug("Run %s waits for its host until %s", run.pk, held.until)
    return RunState.QUEUED


def gap(attempt: int, retry_after: timedelta | None) -> timedelta:
    """How long to wait after this attempt, the first being 1: four times longer each time.

    Never shorter than the other side asks for (up to an hour), and never the same for all: what failed
    together must not come back together.
    """
    growth: int = 4 ** (attempt - 1)
    own = min(FIRST_GAP * growth, LONGEST_GAP) * random.uniform(0.75, 1.25)  # noqa: S311
    asked = min(retry_after or timedelta(0), LONGEST_WAIT) * random.uniform(1, 1.1)  # noqa: S311
    return max(own, asked)
