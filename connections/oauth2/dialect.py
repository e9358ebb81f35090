"""How an authorization server strays from the RFCs, as data.

A plain server's dialect is `Dialect()`. Presets, what the catalogue knows of a host, and the Advanced part
of a connection all end as one of these; nothing that builds a message or reads an answer asks who the
provider is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class BodyStyle(StrEnum):
    """How parameters travel to the token endpoint; the RFC's way is the form (RFC 6749 §4.1.3)."""

    FORM = "form"
    JSON = "json"
    QUERY = "query"


class RefreshKind(StrEnum):
    """How a grant goes on when its access token ends."""

    STANDARD = "standard"  # a refresh token (RFC 6749 §6)
    EXCHANGE = "exchange"  # the access token itself is traded for a new one
    CLIENT = "client"  # the client asks again for itself (RFC 6749 §4.4)
    NONE = "none"  # not at all


class Meaning(StrEnum):
    """What an answer means for the grant, whatever its status says."""

    DEAD = "dead"  # only a person at the provider can help
    CONFIGURATION = "configuration"  # only who edits the connection can help
    TRANSIENT = "transient"  # it may go better later
    STILL_GOOD = "still_good"  # the access token need not be renewed yet
    EXPIRED = "expired"  # of an API's answer: the access token has run out


@dataclass(frozen=True, slots=True)
class Rule:
    """An answer that means something, by its status and a member or words of its body; all given must fit."""

    meaning: Meaning
    status: int | None = None
    # A member of the JSON body by its dotted path, numbers being places in lists: `errors.0.code`.
    member: str = ""
    # The member's value as text; empty: it only has to be there.
    value: str = ""
    # A regular expression that occurs somewhere in the body's text, whatever its case.
    words: str = ""

    def fits(self, status: int, document: object, text: str) -> bool:
        """Whether this is such an answer; `document` is the parsed body, None if it is not JSON."""
        if self.status is not None and status != self.status:
            return False
        if self.member:
            found = member_at(document, self.member)
            if found is None or (self.value and _spelled(found) != self.value):
                return False
        return not self.words or re.search(self.words, text[:20_000], re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class Revocation:
    """How tokens are ended where it is not done as in RFC 7009."""

    method: str = "POST"
    body: BodyStyle = BodyStyle.FORM
    # The name of the parameter with the token, and which token it is: `refresh`, `access` or `either`.
    parameter: str = "token"
    which: str = "either"
    # As for the token endpoint; empty: the same way. `bearer`: by the token itself.
    authentication: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    # Standard parameter → the server's name for it, besides what the token endpoint calls otherwise.
    renamed: Mapping[str, str | None] = field(default_factory=dict)
    # Whether it ends other grants of the same account and client, too.
    ends_all: bool = False


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A second request that trades the token of the first answer for the one to keep (Meta, Instagram)."""

    url: str
    method: str = "GET"
    body: BodyStyle = BodyStyle.QUERY
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one server wants to be asked, and how it answers. Everything has the RFC's way as default.

    Values of parameters and headers may hold `{client_id}`, `{client_secret}`, `{redirect_uri}`, `{scope}`,
    values of the callback that are kept and, where there is one, `{access_token}`, `{refresh_token}` and
    `{code}`. Of two parameters of one name the protocol's own is sent; `renamed` and `refresh_dropped` make
    room for another. A trade (FollowUp, RefreshKind.EXCHANGE) holds its parameters and nothing besides.
    """

    # The way of the browser.
    authorization_parameters: Mapping[str, str] = field(default_factory=dict)
    scope_separator: str = " "
    # None: no scope is sent.
    scope_parameter: str | None = "scope"
    # Standard parameter → the server's name for it; None: not sent. In every request to it.
    renamed: Mapping[str, str | None] = field(default_factory=dict)
    pkce: str = "S256"  # S256, plain or off
    code_parameter: str = "code"
    # Further parameters of the callback that are kept with the token: realmId, location.
    callback_parameters: tuple[str, ...] = ()
    # Parameter of the callback → placeholder of the addresses whose value it tells (Zoho's data centre).
    callback_placeholders: Mapping[str, str] = field(default_factory=dict)

    # The token endpoint.
    request_method: str = "POST"
    request_body: BodyStyle = BodyStyle.FORM
    client_authentication: str = "auto"  # auto, basic, basic_raw, body or none
    token_parameters: Mapping[str, str] = field(default_factory=dict)
    token_headers: Mapping[str, str] = field(default_factory=dict)
    # Where the tokens sit in the answer; of several the first that is there.
    token_paths: tuple[str, ...] = ("",)
    # Standard member of the answer → the server's name for it.
    answer_members: Mapping[str, str] = field(default_factory=dict)
    follow_up: FollowUp | None = None

    # Refreshing.
    refresh_kind: RefreshKind = RefreshKind.STANDARD
    refresh_url: str = ""
    refresh_method: str = "POST"
    refresh_body: BodyStyle | None = None
    refresh_parameters: Mapping[str, str] = field(default_factory=dict)
    # Standard parameters that a refresh must not carry: grant_type, client_secret.
    refresh_dropped: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    default_life: timedelta | None = None
    # How long a refresh token lives: unused, and at all.
    idle_life: timedelta | None = None
    refresh_life: timedelta | None = None

    # Revocation (RFC 7009).
    revocation: Revocation = Revocation()

    # API calls: a header or, with a question mark, a query parameter, with its place for the token.
    api_authorization: str = "Authorization: Bearer {access_token}"
    api_headers: Mapping[str, str] = field(default_factory=dict)

    # Members of the token answer that steer API calls or tell whose account it is.
    kept: tuple[str, ...] = ()
    account_members: tuple[str, ...] = ()
    # Where the host of an answer or callback may lead to; empty: nowhere.
    answer_hosts: tuple[str, ...] = ()
    # The name of a function in `quirks`, for the few answers that no data describes.
    quirk: str = ""


def member_at(document: object, path: str) -> object:
    """What a dotted path leads to in a parsed document; None if there is no such member."""
    for step in path.split(".") if path else ():
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
