"""The catalogue: `catalogue.toml`, read once, and strictly: a slip of the pen is an error with its place.

A table is a provider; its keys are the fields of Provider, those under `dialect` the fields of Dialect.
`like = "other"` begins with what an entry above it says: tables are merged key by key, all else replaces.
Lives are written `"90 days"`; `false` stands for a parameter that is not sent.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from .provider import Provider
from .reading import CatalogueError, read_as

_FILE = Path(__file__).with_name("catalogue.toml")


# What a host of the product has added, by slug.
_added: dict[str, Provider] = {}


@cache
def catalogue() -> Mapping[str, Provider]:
    """All providers by their slug, in the order in which they are shown."""
    return MappingProxyType({**read_catalogue(_FILE.read_text(encoding="utf-8")), **_added})


def add(text: str) -> None:
    """Know further providers, in the form of catalogue.toml; one of a slug that is there takes its place.

    Whatever was added before is forgotten. Raises CatalogueError or ValueError.
    """
    added = read_catalogue(text)
    _added.clear()
    _added.update(added)
    catalogue.cache_clear()
    groups.cache_clear()
    recognize.cache_clear()


@cache
def groups() -> tuple[str, ...]:
    """The groups of providers, in the order in which they are shown."""
    return tuple(dict.fromkeys(provider.group for provider in catalogue().values()))


def get(slug: str) -> Provider | None:
    """The provider of this slug."""
    return catalogue().get(slug)


@lru_cache(maxsize=4096)
def recognize(token_url: str) -> Provider | None:
    """Whose token endpoint this is, by its host; of a family the one that the others are like."""
    heads = (provider for provider in catalogue().values() if not provider.like)
    return next((provider for provider in heads if provider.is_asked_at(token_url)), None)


def read_catalogue(text: str) -> dict[str, Provider]:
    """The providers in a catalogue's text. Raises CatalogueError, which names entry and key."""
    document = tomllib.loads(text)
    known_groups = document.pop("groups", [])
    entries: dict[str, dict[str, Any]] = {}
    for slug, given in document.items():
        entries[slug] = _whole(slug, given, entries)
    providers = {slug: _provider(slug, entry) for slug, entry in entries.items()}
    for slug, provider in providers.items():
        if provider.group not in known_groups:
            raise CatalogueError(f"{slug}: there is no group {provider.group!r}")
    return dict(sorted(providers.items(), key=lambda item: known_groups.index(item[1].group)))


def _whole(slug: str, given: Any, above: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """An entry together with the one that it is like."""
    if not isinstance(given, dict):
        raise CatalogueError(f"{slug} is no table")
    if "like" not in given:
        return given
    model = given["like"]
    if model not in above:
        raise CatalogueError(f"{slug}.like: no entry {model!r} stands above it")
    return _merged(above[model], given)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _merged(base[key], value)
        if isinstance(value, dict) and isinstance(base.get(key), dict)
        else value
        for key, value in over.items()
    }
    return {**base, **both}


def _provider(slug: str, entry: Mapping[str, Any]) -> Provider:
    placeholders = entry.get("placeholders", {})
    named = [{"name": name, **placeholder} for name, placeholder in placeholders.items()]
    provider = read_as(Provider, {**entry, "slug": slug, "placeholders": named}, slug)
    return replace(
        provider,
        token_hosts=provider.token_hosts if "token_hosts" in entry else frozenset(_hosts_of(provider)),
        api_hosts=provider.api_hosts or tuple(filter(None, [urlsplit(provider.api_base).hostname])),
    )


def _hosts_of(provider: Provider) -> list[str]:
    """The hosts that the token URL may have: each of a fixed list, or any label of a customer's choice."""
    hosts = [urlsplit(provider.token_url).netloc]
    for placeholder in provider.placeholders:
        name = f"{{{placeholder.name}}}"
        values = placeholder.choices or ("*",)
        hosts = [host.replace(name, value) for host in hosts for value in values]
    return [host for host in hosts if host.startswith("*.") or "*" not in host]
