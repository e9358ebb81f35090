"""Filling in a connection from what its authorization server publishes about itself (RFC 8414).

Nothing is saved, and nothing found is trusted: whoever edits the connection looks at it and decides.
"""

from dataclasses import dataclass

from connections import oauth2, outbound
from connections.models import ClientAuthentication, Pkce
from connections.oauth2.metadata import (
    Metadata,
    MetadataRefused,
    issuer_of,
    metadata_urls,
    read_metadata,
)

from .sending import Deadline, refuse_in_transaction

# For all places together at which the document may be.
_SECONDS = 15.0
_CONNECT_SECONDS = 5.0
_MAX_BYTES = 256 * 1024


class DiscoveryFailed(Exception):
    """There is nothing to fill in. `sentence` tells people why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Discovered:
    """Values for the fields of a connection of the same names; empty: nothing was said."""

    issuer: str
    authorization_url: str
    token_url: str
    revocation_url: str
    client_authentication: ClientAuthentication
    pkce: Pkce
    # What the server knows at all, to choose from.
    scopes: tuple[str, ...]
    # Empty unless the server announces that its answers say who they come from; then one that does not is
    # refused (RFC 9207 §2.4).
    expected_issuer: str


def discover(typed: str) -> Discovered:
    """What the server of this issuer publishes; the address of its document will do, too.

    Raises DiscoveryFailed.
    """
    refuse_in_transaction()
    issuer = issuer_of(typed)
    metadata = _found(issuer)
    return Discovered(
        issuer=metadata.issuer,
        authorization_url=_checked(metadata.authorization_endpoint, "authorization_endpoint"),
        token_url=_checked(metadata.token_endpoint, "token_endpoint"),
        revocation_url=_checked(metadata.revocation_endpoint, "revocation_endpoint"),
        client_authentication=_authentication(metadata.authentication_methods),
        pkce=_pkce(metadata.challenge_methods),
        scopes=metadata.scopes,
        expected_issuer=metadata.issuer if metadata.announces_issuer else "",
    )


def _found(issuer: str) -> Metadata:
    """The document, at the first place where there is one."""
    refused = MetadataRefused()
    deadline = Deadline(_SECONDS)
    with outbound.Door() as door:
        for url in metadata_urls(issuer):
            budget = outbound.Budget(
                connect_seconds=_CONNECT_SECONDS,
                total_seconds=max(deadline.remaining, 0.1),
                max_body_bytes=_MAX_BYTES,
            )
            try:
                outbound.check_url_for_secrets(url)
                answer = door.send("GET", url, headers=[("Accept", "application/json")], budget=budget)
            except outbound.Refused as error:
                raise DiscoveryFailed(f"The issuer may not be called from here. {error}") from None
            except outbound.OutboundError as error:
                raise DiscoveryFailed(f"The issuer could not be asked. {error}") from None
            if answer.status != 200:
                continue
            try:
                return read_metadata(answer.text(), issuer)
            except MetadataRefused as refusal:
                refused = refusal if refusal.issuer else refused
    if refused.issuer:
        named = oauth2.masked(refused.issuer)[:200]
        raise DiscoveryFailed(
            f"The document at {issuer} is that of another issuer: {named}. If that is the right one, enter "
            "exactly that."
        )
    raise DiscoveryFailed(
        f"{issuer} publishes no description of itself. Enter the addresses from the provider's documentation."
    )


def _checked(endpoint: str, member: str) -> str:
    """An address of the document under the rules for those that people type. Raises DiscoveryFailed."""
    if not endpoint:
        return ""
    try:
        outbound.check_url_for_secrets(endpoint)
    except outbound.OutboundError as error:
        raise DiscoveryFailed(
            f"The description names an address that is not usable ({member}). {error}"
        ) from None
    if "#" in endpoint:
        raise DiscoveryFailed(f"The description names an address with a part after # ({member}).")
    return endpoint


def _authentication(methods: tuple[str, ...]) -> ClientAuthentication:
    """The one way there is; where both usual ones are, or none is told, finding out goes by itself."""
    usual = {
        "client_secret_basic": ClientAuthentication.BASIC,
        "client_secret_post": ClientAuthentication.BODY,
    }
    known = [way for method, way in usual.items() if method in methods]
    if not known and "none" in methods:
        return ClientAuthentication.NONE
    return known[0] if len(known) == 1 else ClientAuthentication.AUTO


def _pkce(methods: tuple[str, ...]) -> Pkce:
    """`plain` only where S256 is surely not known (RFC 7636 §4.2)."""
    return Pkce.PLAIN if methods and "S256" not in methods and "plain" in methods else Pkce.AUTO
