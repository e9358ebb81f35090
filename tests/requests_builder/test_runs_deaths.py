"""Runs whose workers die: forgiven at first, then set aside for ever longer, and ended when it goes on."""

from datetime import datetime, timedelta
from itertools import count
from uuid import uuid4

import pytest

from accounts.models import Team
from demo_api.server import DemoServer
from requests_builder import runs
from requests_builder.models import Mender, Run, RunState, SavedRequest
from requests_builder.runs.clock import Clock
from requests_builder.runs.leases import Lease, LeaseLost, claim, claim_all
from tests import factories
from tests.requests_builder.conftest import CONTACTS, executed

pytestmark = pytest.mark.django_db

LATER = timedelta(seconds=20)


def waiting(team: Team, now: datetime) -> Run:
    return runs.request_run(factories.SavedRequestFactory(team=team), user=None, now=now)


def die(run: Run, now: datetime, times: int = 1) -> datetime:
    """Let as many workers take the run and die, one after the other; when it can be taken again."""
    for _ in range(times):
        lease = claim(run.pk, worker=uuid4(), clock=Clock(now))
        assert lease is not None
        now += LATER
        runs.recover_runs(now)
        run.refresh_from_db()
        now = max(now, run.not_before or now)
    return now


def test_after_two_deaths_a_run_is_taken_up_at_once_and_after_the_third_it_waits(
    team: Team, now: datetime
) -> None:
    run = waiting(team, now)
    now = die(run, now, times=2)
    assert claim(run.pk, worker=uuid4(), clock=Clock(now)) is not None

    now += LATER
    assert claim(run.pk, worker=uuid4(), clock=Clock(now)) is None
    assert runs.recover_runs(now) == []

    run.refresh_from_db()
    assert (run.state, run.page_deaths, run.error_code) == (RunState.QUEUED, 3, "worker_lost")
    assert run.not_before is not None
    assert timedelta(seconds=5) <= run.not_before - now <= timedelta(seconds=15)
    assert claim(run.pk, worker=uuid4(), clock=Clock(run.not_before)) is not None


def test_a_run_that_kills_its_workers_does_so_ever_more_seldom_and_six_times(
    contacts: SavedRequest, provider: DemoServer, now: datetime
) -> None:
    run, began = runs.request_run(contacts, user=None, now=now), now
    for deaths in count(1):
        now = die(run, now)
        if deaths == 6:
            break

    run = executed(run, now)

    assert (run.state, run.error_code, run.mender) == (RunState.FAILED, "worker_lost", Mender.HOST)
    assert provider.page_fetches(CONTACTS) == {}
    assert now - began > 6 * LATER + timedelta(seconds=100)


def test_those_that_died_with_one_that_kills_workers_do_not_come_back_with_it(
    team: Team, now: datetime
) -> None:
    together = [waiting(team, now) for _ in range(8)]
    for _ in range(3):
        assert len(claim_all([run.pk for run in together], worker=uuid4(), clock=Clock(now))) == 8
        now += LATER

    runs.recover_runs(now)

    assert len(set(Run.objects.values_list("not_before", flat=True))) == 8


def test_a_worker_that_was_only_frozen_has_lost_a_run_that_was_set_aside(team: Team, now: datetime) -> None:
    run = waiting(team, now)
    now = die(run, now, times=2)
    frozen = claim(run.pk, worker=uuid4(), clock=Clock(now))
    assert isinstance(frozen, Lease)
    runs.recover_runs(now + LATER)

    with pytest.raises(LeaseLost):
        frozen.write(pages=7)


def test_what_a_worker_died_of_takes_no_attempt_from_the_api(
    contacts: SavedRequest, provider: DemoServer, now: datetime
) -> None:
    contacts.retries = 1
    contacts.save()
    run = runs.request_run(contacts, user=None, now=now)
    now = die(run, now, times=2)
    provider.fail(CONTACTS, times=1, status=503)

    run = executed(run, now)
    assert (run.state, run.error_code) == (RunState.QUEUED, "server_error")

    assert run.not_before is not None
    assert executed(run, run.not_before).state == RunState.SUCCEEDED
