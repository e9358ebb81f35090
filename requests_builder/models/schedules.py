"""When a saved request runs by itself."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q

from accounts.models import User
from requests_builder import schedules

from .saved_requests import SavedRequest


class CatchUp(models.TextChoices):
    """What becomes of due times that passed while nobody could start them, or during a pause."""

    SKIP = "skip", "Skip them"
    LATEST = "latest", "Run the latest"
    ALL = "all", "Run all of them"


class Overlap(models.TextChoices):
    """What becomes of a due time while the run before it is not finished."""

    SKIP = "skip", "Skip it"
    QUEUE = "queue", "Let it wait"


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    def due(self, now: datetime) -> "ScheduleQuerySet":
        """Whose next due time has come, the longest due first."""
        return self.filter(is_paused=False, next_at__lte=now).order_by("next_at")


class Schedule(models.Model):
    """When a saved request runs by itself."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    saved_request = models.OneToOneField(SavedRequest, on_delete=models.CASCADE, related_name="schedule")
    # The rule as `schedules.from_config` reads it.
    rule = models.JSONField()
    catch_up = models.CharField(max_length=10, choices=CatchUp.choices, default=CatchUp.LATEST)
    overlap = models.CharField(max_length=10, choices=Overlap.choices, default=Overlap.SKIP)
    is_paused = models.BooleanField(default=False)
    # When it was paused because it failed again and again; None: it was not, or somebody has resumed it.
    stopped_at = models.DateTimeField(null=True, blank=True)
    # The next due time; it moves on in the transaction that writes the run of the one before. It stands still
    # during a pause. None: the rule has come to its end.
    next_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["next_at"], condition=Q(is_paused=False), name="schedule_due")]

    def __str__(self) -> str:
        return f"schedule of {self.saved_request_id}"

    @property
    def kept_rule(self) -> schedules.Rule | None:
        """The rule; None if it can no longer be kept, as when its time zone has left the world."""
        try:
            return schedules.from_config(self.rule)
        except schedules.InvalidSchedule:
            return None

    @property
    def in_words(self) -> str:
        """What the rule means, for people."""
        rule = self.kept_rule
        return schedules.in_words(rule) if rule else "This rule can no longer be kept. Set another one."

    @property
    def state(self) -> str:
        """Active, paused, stopped (paused because it failed) or ended: whether anything will be due."""
        if self.is_paused:
            return "stopped" if self.stopped_at else "paused"
        return "active" if self.next_at else "ended"
