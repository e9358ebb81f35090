"""What a run did to its table, in words and counts."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

# Said also where it is 0, if it could have been more.
_ALWAYS = ("inserted", "updated", "unchanged")
_IN_SENTENCE = {
    "inserted": "inserted",
    "updated": "updated",
    "unchanged": "unchanged",
    "deleted": "deleted",
    "replaced": "of before replaced",
    "duplicates": "left out because they were there",
}


class Count(NamedTuple):
    """A line of what became of the records of a run, and of its request's other rows."""

    label: str
    number: int
    note: str


# In the order in which they are shown.
_LINES = {
    "inserted": ("Inserted", ""),
    "updated": ("Updated", ""),
    "unchanged": ("Unchanged", "came again as they are"),
    "deleted": ("Deleted", "did not come any more"),
    "held": ("Missing", "did not come any more, and stay"),
    "replaced": ("Replaced", "rows of before"),
    "duplicates": ("Left out", "came twice or were there"),
    "without_key": ("Without a key", "left out"),
}
_LINES_OF_NEWNESS = {
    "older": ("Older", "left out"),
    "undated": ("Without a value to compare", "taken"),
}


def in_words(changes: Mapping[str, int]) -> str:
    """The counts of a run as a sentence; empty if there is nothing to say."""
    parts = [
        f"{changes[name]:,} {words}"
        for name, words in _IN_SENTENCE.items()
        if name in changes and (changes[name] or name in _ALWAYS)
    ]
    return f"Rows: {', '.join(parts)}." if parts else ""


def counts(changes: Mapping[str, int], watermarks: Mapping[str, Any]) -> list[Count]:
    """The counts of a run, as lines of a table; `watermarks` as the run keeps them."""
    return [*_lines(changes, _LINES), *_lines(watermarks, _LINES_OF_NEWNESS)] if changes else []


def counted(count: int, what: str) -> str:
    """As in "1 row" and "1,200 rows"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _lines(found: Mapping[str, Any], lines: Mapping[str, tuple[str, str]]) -> Iterator[Count]:
    for name, (label, note) in lines.items():
        if name in found and (found[name] or name in _ALWAYS):
            yield Count(label, found[name], note)
