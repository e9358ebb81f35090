"""PURE. What may differ between authorization servers, and how a server says no."""

from dataclasses import dataclass
from typing import Literal

SCOPES = {
    "contacts.read": "Read your contacts",
    "orders.read": "Read your orders",
    "profile": "See your name and e-mail address",
    "offline_access": "Stay connected while you are away",
}
# RFC 6749 §3.3: a request without scope gets a default that is written down.
DEFAULT_SCOPE = ("contacts.read", "orders.read")

ClientAuthentication = Literal["any", "client_secret_basic", "client_secret_post"]


@dataclass(slots=True)
class Policy:
    """Changed at will while the server runs. Every length of time is in seconds."""

    access_token_lifetime: float = 300
    code_lifetime: float = 60
    rotation: bool = True
    rotation_grace: float = 0
    """How long a retired refresh token is still taken, for a client that lost the answer."""
    offline_access_required: bool = False
    """Whether only the scope offline_access brings a refresh token."""
    pkce_required: bool = False
    client_authentication: ClientAuthentication = "any"
    authorization_response_iss: str | None = None
    """`iss` in the redirect (RFC 9207): None for our own issuer, "" for none at all."""


class OAuthError(Exception):
    """A refusal that the client is told about (RFC 6749 §4.1.2.1 and §5.2)."""

    status = 400

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


class InvalidClient(OAuthError):
    """Client authentication failed; asking again with other credentials may help."""

    status = 401

    def __init__(self, description: str) -> None:
        super().__init__("invalid_client", description)


class NotRedirectable(Exception):
    """Nothing says credibly where to go back to: only a page can tell the user (RFC 6749 §4.1.2.1)."""


class AccessDenied(Exception):
    """A protected resource says no (RFC 6750 §3.1). Without an error code: no token came at all."""

    def __init__(self, status: int, error: str = "", description: str = "", scope: str = "") -> None:
        super().__init__(description or "A bearer token is needed.")
        self.status = status
        self.error = error
        self.description = description
        self.scope = scope

    @property
    def challenge(self) -> str:
        """The value of WWW-Authenticate."""
        members = {"error": self.error, "error_description": self.description, "scope": self.scope}
        said = [f'{name}="{value}"' for name, value in members.items() if value]
        return ", ".join(['Bearer realm="demo"', *said])
