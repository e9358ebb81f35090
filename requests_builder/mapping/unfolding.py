"""A list in a record that becomes rows: the record again for each of its elements."""

from collections.abc import Sequence
from typing import Any

import orjson

from requests_builder.expressions import InvalidPath, compiled
from requests_builder.records import UnreadableAnswer

MAX_ROWS_OF_A_PAGE = 100_000
# What the rows of one page may repeat of their records altogether.
MAX_REPEATED_BYTES = 200 * 2**20
# Lists of so many elements are too short to matter.
_FEW = 10


def unfolded(page: Sequence[Any], path: str) -> tuple[list[Any], list[Any]]:
    """The records and, beside them, the elements: a record of three comes three times.

    An empty or missing list gives one row without an element, so that its record is not lost; what is no
    list is an element itself. Raises UnreadableAnswer where this would be more than can be stored.
    """
    expression = compiled(path)
    records: list[Any] = []
    elements: list[Any] = []
    repeated = 0
    for record in page:
        try:
            found = expression.search(record)
        except InvalidPath:
            found = None
        some = (found or [None]) if isinstance(found, list) else [found]
        if len(some) > _FEW:
            repeated += _size(record) * len(some)
        if len(records) + len(some) > MAX_ROWS_OF_A_PAGE or repeated > MAX_REPEATED_BYTES:
            raise UnreadableAnswer(
                "too_many_rows",
                f"With a row for each element of {path}, one page becomes more than can be stored at once. "
                "Keep the list as JSON, or let the records path lead to it.",
            )
        records += [record] * len(some)
        elements += some
    return records, elements


def _size(record: Any) -> int:
    try:
        return len(orjson.dumps(record))
    except TypeError:
        # Integers beyond 64 bits, which orjson does not write.
        return len(str(record))
