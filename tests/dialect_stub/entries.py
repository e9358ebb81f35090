"""Entries of the catalogue as they would be if the providers stood elsewhere: on this machine.

`https://host/path` becomes `http://127.0.0.1:port/host/path`, so that every host of a provider is a path of
one server, and placeholders in host names stay what they are.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connections import providers

CATALOGUE = Path(providers.__file__).with_name("catalogue.toml")
GROUP = "Moved"

_HTTPS = "https://"
# Nothing of an entry that is about people, and no address of the real provider's.
_LEFT_OUT = ("setup_url", "setup_steps", "notes", "sources", "suggested_scopes", "like", "api_base")


def moved_catalogue(*moves: tuple[str, str]) -> str:
    """A catalogue with these entries at these addresses: `("google", "http://127.0.0.2:5000")`."""
    document = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    lines = [f"groups = {_written([GROUP])}"]
    for slug, base in moves:
        entry = _moved(_whole(slug, document), base)
        lines += [f"[{slug}]", *(f"{name} = {_written(value)}" for name, value in entry.items())]
    return "\n".join(lines)


def _whole(slug: str, document: Mapping[str, Any]) -> dict[str, Any]:
    entry = document[slug]
    return _merged(_whole(entry["like"], document), entry) if "like" in entry else dict(entry)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    whole = {**base, **over}
    for name, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(name), dict):
            whole[name] = _merged(base[name], value)
    return whole


def _moved(entry: dict[str, Any], base: str) -> dict[str, Any]:
    address = base.removeprefix("http://")
    moved = {
        name: value if name == "needed_scopes" else _elsewhere(value, base)
        for name, value in entry.items()
        if name not in _LEFT_OUT
    }
    dialect = moved.get("dialect", {})
    if "answer_hosts" in dialect:
        dialect["answer_hosts"] = [address]
    return {
        **moved,
        "group": GROUP,
        # A port is no part of what a server is recognized by.
        "token_hosts": [address.partition(":")[0]],
        "api_hosts": [address],
    }


def _elsewhere(value: Any, base: str) -> Any:
    if isinstance(value, str):
        return value.replace(_HTTPS, f"{base}/")
    if isinstance(value, dict):
        return {name: _elsewhere(item, base) for name, item in value.items()}
    if isinstance(value, list):
        return [_elsewhere(item, base) for item in value]
    return value


def _written(value: Any) -> str:
    """TOML. Its strings, numbers and booleans are written as in JSON."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {_written(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(item) for item in value) + "]"
    return json.dumps(value)
