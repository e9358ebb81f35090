"""Workers that are killed, frozen, or called twice for the same run."""

import base64
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings as configured
from django.db import connection
from django.utils.timezone import now as clock

from demo_api.data import contact
from demo_api.server import DemoServer
from requests_builder import runs, tables
from requests_builder.models import Batch, Row, Run, RunState, SavedRequest, Table
from requests_builder.runs.clock import Clock
from requests_builder.runs.leases import HEARTBEAT, LEASE, LeaseLost, claim
from tests.requests_builder.conftest import CONTACTS

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.django_db(transaction=True)


def ids(table: Table) -> list[int]:
    return [record["id"] for record in tables.records(table)]


ALL_IDS = [contact(number)["id"] for number in range(1, 101)]
Worker = Callable[[Run], subprocess.Popen[str]]


@pytest.fixture
def worker(provider: DemoServer) -> Iterator[Worker]:
    """Start a worker process on a run. What is left at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(run: Run) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.requests_builder.worker", str(run.pk)],
            cwd=ROOT,
            env=os.environ | environment(provider),
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def environment(provider: DemoServer) -> dict[str, str]:
    """The settings under which another process sees the database of this test."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        user, host, port = database["USER"], database["HOST"], database["PORT"]
        password = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
        url = f"postgres://{user}{password}@{host}:{port or 5432}/{database['NAME']}"
    keys = (
        f"{number}:{base64.b64encode(key).decode()}" for number, key in configured.ENCRYPTION_KEYS.items()
    )
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": url,
        "ENCRYPTION_KEYS": ",".join(keys),
        "OUTBOUND_ALLOW": f"127.0.0.1:{provider.port}",
    }


def eventually(look: Callable[[], list[Any]], seconds: float = 30) -> list[Any]:
    until = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < until:
        time.sleep(0.05)
    assert found, "this did not happen in time"
    return found


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_goes_on_within_30_seconds(
    contacts: SavedRequest, table: Table, provider: DemoServer, worker: Worker
) -> None:
    run = runs.request_run(contacts, user=None, now=clock())
    provider.hold(CONTACTS, page=11)
    process = worker(run)
    assert provider.wait_until_held(30)

    os.kill(process.pid, signal.SIGKILL)
    killed = time.monotonic()
    provider.release()
    assert ids(table) == [], "nothing is seen of the ten pages that are there"
    assert Row.objects.count() == 50

    # The tick of the scheduler, and the worker that it rings for.
    [found] = eventually(lambda: runs.recover_runs(clock()))
    assert found == run.pk
    assert runs.execute(run.pk, worker=uuid4(), now=clock()) == RunState.SUCCEEDED

    assert time.monotonic() - killed < 30
    run.refresh_from_db()
    assert (run.state, run.attempts, run.pages, run.rows) == (RunState.SUCCEEDED, 2, 20, 100)
    assert ids(table) == ALL_IDS
    assert provider.page_fetches(CONTACTS) == dict.fromkeys(range(1, 21), 1) | {11: 2}


@pytest.mark.slow
def test_a_worker_that_was_frozen_until_its_run_was_taken_over_writes_nothing(
    contacts: SavedRequest, table: Table, provider: DemoServer, worker: Worker
) -> None:
    run = runs.request_run(contacts, user=None, now=clock())
    provider.hold(CONTACTS, page=11)
    frozen = worker(run)
    assert provider.wait_until_held(30)
    os.kill(frozen.pid, signal.SIGSTOP)
    provider.release()

    assert runs.execute(run.pk, worker=uuid4(), now=clock() + LEASE) == RunState.SUCCEEDED
    before = list(Row.objects.values_list("pk", flat=True)), Run.objects.values().get(pk=run.pk)

    # It wakes up with the answer to page 11 in its hands.
    os.kill(frozen.pid, signal.SIGCONT)
    said, _ = frozen.communicate(timeout=30)

    assert said == "executed: None\n"
    assert (list(Row.objects.values_list("pk", flat=True)), Run.objects.values().get(pk=run.pk)) == before
    assert provider.page_fetches(CONTACTS)[12] == 1, "it asks for nothing more"
    assert ids(table) == ALL_IDS


@pytest.mark.slow
def test_the_heart_keeps_a_lease_while_a_server_takes_its_time(
    contacts: SavedRequest, provider: DemoServer, worker: Worker
) -> None:
    run = runs.request_run(contacts, user=None, now=clock())
    provider.hold(CONTACTS, page=2)
    process = worker(run)
    assert provider.wait_until_held(30)
    run.refresh_from_db()
    first = run.leased_until
    assert first is not None

    eventually(lambda: list(Run.objects.filter(leased_until__gt=first + HEARTBEAT / 2)))
    assert runs.execute(run.pk, worker=uuid4(), now=first) is None
    provider.release()

    assert process.wait(30) == 0
    run.refresh_from_db()
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 1)


def test_two_messages_for_one_run_are_one_pull(
    contacts: SavedRequest, table: Table, provider: DemoServer, now: datetime
) -> None:
    run = runs.request_run(contacts, user=None, now=now)
    ready = threading.Barrier(6)
    states: list[RunState | None] = []

    def work() -> None:
        ready.wait()
        states.append(runs.execute(run.pk, worker=uuid4(), now=now))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert states.count(RunState.SUCCEEDED) == 1
    assert states.count(None) == 5
    assert provider.page_fetches(CONTACTS) == dict.fromkeys(range(1, 21), 1)
    assert ids(table) == ALL_IDS
    assert runs.execute(run.pk, worker=uuid4(), now=now + timedelta(days=1)) is None, "it is finished"


def test_a_reader_never_sees_a_part_of_a_pull(
    contacts: SavedRequest, table: Table, provider: DemoServer, now: datetime
) -> None:
    provider.set(contacts=40)
    seen: set[tuple[int, int]] = set()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            page = tables.rows_page(table, limit=1000)
            seen.add((page.total, len(page.rows)))
            time.sleep(0.01)
        connection.close()

    reader = threading.Thread(target=look)
    reader.start()
    for size in (40, 100, 20):
        provider.set(contacts=size)
        run = runs.request_run(contacts, user=None, now=now)
        assert runs.execute(run.pk, worker=uuid4(), now=now) == RunState.SUCCEEDED
        time.sleep(0.05)
    is_over.set()
    reader.join()

    assert {rows for _, rows in seen} <= {0, 40, 100, 20}
    assert len(seen) > 2


def test_every_write_needs_the_lease(contacts: SavedRequest, now: datetime) -> None:
    run = runs.request_run(contacts, user=None, now=now)
    first = claim(run.pk, worker=uuid4(), clock=Clock(now))
    assert first is not None
    later = now + 2 * LEASE
    second = claim(run.pk, worker=uuid4(), clock=Clock(later))
    assert second is not None
    assert second.run.fence == first.run.fence + 1

    with pytest.raises(LeaseLost), first.writing(pages=7):
        pytest.fail("the body of a transaction without a lease must not begin")
    with pytest.raises(LeaseLost):
        first.check()
    second.write(pages=1)
    run.refresh_from_db()
    assert (run.pages, run.page_deaths) == (1, 1)


def test_a_lease_that_has_run_out_is_asked_for_before_the_next_call(
    contacts: SavedRequest, now: datetime
) -> None:
    run = runs.request_run(contacts, user=None, now=now)
    lease = claim(run.pk, worker=uuid4(), clock=Clock(now))
    assert lease is not None
    lease.clock = Clock(now + 2 * LEASE)

    lease.check()
    run.refresh_from_db()
    assert run.leased_until is not None
    assert run.leased_until >= now + 3 * LEASE, "nobody else wanted it"

    run.delete()
    lease.clock = Clock(now + 4 * LEASE)
    with pytest.raises(LeaseLost):
        lease.check()


def test_what_a_transaction_wrote_goes_with_the_lease(contacts: SavedRequest, now: datetime) -> None:
    run = runs.request_run(contacts, user=None, now=now)
    lease = claim(run.pk, worker=uuid4(), clock=Clock(now))
    assert lease is not None

    def write() -> None:
        with lease.writing(pages=1):
            Batch.objects.create(table=contacts.table, run=run)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()

    run.refresh_from_db()
    assert run.pages == 0
    assert not Batch.objects.exists()


def test_an_unknown_run_is_nobodys(db: None, now: datetime) -> None:
    assert runs.execute(UUID(int=0), worker=uuid4(), now=now) is None


@pytest.mark.postgres_lane
def test_a_worker_that_was_frozen_in_a_transaction_keeps_its_locks_no_longer_than_a_minute() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('idle_in_transaction_session_timeout')::interval")
        [limit] = cursor.fetchone() or [None]
    assert timedelta(0) < limit <= timedelta(minutes=1)
