"""What all workers know together of the servers that renew tokens: how fast, and whether at all."""

from datetime import datetime

from django.db import models


class TokenHost(models.Model):
    """A host of token endpoints, and when the background may send it the next refresh."""

    host = models.CharField(max_length=300, primary_key=True)
    free_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.host


class CircuitQuerySet(models.QuerySet["Circuit"]):
    def open(self, now: datetime) -> "CircuitQuerySet":
        """Of servers that are to be left alone at `now`."""
        return self.filter(open_until__gt=now)


class Circuit(models.Model):
    """Trouble that one client has at one host, whichever connection met it; gone with the next success.

    While `open_until` lies ahead, nobody of this client asks there; after it, one tries for all.
    """

    key = models.CharField(max_length=64, primary_key=True)
    host = models.CharField(max_length=300)
    # Refreshes that failed, each of them begun after the one before it had.
    failures = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField(null=True, blank=True)
    open_until = models.DateTimeField(null=True, blank=True)
    began_at = models.DateTimeField()

    objects = CircuitQuerySet.as_manager()

    def __str__(self) -> str:
        return f"circuit to {self.host}"
