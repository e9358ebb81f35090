"""Tables in the order of a column: keys that an index holds in their order.

None of this is the truth: it is made from the rows, and may be dropped at any time.
"""

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from .rows import Batch
from .tables import Table


class SortingQuerySet(models.QuerySet["Sorting"]):
    def usable(self) -> "SortingQuerySet":
        return self.filter(is_dropped=False)

    def behind(self) -> "SortingQuerySet":
        """Those whose table has been published into since they were complete."""
        return self.usable().filter(publication__lt=F("table__publication"))


class Sorting(models.Model):
    """That a table can be read in the order of one of its columns."""

    table = models.ForeignKey(Table, on_delete=models.CASCADE, related_name="sortings")
    column = models.CharField(max_length=500)
    # The type of the column as its keys were made; of another type, they would come in another order.
    type = models.CharField(max_length=10, blank=True)
    # The keys of all rows that were visible with this publication into the table are there.
    publication = models.PositiveBigIntegerField(default=0)
    # Nobody reads it any more, and its keys are being removed.
    is_dropped = models.BooleanField(default=False)
    last_used_at = models.DateTimeField()
    # Until when a worker is at it. A second one would do no harm, and no good.
    leased_until = models.DateTimeField(null=True, blank=True)

    objects = SortingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["table", "column", "type"],
                condition=Q(is_dropped=False),
                name="one_sorting_of_column",
            )
        ]

    def __str__(self) -> str:
        return f"{self.table_id} by {self.column}"

    def lease(self, now: datetime, until: datetime) -> bool:
        """Claim the work on it; of several workers, one gets True."""
        free = Q(leased_until=None) | Q(leased_until__lte=now)
        return Sorting.objects.filter(free, pk=self.pk).update(leased_until=until) == 1


class SortedBatch(models.Model):
    """How far the keys of one batch have been made. The batch may be gone: then its keys go, too."""

    sorting = models.ForeignKey(Sorting, on_delete=models.CASCADE, related_name="batches")
    batch = models.ForeignKey(
        Batch, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    # The newest row that has its key.
    last_row = models.PositiveBigIntegerField(default=0)
    # How many keys there are. More than the batch has rows: some rows are gone.
    keys = models.PositiveIntegerField(default=0)
    is_complete = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sorting", "batch"], name="batch_is_sorted_once")]

    def __str__(self) -> str:
        return f"batch {self.batch_id} in sorting {self.sorting_id}"


class SortKey(models.Model):
    """The place of a row in a sorting.

    Neither batch nor row are references for the database, which would look after each of millions: rows may
    be gone, and their keys are removed later. Whoever adds keys, or removes a sorting, holds its row.
    """

    pk = models.CompositePrimaryKey("sorting", "key")
    sorting = models.ForeignKey(
        Sorting, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="keys"
    )
    # As requests_builder.tables.ordering makes it: the bytes have the order of the rows.
    key = models.BinaryField()
    batch_id = models.PositiveBigIntegerField()
    row_id = models.PositiveBigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["sorting", "batch_id", "row_id"], name="sort_key_of_row")]

    def __str__(self) -> str:
        return f"key of row {self.row_id}"
