"""Which batches a reader of a table sees."""

from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery

from requests_builder.models import Batch, Row, Table
from requests_builder.models.rows import RowQuerySet


def visible(table: Table) -> QuerySet[Batch]:
    """Those with rows, in the order of the table."""
    return Batch.objects.visible().filter(table=table, rows_count__gt=0).order_by("pk")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of a table: the batches that are seen, each with how many rows, and its publication."""

    publication: int
    batches: list[tuple[int, int]]

    def rows(self) -> RowQuerySet:
        """All rows, to be narrowed to some of the batches; each is then seen as it was in this state."""
        return Row.objects.as_of(self.publication)


def snapshot(table: Table) -> Snapshot:
    """The table as it is now. What is published meanwhile does not change what is read of it.

    What goes from a table is kept for ten minutes: so long this may be read.
    """
    # Read before, for a table without rows: whatever is published after it is looked at once more.
    number = Table.objects.filter(pk=table.pk).values_list("publication", flat=True).first() or 0
    # In one statement: between two, something could be published.
    same = Subquery(Table.objects.filter(pk=OuterRef("table")).values("publication")[:1])
    found = list(visible(table).annotate(number=same).values_list("pk", "rows_count", "number"))
    return Snapshot(found[0][2] if found else number, [(pk, count) for pk, count, _ in found])
