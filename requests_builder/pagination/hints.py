"""What an answer and its request hold that has to do with pages: names and values, read once."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from requests_builder.expressions import quoted_path
from requests_builder.rendering import RenderedRequest, parameters_of

from .bodies import is_form
from .pages import MAX_COUNT, Page
from .paths import as_count

# How deep an answer hides such things: GraphQL has data.a.b.pageInfo.endCursor.
_DEPTH = 6
_MOST_AT_A_LEVEL = 200

_HAS_MORE = re.compile(
    r"(?i)has_?(more|next)(_?(items|results|records|pages?))?|more(_?records)?|is_?truncated"
)
_IS_LAST = re.compile(r"(?i)is_?last(_?page)?|last_?page|done|finished")


@dataclass(frozen=True, slots=True)
class Hint:
    """A single value in one of the answer's outer objects."""

    keys: tuple[str, ...]
    value: Any

    @property
    def name(self) -> str:
        return self.keys[-1]

    @property
    def path(self) -> str:
        return quoted_path(list(self.keys))


class Hints:
    """What can be known from one page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @cached_property
    def values(self) -> list[Hint]:
        """The single values in the answer's outer objects, the outermost first."""
        return list(_values(self.page.document))

    @cached_property
    def parameters(self) -> list[tuple[str, str]]:
        """The query of the request."""
        return parameters_of(self.page.request.url)

    @cached_property
    def body(self) -> dict[str, Any]:
        """The JSON object that the request sends; empty if it sends none."""
        request: RenderedRequest = self.page.request
        if is_form(request) or not request.body:
            return {}
        try:
            document = json.loads(request.body)
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    @cached_property
    def places(self) -> list[Hint]:
        """The single values in the request's body."""
        return list(_values(self.body))

    def first(self, names: str, *, at_all: bool = False) -> Hint | None:
        """The outermost value with a name like that; only a count, unless anything will do."""
        for hint in self.values:
            if re.fullmatch(names, hint.name) and (at_all or is_count(hint.value)):
                return hint
        return None

    def flag(self) -> dict[str, Any]:
        """The rule for the end that a flag in the answer allows: a key of Ends and its path; or nothing."""
        for pattern, key in ((_HAS_MORE, "has_more"), (_IS_LAST, "is_last")):
            for hint in self.values:
                if isinstance(hint.value, bool) and pattern.fullmatch(hint.name):
                    return {key: hint.path}
        return {}


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT


def count_of(value: Any) -> int:
    """The number that a parameter holds; -1 if it holds none."""
    count = as_count(value)
    return -1 if count is None else count


def _values(document: Any) -> Iterator[Hint]:
    level: list[tuple[tuple[str, ...], Any]] = [((), document)] if isinstance(document, dict) else []
    for _ in range(_DEPTH):
        pairs = [
            ((*keys, str(key)), value)
            for keys, mapping in level[:_MOST_AT_A_LEVEL]
            for key, value in mapping.items()
        ]
        yield from (Hint(keys, value) for keys, value in pairs if not isinstance(value, dict | list))
        level = [(keys, value) for keys, value in pairs if isinstance(value, dict)]
