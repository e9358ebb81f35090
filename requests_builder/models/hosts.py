"""What is known of hosts that may not be called as often as we like."""

from django.db import models
from django.db.models import Q

from accounts.models import Team
from connections.models import Connection


class Pace(models.Model):
    """How fast a team may call a host with one of its connections, all workers together.

    `connection` None: with no connection, whatever credential was typed. There is a row only while there is
    something to obey. Moments in floats are seconds since 1970: they are moved on within one UPDATE, which
    has to add and compare in the same words on both databases.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="paces")
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    host = models.CharField(max_length=255)
    # When the next request may leave. A cell rate: each request moves it on by one interval.
    free_at = models.FloatField(default=0)
    # The end of the line of runs that were sent away until it is their turn.
    line_at = models.FloatField(default=0)
    # Nothing at all before then, because the API said so, and in which words for people.
    not_before = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    # Requests per second that were found out; None: nothing was.
    rate = models.FloatField(null=True, blank=True)
    # How many may leave at once after a pause.
    burst = models.FloatField(default=1)
    # The rate at which the API had too many of them.
    failed_rate = models.FloatField(null=True, blank=True)
    # When it was last slower, and when last faster.
    slowed_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "host", "connection"],
                condition=Q(connection__isnull=False),
                name="one_pace_per_connection_and_host",
            ),
            models.UniqueConstraint(
                fields=["team", "host"], condition=Q(connection=None), name="one_pace_per_host"
            ),
        ]

    def __str__(self) -> str:
        return f"pace at {self.host}"


class Breaker(models.Model):
    """What a team's calls to a host have come to lately, when they have not come to an answer.

    Closed: `opened_at` is None. Open: nothing is sent, but one request from time to time. After that it is
    closed again, and until what waits has gone, runs begin no oftener than every `interval` seconds.
    There is a row only while there is something to obey or to count. Floats: see `Pace`.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="breakers")
    host = models.CharField(max_length=255)
    # In a row; an answer ends it.
    failures = models.PositiveIntegerField(default=0)
    # What the last one was, for people.
    reason = models.CharField(max_length=300, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    # Whether one request is let through at this moment, and how many were in vain since.
    is_tried = models.BooleanField(default=False)
    trials = models.PositiveIntegerField(default=0)
    # When the next run may begin: while it is open, the next trial.
    free_at = models.FloatField(default=0)
    interval = models.FloatField(default=0)
    # What was due until then has waited for the host; when the next run of those may begin.
    backlog_until = models.DateTimeField(null=True, blank=True)
    backlog_free_at = models.FloatField(default=0)
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "host"], name="one_breaker_per_host")]

    def __str__(self) -> str:
        return f"breaker of {self.host}"
