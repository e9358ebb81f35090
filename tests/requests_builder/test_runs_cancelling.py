"""Cancel: a run that is not wanted any more ends, and nothing of it is shown."""

import threading
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client

from accounts.models import User
from demo_api.server import DemoServer
from requests_builder import runs
from requests_builder.models import Batch, Row, Run, RunState, SavedRequest
from tests.requests_builder.conftest import CONTACTS, executed
from tests.requests_builder.pages import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def queued(contacts: SavedRequest, now: datetime) -> Run:
    return runs.request_run(contacts, user=None, now=now)


def test_a_run_that_waits_never_begins(
    queued: Run, editor: User, now: datetime, provider: DemoServer
) -> None:
    assert runs.cancel(queued, user=editor, now=now)

    run = executed(queued, now)

    assert (run.state, run.error_code, run.finished_at) == (RunState.CANCELLED, "cancelled", now)
    assert run.stop_reason == f"Cancelled by {editor}. The table stays as it was."
    assert not provider.requests_to(CONTACTS)


@pytest.mark.django_db(transaction=True)
def test_a_run_under_way_is_left_at_its_next_page_and_none_of_its_rows_stay(
    queued: Run, editor: User, now: datetime, provider: DemoServer
) -> None:
    provider.hold(CONTACTS, page=3)

    def work() -> None:
        runs.execute(queued.pk, worker=uuid4(), now=now)
        connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    assert provider.wait_until_held(30)
    assert Row.objects.exists()

    assert runs.cancel(queued, user=editor, now=now)
    provider.release()
    worker.join(30)

    queued.refresh_from_db()
    assert (queued.state, queued.error_code) == (RunState.CANCELLED, "cancelled")
    assert not Row.objects.exists()
    assert not Batch.objects.exists()
    assert len(provider.requests_to(CONTACTS)) == 3


def test_a_run_that_has_finished_stays_as_it_is(
    contacts: SavedRequest, pull: Callable[[SavedRequest], Run], editor: User, now: datetime
) -> None:
    run = pull(contacts)

    assert not runs.cancel(run, user=editor, now=now)

    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert Row.objects.count() == 100


def test_the_page_of_a_run_cancels_it_while_it_is_not_finished(
    client: Client, queued: Run, editor: User
) -> None:
    client.force_login(editor)
    page = f"/t/acme/runs/{queued.pk}/"
    assert f'action="{page}cancel/"' in client.get(page).content.decode()

    after = client.post(f"{page}cancel/", follow=True)

    assert "Cancelled" in text(after)
    assert f'action="{page}cancel/"' not in after.content.decode()
    again = client.post(f"{page}cancel/", follow=True)
    assert "The run had finished already." in text(again)
