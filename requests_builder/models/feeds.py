"""Addresses at which spreadsheets and other programs read a table."""

import hashlib
import secrets
import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import F

from accounts.models import User

from .tables import Table

# So many requests in so long; a spreadsheet asks once an hour.
MOST_REQUESTS = 60
WINDOW = timedelta(minutes=1)
_MARK = "feed_"
_SHOWN = len(_MARK) + 4


def digest(token: str) -> str:
    """What is kept of a token: who reads the database cannot read the feed."""
    return hashlib.sha256(token.encode()).hexdigest()


class Feed(models.Model):
    """Leave to read one table with a token, until it is revoked: then this is gone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    table = models.ForeignKey(Table, on_delete=models.CASCADE, related_name="feeds")
    name = models.CharField(max_length=100)
    token_hash = models.CharField(max_length=64, unique=True)
    # How the token begins, so that people know it again.
    token_start = models.CharField(max_length=20)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    # The requests since `window_at`.
    window_at = models.DateTimeField()
    window_count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["table", "name"], name="feed_name_is_unique_in_table")]

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def new_token() -> str:
        """256 random bits, behind a word by which people and scanners for secrets know it."""
        return _MARK + secrets.token_urlsafe(32)

    @staticmethod
    def start_of(token: str) -> str:
        return token[:_SHOWN]

    def count_request(self, now: datetime) -> bool:
        """Whether one more request is within the limit; counts it if so. The database decides."""
        ours = Feed.objects.filter(pk=self.pk)
        within = ours.filter(window_at__gt=now - WINDOW, window_count__lt=MOST_REQUESTS)
        if within.update(window_count=F("window_count") + 1, last_used_at=now):
            return True
        over = ours.filter(window_at__lte=now - WINDOW)
        return over.update(window_at=now, window_count=1, last_used_at=now) == 1

    def seconds_to_wait(self, now: datetime) -> int:
        """Until the next request is within the limit again."""
        begun = Feed.objects.filter(pk=self.pk).values_list("window_at", flat=True).first() or now
        return max(1, round((begun + WINDOW - now).total_seconds()))
