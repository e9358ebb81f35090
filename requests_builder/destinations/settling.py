"""What becomes of the rows of a run when they are published: new, changed, unchanged, known already.

They are compared with what is there by a few statements over indexes; readers see the state before or the one
after. All of it happens in the transaction that publishes, by the holder of the lock on the table, and
touches rows of the same request only: keys of another request are other keys.
"""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from requests_builder.destinations import keyed, missing
from requests_builder.models import Batch, Row, SavedRequest, Table, WriteMode


def settle(
    batch: Batch, saved_request: SavedRequest, table: Table, rows: int, *, is_complete: bool, now: datetime
) -> dict[str, int]:
    """Compare the batch, which nobody has seen yet, with what is there; what became of its records, counted.

    `rows` have come; `is_complete`: they are all that there are.
    """
    ours = Row.objects.filter(batch=batch)
    there = keyed.there().filter(key=OuterRef("key"))
    if saved_request.write_mode != WriteMode.UPDATE:
        duplicates = _delete_twins(batch)
        # Without a digest a row is certainly new: nothing that it looks like is the same record.
        known, _ = ours.filter(Exists(there), digest__isnull=False).delete()
        return {"inserted": rows - duplicates - known, "duplicates": duplicates + known}
    duplicates = _delete_twins(batch, keeps_last=True)
    gone = {}
    if saved_request.delete_missing and is_complete:
        gone = missing.settle(batch, saved_request, table, rows, now)
    # What a run has brought that began later is newer, and stays.
    same = there.filter(Q(digest=OuterRef("digest")) | Q(batch_id__gt=batch.pk))
    unchanged, _ = ours.filter(Exists(same)).delete()
    left = rows - duplicates - unchanged
    # In, and not Exists, for SQLite would look at every row there is; with their number, from which
    # PostgreSQL learns how few they may be.
    old = keyed.there().filter(key__in=ours.values("key")[:left])
    updated = keyed.end(old, keyed.by_batch(old), table, now) if left else 0
    inserted = left - updated
    counted = {"inserted": inserted, "updated": updated, "unchanged": unchanged, "duplicates": duplicates}
    return counted | gone


def settle_alone(batch: Batch, rows: int) -> dict[str, int]:
    """Compare the batch, which takes the place of all before it, with what later runs have brought."""
    duplicates = _delete_twins(batch, keeps_last=True)
    newer = keyed.there().filter(key=OuterRef("key"), batch_id__gt=batch.pk)
    known, _ = Row.objects.filter(Exists(newer), batch=batch).delete()
    return {"inserted": rows - duplicates - known, "duplicates": duplicates + known}


def _delete_twins(batch: Batch, *, keeps_last: bool = False) -> int:
    """Of several records with one key one counts; how many went."""
    if batch.keyed_by == keyed.WHOLE:
        # Two equal records are two: nothing says that they are one.
        return 0
    twin = keyed.of_same_key(batch)
    other = twin.filter(id__gt=OuterRef("id")) if keeps_last else twin.filter(id__lt=OuterRef("id"))
    gone, _ = Row.objects.filter(Exists(other), batch=batch).delete()
    return gone
