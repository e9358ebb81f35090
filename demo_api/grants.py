"""PURE. Grants and the tokens that come of them: issue, rotate, revoke, use (RFC 6749 §6, 6750, 7009)."""

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from demo_api.policy import AccessDenied, OAuthError, Policy

# Long enough to recognize a replay, short enough that a server left running does not grow for ever.
DEAD_TOKENS_KEPT = timedelta(days=7)
PURGE_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a resource owner allowed once: the family of all tokens that come of it."""

    client_id: str
    scope: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccessToken:
    grant_id: str
    scope: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RefreshToken:
    grant_id: str
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """A token answer (RFC 6749 §5.1); `expires_in` in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int
    scope: str

    def as_document(self) -> dict[str, object]:
        members = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token,
            "scope": self.scope,
        }
        return {name: value for name, value in members.items() if value is not None}


class Grants:
    """All grants of a server. A grant that is gone takes its tokens with it."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.counts: Counter[str] = Counter()
        """How often each thing happened: refreshes, reuses, revocations."""
        self._grants: dict[str, Grant] = {}
        # Digests, as a careful server keeps them: the state file of yesterday opens nothing by itself.
        self._access_tokens: dict[str, AccessToken] = {}
        self._refresh_tokens: dict[str, RefreshToken] = {}
        self._purged_at: datetime | None = None

    def begin(self, client_id: str, scope: tuple[str, ...]) -> str:
        """A new grant; its id."""
        grant_id = secrets.token_urlsafe(9)
        self._grants[grant_id] = Grant(client_id, scope)
        return grant_id

    def end(self, grant_id: str) -> None:
        """Revoke a grant with all its tokens; nothing happens if it has ended already."""
        self._grants.pop(grant_id, None)

    def issue(self, grant_id: str, now: datetime) -> Tokens:
        """The first tokens of a grant."""
        grant = self._grants[grant_id]
        is_offline = "offline_access" in grant.scope or not self.policy.offline_access_required
        return self._tokens(grant_id, grant.scope, now, has_refresh_token=is_offline)

    def refresh(self, refresh_token: str, client_id: str, scope: tuple[str, ...], now: datetime) -> Tokens:
        """New tokens for a refresh token (RFC 6749 §6); an empty scope asks for all that was granted.

        Raises OAuthError. A token that was rotated out before ends its whole grant: one of the two
        who hold it is a thief, and nobody can say which (RFC 9700 §4.14.2).
        """
        digest = _digest(refresh_token)
        token = self._refresh_tokens.get(digest)
        grant = self._grants.get(token.grant_id) if token else None
        if token is None or grant is None or grant.client_id != client_id:
            raise OAuthError("invalid_grant", "The refresh token is unknown, expired or revoked.")
        grace = timedelta(seconds=self.policy.rotation_grace)
        if token.retired_at is not None and now >= token.retired_at + grace:
            self.end(token.grant_id)
            self.counts["reuses"] += 1
            raise OAuthError("invalid_grant", "The refresh token was used before: the grant is revoked.")
        if not set(scope) <= set(grant.scope):
            raise OAuthError("invalid_scope", "More scope was asked for than was granted.")
        self.counts["refreshes"] += 1
        rotates = self.policy.rotation
        if rotates:
            self._refresh_tokens[digest] = RefreshToken(token.grant_id, token.retired_at or now)
        return self._tokens(token.grant_id, scope or grant.scope, now, has_refresh_token=rotates)

    def revoke(self, token: str, client_id: str) -> None:
        """Forget an access token, or a refresh token with its whole grant (RFC 7009 §2.1).

        An unknown token is as good as revoked (§2.2). Raises OAuthError for another client's token.
        """
        digest = _digest(token)
        found = self._refresh_tokens.get(digest) or self._access_tokens.get(digest)
        grant = self._grants.get(found.grant_id) if found else None
        if found is None or grant is None:
            return
        if grant.client_id != client_id:
            raise OAuthError("unauthorized_client", "The token was issued to another client.")
        self.counts["revocations"] += 1
        if isinstance(found, RefreshToken):
            self.end(found.grant_id)
        else:
            del self._access_tokens[digest]

    def check_access(self, authorization: str, scope: str, now: datetime) -> None:
        """Whether the Authorization header opens a resource of this scope ("" = any). Raises AccessDenied."""
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() != "bearer" or not credentials.strip():
            raise AccessDenied(401)
        token = self._access_tokens.get(_digest(credentials.strip()))
        if token is None or token.grant_id not in self._grants:
            raise AccessDenied(401, "invalid_token", "The access token is unknown or revoked.")
        if token.expires_at <= now:
            raise AccessDenied(401, "invalid_token", "The access token has expired.")
        if scope and scope not in token.scope:
            raise AccessDenied(403, "insufficient_scope", f"The scope {scope} is needed.", scope)

    def snapshot(self) -> dict[str, Any]:
        """Everything that should outlive the process, as JSON values."""
        return {
            "grants": {grant_id: [grant.client_id, grant.scope] for grant_id, grant in self._grants.items()},
            "access_tokens": {
                digest: [token.grant_id, token.scope, token.expires_at.isoformat()]
                for digest, token in self._access_tokens.items()
            },
            "refresh_tokens": {
                digest: [token.grant_id, token.retired_at.isoformat() if token.retired_at else None]
                for digest, token in self._refresh_tokens.items()
            },
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """The inverse of snapshot(). Raises KeyError, TypeError or ValueError if it is none."""
        self._grants = {
            grant_id: Grant(client_id, tuple(scope))
            for grant_id, (client_id, scope) in snapshot["grants"].items()
        }
        self._access_tokens = {
            digest: AccessToken(grant_id, tuple(scope), datetime.fromisoformat(expires_at))
            for digest, (grant_id, scope, expires_at) in snapshot["access_tokens"].items()
        }
        self._refresh_tokens = {
            digest: RefreshToken(grant_id, datetime.fromisoformat(retired_at) if retired_at else None)
            for digest, (grant_id, retired_at) in snapshot["refresh_tokens"].items()
        }

    def _tokens(
        self, grant_id: str, scope: tuple[str, ...], now: datetime, *, has_refresh_token: bool
    ) -> Tokens:
        self._purge(now)
        lifetime = self.policy.access_token_lifetime
        expires_at = now + timedelta(seconds=lifetime)
        access_token = "at_" + secrets.token_urlsafe(32)
        self._access_tokens[_digest(access_token)] = AccessToken(grant_id, scope, expires_at)
        refresh_token = None
        if has_refresh_token:
            refresh_token = "rt_" + secrets.token_urlsafe(32)
            self._refresh_tokens[_digest(refresh_token)] = RefreshToken(grant_id)
        return Tokens(access_token, refresh_token, int(lifetime), " ".join(scope))

    def _purge(self, now: datetime) -> None:
        """Forget what can make no difference any more. Once a minute, so that issuing stays cheap."""
        if self._purged_at is not None and now < self._purged_at + PURGE_INTERVAL:
            return
        self._purged_at = now
        oldest = now - DEAD_TOKENS_KEPT
        self._access_tokens = {
            digest: token
            for digest, token in self._access_tokens.items()
            if token.grant_id in self._grants and token.expires_at > oldest
        }
        self._refresh_tokens = {
            digest: token
            for digest, token in self._refresh_tokens.items()
            if token.grant_id in self._grants and (token.retired_at is None or token.retired_at > oldest)
        }


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
