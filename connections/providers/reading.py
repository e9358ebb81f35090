"""Plain values, as TOML has them, into frozen dataclasses, by the types of their fields."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import timedelta
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind")

_LIFE = re.compile(r"(\d+) (second|minute|hour|day)s?")


class CatalogueError(ValueError):
    """The catalogue does not say what it must; the text names the place."""


def read_as(kind: type[Kind], table: Mapping[str, object], where: str) -> Kind:
    """A value of this dataclass. Raises CatalogueError for keys it does not know, lacks, or cannot read."""
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    if unknown := table.keys() - hints.keys():
        raise CatalogueError(f"{where}.{min(unknown)}: there is no such key")
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    if lacking := needed - table.keys():
        raise CatalogueError(f"{where}.{min(lacking)} is missing")
    return kind(**{name: _read(hints[name], value, f"{where}.{name}") for name, value in table.items()})


def _read(hint: Any, value: object, where: str) -> Any:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (UnionType, Union):
        # `false` is how TOML, which has no null, says that there is none.
        return None if value is False else _read(next(p for p in parts if p is not NoneType), value, where)
    if origin is Mapping and isinstance(value, dict):
        return {key: _read(parts[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin in (tuple, frozenset) and isinstance(value, list):
        return origin(_read(parts[0], item, f"{where}[{place}]") for place, item in enumerate(value))
    if isinstance(hint, type):
        return _read_plain(hint, value, where)
    raise CatalogueError(f"{where}: {value!r} is not what belongs here")


def _read_plain(hint: type, value: object, where: str) -> Any:
    if isinstance(value, dict) and is_dataclass(hint):
        return read_as(hint, value, where)
    if hint is timedelta and isinstance(value, str) and (life := _LIFE.fullmatch(value)):
        return timedelta(**{f"{life[2]}s": int(life[1])})
    if issubclass(hint, StrEnum) and isinstance(value, str) and value in list(hint):
        return hint(value)
    if hint in (str, bool, int) and type(value) is hint:
        return value
    raise CatalogueError(f"{where}: {value!r} is not what belongs here")
