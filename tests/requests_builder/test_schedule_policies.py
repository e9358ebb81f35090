"""What becomes of due times that passed, overlap, or could not have called the API."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Team
from connections.models import Connection, ConnectionState
from requests_builder import runs
from requests_builder.models import CatchUp, Overlap, Run, RunState, Schedule, Trigger
from requests_builder.runs import ledger
from requests_builder.schedules import Cron, Daily, Minutes, Rule
from tests import factories

pytestmark = pytest.mark.django_db

Scheduled = Callable[..., Schedule]
FIVE = timedelta(minutes=5)


@pytest.fixture
def scheduled(team: Team, now: datetime) -> Scheduled:
    """A schedule that was made at `now`."""

    def make(rule: Rule = Minutes(5), at: datetime = now, **policies: Any) -> Schedule:  # noqa: B008
        saved_request = factories.SavedRequestFactory(team=team)
        return runs.set_schedule(saved_request, rule, user=None, now=at, **policies)

    return make


def states(schedule: Schedule) -> list[str]:
    return list(schedule.runs.order_by("due_at").values_list("state", flat=True))


def reasons(schedule: Schedule) -> list[str]:
    return list(schedule.runs.order_by("due_at").values_list("stop_reason", flat=True))


def finish(schedule: Schedule) -> None:
    """What has begun is done."""
    schedule.runs.unfinished().filter(not_before__isnull=False).update(state=RunState.SUCCEEDED)


def begun(schedule: Schedule) -> list[datetime]:
    """The due times whose runs a worker may take."""
    return list(
        schedule.runs.unfinished()
        .filter(not_before__isnull=False)
        .order_by("due_at")
        .values_list("due_at", flat=True)
    )


# Catching up


def test_skip_makes_up_for_nothing_but_starts_what_is_due_now(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(catch_up=CatchUp.SKIP)

    assert len(runs.start_due_runs(now + timedelta(minutes=22))) == 1

    assert states(schedule) == ["missed", "missed", "missed", "queued"]
    assert reasons(schedule)[0].endswith("By the schedule’s catch-up policy nothing is made up for.")


def test_skip_leaves_a_single_due_time_that_is_hours_late(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Daily(datetime(2026, 1, 1, 14).time()), catch_up=CatchUp.SKIP)

    assert runs.start_due_runs(now + timedelta(hours=5)) == []

    assert states(schedule) == ["missed"]
    schedule.refresh_from_db()
    assert schedule.next_at == now + timedelta(hours=26)


def test_all_runs_what_passed_one_after_the_other_oldest_first(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(catch_up=CatchUp.ALL)
    later = now + timedelta(minutes=22)

    begun_now = runs.start_due_runs(later)

    assert states(schedule) == ["queued"] * 4
    executed = []
    for _ in range(4):
        [due_at] = begun(schedule)
        executed.append(due_at)
        assert runs.start_due_runs(later) == [], "the one before it is not finished"
        finish(schedule)
        begun_now += runs.start_due_runs(later)
    assert executed == [now + FIVE * number for number in (1, 2, 3, 4)]
    assert len(set(begun_now)) == 4
    assert begun(schedule) == []


def test_all_is_bounded_and_says_so(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Minutes(1), catch_up=CatchUp.ALL)

    runs.start_due_runs(now + timedelta(days=30))

    found = states(schedule)
    assert found.count("queued") == 100
    assert found.count("missed") == 51, "fifty of their own, and one row for the 43,050 before them"
    assert found == ["missed"] * 51 + ["queued"] * 100
    assert reasons(schedule)[0].endswith("Only the newest 100 due times were made up for.")


def test_a_schedule_of_every_minute_that_slept_for_a_month_costs_a_few_statements(
    scheduled: Scheduled, now: datetime
) -> None:
    scheduled(Cron("* * * * *", timezone="Europe/Berlin"), catch_up=CatchUp.ALL)
    with CaptureQueriesContext(connection) as queries:
        runs.start_due_runs(now + timedelta(days=30))
    assert len(queries) <= 20


def test_what_the_rows_say_covers_every_due_time_once(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Minutes(1), catch_up=CatchUp.ALL)
    runs.start_due_runs(now + timedelta(minutes=3_000))

    covered: list[datetime] = []
    for row in schedule.runs.order_by("due_at"):
        moment = row.due_at
        while moment <= (row.due_until or row.due_at):
            covered.append(moment)
            moment += timedelta(minutes=1)
    assert covered == [now + timedelta(minutes=number) for number in range(1, 3_001)]


def test_one_due_time_more_than_is_listed_needs_no_range(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Minutes(1))
    runs.start_due_runs(now + timedelta(minutes=ledger.MOST_LISTED + 2))

    assert states(schedule) == ["missed"] * (ledger.MOST_LISTED + 1) + ["queued"]
    assert not schedule.runs.filter(due_until__isnull=False).exists()


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        (CatchUp.SKIP, ["skipped"] * 4),
        (CatchUp.LATEST, ["skipped"] * 3 + ["queued"]),
        (CatchUp.ALL, ["queued"] * 4),
    ],
)
def test_what_passed_during_a_pause_is_made_up_for_as_the_schedule_says(
    scheduled: Scheduled, now: datetime, catch_up: CatchUp, expected: list[str]
) -> None:
    schedule = scheduled(catch_up=catch_up)
    runs.pause(schedule)
    later = now + timedelta(minutes=22)
    assert runs.start_due_runs(later) == []

    runs.resume(schedule, now=later)

    assert states(schedule) == expected
    assert "The schedule was paused when it was due." in reasons(schedule)[0] or catch_up == CatchUp.ALL
    assert schedule.next_at == now + timedelta(minutes=25)
    runs.resume(schedule, now=later)
    assert states(schedule) == expected, "resumed twice is resumed once"


# Overlapping


def test_queue_lets_one_due_time_wait_and_no_second(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(overlap=Overlap.QUEUE)
    for number in (1, 2, 3):
        runs.start_due_runs(now + FIVE * number)

    assert states(schedule) == ["queued", "queued", "skipped"]
    assert "Another due time was waiting" in reasons(schedule)[2]
    assert begun(schedule) == [now + FIVE]

    finish(schedule)
    runs.start_due_runs(now + FIVE * 3)
    assert begun(schedule) == [now + FIVE * 2]
    finish(schedule)
    assert len(runs.start_due_runs(now + FIVE * 4)) == 1


def test_two_schedulers_call_up_the_next_in_line_once(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(catch_up=CatchUp.ALL)
    later = now + timedelta(minutes=22)
    runs.start_due_runs(later)
    finish(schedule)
    [waiting] = Run.objects.first_in_line()

    assert runs.start_due_runs(later) == [waiting]
    assert runs.start_due_runs(later) == []
    assert len(begun(schedule)) == 1


def test_a_run_in_line_is_not_recovered_before_its_turn(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(overlap=Overlap.QUEUE)
    for number in (1, 2):
        runs.start_due_runs(now + FIVE * number)

    recovered = runs.recover_runs(now + timedelta(hours=1))

    assert [Run.objects.get(pk=pk).due_at for pk in recovered] == [now + FIVE]
    assert schedule.runs.in_line().count() == 1


# Editing, pausing and removing while something is due or under way


def test_an_edit_writes_down_first_what_was_due_by_the_old_rule(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Minutes(5))
    later = now + timedelta(minutes=12)

    runs.set_schedule(schedule.saved_request, Minutes(60), user=None, now=later)

    assert states(schedule) == ["missed", "queued"]
    schedule.refresh_from_db()
    assert schedule.next_at == later + timedelta(minutes=60)


def test_an_edit_during_a_pause_starts_nothing(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Minutes(5), catch_up=CatchUp.ALL)
    runs.pause(schedule)

    runs.set_schedule(
        schedule.saved_request, Minutes(60), user=None, now=now + timedelta(minutes=12), catch_up=CatchUp.ALL
    )

    schedule.refresh_from_db()
    assert states(schedule) == ["skipped", "skipped"]
    assert (schedule.is_paused, schedule.catch_up) == (True, "all")


def test_a_change_of_policy_moves_no_due_time(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Minutes(5))

    same = runs.set_schedule(
        schedule.saved_request, Minutes(5), user=None, now=now + timedelta(minutes=2), overlap=Overlap.QUEUE
    )

    assert (same.next_at, same.overlap) == (schedule.next_at, "queue")


def test_removing_a_schedule_leaves_no_run_waiting_for_ever(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(catch_up=CatchUp.ALL)
    runs.start_due_runs(now + timedelta(minutes=22))

    runs.remove_schedule(schedule.saved_request, now=now)

    found = schedule.saved_request.runs.order_by("due_at")
    assert list(found.values_list("state", flat=True)) == ["queued", "skipped", "skipped", "skipped"]
    assert found[0].not_before is not None, "what had its turn goes on"
    assert "removed" in found[1].stop_reason


def test_pausing_leaves_alone_what_is_under_way(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled()
    runs.start_due_runs(now + FIVE)

    runs.pause(schedule)

    assert begun(schedule) == [now + FIVE]


def test_an_ended_schedule_rests_and_can_be_given_a_new_rule(scheduled: Scheduled, now: datetime) -> None:
    end = (now + timedelta(minutes=12)).replace(tzinfo=None)
    schedule = scheduled(Minutes(5, end=end))

    runs.start_due_runs(now + timedelta(days=1))

    schedule.refresh_from_db()
    assert (schedule.next_at, schedule.state) == (None, "ended")
    assert states(schedule) == ["missed", "queued"]
    assert runs.start_due_runs(now + timedelta(days=2)) == []
    assert runs.next_runs(schedule) == []
    again = runs.set_schedule(schedule.saved_request, Minutes(5), user=None, now=now + timedelta(days=2))
    assert again.state == "active"


# Connections that wait for a person


def test_while_its_connection_needs_reconnecting_due_times_are_skipped(
    scheduled: Scheduled, team: Team, now: datetime
) -> None:
    schedule = scheduled(catch_up=CatchUp.ALL)
    crm = factories.ConnectionFactory(team=team, name="CRM", state=ConnectionState.NEEDS_REAUTH)
    saved_request = schedule.saved_request
    saved_request.authorization_kind, saved_request.connection = "oauth", crm
    saved_request.save()

    for number in (1, 2):
        assert runs.start_due_runs(now + FIVE * number) == []

    assert states(schedule) == ["skipped"] * 2
    assert set(reasons(schedule)) == {"Its connection CRM needs reconnecting."}
    Connection.objects.update(state=ConnectionState.CONNECTED)
    assert len(runs.start_due_runs(now + FIVE * 3)) == 1


def test_a_connection_that_is_retrying_skips_nothing(scheduled: Scheduled, team: Team, now: datetime) -> None:
    schedule = scheduled()
    crm = factories.ConnectionFactory(team=team, state=ConnectionState.RETRYING)
    type(schedule.saved_request).objects.update(authorization_kind="oauth", connection=crm)

    assert len(runs.start_due_runs(now + FIVE)) == 1


def test_a_tick_reads_no_secrets(scheduled: Scheduled, team: Team, now: datetime) -> None:
    schedule = scheduled()
    crm = factories.ConnectionFactory(team=team)
    type(schedule.saved_request).objects.update(authorization_kind="oauth", connection=crm)

    with CaptureQueriesContext(connection) as queries:
        runs.start_due_runs(now + FIVE)

    assert not [query["sql"] for query in queries if "client_secret" in query["sql"]]


# Backfilling


def test_a_backfill_runs_a_range_of_the_past_oldest_first_and_once(
    scheduled: Scheduled, now: datetime
) -> None:
    schedule = scheduled(Daily(datetime(2026, 1, 1, 6).time()))
    begin, end = now - timedelta(days=3), now

    done = runs.backfill(schedule, begin, end, user=None, now=now)
    again = runs.backfill(schedule, begin, end, user=None, now=now)

    assert (done.queued, done.kept) == (3, 0)
    assert (again.queued, again.kept) == (0, 3)
    executed = []
    for _ in range(3):
        [pk] = runs.start_due_runs(now)
        executed.append(Run.objects.get(pk=pk))
        finish(schedule)
    assert [run.due_at.day for run in executed] == [21, 22, 23]
    assert {run.trigger for run in executed} == {Trigger.BACKFILL}
    assert runs.start_due_runs(now) == []


def test_a_backfill_does_not_keep_what_is_due_now_from_running(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Minutes(5))
    runs.backfill(schedule, now - timedelta(hours=1), now, user=None, now=now)

    runs.start_due_runs(now + FIVE)

    assert now + FIVE in begun(schedule)
    assert len(begun(schedule)) == 2


def test_a_backfill_takes_up_what_was_skipped_or_missed_and_keeps_what_ran(
    scheduled: Scheduled, now: datetime
) -> None:
    schedule = scheduled(Minutes(5))
    later = now + timedelta(minutes=22)
    runs.start_due_runs(later)
    finish(schedule)

    done = runs.backfill(schedule, now + FIVE, later, user=None, now=later)

    assert (done.queued, done.kept) == (3, 1)
    assert states(schedule) == ["queued"] * 3 + ["succeeded"]
    assert reasons(schedule)[:3] == ["", "", ""]
    assert schedule.runs.count() == 4


def test_a_backfill_takes_its_due_times_out_of_a_row_that_stands_for_many(
    scheduled: Scheduled, now: datetime
) -> None:
    schedule = scheduled(Minutes(1))
    later = now + timedelta(minutes=300)
    runs.start_due_runs(later)
    finish(schedule)

    minute = timedelta(minutes=1)
    runs.backfill(schedule, now + minute * 100, now + minute * 102, user=None, now=later)

    rows = schedule.runs.filter(due_at__lt=now + minute * 240).order_by("due_at")
    assert [(row.due_at, row.due_until, row.state) for row in rows] == [
        (now + minute, now + minute * 99, "missed"),
        (now + minute * 100, None, "queued"),
        (now + minute * 101, None, "queued"),
        (now + minute * 102, None, "queued"),
        (now + minute * 103, now + minute * 249, "missed"),
    ]
    runs.backfill(schedule, now, now + minute * 2, user=None, now=later)
    first = schedule.runs.order_by("due_at").first()
    assert first
    assert (first.state, first.due_until) == ("queued", None)
    third = schedule.runs.get(due_at=now + minute * 3)
    assert (third.state, third.due_until) == ("missed", now + minute * 99)


@pytest.mark.parametrize(
    ("rule", "hours", "sentence"),
    [
        (Minutes(1), 24, "More than 500 due times lie between these two times. Choose a shorter range."),
        (Daily(datetime(2026, 1, 1, 6).time()), 1, "Nothing was due between these two times."),
    ],
)
def test_a_backfill_that_cannot_be_is_refused_whole(
    scheduled: Scheduled, now: datetime, rule: Rule, hours: int, sentence: str
) -> None:
    schedule = scheduled(rule)
    with pytest.raises(runs.BackfillRefused) as refused:
        runs.backfill(schedule, now - timedelta(hours=hours), now, user=None, now=now)
    assert str(refused.value) == sentence
    assert not Run.objects.exists()


def test_nothing_after_now_is_backfilled(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Minutes(5))
    done = runs.backfill(schedule, now - FIVE, now + timedelta(days=1), user=None, now=now)
    assert done.queued == 2
    assert len(runs.start_due_runs(now + FIVE)) == 2, "the first of the backfill, and what is due"


def test_a_backfill_can_be_stopped(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Minutes(5))
    runs.backfill(schedule, now - FIVE * 9, now, user=None, now=now)
    runs.start_due_runs(now)

    assert runs.stop_backfill(schedule, now=now) == 9

    assert sorted(states(schedule)) == ["queued"] + ["skipped"] * 9
    finish(schedule)
    assert runs.start_due_runs(now) == []


# Spreading


def test_schedules_that_are_due_together_can_begin_apart_and_keep_their_due_time(
    scheduled: Scheduled, now: datetime, settings: Any
) -> None:
    settings.SCHEDULE_SPREAD_SECONDS = 60
    for _ in range(20):
        scheduled()
    due = now + FIVE

    runs.start_due_runs(due)

    found = Run.objects.all()
    assert {run.due_at for run in found} == {due}
    begins = {run.not_before for run in found}
    assert len(begins) > 5
    assert all(due <= begin <= due + timedelta(seconds=60) for begin in begins if begin)
    soon = sum(begin < due + timedelta(seconds=60) for begin in begins if begin)
    assert soon
    assert len(runs.recover_runs(due + timedelta(seconds=61))) >= soon


# Many at once


@pytest.mark.django_db(transaction=True)
def test_schedulers_that_die_and_come_back_neither_lose_nor_double_a_due_time(
    scheduled: Scheduled, now: datetime
) -> None:
    for number in range(12):
        catch_up, overlap = list(CatchUp)[number % 3], list(Overlap)[number % 2]
        scheduled(Minutes(5 + number), catch_up=catch_up, overlap=overlap)
    started: list[object] = []
    ready = threading.Barrier(3)

    class Killed(BaseException):
        pass

    def tick(own: int) -> None:
        ready.wait()
        for minute in range(5, 61, 5):
            moment = now + timedelta(minutes=minute)
            try:
                with transaction.atomic():
                    found = runs.start_due_runs(moment)
                    if (minute + own) % 3 == 0:
                        raise Killed
                started.extend(found)
            except Killed:
                continue
        started.extend(runs.start_due_runs(now + timedelta(minutes=60)))
        connection.close()

    threads = [threading.Thread(target=tick, args=(own,)) for own in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(started) == len(set(started)), "none is started twice"
    for schedule in Schedule.objects.all():
        step = timedelta(minutes=int(schedule.rule["every"].split()[0]))
        due = list(schedule.runs.order_by("due_at").values_list("due_at", flat=True))
        assert due == [now + step * number for number in range(1, len(due) + 1)]
        assert schedule.next_at == now + step * (len(due) + 1)
        assert schedule.next_at > datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
