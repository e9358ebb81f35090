"""What a request to a server has to look like, read from its entry; and what is wrong with one that came.

Written from the meaning of the dialect's fields, not from the client's code.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote_plus

from connections.oauth2.dialect import BodyStyle, Dialect
from demo_api.messages import Request

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@dataclass(frozen=True, slots=True)
class Expected:
    """One kind of request. A value of None stands for any: codes and tokens are looked at afterwards."""

    kind: str
    method: str
    path: str
    style: BodyStyle
    parameters: Mapping[str, str | None]
    headers: Mapping[str, str] = field(default_factory=dict)
    # Names of headers that must not come.
    forbidden: frozenset[str] = frozenset()

    def problems(self, request: Request, query: Mapping[str, str]) -> list[str]:
        """What strays; `query` is the address's own."""
        found: list[str] = []
        if request.method != self.method:
            found.append(f"{request.method} instead of {self.method}")
        sent, style_problems = self._sent(request, query)
        found += style_problems
        names = [name for name, _ in sent]
        found += [f"{name} comes twice" for name in set(names) if names.count(name) > 1]
        found += [f"{name} is empty" for name, value in sent if value == ""]
        found += [f"{name} is missing" for name in self.parameters.keys() - set(names)]
        found += [f"{name} is not known here" for name in set(names) - self.parameters.keys()]
        for name, value in sent:
            wanted = self.parameters.get(name)
            if wanted is not None and value != wanted:
                found.append(f"{name} is not as it should be")
        for name, wanted in self.headers.items():
            if request.headers.get(name.lower()) != wanted:
                found.append(f"header {name} is not as it should be")
        found += [
            f"header {name} must not come" for name in self.forbidden if name.lower() in request.headers
        ]
        return found

    def values(self, request: Request) -> dict[str, str]:
        return dict(self._sent(request, {})[0])

    def _sent(self, request: Request, query: Mapping[str, str]) -> tuple[list[tuple[str, str]], list[str]]:
        """Its parameters, wherever this kind carries them, and what came at another place."""
        in_query = [(name, value) for name, value in request.query_pairs if query.get(name) != value]
        if self.style is BodyStyle.QUERY or self.method == "GET":
            return in_query, ["there is a body"] if request.body else []
        problems = [f"{name} comes in the query" for name, _ in in_query]
        text = request.body.decode()
        if not text and not self.parameters:
            return [], problems
        wanted = JSON if self.style is BodyStyle.JSON else FORM
        if request.media_type != wanted:
            return [], [*problems, f"{request.media_type or 'no media type'} instead of {wanted}"]
        if self.style is BodyStyle.JSON:
            return [(name, str(value)) for name, value in json.loads(text).items()], problems
        return parse_qsl(text, keep_blank_values=True), problems


def authorization_parameters(
    dialect: Dialect, *, client_id: str, redirect_uri: str, scopes: str, places: Mapping[str, str]
) -> dict[str, str | None]:
    """What the browser has to bring; None for what is new each time."""
    standard: dict[str, str | None] = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": None,
    }
    if dialect.scope_parameter and scopes:
        standard[dialect.scope_parameter] = dialect.scope_separator.join(scopes.split())
    if dialect.pkce != "off":
        standard |= {"code_challenge": None, "code_challenge_method": dialect.pkce}
    return _renamed(standard, dialect) | {
        name: filled(value, places)
        for name, value in dialect.authorization_parameters.items()
        if name not in _renamed(standard, dialect) and value
    }


def with_client(
    standard: Mapping[str, str | None],
    dialect: Dialect,
    *,
    client: tuple[str, str],
    authentication: str,
    headers: Mapping[str, str],
    dropped: frozenset[str] = frozenset(),
) -> tuple[dict[str, str | None], dict[str, str], frozenset[str]]:
    """Parameters and headers with the client in them, and the headers that must not come then."""
    client_id, client_secret = client
    parameters = dict(standard)
    has_own_header = any(name.lower() == "authorization" for name in headers)
    forbidden = frozenset() if has_own_header else frozenset({"Authorization"})
    if authentication in ("basic", "basic_raw"):
        parts = (client_id, client_secret)
        if authentication == "basic":
            parts = (quote_plus(client_id), quote_plus(client_secret))
        basic = b64encode(":".join(parts).encode()).decode()
        headers = {"Authorization": f"Basic {basic}", **headers}
        forbidden = frozenset()
    else:
        parameters["client_id"] = client_id
        if authentication == "body" and not has_own_header:
            parameters["client_secret"] = client_secret
    return _renamed(parameters, dialect, dropped), dict(headers), forbidden


def filled(template: str, places: Mapping[str, str]) -> str:
    for name, value in places.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def _renamed(
    parameters: Mapping[str, str | None], dialect: Dialect, dropped: frozenset[str] = frozenset()
) -> dict[str, str | None]:
    names = {name: dialect.renamed.get(name, name) for name in parameters if name not in dropped}
    return {new: parameters[old] for old, new in names.items() if new}
