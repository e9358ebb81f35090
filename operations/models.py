"""What the processes leave in the database about themselves. Belongs to no team."""

from django.db import models


class ProcessKind(models.TextChoices):
    WEB = "web", "Web"
    WORKER = "worker", "Worker"
    SCHEDULER = "scheduler", "Scheduler"


class Heartbeat(models.Model):
    """The last sign of life of one process. Written by `operations.heartbeats`, without the ORM."""

    # Made by the process at its start: in containers, hosts and pids come again.
    id = models.CharField(primary_key=True, max_length=32)
    kind = models.CharField(max_length=10, choices=ProcessKind.choices)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    # When it was alive and reached the database.
    seen_at = models.DateTimeField()
    # When the broker last took a message of a scheduler, or a worker last had a task. None: not yet, or web.
    worked_at = models.DateTimeField(null=True, blank=True)
    # It was asked to stop, and did.
    ended_at = models.DateTimeField(null=True, blank=True)
    memory_bytes = models.PositiveBigIntegerField(default=0)
    cpu_seconds = models.FloatField(default=0)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pid} on {self.host}"


class Tally(models.Model):
    """How often something has happened since the database was made. Written by `operations.tallies`."""

    name = models.CharField(max_length=50)
    # JSON with sorted names, so that equal labels are equal texts.
    labels = models.TextField()
    value = models.PositiveBigIntegerField()

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [models.UniqueConstraint(fields=["name", "labels"], name="one_tally_for_its_labels")]

    def __str__(self) -> str:
        return f"{self.name} {self.labels}: {self.value}"
