"""The kinds of requests that a provider's entry speaks of, each as it has to come."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from connections.oauth2.dialect import BodyStyle, RefreshKind
from connections.providers import Provider

from .expected import Expected, filled, with_client

# An "automatic" server takes what the client does not try first.
UNTOLD_AUTHENTICATION = "basic"


@dataclass(frozen=True, slots=True)
class Shapes:
    """What a client of this provider sends; `places` are the values of all `{places}` in the entry."""

    provider: Provider
    client: tuple[str, str]
    redirect_uri: str
    scopes: str
    places: Mapping[str, str]

    def all(self) -> list[Expected]:
        dialect = self.provider.dialect
        kinds = [self._expected_exchange()]
        if dialect.follow_up is not None:
            follow_up = dialect.follow_up
            kinds.append(
                self._trade(
                    "follow_up", follow_up.method, follow_up.url, follow_up.body, follow_up.parameters
                )
            )
        if dialect.refresh_kind is RefreshKind.STANDARD:
            kinds.append(self._expected_refresh())
        elif dialect.refresh_kind is RefreshKind.EXCHANGE:
            body = dialect.refresh_body or dialect.request_body
            url = dialect.refresh_url or self.provider.token_url
            kinds.append(self._trade("trade", dialect.refresh_method, url, body, dialect.refresh_parameters))
        elif dialect.refresh_kind is RefreshKind.CLIENT:
            kinds.append(self._expected_client())
        if self.provider.revocation_url:
            kinds.append(self._expected_revocation())
        return kinds

    def _expected_exchange(self) -> Expected:
        dialect = self.provider.dialect
        standard: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": None,
            "redirect_uri": self.redirect_uri,
        }
        if dialect.pkce != "off":
            standard["code_verifier"] = None
        return self._request(
            "exchange", dialect.request_method, self.provider.token_url, dialect.request_body, standard,
            dialect.token_parameters,
        )  # fmt: skip

    def _expected_refresh(self) -> Expected:
        dialect = self.provider.dialect
        return self._request(
            "refresh",
            dialect.refresh_method,
            dialect.refresh_url or self.provider.token_url,
            dialect.refresh_body or dialect.request_body,
            {"grant_type": "refresh_token", "refresh_token": None},
            dialect.refresh_parameters,
            dropped=dialect.refresh_dropped,
        )

    def _expected_client(self) -> Expected:
        dialect = self.provider.dialect
        standard: dict[str, str | None] = {"grant_type": "client_credentials"}
        if dialect.scope_parameter and self.scopes:
            standard[dialect.scope_parameter] = dialect.scope_separator.join(self.scopes.split())
        return self._request(
            "client", dialect.request_method, self.provider.token_url, dialect.request_body, standard,
            dialect.token_parameters,
        )  # fmt: skip

    def _request(
        self,
        kind: str,
        method: str,
        url: str,
        style: BodyStyle,
        standard: Mapping[str, str | None],
        extra: Mapping[str, str],
        *,
        dropped: frozenset[str] = frozenset(),
    ) -> Expected:
        dialect, places = self.provider.dialect, self.places
        headers = {name: filled(value, places) for name, value in dialect.token_headers.items()}
        parameters, headers, forbidden = with_client(
            standard,
            dialect,
            client=self.client,
            authentication=self._authentication,
            headers=headers,
            dropped=dropped,
        )
        for name, value in extra.items():
            if name not in parameters and (whole := filled(value, places)):
                parameters[name] = whole
        return Expected(kind, method, urlsplit(url).path, style, parameters, headers, forbidden)

    def _trade(
        self, kind: str, method: str, url: str, style: BodyStyle, templates: Mapping[str, str]
    ) -> Expected:
        """A request that holds what the entry says, and nothing besides."""
        parameters = {
            name: None if "{access_token}" in value else filled(value, self.places)
            for name, value in templates.items()
        }
        return Expected(kind, method, urlsplit(url).path, style, parameters, {}, frozenset({"Authorization"}))

    def _expected_revocation(self) -> Expected:
        dialect, revocation, places = self.provider.dialect, self.provider.dialect.revocation, self.places
        parameters: dict[str, str | None] = {revocation.parameter: None} if revocation.parameter else {}
        if revocation.parameter == "token" and revocation.body is BodyStyle.FORM:
            parameters["token_type_hint"] = None
        headers = {name: filled(value, places) for name, value in revocation.headers.items()}
        forbidden = frozenset() if revocation.authentication == "bearer" or headers else {"Authorization"}
        if revocation.authentication not in ("bearer", "none"):
            parameters, headers, forbidden = with_client(
                parameters,
                dialect,
                client=self.client,
                authentication=revocation.authentication or self._authentication,
                headers=headers,
            )
        parameters |= {name: filled(value, places) for name, value in revocation.parameters.items()}
        path = urlsplit(filled(self.provider.revocation_url, self._quoted)).path
        return Expected(
            "revoke", revocation.method, path, revocation.body, parameters, headers, frozenset(forbidden)
        )

    @property
    def _authentication(self) -> str:
        told = self.provider.dialect.client_authentication
        return UNTOLD_AUTHENTICATION if told == "auto" else told

    @property
    def _quoted(self) -> dict[str, str]:
        return {name: quote(value, safe="") for name, value in self.places.items()}
