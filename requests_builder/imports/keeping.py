"""What was in a file, for whoever brought it: encrypted, found by nobody else, gone half an hour after use.

It lies where the answers lie that somebody works with (requests_builder.samples), and is swept with them.
"""

import base64
import json
import zlib
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Team, User
from requests_builder import importing, samples
from requests_builder.models import DecryptionFailed
from requests_builder.models import Sample as Stored

from .typed import Typed, as_typed, secret_field

# Of what is kept, before it is packed.
MOST_CHARACTERS = 30_000_000


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a file. Without `typed` it cannot be taken, and `refusal` says why."""

    number: int
    name: str
    method: str
    url: str = field(repr=False)
    folder: str
    detail: str
    is_background: bool
    notes: tuple[str, ...]
    refusal: str
    typed: Typed | None = field(repr=False)
    # The id of the request that it was saved as.
    saved_as: str = ""
    # Why it could not be saved with others.
    problem: str = ""

    @property
    def wants_connection(self) -> bool:
        """Whether somebody has to choose the connection that its access token comes from."""
        return bool(self.typed and self.typed["fields"]["authorization_kind"] == "oauth")

    @property
    def wants_secret(self) -> bool:
        """Whether the file says how it proves who asks, and does not hold the secret."""
        return bool(self.typed and secret_field(self.typed))


@dataclass(frozen=True, slots=True)
class Import:
    """A file that somebody brought."""

    id: UUID
    kind: str
    name: str
    notes: tuple[str, ...]
    items: tuple[Item, ...]


def keep(team: Team, user: User, contents: importing.Contents, *, now: datetime) -> Import:
    """Keep what is in a file for its reader. Raises importing.Refused when that is too much."""
    items = tuple(_item(number, entry) for number, entry in enumerate(contents.entries))
    room = MOST_CHARACTERS
    for item in items:
        # A short file can say the same long thing in many places.
        room -= len(json.dumps(item.typed))
        if room < 0:
            raise importing.Refused(
                "The requests in the file are too long to be kept all together. Export less of it, such as "
                "one folder."
            )
    kept = Import(UUID(int=0), contents.kind, contents.name, contents.notes, items)
    with transaction.atomic():
        stored = Stored.objects.create(
            team=team, user=user, created_at=now, kept_until=now + samples.KEPT, content=_packed(kept)
        )
        samples.drop_oldest(team, user)
    return replace(kept, id=stored.pk)


def find(team: Team, user: User, import_id: UUID | str, *, now: datetime) -> Import | None:
    """The import, if it is this reader's and not too old; it is then kept for another while."""
    mine = _of(team, user, import_id, now)
    stored = mine.first()
    found = _unpacked(stored) if stored else None
    if found:
        mine.update(created_at=now, kept_until=now + samples.KEPT)
    return found


def picked(team: Team, user: User, reference: str, *, now: datetime) -> tuple[Import, Item] | None:
    """The one request that `<import>.<number>` names, if it is there and can be taken."""
    import_id, _, number = reference.partition(".")
    found = find(team, user, import_id, now=now)
    if found is None or not number.isascii() or not number.isdigit():
        return None
    item = next((item for item in found.items if str(item.number) == number), None)
    return (found, item) if item and item.typed else None


@transaction.atomic
def mark_saved(
    team: Team, user: User, import_id: UUID | str, number: str, saved_as: UUID, *, now: datetime
) -> None:
    """Remember that one was saved from the builder, so that the list says so."""
    with_lock = locked(team, user, import_id, now=now)
    if with_lock is None:
        return
    found, stored = with_lock
    items = [
        replace(item, saved_as=str(saved_as), problem="") if str(item.number) == number else item
        for item in found.items
    ]
    store(stored, replace(found, items=tuple(items)))


def locked(team: Team, user: User, import_id: UUID | str, *, now: datetime) -> tuple[Import, Stored] | None:
    """The import and its row, which nobody else changes until the transaction ends."""
    mine = _of(team, user, import_id, now)
    stored = mine.select_for_update().first()
    found = _unpacked(stored) if stored else None
    return (found, stored) if found and stored else None


def _of(team: Team, user: User, import_id: UUID | str, now: datetime) -> QuerySet[Stored]:
    """The row of an import as a query: empty for another reader's, for an old one, for what is no id."""
    try:
        wanted = UUID(str(import_id))
    except ValueError:
        return Stored.objects.none()
    return Stored.objects.filter(team=team, user=user, kept_until__gt=now, pk=wanted)


def store(stored: Stored, changed: Import) -> None:
    """Write an import back into its locked row."""
    stored.content = _packed(changed)
    stored.save(update_fields=["content"])


def _item(number: int, entry: importing.Entry) -> Item:
    return Item(
        number=number,
        name=entry.name,
        method=entry.method,
        url=entry.url,
        folder=entry.folder,
        detail=entry.detail,
        is_background=entry.is_background,
        notes=entry.notes,
        refusal=entry.refusal,
        typed=as_typed(entry.draft) if entry.draft else None,
    )


def _packed(kept: Import) -> str:
    content = json.dumps({**asdict(kept), "id": None}).encode()
    return json.dumps({"import": base64.b64encode(zlib.compress(content, 1)).decode()})


def _unpacked(stored: Stored) -> Import | None:
    try:
        packed = json.loads(stored.content or "{}").get("import")
    except DecryptionFailed:
        # The key was taken from the ring meanwhile. Importing the file again helps.
        return None
    if packed is None:
        return None
    content: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    items = tuple(Item(**{**row, "notes": tuple(row["notes"])}) for row in content["items"])
    return Import(stored.pk, content["kind"], content["name"], tuple(content["notes"]), items)
