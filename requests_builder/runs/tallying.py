"""What is counted of runs, for metrics; and what each line tells that is logged while one is worked on."""

from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager

from structlog.contextvars import bound_contextvars

from operations import tallies
from requests_builder.models import Run, RunState

# How many came to which end: by outcome and error code, and by host and outcome.
FINISHED = "runs_finished"
FINISHED_AT_HOST = "runs_finished_at_host"
# Attempts after which a run waits for another one, by error code.
POSTPONED = "run_attempts_postponed"


def finished(run: Run, outcome: RunState, code: str = "") -> None:
    """It is finished, with an error code if it has one."""
    tallies.count(FINISHED, outcome=outcome, code=code)
    tallies.count(FINISHED_AT_HOST, host=run.saved_request.host, outcome=outcome)


def passed_over(written: Iterable[Run]) -> None:
    """Those among rows just written that never begin: skipped and missed."""
    ends = Counter((run.state, run.error_code) for run in written if run.is_finished)
    for (outcome, code), count in ends.items():
        tallies.count(FINISHED, count, outcome=outcome, code=code)


def postponed(code: str) -> None:
    tallies.count(POSTPONED, code=code)


def about(run: Run) -> AbstractContextManager[None]:
    """While its body runs, each line that this thread logs tells which run it is about."""
    return bound_contextvars(
        run_id=str(run.pk),
        team_id=str(run.team_id),
        saved_request_id=str(run.saved_request_id),
        host=run.saved_request.host,
    )
