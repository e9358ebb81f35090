"""How the queue stands, in numbers, for whoever hosts the product. All teams together, without their names.

What it costs grows with what is due and unfinished, not with the history.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, OuterRef, Q, Subquery

from requests_builder.models import Run, RunState, SavedRequest, Schedule

# Whoever could have begun so long ago is late.
LATE = timedelta(seconds=60)
# Hosts with a line of their own, those with the most unfinished runs.
MOST_HOSTS = 20


@dataclass(frozen=True, slots=True)
class AtHost:
    """The unfinished runs that call one host."""

    host: str
    running: int
    ready: int


@dataclass(frozen=True, slots=True)
class Standing:
    """All of it at one moment. `ready`: could begin, or go on, at once."""

    schedules_due: int
    oldest_due_at: datetime | None
    running: int
    ready: int
    late: int
    oldest_ready_at: datetime | None
    # Until another attempt may be made, and until the run before it is finished.
    waiting: int
    in_line: int
    hosts: tuple[AtHost, ...]


def standing(now: datetime) -> Standing:
    """How it stands at `now`, by three queries."""
    due = Schedule.objects.due(now).order_by().aggregate(count=Count("id"), oldest=Min("next_at"))
    # What `RunQuerySet.claimable` says of the unfinished.
    ready = Q(not_before__lte=now) & (Q(leased_until=None) | Q(leased_until__lte=now))
    unfinished = Run.objects.unfinished().order_by()
    queued = Q(state=RunState.QUEUED)
    runs = unfinished.aggregate(
        running=Count("id", filter=Q(leased_until__gt=now)),
        ready=Count("id", filter=ready),
        late=Count("id", filter=ready & Q(not_before__lte=now - LATE)),
        oldest_ready_at=Min("not_before", filter=ready),
        waiting=Count("id", filter=queued & Q(not_before__gt=now)),
        in_line=Count("id", filter=queued & Q(not_before=None)),
    )
    # Looked up for each, and not joined: joined, every request that there is would be gone through.
    host = SavedRequest.objects.filter(pk=OuterRef("saved_request")).values("host")
    by_host = (
        unfinished.annotate(host=Subquery(host))
        .values_list("host")
        .annotate(
            running=Count("id", filter=Q(leased_until__gt=now)),
            ready=Count("id", filter=ready),
            all=Count("id"),
        )
        .order_by("-all", "host")
    )
    hosts = tuple(AtHost(host, running, at_once) for host, running, at_once, _ in by_host[:MOST_HOSTS])
    return Standing(schedules_due=due["count"], oldest_due_at=due["oldest"], hosts=hosts, **runs)
