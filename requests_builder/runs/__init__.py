"""Runs: what is due is written down, claimed by one worker, pulled page by page, and shown at once.

problems     what goes wrong, in words
checks       what can be known before a call
calls        one call with its credential
checkpoints  where a run goes on
leases       who works on a run
newness      from where on a run takes records
execution    the pull
previews     one call for a person who looks at it
ledger       what is due, what is to be recovered, Run now
bell         messages to workers
"""

from requests_builder.runs import bell
from requests_builder.runs.checks import foreseen, refusal, stand_in_token
from requests_builder.runs.execution import execute
from requests_builder.runs.ledger import (
    next_runs,
    pause,
    recover_runs,
    remove_schedule,
    request_run,
    resume,
    set_schedule,
    start_due_runs,
    sweep,
)
from requests_builder.runs.previews import MAX_SHOWN_CHARACTERS, MAX_SHOWN_RECORDS, Preview, preview
from requests_builder.runs.problems import Problem

__all__ = [
    "MAX_SHOWN_CHARACTERS",
    "MAX_SHOWN_RECORDS",
    "Preview",
    "Problem",
    "bell",
    "execute",
    "foreseen",
    "next_runs",
    "pause",
    "preview",
    "recover_runs",
    "refusal",
    "remove_schedule",
    "request_run",
    "resume",
    "set_schedule",
    "stand_in_token",
    "start_due_runs",
    "sweep",
]
