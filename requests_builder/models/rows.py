"""The rows of tables, in batches that are seen whole or not at all.

Each publication into a table has a number, one more than that before it. A batch appears with a publication;
it goes, or a single row of it goes, with a later one. Thus a reader who keeps to one number sees one state of
the table, whatever is published meanwhile.
"""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q

from .runs import UNFINISHED, Run
from .saved_requests import SavedRequest
from .tables import Table


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible(self) -> "BatchQuerySet":
        """Published and not superseded: whole pulls only."""
        return self.filter(published_at__isnull=False, superseded_at=None)

    def abandoned(self) -> "BatchQuerySet":
        """Of runs that ended without publishing, or began anew."""
        return self.filter(published_at=None).filter(Q(run=None) | ~Q(run__state__in=UNFINISHED))

    def superseded(self, until: datetime) -> "BatchQuerySet":
        return self.filter(superseded_at__lte=until)


class Batch(models.Model):
    """The rows of one run: published together, or never seen."""

    table = models.ForeignKey(Table, on_delete=models.CASCADE, related_name="batches")
    saved_request = models.ForeignKey(
        SavedRequest, on_delete=models.SET_NULL, null=True, related_name="batches"
    )
    run = models.OneToOneField(Run, on_delete=models.SET_NULL, null=True, related_name="batch")
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    # When a later Replace took its place; its rows are removed soon after.
    superseded_at = models.DateTimeField(null=True, blank=True)
    # Names in the order in which they were first seen; they become the table's with the rows.
    columns = models.JSONField(default=list)
    # The type of each column, by its name; see Table.column_types.
    column_types = models.JSONField(default=dict)
    # How many it has, known once it is published: the rows of a table are never counted one by one.
    rows_count = models.PositiveIntegerField(default=0)

    # The fields whose values the keys of its rows are made of: none, if they have no keys; the empty name
    # alone, if all of a record is its key.
    keyed_by = models.JSONField(default=list)
    # Records that did not become rows, by the reason; see `Run.changes`.
    left_out = models.JSONField(default=dict)
    # When rows that went one by one, up to this publication, are removed.
    forget_at = models.DateTimeField(null=True, blank=True)
    forget_up_to = models.PositiveBigIntegerField(default=0)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "batches"
        indexes = [
            models.Index(
                fields=["table", "id"],
                condition=Q(published_at__isnull=False, superseded_at=None),
                name="batch_visible",
            ),
            models.Index(
                fields=["superseded_at"], condition=Q(superseded_at__isnull=False), name="batch_superseded"
            ),
            models.Index(fields=["id"], condition=Q(published_at=None), name="batch_unpublished"),
            models.Index(fields=["forget_at"], condition=Q(forget_at__isnull=False), name="batch_forget"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(superseded_at=None) | Q(superseded_at__gte=F("published_at")),
                name="only_a_published_batch_is_superseded",
            )
        ]

    def __str__(self) -> str:
        return f"batch {self.pk}"


class RowQuerySet(models.QuerySet["Row"]):
    def visible(self) -> "RowQuerySet":
        """What a reader of its table sees: rows of visible batches that did not go one by one."""
        return self.current().filter(batch__published_at__isnull=False, batch__superseded_at=None)

    def current(self) -> "RowQuerySet":
        """Those that did not go one by one. Of a visible batch, these are the visible ones."""
        return self.filter(superseded_in=0)

    def as_of(self, publication: int) -> "RowQuerySet":
        """Of batches that were visible with this publication into their table: the rows that were, too."""
        return self.filter(Q(superseded_in=0) | Q(superseded_in__gt=publication))


class RecordField(models.JSONField):
    """JSON that only our own serializer writes: SQLite need not parse each value again to see that it is."""

    def db_check(self, connection: Any) -> None:
        return None


class Row(models.Model):
    """One record, or an earlier version of one. Its table is that of its batch.

    The order is by batch, and in it as they came. What has a default in the database is left out by inserts
    that do not need it, for they are many.
    """

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="rows", db_index=False)
    data = RecordField()
    # The number of the publication that took it out of the table; 0: none has.
    superseded_in = models.PositiveBigIntegerField(default=0, db_default=0)
    # A digest of table, request and the values of the key fields: equal keys are versions of one record.
    key = models.UUIDField(null=True, blank=True)
    # A digest of the data, to tell whether a record has changed without reading it.
    digest = models.BigIntegerField(null=True, blank=True)
    # The batches that held earlier versions of it, the newest first, as ",12,7,3".
    earlier = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - millions are left out
    # The batch in which it was missed, and with which it goes if somebody says so.
    missed_by = models.BigIntegerField(null=True, blank=True)
    objects = RowQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["batch", "id", "superseded_in"], name="row_of_batch"),
            models.Index(fields=["key", "batch", "id"], condition=Q(key__isnull=False), name="row_by_key"),
            models.Index(fields=["batch"], condition=Q(missed_by__isnull=False), name="row_missed"),
        ]

    def __str__(self) -> str:
        return f"row {self.pk}"
