"""How a request may prove who sends it."""

from dataclasses import dataclass, field
from enum import StrEnum


class Place(StrEnum):
    """Where an API key goes."""

    HEADER = "header"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class NoAuthorization:
    pass


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token in a header (RFC 6750 §2.1), typed or from an OAuth connection.

    `scheme` is the word before the token; some servers want another one, or none at all ("").
    """

    token: str = field(repr=False)
    scheme: str = "Bearer"
    header: str = "Authorization"


@dataclass(frozen=True, slots=True)
class Basic:
    """User name and password (RFC 7617), sent as UTF-8."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiKey:
    place: Place
    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Granted:
    """The access token of an OAuth connection, in the place and the words that its API wants.

    `headers` are those that the API always wants besides; the request's own go before them. `secrets` is
    what of all this must never be shown.
    """

    place: Place
    name: str
    value: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


Authorization = NoAuthorization | Bearer | Basic | ApiKey | Granted
