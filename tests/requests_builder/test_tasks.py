"""Messages to workers: bells, which may be lost."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from queue import Empty
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery import Celery, current_app
from django.db import transaction
from django.utils.timezone import now as clock

from requests_builder import runs, tables, tasks
from requests_builder.models import Run, RunState, SavedRequest, Schedule, Table
from requests_builder.schedules import Minutes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> Iterator[Celery]:
    """An app whose broker is in memory."""
    before = current_app._get_current_object()
    app = Celery("test", broker="memory://", set_as_current=True)
    yield app
    messages(app)
    before.set_current()


def messages(app: Celery) -> list[tuple[str, list[Any]]]:
    """Name and arguments of the messages that wait for a worker; they are taken away."""
    taken = []
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
        while True:
            try:
                message = queue.get_nowait()
            except Empty:
                return taken
            message.ack()
            taken.append((message.headers["task"], message.payload[0]))


def test_run_now_rings_without_a_word_and_only_after_the_commit(
    app: Celery, contacts: SavedRequest, now: datetime
) -> None:
    with transaction.atomic():
        runs.request_run(contacts, user=None, now=now)
        assert messages(app) == []
    assert messages(app) == [("requests_builder.tasks.work", [])]


def test_a_few_messages_do_for_any_number_of_runs(app: Celery) -> None:
    runs.bell.ring([uuid4() for _ in range(1_000)])
    assert messages(app) == [("requests_builder.tasks.work", [])] * 4


def test_a_broker_that_is_down_is_no_error_and_is_told_once(
    app: Celery, contacts: SavedRequest, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    runs.bell.ring([UUID(int=0)])
    down = Celery("test", broker="redis://127.0.0.1:1/0", set_as_current=True)
    down.conf.task_publish_retry_policy = {"max_retries": 1, "interval_start": 0}
    try:
        with caplog.at_level(logging.WARNING):
            run = runs.request_run(contacts, user=None, now=now)
            Run.objects.update(attempts=1)
            runs.request_run(contacts, user=None, now=now)
    finally:
        app.set_current()

    assert Run.objects.filter(pk=run.pk, state=RunState.QUEUED).exists()
    told = [record.message for record in caplog.records if "cannot be reached" in record.message]
    assert len(told) == 1


def test_the_ticks_ring_and_a_worker_pulls(app: Celery, contacts: SavedRequest, table: Table) -> None:
    runs.set_schedule(contacts, Minutes(5), user=None, now=clock() - timedelta(minutes=6))
    tasks.start_due_runs()
    [(name, arguments)] = messages(app)
    assert name == tasks.work.name

    # The message is lost, and found again by the next tick.
    Run.objects.update(rung_at=clock() - timedelta(minutes=1))
    tasks.recover_runs()
    assert messages(app) == [(name, arguments)]

    tasks.work(*arguments)
    tasks.work(*arguments)
    assert runs.crew.rest(20)

    assert Run.objects.get().state == RunState.SUCCEEDED
    assert len(list(tables.records(table))) == 100
    assert Run.objects.get().attempts == 1, "a message that comes twice does nothing"
    assert Schedule.objects.get().next_at > clock()
