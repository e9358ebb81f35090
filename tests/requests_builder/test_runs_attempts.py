"""What each attempt at a run leaves behind, and what it has sent and received."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from connections.models import Connection
from demo_api.server import DemoServer
from requests_builder import runs
from requests_builder.models import (
    Attempt,
    AttemptOutcome,
    Run,
    RunState,
    SavedRequest,
    Transcript,
)
from requests_builder.runs import leases, transcripts
from requests_builder.runs.clock import Clock
from tests.requests_builder.conftest import CONTACTS, executed

pytestmark = pytest.mark.django_db(transaction=True)
Pull = Callable[..., Run]


def only(run: Run) -> Attempt:
    [attempt] = run.attempt_log.all()
    return attempt


def test_what_succeeds_at_once_costs_no_statement_more(
    contacts: SavedRequest, pull: Pull, now: datetime
) -> None:
    pull(contacts)
    with CaptureQueriesContext(connection) as queries:
        run = pull(contacts, now + timedelta(seconds=1))

    tables = ("requests_builder_attempt", "requests_builder_transcript")
    assert [query["sql"] for query in queries if any(table in query["sql"] for table in tables)] == []
    assert not run.attempt_log.exists()
    assert run.figures["calls"] == 20
    assert run.figures["refreshes"] == 0
    assert run.figures["phases"]["waiting"] > 0
    assert run.last_status == 200


def test_each_attempt_that_fails_says_why_and_until_when_the_next_one_waits(
    contacts: SavedRequest, provider: DemoServer, now: datetime
) -> None:
    provider.fail(CONTACTS, page=3, status=503, body="Under repair", content_type="text/plain")
    run = executed(runs.request_run(contacts, user=None, now=now), now)
    assert run.not_before
    run = executed(run, run.not_before)

    first, second = run.attempt_log.order_by("fence")
    assert (first.outcome, first.error_code, first.pages, first.rows) == ("delayed", "server_error", 2, 10)
    assert "Under repair" in first.error
    assert first.waits_until
    assert first.waits_until > first.ended_at
    assert (second.outcome, second.pages, second.rows) == (AttemptOutcome.SUCCEEDED, 18, 90)
    assert run.figures["calls"] == first.figures["calls"] + second.figures["calls"] >= 21
    # The last page of the whole, not of the attempt that failed.
    assert run.last_status == 200


def test_the_attempt_of_a_worker_that_died_says_so(contacts: SavedRequest, now: datetime) -> None:
    run = runs.request_run(contacts, user=None, now=now)
    dead = uuid4()
    assert leases.claim(run.pk, worker=dead, clock=Clock(now))
    Run.objects.filter(pk=run.pk).update(pages=2, rows=10)

    run = executed(run, now + leases.LEASE + timedelta(seconds=1))

    first, second = run.attempt_log.order_by("fence")
    assert (first.outcome, first.worker, first.pages, first.rows) == (AttemptOutcome.DIED, dead, 2, 10)
    assert first.began_at
    assert first.began_at - now < timedelta(seconds=5)
    assert second.outcome == AttemptOutcome.SUCCEEDED
    assert run.state == RunState.SUCCEEDED


def test_what_was_handed_over_or_cancelled_says_so(
    contacts: SavedRequest, now: datetime, editor: object
) -> None:
    run = runs.request_run(contacts, user=None, now=now)
    leases.is_stopping.set()
    try:
        executed(run, now)
    finally:
        leases.is_stopping.clear()
    assert only(run).outcome == AttemptOutcome.HANDED_OVER

    assert leases.claim(run.pk, worker=uuid4(), clock=Clock(now + timedelta(seconds=1)))
    run.refresh_from_db()
    runs.cancel(run, user=editor, now=now + timedelta(seconds=2))  # type: ignore[arg-type]

    assert [one.outcome for one in run.attempt_log.order_by("fence")] == ["handed_over", "cancelled"]


@pytest.mark.parametrize("status", [401, 403, 407])
def test_a_run_whose_call_was_refused_is_never_green(
    contacts: SavedRequest, provider: DemoServer, pull: Pull, status: int
) -> None:
    provider.fail(CONTACTS, status=status, body={"data": [{"id": 1}], "message": "No."}, times=None)

    run = pull(contacts)

    assert run.state == RunState.FAILED
    assert run.last_status == status
    assert not contacts.table.batches.filter(published_at__isnull=False).exists()  # type: ignore[union-attr]
    for refused in ({"error_code": ""}, {"error_code": "forbidden", "last_status": 200}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Run.objects.filter(pk=run.pk).update(state=RunState.SUCCEEDED, **refused)


def test_a_failure_keeps_what_was_sent_and_received_with_its_secrets_masked(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull
) -> None:
    token = connection.token.access_token
    assert token
    long = "x" * transcripts.MOST_BYTES
    body = f"You sent {token}. {long} {token}"
    headers = {"X-Sent": f"Bearer {token}"}
    provider.fail(
        "/api/contacts", status=422, body=body, content_type="text/plain", headers=headers, times=None
    )

    run = pull(protected)

    [kept] = run.transcripts.all()
    look = transcripts.look(kept)
    assert look
    shown = look.preview
    assert "Bearer •••" in str(shown.headers)
    assert (shown.status, shown.sent and shown.sent.method) == (422, "GET")
    assert "per_page=5" in str(shown.sent)
    assert "Authorization: Bearer •••" in str(shown.sent)
    assert shown.text.startswith("You sent •••. xxx")
    assert look.is_cut
    assert token not in str(shown.sent) + shown.text + str(shown.headers)
    with_sql = Transcript.objects.filter(pk=kept.pk).values_list("content", flat=True).get()
    assert b"You sent" not in bytes(with_sql)
    assert b"contacts" not in bytes(with_sql)


def test_half_a_secret_at_the_cut_is_not_kept(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull
) -> None:
    token = connection.token.access_token
    assert token
    # Masked, it is much shorter: the half at the end of what is looked at would be a part of what is kept.
    body = token * (2 * transcripts.MOST_BYTES // len(token))
    provider.fail("/api/contacts", status=422, body=body, content_type="text/plain", times=None)

    run = pull(protected)

    look = transcripts.look(run.transcripts.get())
    assert look
    assert look.preview.text.startswith("••••••")
    assert set(look.preview.text) == {"•"}


def test_of_what_succeeds_one_run_is_kept_for_each_request_and_renewed_from_time_to_time(
    contacts: SavedRequest, provider: DemoServer, pull: Pull, now: datetime
) -> None:
    first = pull(contacts)
    assert [one.is_first for one in first.transcripts.order_by("is_first")] == [False, True]

    soon = pull(contacts, now + timedelta(minutes=1))
    assert not soon.transcripts.exists()

    later = pull(contacts, now + transcripts.RENEWED_AFTER + timedelta(minutes=1))
    assert Transcript.objects.filter(is_good=True).count() == 2
    assert later.transcripts.count() == 2

    contacts.version += 1
    contacts.save()
    edited = pull(contacts, now + transcripts.RENEWED_AFTER + timedelta(minutes=2))
    assert edited.transcripts.count() == 2
    provider.fail(CONTACTS, status=404)
    assert pull(contacts, now + transcripts.RENEWED_AFTER + timedelta(minutes=3)).state == RunState.FAILED
    after = pull(contacts, now + transcripts.RENEWED_AFTER + timedelta(minutes=4))
    assert after.transcripts.count() == 2
