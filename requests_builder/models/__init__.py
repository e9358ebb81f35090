"""Saved requests, when they run, what became of each run, and the rows that came of it.

saved_requests  a request, and where its records go
schedules       when it runs by itself
runs            one pull
samples         answers that people have before them in the builder
tables          what was pulled
rows            its rows, in batches
"""

from connections.encryption import DecryptionFailed

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
from .schedules import Schedule
from .tables import Table

__all__ = [
    "UNFINISHED",
    "ApiKeyPlace",
    "AuthorizationKind",
    "Batch",
    "BodyKind",
    "DecryptionFailed",
    "IfEmpty",
    "Mender",
    "Row",
    "Run",
    "RunState",
    "Sample",
    "SavedRequest",
    "Schedule",
    "Table",
    "Trigger",
    "WriteMode",
    "no_pagination",
]
