"""What somebody has before them for a while: the answer of the last Run, or a file of requests."""

import uuid

from django.db import models

from accounts.models import Team, User
from connections.encryption import EncryptedTextField


class Sample(models.Model):
    """One answer or file, as its reader saw it; nobody else in the team finds it, and it ends by itself.

    A row and not a file: every web process on every machine finds it, and the wall between teams is a query.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="samples")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="samples")
    created_at = models.DateTimeField()
    kept_until = models.DateTimeField(db_index=True)
    # As JSON, packed: see requests_builder.samples and requests_builder.imports.
    content = EncryptedTextField()

    class Meta:
        indexes = [models.Index(fields=["team", "user", "-created_at"], name="sample_of_reader")]

    def __str__(self) -> str:
        return f"sample {self.pk}"
