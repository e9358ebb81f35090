"""Who is missing, in the database, in words, and on every page."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Team, User
from operations import heartbeats
from operations.heartbeats import Process
from operations.models import Heartbeat
from operations.silences import Seen, Watch, silence, watch

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def as_at_the_start() -> Iterator[None]:
    """What this process knows of the others is kept between two pages, and not between two tests."""
    yield
    watch.__init__()  # type: ignore[misc]


def well(now: datetime) -> Seen:
    return Seen(seen_at=now, started_at=now - 10 * MINUTE, worked_at=now)


def title(now: datetime, **seen: Seen) -> str:
    said = silence(seen, watched_since=now - 10 * MINUTE, now=now)
    return said.text.split(":")[0] if said else ""


def test_who_gave_a_sign_within_a_minute_is_there(now: datetime) -> None:
    lately = Seen(now - MINUTE, now - 10 * MINUTE, now - MINUTE)
    assert title(now, worker=lately, scheduler=lately) == ""


def test_who_gave_none_for_longer_is_missed_by_name(now: datetime) -> None:
    gone = Seen(now - MINUTE - SECOND, now - 10 * MINUTE, now - 2 * MINUTE)
    assert title(now, worker=well(now), scheduler=gone) == "No scheduler is running"
    assert title(now, scheduler=well(now), worker=gone) == "No worker is running"
    assert title(now, worker=gone, scheduler=gone) == "Neither a scheduler nor a worker is running"
    assert title(now) == "Neither a scheduler nor a worker is running"


def test_who_runs_without_getting_a_message_is_told_from_who_is_gone(now: datetime) -> None:
    deaf = Seen(now, now - 10 * MINUTE, now - 2 * MINUTE)
    said = "Scheduler and worker are running, but no message reaches a worker"
    assert title(now, worker=deaf, scheduler=well(now)) == said
    fresh = Seen(now, now - 30 * SECOND)
    assert title(now, worker=fresh, scheduler=well(now)) == "", "it has only just begun to listen"


def test_nobody_is_missing_in_the_first_minute(now: datetime) -> None:
    yesterday = Seen(now - timedelta(hours=9), now - timedelta(hours=20), now - timedelta(hours=9))
    for seen in ({}, {"worker": yesterday, "scheduler": yesterday}):
        assert silence(seen, watched_since=now, now=now + MINUTE) is None
        assert silence(seen, watched_since=now, now=now + MINUTE + SECOND)


@pytest.mark.django_db
def test_a_process_leaves_one_row_however_often_it_beats(now: datetime) -> None:
    process = Process("worker", now)
    heartbeats.beat(process, now)
    heartbeats.beat(process, now + 10 * SECOND, worked_at=now + 9 * SECOND)

    row = Heartbeat.objects.get()
    assert (row.kind, row.started_at, row.seen_at) == ("worker", now, now + 10 * SECOND)
    assert (row.worked_at, row.ended_at) == (now + 9 * SECOND, None)
    assert row.cpu_seconds > 0

    heartbeats.forget(now + timedelta(days=1))
    assert Heartbeat.objects.count() == 1
    heartbeats.forget(now + timedelta(days=1, seconds=11))
    assert not Heartbeat.objects.exists()


@pytest.mark.django_db
def test_a_banner_is_on_each_page_while_a_process_is_missing_and_goes_by_itself(
    client: Client, team: Team, viewer: User
) -> None:
    now = timezone.now()
    worker, scheduler = Process("worker", now), Process("scheduler", now)
    for each in (worker, scheduler):
        heartbeats.beat(each, now, worked_at=now)
    client.force_login(viewer)
    watch.look(now - 10 * MINUTE)
    watch.look(now)
    assert b"A process is missing" not in client.get("/t/acme/").content
    assert client.get("/silence/").status_code == 200

    watch.look(now + 2 * MINUTE)
    for path in ("/t/acme/", "/t/acme/runs/", "/teams/new/"):
        page = client.get(path).content.decode()
        assert "Neither a scheduler nor a worker is running" in page
        assert "python -m config.background worker" in page
    assert client.get("/silence/").status_code == 204

    for each in (worker, scheduler):
        heartbeats.beat(each, now + 2 * MINUTE, worked_at=now + 2 * MINUTE)
    watch.look(now + 2 * MINUTE)
    assert b"A process is missing" not in client.get("/t/acme/").content
    answer = client.get("/silence/")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.django_db
def test_who_is_not_signed_in_learns_nothing_of_it(client: Client, team: Team) -> None:
    now = timezone.now()
    watch.look(now - 2 * MINUTE)
    watch.look(now)
    assert watch.silence

    assert b"A process is missing" not in client.get("/accounts/login/").content
    assert client.get("/silence/").status_code == 204
    watch.silence = None
    assert client.get("/silence/").status_code == 204


@pytest.mark.django_db
def test_a_page_asks_the_database_for_none_of_this(client: Client, team: Team, viewer: User) -> None:
    client.force_login(viewer)
    client.get("/t/acme/")
    watch.look(timezone.now() - 2 * MINUTE)
    watch.look(timezone.now())

    with CaptureQueriesContext(connection) as asked:
        assert b"A process is missing" in client.get("/t/acme/").content
    assert not [query["sql"] for query in asked if "operations_" in query["sql"]]


@pytest.mark.django_db
def test_one_query_tells_who_is_there_however_many_processes_came_and_went(now: datetime) -> None:
    for number in range(5):
        heartbeats.beat(Process("worker", now, pid=number), now)
    with CaptureQueriesContext(connection) as asked:
        Watch().look(now)
    assert len(asked) == 1
