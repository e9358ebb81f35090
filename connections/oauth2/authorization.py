"""The way of the browser to the authorization endpoint (RFC 6749 §4.1.1; RFC 7636)."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from .dialect import Dialect
from .messages import expanded, in_the_servers_words
from .requests import PLAIN


@dataclass(frozen=True, slots=True)
class PkcePair:
    """A secret of one flow, and what the browser may know of it (RFC 7636 §4.1, §4.2)."""

    verifier: str = field(repr=False)
    challenge: str = field(repr=False)
    method: str = "S256"


def new_pkce_pair(method: str = "S256") -> PkcePair:
    """A verifier of 64 characters with 384 random bits, and its challenge.

    `plain` is for servers that know no other (§4.2); then the challenge is the verifier.
    """
    verifier = secrets.token_urlsafe(48)
    if method == "plain":
        return PkcePair(verifier, verifier, method)
    digest = hashlib.sha256(verifier.encode()).digest()
    return PkcePair(verifier, urlsafe_b64encode(digest).rstrip(b"=").decode())


def new_state() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def authorization_url(
    endpoint: str,
    dialect: Dialect = PLAIN,
    *,
    client_id: str,
    redirect_uri: str,
    state: str,
    scopes: str = "",
    pkce: PkcePair | None = None,
    values: Mapping[str, str] | None = None,
) -> str:
    """The URL that asks the resource owner for a grant (RFC 6749 §4.1.1).

    Keeps the query that the endpoint has already. Of two values for one name the protocol's own wins, then
    the dialect's further ones, then the endpoint's; what the dialect does not send leaves its name to
    them. Leaves out what is empty: several servers answer `scope=` with an error. `values` are those of
    the connection's placeholders. A page that routes by its fragment (`/#/oauth/authorize`) gets the
    query there, where its script looks for it. Raises ValueError for any other fragment.
    """
    whole = urlsplit(endpoint)
    if whole.fragment and not whole.fragment.startswith("/"):
        raise ValueError("An authorization endpoint has no fragment (RFC 6749 §3.1).")
    parts = urlsplit(whole.fragment) if whole.fragment else whole
    scope = dialect.scope_separator.join(scopes.split())
    ours = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": pkce.challenge if pkce else "",
        "code_challenge_method": pkce.method if pkce else "",
    }
    if dialect.scope_parameter and scope:
        ours[dialect.scope_parameter] = scope
    ours = in_the_servers_words(ours, dialect.renamed)
    known = {**(values or {}), "client_id": client_id, "redirect_uri": redirect_uri, "scope": scope}
    theirs = dict(parse_qsl(parts.query)) | expanded(dialect.authorization_parameters, known)
    query = {name: value for name, value in theirs.items() if name not in ours} | ours
    sent = {name: value for name, value in query.items() if value}
    complete = urlunsplit(parts._replace(query=urlencode(sent, quote_via=quote)))
    return urlunsplit(whole._replace(fragment=complete)) if whole.fragment else complete
