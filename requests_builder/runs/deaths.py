"""Runs whose workers died, again and again at the same page.

The pull itself may be the cause, for lack of memory, and then whatever else the worker had in hand died with
it; or it was only there when machines were restarted or updated. The first deaths cost it nothing. Then it is
set aside, for ever longer and never as long as another one: so it meets other runs when it comes back, what
is harmless gets done, and what kills workers does so seldom, and in the end no more.
"""

import random
from datetime import datetime, timedelta

from django.db import transaction

from requests_builder.models import Mender, Run, RunState
from requests_builder.runs import attempts
from requests_builder.runs.problems import Problem

# With so many deaths of workers at one page, a run has failed.
MOST_DEATHS = 6
FIRST_WAIT = timedelta(seconds=10)
SET_ASIDE_AT_ONCE = 200

LOST = Problem(
    "worker_lost",
    f"{MOST_DEATHS} workers ended without a word while they worked on the same page of this run, perhaps for "
    "lack of memory. Ask for smaller pages; whoever hosts this product finds more in the workers' log.",
    Mender.HOST,
)
_SET_ASIDE = Problem(
    LOST.code,
    "Several workers ended without a word while they worked on the same page of this run. It is tried again.",
    Mender.NOBODY,
)


def set_aside(now: datetime) -> None:
    """Let runs wait that have lost one worker too many. When there are none, it costs one query."""
    suspect = Run.objects.suspect(now)
    for run in suspect.defer("checkpoint", "findings")[:SET_ASIDE_AT_ONCE]:
        deaths = run.page_deaths + 1
        with transaction.atomic():
            # Another scheduler may have seen the same one.
            if suspect.filter(pk=run.pk, fence=run.fence).update(
                state=RunState.QUEUED,
                page_deaths=deaths,
                leased_by=None,
                leased_until=None,
                not_before=now + wait(deaths),
                error_code=_SET_ASIDE.code,
                error=_SET_ASIDE.sentence,
                mender=_SET_ASIDE.mender,
            ):
                attempts.note_died([run])


def wait(deaths: int) -> timedelta:
    """How long after so many deaths: four times longer each time, and never the same for two.

    No time at all after the last one, for then there is nothing left to try.
    """
    if deaths >= MOST_DEATHS:
        return timedelta(0)
    growth: int = 4 ** (deaths - Run.DEATHS_FORGIVEN - 1)
    return FIRST_WAIT * growth * random.uniform(0.5, 1.5)  # noqa: S311
