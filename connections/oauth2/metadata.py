"""What an authorization server publishes about itself (RFC 8414; OpenID Connect Discovery 1.0)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from .documents import parsed, text_of

_OAUTH, _OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
_MOST_SCOPES = 200


class MetadataRefused(Exception):
    """The document is not one, or not this issuer's. `issuer` is whose it says that it is."""

    def __init__(self, issuer: str = "") -> None:
        super().__init__(issuer)
        self.issuer = issuer


@dataclass(frozen=True, slots=True)
class Metadata:
    """The members that a client needs; empty what was not said. Addresses are not checked in any way."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    # Ways of client authentication at the token endpoint, and of PKCE.
    authentication_methods: tuple[str, ...]
    challenge_methods: tuple[str, ...]
    scopes: tuple[str, ...]
    # Whether authorization answers say who they come from (RFC 9207 §3).
    announces_issuer: bool


def issuer_of(typed: str) -> str:
    """The issuer that somebody means who enters it, or the address of its document."""
    parts = urlsplit(typed.strip())
    path = parts.path
    for well_known in (_OAUTH, _OPENID):
        if path.startswith(well_known):
            path = path.removeprefix(well_known)
        elif path.endswith(well_known):
            path = path.removesuffix(well_known)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def metadata_urls(issuer: str) -> list[str]:
    """Where the document may be: inserted between host and path (RFC 8414 §3), appended (OpenID §4)."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    paths = (_OPENID if not path else f"{path}{_OPENID}", f"{_OAUTH}{path}", f"{_OPENID}{path}")
    return [urlunsplit((parts.scheme, parts.netloc, each, "", "")) for each in dict.fromkeys(paths)]


def read_metadata(text: str, issuer: str) -> Metadata:
    """The document of this issuer, which it has to name exactly (RFC 8414 §3.3). Unknown members are ignored.

    Raises MetadataRefused.
    """
    document = parsed(text)
    if not isinstance(document, dict) or not isinstance(document.get("issuer"), str):
        raise MetadataRefused
    if document["issuer"] != issuer:
        raise MetadataRefused(document["issuer"])
    return Metadata(
        issuer=issuer,
        authorization_endpoint=text_of(document.get("authorization_endpoint")),
        token_endpoint=text_of(document.get("token_endpoint")),
        revocation_endpoint=text_of(document.get("revocation_endpoint")),
        authentication_methods=_texts(document, "token_endpoint_auth_methods_supported"),
        challenge_methods=_texts(document, "code_challenge_methods_supported"),
        scopes=_texts(document, "scopes_supported")[:_MOST_SCOPES],
        announces_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _texts(document: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = document.get(name)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
