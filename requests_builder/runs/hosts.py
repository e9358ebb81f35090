"""Which hosts may not be called as we like just now: what this process knows of it, and what it keeps back.

The truth is in the rows of Pace and Breaker. A process reads them all at once, from time to time, so that a
call to a host of which nothing is known costs no statement.
"""

import heapq
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Exists, Min, OuterRef, Q

from requests_builder.models import AuthorizationKind, Breaker, Pace, Run, RunState, SavedRequest
from requests_builder.models.runs import RunQuerySet

# Seconds. Whoever has to wait no longer may do so in a worker; everything longer waits in the database.
MOST_SLEPT = 1.0
# Seconds after which what is known is read anew: before runs are taken, and while they are under way.
FRESH = 1.0
STALE = 5.0
# Seconds. What is free later than that is found by `recover_runs` in time.
_REMINDED_WITHIN = 15.0

Caller = tuple[UUID, UUID | None, str]  # team, connection, host


class Held(Exception):
    """The run has to wait in the database: it has sent nothing, and this was no attempt."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(f"until {until}")


@dataclass(frozen=True, slots=True)
class _Read:
    """What the rows said."""

    paces: Mapping[Caller, Pace] = field(default_factory=dict)
    breakers: Mapping[tuple[UUID, str], Breaker] = field(default_factory=dict)
    # Requests per second that people have set.
    rates: Mapping[Caller, float] = field(default_factory=dict)


class Known:
    """What this process knows. Threads share it; what they replace is never changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read = _Read()
        self._read_at: float | None = None

    def refresh(self, now: datetime, age: float = 0.0) -> None:
        """Read the rows anew, unless that was done within `age` seconds."""
        if self._read_at is not None and time.monotonic() - self._read_at < age:
            return
        with self._lock:
            self._read_at = time.monotonic()
            obeyed = Q(rate__isnull=False) | Q(free_at__gt=now.timestamp())
            self._read = _Read(
                {(pace.team_id, pace.connection_id, pace.host): pace for pace in Pace.objects.filter(obeyed)},
                {(breaker.team_id, breaker.host): breaker for breaker in Breaker.objects.all()},
                _rates(),
            )

    def pace(self, caller: Caller) -> Pace | None:
        return self._read.paces.get(caller)

    def rate(self, caller: Caller) -> float | None:
        """Requests per second that are allowed; None: as many as we like."""
        pace, read = self._read.paces.get(caller), self._read
        rates = (read.rates.get(caller), pace.rate if pace else None)
        return min((rate for rate in rates if rate is not None), default=None)

    def breaker(self, team: UUID, host: str) -> Breaker | None:
        return self._read.breakers.get((team, host))

    def learn(self, row: Pace | Breaker) -> None:
        """Go by this row from now on."""
        with self._lock:
            read = self._read
            if isinstance(row, Pace):
                paces = {**read.paces, (row.team_id, row.connection_id, row.host): row}
                self._read = _Read(paces, read.breakers, read.rates)
            else:
                breakers = {**read.breakers, (row.team_id, row.host): row}
                self._read = _Read(read.paces, breakers, read.rates)

    def forget(self, row: Pace | Breaker) -> None:
        """The row is gone."""
        with self._lock:
            read = self._read
            paces = {key: pace for key, pace in read.paces.items() if pace.pk != row.pk}
            breakers = {key: breaker for key, breaker in read.breakers.items() if breaker.pk != row.pk}
            if isinstance(row, Pace):
                self._read = _Read(paces, read.breakers, read.rates)
            else:
                self._read = _Read(read.paces, breakers, read.rates)

    @property
    def is_nothing(self) -> bool:
        """Whether no host is known that has to be spared."""
        return not (self._read.paces or self._read.breakers)


def _rates() -> dict[Caller, float]:
    found = (
        SavedRequest.objects.filter(requests_per_second__isnull=False)
        .order_by()
        .values_list("team", "connection", "host", "authorization_kind")
        .annotate(Min("requests_per_second"))
    )
    rates: dict[Caller, float] = {}
    for team, connection, host, kind, rate in found:
        caller = (team, connection if kind == AuthorizationKind.OAUTH else None, host)
        rates[caller] = min(float(rate), rates.get(caller, float(rate)))
    return rates


known = Known()


def caller_of(saved_request: SavedRequest, host: str) -> Caller:
    """Whose allowance a call of this request to this host is taken from."""
    is_oauth = saved_request.authorization_kind == AuthorizationKind.OAUTH
    return saved_request.team_id, saved_request.connection_id if is_oauth else None, host


def callable_now(runs: RunQuerySet, now: datetime) -> RunQuerySet:
    """Those of the runs whose host may be called now, as far as this process knows that one may not be."""
    if known.is_nothing:
        return runs
    soon = now.timestamp() + MOST_SLEPT
    host, is_oauth = (
        OuterRef("saved_request__host"),
        Q(saved_request__authorization_kind=AuthorizationKind.OAUTH),
    )
    paces = Pace.objects.filter(team=OuterRef("team"), host=host, free_at__gt=soon)
    own = Exists(paces.filter(connection=OuterRef("saved_request__connection")))
    common = Exists(paces.filter(connection=None))
    breakers = Breaker.objects.filter(team=OuterRef("team"), host=host).filter(
        Q(free_at__gt=soon) | Q(backlog_free_at__gt=soon, backlog_until__gte=OuterRef("due_at"))
    )
    return runs.exclude(is_oauth & Q(own)).exclude(~is_oauth & Q(common)).exclude(Exists(breakers))


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What a run waits for, as a sentence, and until when, if that is known."""

    sentence: str
    until: datetime | None


def obstacle(run: Run, now: datetime) -> Obstacle | None:
    """What keeps a run waiting that could begin otherwise; None if nothing does."""
    request = run.saved_request
    if run.state != RunState.QUEUED or run.is_in_line or not request.host:
        return None
    breaker = Breaker.objects.filter(team=run.team_id, host=request.host).first()
    if breaker and breaker.opened_at:
        return Obstacle(
            f"It waits because {request.host} is down: {breaker.failures} calls in a row have failed. "
            f"{breaker.reason} Only one call from time to time goes there, to see whether it is back.",
            _later(datetime.fromtimestamp(breaker.free_at, UTC), now),
        )
    if breaker and breaker.interval and breaker.backlog_until and run.due_at <= breaker.backlog_until:
        return Obstacle(
            f"{request.host} is back after an outage. What has waited begins one after the other, up to "
            f"{_each_minute(1 / breaker.interval)}, so that it is not overrun.",
            _later(run.not_before, now),
        )
    _, connection, host = caller_of(request, request.host)
    pace = Pace.objects.filter(team=run.team_id, connection=connection, host=host).first()
    if pace and pace.not_before and pace.not_before > now:
        return Obstacle(
            f"It waits because {host} takes no more requests for now. {pace.reason}", pace.not_before
        )
    if pace and pace.free_at > now.timestamp() + MOST_SLEPT:
        sentence = f"It waits for its turn: {host} takes only so many requests at a time."
        return Obstacle(sentence, _later(run.not_before, now))
    return None


def _later(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment and moment > now else None


def _each_minute(rate: float) -> str:
    count = max(round(rate * 60), 1)
    return f"{count:,} run{'' if count == 1 else 's'} a minute"


class Reminders:
    """Wakes a crew when a host is free again for which runs were kept back: the ticks come too seldom."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moments: list[float] = []
        self._timer: threading.Timer | None = None

    def note(self, until: datetime, now: datetime) -> None:
        """Something may be done then."""
        seconds = (until - now).total_seconds()
        if seconds <= _REMINDED_WITHIN:
            with self._lock:
                heapq.heappush(self._moments, time.monotonic() + max(seconds, 0.0))
                del self._moments[1_000:]

    def set(self, rouse: Callable[[], None]) -> None:
        """Call `rouse` at the next noted moment."""
        if not self._moments:
            return
        with self._lock:
            if self._timer is None and self._moments:
                seconds = max(self._moments[0] - time.monotonic(), 0.01)
                self._timer = threading.Timer(seconds, self._ring, [rouse])
                self._timer.daemon = True
                self._timer.start()

    def _ring(self, rouse: Callable[[], None]) -> None:
        with self._lock:
            self._timer = None
            while self._moments and self._moments[0] <= time.monotonic():
                heapq.heappop(self._moments)
        self.set(rouse)
        rouse()


reminders = Reminders()


def later(until: float, now: datetime) -> Held:
    """What holds a run until then."""
    moment = max(datetime.fromtimestamp(until, UTC), now)
    reminders.note(moment, now)
    return Held(moment)
