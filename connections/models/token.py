"""What workers write: the tokens that an authorization server gave, and those that nobody uses any more."""

import uuid
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q

from accounts.models import Team
from connections.encryption import EncryptedTextField, encrypted_field

from .connection import Connection

# How long a refresh may show no sign of life before somebody else takes it over; its holder prolongs it.
REFRESH_LEASE = timedelta(seconds=20)
# No lease ends later than that from now, unless a clock was set back since.
_LATEST_LEASE_END = timedelta(minutes=5)
# A token with less left may be refused by the time it arrives.
MINIMUM_LIFE = timedelta(seconds=5)
# However short a life is told: within so long of getting a token, only an API's refusal renews it.
SHORTEST_SPACING = timedelta(seconds=30)
# Machines of one product may disagree by that much about the time.
_CLOCK_TOLERANCE = timedelta(minutes=5)


class TokenQuerySet(models.QuerySet["Token"]):
    def of_version(self, token: "Token") -> "TokenQuerySet":
        """This very token, unless somebody has stored a newer one meanwhile."""
        return self.filter(pk=token.pk, version=token.version)

    def unleased(self, now: datetime) -> "TokenQuerySet":
        """Nobody is refreshing it, or who began shows no sign of life any more."""
        return self.filter(
            Q(refresh_leased_until=None)
            | Q(refresh_leased_until__lte=now)
            | Q(refresh_leased_until__gt=now + _LATEST_LEASE_END)
        )


class Token(models.Model):
    """What the authorization server gave, and who is about to renew it.

    `version` grows with each stored answer: a worker that began with an older version writes nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="token")
    access_token = EncryptedTextField()
    refresh_token = EncryptedTextField(null=True, blank=True, default=None)
    token_type = models.CharField(max_length=50, blank=True)
    # As granted, in the server's words; empty when it did not say.
    granted_scopes = models.TextField(blank=True)
    # What was asked for with this grant, as the connection had it then.
    asked_scopes = models.TextField(blank=True)
    # When somebody gave the grant; every renewal leaves it as it is.
    granted_at = models.DateTimeField(null=True, blank=True)
    obtained_at = models.DateTimeField()
    # None: the server did not say when, or said nonsense.
    expires_at = models.DateTimeField(null=True, blank=True)
    # Whose grant it is, as far as the server told.
    account = models.CharField(max_length=200, blank=True)
    # The same in the server's own identifier, by which two grants are known to be one account's.
    account_id = models.CharField(max_length=200, blank=True)
    # Members of answers and callbacks that steer API calls: instance_url, realmId, api_domain.
    kept = models.JSONField(default=dict, blank=True)
    # Whether it must yet be traded for the one to keep, which a refresh then does first (Meta's short token).
    awaits_follow_up = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    # When the refresh token ends, as far as anybody knows; no refresh moves it if `ends_for_good`.
    refresh_expires_at = models.DateTimeField(null=True, blank=True)
    ends_for_good = models.BooleanField(default=False)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    # When the background refreshes it; None: never by itself.
    refresh_at = models.DateTimeField(null=True, blank=True, db_index=True)
    refresh_leased_by = models.UUIDField(null=True, blank=True)
    refresh_leased_until = models.DateTimeField(null=True, blank=True)
    # Failures in a row that may heal; they set the gap to the next try.
    failures = models.PositiveSmallIntegerField(default=0)
    # Refusals in words that nobody knows, since the last success.
    refusals = models.PositiveSmallIntegerField(default=0)
    # Set while a refresh request may be out, and left standing when its answer never came: the server
    # may have rotated the refresh token without our knowing the new one.
    refresh_sent_at = models.DateTimeField(null=True, blank=True)
    # When an API last refused this token and it was renewed for that.
    rejected_at = models.DateTimeField(null=True, blank=True)
    # Where it is renewed, with port, and a digest of that and the client: what is slowed down together.
    host = models.CharField(max_length=300, blank=True)
    server_key = models.CharField(max_length=64, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["refresh_leased_until"],
                condition=Q(refresh_leased_until__isnull=False),
                name="token_leased",
            )
        ]

    def __str__(self) -> str:
        return f"token of {self.connection_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save it, knowing where it will be renewed: until it is given up, no edit may change that."""
        if self._state.adding:
            self.host, self.server_key = self.connection.host[:300], self.connection.server_key
        super().save(*args, **kwargs)

    @property
    def has_refresh_token(self) -> bool:
        """Whether it can be renewed without a person. Decrypts nothing."""
        return self.__dict__.get("refresh_token") is not None

    def lives_at(self, now: datetime, minimum_life: timedelta = MINIMUM_LIFE) -> bool:
        """Whether it will be good for `minimum_life` yet; where lives are that short, for half a life.

        A life of a few seconds is a mistake more often than not, and would mean a refresh with each call:
        such a token counts as good for half a minute, and an API that does not take it any more says so.
        """
        if now < self.obtained_at - _CLOCK_TOLERANCE:
            # A clock was set back since, and tells nothing of what is left.
            return False
        if self.expires_at is None:
            return True
        life = max(self.expires_at - self.obtained_at, timedelta())
        if timedelta() < life < SHORTEST_SPACING * 2 and now < self.obtained_at + SHORTEST_SPACING:
            return True
        return self.expires_at > now and self.expires_at - now >= min(minimum_life, life / 2)

    def lease_refresh(self, now: datetime) -> uuid.UUID | None:
        """Claim the right to refresh the token as it was read; of several workers, one gets the lease's id.

        Nobody gets it on a token that was stored anew, or failed to be, since it was read. Marks in the
        same statement that a request is about to leave.
        """
        lease = uuid.uuid4()
        claimed = (
            Token.objects.of_version(self)
            .unleased(now)
            .filter(failures=self.failures, refresh_at=self.refresh_at)
            .update(refresh_leased_by=lease, refresh_leased_until=now + REFRESH_LEASE, refresh_sent_at=now)
        )
        return lease if claimed else None

    def seal(self, access_token: str, refresh_token: str | None) -> dict[str, Any]:
        """Both secrets, encrypted for this row, as a QuerySet.update() takes them."""
        texts = {"access_token": access_token, "refresh_token": refresh_token}
        return {
            name: encrypted_field(Token, name).seal(self.pk, text) if text else None
            for name, text in texts.items()
        }

    @staticmethod
    def seal_aside(pk: uuid.UUID, text: str) -> bytes:
        """Text with secrets for this row, encrypted like them, to be kept outside of the database."""
        return encrypted_field(Token, "access_token").seal(pk, text)

    @staticmethod
    def unseal_aside(pk: uuid.UUID, sealed: bytes) -> str:
        """What seal_aside() was given. Raises DecryptionFailed."""
        return encrypted_field(Token, "access_token").unseal(pk, sealed)


class DiscardedToken(models.Model):
    """A token that nobody uses any more, kept until its server has been told so (RFC 7009).

    Holds all that the telling needs, because the connection may be gone. Lives a day at most.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Whose it was, for the logs.
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, related_name="+")
    connection_id = models.UUIDField(null=True)
    connection_name = models.CharField(max_length=100, blank=True)
    revocation_url = models.CharField(max_length=2000)
    # How this server wants to be told, and the values of the places in that; empty: as RFC 7009 has it.
    revocation = models.JSONField(default=dict)
    values = models.JSONField(default=dict)
    client_id = models.CharField(max_length=1000)
    client_secret = EncryptedTextField(null=True)
    # For a server that refuses the client by the first one.
    old_client_secret = EncryptedTextField(null=True)
    client_authentication = models.CharField(max_length=10)
    access_token = EncryptedTextField(null=True)
    refresh_token = EncryptedTextField(null=True)
    discarded_at = models.DateTimeField()
    try_at = models.DateTimeField(db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"discarded token at {self.revocation_url}"

    @property
    def host(self) -> str:
        """Who is to be told."""
        return urlsplit(self.revocation_url).netloc
