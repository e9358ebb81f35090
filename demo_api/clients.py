"""PURE. Registered clients, and how they prove who they are (RFC 6749 §2)."""

import base64
import binascii
import hmac
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from demo_api.messages import Pairs
from demo_api.policy import ClientAuthentication, InvalidClient, OAuthError


@dataclass(frozen=True, slots=True)
class Client:
    """An application; without a secret it is a public client (§2.1)."""

    client_id: str
    client_secret: str = field(repr=False)
    name: str
    redirect_uris: tuple[str, ...]


def repeated_names(pairs: Pairs) -> list[str]:
    return [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]


def values_sent_once(pairs: Pairs) -> dict[str, str]:
    """The parameters that have a value. Raises OAuthError for one that came twice (§3.2)."""
    if repeated := repeated_names(pairs):
        raise OAuthError("invalid_request", f"The parameter {repeated[0]} was sent more than once.")
    return {name: value for name, value in pairs if value}


def authenticate(
    clients: Mapping[str, Client],
    accepted: ClientAuthentication,
    values: Mapping[str, str],
    authorization: str,
) -> Client:
    """The client that sent a form with `values` and this Authorization header ("" if none).

    Raises InvalidClient, or OAuthError when two methods came at once (§2.3).
    """
    if authorization and "client_secret" in values:
        raise OAuthError("invalid_request", "The client authenticated in two ways at once.")
    if authorization:
        if accepted == "client_secret_post":
            raise InvalidClient("This server takes the client's credentials in the body only.")
        client_id, client_secret = _basic_credentials(authorization)
        if values.get("client_id", client_id) != client_id:
            raise OAuthError("invalid_request", "The client_id of the body is not that of the header.")
    else:
        client_id, client_secret = values.get("client_id", ""), values.get("client_secret", "")
        if client_secret and accepted == "client_secret_basic":
            raise InvalidClient("This server takes the client's credentials by HTTP Basic only.")
    client = clients.get(client_id)
    if client is None or not hmac.compare_digest(client.client_secret.encode(), client_secret.encode()):
        raise InvalidClient("Unknown client, or wrong client secret.")
    return client


def _basic_credentials(authorization: str) -> tuple[str, str]:
    """Client id and secret, each of them form-encoded inside the Basic header (§2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("Clients authenticate by HTTP Basic or in the body.")
    try:
        credentials = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidClient("The Authorization header is not base64 of id:secret.") from None
    client_id, colon, client_secret = credentials.partition(":")
    if not colon:
        raise InvalidClient("The Authorization header is not base64 of id:secret.")
    return unquote_plus(client_id), unquote_plus(client_secret)
