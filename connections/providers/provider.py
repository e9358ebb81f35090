"""What the catalogue says of one provider."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from connections.oauth2.dialect import Dialect

Part = TypeVar("Part")


_USUAL_STEPS = (
    "Sign in there, and create an app for OAuth 2.0.",
    "Enter {redirect_uri} as its redirect or callback URL.",
    "Copy its Client ID and Client Secret.",
)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A part of a provider's addresses that each customer has their own of: a subdomain, a region."""

    name: str
    label: str
    example: str
    # What a value has to look like as a whole; with `choices` none is needed.
    pattern: str = ""
    # All values there are and what to call them, where the provider has a fixed list.
    choices: Mapping[str, str] = field(default_factory=dict)
    # What is filled in until somebody changes it; empty: everybody has to say.
    default: str = ""
    # Other spellings of a value, as callbacks tell it: Zoho's `us` for `zoho.com`.
    aliases: Mapping[str, str] = field(default_factory=dict)
    help: str = ""

    def accepts(self, value: str) -> bool:
        """Whether this may be put into an address."""
        if self.choices:
            return value in self.choices
        return re.fullmatch(self.pattern, value) is not None

    def read(self, said: str) -> str | None:
        """The value that a callback means; None if it is none of this placeholder's."""
        value = self.aliases.get(said, said)
        return value if self.accepts(value) else None


@dataclass(frozen=True, slots=True)
class Provider:
    """An authorization server and the APIs behind it. Addresses may hold `{placeholders}`."""

    slug: str
    title: str
    group: str
    authorization_url: str
    token_url: str
    revocation_url: str = ""
    placeholders: tuple[Placeholder, ...] = ()
    dialect: Dialect = field(default_factory=Dialect)
    # Scopes without which nothing useful, or no refresh token, comes back; and usual ones to choose from.
    needed_scopes: tuple[str, ...] = ()
    suggested_scopes: tuple[str, ...] = ()
    # Hosts by which a custom connection's token URL is recognized; `*.` in front as in `api_hosts`.
    token_hosts: frozenset[str] = frozenset()
    # Where the token may be sent; `*.` in front stands for any one label or more.
    api_hosts: tuple[str, ...] = ()
    api_base: str = ""
    # A GET that any token may make, to test a connection; empty: none known.
    test_url: str = ""
    # Where an app is registered, and what to do there; a sentence each. `{redirect_uri}` is our address.
    setup_url: str = ""
    setup_steps: tuple[str, ...] = ()
    # What to do when no refresh token came.
    refresh_remedy: str = ""
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    # The entry that this one is like: a family has its hosts in common and is recognized as that one.
    like: str = ""

    @property
    def steps(self) -> tuple[str, ...]:
        """What to do at the provider before connecting, a sentence each."""
        return self.setup_steps or _USUAL_STEPS

    def address(self, template: str, values: Mapping[str, str]) -> str:
        """An address with its placeholders filled in. Raises ValueError for a value that does not fit."""
        for placeholder in self.placeholders:
            value = values.get(placeholder.name, "")
            if f"{{{placeholder.name}}}" in template:
                if not placeholder.accepts(value):
                    raise ValueError(placeholder.name)
                template = template.replace(f"{{{placeholder.name}}}", value)
        return template

    def filled(self, values: Mapping[str, str]) -> "Provider":
        """The same with its placeholders filled in everywhere, the dialect included.

        What has no value that fits stays as it stands, and thereby leads nowhere.
        """
        fitting = {
            f"{{{placeholder.name}}}": values[placeholder.name]
            for placeholder in self.placeholders
            if placeholder.accepts(values.get(placeholder.name, ""))
        }
        if not fitting:
            return self
        # The placeholders themselves are not to be filled: their patterns have braces, too.
        return replace(_filled(replace(self, placeholders=()), fitting), placeholders=self.placeholders)

    def values_in(self, token_url: str) -> dict[str, str]:
        """The placeholders' values that a typed token URL shows; those not found have their defaults."""
        values = {placeholder.name: placeholder.default for placeholder in self.placeholders}
        shape = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/?#@]+)", re.escape(self.token_url))
        found = re.match(shape, token_url)
        values |= found.groupdict() if found else {}
        return {
            placeholder.name: values[placeholder.name]
            for placeholder in self.placeholders
            if placeholder.accepts(values[placeholder.name])
        }

    def is_asked_at(self, token_url: str) -> bool:
        """Whether a token URL is this provider's, by its host."""
        host = (urlsplit(token_url).hostname or "").lower()
        return any(_covers(pattern, host) for pattern in self.token_hosts)


def _covers(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and host != pattern[1:]
    return host == pattern


def _filled(part: Part, values: Mapping[str, str]) -> Part:
    """A copy of texts, and of whatever holds texts, with the values put in."""
    new: Any = part
    if isinstance(part, Enum):
        return part
    if isinstance(part, str):
        for name, value in values.items():
            new = new.replace(name, value)
    elif isinstance(part, Mapping):
        new = {key: _filled(value, values) for key, value in part.items()}
    elif isinstance(part, tuple | frozenset):
        new = type(part)(_filled(item, values) for item in part)
    elif is_dataclass(part) and not isinstance(part, type):
        new = replace(part, **{each.name: _filled(getattr(part, each.name), values) for each in fields(part)})
    return new  # type: ignore[no-any-return]
