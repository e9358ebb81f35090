"""How a connection is, in words: its state, since when, why, and what to do next. Every surface says this."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from connections import oauth2
from connections.models import Connection, ConnectionState, Token
from connections.oauth2.dialect import RefreshKind

from .asking.dialects import dialect_of, provider_of

REFRESHING = "refreshing"

_ASK_FOR_OFFLINE_ACCESS = (
    "Many providers give one only with an extra scope (offline_access) or parameter (access_type=offline): "
    "add it under Edit, then press Reconnect."
)


class NextStep(StrEnum):
    """What helps; each but the last two is the name of a button."""

    CONNECT = "Connect"
    RECONNECT = "Reconnect"
    EDIT = "Edit"
    WAIT = "wait"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Health:
    """A connection's state as people and programs are told it.

    `state` is a ConnectionState's value, or `refreshing` while somebody is renewing the token.
    """

    state: str
    label: str
    since: datetime | None
    reason: str
    provider_text: str
    step: NextStep
    advice: str


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope that was asked for or granted."""

    name: str
    is_asked: bool
    # None: the provider did not say what it granted.
    is_granted: bool | None


_STEPS: dict[str, tuple[NextStep, str]] = {
    ConnectionState.NEW: (NextStep.CONNECT, "Press Connect and consent on the provider’s page."),
    ConnectionState.ERROR: (
        NextStep.CONNECT,
        "Put right with Edit what the provider objects to, or press Connect to try again.",
    ),
    ConnectionState.CONNECTED: (NextStep.NOTHING, ""),
    ConnectionState.RETRYING: (NextStep.WAIT, "Nothing has to be done: it is tried again by itself."),
    ConnectionState.CONFIG_ERROR: (
        NextStep.EDIT,
        "Press Edit and put Client ID, Client Secret and Token URL right. Nobody has to consent again.",
    ),
    ConnectionState.NEEDS_REAUTH: (
        NextStep.RECONNECT,
        "Press Reconnect and consent again. What uses the connection goes on by itself.",
    ),
}


def health_of(connection: Connection, token: Token | None, *, now: datetime) -> Health:
    """How it is at `now`; `token` is its token, if there is one. Decrypts nothing, asks no database."""
    step, advice = _STEPS[connection.state]
    state, label = connection.state, ConnectionState(connection.state).label
    is_at_work = connection.state in (ConnectionState.CONNECTED, ConnectionState.RETRYING)
    if is_at_work and token is not None and (token.refresh_leased_until or now) > now:
        state, label, step, advice = (
            REFRESHING,
            "Refreshing",
            NextStep.WAIT,
            "The token is being renewed now.",
        )
    return Health(
        state=state,
        label=label,
        since=connection.state_changed_at,
        reason=connection.state_reason,
        provider_text=connection.provider_text,
        step=step,
        advice=advice,
    )


def remedy_for_missing_refresh_token(connection: Connection, token: Token | None) -> str:
    """What to do so that the connection renews by itself; empty when it does, or when no token ever ends."""
    if token is None or token.has_refresh_token or connection.state == ConnectionState.NEEDS_REAUTH:
        return ""
    if dialect_of(connection).refresh_kind is not RefreshKind.STANDARD:
        return ""
    provider = provider_of(connection)
    if provider and provider.refresh_remedy:
        return provider.refresh_remedy
    return _ASK_FOR_OFFLINE_ACCESS if token.expires_at is not None else ""


def scopes_of(connection: Connection, token: Token | None) -> list[Scope]:
    """All that were asked for, in their order, then those that were granted besides."""
    asked = _split(connection.scopes)
    granted = _split(token.granted_scopes) if token else []
    if not granted:
        return [Scope(name, is_asked=True, is_granted=None) for name in asked]
    missing = set(oauth2.missing_scopes(connection.scopes, token.granted_scopes if token else ""))
    compared = [Scope(name, is_asked=True, is_granted=name not in missing) for name in asked]
    return compared + [Scope(name, is_asked=False, is_granted=True) for name in granted if name not in asked]


def _split(scopes: str) -> list[str]:
    return list(dict.fromkeys(filter(None, re.split(r"[\s,]+", scopes))))
