"""A worker process that is asked to stop while it works, as at each upgrade."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery
from django.utils.timezone import now as clock

from config import gunicorn
from demo_api.server import DemoServer
from operations.models import Heartbeat
from requests_builder import runs
from requests_builder.models import RunState, SavedRequest
from tests import lanes
from tests.product import Broker, wait_until
from tests.requests_builder.conftest import CONTACTS
from tests.requests_builder.test_runs_leases import environment

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@contextmanager
def worker(**told: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "config.background", "worker"],
        cwd=ROOT,
        env={**os.environ, **lanes.NEUTRAL, **told},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_is_asked_to_stop_hands_over_what_it_is_at_and_ends_in_good_order(
    contacts: SavedRequest, provider: DemoServer, tmp_path: Path
) -> None:
    run = runs.request_run(contacts, user=None, now=clock())
    provider.hold(CONTACTS, page=11)
    with Broker() as broker:
        told = {"BROKER_URL": broker.url, "DATA_DIR": str(tmp_path), "LOG_FORMAT": "json"}
        with worker(**environment(provider), **told) as process:
            wait_until((tmp_path / "run" / "worker").exists, 240)
            with Celery(broker=broker.url) as client:
                client.send_task("requests_builder.tasks.work")
            assert provider.wait_until_held(60)

            process.send_signal(signal.SIGTERM)
            wait_until(lambda: "Warm shutdown" in process.stdout.readline(), 60)  # type: ignore[union-attr]
            provider.release()
            said, _ = process.communicate(timeout=gunicorn.graceful_timeout)

    assert process.returncode == 0
    run.refresh_from_db()
    assert (run.state, run.pages, run.attempts, run.leased_by) == (RunState.QUEUED, 11, 0, None)
    assert Heartbeat.objects.get(kind="worker").ended_at
    lines = [json.loads(line) for line in said.splitlines()]
    [about] = [line for line in lines if "is left to another worker" in line["event"]]
    assert about["run_id"] == str(run.pk)

    assert runs.execute(run.pk, worker=uuid4(), now=clock()) == RunState.SUCCEEDED
    assert provider.page_fetches(CONTACTS) == dict.fromkeys(range(1, 21), 1)
