"""Which runs have touched a row: what it was before, as far as that is still known.

A replaced version is removed some ten minutes after it was replaced, when nobody reads it any more. That
there was one, and which run brought it, the rows that took its place remember: of the newest versions, until
their numbers fill 200 characters, which are some 25 versions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from requests_builder.models import Row, Run

# Characters of a row's history.
MAX_HISTORY = 200


@dataclass(frozen=True, slots=True)
class Version:
    """A row as one run has brought it. `run` is None if its history is gone, `data` once it was removed."""

    run: Run | None
    data: dict[str, Any] | None
    is_current: bool


def versions_of(row: Row) -> list[Version]:
    """The versions of the record that this row holds, the newest first. Costs two queries."""
    kept = {row.batch_id: row.data}
    numbers = {row.batch_id, *_numbers(row.earlier or "")}
    if row.key is not None:
        for number, data, earlier in _earlier_rows(row):
            kept[number] = data
            numbers |= {number, *_numbers(earlier or "")}
    runs = {run.batch_number: run for run in Run.objects.filter(batch_number__in=numbers)}
    return [
        Version(
            runs.get(number), kept.get(number), is_current=number == row.batch_id and not row.superseded_in
        )
        # Batches are numbered in the order in which their runs began.
        for number in sorted(numbers, reverse=True)
    ]


def _earlier_rows(row: Row) -> Iterable[tuple[int, dict[str, Any], str | None]]:
    """Batch, data and history of the versions before this row that are not removed yet."""
    earlier = Row.objects.filter(key=row.key, id__lt=row.pk, batch__published_at__isnull=False)
    return earlier.values_list("batch_id", "data", "earlier")


def _numbers(history: str) -> list[int]:
    """The batches in a history, without the last one where it was cut."""
    parts = history.split(",")
    return [int(part) for part in (parts[:-1] if len(history) == MAX_HISTORY else parts) if part]
