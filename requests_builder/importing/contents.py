"""What is in a file of requests: something to choose from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

from .drafts import Imported, Refused, RequestDraft

MOST_ENTRIES = 2_000
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Entry:
    """One request of a file. Without a draft it cannot be taken, and `refusal` says why."""

    name: str
    method: str
    url: str = field(repr=False)
    folder: str = ""
    draft: RequestDraft | None = None
    notes: tuple[str, ...] = ()
    refusal: str = ""
    # A word on it, such as the status of the answer.
    detail: str = ""
    # Something that a page loads for its looks: shown only when asked for.
    is_background: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """All requests of a file, in its order, and what is to be said about the file as a whole."""

    kind: str
    name: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()


def entry_of(entry: Entry, read: Callable[[], Imported]) -> Entry:
    """The entry with what `read` makes of it, or with the reason why it makes nothing."""
    try:
        imported = read()
    except Refused as refusal:
        # The query of one that was not read may hold a credential.
        return replace(entry, url=entry.url.partition("?")[0], refusal=str(refusal))
    draft = replace(imported.draft, name=entry.name[:100].strip())
    return replace(entry, draft=draft, notes=imported.notes, method=draft.method, url=draft.url)


def first_entries(
    found: Iterable[Found], make: Callable[[Found], Entry], kind: str
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """As many entries as are shown, and a sentence if there are more, of which none is made."""
    rest = iter(found)
    entries = tuple(make(each) for each in islice(rest, MOST_ENTRIES))
    more = sum(1 for _ in rest)
    if not more:
        return entries, ()
    return entries, (
        f"The {kind} has {len(entries) + more:,} requests. The first {MOST_ENTRIES:,} are shown.",
    )
