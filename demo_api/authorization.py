"""PURE. The authorization server: asks the resource owner, hands out codes, redeems them.

Sources: RFC 6749 (framework), 7636 (PKCE), 8414 (metadata), 9207 (iss), 9700 (best current practice).
Made for one caller at a time; the server keeps a lock around it.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from demo_api.clients import Client, authenticate, repeated_names, values_sent_once
from demo_api.grants import Grants, Tokens
from demo_api.messages import Pairs
from demo_api.policy import DEFAULT_SCOPE, SCOPES, NotRedirectable, OAuthError, Policy

CONSENT_LIFETIME = timedelta(minutes=10)
# A code is remembered long after it expired, so that a second use can still be told from a typo.
USED_CODES_KEPT = timedelta(hours=1)
# The alphabet of code_challenge and code_verifier alike (RFC 7636 §4.1, §4.2).
PKCE_VALUE = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


@dataclass(frozen=True, slots=True)
class Account:
    """The resource owner. There is one, and she is always signed in."""

    subject: str
    name: str
    email: str


ACCOUNT = Account("usr_4821", "Dana Whitfield", "dana.whitfield@harbour-coffee.example")


@dataclass(frozen=True, slots=True)
class Consent:
    """The question to the resource owner, and what to remember until she has answered."""

    transaction: str = field(repr=False)
    client: Client
    scope: tuple[str, ...]
    redirect_uri: str
    redirect_uri_was_sent: bool
    state: str = field(repr=False)
    code_challenge: str = field(repr=False)
    code_challenge_method: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where the browser goes with the outcome."""

    url: str = field(repr=False)


@dataclass(slots=True)
class Code:
    """An authorization code; it has a grant once it was redeemed."""

    consent: Consent
    expires_at: datetime
    is_used: bool = False
    grant_id: str = ""


class AuthorizationServer:
    """Registered clients, open questions, codes, and the grants that come of them."""

    def __init__(self, issuer: str, clients: Iterable[Client] = (), policy: Policy | None = None) -> None:
        self.issuer = issuer
        self.policy = policy or Policy()
        self.clients = {client.client_id: client for client in clients}
        self.grants = Grants(self.policy)
        self._consents: dict[str, Consent] = {}
        self._codes: dict[str, Code] = {}

    def authorize(self, query: Pairs, now: datetime) -> Consent | Redirect:
        """What to ask the resource owner, or the redirect that refuses (RFC 6749 §4.1.1).

        Raises NotRedirectable when client or redirect URI are not to be trusted.
        """
        self._purge(now)
        repeated = repeated_names(query)
        values = {name: value for name, value in query if value}
        client, redirect_uri = self._way_back(values, repeated)
        try:
            if repeated:
                raise OAuthError("invalid_request", f"The parameter {repeated[0]} was sent more than once.")
            consent = self._question(client, redirect_uri, values, now)
        except OAuthError as refusal:
            outcome = {"error": refusal.error, "error_description": refusal.description}
            return self._back(redirect_uri, outcome, values.get("state", ""))
        self._consents[consent.transaction] = consent
        return consent

    def decide(self, transaction: str, *, is_allowed: bool, now: datetime) -> Redirect:
        """The resource owner pressed a button; the question can be answered once. Raises NotRedirectable."""
        consent = self._consents.pop(transaction, None)
        if consent is None or consent.expires_at <= now:
            raise NotRedirectable("This page was answered already, or is too old: start again.")
        if not is_allowed:
            outcome = {"error": "access_denied", "error_description": "The user declined."}
            return self._back(consent.redirect_uri, outcome, consent.state)
        code = "ac_" + secrets.token_urlsafe(24)
        self._codes[code] = Code(consent, now + timedelta(seconds=self.policy.code_lifetime))
        return self._back(consent.redirect_uri, {"code": code}, consent.state)

    def token(self, form: Pairs, authorization: str, now: datetime) -> Tokens:
        """Redeem a code or a refresh token; `authorization` is the header. Raises OAuthError."""
        values = values_sent_once(form)
        client = authenticate(self.clients, self.policy.client_authentication, values, authorization)
        match values.get("grant_type"):
            case "authorization_code":
                return self._redeem(_required(values, "code"), client, values, now)
            case "refresh_token":
                scope = tuple(values.get("scope", "").split())
                return self.grants.refresh(_required(values, "refresh_token"), client.client_id, scope, now)
            case None:
                raise OAuthError("invalid_request", "The parameter grant_type is missing.")
            case _:
                raise OAuthError("unsupported_grant_type", "Supported: authorization_code, refresh_token.")

    def revoke(self, form: Pairs, authorization: str) -> None:
        """Forget a token (RFC 7009). Raises OAuthError."""
        values = values_sent_once(form)
        client = authenticate(self.clients, self.policy.client_authentication, values, authorization)
        self.grants.revoke(_required(values, "token"), client.client_id)

    def metadata(self) -> dict[str, object]:
        """What a client may find out by itself (RFC 8414 §2)."""
        accepted = self.policy.client_authentication
        methods = ["client_secret_basic", "client_secret_post"] if accepted == "any" else [accepted]
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/oauth/authorize",
            "token_endpoint": f"{self.issuer}/oauth/token",
            "revocation_endpoint": f"{self.issuer}/oauth/revoke",
            "userinfo_endpoint": f"{self.issuer}/oauth/userinfo",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "code_challenge_methods_supported": ["S256", "plain"],
            "authorization_response_iss_parameter_supported": self.policy.authorization_response_iss != "",
        }

    def _way_back(self, values: Mapping[str, str], repeated: list[str]) -> tuple[Client, str]:
        """Client and redirect URI, once it is sure that the two belong together."""
        for name in ("client_id", "redirect_uri"):
            if name in repeated:
                raise NotRedirectable(f"The parameter {name} was sent more than once.")
        client = self.clients.get(values.get("client_id", ""))
        if client is None:
            raise NotRedirectable("No application is registered under this client_id.")
        # RFC 6749 §3.1.2.3: it may be left out if there is just one it could be.
        only_one = client.redirect_uris[0] if len(client.redirect_uris) == 1 else ""
        redirect_uri = values.get("redirect_uri", only_one)
        if redirect_uri not in client.redirect_uris:
            raise NotRedirectable(
                f"The redirect_uri {redirect_uri or '(missing)'} is not registered for {client.name}."
            )
        return client, redirect_uri

    def _question(
        self, client: Client, redirect_uri: str, values: Mapping[str, str], now: datetime
    ) -> Consent:
        if _required(values, "response_type") != "code":
            raise OAuthError("unsupported_response_type", "Only the response_type code is supported.")
        scope = tuple(dict.fromkeys(values.get("scope", "").split())) or DEFAULT_SCOPE
        if any(name not in SCOPES for name in scope):
            raise OAuthError("invalid_scope", f"Only these scopes are known: {' '.join(SCOPES)}")
        challenge, method = self._code_challenge(client, values)
        return Consent(
            transaction=secrets.token_urlsafe(32),
            client=client,
            scope=scope,
            redirect_uri=redirect_uri,
            redirect_uri_was_sent="redirect_uri" in values,
            state=values.get("state", ""),
            code_challenge=challenge,
            code_challenge_method=method,
            expires_at=now + CONSENT_LIFETIME,
        )

    def _code_challenge(self, client: Client, values: Mapping[str, str]) -> tuple[str, str]:
        """The challenge and its method; two empty strings without PKCE."""
        challenge = values.get("code_challenge", "")
        if not challenge:
            if self.policy.pkce_required or not client.client_secret or "code_challenge_method" in values:
                raise OAuthError("invalid_request", "PKCE: the parameter code_challenge is missing.")
            return "", ""
        # RFC 7636 §4.3: plain is what a missing method means.
        method = values.get("code_challenge_method", "plain")
        if method not in ("S256", "plain"):
            raise OAuthError("invalid_request", "PKCE: code_challenge_method must be S256 or plain.")
        if not PKCE_VALUE.fullmatch(challenge):
            raise OAuthError("invalid_request", "PKCE: a challenge is 43 to 128 unreserved characters.")
        return challenge, method

    def _back(self, redirect_uri: str, outcome: Mapping[str, str], state: str) -> Redirect:
        """The redirect URI with the outcome, and with the query it may already have (RFC 6749 §3.1.2)."""
        iss = self.policy.authorization_response_iss
        outcome = {**outcome, "state": state, "iss": self.issuer if iss is None else iss}
        parts = urlsplit(redirect_uri)
        query = parse_qsl(parts.query, keep_blank_values=True)
        query += [(name, value) for name, value in outcome.items() if value]
        return Redirect(urlunsplit(parts._replace(query=urlencode(query))))

    def _redeem(self, sent: str, client: Client, values: Mapping[str, str], now: datetime) -> Tokens:
        code = self._codes.get(sent)
        if code is None or code.consent.client.client_id != client.client_id:
            raise OAuthError("invalid_grant", "The authorization code is unknown.")
        if code.is_used:
            # RFC 6749 §4.1.2: whoever comes second shows that the code has leaked.
            self.grants.end(code.grant_id)
            self.grants.counts["reuses"] += 1
            raise OAuthError("invalid_grant", "The code was used before: its tokens are revoked.")
        # Any attempt of its client uses it up, so that verifiers cannot be tried one after another.
        code.is_used = True
        if code.expires_at <= now:
            raise OAuthError("invalid_grant", "The authorization code has expired.")
        consent = code.consent
        # RFC 6749 §4.1.3: identical, and needed here if it was sent there.
        if values.get("redirect_uri", "" if consent.redirect_uri_was_sent else consent.redirect_uri) != (
            consent.redirect_uri
        ):
            raise OAuthError("invalid_grant", "redirect_uri is not that of the authorization request.")
        _check_code_verifier(consent, values.get("code_verifier", ""))
        code.grant_id = self.grants.begin(client.client_id, consent.scope)
        return self.grants.issue(code.grant_id, now)

    def _purge(self, now: datetime) -> None:
        """Forget questions and codes that are over; there are never many."""
        self._consents = {key: consent for key, consent in self._consents.items() if consent.expires_at > now}
        self._codes = {
            key: code for key, code in self._codes.items() if code.expires_at > now - USED_CODES_KEPT
        }


def _required(values: Mapping[str, str], name: str) -> str:
    if name not in values:
        raise OAuthError("invalid_request", f"The parameter {name} is missing.")
    return values[name]


def _check_code_verifier(consent: Consent, verifier: str) -> None:
    """RFC 7636 §4.6. Raises OAuthError."""
    if not consent.code_challenge and verifier:
        # RFC 9700 §4.8.2: somebody took the challenge out on the way here.
        raise OAuthError("invalid_grant", "PKCE: code_verifier came, but no code_challenge before it.")
    if not consent.code_challenge:
        return
    if not PKCE_VALUE.fullmatch(verifier):
        raise OAuthError("invalid_grant", "PKCE: a verifier is 43 to 128 unreserved characters.")
    derived = _s256(verifier) if consent.code_challenge_method == "S256" else verifier
    if not hmac.compare_digest(derived, consent.code_challenge):
        raise OAuthError("invalid_grant", "PKCE: code_verifier does not fit the code_challenge.")


def _s256(verifier: str) -> str:
    """BASE64URL(SHA256(verifier)) without padding (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
