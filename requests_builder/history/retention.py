"""Which runs are kept: those of the last days, and of each request no more than so many.

Always kept are runs that are not finished, the newest of each request, and its newest that succeeded. Of a
run that filled a table, the table goes on to say when that was and what it did.

The requests are looked at in turn, by their ids: each sweep looks at those whose turn it is, so that all have
had theirs within `ROUND`. Nothing is written down for that, and a request costs two looks into an index.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from requests_builder.models import Publication, Run, RunState, SavedRequest, Transcript

# In which time all requests have been looked at, and how often some of them are.
ROUND = timedelta(hours=1)
EVERY = timedelta(seconds=5)
# Of one request in one sweep: so many runs, so many in one transaction.
REMOVED_OF_ONE = 5_000
REMOVED_AT_ONCE = 500
# Answers of failed attempts of one request.
MOST_TRANSCRIPTS = 100
_ALL_IDS = 2**128


def sweep(now: datetime) -> int:
    """Remove runs of requests whose turn it is; how many. Costs one query if there is no such request."""
    first, last = _turn(now)
    whose = SavedRequest.objects.filter(pk__gte=first, pk__lte=last).values_list("pk", flat=True)
    return sum(sweep_request(pk, now) for pk in whose)


def sweep_request(request_id: UUID, now: datetime) -> int:
    """Remove the runs of one request that are too old or too many, up to `REMOVED_OF_ONE`; how many."""
    _forget_transcripts(request_id, now)
    if (until := _kept_from(request_id, now)) is None:
        return 0
    runs = Run.objects.filter(saved_request=request_id).order_by("-due_at")
    good = runs.filter(state=RunState.SUCCEEDED).values_list("pk", flat=True).first()
    newest = runs.values_list("pk", flat=True).first()
    kept = [pk for pk in (newest, good) if pk]
    old = runs.filter(due_at__lt=until).exclude(pk__in=kept).exclude(pk__in=runs.unfinished().values("pk"))
    removed = 0
    while removed < REMOVED_OF_ONE:
        some = list(old.reverse().values_list("pk", flat=True)[:REMOVED_AT_ONCE])
        if not some:
            break
        _remove(some)
        removed += len(some)
    return removed


def _kept_from(request_id: UUID, now: datetime) -> datetime | None:
    """The due time from which on its runs are kept; None if it has no older ones."""
    due = Run.objects.filter(saved_request=request_id).order_by("-due_at").values_list("due_at", flat=True)
    oldest = due.last()
    if oldest is None:
        return None
    bounds = []
    if (days := settings.RUNS_KEPT_DAYS) and oldest < now - timedelta(days=days):
        bounds.append(now - timedelta(days=days))
    if (most := settings.RUNS_KEPT_PER_REQUEST) and (nth := due[most - 1 : most].first()) and oldest < nth:
        bounds.append(nth)
    return max(bounds, default=None)


@transaction.atomic
def _remove(pks: Sequence[UUID]) -> None:
    told = list(Publication.objects.filter(run__in=pks).select_related("run"))
    for publication in told:
        assert publication.run is not None
        publication.changes = publication.run.changes
    Publication.objects.bulk_update(told, ["changes"])
    Run.objects.filter(pk__in=pks).delete()


def _forget_transcripts(request_id: UUID, now: datetime) -> None:
    kept = Transcript.objects.filter(saved_request=request_id).order_by("-created_at")
    surplus = list(kept.filter(is_good=False).values_list("pk", flat=True)[MOST_TRANSCRIPTS:])
    old = Q()
    if days := settings.ANSWERS_KEPT_DAYS:
        old = Q(is_good=False, created_at__lt=now - timedelta(days=days))
    if surplus or (old and kept.filter(old).exists()):
        kept.order_by().filter(Q(pk__in=surplus) | old).delete()


def _turn(now: datetime) -> tuple[UUID, UUID]:
    """The first and the last of the ids whose turn it is: ids are random, so each turn has as many."""
    turns = ROUND // EVERY
    number = int(now.timestamp() // EVERY.total_seconds()) % turns
    return UUID(int=_ALL_IDS * number // turns), UUID(int=_ALL_IDS * (number + 1) // turns - 1)
