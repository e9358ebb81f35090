"""Which runs a worker takes next."""

import threading
import time
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from accounts.models import Team
from requests_builder.models import Run, RunState, Trigger
from requests_builder.runs import queue
from requests_builder.runs.leases import give_back
from tests import factories

pytestmark = pytest.mark.django_db


def waiting(team: Team, now: datetime, count: int, *, host: str = "api.example", ago: int = 60) -> list[UUID]:
    """Runs of the team that are due, the first one since `ago` seconds."""
    request = factories.SavedRequestFactory(team=team, url=f"https://{host}/items?page=1")
    made = Run.objects.bulk_create(
        Run(
            team=team,
            saved_request=request,
            trigger=Trigger.MANUAL,
            due_at=now,
            not_before=now - timedelta(seconds=ago) + timedelta(milliseconds=number),
        )
        for number in range(count)
    )
    return [run.pk for run in made]


def taken(hands: int, now: datetime, *, kept: int = 0) -> list[UUID]:
    return [lease.run.pk for lease in queue.take(hands, kept=kept, now=now)[0]]


def test_who_has_waited_longest_comes_first(team: Team, now: datetime) -> None:
    later, earlier = waiting(team, now, 1, ago=5), waiting(team, now, 1, ago=9)
    assert taken(2, now) == [*earlier, *later]
    assert taken(2, now) == []


def test_a_team_with_thousands_of_runs_leaves_every_second_place_to_the_other(
    team: Team, now: datetime
) -> None:
    many = waiting(team, now, 3_000, ago=3_600)
    few = waiting(factories.TeamFactory(), now, 4)
    assert set(taken(8, now)) == {*many[:4], *few}


def test_a_team_that_calls_many_hosts_leaves_every_second_place_to_the_other(
    team: Team, now: datetime
) -> None:
    many = [waiting(team, now, 1, host=f"{number}.example", ago=3_600)[0] for number in range(4)]
    few = waiting(factories.TeamFactory(), now, 4)
    found = taken(4, now)
    assert (len(set(found) & set(many)), len(set(found) & set(few))) == (2, 2)


def test_what_a_team_has_under_way_counts(team: Team, now: datetime, settings: Settings) -> None:
    settings.RUNS_PER_HOST = 100
    waiting(team, now, 30, ago=3_600)
    assert len(taken(6, now)) == 6
    other = waiting(factories.TeamFactory(), now, 10)
    assert set(taken(6, now)) == set(other[:6])


def test_a_team_shares_its_places_out_among_hosts(team: Team, now: datetime) -> None:
    hanging = waiting(team, now, 500, host="hangs.example", ago=3_600)
    good = waiting(team, now, 3, host="good.example")
    assert set(taken(6, now)) == {*hanging[:3], *good}


def test_no_more_than_so_many_runs_of_a_team_are_at_one_host(
    team: Team, now: datetime, settings: Settings
) -> None:
    settings.RUNS_PER_HOST = 3
    waiting(team, now, 10)
    leases, are_left = queue.take(10, now=now)
    assert (len(leases), are_left) == (3, True)
    assert taken(10, now) == []
    # The host is another team's as well, with places of its own.
    assert len(taken(10, now + timedelta(seconds=1))) == 0
    waiting(factories.TeamFactory(), now, 2)
    assert len(taken(10, now)) == 2


def test_no_more_than_so_many_runs_of_a_team_are_under_way(
    team: Team, now: datetime, settings: Settings
) -> None:
    settings.RUNS_PER_TEAM = 4
    for number in range(6):
        waiting(team, now, 1, host=f"{number}.example")
    assert len(taken(10, now)) == 4


def test_the_last_hands_are_kept_for_teams_with_nothing_under_way(team: Team, now: datetime) -> None:
    for number in range(20):
        waiting(team, now, 1, host=f"{number}.example")
    assert len(taken(8, now, kept=2)) == 6
    newcomer = waiting(factories.TeamFactory(), now, 3)
    assert taken(2, now, kept=2) == newcomer[:1]


def test_a_run_whose_worker_died_is_taken_and_its_death_counted(team: Team, now: datetime) -> None:
    [pk] = waiting(team, now, 1)
    assert taken(1, now) == [pk]
    assert taken(1, now + timedelta(seconds=14)) == []
    assert taken(1, now + timedelta(seconds=16)) == [pk]
    run = Run.objects.get()
    assert (run.state, run.attempts, run.page_deaths, run.fence) == (RunState.RUNNING, 2, 1, 2)


def test_what_is_given_back_was_never_taken(team: Team, now: datetime) -> None:
    waiting(team, now, 1)
    give_back(queue.take(1, now=now)[0], now)
    run = Run.objects.get()
    assert (run.state, run.attempts, run.page_attempts, run.leased_by) == (RunState.QUEUED, 0, 0, None)
    assert len(taken(1, now)) == 1
    assert Run.objects.get().page_deaths == 0


def test_taking_costs_the_same_number_of_statements_whatever_waits(team: Team, now: datetime) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(taken(8, now)) == 8
        return len(queries)

    waiting(team, now, 20)
    few = statements()
    for number in range(30):
        waiting(factories.TeamFactory(), now, 30, host=f"{number}.example")
    assert statements() == few
    Run.objects.all().delete()
    with CaptureQueriesContext(connection) as queries:
        assert taken(8, now) == []
    assert len(queries) == 1


@pytest.mark.postgres_lane
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_frozen_while_it_chooses_holds_nobody_up_for_long(
    team: Team, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "IDLE_IN_TURN", 1)
    runs = waiting(team, now, 2)
    is_frozen, is_awake = threading.Event(), threading.Event()
    told: list[str] = []

    def freeze() -> None:
        try:
            with queue._our_turn():
                is_frozen.set()
                is_awake.wait(30)
                Run.objects.exists()
        except DatabaseError as error:
            told.append(str(error))
        finally:
            connection.close()

    frozen = threading.Thread(target=freeze)
    frozen.start()
    is_frozen.wait(30)
    began = time.monotonic()

    assert set(taken(2, now)) == set(runs)

    assert time.monotonic() - began < 20
    is_awake.set()
    frozen.join()
    assert "idle-in-transaction" in told[0]
