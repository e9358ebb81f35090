"""How the connections of all teams are, in numbers, for whoever hosts the product."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min

from connections import providers
from connections.models import (
    CallOutcome,
    Circuit,
    Connection,
    ConnectionState,
    DiscardedToken,
    Token,
    TokenCall,
)


@dataclass(frozen=True, slots=True)
class Failures:
    """Token calls of one kind that went wrong at one host."""

    host: str
    # The catalogue's slug; empty: none that it knows.
    provider: str
    outcome: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """A server that is left alone for a while, for one client."""

    host: str
    open_until: datetime
    failures: int
    connections: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it at one moment. `failures` are those since `since`, the most frequent first."""

    at: datetime
    since: datetime
    states: dict[str, int]
    due: int
    oldest_due_at: datetime | None
    refreshing: int
    to_be_revoked: int
    calls: int
    failures: tuple[Failures, ...]
    circuits: tuple[OpenCircuit, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """The part of it that may be asked for every few seconds."""

    states: dict[str, int]
    due: int
    oldest_due_at: datetime | None


def standing(now: datetime) -> Standing:
    """How the connections stand at `now`, by two queries."""
    counted = Connection.objects.order_by().values_list("state").annotate(count=Count("pk"))
    due = Connection.objects.due_for_refresh(now).order_by()
    oldest = due.aggregate(oldest=Min("token__refresh_at"), count=Count("pk"))
    states = dict.fromkeys(ConnectionState.values, 0) | dict(counted)
    return Standing(states, oldest["count"], oldest["oldest"])


def overview(*, now: datetime, back: timedelta = timedelta(days=1)) -> Overview:
    """How things stand at `now`, and what went wrong in the time before. No names, no secrets."""
    since = now - back
    standing_now = standing(now)
    calls = TokenCall.objects.filter(at__gte=since).order_by()
    wrong = (
        calls.exclude(outcome__in=(CallOutcome.SUCCEEDED, CallOutcome.STILL_GOOD))
        .values_list("host", "outcome")
        .annotate(count=Count("pk"), last_at=Max("at"))
        .order_by("-count", "host")
    )
    return Overview(
        at=now,
        since=since,
        states=standing_now.states,
        due=standing_now.due,
        oldest_due_at=standing_now.oldest_due_at,
        refreshing=Token.objects.filter(refresh_leased_until__gt=now).count(),
        to_be_revoked=DiscardedToken.objects.count(),
        calls=calls.count(),
        failures=tuple(
            Failures(host, _provider_at(host), outcome, count, last_at)
            for host, outcome, count, last_at in wrong
        ),
        circuits=_circuits(now),
    )


def _circuits(now: datetime) -> tuple[OpenCircuit, ...]:
    shut = Circuit.objects.open(now).order_by("host", "key")
    affected = dict(
        Token.objects.filter(server_key__in=shut.values("key"))
        .order_by()
        .values_list("server_key")
        .annotate(count=Count("pk"))
    )
    return tuple(
        OpenCircuit(circuit.host, circuit.open_until, circuit.failures, affected.get(circuit.key, 0))
        for circuit in shut
        if circuit.open_until is not None
    )


def _provider_at(host: str) -> str:
    provider = providers.recognize(f"https://{host}/")
    return provider.slug if provider else ""
