"""The worst moments for a worker to be killed."""

from typing import Literal

Point = Literal[
    # Half of a page has left the source.
    "sending",
    # A run is taken: before the commit, and after it, before the first heartbeat and the first request.
    "claiming",
    "claimed",
    # A page: its checkpoint is written and its rows are not; both are, and the next one is not asked for.
    "storing",
    "stored",
    # The last page: all is written, and readers see nothing of it yet; they see it, and that was all.
    "publishing",
    "published",
    # Due times: their runs are written and their schedules stand where they stood; and when they do not.
    "writing down",
    "written down",
    # Lost runs were found, and nobody has been told.
    "recovering",
]
# In a trial over minutes this happens once in each.
SELDOM = frozenset[Point]({"writing down", "written down"})
