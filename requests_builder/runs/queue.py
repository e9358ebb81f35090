"""Which runs are taken next: fair between teams, and in a team between the hosts that it calls.

Whoever has least under way comes first, and of those who has waited longest. So a team with thousands of
runs, or with a host that never answers, makes no other team late: a worker's last hands are kept for teams
that have nothing under way.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, Min, Window
from django.db.models.functions import RowNumber

from requests_builder.models import Run, RunState
from requests_builder.models.runs import RunQuerySet
from requests_builder.runs import hosts
from requests_builder.runs.clock import Clock
from requests_builder.runs.leases import Lease, claim_all

# Any number that nothing else in this database locks.
_TURN = 7_301_995
# Seconds for which a worker may do nothing in the middle of its turn: all others wait for it meanwhile.
IDLE_IN_TURN = 5


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A run that could be taken."""

    id: UUID
    team: UUID
    host: str
    not_before: datetime


def take(hands: int, *, kept: int = 0, now: datetime) -> tuple[list[Lease], bool]:
    """Take up to `hands` runs, the last `kept` of them only of teams that have nothing under way.

    Also tells whether others are left that could be taken later, or by somebody else.
    """
    if not Run.objects.claimable(now).exists():
        return [], False
    with _our_turn():
        chosen, are_left = _choose(hands, kept, now)
        leases = claim_all(chosen, worker=uuid4(), clock=Clock(now)) if chosen else []
    return leases, are_left


@contextmanager
def _our_turn() -> Iterator[None]:
    """A transaction that no other worker chooses runs beside: what each has under way is counted right.

    The server ends it, if this process is frozen in it.
    """
    with transaction.atomic():
        # On SQLite there is only one transaction that writes.
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('idle_in_transaction_session_timeout', %s, true),"
                    " pg_advisory_xact_lock(%s)",
                    [f"{IDLE_IN_TURN}s", _TURN],
                )
        yield


def _choose(hands: int, kept: int, now: datetime) -> tuple[list[UUID], bool]:
    under_way = _UnderWay(now)
    claimable = hosts.callable_now(Run.objects.claimable(now), now).order_by()
    teams = list(claimable.values_list("team").annotate(waiting=Count("id"), since=Min("not_before")))
    teams.sort(key=lambda found: (under_way.of_team[found[0]], found[2]))
    queues = _queues(claimable, [team for team, _, _ in teams[:hands]], hands)
    turns = _Turns(queues, under_way)
    chosen: list[UUID] = []
    while len(chosen) < hands and (run := turns.next(only_idle=len(chosen) >= hands - kept)):
        chosen.append(run.id)
    return chosen, sum(waiting for _, waiting, _ in teams) > len(chosen)


class _UnderWay:
    """How many runs each team has under way, in all and at each host."""

    def __init__(self, now: datetime) -> None:
        held = Run.objects.filter(state=RunState.RUNNING, leased_until__gt=now).order_by()
        self.of_host: Counter[tuple[UUID, str]] = Counter()
        self.of_team: Counter[UUID] = Counter()
        for team, host, count in held.values_list("team", "saved_request__host").annotate(Count("id")):
            self.of_host[team, host] = count
            self.of_team[team] += count

    def add(self, run: _Waiting) -> None:
        self.of_host[run.team, run.host] += 1
        self.of_team[run.team] += 1


_Queues = dict[UUID, dict[str, list[_Waiting]]]


def _queues(claimable: RunQuerySet, teams: list[UUID], most: int) -> _Queues:
    """What waits, by team and by host, the next one last."""
    host = F("saved_request__host")
    place = Window(RowNumber(), partition_by=["team", host], order_by=["not_before", "id"])
    heads = (
        claimable.filter(team__in=teams)
        .annotate(place=place)
        .filter(place__lte=min(most, settings.RUNS_PER_HOST))
        .order_by("-place")
    )
    queues: _Queues = defaultdict(lambda: defaultdict(list))
    for pk, team, host_name, not_before in heads.values_list(
        "id", "team", "saved_request__host", "not_before"
    ):
        assert not_before is not None  # or it could not be claimed
        queues[team][host_name].append(_Waiting(pk, team, host_name, not_before))
    return queues


class _Turns:
    """Whose turn it is, one run after the other.

    A heap of what each team waits for at each host. A place in it may be out of date, for what is taken of
    one host puts its team's other hosts back, too: they are given their right places when they come up.
    """

    def __init__(self, queues: _Queues, under_way: _UnderWay) -> None:
        self._under_way = under_way
        waiting = (runs for hosts in queues.values() for runs in hosts.values())
        self._heap = [(self._place_of(runs[-1]), number, runs) for number, runs in enumerate(waiting)]
        heapq.heapify(self._heap)

    def next(self, *, only_idle: bool) -> _Waiting | None:
        """Take the next one; none are left under the caps, or, with `only_idle`, of teams without any."""
        while self._heap:
            place, number, runs = self._heap[0]
            if not self._has_room(runs[-1], 1 if only_idle else settings.RUNS_PER_TEAM):
                # What is under way only grows: there will be no room for what is behind it either.
                heapq.heappop(self._heap)
            elif (right := self._place_of(runs[-1])) != place:
                heapq.heapreplace(self._heap, (right, number, runs))
            else:
                return self._taken(number, runs)
        return None

    def _taken(self, number: int, runs: list[_Waiting]) -> _Waiting:
        run = runs.pop()
        self._under_way.add(run)
        if runs:
            heapq.heapreplace(self._heap, (self._place_of(runs[-1]), number, runs))
        else:
            heapq.heappop(self._heap)
        return run

    def _has_room(self, run: _Waiting, most_of_team: int) -> bool:
        of_team, of_host = self._under_way.of_team[run.team], self._under_way.of_host[run.team, run.host]
        return of_team < most_of_team and of_host < settings.RUNS_PER_HOST

    def _place_of(self, run: _Waiting) -> tuple[int, int, datetime]:
        team, host = self._under_way.of_team[run.team], self._under_way.of_host[run.team, run.host]
        return team, host, run.not_before
