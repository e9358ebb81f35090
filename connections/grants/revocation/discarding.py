"""Tokens that nobody will use any more, put aside until their server has been told."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime

from connections import oauth2
from connections.grants.asking.clients import client_of
from connections.grants.asking.dialects import dialect_of, provider_of
from connections.grants.asking.sending import authentications
from connections.models import Connection, DiscardedToken
from connections.oauth2 import Authentication
from connections.oauth2.dialect import BodyStyle, Revocation


def discard(
    connection: Connection,
    access_token: str,
    refresh_token: str | None,
    now: datetime,
    *,
    kept: Mapping[str, object] | None = None,
    authentication: Authentication | None = None,
) -> None:
    """Keep tokens until the provider has been told to end them; nothing if it cannot be told.

    With all that the telling needs, for the connection may be gone by then. `kept` is what came with the
    tokens and may steer the request (Stripe's account); `authentication` is the way that brought them, where
    the caller knows it better than the connection does. Raises DecryptionFailed.
    """
    address = revocation_address(connection)
    if not address:
        return
    dialect = dialect_of(connection)
    renamed = {**dialect.renamed, **dialect.revocation.renamed}
    revocation = replace(dialect.revocation, renamed=renamed)
    client_id, secrets = client_of(connection)
    usual = authentication or authentications(connection)[0]
    DiscardedToken.objects.create(
        team_id=connection.team_id,
        connection_id=connection.pk,
        connection_name=connection.name,
        revocation_url=address,
        revocation=written(revocation),
        values=_named_in(address, revocation, {**connection.placeholders, **(kept or {})}),
        client_id=client_id,
        client_secret=secrets[0] if secrets else None,
        old_client_secret=secrets[1] if len(secrets) > 1 else None,
        client_authentication=oauth2.authentication_for(revocation, usual),
        access_token=access_token,
        refresh_token=refresh_token,
        discarded_at=now,
        try_at=now,
    )


def revocation_address(connection: Connection) -> str:
    """Where the provider is told that tokens are no longer used; empty: it cannot be told."""
    provider = provider_of(connection)
    return connection.revocation_url or (provider.revocation_url if provider else "")


def written(revocation: Revocation) -> dict[str, object]:
    """The dialect's part as JSON holds it; a standard one as nothing."""
    if revocation == Revocation():
        return {}
    return {**asdict(revocation), "body": revocation.body.value}


def read(stored: Mapping[str, object]) -> Revocation:
    """The dialect's part that `written` made; what a later version has added to it is left out."""
    known = {name: value for name, value in stored.items() if name in Revocation.__dataclass_fields__}
    if "body" in known:
        known["body"] = BodyStyle(str(known["body"]))
    return Revocation(**known)  # type: ignore[arg-type]


def _named_in(address: str, revocation: Revocation, values: Mapping[str, object]) -> dict[str, str]:
    texts = (address, *revocation.parameters.values(), *revocation.headers.values())
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, str) and any(f"{{{name}}}" in text for text in texts)
    }
