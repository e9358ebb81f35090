"""What a run has sent and received, as people may look at it later."""

import uuid

from django.db import models

from connections.encryption import EncryptedTextField

from .runs import Run
from .saved_requests import SavedRequest


class Transcript(models.Model):
    """One request as sent and its answer as received: secrets masked, the body's beginning, encrypted.

    Of failures, one for each; of the answers that were good, those of one run for each request.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    saved_request = models.ForeignKey(
        SavedRequest, on_delete=models.CASCADE, related_name="transcripts", db_index=False
    )
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="transcripts")
    # That of the attempt's lease.
    fence = models.PositiveIntegerField()
    is_good = models.BooleanField()
    # The first page of a run that has several; else the last that was asked for.
    is_first = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    # As JSON, packed: see requests_builder.runs.transcripts.
    content = EncryptedTextField()

    class Meta:
        indexes = [models.Index(fields=["saved_request", "-created_at"], name="transcript_of_request")]

    def __str__(self) -> str:
        return f"transcript {self.pk}"
