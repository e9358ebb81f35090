"""Strategies as mappings, for files and the database."""

from collections.abc import Mapping
from dataclasses import MISSING, fields

from .counting import OffsetInBody, OffsetLimit, PageInBody, PageParameter
from .cursors import Cursor, CursorInBody
from .ends import ENDS
from .linking import LinkHeader, NextUrl
from .pages import InvalidPagination, NoPagination, Pagination

Strategy = (
    NoPagination
    | PageParameter
    | OffsetLimit
    | Cursor
    | NextUrl
    | LinkHeader
    | PageInBody
    | OffsetInBody
    | CursorInBody
)
_STRATEGIES: tuple[type[Strategy], ...] = (
    NoPagination,
    PageParameter,
    OffsetLimit,
    Cursor,
    NextUrl,
    LinkHeader,
    PageInBody,
    OffsetInBody,
    CursorInBody,
)
KINDS: Mapping[str, type[Strategy]] = {strategy.kind: strategy for strategy in _STRATEGIES}


def from_config(config: object) -> Strategy:
    """The strategy that a mapping such as {kind: page, parameter: page, start: 1} describes.

    An empty mapping is no pagination. Raises InvalidPagination.
    """
    if not isinstance(config, Mapping):
        raise InvalidPagination(
            "pagination", "Pagination is a mapping such as {kind: page, parameter: page}."
        )
    kind = config.get("kind", "none" if not config else None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise InvalidPagination("kind", f"The kind of pagination must be one of {', '.join(KINDS)}.")
    strategy = KINDS[kind]
    defaults = defaults_of(kind)
    values = {str(key): value for key, value in config.items() if key != "kind"}
    for key, value in values.items():
        if key not in defaults:
            known = ", ".join(["kind", *defaults])
            raise InvalidPagination(
                key, f"Unknown key {key[:60]}. Pagination of the kind {kind} knows {known}."
            )
        # bool is an int to Python, but `start: true` is a slip.
        if type(value) is not type(defaults[key]):
            wanted = "a whole number" if isinstance(defaults[key], int) else "a text"
            raise InvalidPagination(key, f"{key} must be {wanted}.")
    return strategy(**values)


def to_config(pagination: Pagination) -> dict[str, str | int]:
    """The strategy as a mapping for a file; `from_config` reads it back.

    Without what is empty, but for what is empty and is not by default; and without unused rules of the end.
    """
    defaults = defaults_of(pagination.kind)
    values = {name: getattr(pagination, name) for name in defaults}
    return {"kind": pagination.kind} | {
        name: value
        for name, value in values.items()
        if value != defaults[name] or (value != "" and name not in ENDS)
    }


def defaults_of(kind: str) -> dict[str, str | int]:
    """The keys that pagination of this kind has, its own first, each with what it is by default."""
    known = {one.name: one.default for one in fields(KINDS[kind]) if one.default is not MISSING}
    own = {name: default for name, default in known.items() if name not in ENDS}
    return own | {name: default for name, default in known.items() if name in ENDS}
