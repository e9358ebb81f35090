"""A request to an authorization server as a value: put together once, sent somewhere else."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

from .dialect import BodyStyle

_PLACE = re.compile(r"\{(\w+)\}")


class Authentication(StrEnum):
    """How the client proves itself; never more than one way in a request (RFC 6749 §2.3)."""

    BASIC = "basic"
    # The header without the form-encoding that §2.3.1 asks for: some servers do not decode it.
    BASIC_RAW = "basic_raw"
    BODY = "body"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Client:
    """An application as the authorization server knows it; without a secret it is a public one (§2.1)."""

    client_id: str
    client_secret: str | None = field(repr=False)
    authentication: Authentication


@dataclass(frozen=True, slots=True)
class Message:
    """A request that is ready to be sent. `secrets` is what the answer must not be shown with."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a request travels."""

    method: str = "POST"
    body: BodyStyle = BodyStyle.FORM
    headers: Mapping[str, str] = field(default_factory=dict)


def assembled(
    endpoint: str,
    client: Client,
    parameters: Mapping[str, str],
    *,
    shape: Shape,
    secrets: tuple[str, ...],
    renamed: Mapping[str, str | None] | None = None,
    dropped: frozenset[str] = frozenset(),
    extra: Mapping[str, str] | None = None,
) -> Message:
    """The message with `parameters`, the client's credentials and, where they leave room, `extra`.

    No parameter goes out twice, and none empty (RFC 6749 §3.2). `renamed` and `dropped` speak of the
    standard's names; a name that is not sent for them is free for `extra`. `extra` and the headers are
    expanded already. The endpoint keeps its own query.
    """
    headers = {"accept": ("Accept", "application/json")}
    headers |= {name.lower(): (name, value) for name, value in shape.headers.items() if value}
    # Who writes the header into the settings has chosen how the client proves itself.
    has_own_header = "authorization" in headers
    credentials: dict[str, str] = {}
    if client.authentication in (Authentication.BASIC, Authentication.BASIC_RAW):
        basic = basic_credentials(client)
        if not has_own_header:
            headers["authorization"] = ("Authorization", f"Basic {basic}")
        secrets = (*secrets, basic)
    else:
        credentials["client_id"] = client.client_id
        if client.authentication is Authentication.BODY and not has_own_header:
            credentials["client_secret"] = client.client_secret or ""
    ours = in_the_servers_words({**parameters, **credentials}, renamed or {}, dropped)
    sent = {name: value for name, value in ours.items() if value}
    refused = _names_of_the_secret(renamed or {}) if "authorization" in headers else frozenset()
    for name, value in (extra or {}).items():
        if value and name not in ours and name not in refused:
            sent[name] = value
    url, body, content_type = _travelling(endpoint, sent, shape)
    if content_type:
        headers.setdefault("content-type", ("Content-Type", content_type))
    secret = client.client_secret or ""
    return Message(url, tuple(headers.values()), body, (*secrets, secret), shape.method)


def expanded(template: Mapping[str, object], values: Mapping[str, str]) -> dict[str, str]:
    """Parameters or headers with their `{places}` filled in; a place of unknown name stays as it is.

    In one pass: what is put in is not looked through for places again.
    """
    return {
        name: _PLACE.sub(lambda place: values.get(place[1], place[0]), written(value))
        for name, value in template.items()
    }


def in_the_servers_words(
    parameters: Mapping[str, str],
    renamed: Mapping[str, str | None],
    dropped: frozenset[str] = frozenset(),
) -> dict[str, str]:
    """Standard parameters by the names that the server has for them, without those that it does not want."""
    names = {name: renamed.get(name, name) for name in parameters if name not in dropped}
    return {new: parameters[old] for old, new in names.items() if new}


def written(value: object) -> str:
    """A parameter's value as it is sent; empty for null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def basic_credentials(client: Client) -> str:
    """What stands after `Basic`; each part form-encoded first, so that a colon in it survives (§2.3.1)."""
    parts = (client.client_id, client.client_secret or "")
    if client.authentication is Authentication.BASIC:
        parts = (quote_plus(parts[0]), quote_plus(parts[1]))
    return b64encode(":".join(parts).encode()).decode()


def _names_of_the_secret(renamed: Mapping[str, str | None]) -> frozenset[str]:
    return frozenset({"client_secret", renamed.get("client_secret") or "client_secret"})


def _travelling(endpoint: str, sent: Mapping[str, str], shape: Shape) -> tuple[str, bytes, str]:
    """URL, body and Content-Type; GET has no body."""
    parts = urlsplit(endpoint)
    # No parameter goes out twice (§3.2), and no credential in the query unless the dialect wants it there.
    ours = sent.keys() | {"client_id", "client_secret"}
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in ours]
    if shape.body is BodyStyle.QUERY or shape.method == "GET":
        query += sent.items()
        return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote))), b"", ""
    url = urlunsplit(parts._replace(query=urlencode(query, quote_via=quote))) if parts.query else endpoint
    if shape.body is BodyStyle.JSON:
        return url, json.dumps(sent).encode(), "application/json"
    return url, urlencode(sent).encode(), "application/x-www-form-urlencoded"
