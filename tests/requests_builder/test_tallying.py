"""What is counted of runs, and what the log tells of the one that is worked on."""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from connections import grants
from connections.models import Connection
from demo_api.server import DemoServer
from operations import tallies
from operations.models import Tally
from requests_builder import runs
from requests_builder.models import Run, RunState, SavedRequest, Schedule
from tests import factories
from tests.written import Written

CONTACTS = "/api/open/contacts"
Pull = Callable[..., Run]


def counted(name: str, **labels: str) -> int:
    tallies.flush()
    found = Tally.objects.filter(name=name, labels=json.dumps(labels, sort_keys=True)).first()
    return found.value if found else 0


@pytest.mark.django_db(transaction=True)
def test_what_was_finished_refused_and_renewed_is_counted_once(
    contacts: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, now: datetime
) -> None:
    def look() -> list[int]:
        return [
            counted("runs_finished", outcome="succeeded", code=""),
            counted("runs_finished", outcome="failed", code="not_found"),
            counted("runs_finished", outcome="cancelled", code="cancelled"),
            counted("run_attempts_postponed", code="server_error"),
            counted("runs_finished_at_host", host="127.0.0.1", outcome="failed"),
            counted("token_calls", kind="refresh", outcome="succeeded"),
        ]

    before = look()
    good = pull(contacts)
    provider.fail(CONTACTS, status=404)
    bad = pull(contacts)
    provider.fail(CONTACTS, status=503)
    put_off = pull(contacts)
    grants.refresh(connection, now=now)
    runs.cancel(put_off, user=factories.UserFactory(), now=now)

    ended = [Run.objects.get(pk=run.pk).state for run in (good, bad, put_off)]
    assert ended == [RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED]
    assert (bad.error_code, put_off.error_code) == ("not_found", "server_error")
    assert [after - earlier for after, earlier in zip(look(), before, strict=True)] == [1] * 6


@pytest.mark.django_db(transaction=True)
def test_what_a_scheduler_passes_over_is_counted(contacts: SavedRequest, now: datetime) -> None:
    before = counted("runs_finished", outcome="missed", code="")
    rule, due = {"every": "1 hour"}, now - timedelta(hours=5)
    Schedule.objects.create(saved_request=contacts, rule=rule, next_at=due)

    runs.start_due_runs(now)

    missed = Run.objects.filter(state=RunState.MISSED).count()
    assert missed
    assert counted("runs_finished", outcome="missed", code="") - before == missed


@pytest.mark.django_db(transaction=True)
def test_each_line_about_a_run_names_it_and_none_after_it(
    protected: SavedRequest,
    connection: Connection,
    provider: DemoServer,
    pull: Pull,
    written: Written,
) -> None:
    connection.refresh_from_db()
    token = connection.token.access_token
    provider.fail("/api/contacts", status=503, body={"message": f"busy with {token}"})
    run = pull(protected)
    logging.getLogger("a").info("afterwards")

    assert run.state == RunState.QUEUED
    [about] = [line for line in written.lines if line["logger"] == "requests_builder.runs.setbacks"]
    names = {"run_id": run.pk, "team_id": run.team_id, "saved_request_id": protected.pk}
    assert {name: about[name] for name in names} == {name: str(pk) for name, pk in names.items()}
    assert about["host"] == "127.0.0.1"
    assert not {"run_id", "host"} & written.lines[-1].keys()
    secrets = (token, connection.token.refresh_token, connection.client_secret)
    assert all(secrets)
    assert not [secret for secret in secrets if secret in written.text]
