"""Delete missing: what did not come any more goes, unless it is so much that somebody should look first."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, Sum

from accounts import audit
from accounts.models import User, Verb
from requests_builder.destinations import keyed
from requests_builder.models import Batch, Row, Run, SavedRequest, Table
from requests_builder.models.rows import RowQuerySet

# Fewer go without a question, whatever part of the whole they are.
HELD_FROM = 10


def settle(
    batch: Batch, saved_request: SavedRequest, table: Table, rows: int, now: datetime
) -> dict[str, int]:
    """Take the rows of the request out of the table whose key is not among the `rows` of the batch.

    Their number as `deleted`. If it is a larger part than the request allows, or if nothing has come at all,
    they are only marked: then it is `held`. What a run has brought that began later stays.
    """
    before = keyed.batches_of(saved_request).filter(pk__lt=batch.pk, keyed_by=batch.keyed_by)
    came = keyed.of_same_key(batch)
    gone = Row.objects.current().filter(~Exists(came), batch__in=before, key__isnull=False)
    counts = keyed.by_batch(gone)
    count, all_rows = sum(counts.values()), before.aggregate(it=Sum("rows_count"))["it"] or 0
    if not count:
        return {"deleted": 0}
    is_much = count >= HELD_FROM and count * 100 > all_rows * saved_request.delete_missing_percent
    if is_much or not rows:
        gone.update(missed_by=batch.pk)
        return {"deleted": 0, "held": count}
    return {"deleted": keyed.end(gone, counts, table, now)}


def unmark(saved_requests: Sequence[SavedRequest]) -> None:
    """Forget what earlier runs of each have missed: a new one is being published."""
    theirs = Batch.objects.visible().filter(
        table__in=[request.table_id for request in saved_requests],
        saved_request__in=[request.pk for request in saved_requests],
    )
    Row.objects.filter(missed_by__isnull=False, batch__in=theirs).update(missed_by=None)


def held(run: Run) -> RowQuerySet:
    """The rows that this run has missed and left; none once the request was published again."""
    marked = Row.objects.current().filter(batch__in=keyed.batches_of(run.saved_request))
    # A run that published nothing has no number, and all unmarked rows have none, too.
    return marked.filter(missed_by=run.batch_number, missed_by__isnull=False)


def delete_held(run: Run, *, user: User | None, now: datetime) -> int:
    """Take those rows out of the table; how many it were. 0: there are none any more."""
    with transaction.atomic():
        tables = Table.objects.filter(saved_requests=run.saved_request_id)
        table = Table.objects.select_for_update().filter(pk__in=tables.values("pk")).first()
        rows = held(run)
        if table is None or not rows.exists():
            return 0
        keyed.compare_by_index()
        table.publication += 1
        table.save(update_fields=["publication"])
        count = keyed.end(rows, keyed.by_batch(rows), table, now)
        # Nobody else writes this run any more, and the lock on the table keeps a second click waiting.
        changes = Run.objects.values_list("changes", flat=True).get(pk=run.pk)
        changes = changes | {"deleted": changes.get("deleted", 0) + count}
        changes.pop("held", None)
        Run.objects.filter(pk=run.pk).update(changes=changes)
        audit.record(
            Verb.DELETED,
            team_id=run.team_id,
            kind="rows of",
            object_id=run.saved_request_id,
            object_name=run.saved_request.name,
            user=user,
            now=now,
            detail={"Rows": f"{count:,}, which did not come any more"},
        )
    return count
