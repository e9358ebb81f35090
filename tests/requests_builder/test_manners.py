"""What hosts that want to be spared see of us: many schedules at a narrow API, and an hour's outage."""

import bisect
import math
import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Team
from demo_api.messages import Answer
from requests_builder import runs, schedules
from requests_builder.models import Breaker, Pace, Run, RunState, SavedRequest, Schedule, Table
from requests_builder.runs.clock import Clock
from requests_builder.runs.crew import Crew
from tests.requests_builder.simulated import TwoASecond, World, records, refusal

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
# The same proof with many schedules takes minutes: MANNERS_LONG=10000 says how many.
MANY = int(os.environ.get("MANNERS_LONG", "0"))


def scheduled(team: Team, table: Table, world: World, count: int, *, minutes: int, is_even: bool) -> None:
    """So many schedules, due together, or evenly spread over their interval."""
    SavedRequest.objects.bulk_create(
        SavedRequest(team=team, table=table, name=f"r{number}", url=world.url, host="127.0.0.1")
        for number in range(count)
    )
    rule = schedules.to_config(schedules.Minutes(minutes))
    interval = timedelta(minutes=minutes)
    Schedule.objects.bulk_create(
        Schedule(
            saved_request=request,
            rule=rule,
            next_at=world.now + (interval / count * number if is_even else interval),
        )
        for number, request in enumerate(team.saved_requests.order_by("name"))
    )


def nothing(_: datetime, __: int) -> dict[str, str]:
    return {}


def by_retry_after(_: datetime, left: int) -> dict[str, str]:
    return {} if left else {"Retry-After": "1"}


def by_counts(moment: datetime, left: int) -> dict[str, str]:
    reset = str(int(moment.timestamp()) + 1)
    return {"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": str(left), "X-RateLimit-Reset": reset}


def by_policy(_: datetime, left: int) -> dict[str, str]:
    return {"RateLimit-Policy": '"default";q=2;w=1', "RateLimit": f'"default";r={left};t=1'}


@pytest.mark.parametrize("headers", [nothing, by_counts, *([by_retry_after, by_policy] if MANY else [])])
def test_twenty_schedules_at_an_api_of_two_requests_a_second_are_refused_in_the_first_minute_only(
    headers: Callable[[datetime, int], dict[str, str]],
    team: Team,
    table: Table,
    now: datetime,
    settings: Settings,
) -> None:
    with World(now, TwoASecond(headers)) as world:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{world.port}"]
        scheduled(team, table, world, 20, minutes=1, is_even=False)
        world.go_on(MINUTE * (60 if MANY else 3))

        # They are due for the first time after a minute.
        since = now + 2 * MINUTE
        refused, good = world.answered(429, since=now), world.answered(200, since=now)
        print(
            f"{headers.__name__}: {good} answered, {refused} refused, "
            f"{world.answered(429, since=since)} after the first minute; "
            f"{Pace.objects.get().rate or math.inf:.2f} a second"
        )
        assert refused <= 30
        assert world.answered(429, since=since) == 0
        assert good >= 20
        states = Counter(Run.objects.filter(due_at__lt=world.now - MINUTE).values_list("state", flat=True))
        assert set(states) == {RunState.SUCCEEDED}, "no one of them was skipped or failed"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.long("MANNERS_SLOW")
@pytest.mark.parametrize("headers", [nothing, by_policy])
def test_so_it_is_with_the_threads_of_a_worker_in_real_time(
    headers: Callable[[datetime, int], dict[str, str]], team: Team, table: Table, settings: Settings
) -> None:
    crew = Crew()
    with World(timezone.now(), TwoASecond(headers)) as world:
        world.clock = WallClock(world.now)
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{world.port}"]
        scheduled(team, table, world, 20, minutes=1, is_even=False)
        first = world.now + MINUTE
        while timezone.now() < first + 3 * MINUTE:
            runs.start_due_runs(timezone.now())
            runs.recover_runs(timezone.now())
            crew.rouse()
            time.sleep(1)
        assert crew.rest(30)
        print(
            f"{headers.__name__}: {world.answered(200, since=first)} answered, "
            f"{world.answered(429, since=first)} refused, "
            f"{world.answered(429, since=first + MINUTE)} after the first minute"
        )
        assert world.answered(200, since=first) >= 50
        assert world.answered(429, since=first + MINUTE) == 0


class WallClock(Clock):
    """The time that everybody has."""

    def __call__(self) -> datetime:
        return timezone.now()


def test_after_an_outage_what_has_waited_begins_at_twice_the_normal_rate_at_most(
    team: Team, table: Table, now: datetime, settings: Settings
) -> None:
    count, minutes = (MANY, 15) if MANY else (40, 5)
    down_at = now + 2 * MINUTE
    back_at = down_at + timedelta(minutes=60 if MANY else 20)
    normal = count / (minutes * 60)

    def answer(moment: datetime) -> Answer:
        return refusal(502) if down_at <= moment < back_at else records()

    with World(now, answer) as world:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{world.port}"]
        settings.RUNS_PER_TEAM = 1_000
        scheduled(team, table, world, count, minutes=minutes, is_even=True)
        world.go_on(back_at - now, timedelta(seconds=10))
        waiting = Run.objects.unfinished().count()
        while Breaker.objects.exists() and world.now < back_at + 3 * minutes * MINUTE:
            world.go_on(MINUTE)
        world.go_on(2 * MINUTE)

        good = sorted((moment - back_at).total_seconds() for moment, status in world.seen if status == 200)
        after = [seconds for seconds in good if seconds >= 0]
        most = max(busiest(after, 60), 0)
        in_vain = world.answered(502, since=down_at)
        made = Run.objects.order_by("due_at")
        drained_at = max(
            made.filter(due_at__lt=back_at, state="succeeded").values_list("finished_at", flat=True)
        )
        late = max(
            (run.finished_at - run.due_at).total_seconds()
            for run in made.filter(due_at__gt=back_at + timedelta(seconds=after[0]), state="succeeded")
        )
        states = dict(Counter(made.values_list("state", flat=True)))
        print(
            f"{count:,} schedules, {normal:.2f} runs a second. Waiting when it was back: {waiting:,}; "
            f"sent in vain: {in_vain}. First answer after {after[0]:.0f} s. "
            f"Busiest minute: {most} runs, {most / 60 / normal:.2f} times the normal rate. "
            f"Drained {(drained_at - back_at).total_seconds() / 60:.1f} min after. "
            f"What became due meanwhile was {late:.0f} s late at most. {states}"
        )
        assert in_vain <= 5 + settings.RUNS_PER_HOST + (back_at - down_at) / (4 * MINUTE) + 5
        assert most <= 2 * normal * 60 + 2
        assert late <= 60
        assert Breaker.objects.count() == 0, "it is as it was before"
        assert not made.unfinished().filter(due_at__lt=world.now - MINUTE).exists()
        assert not made.filter(state=RunState.FAILED).exists()
        assert_each_due_time_has_its_row(team, since=now, until=world.now - MINUTE, minutes=minutes)


def busiest(moments: list[float], window: float) -> int:
    """How many lie in the fullest window of so many seconds."""
    return max(bisect.bisect_left(moments, begin + window) - place for place, begin in enumerate(moments))


def assert_each_due_time_has_its_row(team: Team, *, since: datetime, until: datetime, minutes: int) -> None:
    rows = Counter(Run.objects.filter(team=team).values_list("schedule", "due_at"))
    assert set(rows.values()) == {1}
    for schedule, next_at in Schedule.objects.values_list("pk", "next_at"):
        assert next_at is not None
        due = next_at - timedelta(minutes=minutes)
        while due >= since:
            assert (schedule, due) in rows or due > until
            due -= timedelta(minutes=minutes)
