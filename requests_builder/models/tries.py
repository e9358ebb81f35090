"""A Run in a builder that somebody waits for, once it takes longer than a moment."""

from django.db import models

from accounts.models import Team, User


class Try(models.Model):
    """How far the call is, and whether its reader still wants it.

    A row, because the process that shows the progress is rarely the one that waits for the answer.
    """

    # Chosen by the page, which asks for news before it has had any answer.
    id = models.UUIDField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="tries")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tries")
    begun_at = models.DateTimeField(db_index=True)
    # Bytes that have come.
    received = models.PositiveBigIntegerField(default=0)
    is_cancelled = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"try {self.pk}"
