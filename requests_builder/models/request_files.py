"""Files that a multipart body carries."""

import base64
import uuid
from typing import TYPE_CHECKING

from django.db import models

from connections.encryption import EncryptedTextField
from requests_builder.rendering import Upload

if TYPE_CHECKING:
    from .saved_requests import SavedRequest


class RequestFile(models.Model):
    """A file that somebody chose for a saved request: a run on a schedule sends it when nobody is there.

    The row of the body names it by its id, and says its name and size, which everybody in the team may see.
    The content is never shown again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    saved_request = models.ForeignKey(
        "requests_builder.SavedRequest", on_delete=models.CASCADE, related_name="files"
    )
    filename = models.CharField(max_length=200)
    media_type = models.CharField(max_length=200)
    # In base64: bytes are no text.
    content = EncryptedTextField()

    def __str__(self) -> str:
        return self.filename

    @property
    def upload(self) -> Upload:
        """The file as a body carries it. Raises DecryptionFailed."""
        return Upload(self.filename, self.media_type, base64.b64decode(self.content))

    @classmethod
    def keep(cls, saved_request: "SavedRequest", file_id: str, upload: Upload) -> None:
        """Store a file under the id by which the rows of the body know it."""
        content = base64.b64encode(upload.content).decode()
        cls.objects.create(
            pk=file_id,
            saved_request=saved_request,
            filename=upload.filename,
            media_type=upload.media_type,
            content=content,
        )
