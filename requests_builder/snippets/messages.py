"""A request in the pieces that every language writes: text, and names of secrets in place of their values."""

import json
import re
from dataclasses import dataclass, replace
from urllib.parse import quote

from requests_builder.importing import RequestDraft, is_secret_header, is_secret_parameter
from requests_builder.rendering import (
    DEFAULT_HEADERS,
    URL_SAFE,
    ApiKey,
    Basic,
    Bearer,
    Place,
    parameters_of,
    url_with_parameters,
)

Pair = tuple[str, str]
_VARIABLE = re.compile(r"(\{\{.{0,200}?\}\})")
_NAME_OF_SECRET = re.compile(r"\W+")
_MEDIA_TYPES = {"json": "application/json", "xml": "application/xml", "graphql": "application/json"}


@dataclass(frozen=True, slots=True)
class Secret:
    """Stands where a secret goes: the name of an environment variable."""

    name: str


Text = tuple[str | Secret, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent, in words that no language has quoted yet."""

    method: str
    url: Text
    headers: tuple[tuple[str, Text], ...]
    # User name, and the password.
    basic: tuple[str, Text] | None
    body_text: str | None
    form: tuple[Pair, ...] | None
    parts: tuple[Pair, ...] | None
    timeout_seconds: int | None
    follow_redirects: bool | None
    notes: tuple[str, ...]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the environment variables that it needs, in order."""
        texts: list[Text] = [self.url, *(value for _, value in self.headers)]
        if self.basic:
            texts.append(self.basic[1])
        names = [piece.name for text in texts for piece in text if isinstance(piece, Secret)]
        return tuple(dict.fromkeys(names))


def joined(*pieces: str | Secret) -> Text:
    """The pieces as one text: those that lie side by side are one, and nothing is empty."""
    text: list[str | Secret] = []
    for piece in pieces:
        if isinstance(piece, str) and text and isinstance(text[-1], str):
            text[-1] += piece
        elif piece:
            text.append(piece)
    return tuple(text)


def message_of(draft: RequestDraft) -> Message:
    """The message that a draft is, with what the builder adds where nothing was typed."""
    basic: tuple[str, Text] | None = None
    headers: list[tuple[str, Text]] = []
    named = {name.lower() for name, _ in draft.headers}
    match draft.authorization:
        case Bearer():
            headers.append(("Authorization", ("Bearer ", Secret("TOKEN"))))
        case Basic(username=username, password=password):
            basic = (username, (Secret("PASSWORD"),) if password else ())
        case ApiKey(place=Place.HEADER, name=name):
            headers.append((name, (Secret(_variable_for(name, "API_KEY")),)))
    if draft.wants_connection:
        headers.append(("Authorization", ("Bearer ", Secret("ACCESS_TOKEN"))))
    headers += [(name, _header_text(name, value)) for name, value in draft.headers]
    if "accept" not in named:
        headers.append(("Accept", (DEFAULT_HEADERS["accept"],)))
    body = draft.body
    media_type = body.media_type if body.kind == "raw" else _MEDIA_TYPES.get(body.kind, "")
    if media_type and "content-type" not in named:
        headers.append(("Content-Type", (media_type,)))
    message = Message(
        method=draft.method or "GET",
        url=_url_of(draft),
        headers=tuple(headers),
        basic=basic,
        body_text=_body_text(draft),
        form=body.pairs if body.kind == "form" else None,
        parts=body.pairs if body.kind == "multipart" else None,
        timeout_seconds=draft.timeout_seconds,
        follow_redirects=draft.follow_redirects,
        notes=(),
    )
    return replace(message, notes=_notes_on(message, draft))


def _notes_on(message: Message, draft: RequestDraft) -> tuple[str, ...]:
    texts = [draft.url, draft.body.text, draft.body.variables]
    texts += [text for pair in (*draft.headers, *draft.body.pairs) for text in pair]
    variables = list(
        dict.fromkeys(
            found
            for text in texts
            for found in _VARIABLE.findall(text.replace("%7B", "{").replace("%7D", "}"))
        )
    )
    said = []
    if message.secrets:
        names = ", ".join(message.secrets)
        said.append(f"Secrets are not in it. Set {names} in the environment before you run it.")
    if draft.wants_connection:
        said.append("The access token of the connection ends after a while; ask for another one then.")
    if variables:
        said.append(f"Replace the variables, which nothing fills in there: {', '.join(variables[:12])}.")
    return tuple(said)


def _url_of(draft: RequestDraft) -> Text:
    """The address, with secrets in its query as names."""
    pairs = parameters_of(draft.url)
    secrets: dict[str, str] = {
        name: _variable_for(name, "API_KEY")
        for name, value in pairs
        if is_secret_parameter(name) and value and not _VARIABLE.search(value)
    }
    match draft.authorization:
        case ApiKey(place=Place.QUERY, name=name):
            secrets[name] = _variable_for(name, "API_KEY")
            if name not in [key for key, _ in pairs]:
                pairs.append((name, ""))
    if not secrets:
        return (_written(draft.url.partition("#")[0]),)
    open_pairs = [pair for pair in pairs if pair[0] not in secrets]
    url = _written(url_with_parameters(draft.url.partition("#")[0], open_pairs))
    pieces: list[str | Secret] = [url]
    for name, variable in secrets.items():
        joint = "&" if len(pieces) > 1 or "?" in url else "?"
        pieces += [f"{joint}{quote(name, safe='')}=", Secret(variable)]
    return joined(*pieces)


def _written(url: str) -> str:
    """As it goes over the wire, but for the host, and variables, which stay readable."""
    scheme, separator, rest = url.strip().partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0] if separator else ""
    pieces = _VARIABLE.split(rest[len(host) :] if separator else scheme)
    written = "".join(
        piece if _VARIABLE.fullmatch(piece) else quote(piece, safe=URL_SAFE, errors="replace")
        for piece in pieces
    )
    return f"{scheme}{separator}{host}{written}" if separator else written


def _header_text(name: str, value: str) -> Text:
    if not is_secret_header(name) or _VARIABLE.search(value) or not value:
        return (value,)
    scheme, blank, _ = value.partition(" ")
    if name.lower() == "authorization" and blank and scheme.isalpha():
        return (f"{scheme} ", Secret("TOKEN"))
    return (Secret(_variable_for(name, "SECRET")),)


def _variable_for(name: str, otherwise: str) -> str:
    """The name of an environment variable for a header or parameter: X-Api-Key is API_KEY."""
    plain = _NAME_OF_SECRET.sub("_", name.upper()).strip("_").removeprefix("X_")
    return plain if re.fullmatch(r"[A-Z][A-Z0-9_]{1,60}", plain) else otherwise


def _body_text(draft: RequestDraft) -> str | None:
    body = draft.body
    match body.kind:
        case "json" | "xml" | "raw":
            return body.text
        case "graphql":
            return graphql_text(body.text, body.variables)
        case _:
            return None


def graphql_text(query: str, variables: str) -> str:
    """A GraphQL request as JSON; variables that are no JSON yet stay as they were typed."""
    inner = variables.strip()
    quoted = json.dumps(query, ensure_ascii=False)
    return f'{{"query": {quoted}, "variables": {inner}}}' if inner else f'{{"query": {quoted}}}'
