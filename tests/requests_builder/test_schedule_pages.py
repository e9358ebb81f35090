"""Putting requests on a schedule, and taking them off."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Role, Team, User
from connections.models import Connection, ConnectionState
from requests_builder.models import Run, SavedRequest, Schedule
from requests_builder.runs import DEAD_CONNECTION
from tests import factories
from tests.requests_builder.pages import assert_costs_the_same, text

LIST, PREVIEW = "/t/acme/schedules/", "/t/acme/schedules/preview/"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def page_of(saved_request: SavedRequest, action: str = "") -> str:
    """Where a schedule is set and removed."""
    return f"/t/acme/requests/{saved_request.pk}/schedule/" + (f"{action}/" if action else "")


def own_page(saved_request: SavedRequest, action: str = "") -> str:
    """Where a schedule shows its due times, and what can be done about them."""
    return f"/t/acme/schedules/{saved_request.pk}/" + (f"{action}/" if action else "")


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


@pytest.fixture
def stored(team: Team) -> SavedRequest:
    return factories.SavedRequestFactory(team=team, name="All contacts")


@pytest.fixture
def scheduled(stored: SavedRequest) -> Schedule:
    next_at = timezone.now().replace(microsecond=0) + timedelta(minutes=10)
    return Schedule.objects.create(saved_request=stored, rule={"every": "1 hour"}, next_at=next_at)


@time_machine.travel(NOON, tick=False)
def test_a_request_is_put_on_a_schedule(signed_in: Client, stored: SavedRequest, editor: User) -> None:
    answer = signed_in.post(page_of(stored), {"kind": "minutes", "every": "5"}, follow=True)

    schedule = Schedule.objects.get()
    assert (schedule.saved_request, schedule.rule, schedule.created_by) == (
        stored,
        {"every": "5 minutes"},
        editor,
    )
    assert schedule.next_at == NOON + timedelta(minutes=5)
    assert "All contacts: Every 5 minutes." in text(answer)


def test_a_cron_line_with_61_minutes_is_refused_in_words(signed_in: Client, stored: SavedRequest) -> None:
    page = signed_in.post(page_of(stored), {"kind": "cron", "cron": "61 * * * *"})

    assert page.status_code == 422
    assert "“61” in the minute field: it takes 0 to 59" in text(page)
    assert 'value="61 * * * *"' in page.content.decode()
    assert not Schedule.objects.exists()


@time_machine.travel(NOON, tick=False)
def test_the_next_ten_runs_are_foretold_while_one_types(signed_in: Client) -> None:
    typed = {"kind": "daily", "at": "06:00", "timezone": "Europe/Berlin"}

    answer = signed_in.post(PREVIEW, typed)

    page = answer.content.decode()
    assert "Daily at 06:00 (Europe/Berlin)" in page
    assert page.count("<time") == 10
    assert 'datetime="2026-11-24T05:00:00+00:00"' in page
    assert 'datetime="2026-12-03T05:00:00+00:00"' in page
    assert "Tue 24 Nov 2026, 06:00" in page
    assert "On the clocks of Europe/Berlin." in page
    assert "<html" not in page
    assert not Schedule.objects.exists()


@time_machine.travel(NOON, tick=False)
def test_a_clock_change_is_foretold_with_its_note(signed_in: Client) -> None:
    typed = {"kind": "daily", "at": "02:30", "timezone": "Europe/Berlin", "start": "2027-03-27"}

    page = text(signed_in.post(PREVIEW, typed))

    assert "Sun 28 Mar 2027, 03:00" in page
    assert "The clocks go forward and skip 02:30 on this day: it runs right after." in page


@time_machine.travel(NOON, tick=False)
def test_without_a_script_the_preview_is_a_button_and_saves_nothing(
    signed_in: Client, stored: SavedRequest
) -> None:
    typed = {"kind": "weekly", "weekdays": ["monday", "thursday"], "at": "06:00", "then": "preview"}

    page = signed_in.post(page_of(stored), typed)

    assert page.status_code == 200
    assert "Every Monday and Thursday at 06:00 (UTC)" in text(page)
    assert "Thu 26 Nov 2026, 06:00" in text(page)
    assert not Schedule.objects.exists()


@time_machine.travel(NOON, tick=False)
def test_the_preview_of_an_unchanged_interval_is_what_is_due(signed_in: Client, scheduled: Schedule) -> None:
    Schedule.objects.update(next_at=NOON + timedelta(minutes=7))

    typed = {"kind": "hours", "every": "1", "of": str(scheduled.saved_request_id)}
    page = signed_in.post(PREVIEW, typed).content.decode()

    assert 'datetime="2026-11-23T12:07:00+00:00"' in page


@pytest.mark.parametrize("of", ["", "nonsense"])
def test_the_preview_of_nothing_that_exists_is_of_what_is_typed(signed_in: Client, of: str) -> None:
    assert "Every hour" in text(signed_in.post(PREVIEW, {"kind": "hours", "every": "1", "of": of}))


@time_machine.travel(NOON, tick=False)
def test_a_schedule_whose_end_has_been_is_refused(signed_in: Client, stored: SavedRequest) -> None:
    typed = {"kind": "daily", "at": "06:00", "end": "2026-11-23T11:00"}

    page = signed_in.post(page_of(stored), typed)

    assert page.status_code == 422
    assert "It would never run: nothing is due between now and the end." in text(page)
    assert not Schedule.objects.exists()


@time_machine.travel(NOON, tick=False)
def test_policies_start_and_end_are_kept_and_shown_again(signed_in: Client, stored: SavedRequest) -> None:
    typed = {
        "kind": "monthly",
        "day": "31",
        "at": "06:00",
        "timezone": "Europe/Berlin",
        "start": "2026-12-01T00:00",
        "end": "2027-12-31T23:59",
        "catch_up": "all",
        "overlap": "queue",
    }

    signed_in.post(page_of(stored), typed)

    schedule = Schedule.objects.get()
    assert (schedule.catch_up, schedule.overlap) == ("all", "queue")
    assert schedule.next_at == datetime(2026, 12, 31, 5, 0, tzinfo=UTC)
    page = signed_in.get(page_of(stored)).content.decode()
    assert 'value="2026-12-01T00:00"' in page
    assert '<option value="queue" selected>' in page
    assert '<details class="advanced" open>' in page


def test_what_is_wrong_is_foretold_too(signed_in: Client) -> None:
    answer = signed_in.post(PREVIEW, {"kind": "cron", "cron": "61 * * * *"})

    assert answer.status_code == 200
    assert "Cron: “61” in the minute field" in text(answer)


def test_the_page_of_an_interval_foretells_the_due_times_there_will_be(
    signed_in: Client, scheduled: Schedule
) -> None:
    page = signed_in.get(page_of(scheduled.saved_request)).content.decode()

    # Counted from the last due time, not from this moment.
    for hours in range(10):
        due = scheduled.next_at + timedelta(hours=hours)
        assert f'datetime="{due.isoformat()}"' in page
    assert "Save schedule" in page


def test_saving_a_schedule_as_it_was_moves_nothing(signed_in: Client, scheduled: Schedule) -> None:
    signed_in.post(page_of(scheduled.saved_request), {"kind": "hours", "every": "1"})

    assert Schedule.objects.get().next_at == scheduled.next_at


@time_machine.travel(NOON, tick=False)
def test_a_changed_schedule_begins_anew(signed_in: Client, scheduled: Schedule) -> None:
    signed_in.post(page_of(scheduled.saved_request), {"kind": "hours", "every": "2"})

    changed = Schedule.objects.get()
    assert (changed.pk, changed.next_at) == (scheduled.pk, NOON + timedelta(hours=2))


@time_machine.travel(NOON, tick=False)
def test_pause_and_resume(signed_in: Client, scheduled: Schedule) -> None:
    paused = signed_in.post(own_page(scheduled.saved_request, "pause"), follow=True)
    assert "The schedule of All contacts is paused." in text(paused)
    assert Schedule.objects.get().is_paused
    assert "Paused: nothing is due until it is resumed." in text(
        signed_in.get(page_of(scheduled.saved_request))
    )

    assert paused.request["PATH_INFO"] == LIST
    Schedule.objects.update(next_at=NOON - timedelta(minutes=90))

    resumed = signed_in.post(own_page(scheduled.saved_request, "resume"), {"from": "page"}, follow=True)

    assert "The schedule of All contacts goes on. What was due during the pause is made up for." in text(
        resumed
    )
    assert resumed.request["PATH_INFO"] == own_page(scheduled.saved_request)
    schedule = Schedule.objects.get()
    assert (schedule.is_paused, schedule.next_at) == (False, NOON + timedelta(minutes=30))
    assert list(Run.objects.order_by("due_at").values_list("state", flat=True)) == ["skipped", "queued"]


def test_removing_asks_first_and_keeps_the_request(signed_in: Client, scheduled: Schedule) -> None:
    asked = signed_in.get(page_of(scheduled.saved_request, "delete"))
    assert "Take All contacts off its schedule?" in text(asked)
    assert Schedule.objects.exists()

    done = signed_in.post(page_of(scheduled.saved_request, "delete"), follow=True)

    assert "All contacts no longer runs by itself." in text(done)
    assert not Schedule.objects.exists()
    assert SavedRequest.objects.exists()


@pytest.mark.parametrize("action", ["pause", "resume", "backfill", "backfill/stop"])
def test_what_has_no_schedule_cannot_be_paused(signed_in: Client, stored: SavedRequest, action: str) -> None:
    assert signed_in.post(own_page(stored, action)).status_code == 404
    assert signed_in.post(page_of(stored, "delete")).status_code == 404


@pytest.mark.parametrize("action", ["pause", "resume", "backfill/stop"])
def test_a_link_pauses_nothing(signed_in: Client, scheduled: Schedule, action: str) -> None:
    assert signed_in.get(own_page(scheduled.saved_request, action)).status_code == 405


def test_the_list_has_the_next_one_first_and_what_became_of_the_last(signed_in: Client, team: Team) -> None:
    moment = timezone.now()
    for name, minutes, is_paused in (("Third", 1, True), ("Second", 9, False), ("First", 5, False)):
        made = factories.SavedRequestFactory(team=team, name=name)
        next_at = moment + timedelta(minutes=minutes)
        Schedule.objects.create(
            saved_request=made, rule={"every": "5 minutes"}, next_at=next_at, is_paused=is_paused
        )
    Run.objects.create(
        team=team, saved_request=made, trigger="schedule", due_at=moment, not_before=moment, state="failed"
    )
    foreign = factories.SavedRequestFactory(name="Foreign")
    Schedule.objects.create(saved_request=foreign, rule={"every": "5 minutes"}, next_at=moment)

    page = text(signed_in.get(LIST))

    assert page.index("First") < page.index("Second") < page.index("Third")
    for shown in ("Every 5 minutes", "Paused", "Failed", "Resume"):
        assert shown in page
    assert "Foreign" not in page


def test_a_viewer_sees_the_list_without_its_buttons(client: Client, scheduled: Schedule, team: Team) -> None:
    client.force_login(factories.member_of(team, Role.VIEWER))

    page = client.get(LIST)

    assert "All contacts" in text(page)
    assert "/pause/" not in page.content.decode()
    assert "/run-now/" not in page.content.decode()


def test_the_list_costs_the_same_however_many_there_are(signed_in: Client, team: Team) -> None:
    def add(count: int) -> None:
        for _ in range(count):
            made = factories.SavedRequestFactory(team=team, table=factories.TableFactory(team=team))
            Schedule.objects.create(saved_request=made, rule={"every": "1 hour"}, next_at=timezone.now())

    assert_costs_the_same(signed_in, LIST, add)


def test_a_rule_whose_time_zone_has_left_the_world_is_told_and_can_be_replaced(
    signed_in: Client, stored: SavedRequest, scheduled: Schedule
) -> None:
    Schedule.objects.update(rule={"daily": "06:00", "timezone": "Atlantis/Capital"}, is_paused=True)

    for page in (LIST, "/t/acme/", f"/t/acme/requests/{stored.pk}/", page_of(stored)):
        assert signed_in.get(page).status_code == 200
    assert "This rule can no longer be kept. Set another one." in text(signed_in.get(LIST))
    assert signed_in.get(own_page(stored)).status_code == 200
    resumed = signed_in.post(own_page(stored, "resume"), follow=True)
    assert resumed.request["PATH_INFO"] == page_of(stored)
    assert Schedule.objects.get().is_paused


# The page of one schedule


def add_run(schedule: Schedule, due_at: datetime, state: str, **fields: Any) -> Run:
    return Run.objects.create(
        team=schedule.saved_request.team,
        saved_request=schedule.saved_request,
        schedule=schedule,
        trigger=fields.pop("trigger", "schedule"),
        due_at=due_at,
        state=state,
        **{"not_before": due_at, **fields},
    )


@pytest.fixture
def daily(stored: SavedRequest) -> Schedule:
    """Due at 06:00 in Berlin, which is 05:00 UTC."""
    rule = {"daily": "06:00", "timezone": "Europe/Berlin"}
    return Schedule.objects.create(
        saved_request=stored, rule=rule, next_at=datetime(2026, 11, 24, 5, tzinfo=UTC)
    )


@time_machine.travel(NOON, tick=False)
def test_the_page_shows_each_due_time_and_what_became_of_it(signed_in: Client, daily: Schedule) -> None:
    due = datetime(2026, 11, 18, 5, tzinfo=UTC)
    day = timedelta(days=1)
    add_run(daily, due, "succeeded", rows=1234)
    add_run(daily, due + day, "failed", error="The API answered 500.")
    add_run(daily, due + 2 * day, "skipped", stop_reason="The run before it was not finished yet.")
    add_run(daily, due + 3 * day, "missed", stop_reason="No scheduler was running when it was due.")
    add_run(daily, due + 4 * day, "running", rows=5)
    last = add_run(daily, due + 5 * day, "queued", not_before=None)

    page = signed_in.get(own_page(daily.saved_request))

    shown = text(page)
    for words in (
        "Daily at 06:00 (Europe/Berlin)",
        "Wed 18 Nov 2026, 06:00",
        "1,234 rows",
        "The API answered 500.",
        "The run before it was not finished yet.",
        "No scheduler was running when it was due.",
        "5 rows so far",
        "Waits for the run before it.",
        "23 Nov, 06:00: Queued",
        "Tue 24 Nov 2026, 06:00",
        "Run the latest",
    ):
        assert words in shown, words
    assert f'href="/t/acme/runs/{last.pk}/"' in page.content.decode()
    assert shown.index("18 Nov, 06:00: Succeeded") < shown.index("19 Nov, 06:00: Failed")


def test_one_line_stands_for_many_missed_due_times(signed_in: Client, daily: Schedule) -> None:
    due = datetime(2026, 9, 1, 4, tzinfo=UTC)
    run = add_run(daily, due, "missed", due_until=datetime(2026, 10, 1, 4, tzinfo=UTC))

    assert "Tue 1 Sep 2026, 06:00 to Thu 1 Oct 2026, 06:00" in text(
        signed_in.get(own_page(daily.saved_request))
    )
    assert "one line for all due times between" in text(signed_in.get(f"/t/acme/runs/{run.pk}/"))
    assert signed_in.get("/t/acme/runs/").status_code == 200


def test_older_due_times_are_a_page_away(signed_in: Client, daily: Schedule) -> None:
    for number in range(55):
        add_run(daily, datetime(2026, 11, 23, 5, tzinfo=UTC) - timedelta(days=number), "succeeded")

    first = signed_in.get(own_page(daily.saved_request))
    older = re.search(r'rel="next" href="([^"]+)"', first.content.decode())
    assert older
    second = signed_in.get(own_page(daily.saved_request) + older[1].replace("&amp;", "&"))

    assert text(first).count(":00: Succeeded") == 55
    assert "Mon 5 Oct 2026" in text(first)
    assert "Sun 4 Oct 2026" in text(second)
    assert "Mon 5 Oct 2026" not in text(second)
    assert "Last due times" not in text(second)


@pytest.mark.parametrize("before", ["nonsense", "0001-01-01T00:00+00:00", "2026-11-23T05:00"])
def test_a_cursor_that_nobody_gave_is_the_first_page(signed_in: Client, daily: Schedule, before: str) -> None:
    page = signed_in.get(own_page(daily.saved_request), {"before": before})
    assert "Nothing was due yet" in text(page)


def test_the_page_costs_the_same_however_many_due_times_there_are(signed_in: Client, daily: Schedule) -> None:
    def add(count: int) -> None:
        first = daily.runs.count()
        for number in range(first, first + count):
            add_run(daily, datetime(2026, 11, 23, tzinfo=UTC) - timedelta(hours=number), "succeeded")

    assert_costs_the_same(signed_in, own_page(daily.saved_request), add)


def test_a_viewer_sees_the_page_without_its_buttons(client: Client, daily: Schedule, team: Team) -> None:
    client.force_login(factories.member_of(team, Role.VIEWER))
    add_run(daily, NOON, "queued", trigger="backfill", not_before=None)

    page = client.get(own_page(daily.saved_request)).content.decode()

    assert "Backfill: 1 due time left" in page
    for action in ("/pause/", "/run-now/", "/backfill/"):
        assert action not in page


def test_a_dead_connection_is_told_and_what_was_skipped_can_be_run_afterwards(
    signed_in: Client, daily: Schedule, team: Team
) -> None:
    crm = factories.ConnectionFactory(team=team, name="CRM", state=ConnectionState.NEEDS_REAUTH)
    SavedRequest.objects.update(authorization_kind="oauth", connection=crm)
    now = timezone.now()
    due = now.replace(hour=5, minute=0, second=0, microsecond=0) - timedelta(days=2)
    for number in range(2):
        add_run(daily, due + timedelta(days=number), "skipped", error_code=DEAD_CONNECTION)

    dead = text(signed_in.get(own_page(daily.saved_request)))
    assert "CRM needs reconnecting" in dead
    assert "Run what was skipped" not in dead
    assert "skipped until CRM is reconnected" in text(signed_in.get(LIST))

    Connection.objects.update(state=ConnectionState.CONNECTED)
    page = signed_in.get(own_page(daily.saved_request)).content.decode()
    offered = dict(re.findall(r'name="(begin|end)" value="([^"]+)"', page))
    assert "2 due times were skipped while the connection needed reconnecting" in page
    done = signed_in.post(own_page(daily.saved_request, "backfill"), offered, follow=True)

    assert "2 due times wait in line." in text(done)
    assert set(daily.runs.values_list("state", "trigger")) == {("queued", "backfill")}
    assert "Run what was skipped" not in text(done)


# Backfilling


@time_machine.travel(NOON, tick=False)
def test_a_range_is_backfilled_on_the_clocks_of_the_schedule(
    signed_in: Client, daily: Schedule, editor: User
) -> None:
    assert "At most 500 at a time." in text(signed_in.get(own_page(daily.saved_request, "backfill")))

    typed = {"begin": "2026-11-20T06:00", "end": "2026-11-22T06:00"}
    done = signed_in.post(own_page(daily.saved_request, "backfill"), typed, follow=True)

    assert "3 due times wait in line." in text(done)
    assert "Backfill: 3 due times left" in text(done)
    found = daily.runs.order_by("due_at")
    assert [run.due_at.isoformat() for run in found] == [
        f"2026-11-{day}T05:00:00+00:00" for day in (20, 21, 22)
    ]
    assert {(run.trigger, run.requested_by) for run in found} == {("backfill", editor)}

    again = signed_in.post(own_page(daily.saved_request, "backfill"), typed, follow=True)
    assert "0 due times wait in line. 3 had run already." in text(again)

    stopped = signed_in.post(own_page(daily.saved_request, "backfill/stop"), follow=True)
    assert "The backfill is stopped: 3 due times left out." in text(stopped)


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "From: This field is required."),
        ({"begin": "soon", "end": "2026-11-22"}, "Write a day, or a day and a time"),
        ({"begin": "2026-11-22T06:00", "end": "2026-11-20T06:00"}, "The end lies before the beginning."),
        ({"begin": "2026-12-22T06:00", "end": "2026-12-23"}, "This has not been yet"),
        ({"begin": "9999-12-31T23:59", "end": "9999-12-31T23:59"}, "The year must lie between"),
        (
            {"begin": "2026-11-22T07:00", "end": "2026-11-22T08:00"},
            "Nothing was due between these two times.",
        ),
        ({"begin": "1990-01-01", "end": "2026-11-22"}, "More than 500 due times lie between"),
    ],
)
def test_a_backfill_that_cannot_be_says_why_at_its_field(
    signed_in: Client, daily: Schedule, typed: dict[str, str], said: str
) -> None:
    page = signed_in.post(own_page(daily.saved_request, "backfill"), typed)

    assert page.status_code == 422
    assert said.removeprefix("From: ") in text(page)
    assert not Run.objects.exists()
