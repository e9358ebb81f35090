"""What was published into a table, when, and by which run."""

from django.db import models

from .runs import Run
from .saved_requests import SavedRequest
from .tables import Table


class Publication(models.Model):
    """One run's rows becoming visible. Outlives these, which a Replace takes away, and the run itself."""

    table = models.ForeignKey(Table, on_delete=models.CASCADE, related_name="publications")
    run = models.OneToOneField(Run, on_delete=models.SET_NULL, related_name="publication", null=True)
    saved_request = models.ForeignKey(
        SavedRequest, on_delete=models.SET_NULL, null=True, related_name="publications"
    )
    at = models.DateTimeField()
    # How many rows came into the table with it.
    rows = models.PositiveIntegerField()
    # What it did, as `Run.changes`, kept here once the run is removed.
    changes = models.JSONField(null=True, default=None)

    class Meta:
        indexes = [models.Index(fields=["table", "-at", "-id"], name="publication_history")]

    @property
    def did(self) -> dict[str, int]:
        """What became of the records; empty if nobody knows any more."""
        found: dict[str, int] | None = self.run.changes if self.run else self.changes
        return found or {}

    def __str__(self) -> str:
        return f"publication {self.pk}"
