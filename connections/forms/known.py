"""What the catalogue knows of a connection's server, for whoever fills in the form."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connections import providers
from connections.models import Connection, GrantType
from connections.oauth2.dialect import BodyStyle, Dialect, RefreshKind
from connections.providers import Provider

_BEARER = Dialect().api_authorization


@dataclass(frozen=True, slots=True)
class Missing:
    """What connections to this provider usually have, and this one has not."""

    scopes: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.scopes or self.parameters)

    @property
    def spelled(self) -> list[str]:
        """Each as it would be typed."""
        return [*self.scopes, *(f"{name}={value}" for name, value in self.parameters.items())]

    def add_to(self, connection: Connection) -> set[str]:
        """Put all of it into the settings of a connection that is about to be saved; the fields changed."""
        connection.scopes = " ".join([*connection.scopes.split(), *self.scopes])
        connection.authorization_parameters = {**connection.authorization_parameters, **self.parameters}
        changed = {"scopes": self.scopes, "authorization_parameters": self.parameters}
        return {name for name, added in changed.items() if added}


def usual_provider(connection: Connection) -> Provider | None:
    """Whom the catalogue knows at the server of a stored connection, followed or not."""
    if connection.preset:
        return providers.get(connection.preset)
    return providers.recognize(connection.token_url)


def missing(provider: Provider | None, connection: Connection) -> Missing:
    """What is usual with the provider and not there. Parameters that we send by ourselves are there."""
    if provider is None or connection.grant_type == GrantType.CLIENT_CREDENTIALS:
        return Missing()
    typed = set(re.split(r"[\s,]+", connection.scopes))
    usual = {} if connection.follows_provider else provider.dialect.authorization_parameters
    return Missing(
        tuple(scope for scope in provider.needed_scopes if scope not in typed),
        {name: value for name, value in usual.items() if name not in connection.authorization_parameters},
    )


def differences(dialect: Dialect) -> list[str]:
    """What following a dialect changes, against the plain standard; each goes on after "it"."""
    return list(_differences(dialect))


def _differences(dialect: Dialect) -> Iterator[str]:
    plain = Dialect()
    if dialect.authorization_parameters:
        sent = " and ".join(f"{name}={value}" for name, value in dialect.authorization_parameters.items())
        yield f"asks with {sent}"
    if dialect.scope_parameter is None:
        yield "sends no scopes"
    elif dialect.scope_separator != " ":
        yield f"separates scopes by “{dialect.scope_separator}”"
    if dialect.pkce != plain.pkce:
        yield "leaves PKCE out" if dialect.pkce == "off" else f"uses PKCE with {dialect.pkce}"
    if dialect.request_body is not BodyStyle.FORM:
        yield (
            f"sends token requests as {dialect.request_body.upper()}"
            if dialect.request_body is BodyStyle.JSON
            else ("sends token requests in the query of the address")
        )
    if dialect.callback_placeholders:
        yield "takes the region from the provider’s answer"
    if dialect.follow_up or dialect.refresh_kind is RefreshKind.EXCHANGE:
        yield "trades the token for one that lives longer"
    if dialect.refresh_url or dialect.refresh_parameters or dialect.refresh_dropped:
        yield "renews tokens in the provider’s own way"
    if dialect.api_authorization != _BEARER:
        yield f"sends the token as {dialect.api_authorization}"
    if dialect.kept:
        yield f"keeps {', '.join(dialect.kept)} for your requests"
    if dialect.rules or dialect.default_life:
        yield "knows when a token has ended"
