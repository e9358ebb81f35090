"""Hosts that do not answer are left alone, and not overrun when they are back."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Team, User
from demo_api.server import DemoServer
from requests_builder import runs, schedules
from requests_builder.models import Breaker, Run, RunState, SavedRequest
from requests_builder.runs import breakers, hosts, queue
from tests import factories
from tests.product import free_port
from tests.requests_builder.conftest import CONTACTS, executed
from tests.requests_builder.pages import text
from tests.requests_builder.simulated import SimulatedClock

Pull = Callable[..., Run]
pytestmark = pytest.mark.django_db
HOST = "127.0.0.1"


def others(saved_request: SavedRequest, count: int) -> list[SavedRequest]:
    return [saved_request.duplicate(user=None) for _ in range(count)]  # type: ignore[arg-type]


@pytest.fixture
def down(contacts: SavedRequest, provider: DemoServer, pull: Pull) -> Breaker:
    """The breaker after five runs have failed."""
    provider.fail(CONTACTS, times=None, status=502)
    for request in others(contacts, 5):
        pull(request)
    return Breaker.objects.get()


def waited(contacts: SavedRequest, now: datetime) -> Run:
    return runs.request_run(others(contacts, 1)[0], user=None, now=now)


def test_after_five_failures_in_a_row_nothing_is_sent_and_no_attempt_is_counted(
    down: Breaker, contacts: SavedRequest, provider: DemoServer, now: datetime
) -> None:
    assert down.opened_at
    run = waited(contacts, now)
    sent = len(provider.requests_to(CONTACTS))

    assert queue.take(10, now=now) == ([], False)
    run = executed(run, now)

    assert (run.state, run.attempts, run.started_at) == (RunState.QUEUED, 0, None)
    assert len(provider.requests_to(CONTACTS)) == sent
    runs.sweep(now + timedelta(seconds=15))
    run = waited(contacts, now)
    runs.sweep(now + timedelta(seconds=15))
    run.refresh_from_db()
    assert run.not_before.timestamp() == pytest.approx(down.free_at), "nobody has to look at it until then"


def test_one_request_is_let_through_and_the_next_one_after_twice_the_time(
    down: Breaker, contacts: SavedRequest, provider: DemoServer, now: datetime
) -> None:
    gaps, at = [down.free_at - now.timestamp()], now
    for _ in range(5):
        at = datetime.fromtimestamp(Breaker.objects.get().free_at + 0.01, now.tzinfo)
        first, second = waited(contacts, at), waited(contacts, at)
        sent = len(provider.requests_to(CONTACTS))
        clock = SimulatedClock(at)
        assert breakers.admit(first, HOST, clock)
        with pytest.raises(hosts.Held):
            breakers.admit(second, HOST, clock)
        Breaker.objects.update(is_tried=False, free_at=at.timestamp())
        first = executed(first, at)
        assert (first.error_code, first.attempts) == ("server_error", 1)
        assert len(provider.requests_to(CONTACTS)) == sent + 1
        gaps.append(Breaker.objects.get().free_at - at.timestamp())
    assert gaps == pytest.approx([30, 60, 120, 240, 300, 300], rel=0.11)


def test_an_answer_closes_it_and_what_has_waited_begins_one_after_the_other(
    down: Breaker, contacts: SavedRequest, provider: DemoServer, now: datetime
) -> None:
    for request in others(contacts, 12):
        runs.set_schedule(request, schedules.Minutes(1), user=None, now=now)
    back = datetime.fromtimestamp(down.free_at + 1, now.tzinfo)
    waiting = [waited(contacts, now) for _ in range(4)]
    provider.clear_faults()

    assert executed(waiting[0], back).state == RunState.SUCCEEDED
    closed = Breaker.objects.get()
    assert (closed.opened_at, closed.failures) == (None, 0)
    assert closed.backlog_until is not None
    assert waiting[-1].due_at < closed.backlog_until
    # Twelve a minute are normal: all together begin every 2.53 s, and those that waited every 5.56 s.
    assert 1 / closed.interval == pytest.approx(1.98 * 12 / 60)

    begun = []
    for run in waiting[1:]:
        at = back + timedelta(seconds=0.1)
        while True:
            clock = SimulatedClock(at)
            try:
                breakers.admit(run, HOST, clock)
            except hosts.Held:
                at += timedelta(seconds=0.25)
            else:
                begun.append((clock() - back).total_seconds())
                break
    assert begun == pytest.approx([0.1, 5.66, 11.2], abs=2)

    # A run that became due since need not wait for them.
    new = waited(contacts, back + timedelta(seconds=15))
    clock = SimulatedClock(back + timedelta(seconds=17))
    breakers.admit(new, HOST, clock)
    assert clock.seconds <= 1


def test_it_is_forgotten_when_all_that_waited_has_gone(
    down: Breaker, contacts: SavedRequest, now: datetime
) -> None:
    run = waited(contacts, now)
    Run.objects.exclude(pk=run.pk).delete()
    Breaker.objects.update(opened_at=None, failures=0, interval=1, backlog_until=now)
    breakers.settle(now)
    assert Breaker.objects.get().interval == 1
    Run.objects.update(state=RunState.SUCCEEDED)
    breakers.settle(now)
    assert not Breaker.objects.exists()


def test_an_answer_of_any_kind_begins_the_count_anew_and_a_refusal_is_no_outage(
    contacts: SavedRequest, provider: DemoServer, pull: Pull
) -> None:
    provider.fail(CONTACTS, times=4, status=500)
    for request in others(contacts, 4):
        pull(request)
    assert Breaker.objects.get().failures == 4
    provider.fail(CONTACTS, times=1, status=404)
    pull(contacts)
    assert not Breaker.objects.filter(failures__gt=0).exists()
    provider.fail(CONTACTS, times=6, status=408)
    for request in others(contacts, 6):
        pull(request)
    assert not Breaker.objects.filter(opened_at__isnull=False).exists()


def test_a_host_that_refuses_connections_is_left_alone_by_this_team_only(
    contacts: SavedRequest, pull: Pull, settings: Settings, now: datetime
) -> None:
    port = free_port()
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
    contacts.url = f"http://127.0.0.1:{port}/"
    contacts.save()
    assert {pull(request).error_code for request in others(contacts, 5)} == {"connect_failed"}
    assert Breaker.objects.get().opened_at
    theirs = factories.SavedRequestFactory(team=factories.TeamFactory(), url="http://127.0.0.1/")
    run = runs.request_run(theirs, user=None, now=now)
    assert [lease.run.pk for lease in queue.take(10, now=now)[0]] == [run.pk]


def test_the_page_of_a_run_says_that_its_host_is_down(
    team: Team, client: Client, viewer: User, contacts: SavedRequest, provider: DemoServer, pull: Pull
) -> None:
    provider.fail(CONTACTS, times=None, status=502)
    at = timezone.now()
    for request in others(contacts, 5):
        pull(request, at)
    run = waited(contacts, at)
    client.force_login(viewer)

    page = text(client.get(f"/t/acme/runs/{run.pk}/"))

    assert "It waits because 127.0.0.1 is down: 5 calls in a row have failed." in page
    assert "The API answered 502 Bad Gateway" in page
    assert "It goes on by itself, at the earliest" in page


@pytest.mark.parametrize(
    ("rule", "per_day"),
    [
        (schedules.Minutes(5), 288),
        (schedules.Hours(2), 12),
        (schedules.Daily(at=datetime(2026, 1, 1, 6).time()), 1),
        (schedules.Weekdays(at=datetime(2026, 1, 1, 6).time()), 5 / 7),
        (schedules.Cron("*/10 8-17 * * *"), 60),
        (schedules.Monthly(1, at=datetime(2026, 1, 1, 6).time()), 12 / 365),
    ],
)
def test_how_often_a_rule_is_due_on_average(rule: schedules.Rule, per_day: float, now: datetime) -> None:
    assert schedules.rate_of(schedules.to_config(rule), now) * 86400 == pytest.approx(per_day, rel=0.35)
