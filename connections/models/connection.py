"""What people edit: an OAuth 2.0 client of a team at one authorization server."""

import hashlib
import uuid
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Case, F, Q, Value, When

from accounts.models import Membership, Role, Team, User
from connections.encryption import EncryptedTextField

if TYPE_CHECKING:
    from .token import Token


class GrantType(models.TextChoices):
    """What the client asks for tokens with."""

    AUTHORIZATION_CODE = "authorization_code", "Authorization code"
    CLIENT_CREDENTIALS = "client_credentials", "Client credentials"


class Pkce(models.TextChoices):
    """Whether the authorization code is bound to a code_verifier (RFC 7636)."""

    AUTO = "auto", "Automatic"
    S256 = "S256", "S256"
    PLAIN = "plain", "plain"
    OFF = "off", "Off"


class ClientAuthentication(models.TextChoices):
    """How the client proves itself at the token endpoint (RFC 6749 §2.3.1)."""

    AUTO = "auto", "Automatic"
    BASIC = "basic", "Basic header"
    BASIC_RAW = "basic_raw", "Basic header, not form-encoded"
    BODY = "body", "Request body"
    NONE = "none", "None"


class TokenBody(models.TextChoices):
    """How parameters travel to the token endpoint."""

    AUTO = "auto", "Automatic"
    FORM = "form", "Form"
    JSON = "json", "JSON"
    QUERY = "query", "Query of the URL"


class ConnectionState(models.TextChoices):
    """How a connection is, and thereby who has to act."""

    NEW = "new", "Not connected yet"
    # The only authorization there was has failed: there have never been tokens.
    ERROR = "error", "Could not connect"
    CONNECTED = "connected", "Connected"
    RETRYING = "retrying", "Retrying"
    CONFIG_ERROR = "config_error", "Settings refused"
    NEEDS_REAUTH = "needs_reauth", "Needs reconnecting"


# Who waits for a person comes first.
_BY_TROUBLE = (
    ConnectionState.NEEDS_REAUTH,
    ConnectionState.CONFIG_ERROR,
    ConnectionState.ERROR,
    ConnectionState.RETRYING,
    ConnectionState.NEW,
    ConnectionState.CONNECTED,
)


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def worst_first(self) -> "ConnectionQuerySet":
        """Those that wait for a person, then those that may heal, then those that are well; each by name."""
        places = [When(state=state, then=Value(place)) for place, state in enumerate(_BY_TROUBLE)]
        return self.order_by(Case(*places, default=Value(len(_BY_TROUBLE))), "name")

    def mentioning(self, words: str) -> "ConnectionQuerySet":
        """Whose name, account or token URL has all of these words in it, whatever their case."""
        found = self
        for word in words.split()[:10]:
            found = found.filter(
                Q(name__icontains=word) | Q(token__account__icontains=word) | Q(token_url__icontains=word)
            )
        return found

    def due_for_refresh(self, now: datetime) -> "ConnectionQuerySet":
        """Whose token should be refreshed by now, and nobody is at it; the longest due first."""
        waiting = Q(token__refresh_leased_until=None, token__refresh_at__lte=now)
        # Somebody was at it who died. The sooner the old token is sent again, the more servers still take it.
        return self.filter(waiting | Q(token__refresh_leased_until__lte=now)).order_by("token__refresh_at")

    def enter(self, state: ConnectionState, reason: str, now: datetime, *, provider_text: str = "") -> int:
        """Change their state; `state_changed_at` stays if it is the one they are in. How many there were.

        `provider_text` is what the provider said, masked and bounded as `oauth2.masked` does it.
        """
        changed_at = Case(When(state=state, then=F("state_changed_at")), default=Value(now))
        return self.update(
            state=state, state_reason=reason, provider_text=provider_text, state_changed_at=changed_at
        )


class Connection(models.Model):
    """An OAuth 2.0 client of a team at one authorization server."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="connections")
    name = models.CharField(max_length=100)
    authorization_url = models.CharField(max_length=2000)
    token_url = models.CharField(max_length=2000)
    client_id = models.CharField(max_length=1000)
    client_secret = EncryptedTextField(null=True, blank=True, default=None)
    # Tried when the server does not take the new one, until somebody removes it.
    old_client_secret = EncryptedTextField(null=True, blank=True, default=None)
    scopes = models.TextField(blank=True)

    pkce = models.CharField(max_length=10, choices=Pkce.choices, default=Pkce.AUTO)
    client_authentication = models.CharField(
        max_length=10, choices=ClientAuthentication.choices, default=ClientAuthentication.AUTO
    )
    # What "automatic" has found out; used first the next time. Empty: nothing yet.
    learned_client_authentication = models.CharField(max_length=10, blank=True)
    # Who the authorization server said it was at the first success (RFC 9207); it may not change.
    issuer = models.CharField(max_length=500, blank=True)
    scope_separator = models.CharField(max_length=3, default=" ")
    authorization_parameters = models.JSONField(default=dict, blank=True)
    revocation_url = models.CharField(max_length=2000, blank=True)

    # The slug of the catalogue's entry that it was made from; empty: a custom connection.
    preset = models.CharField(max_length=50, blank=True)
    # Values of the {placeholders} in the URLs, by name.
    placeholders = models.JSONField(default=dict, blank=True)
    # Addresses of a custom connection as they were typed, with {placeholders}, by the field that holds them
    # filled in; those without placeholders are not here.
    address_templates = models.JSONField(default=dict, blank=True)
    # Whether what the catalogue knows of the token URL's host fills in what is left as it is by default.
    follows_provider = models.BooleanField(default=True)
    # The client is the host's own, shared by teams: its id and secret are not in this row.
    uses_shared_client = models.BooleanField(default=False)
    grant_type = models.CharField(
        max_length=20, choices=GrantType.choices, default=GrantType.AUTHORIZATION_CODE
    )
    # Who the authorization server must say it is, as somebody has typed it.
    expected_issuer = models.CharField(max_length=500, blank=True)
    # Whether providers send browsers back to an address of this connection alone.
    has_own_redirect_url = models.BooleanField(default=False)
    token_body = models.CharField(max_length=10, choices=TokenBody.choices, default=TokenBody.AUTO)
    token_parameters = models.JSONField(default=dict, blank=True)
    refresh_parameters = models.JSONField(default=dict, blank=True)
    token_headers = models.JSONField(default=dict, blank=True)
    refresh_url = models.CharField(max_length=2000, blank=True)
    # Where the tokens sit in the answer, with dots; empty: at the top.
    token_path = models.CharField(max_length=200, blank=True)
    # How API calls carry the token: `Authorization: Zoho-oauthtoken {access_token}`, `?key={access_token}`.
    api_authorization = models.CharField(max_length=200, blank=True)
    # Answers besides 401 that mean the token has run out, a rule a line: `403`, `200 error=token_expired`.
    expiry_signals = models.TextField(blank=True)
    # Seconds; for servers that do not say how long a token lives.
    default_life = models.PositiveIntegerField(null=True, blank=True)
    # The hosts, with port where it is not the scheme's, that a token may be sent to besides its own.
    allowed_hosts = models.JSONField(default=list, blank=True)
    # A GET that any token of it may make; empty: the provider's, if one is known.
    test_url = models.CharField(max_length=2000, blank=True)

    state = models.CharField(max_length=20, choices=ConnectionState.choices, default=ConnectionState.NEW)
    # Our sentence, and the provider's own words.
    state_reason = models.TextField(blank=True)
    provider_text = models.TextField(blank=True)
    state_changed_at = models.DateTimeField(null=True, blank=True)
    # Grows with each edit of what a running authorization or refresh relies on.
    settings_version = models.PositiveIntegerField(default=1)

    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ConnectionQuerySet.as_manager()

    token: "Token"

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="connection_name_is_unique_in_team")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        """Where its tokens come from."""
        return urlsplit(self.token_url).netloc

    @property
    def server_key(self) -> str:
        """A digest of this client at this host of token endpoints: what connections may have in common."""
        client = f"preset {self.preset}" if self.uses_shared_client else f"client {self.client_id}"
        return hashlib.sha256(f"{self.host}\n{client}".encode()).hexdigest()

    @property
    def authorization_host(self) -> str:
        """Where people consent."""
        return urlsplit(self.authorization_url).netloc

    @property
    def has_secret(self) -> bool:
        """Whether a client secret is stored. Decrypts nothing."""
        return self.__dict__.get("client_secret") is not None

    @property
    def explanation(self) -> str:
        """Why it is as it is, with the provider's own words at the end."""
        said = f"It said: {self.provider_text}" if self.provider_text else ""
        return " ".join(filter(None, (self.state_reason, said)))

    def is_managed_by(self, membership: Membership) -> bool:
        """Whether this member may edit, reconnect and delete it: admins, and the editor who made it."""
        if membership.team_id != self.team_id:
            return False
        is_maker = self.created_by_id == membership.user_id and membership.is_at_least(Role.EDITOR)
        return is_maker or membership.is_at_least(Role.ADMIN)
