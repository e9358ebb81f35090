"""Where records go: a module for each kind of place."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from requests_builder import mapping
from requests_builder.destinations.keyed import batches_of
from requests_builder.destinations.missing import delete_held, held
from requests_builder.destinations.publishing import Shipment, publish
from requests_builder.destinations.saying import counts
from requests_builder.destinations.table import TableDestination, TypedPage
from requests_builder.destinations.versions import Version, versions_of
from requests_builder.destinations.writing import KnownPage
from requests_builder.models import Run, SavedRequest

__all__ = [
    "DESTINATIONS",
    "Destination",
    "NoDestination",
    "Shipment",
    "Version",
    "batches_of",
    "counts",
    "delete_held",
    "held",
    "of",
    "publish",
    "versions_of",
]

Record = Mapping[str, Any]


class Destination(Protocol):
    """What the engine asks of a place for records; one is made for each attempt of a run.

    `begin`, `write`, `shipment` and `publish` are called inside the transaction that writes a page's
    checkpoint: they touch the database only. What has to leave for the outside leaves after it.
    """

    def prepare(self) -> None:
        """Do what may take long before the first page. Called outside of transactions, at each attempt."""

    def begin(self, run: Run) -> None:
        """Be ready for records, after those of the pages that came in earlier."""

    def write(self, page: Sequence[Record], types: Mapping[str, str] = {}, *, is_new: bool = False) -> None:
        """Take a page of records, which nobody sees yet, and the types of their columns, as far as known.

        `is_new`: whatever is there already is another record. Raises UnreadableAnswer if they do not fit.
        """

    def known(self, parts: Sequence[mapping.Rows]) -> KnownPage | None:
        """After `begin`: the page for one statement with its checkpoint; None if it takes several."""

    @property
    def is_keyed(self) -> bool:
        """Whether what comes is compared with what is there, which takes a transaction of its own."""

    def shipment(self, run: Run, pages: Sequence[TypedPage], *, rows: int, is_complete: bool) -> Shipment:
        """Everything that came, `rows` in all, for `publish`; `pages` are those that were not written yet.

        As with `write`, whatever is in the later ones is new. `is_complete`: the pages came to their own end,
        so that what did not come is not there any more. Raises UnreadableAnswer.
        """

    def restart(self, run: Run) -> None:
        """Forget what was written: the run begins anew."""

    def discard(self, run: Run) -> None:
        """Remove what a failed run has written, or at least begin to. Called outside of transactions."""


class NoDestination(Exception):
    """The request does not say where its records go. `sentence` tells what to do."""

    sentence = "This request has no table for its records. Choose one under Import Settings."


# The kinds, by the name that a saved request will give once there is more than one.
DESTINATIONS: Mapping[str, type[TableDestination]] = {"table": TableDestination}


def of(saved_request: SavedRequest) -> Destination:
    """Where the records of this request go. Raises NoDestination."""
    if saved_request.table_id is None:
        raise NoDestination
    return DESTINATIONS["table"](saved_request, saved_request.table_id)
