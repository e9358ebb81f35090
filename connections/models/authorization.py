"""The trips of browsers to authorization servers and back (RFC 6749 §4.1)."""

import uuid
from datetime import timedelta

from django.db import models

from accounts.models import User
from connections.encryption import EncryptedTextField, encrypted_field

from .connection import Connection

AUTHORIZATION_REQUEST_LIFE = timedelta(minutes=10)


class AuthorizationState(models.TextChoices):
    """What became of an authorization that somebody began."""

    PENDING = "pending", "Waiting for the provider"
    EXCHANGING = "exchanging", "Fetching the token"
    SUCCEEDED = "succeeded", "Connected"
    FAILED = "failed", "Failed"


class AuthorizationStep(models.TextChoices):
    """Where an authorization failed."""

    AUTHORIZATION = "authorization", "Authorization"
    TOKEN = "token", "Token"
    ANSWER = "answer", "Reading the answer"


class AuthorizationRequest(models.Model):
    """One trip of one browser to the authorization server and back (RFC 6749 §4.1).

    Bound to user, browser session, connection and the connection's settings as they were. Its `state`
    parameter is kept as a digest, made when the browser leaves, and accepted once.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="authorization_requests"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    session_hash = models.CharField(max_length=64)
    settings_version = models.PositiveIntegerField()
    state_hash = models.CharField(max_length=64, unique=True, null=True, blank=True)
    code_verifier = EncryptedTextField(null=True, blank=True, default=None)
    redirect_uri = models.CharField(max_length=2000)
    # The page that the browser goes back to when there is no opener.
    return_to = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # When the browser came back, and the exchange of its code began.
    answered_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    state = models.CharField(
        max_length=12, choices=AuthorizationState.choices, default=AuthorizationState.PENDING
    )
    failed_step = models.CharField(max_length=15, choices=AuthorizationStep.choices, blank=True)
    error_code = models.CharField(max_length=100, blank=True)
    # Our sentence for the user, and the provider's own words.
    message = models.TextField(blank=True)
    provider_text = models.TextField(blank=True)
    # The name of the form field to look at.
    suspect_field = models.CharField(max_length=50, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "state"])]

    def __str__(self) -> str:
        return f"{self.get_state_display()}: {self.connection_id}"

    def seal_verifier(self, code_verifier: str) -> bytes:
        """The verifier, encrypted for this row, as a QuerySet.update() takes it."""
        return encrypted_field(AuthorizationRequest, "code_verifier").seal(self.pk, code_verifier)

    @property
    def is_finished(self) -> bool:
        return self.state in (AuthorizationState.SUCCEEDED, AuthorizationState.FAILED)
