"""Where the rows of a table came from: the runs that published into it, and the versions of one row."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from requests_builder.models import Publication, Row, Table

MOST_VERSIONS = 50


@dataclass(frozen=True, slots=True)
class RowHistory:
    """A row with its batch and run, and its earlier versions that are still kept, the newest first.

    `current` is the version that the table shows, if it is another one.
    """

    row: Row
    earlier: list[Row]
    current: Row | None


def publications(table: Table, before: tuple[datetime, int] | None = None) -> QuerySet[Publication]:
    """What was published into the table, newest first, with run and request."""
    found = Publication.objects.filter(table=table).select_related("run", "saved_request")
    if before:
        at, pk = before
        found = found.filter(Q(at__lt=at) | Q(at=at, id__lt=pk), at__lte=at)
    return found.order_by("-at", "-id")


def row_history(table: Table, row_id: int) -> RowHistory | None:
    """A row that the table shows, or showed a moment ago; None if there is none of this id."""
    shown = Row.objects.filter(batch__table=table, batch__published_at__isnull=False)
    shown = shown.select_related("batch__run", "batch__saved_request")
    row = shown.filter(pk=row_id).first()
    if row is None:
        return None
    if row.key is None:
        return RowHistory(row, [], None)
    others = list(shown.filter(key=row.key).exclude(pk=row.pk).order_by("-id")[:MOST_VERSIONS])
    earlier = [one for one in others if one.pk < row.pk]
    current = next((one for one in others if one.superseded_in == 0 and one.pk > row.pk), None)
    return RowHistory(row, earlier, current)
