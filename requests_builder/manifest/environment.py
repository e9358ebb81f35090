"""`${NAME}` in the file: what the environment holds, so that no secret stands in Git."""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.text import slugify

from .errors import refuse

# `${NAME}` is a variable, `$${NAME}` the text `${NAME}`.
_VARIABLE = re.compile(r"(\$*)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def expanded(value: Any, environment: Mapping[str, str], where: str) -> Any:
    """The value with each `${NAME}` replaced from the environment; `where` says where it stands."""
    if isinstance(value, dict):
        return {
            key: expanded(inner, environment, f"{where}.{key}".strip(".")) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [expanded(inner, environment, f"{where}[{index}]") for index, inner in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replacement(match: re.Match[str]) -> str:
        dollars, name = match.groups()
        if dollars:
            return match[0][1:]
        if name not in environment:
            refuse(where, f"the environment has no variable {name}: set it, then apply again")
        return environment[name]

    return _VARIABLE.sub(replacement, value)


def escaped(value: Any) -> Any:
    """The value with what looks like a variable written so that `expanded` gives it back."""
    if isinstance(value, dict):
        return {key: escaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [escaped(inner) for inner in value]
    return _VARIABLE.sub(r"$\g<0>", value) if isinstance(value, str) else value


class Variables:
    """Names for the secrets of one file, each its own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name(self, owner: str, what: str) -> str:
        """`CRM`, `client_secret` → `${CRM_CLIENT_SECRET}`."""
        stem = re.sub(r"[^A-Za-z0-9]+", "_", f"{slugify(owner)}_{what}").strip("_").upper()
        stem = f"_{stem}" if stem[:1].isdigit() else stem
        name = next(name for name in self._candidates(stem) if name not in self._taken)
        self._taken.add(name)
        return f"${{{name}}}"

    @staticmethod
    def _candidates(stem: str) -> Iterator[str]:
        yield stem
        yield from (f"{stem}_{number}" for number in itertools.count(2))
