"""`manage.py connections`: how the connections of all teams are, for whoever hosts the product."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from connections.grants.overview import Overview, overview
from connections.models import CallOutcome, ConnectionState


class Command(BaseCommand):
    """Prints states, what is due, what went wrong where, and which servers are left alone. No secrets."""

    help = "Show due refreshes, failures by provider and class, and open circuits."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--hours", type=int, default=24, help="how far back failures count (24)")
        shape = parser.add_mutually_exclusive_group()
        shape.add_argument("--json", action="store_true", help="as one line of JSON")
        shape.add_argument("--metrics", action="store_true", help="as text that Prometheus reads")

    def handle(self, *args: Any, hours: int, **options: Any) -> None:
        seen = overview(now=timezone.now(), back=timedelta(hours=max(1, hours)))
        if options["json"]:
            self.stdout.write(json.dumps(asdict(seen), default=lambda moment: moment.isoformat()))
        else:
            self.stdout.write("\n".join(_metrics(seen) if options["metrics"] else _words(seen, hours)))


def _words(seen: Overview, hours: int) -> Iterator[str]:
    for state, count in seen.states.items():
        yield f"{ConnectionState(state).label:<20} {count:>7}"
    yield ""
    overdue = f", the oldest since {_ago(seen.at - seen.oldest_due_at)}" if seen.oldest_due_at else ""
    yield f"Due for a refresh    {seen.due:>7}{overdue}"
    yield f"Being refreshed      {seen.refreshing:>7}"
    yield f"To be revoked        {seen.to_be_revoked:>7}"
    yield ""
    failed = sum(each.count for each in seen.failures)
    yield f"Token calls of the last {hours} h: {seen.calls}, failed: {failed}"
    for each in seen.failures:
        where = f"{each.host} ({each.provider})" if each.provider else each.host
        label = CallOutcome(each.outcome).label
        yield f"  {where:<40} {label:<28} {each.count:>6}, last {_ago(seen.at - each.last_at)} ago"
    yield ""
    yield f"Servers left alone: {len(seen.circuits)}"
    for circuit in seen.circuits:
        left = _ago(circuit.open_until - seen.at)
        yield (
            f"  {circuit.host:<40} for {left} yet, after {circuit.failures} failures; "
            f"{circuit.connections} connections"
        )


def _metrics(seen: Overview) -> Iterator[str]:
    """The text format of Prometheus, for its textfile collector."""
    yield "# TYPE connections gauge"
    for state, count in seen.states.items():
        yield f'connections{{state="{state}"}} {count}'
    overdue = (seen.at - seen.oldest_due_at).total_seconds() if seen.oldest_due_at else 0
    for name, value in {
        "connections_due_refreshes": seen.due,
        "connections_oldest_overdue_seconds": round(overdue, 3),
        "connections_refreshes_under_way": seen.refreshing,
        "connections_tokens_to_be_revoked": seen.to_be_revoked,
        "connections_circuits_open": len(seen.circuits),
    }.items():
        yield f"# TYPE {name} gauge"
        yield f"{name} {value}"
    yield "# TYPE connections_failed_token_calls gauge"
    for each in seen.failures:
        labels = {"host": each.host, "provider": each.provider, "outcome": each.outcome}
        told = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
        yield f"connections_failed_token_calls{{{told}}} {each.count}"


def _ago(distance: timedelta) -> str:
    seconds = max(0, round(distance.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
