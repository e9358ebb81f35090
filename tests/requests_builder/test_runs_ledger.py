"""Due times: each leaves one row, whatever became of it."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, User
from requests_builder import runs, schedules
from requests_builder.models import Run, RunState, Schedule, Trigger
from requests_builder.runs import ledger
from requests_builder.schedules import Cron, Daily, Minutes, Rule
from tests import factories

pytestmark = pytest.mark.django_db

Scheduled = Callable[..., Schedule]


@pytest.fixture
def scheduled(team: Team, now: datetime) -> Scheduled:
    """A schedule that was made at `now`."""

    def make(rule: Rule = Minutes(5), at: datetime = now) -> Schedule:  # noqa: B008
        return runs.set_schedule(factories.SavedRequestFactory(team=team), rule, user=None, now=at)

    return make


def states(schedule: Schedule) -> list[tuple[datetime, str]]:
    return list(schedule.runs.order_by("due_at").values_list("due_at", "state"))


def test_a_due_time_becomes_a_queued_run_and_the_schedule_moves_on(
    scheduled: Scheduled, now: datetime
) -> None:
    schedule = scheduled(Minutes(5))
    due = now + timedelta(minutes=5)
    assert runs.start_due_runs(due - timedelta(seconds=1)) == []

    late = due + timedelta(seconds=3)
    [pk] = runs.start_due_runs(late)

    run = Run.objects.get(pk=pk)
    assert (run.state, run.trigger, run.due_at, run.not_before) == (
        RunState.QUEUED,
        Trigger.SCHEDULE,
        due,
        late,
    )
    assert run.team_id == schedule.saved_request.team_id
    schedule.refresh_from_db()
    assert schedule.next_at == due + timedelta(minutes=5), "from the due time, not from now"
    assert runs.start_due_runs(late) == []


def test_when_nothing_is_due_a_tick_is_two_queries(scheduled: Scheduled, now: datetime) -> None:
    scheduled()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        runs.start_due_runs(now)
    assert len(queries) == 2
    with CaptureQueriesContext(connection) as queries:
        runs.recover_runs(now)
    assert len(queries) == 2


def test_after_a_pause_of_the_scheduler_the_latest_due_time_runs_and_the_others_are_missed(
    scheduled: Scheduled, now: datetime
) -> None:
    schedule = scheduled(Minutes(5))

    assert len(runs.start_due_runs(now + timedelta(minutes=22))) == 1

    assert states(schedule) == [
        (now + timedelta(minutes=5), "missed"),
        (now + timedelta(minutes=10), "missed"),
        (now + timedelta(minutes=15), "missed"),
        (now + timedelta(minutes=20), "queued"),
    ]
    missed = schedule.runs.filter(state="missed").first()
    assert missed
    assert missed.is_finished
    assert missed.stop_reason == (
        "No scheduler was running when it was due. Only the latest due time was made up for."
    )
    schedule.refresh_from_db()
    assert schedule.next_at == now + timedelta(minutes=25)


@pytest.mark.parametrize("rule", [Minutes(1), Cron("* * * * *", timezone="Europe/Berlin")])
def test_a_year_without_a_scheduler_leaves_the_newest_missed_times_and_one_row_for_all_before(
    rule: Rule, scheduled: Scheduled, now: datetime
) -> None:
    schedule = scheduled(rule)
    later = now + timedelta(days=365)

    assert len(runs.start_due_runs(later)) == 1

    found = states(schedule)
    assert len(found) == 52
    assert found[-1] == (later, "queued")
    assert found[1] == (later - timedelta(minutes=50), "missed")
    assert found[0] == (now + timedelta(minutes=1), "missed")
    oldest = schedule.runs.order_by("due_at").first()
    assert oldest
    assert oldest.due_until == later - timedelta(minutes=51)
    assert list(schedule.runs.exclude(pk=oldest.pk).values_list("due_until", flat=True).distinct()) == [None]


def test_a_rare_schedule_looks_back_far_enough(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Cron("0 6 1 * *", timezone="Europe/Berlin"))

    runs.start_due_runs(now + timedelta(days=365))

    assert [state for _, state in states(schedule)] == ["missed"] * 11 + ["queued"]


def test_a_due_time_is_skipped_while_the_run_before_it_goes_on(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Minutes(5))
    runs.start_due_runs(now + timedelta(minutes=5))

    assert runs.start_due_runs(now + timedelta(minutes=10)) == []

    assert [state for _, state in states(schedule)] == ["queued", "skipped"]
    skipped = schedule.runs.get(state="skipped")
    assert skipped.stop_reason == "The run before it was not finished yet."
    schedule.runs.filter(state="queued").update(state=RunState.SUCCEEDED)
    assert len(runs.start_due_runs(now + timedelta(minutes=15))) == 1


def test_a_due_time_that_has_its_row_gets_no_second_one(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Minutes(5))
    due = schedule.next_at
    runs.start_due_runs(due)
    schedule.runs.update(state=RunState.SUCCEEDED)
    Schedule.objects.update(next_at=due)

    assert runs.start_due_runs(due) == []
    assert len(states(schedule)) == 1


def test_paused_schedules_are_left_and_make_up_for_the_latest_due_time_when_resumed(
    scheduled: Scheduled, now: datetime
) -> None:
    schedule = scheduled(Daily(at=datetime(2026, 1, 1, 6).time(), timezone="Europe/Berlin"))
    runs.pause(schedule)
    later = now + timedelta(days=3)
    assert runs.start_due_runs(later) == []
    assert runs.next_runs(schedule) == []

    [pk] = runs.resume(schedule, now=later)

    assert not schedule.is_paused
    assert schedule.next_at == datetime(2026, 11, 27, 5, 0, tzinfo=UTC)
    assert runs.start_due_runs(later) == []
    assert [state for _, state in states(schedule)] == ["skipped", "skipped", "queued"]
    assert Run.objects.get(pk=pk).due_at == datetime(2026, 11, 26, 5, 0, tzinfo=UTC)
    reasons = set(schedule.runs.filter(state="skipped").values_list("stop_reason", flat=True))
    assert reasons == {"The schedule was paused when it was due. Only the latest due time was made up for."}
    assert [due.at for due in runs.next_runs(schedule, count=2)] == [
        schedule.next_at,
        schedule.next_at + timedelta(days=1),
    ]


def test_the_same_rule_again_changes_nothing(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled(Minutes(5))

    same = runs.set_schedule(schedule.saved_request, Minutes(5), user=None, now=now + timedelta(minutes=2))
    assert (same.pk, same.next_at) == (schedule.pk, now + timedelta(minutes=5))

    other = runs.set_schedule(schedule.saved_request, Minutes(7), user=None, now=now)
    assert (other.pk, other.next_at) == (schedule.pk, now + timedelta(minutes=7))


def test_a_schedule_that_is_removed_leaves_its_runs(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled()
    [pk] = runs.start_due_runs(schedule.next_at)

    runs.remove_schedule(schedule.saved_request, now=now)

    assert Run.objects.get(pk=pk).schedule_id is None
    assert runs.start_due_runs(now + timedelta(days=1)) == []


def test_a_rule_that_cannot_be_read_pauses_its_schedule_and_no_other(
    scheduled: Scheduled, now: datetime
) -> None:
    broken, sound = scheduled(), scheduled()
    Schedule.objects.filter(pk=broken.pk).update(rule={"cron": "0 6 * * *", "timezone": "Old/Name"})

    assert len(runs.start_due_runs(now + timedelta(minutes=5))) == 2

    broken.refresh_from_db()
    sound.refresh_from_db()
    assert broken.is_paused
    assert not sound.is_paused


@pytest.mark.parametrize(
    ("rule", "begin", "expected"),
    [
        # 2026-03-29: 02:30 does not exist in Berlin; 2026-10-25: it comes twice.
        (
            Daily(datetime(2026, 1, 1, 2, 30).time(), timezone="Europe/Berlin"),
            datetime(2026, 3, 27, 12, tzinfo=UTC),
            ["2026-03-28 02:30+01:00", "2026-03-29 03:00+02:00", "2026-03-30 02:30+02:00"],
        ),
        (
            Daily(datetime(2026, 1, 1, 2, 30).time(), timezone="Europe/Berlin"),
            datetime(2026, 10, 23, 12, tzinfo=UTC),
            ["2026-10-24 02:30+02:00", "2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"],
        ),
    ],
)
def test_what_runs_is_what_was_announced_also_over_clock_changes(
    rule: Rule, begin: datetime, expected: list[str], scheduled: Scheduled
) -> None:
    schedule = scheduled(rule, begin)
    announced = [due.at for due in runs.next_runs(schedule, count=3)]

    tick = begin
    while tick < begin + timedelta(days=3):
        runs.start_due_runs(tick)
        Run.objects.update(state=RunState.SUCCEEDED)
        tick += timedelta(minutes=10)

    due = [moment for moment, _ in states(schedule)]
    assert due == announced
    local = [moment.astimezone(ZoneInfo("Europe/Berlin")).isoformat(" ", "minutes") for moment in due]
    assert local == expected


def test_run_now_works_while_paused_and_twice_is_once_until_it_begins(
    scheduled: Scheduled, now: datetime, editor: User
) -> None:
    schedule = scheduled()
    runs.pause(schedule)

    run = runs.request_run(schedule.saved_request, user=editor, now=now)
    again = runs.request_run(schedule.saved_request, user=editor, now=now)
    assert run == again
    assert run.requested_by == editor
    assert run.trigger == Trigger.MANUAL

    Run.objects.update(state=RunState.RUNNING, attempts=1)
    assert runs.request_run(schedule.saved_request, user=editor, now=now) != run


def test_a_run_whose_message_was_lost_is_found_again(scheduled: Scheduled, now: datetime) -> None:
    run = runs.request_run(scheduled().saved_request, user=None, now=now)

    assert runs.recover_runs(now + timedelta(seconds=2)) == [], "its worker may be about to begin"
    assert runs.recover_runs(now + timedelta(seconds=11)) == [run.pk]
    assert runs.recover_runs(now + timedelta(seconds=12)) == [], "it has just been told again"
    assert runs.recover_runs(now + timedelta(seconds=22)) == [run.pk]


def test_a_run_whose_worker_died_is_found_when_its_lease_has_run_out(
    scheduled: Scheduled, now: datetime
) -> None:
    run = runs.request_run(scheduled().saved_request, user=None, now=now)
    until = now + timedelta(seconds=15)
    Run.objects.filter(pk=run.pk).update(state=RunState.RUNNING, leased_until=until)

    assert runs.recover_runs(until - timedelta(seconds=1)) == []
    assert runs.recover_runs(until) == [run.pk]


def test_the_longest_waiting_are_recovered_first_and_some_at_a_time(
    scheduled: Scheduled, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "RECOVERED_AT_ONCE", 2)
    moments = [now + timedelta(seconds=number) for number in (2, 0, 1)]
    made = {at: runs.request_run(scheduled().saved_request, user=None, now=at).pk for at in moments}

    later = now + timedelta(minutes=1)
    assert runs.recover_runs(later) == [made[moments[1]], made[moments[2]]]
    assert runs.recover_runs(later) == [made[moments[0]]]


def test_many_schedules_are_started_in_a_few_queries(scheduled: Scheduled, now: datetime) -> None:
    for _ in range(40):
        scheduled()
    with CaptureQueriesContext(connection) as queries:
        assert len(runs.start_due_runs(now + timedelta(minutes=5))) == 40
    assert len(queries) <= 11


@pytest.mark.django_db(transaction=True)
def test_several_schedulers_at_once_start_each_due_time_once(scheduled: Scheduled, now: datetime) -> None:
    for _ in range(30):
        scheduled()
    started: list[object] = []
    ready = threading.Barrier(4)

    def tick() -> None:
        ready.wait()
        for minute in range(5, 16, 5):
            started.extend(runs.start_due_runs(now + timedelta(minutes=minute)))
        connection.close()

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(started) == len(set(started)) == 30
    assert Run.objects.count() == 90, "30 queued, and 60 skipped because those are not finished"
    assert set(Schedule.objects.values_list("next_at", flat=True)) == {now + timedelta(minutes=20)}


@pytest.mark.django_db(transaction=True)
def test_a_scheduler_that_dies_before_its_commit_leaves_no_trace(scheduled: Scheduled, now: datetime) -> None:
    schedule = scheduled()
    due = schedule.next_at

    def die() -> None:
        with transaction.atomic():
            runs.start_due_runs(due)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        die()

    assert len(runs.start_due_runs(due)) == 1
    assert states(schedule) == [(due, "queued")]


def test_rules_are_stored_as_files_write_them(scheduled: Scheduled) -> None:
    schedule = scheduled(Cron("0 6 * * 1-5", timezone="Europe/Berlin"))
    assert schedules.from_config(schedule.rule) == Cron("0 6 * * 1-5", timezone="Europe/Berlin")
