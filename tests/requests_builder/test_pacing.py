"""How fast a host is called, by all workers together."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import close_old_connections, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Team, User
from connections.models import Connection
from demo_api.server import DemoServer
from requests_builder import limits, runs
from requests_builder.limits import Allowance, Policy
from requests_builder.models import BodyKind, Pace, Run, RunState, SavedRequest
from requests_builder.runs import hosts, pacing, queue
from requests_builder.runs.checkpoints import Checkpoint
from requests_builder.runs.pacing import Found, after_quiet, after_refusal
from tests import factories
from tests.requests_builder.conftest import CONTACTS, executed
from tests.requests_builder.pages import text
from tests.requests_builder.simulated import SimulatedClock

Pull = Callable[..., Run]
pytestmark = pytest.mark.django_db
HOST = "api.example"
SECOND = timedelta(seconds=1)


# What to go by


@pytest.mark.parametrize(
    ("rate", "policy", "seen", "found"),
    [
        # As fast as we could, and nothing is known: one a second, or half of what one run was answered.
        (None, None, 0.2, Found(1, failed_rate=2)),
        (None, None, 12, Found(6, failed_rate=12)),
        (4, None, 0.2, Found(2, failed_rate=4)),
        (1 / 3600, None, 0, Found(1 / 3600, failed_rate=1 / 3600)),
        # What the API says it allows, a little less; of a long window a tenth at once.
        (None, Policy(2, 1), 0, Found(1.44)),
        (None, Policy(100, 60), 0, Found(80 / 60, 10)),
        (5, Policy(2, 1), 0, Found(1.44)),
        # That was kept to and refused all the same: somebody else calls it, too.
        (1.44, Policy(2, 1), 0, Found(0.72, failed_rate=1.44)),
    ],
)
def test_after_a_refusal_it_goes_slower(
    rate: float | None, policy: Policy | None, seen: float, found: Found
) -> None:
    assert after_refusal(rate, policy, seen) == found


def test_quiet_hours_make_it_faster_up_to_just_below_what_was_too_much_and_a_quiet_day_beyond() -> None:
    found = Found(1, failed_rate=2)
    for hour in range(1, 24):
        found = after_quiet(found, timedelta(hours=hour))
        assert found.rate <= 1.8
    assert found.rate == pytest.approx(1.8)
    assert after_quiet(found, timedelta(hours=24)).rate == pytest.approx(1.98)


# One allowance for all


def caller(team: Team, used: Connection | None = None) -> hosts.Caller:
    return team.pk, used.pk if used else None, HOST


def limited(team: Team, rate: float | None = 2, **fields: object) -> Pace:
    pace = Pace.objects.create(team=team, host=HOST, rate=rate, **fields)
    hosts.known.learn(pace)
    return pace


def test_requests_leave_one_after_the_other_and_whoever_would_wait_longer_goes_away(
    team: Team, now: datetime
) -> None:
    limited(team)
    waits = []
    for _ in range(3):
        clock = SimulatedClock(now)
        pacing.take_turn(caller(team), clock)
        waits.append(clock.seconds)
    assert waits == pytest.approx([0, 0.5, 1], abs=1e-3)

    places = []
    for _ in range(3):
        with pytest.raises(hosts.Held) as held:
            pacing.take_turn(caller(team), SimulatedClock(now))
        places.append((held.value.until - now).total_seconds())
    assert places == pytest.approx([1, 1.5, 2], abs=1e-3), "each with a place in the line"
    pacing.take_turn(caller(team), SimulatedClock(now + SECOND))


def test_after_a_pause_no_more_leave_at_once_than_may(team: Team, now: datetime) -> None:
    limited(team, burst=3)
    clocks = [SimulatedClock(now + timedelta(hours=1)) for _ in range(4)]
    for clock in clocks:
        pacing.take_turn(caller(team), clock)
    assert [clock.seconds for clock in clocks] == pytest.approx([0, 0, 0, 0.5], abs=1e-3)


@pytest.mark.django_db(transaction=True)
def test_no_two_workers_get_the_same_moment(team: Team, now: datetime) -> None:
    limited(team, rate=20)
    waits: list[float] = []
    start = threading.Barrier(8)

    def work() -> None:
        close_old_connections()
        clock = SimulatedClock(now)
        start.wait(20)
        pacing.take_turn(caller(team), clock)
        waits.append(clock.seconds)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(waits) == pytest.approx([place / 20 for place in range(8)], abs=1e-3)


def test_the_smallest_number_that_a_request_says_counts_for_all_with_its_connection(
    team: Team, now: datetime
) -> None:
    used = factories.ConnectionFactory(team=team)
    oauth = {"team": team, "url": f"https://{HOST}/a", "authorization_kind": "oauth", "connection": used}
    for rate in (5, 4, None):
        factories.SavedRequestFactory(**oauth, requests_per_second=rate)
    # Its connection is not used any more.
    factories.SavedRequestFactory(**oauth | {"authorization_kind": "none", "requests_per_second": 9})
    hosts.known.refresh(now)

    assert hosts.known.rate(caller(team, used)) == 4
    assert hosts.known.rate(caller(team)) == 9
    assert hosts.known.rate(caller(factories.TeamFactory())) is None
    for wait in (0, 0.25):
        clock = SimulatedClock(now)
        pacing.take_turn(caller(team, used), clock)
        assert clock.seconds == pytest.approx(wait, abs=1e-3)


def test_where_no_limit_is_known_a_call_costs_no_statement(team: Team, now: datetime) -> None:
    hosts.known.refresh(now)
    silent = limits.read(200, [("Content-Type", "text/plain"), ("X-RateLimit-Remaining", "7")], now)
    with CaptureQueriesContext(connection) as queries:
        pacing.take_turn(caller(team), SimulatedClock(now))
        pacing.heed(caller(team), silent, sent_at=now, now=now, seen_rate=1)
    assert len(queries) == 0

    limited(team)
    with CaptureQueriesContext(connection) as queries:
        pacing.take_turn(caller(team), SimulatedClock(now))
    assert len(queries) == 1


def test_of_requests_that_left_together_one_refusal_counts(team: Team, now: datetime) -> None:
    limited(team, rate=8)
    refused = Allowance(is_refusal=True)
    for seconds in (1, 2, 3):
        pacing.heed(caller(team), refused, sent_at=now, now=now + seconds * SECOND, seen_rate=1)
    assert Pace.objects.get().rate == 4
    pacing.heed(caller(team), refused, sent_at=now + 2 * SECOND, now=now + 4 * SECOND, seen_rate=1)
    assert Pace.objects.get().rate == 2


def test_what_says_nothing_any_more_is_swept_away(team: Team, now: datetime) -> None:
    limited(team, rate=None, free_at=now.timestamp())
    kept = Pace.objects.create(team=factories.TeamFactory(), host=HOST, rate=1, free_at=now.timestamp())
    pacing.sweep(now + timedelta(hours=2))
    assert Pace.objects.get() == kept
    # Whoever still goes by it finds that out.
    pacing.take_turn(caller(team), SimulatedClock(now))
    assert hosts.known.pace(caller(team)) is None


# What it does to runs


def test_runs_whose_host_may_not_be_called_are_not_taken(team: Team, now: datetime) -> None:
    limited(team, rate=None, free_at=(now + timedelta(minutes=1)).timestamp())

    def waiting(of: Team, **fields: object) -> Run:
        request = factories.SavedRequestFactory(team=of, **{"url": f"https://{HOST}/items"} | fields)
        return runs.request_run(request, user=None, now=now)

    blocked = waiting(team)
    used = factories.ConnectionFactory(team=team)
    taken = [
        waiting(team, authorization_kind="oauth", connection=used),
        waiting(team, url="https://other.example/"),
        waiting(factories.TeamFactory()),
    ]

    leases, are_left = queue.take(10, now=now)
    assert {lease.run.pk for lease in leases} == {run.pk for run in taken}
    assert not are_left
    assert runs.recover_runs(now + timedelta(seconds=11)) == []
    later = queue.take(10, now=now + timedelta(minutes=1))[0]
    assert blocked.pk in {lease.run.pk for lease in later}


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ({"status": 429, "headers": {"Retry-After": "120"}}, 120),
        ({"status": 403, "headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "120"}}, 120),
        ({"status": 503, "headers": {"Retry-After": "120"}}, 120),
        ({"status": 429, "headers": {"Retry-After": "86400"}}, 3600),
    ],
)
def test_one_run_that_is_refused_keeps_all_others_from_asking(
    fault: dict[str, object],
    seconds: int,
    contacts: SavedRequest,
    provider: DemoServer,
    pull: Pull,
    now: datetime,
) -> None:
    provider.fail(CONTACTS, page=3, **fault)  # type: ignore[arg-type]
    refused = pull(contacts)
    assert refused.is_waiting
    assert refused.not_before >= now + timedelta(seconds=seconds)

    other = pull(contacts.duplicate(user=None))  # type: ignore[arg-type]

    assert (other.state, other.attempts, other.started_at, other.leased_by) == (
        RunState.QUEUED,
        0,
        None,
        None,
    )
    assert other.not_before >= now + timedelta(seconds=seconds - 1)
    assert provider.page_fetches(CONTACTS) == {1: 1, 2: 1, 3: 1}
    assert executed(refused, refused.not_before).state == RunState.SUCCEEDED


def test_a_post_that_waits_for_its_turn_has_not_been_sent(
    contacts: SavedRequest, provider: DemoServer, pull: Pull, now: datetime, settings: Settings
) -> None:
    contacts.method, contacts.body_kind, contacts.body = "POST", BodyKind.JSON, "{}"
    contacts.requests_per_second = 0.1  # type: ignore[assignment]
    contacts.save()
    hosts.known.refresh(now)
    key = hosts.caller_of(contacts, "127.0.0.1")
    for _ in range(2):
        try:
            pacing.take_turn(key, SimulatedClock(now))
        except hosts.Held:
            break

    run = pull(contacts)

    assert (run.state, run.attempts) == (RunState.QUEUED, 0)
    assert run.checkpoint is None or not Checkpoint.from_text(run.checkpoint, None).is_sending  # type: ignore[arg-type]
    assert provider.requests_to(CONTACTS) == []


def test_the_page_of_a_run_says_what_it_waits_for_and_until_when(
    team: Team, client: Client, viewer: User, contacts: SavedRequest, provider: DemoServer, pull: Pull
) -> None:
    provider.fail(CONTACTS, status=429, headers={"Retry-After": "600"})
    at = timezone.now()
    pull(contacts, at)
    other = pull(contacts.duplicate(user=None), at)  # type: ignore[arg-type]
    client.force_login(viewer)

    page = text(client.get(f"/t/acme/runs/{other.pk}/"))

    assert "It waits because 127.0.0.1 takes no more requests for now." in page
    assert "Waiting costs it no attempt. It goes on by itself, at the earliest" in page
