"""What Prometheus reads, as its own parser reads it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from accounts.models import Team
from config import metrics
from operations import exposition, heartbeats, tallies
from operations.heartbeats import Process
from requests_builder.models import Run, RunState, SavedRequest, Schedule, Trigger
from tests import factories

TOKEN = "a-token-of-some-length"
Sample = tuple[str, tuple[tuple[str, str], ...]]


def read(text: str) -> dict[Sample, float]:
    """Each sample by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def text(now: datetime) -> str:
    tallies.flush()
    return exposition.render(metrics.families(now))


def at(now: datetime) -> dict[Sample, float]:
    return read(text(now))


def named(name: str, **labels: str) -> Sample:
    return name, tuple(sorted(labels.items()))


def test_without_a_token_there_is_no_such_page(client: Client) -> None:
    assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404


@pytest.mark.django_db
def test_the_token_opens_it_under_any_name_and_nothing_else_does(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN

    def asked(authorization: str) -> int:
        headers = {"host": "10.1.2.3:8000", "authorization": authorization}
        return Client().get("/metrics", headers=headers).status_code

    assert asked(f"Bearer {TOKEN}") == 200
    wrong = ("", "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é")
    assert {asked(each) for each in wrong} == {401}


@pytest.mark.django_db
def test_what_is_due_running_late_and_where(team: Team, now: datetime) -> None:
    saved = factories.SavedRequestFactory(team=team, url="https://API.example/x")
    other = factories.SavedRequestFactory(team=team, url="https://b.example/x")
    Schedule.objects.create(saved_request=saved, rule={"every": "1 hour"}, next_at=now - timedelta(seconds=7))

    def run(of: SavedRequest, state: str, **fields: object) -> None:
        Run.objects.create(
            team=team, saved_request=of, trigger=Trigger.MANUAL, due_at=now, state=state, **fields
        )

    minute = timedelta(minutes=1)
    run(saved, RunState.QUEUED, not_before=now)
    run(saved, RunState.QUEUED, not_before=now - 2 * minute)
    run(saved, RunState.QUEUED, not_before=now + minute)
    run(saved, RunState.QUEUED, not_before=None)
    run(saved, RunState.RUNNING, not_before=now, leased_until=now + minute)
    run(other, RunState.RUNNING, not_before=now - 3 * minute, leased_until=now - minute)
    run(other, RunState.FAILED, not_before=now - 9 * minute)

    found = at(now)

    states = {"running": 1, "ready": 3, "waiting": 1, "in_line": 1}
    assert {state: found[named("connector_runs", state=state)] for state in states} == states
    assert found[named("connector_runs_late")] == 2
    assert found[named("connector_runs_oldest_ready_seconds")] == 180
    assert found[named("connector_schedules_due")] == 1
    assert found[named("connector_schedules_oldest_due_seconds")] == 7
    assert found[named("connector_runs_at_host", host="api.example", state="ready")] == 2
    assert found[named("connector_runs_at_host", host="api.example", state="running")] == 1
    assert found[named("connector_runs_at_host", host="b.example", state="ready")] == 1
    assert found[named("connector_runs_at_host", host="other", state="ready")] == 0


@pytest.mark.django_db
def test_hosts_beyond_the_busiest_are_one(team: Team, now: datetime) -> None:
    for number in range(25):
        saved = factories.SavedRequestFactory(team=team, url=f"https://h{number}.example/x")
        Run.objects.create(team=team, saved_request=saved, trigger=Trigger.MANUAL, due_at=now, not_before=now)

    found = at(now)

    assert found[named("connector_runs_at_host", host="other", state="ready")] == 5
    assert len([name for name, _ in found if name == "connector_runs_at_host"]) == 2 * 21


@pytest.mark.django_db
def test_what_was_counted_is_a_counter(now: datetime) -> None:
    tallies.count("runs_finished", 3, outcome="failed", code="http_404")
    tallies.count("what nobody asks for")

    found = at(now)

    assert found[named("connector_runs_finished_total", outcome="failed", code="http_404")] >= 3
    families = {family.name: family.type for family in text_string_to_metric_families(text(now))}
    assert families["connector_runs_finished"] == "counter"
    assert families["connector_runs"] == "gauge"


@pytest.mark.django_db
def test_only_who_lives_is_counted_among_the_processes() -> None:
    now = timezone.now()
    heartbeats.beat(Process("worker", now), now)
    heartbeats.beat(Process("worker", now), now - timedelta(minutes=2))
    heartbeats.beat(Process("worker", now), now, ended_at=now)
    heartbeats.beat(Process("scheduler", now, host='a"b\\c'), now)

    found = at(now)

    alive = {kind: found[named("connector_processes", kind=kind)] for kind in ("web", "worker", "scheduler")}
    assert alive == {"web": 0, "worker": 1, "scheduler": 1}
    starts = [labels for name, labels in found if name == "connector_process_start_time_seconds"]
    assert len(starts) == 2
    assert 'a"b\\c' in {dict(labels)["host"] for labels in starts}


@pytest.mark.django_db
def test_the_cost_does_not_grow_with_the_history(team: Team, now: datetime) -> None:
    saved = factories.SavedRequestFactory(team=team)
    Run.objects.bulk_create(
        Run(
            id=uuid4(),
            team=team,
            saved_request=saved,
            trigger=Trigger.MANUAL,
            due_at=now,
            state=RunState.SUCCEEDED,
            finished_at=now,
        )
        for _ in range(3_000)
    )
    with database.cursor() as cursor:
        cursor.execute("ANALYZE")
    tallies.flush()

    asked: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append((sql, params))
        return execute(sql, params, many, context)

    with database.execute_wrapper(note):
        exposition.render(metrics.families(now))

    assert len(asked) <= 7
    for sql, params in asked:
        plan = explained(sql, params)
        assert "SCAN requests_builder_run\n" not in plan, "SQLite reads the whole table"
        assert "Seq Scan on requests_builder_run " not in plan, "PostgreSQL reads the whole table"


def explained(sql: str, params: Any) -> str:
    """How the database goes about it, a step on each line. With parameters, as they are really asked."""
    explain = "EXPLAIN" if database.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with database.cursor() as cursor:
        cursor.execute(f"{explain} {sql}", params)
        return "".join(f"{row[-1]}\n" for row in cursor.fetchall())
