"""The attempts at a run, where there is more to say than its own row does."""

from datetime import timedelta

from django.db import models

from .runs import Run


class AttemptOutcome(models.TextChoices):
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    DELAYED = "delayed", "Failed, tried again"
    HANDED_OVER = "handed_over", "Handed over"
    DIED = "died", "Worker lost"
    CANCELLED = "cancelled", "Cancelled"


_LOOKS: dict[str, str] = {
    AttemptOutcome.DELAYED: "retrying",
    AttemptOutcome.HANDED_OVER: "waiting",
    AttemptOutcome.DIED: "failed",
}


class Attempt(models.Model):
    """What one worker made of a run, once it is over.

    A run that succeeds at once has none: its own row says it all. `fence` is that of the worker's lease, so
    that of several who tell of one attempt the first is believed.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempt_log", db_index=False)
    fence = models.PositiveIntegerField()
    began_at = models.DateTimeField(null=True, blank=True)
    # Of a worker that died: when its lease ran out.
    ended_at = models.DateTimeField()
    worker = models.UUIDField(null=True, blank=True)
    outcome = models.CharField(max_length=15, choices=AttemptOutcome.choices)
    error_code = models.CharField(max_length=50, blank=True)
    error = models.TextField(blank=True)
    # Of this attempt alone.
    pages = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    bytes_received = models.PositiveBigIntegerField(default=0)
    # As `Run.figures`.
    figures = models.JSONField(default=dict)
    # When the next one may begin.
    waits_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "fence"], name="one_attempt_per_lease")]

    @property
    def duration(self) -> timedelta | None:
        return self.ended_at - self.began_at if self.began_at else None

    @property
    def look(self) -> str:
        """The state of a run that looks like this outcome."""
        return _LOOKS.get(self.outcome, self.outcome)

    def __str__(self) -> str:
        return f"attempt at {self.run_id}: {self.get_outcome_display()}"
