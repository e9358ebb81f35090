"""Five time zones over both clock changes of a year, thirty shapes: what runs is what was foretold.

A simulated clock drives the real ledger on the database, in steps that fit nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import cycle, pairwise
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Team
from requests_builder import runs, schedules
from requests_builder.models import CatchUp, Run, RunState, Schedule, Trigger
from requests_builder.schedules import (
    Cron,
    Daily,
    Hours,
    Minutes,
    Monthly,
    Rule,
    ShortMonths,
    Weekday,
    Weekdays,
    Weekly,
)
from tests import factories

# When their clocks change in 2026; in Santiago and Cairo at midnight, on Lord Howe by half an hour.
CHANGES = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-10-04", "2026-04-05"),
    "America/Santiago": ("2026-09-06", "2026-04-05"),
    "Africa/Cairo": ("2026-04-24", "2026-10-30"),
}


def through_the_day(zone: str) -> list[Rule]:
    return [
        Minutes(25, timezone=zone),
        Minutes(30, timezone=zone),
        Minutes(90, timezone=zone, start=datetime(2026, 1, 1, 0, 10)),
        Hours(1, timezone=zone),
        Cron("*/15 * * * *", timezone=zone),
        Cron("*/20 0-3 * * *", timezone=zone),
        Cron("30 * * * *", timezone=zone),
        Cron("0 */2 * * *", timezone=zone),
    ]


def daily(zone: str) -> list[Rule]:
    """Those with a due time or a few each day, or at least every week."""
    clock_times = ((0, 0), (0, 30), (1, 30), (2, 0), (2, 15), (2, 30), (3, 0), (23, 30), (23, 59))
    return [
        Hours(5, timezone=zone, start=datetime(2026, 1, 1, 2, 30)),
        Hours(24, timezone=zone, start=datetime(2026, 1, 1, 2, 30)),
        *(Daily(time(*clock), timezone=zone) for clock in clock_times),
        Weekdays(time(2, 30), timezone=zone),
        Weekly((Weekday.FRIDAY, Weekday.SUNDAY), time(2, 15), timezone=zone),
        Cron("0 2,3 * * *", timezone=zone),
        Cron("15 0-3 * * *", timezone=zone),
    ]


def rarely(zone: str) -> list[Rule]:
    return [
        Monthly(1, time(0, 0), timezone=zone),
        Monthly(29, time(2, 30), timezone=zone),
        Monthly(30, time(0, 30), timezone=zone),
        Monthly(31, time(2, 30), timezone=zone, short_months=ShortMonths.SKIP),
        Monthly("last", time(23, 59), timezone=zone),
        Cron("30 2 * * 7L", timezone=zone),
        Cron("0 0 LW * *", timezone=zone),
        Cron("0 6 1 */3 *", timezone=zone),
        Daily(time(2, 30), timezone=zone, start=datetime(2026, 3, 1), end=datetime(2026, 11, 15)),
    ]


def test_there_are_thirty_shapes() -> None:
    assert len(through_the_day("UTC") + daily("UTC") + rarely("UTC")) >= 30


def simulate(
    team: Team, rules: Sequence[Rule], begin: datetime, end: datetime, steps: Iterator[timedelta]
) -> list[tuple[Schedule, list[datetime], list[datetime]]]:
    """Each schedule, with what was foretold of this time when it was made, and what was executed in it."""
    made = []
    for rule in rules:
        saved_request = factories.SavedRequestFactory(team=team)
        schedule = runs.set_schedule(saved_request, rule, user=None, now=begin, catch_up=CatchUp.ALL)
        made.append((schedule, foretold_until(schedule, end)))
    now = begin
    while now < end:
        now = min(now + next(steps), end)
        runs.start_due_runs(now)
        Run.objects.filter(state=RunState.QUEUED).update(state=RunState.SUCCEEDED)
    return [
        (schedule, foretold, list(schedule.runs.order_by("due_at").values_list("due_at", flat=True)))
        for schedule, foretold in made
    ]


def foretold_until(schedule: Schedule, end: datetime) -> list[datetime]:
    count, foretold = 10, runs.next_runs(schedule)
    while len(foretold) == count and foretold[-1].at <= end:
        count *= 4
        foretold = runs.next_runs(schedule, count=count)
    return [due.at for due in foretold if due.at <= end]


@pytest.mark.django_db
@pytest.mark.parametrize("zone", CHANGES)
def test_around_a_clock_change_what_runs_is_what_was_foretold(team: Team, zone: str) -> None:
    for change in CHANGES[zone]:
        midnight = datetime.fromisoformat(change).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        for rules, hours in ((through_the_day(zone), 7), (daily(zone), 26)):
            begin, end = midnight - timedelta(hours=4, minutes=4), midnight + timedelta(hours=hours)
            assert begin.astimezone(ZoneInfo(zone)).utcoffset() != end.astimezone(ZoneInfo(zone)).utcoffset()
            steps = cycle(timedelta(minutes=minutes) for minutes in (171, 53, 309))

            for schedule, foretold, executed in simulate(team, rules, begin, end, steps):
                assert executed == foretold, schedule.in_words
                assert len(set(executed)) == len(executed)
                assert foretold or schedule.rule.keys() & {"weekdays", "weekly"}
                assert_right(schedule, executed, begin, end)


@pytest.mark.django_db
def test_over_a_year_what_runs_is_what_was_foretold(team: Team) -> None:
    rules = [rule for zone in CHANGES for rule in rarely(zone)]
    begin, end = datetime(2026, 1, 1, 7, 13, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    steps = cycle(timedelta(days=days, hours=5) for days in (17, 3, 29))

    for schedule, foretold, executed in simulate(team, rules, begin, end, steps):
        assert executed == foretold, schedule.in_words
        assert len(executed) >= 3
    assert not Run.objects.exclude(state=RunState.SUCCEEDED, trigger=Trigger.SCHEDULE).exists()


def assert_right(schedule: Schedule, due: list[datetime], begin: datetime, end: datetime) -> None:
    """What can be said of the due times without asking the rule for the next."""
    rule = schedules.from_config(schedule.rule)
    zone = ZoneInfo(rule.timezone)
    match rule:
        case Minutes() | Hours():
            assert {later - sooner for sooner, later in pairwise(due)} <= {rule.step}
        case Daily(at):
            days = [moment.astimezone(zone).date() for moment in due]
            assert len(set(days)) == len(days)
            assert len(due) == _days_between(at, begin, end, zone)
        case Cron(expression) if expression in ("*/15 * * * *", "30 * * * *"):
            minutes = {0, 15, 30, 45} if expression.startswith("*/15") else {30}
            assert due == [
                moment
                for moment in _minutes(begin, end)
                if moment.astimezone(zone).minute in minutes and moment > begin
            ]


def _minutes(begin: datetime, end: datetime) -> Iterator[datetime]:
    moment = begin.replace(second=0, microsecond=0)
    while moment <= end:
        yield moment
        moment += timedelta(minutes=1)


def _days_between(at: time, begin: datetime, end: datetime, zone: ZoneInfo) -> int:
    """On how many days the clocks pass this time after `begin`, until `end`: shown, or jumped over."""
    count, day = 0, begin.astimezone(zone).date() - timedelta(days=1)
    while day <= end.astimezone(zone).date():
        moment = schedules.moment_of(datetime.combine(day, at), zone.key)
        count += begin < moment <= end
        day += timedelta(days=1)
    return count
