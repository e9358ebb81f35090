"""What somebody chose to see of a table, as it stands in an address. PURE.

`column`, `op`, `value` and `until` come once for each filter, in their order, as a form sends them; `q` is
searched for in all columns; `sort` is a column, and `desc` turns the order round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from requests_builder.tables.filters import (
    Filter,
    InvalidFilter,
    Operator,
    Test,
    all_of,
    condition_of,
    search_test,
)

_OPERATORS = frozenset(one.value for one in Operator)
MOST_FILTERS = 20
LONGEST_VALUE = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters that all hold, a text to search for, and a column to sort by."""

    filters: tuple[Filter, ...] = ()
    search: str = ""
    sort: str = ""
    is_descending: bool = False

    @property
    def is_narrow(self) -> bool:
        """Whether it may leave out rows."""
        return bool(self.filters or self.search)

    def test(self, columns: Sequence[str], types: Mapping[str, str]) -> Test | None:
        """Whether a record is wanted; None if all are. Raises InvalidFilter for the first that is wrong."""
        tests = []
        for one in self.filters:
            if one.column not in columns:
                raise InvalidFilter(f"The table has no column {one.column[:100]} any more.")
            tests.append(condition_of(one, types))
        if self.search:
            tests.append(search_test(self.search))
        return all_of(tests) if tests else None

    def to_query(self) -> list[tuple[str, str]]:
        """The parameters that `from_query` reads."""
        pairs = [("q", self.search)] if self.search else []
        for one in self.filters:
            pairs += [
                ("column", one.column),
                ("op", one.operator),
                ("value", one.value),
                ("until", one.until),
            ]
        if self.sort:
            pairs.append(("sort", self.sort))
            pairs += [("desc", "1")] if self.is_descending else []
        return pairs

    def sorted_by(self, column: str) -> "Selection":
        """What a click on a column's name means: ascending, then descending, then no more."""
        if self.sort != column:
            return replace(self, sort=column, is_descending=False)
        if not self.is_descending:
            return replace(self, is_descending=True)
        return replace(self, sort="", is_descending=False)

    def without(self, filter_: Filter) -> "Selection":
        return replace(self, filters=tuple(one for one in self.filters if one != filter_))


EVERYTHING = Selection()


def from_query(query: Mapping[str, Sequence[str]]) -> Selection:
    """What the parameters say. A filter without a column is none: forms have an empty one at their end."""
    parts = [query.get(name, ()) for name in ("column", "op", "value", "until")]
    filters = []
    for column, operator, value, until in list(zip_longest(*parts, fillvalue=""))[:MOST_FILTERS]:
        if column and operator in _OPERATORS:
            filters.append(
                Filter(
                    column, Operator(operator), value[:LONGEST_VALUE].strip(), until[:LONGEST_VALUE].strip()
                )
            )
    search = _last(query, "q")[:LONGEST_VALUE].strip()
    sort = _last(query, "sort")
    return Selection(tuple(dict.fromkeys(filters)), search, sort, bool(sort) and _last(query, "desc") == "1")


def _last(query: Mapping[str, Sequence[str]], name: str) -> str:
    values = query.get(name)
    return values[-1] if values else ""
