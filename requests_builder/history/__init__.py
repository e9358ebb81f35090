"""The history of runs: found, looked at, compared, and one day removed.

selection   which runs somebody wants to see
pages       a page of them, whatever the filter and however many there are
comparing   what differs between a run and the last good one
retention   which runs are kept, and for how long
"""

from requests_builder.history.comparing import Comparison, compared, last_good
from requests_builder.history.pages import LOOKED_AT_ONCE, PAGE, RunsPage, error_codes, runs_page
from requests_builder.history.retention import sweep
from requests_builder.history.selection import PERIODS, Selection, from_query

__all__ = [
    "LOOKED_AT_ONCE",
    "PAGE",
    "PERIODS",
    "Comparison",
    "RunsPage",
    "Selection",
    "compared",
    "error_codes",
    "from_query",
    "last_good",
    "runs_page",
    "sweep",
]
