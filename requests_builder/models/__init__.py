"""Saved requests, when they run, what became of each run, and the rows that came of it.

saved_requests  a request, and where its records go
schedules       when it runs by itself
runs            one pull
hosts           hosts that may not be called as often as we like
attempts        the attempts at it
transcripts     what it has sent and received
request_files   files that a multipart body carries
samples         answers that people have before them in the builder
tries           calls in the builder that somebody waits for
tables          what was pulled
rows            its rows, in batches
publications    which run brought rows into it
sortings        its rows in the order of a column
feeds           its addresses for other programs
variables       values that requests use by their names
alerts          what people are told about schedules, and where to
"""

from connections.encryption import DecryptionFailed

from .alerts import (
    Alert,
    AlertRules,
    Channel,
    ChannelKind,
    Delivery,
    Incident,
    IncidentKind,
    WatchMark,
)
from .attempts import Attempt, AttemptOutcome
from .feeds import Feed
from .hosts import Breaker, Pace
from .publications import Publication
from .request_files import RequestFile
from .rows import Batch, Row
from .runs import UNFINISHED, Mender, Run, RunState, Trigger
from .samples import Sample
from .saved_requests import (
    ApiKeyPlace,
    AuthorizationKind,
    BodyKind,
    IfEmpty,
    SavedRequest,
    WriteMode,
    no_pagination,
)
from .schedules import CatchUp, Overlap, Schedule
from .sortings import SortedBatch, Sorting, SortKey
from .tables import Table
from .transcripts import Transcript
from .tries import Try
from .variables import TeamVariable

__all__ = [
    "UNFINISHED",
    "Alert",
    "AlertRules",
    "ApiKeyPlace",
    "Attempt",
    "AttemptOutcome",
    "AuthorizationKind",
    "Batch",
    "BodyKind",
    "Breaker",
    "CatchUp",
    "Channel",
    "ChannelKind",
    "DecryptionFailed",
    "Delivery",
    "Feed",
    "IfEmpty",
    "Incident",
    "IncidentKind",
    "Mender",
    "Overlap",
    "Pace",
    "Publication",
    "RequestFile",
    "Row",
    "Run",
    "RunState",
    "Sample",
    "SavedRequest",
    "Schedule",
    "SortKey",
    "SortedBatch",
    "Sorting",
    "Table",
    "TeamVariable",
    "Transcript",
    "Trigger",
    "Try",
    "WatchMark",
    "WriteMode",
    "no_pagination",
]
