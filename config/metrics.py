"""/metrics: how the whole product stands, as Prometheus reads it.

Every web process gives the same answer, for all of it comes from the database: gauges from what is due and
unfinished, counters from what the processes have counted (operations.tallies). A fixed number of queries,
none of which looks at the history. There are no names of teams, no addresses and no secrets in it.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from hmac import compare_digest

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from connections.grants import overview
from operations import tallies
from operations.exposition import CONTENT_TYPE, Family, render
from operations.heartbeats import SILENCE
from operations.models import Heartbeat, ProcessKind, Tally
from requests_builder import runs

# What is counted, under which name, and what it means.
COUNTERS = {
    "runs_finished": ("connector_runs_finished_total", "Runs that are finished, by outcome and error code."),
    "runs_finished_at_host": (
        "connector_runs_finished_at_host_total",
        f"Runs that were begun and are finished, by host; of hosts beyond {tallies.MOST_SERIES}, as other.",
    ),
    "run_attempts_postponed": (
        "connector_run_attempts_postponed_total",
        "Attempts after which a run waits for another one, by error code.",
    ),
    "token_calls": (
        "connector_token_calls_total",
        "Calls to token and revocation endpoints, by what was asked for and the outcome.",
    ),
}


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever has the token; without METRICS_TOKEN, there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    is_right = compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    if scheme.lower() != "bearer" or not is_right:
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(render(families(now())), content_type=CONTENT_TYPE)


def families(moment: datetime) -> Iterator[Family]:
    """Everything there is to tell at this moment."""
    yield from _of_processes(moment)
    yield from _of_runs(runs.standing(moment), moment)
    yield from _of_connections(overview.standing(moment), moment)
    yield from _counted()


def _of_processes(moment: datetime) -> Iterator[Family]:
    alive = list(
        Heartbeat.objects.filter(seen_at__gt=moment - SILENCE, ended_at=None).order_by("kind", "host", "pid")
    )
    count = Family("connector_processes", "gauge", "Processes that gave a sign of life within a minute.")
    started = Family("connector_process_start_time_seconds", "gauge", "When each began, in Unix time.")
    memory = Family("connector_process_resident_memory_bytes", "gauge", "What each has in memory.")
    cpu = Family("connector_process_cpu_seconds_total", "counter", "What each has used of a processor.")
    for kind in ProcessKind.values:
        count.add(sum(process.kind == kind for process in alive), kind=kind)
    for process in alive:
        labels = {"kind": process.kind, "host": process.host, "pid": str(process.pid), "id": process.id[:8]}
        started.add(round(process.started_at.timestamp(), 3), **labels)
        memory.add(process.memory_bytes, **labels)
        cpu.add(process.cpu_seconds, **labels)
    yield from (count, started, memory, cpu)


def _of_runs(standing: runs.Standing, moment: datetime) -> Iterator[Family]:
    yield Family(
        "connector_schedules_due", "gauge", "Schedules whose due time no scheduler has taken up."
    ).add(standing.schedules_due)
    yield Family(
        "connector_schedules_oldest_due_seconds", "gauge", "How long the oldest of them is due."
    ).add(_seconds(standing.oldest_due_at, moment))
    unfinished = Family(
        "connector_runs",
        "gauge",
        "Unfinished runs: running; ready, which could begin at once; waiting until they may be tried again; "
        "in_line behind another run of their schedule.",
    )
    for state in ("running", "ready", "waiting", "in_line"):
        unfinished.add(getattr(standing, state), state=state)
    yield unfinished
    yield Family("connector_runs_late", "gauge", "Ready runs that could have begun a minute ago.").add(
        standing.late
    )
    yield Family("connector_runs_oldest_ready_seconds", "gauge", "How long the oldest ready run waits.").add(
        _seconds(standing.oldest_ready_at, moment)
    )
    at_host = Family(
        "connector_runs_at_host", "gauge", "Unfinished runs of the busiest hosts, and of all others."
    )
    for host in standing.hosts:
        at_host.add(host.running, host=host.host, state="running")
        at_host.add(host.ready, host=host.host, state="ready")
    shown = {name: sum(getattr(host, name) for host in standing.hosts) for name in ("running", "ready")}
    for name, count in shown.items():
        at_host.add(max(0, getattr(standing, name) - count), host=tallies.OTHER, state=name)
    yield at_host


def _of_connections(standing: overview.Standing, moment: datetime) -> Iterator[Family]:
    states = Family("connector_connections", "gauge", "OAuth connections by state.")
    for state, count in standing.states.items():
        states.add(count, state=state)
    yield states
    yield Family("connector_refreshes_due", "gauge", "Tokens that should be renewed by now.").add(
        standing.due
    )
    yield Family(
        "connector_refreshes_oldest_due_seconds", "gauge", "How long the oldest of them is due."
    ).add(_seconds(standing.oldest_due_at, moment))


def _counted() -> Iterator[Family]:
    found = {stored: Family(name, "counter", told) for stored, (name, told) in COUNTERS.items()}
    for name, labels, value in (
        Tally.objects.filter(name__in=COUNTERS)
        .order_by("name", "labels")
        .values_list("name", "labels", "value")
    ):
        found[name].add(value, **json.loads(labels))
    yield from found.values()


def _seconds(since: datetime | None, moment: datetime) -> float:
    return round(max(0.0, (moment - since).total_seconds()), 3) if since else 0.0
