"""The answers that people have before them, kept for half an hour: what is typed can be tried on them.

A sample belongs to whoever pressed Run, and is stored as that person was shown it: with the credentials that
the API has repeated masked. It is packed and encrypted, and nothing of it leaves by itself.
"""

import base64
import json
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import Team, User
from requests_builder import reading
from requests_builder.models import DecryptionFailed
from requests_builder.models import Sample as StoredSample

KEPT = timedelta(minutes=30)
MAX_BYTES = 10 * 2**20
# Builders that somebody has open at once; an older answer can be asked for again.
MOST_OF_ONE_READER = 5
SWEPT_AT_ONCE = 200

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer that somebody looks at. `body` ends after MAX_BYTES, and then `is_cut` says so."""

    id: UUID
    url: str = field(repr=False)
    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    is_cut: bool = False

    @property
    def content_type(self) -> str:
        """The Content-Type as it came, with its parameters; empty if there is none."""
        return next((value for name, value in self.headers if name.lower() == "content-type"), "")

    @property
    def media_type(self) -> str:
        """Type and subtype in lower case, without parameters."""
        return self.content_type.partition(";")[0].strip().lower()


def keep(
    team: Team, user: User, *, url: str, status: int, headers: Headers, body: bytes, now: datetime
) -> UUID:
    """Keep an answer for its reader until KEPT from now. All of it must be masked already."""
    content = {
        "url": url,
        "status": status,
        "headers": headers,
        # Level 1: JSON becomes a fifth of its size, and a page waits for it.
        "body": base64.b64encode(zlib.compress(body[:MAX_BYTES], 1)).decode(),
        "is_cut": len(body) > MAX_BYTES,
    }
    with transaction.atomic():
        kept = StoredSample.objects.create(
            team=team, user=user, created_at=now, kept_until=now + KEPT, content=json.dumps(content)
        )
        drop_oldest(team, user)
    return kept.pk


def drop_oldest(team: Team, user: User) -> None:
    """Remove what one reader has too much of; what is used again is new again."""
    own = StoredSample.objects.filter(team=team, user=user).order_by("-created_at", "-id")
    StoredSample.objects.filter(pk__in=list(own.values_list("pk", flat=True)[MOST_OF_ONE_READER:])).delete()


def find(team: Team, user: User, sample_id: UUID | str | None, *, now: datetime) -> Sample | None:
    """The answer, if it is this reader's and not too old; None otherwise, also for what is no id."""
    try:
        wanted = UUID(str(sample_id))
    except ValueError:
        return None
    stored = StoredSample.objects.filter(team=team, user=user, kept_until__gt=now, pk=wanted).first()
    if stored is None:
        return None
    try:
        content = json.loads(stored.content or "{}")
    except DecryptionFailed:
        # The key was taken from the ring meanwhile. Pressing Run again helps.
        return None
    if "url" not in content:
        # What somebody imports lies here, too (requests_builder.imports).
        return None
    return Sample(
        id=stored.pk,
        url=content["url"],
        status=content["status"],
        headers=tuple((name, value) for name, value in content["headers"]),
        body=zlib.decompress(base64.b64decode(content["body"])),
        is_cut=content["is_cut"],
    )


def document_of(sample: Sample) -> Any:
    """The document in the answer, as a pull would read it. Raises UnreadableAnswer."""
    if sample.is_cut:
        raise reading.UnreadableAnswer(
            "too_long",
            f"The answer is longer than {MAX_BYTES // 2**20} MB, of which no sample is kept. A run reads it "
            "all the same; to choose fields here, ask for fewer records, press Run, and change it back.",
        )
    if sample.status in (204, 205):
        return None
    return reading.read(sample.body, sample.content_type).value


def sweep(now: datetime) -> int:
    """Remove what is too old; how many it were."""
    old = StoredSample.objects.filter(kept_until__lte=now).order_by("kept_until").values_list("pk", flat=True)
    removed, _ = StoredSample.objects.filter(pk__in=list(old[:SWEPT_AT_ONCE])).delete()
    return removed
