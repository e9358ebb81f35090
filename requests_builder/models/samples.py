"""The answer of the last Run in a builder, for as long as somebody works with it."""

import uuid

from django.db import models

from accounts.models import Team, User
from connections.encryption import EncryptedTextField


class Sample(models.Model):
    """One answer, as its reader saw it; nobody else in the team finds it, and it ends by itself.

    A row and not a file: every web process on every machine finds it, and the wall between teams is a query.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="samples")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="samples")
    created_at = models.DateTimeField()
    kept_until = models.DateTimeField(db_index=True)
    # The answer as JSON, packed: see requests_builder.samples.
    content = EncryptedTextField()

    class Meta:
        indexes = [models.Index(fields=["team", "user", "-created_at"], name="sample_of_reader")]

    def __str__(self) -> str:
        return f"sample {self.pk}"
