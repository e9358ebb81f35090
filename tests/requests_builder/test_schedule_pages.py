"""Putting requests on a schedule, and taking them off."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Role, Team, User
from requests_builder.models import Run, SavedRequest, Schedule
from tests import factories
from tests.requests_builder.pages import assert_costs_the_same, text

LIST, PREVIEW = "/t/acme/schedules/", "/t/acme/schedules/preview/"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def page_of(saved_request: SavedRequest, action: str = "") -> str:
    return f"/t/acme/requests/{saved_request.pk}/schedule/" + (f"{action}/" if action else "")


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
def test_the_next_five_runs_are_foretold_while_one_types(signed_in: Client) -> None:
    typed = {"kind": "daily", "at": "06:00", "timezone": "Europe/Berlin"}

    answer = signed_in.post(PREVIEW, typed)

    page = answer.content.decode()
    assert "Daily at 06:00 (Europe/Berlin)" in page
    assert [f'datetime="2026-11-{day}T05:00:00+00:00"' in page for day in range(24, 30)] == [True] * 5 + [
        False
    ]
    assert "<html" not in page
    assert not Schedule.objects.exists()


def test_what_is_wrong_is_foretold_too(signed_in: Client) -> None:
    answer = signed_in.post(PREVIEW, {"kind": "cron", "cron": "61 * * * *"})

    assert answer.status_code == 200
    assert "Cron: “61” in the minute field" in text(answer)


def test_the_page_of_an_interval_foretells_the_due_times_there_will_be(
    signed_in: Client, scheduled: Schedule
) -> None:
    page = signed_in.get(page_of(scheduled.saved_request)).content.decode()

    # Counted from the last due time, not from this moment.
    for hours in range(5):
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
    paused = signed_in.post(page_of(scheduled.saved_request, "pause"), follow=True)
    assert "The schedule of All contacts is paused." in text(paused)
    assert Schedule.objects.get().is_paused
    assert "Paused: nothing is due until it is resumed." in text(
        signed_in.get(page_of(scheduled.saved_request))
    )

    resumed = signed_in.post(page_of(scheduled.saved_request, "resume"), follow=True)

    assert "The schedule of All contacts goes on." in text(resumed)
    schedule = Schedule.objects.get()
    assert (schedule.is_paused, schedule.next_at) == (False, NOON + timedelta(hours=1))


def test_removing_asks_first_and_keeps_the_request(signed_in: Client, scheduled: Schedule) -> None:
    asked = signed_in.get(page_of(scheduled.saved_request, "delete"))
    assert "Take All contacts off its schedule?" in text(asked)
    assert Schedule.objects.exists()

    done = signed_in.post(page_of(scheduled.saved_request, "delete"), follow=True)

    assert "All contacts no longer runs by itself." in text(done)
    assert not Schedule.objects.exists()
    assert SavedRequest.objects.exists()


@pytest.mark.parametrize("action", ["pause", "resume", "delete"])
def test_what_has_no_schedule_cannot_be_paused(signed_in: Client, stored: SavedRequest, action: str) -> None:
    assert signed_in.post(page_of(stored, action)).status_code == 404


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_a_link_pauses_nothing(signed_in: Client, scheduled: Schedule, action: str) -> None:
    assert signed_in.get(page_of(scheduled.saved_request, action)).status_code == 405


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
    assert "/schedule/pause/" not in page.content.decode()
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
    resumed = signed_in.post(page_of(stored, "resume"), follow=True)
    assert resumed.request["PATH_INFO"] == page_of(stored)
    assert Schedule.objects.get().is_paused
