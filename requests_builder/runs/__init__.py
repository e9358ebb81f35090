"""Runs: what is due is written down, claimed by one worker, pulled page by page, and shown at once.

problems     what goes wrong, in words
checks       what can be known before a call
uses         which requests use which variables
sources      what the variables of a request stand for
templating   a request before its variables are filled in
reach        where its secrets may go
calls        one call with its credential
hosts        which hosts may not be called as we like just now
pacing       how fast a host is called
breakers     hosts that do not answer are left alone
manners      what an attempt owes to its host
ahead        pages that are asked for before their turn
checkpoints  where a run goes on
leases       who works on a run
attempts     what each attempt has come to
transcripts  what was sent and received, kept to be looked at
queue        which runs are taken next
crew         the threads of a worker that work on them
deaths       runs whose workers died again and again
newness      from where on a run takes records
settling     the end of a run, and of many at once
pulling      the pull, page after page
execution    an attempt at a run, and how it ends
setbacks     what becomes of a run whose attempt did not come to its end
previews     one call for a person who looks at it
second_pages the first two calls of a pull, to see whether its pagination is right
ledger       what is due, what is to be recovered, Run now
cancelling   the end of a run that is not wanted any more
scheduling   schedules set, paused, resumed, removed
backfills    due times of the past made up for
resuming     both, after a pause
bell         messages to workers
standing     how the queue stands, in numbers
tallying     what is counted of runs, and what the lines of a log tell of the one that is worked on
"""

from requests_builder.runs import bell, transcripts
from requests_builder.runs.attempts import PHASES
from requests_builder.runs.backfills import Backfill, BackfillRefused, backfill, stop_backfill
from requests_builder.runs.cancelling import cancel
from requests_builder.runs.checks import Foresight, foreseen, foresight, refusal, stand_in_token
from requests_builder.runs.crew import crew
from requests_builder.runs.execution import execute
from requests_builder.runs.hosts import Obstacle, obstacle
from requests_builder.runs.ledger import (
    DEAD_CONNECTION,
    ON_TIME,
    STOPPED,
    dead_connection,
    recover_runs,
    request_run,
    start_due_runs,
    sweep,
)
from requests_builder.runs.previews import MAX_SHOWN_CHARACTERS, MAX_SHOWN_RECORDS, Preview, preview
from requests_builder.runs.problems import Problem
from requests_builder.runs.resuming import resume_and_backfill, skipped_lately
from requests_builder.runs.scheduling import next_runs, pause, remove_schedule, resume, set_schedule
from requests_builder.runs.second_pages import SecondPage, Verdict, try_second_page
from requests_builder.runs.standing import Standing, standing
from requests_builder.runs.uses import begin_anew, delete_variable, uses_of

__all__ = [
    "DEAD_CONNECTION",
    "MAX_SHOWN_CHARACTERS",
    "MAX_SHOWN_RECORDS",
    "ON_TIME",
    "PHASES",
    "STOPPED",
    "Backfill",
    "BackfillRefused",
    "Foresight",
    "Obstacle",
    "Preview",
    "Problem",
    "SecondPage",
    "Standing",
    "Verdict",
    "backfill",
    "begin_anew",
    "bell",
    "cancel",
    "crew",
    "dead_connection",
    "delete_variable",
    "execute",
    "foreseen",
    "foresight",
    "next_runs",
    "obstacle",
    "pause",
    "preview",
    "recover_runs",
    "refusal",
    "remove_schedule",
    "request_run",
    "resume",
    "resume_and_backfill",
    "set_schedule",
    "skipped_lately",
    "stand_in_token",
    "standing",
    "start_due_runs",
    "stop_backfill",
    "sweep",
    "transcripts",
    "try_second_page",
    "uses_of",
]
