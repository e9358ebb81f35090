"""What connections can be made from besides the catalogue: clients of the host, and presets of a team."""

import uuid

from django.db import models

from accounts.models import Team, User
from connections.encryption import EncryptedTextField

from .connection import Connection

# What a team preset carries over from one connection to the next, besides its addresses and its client.
_CARRIED = (
    "scopes",
    "pkce",
    "client_authentication",
    "learned_client_authentication",
    "scope_separator",
    "authorization_parameters",
    "follows_provider",
    "grant_type",
    "expected_issuer",
    "token_body",
    "token_parameters",
    "refresh_parameters",
    "token_headers",
    "token_path",
    "api_authorization",
    "expiry_signals",
    "default_life",
    "allowed_hosts",
    "test_url",
)
_ADDRESSES = ("authorization_url", "token_url", "refresh_url", "revocation_url")


class SharedClient(models.Model):
    """A client that the host of the product has registered at a provider, for all teams to connect with."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The slug of the catalogue's entry.
    preset = models.CharField(max_length=50, unique=True)
    client_id = models.CharField(max_length=1000)
    client_secret = EncryptedTextField(null=True, blank=True, default=None)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["preset"]

    def __str__(self) -> str:
        return self.preset


class TeamPreset(models.Model):
    """The settings of a connection that works, kept by a team to make more like it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="presets")
    name = models.CharField(max_length=100)
    # Fields of a connection by their names, without secrets; addresses with their {placeholders}.
    settings = models.JSONField(default=dict)
    # The client of the connection, if it was to be carried over; else each new one asks for its own.
    client_id = models.CharField(max_length=1000, blank=True)
    client_secret = EncryptedTextField(null=True, blank=True, default=None)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="team_preset_name_is_unique_in_team")
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of(cls, connection: Connection, *, name: str, user: User, with_client: bool) -> "TeamPreset":
        """A preset, not saved yet, with this connection's settings. Raises DecryptionFailed.

        With the client go the values of the placeholders: its secret is for the hosts that they make.
        """
        carried = {field: getattr(connection, field) for field in (*_ADDRESSES, *_CARRIED)}
        if not with_client:
            carried |= {name: connection.address_templates.get(name, carried[name]) for name in _ADDRESSES}
        preset = cls(team_id=connection.team_id, name=name, created_by=user, settings=carried)
        if with_client:
            preset.client_id, preset.client_secret = connection.client_id, connection.client_secret
        return preset

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses by the names of their fields, with placeholders; empty ones left out."""
        return {name: self.settings[name] for name in _ADDRESSES if self.settings.get(name)}

    @property
    def has_client(self) -> bool:
        """Whether connections made from this have the client that it carries. Decrypts nothing."""
        return bool(self.client_id)

    def new_connection(self) -> Connection:
        """A connection, not saved yet, with these settings; its addresses are still to be filled in."""
        known = {field: self.settings[field] for field in _CARRIED if field in self.settings}
        return Connection(team_id=self.team_id, **known)
