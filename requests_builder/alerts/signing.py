"""Signatures by which a receiver knows that a message is ours (standardwebhooks.com, version 1.0). PURE."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

_MARK = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """256 random bits as receivers' libraries read them."""
    return _MARK + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(message_id: str, timestamp: int, body: bytes, keys: Sequence[str]) -> list[tuple[str, str]]:
    """The headers of a message. Several secrets sign side by side: while one takes the place of another."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return [
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", " ".join(f"v1,{_signature(signed, key)}" for key in keys)),
    ]


def _signature(signed: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(_MARK))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
