"""What is told of schedules, and what is not: one alert for each incident, and one when it is over."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.mail import EmailMessage
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Response

from accounts.models import Role, Team, User
from config.celery import BEAT_SCHEDULE
from connections import notices
from connections.models import ConnectionState
from requests_builder import alerts, runs
from requests_builder.models import (
    Alert,
    AuthorizationKind,
    CatchUp,
    ChannelKind,
    Delivery,
    Incident,
    IncidentKind,
    Run,
    RunState,
    Schedule,
    Trigger,
)
from tests import factories
from tests.connections.test_notices import broken, enter
from tests.requests_builder.alerting import FIVE, Listener, ended, reader, scheduled, together, told

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)
FAILING, RECOVERED = ("failing", "opened"), ("failing", "recovered")
OK = RunState.SUCCEEDED


@pytest.fixture
def member(team: Team) -> User:
    return reader(team, email="ann@example.org")


def keep(team: Team, schedule: Schedule | None = None, **rules: Any) -> None:
    alerts.rules.keep(rules, team_id=team.pk, schedule=schedule)


# Failing


@pytest.mark.parametrize(
    ("refusal", "ticks", "failures"),
    [
        pytest.param(404, 500, 500, id="whatever is wrong with the request"),
        # Some of these are trials of a host that is down, and the others wait for it.
        pytest.param(503, 120, None, id="outage"),
    ],
)
def test_500_failing_ticks_make_one_alert_and_one_when_it_recovers(
    team: Team,
    member: User,
    now: datetime,
    httpserver: HTTPServer,
    settings: Settings,
    mailoutbox: list[EmailMessage],
    refusal: int,
    ticks: int,
    failures: int | None,
) -> None:
    keep(team, pause_after=0)
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{httpserver.port}"]
    settings.SCHEDULE_SPREAD_SECONDS = 0
    slack = Listener(httpserver, "/slack")
    slack.channel(team, ChannelKind.SLACK)
    status = refusal
    httpserver.expect_request("/items").respond_with_handler(
        lambda request: Response('[{"id": 1}]', status, content_type="application/json")
    )
    table = factories.TableFactory(team=team)
    schedule = scheduled(
        team, now, is_due=True, url=f"http://127.0.0.1:{httpserver.port}/items", table=table, retries=0
    )

    def tick(number: int) -> None:
        moment = now + number * FIVE
        for run_id in [*runs.start_due_runs(moment), *runs.recover_runs(moment)]:
            runs.execute(run_id, worker=uuid4(), now=moment)
        if failures is None or number < 3 or number % 20 == 0 or number > ticks:
            alerts.watch(now=moment + SECOND)
            alerts.post(now=moment + SECOND)

    for number in range(1, ticks + 1):
        tick(number)

    failed = schedule.runs.filter(state=RunState.FAILED).count()
    assert failed == (failures or failed)
    assert told() == [FAILING]
    assert Incident.objects.get().failures == failed
    status = 200
    for number in range(ticks + 1, ticks + 4):
        tick(number)

    assert told() == [FAILING, RECOVERED]
    assert [message["text"].splitlines()[0] for message in slack.messages] == [
        "🔴 *Contacts in Acme is failing*",
        "✅ *Contacts in Acme works again*",
    ]
    assert [mail.subject for mail in mailoutbox] == [
        "Contacts in Acme is failing",
        "Contacts in Acme works again",
    ]
    assert f"after {failed} failures in a row" in str(mailoutbox[1].body)


def test_a_failure_is_told_with_why_what_it_affects_what_to_do_and_where(
    team: Team, member: User, now: datetime, mailoutbox: list[EmailMessage]
) -> None:
    table = factories.TableFactory(team=team, name="contacts")
    table.feeds.create(name="Budget sheet", token_hash="x", created_at=now, window_at=now)
    schedule = scheduled(team, now, table=table)
    run = ended(schedule, now + FIVE)

    alerts.watch(now=now + FIVE)
    alerts.post(now=now + FIVE)

    [mail] = mailoutbox
    body = str(mail.body)
    assert mail.to == ["ann@example.org"]
    assert "The run that was due 23 Nov 2026, 12:05 (UTC) failed." in body
    assert "Why: The API answered 404 Not Found." in body
    for line in ("Schedule: Every 5 minutes", "Table: contacts", "Feeds of the table: Budget sheet"):
        assert line in body
    assert "Open the request and mend what the reason names" in body
    assert f"http://localhost:8000/t/acme/runs/{run.pk}/" in body
    assert f"http://localhost:8000/t/acme/schedules/{schedule.saved_request_id}/" in body


def test_only_after_so_many_failures_in_a_row_if_the_team_wants_it_so(team: Team, now: datetime) -> None:
    keep(team, failure_after=3)
    schedule = scheduled(team, now)
    for number, state in enumerate(["failed", "failed", "succeeded", "failed", "failed"], 1):
        ended(schedule, now + number * FIVE, RunState(state))
        alerts.watch(now=now + number * FIVE)

    assert told() == []
    ended(schedule, now + 6 * FIVE)
    alerts.watch(now=now + 6 * FIVE)

    assert told() == [FAILING]


def test_a_schedule_may_have_it_otherwise_than_its_team(team: Team, now: datetime) -> None:
    loud, quiet = scheduled(team, now, "Loud"), scheduled(team, now, "Quiet")
    keep(team, failure_after=0)
    keep(team, loud, failure_after=1)
    for schedule in (loud, quiet):
        ended(schedule, now + FIVE)

    alerts.watch(now=now + FIVE)

    assert told(incident__schedule=loud) == [FAILING]
    assert told(incident__schedule=quiet) == []


def test_what_nobody_was_told_of_does_not_recover_aloud(team: Team, now: datetime) -> None:
    keep(team, failure_after=2)
    schedule = scheduled(team, now)
    ended(schedule, now + FIVE)
    alerts.watch(now=now + FIVE)
    ended(schedule, now + 2 * FIVE, OK)

    alerts.watch(now=now + 2 * FIVE)

    assert told() == []
    assert Incident.objects.get().ended_at


def test_what_is_run_by_hand_heals_but_is_no_failure_of_the_schedule(team: Team, now: datetime) -> None:
    schedule = scheduled(team, now)
    by_hand = {"trigger": Trigger.MANUAL}
    ended(schedule, now + MINUTE, **by_hand)
    alerts.watch(now=now + MINUTE)
    assert told() == []

    ended(schedule, now + FIVE)
    alerts.watch(now=now + FIVE)
    ended(schedule, now + FIVE + MINUTE, OK, **by_hand)
    alerts.watch(now=now + FIVE + MINUTE)

    assert told() == [FAILING, RECOVERED]


def test_a_run_that_is_seen_late_is_seen(team: Team, now: datetime) -> None:
    schedule = scheduled(team, now)
    alerts.watch(now=now + FIVE + MINUTE)
    ended(schedule, now + FIVE)
    alerts.watch(now=now + FIVE + MINUTE)
    assert told() == [FAILING]

    # As of a process that stood still for an hour between its look at the clock and its commit.
    other = scheduled(team, now + HOUR, "Other")
    ended(other, now + FIVE)
    alerts.watch(now=now + 2 * HOUR)

    assert told(incident__schedule=other) == [FAILING]


def test_another_team_hears_nothing(team: Team, now: datetime) -> None:
    other = factories.TeamFactory()
    reader(other, Role.OWNER)
    ended(scheduled(team, now), now + FIVE)

    alerts.watch(now=now + FIVE)

    assert not Delivery.objects.exclude(channel__team=team).exists()
    assert Alert.objects.get().team == team


# Once, whoever watches and whatever is killed


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(statement: int) -> Iterator[list[str]]:
    """Let nothing of this statement, and of what comes after it, happen."""
    seen: list[str] = []

    def count(execute: Any, sql: str, *arguments: Any) -> Any:
        seen.append(sql)
        if len(seen) == statement:
            raise Killed
        return execute(sql, *arguments)

    with database.execute_wrapper(count):
        yield seen


def test_a_watcher_that_is_killed_between_any_two_statements_tells_all_and_nothing_twice(
    team: Team, member: User, now: datetime
) -> None:
    keep(team, pause_after=2)
    schedule = scheduled(team, now)
    # One failure is known, with the next one it is paused; another heals, and there are no records.
    ended(schedule, now + FIVE)
    other = scheduled(team, now, "Other")
    ended(other, now + FIVE)
    alerts.watch(now=now + FIVE)
    ended(schedule, now + 2 * FIVE)
    ended(other, now + 2 * FIVE, OK, findings={"remark": "New fields were left out: mail."})
    later = now + 2 * FIVE

    statement, was_killed = 0, True
    while was_killed:
        statement += 1
        with transaction.atomic():
            try:
                with killed_at(statement):
                    alerts.watch(now=later)
                was_killed = False
            except Killed:
                alerts.watch(now=later + SECOND)

            assert told(incident__schedule=schedule) == [FAILING, ("paused", "opened")], statement
            assert set(told(incident__schedule=other)) == {FAILING, RECOVERED, ("drift", "opened")}, statement
            assert Alert.objects.count() == Delivery.objects.count() == 5, statement
            transaction.set_rollback(True)
    assert statement > 30


@pytest.mark.django_db(transaction=True)
def test_watchers_at_once_tell_once(team: Team, now: datetime) -> None:
    reader(team)
    keep(team, pause_after=1)
    schedules = [scheduled(team, now, f"Request {number}") for number in range(4)]
    for schedule in schedules:
        ended(schedule, now + FIVE)

    together(4, lambda: alerts.watch(now=now + FIVE))

    expected = [FAILING, ("paused", "opened")]
    assert [told(incident__schedule=schedule) for schedule in schedules] == [expected] * 4
    assert Delivery.objects.count() == 8
    for schedule in schedules:
        ended(schedule, now + 2 * FIVE, OK)

    together(4, lambda: alerts.watch(now=now + 2 * FIVE))

    assert [told(incident__schedule=schedule)[-1] for schedule in schedules] == [RECOVERED] * 4
    assert Delivery.objects.count() == 12


def test_a_tick_costs_the_same_however_many_runs_there_are(team: Team, now: datetime) -> None:
    schedule = scheduled(team, now)

    def cost(at: datetime) -> int:
        with CaptureQueriesContext(database) as queries:
            alerts.watch(now=at)
        return len(queries)

    ended(schedule, now + FIVE)
    alerts.watch(now=now + FIVE)
    alerts.watch(now=now + FIVE + HOUR)
    idle = cost(now + FIVE + HOUR + MINUTE)
    for number in range(2, 200):
        ended(schedule, now + number * MINUTE + HOUR, OK)
    busy = cost(now + 4 * HOUR + 30 * MINUTE)

    alerts.watch(now=now + 9 * HOUR)
    assert cost(now + 9 * HOUR + MINUTE) == idle <= 9
    # The end of an incident is told once.
    assert busy <= idle + 25


def test_both_ticks_are_on_the_clock() -> None:
    tasks = {entry["task"] for entry in BEAT_SCHEDULE.values()}
    assert {"requests_builder.tasks.watch_runs", "requests_builder.tasks.send_alerts"} <= tasks


# Empty, late, drift


def test_no_records_are_told_if_there_were_some_before(team: Team, now: datetime) -> None:
    schedule = scheduled(team, now)
    for number, rows in enumerate([3, 0, 0, 5], 1):
        ended(schedule, now + number * FIVE, OK, rows=rows)
        alerts.watch(now=now + number * FIVE)

    assert told() == [("empty", "opened"), ("empty", "recovered")]


def test_no_records_are_no_news_where_there_never_were_any_or_only_new_ones_are_wanted(
    team: Team, now: datetime
) -> None:
    never, new = scheduled(team, now, "Never"), scheduled(team, now, "New", newest_field="at")
    ended(new, now + FIVE, OK, rows=9)
    for schedule in (never, new):
        ended(schedule, now + 2 * FIVE, OK, rows=0)

    alerts.watch(now=now + 2 * FIVE)

    assert told() == []


def test_fields_that_do_not_fit_are_told_until_they_do(team: Team, now: datetime) -> None:
    schedule = scheduled(team, now)
    drifted = {"new": {"mail": ""}, "remark": "New fields were left out: mail."}
    for number, findings in enumerate([{"missing": []}, drifted, drifted, {"missing": []}], 1):
        ended(schedule, now + number * FIVE, OK, findings=findings)
        alerts.watch(now=now + number * FIVE)

    assert told() == [("drift", "opened"), ("drift", "recovered")]
    assert Alert.objects.earliest("at").facts["why"] == "New fields were left out: mail."


def test_a_run_that_has_not_begun_in_time_is_late_until_it_does(team: Team, now: datetime) -> None:
    schedule = scheduled(team, now, is_due=True)
    runs.start_due_runs(now + FIVE)
    Run.objects.update(created_at=now + FIVE)
    alerts.watch(now=now + FIVE + 14 * MINUTE)
    assert told() == []

    for minutes in (15, 16):
        alerts.watch(now=now + FIVE + minutes * MINUTE)
    assert told() == [("late", "opened")]
    schedule.runs.update(state=RunState.RUNNING, attempts=1)
    alerts.watch(now=now + FIVE + 17 * MINUTE)

    assert told() == [("late", "opened"), ("late", "recovered")]


def waiting(schedule: Schedule, now: datetime) -> None:
    """A run that was due, and has not begun."""
    run = ended(schedule, now)
    nothing = {"attempts": 0, "finished_at": None, "error": "", "error_code": "", "mender": ""}
    Run.objects.filter(pk=run.pk).update(state=RunState.QUEUED, created_at=now, **nothing)


def test_a_run_that_its_host_holds_back_again_and_again_is_late_once(team: Team, now: datetime) -> None:
    waiting(scheduled(team, now), now + FIVE)

    for minutes in range(15, 25):
        at = now + FIVE + minutes * MINUTE
        Run.objects.update(not_before=at + (MINUTE if minutes % 2 else -MINUTE))
        alerts.watch(now=at)

    assert told() == [("late", "opened")]


def test_who_knows_that_it_fails_does_not_hear_that_it_is_late(team: Team, now: datetime) -> None:
    schedule = scheduled(team, now)
    ended(schedule, now + FIVE)
    alerts.watch(now=now + FIVE)
    waiting(schedule, now + 2 * FIVE)

    alerts.watch(now=now + HOUR)

    assert told() == [FAILING]


def test_a_due_time_that_no_scheduler_writes_down_is_late(team: Team, now: datetime) -> None:
    scheduled(team, now, is_due=True)

    alerts.watch(now=now + FIVE + 15 * MINUTE)

    assert told() == [("late", "opened")]


def test_what_is_made_up_for_is_not_told_as_late(team: Team, now: datetime) -> None:
    schedule = scheduled(team, now, is_due=True)
    Schedule.objects.filter(pk=schedule.pk).update(catch_up=CatchUp.ALL)
    away_until = now + DAY
    runs.start_due_runs(away_until)
    Run.objects.update(created_at=away_until)

    alerts.watch(now=away_until + MINUTE)

    assert schedule.runs.in_line().count() > 50
    assert told() == []


# Pausing


def test_a_schedule_is_paused_after_so_many_failures_that_nothing_heals_and_goes_on_when_resumed(
    team: Team, member: User, now: datetime
) -> None:
    keep(team, pause_after=3)
    schedule = scheduled(team, now)
    for number in range(1, 4):
        ended(schedule, now + number * FIVE)
        alerts.watch(now=now + number * FIVE)

    schedule.refresh_from_db()
    assert (schedule.state, schedule.stopped_at) == ("stopped", now + 3 * FIVE)
    assert told() == [FAILING, ("paused", "opened")]
    assert "Then press Resume" in Alert.objects.latest("at").facts["to_do"]
    runs.resume(schedule, now=now + 4 * FIVE)
    ended(schedule, now + 4 * FIVE + MINUTE)
    alerts.watch(now=now + 5 * FIVE)

    schedule.refresh_from_db()
    assert (schedule.state, schedule.stopped_at) == ("active", None)
    assert not Incident.objects.open().filter(kind=IncidentKind.PAUSED).exists()


def test_an_outage_of_the_api_pauses_nothing_before_three_days(team: Team, now: datetime) -> None:
    keep(team, pause_after=3)
    schedule = scheduled(team, now)
    for number in range(1, 73):
        ended(schedule, now + number * HOUR, mender="provider")
        if number % 12 == 0:
            alerts.watch(now=now + number * HOUR)
    assert told() == [FAILING]

    ended(schedule, now + 73 * HOUR, mender="provider")
    alerts.watch(now=now + 73 * HOUR)

    assert told() == [FAILING, ("paused", "opened")]


@pytest.mark.parametrize("changed", [{"pause_after": 0}, {"pause_after": 4}])
def test_it_is_not_paused_before_or_if_nobody_wants_it(
    team: Team, now: datetime, changed: dict[str, int]
) -> None:
    keep(team, **changed)
    schedule = scheduled(team, now)
    for number in range(1, 4):
        ended(schedule, now + number * FIVE)

    alerts.watch(now=now + 3 * FIVE)

    schedule.refresh_from_db()
    assert schedule.state == "active"


def test_resuming_makes_up_for_what_was_skipped(team: Team, now: datetime) -> None:
    keep(team, pause_after=1)
    schedule = scheduled(team, now, is_due=True)
    ended(schedule, now)
    alerts.watch(now=now)
    schedule.refresh_from_db()

    done = runs.resume_and_backfill(schedule, user=None, now=now + 4 * FIVE)

    # The newest by the catch-up policy, the others as a backfill.
    assert (done.queued, done.kept) == (3, 1)
    due = schedule.runs.filter(due_at__gt=now).order_by("due_at")
    assert list(due.values_list("trigger", "state")) == [("backfill", "queued")] * 3 + [
        ("schedule", "queued")
    ]


def test_of_very_many_that_were_skipped_the_newest_are_made_up_for(team: Team, now: datetime) -> None:
    schedule = scheduled(team, now, is_due=True)
    Schedule.objects.update(is_paused=True, stopped_at=now)

    done = runs.resume_and_backfill(schedule, user=None, now=now + 1_000 * FIVE)

    assert done.queued + done.kept == 500
    assert schedule.runs.in_line().earliest("due_at").due_at == now + 501 * FIVE


def test_what_was_skipped_while_it_was_paused_for_failures_is_offered_afterwards(
    team: Team, now: datetime
) -> None:
    schedule = scheduled(team, now, is_due=True)
    Schedule.objects.update(is_paused=True, stopped_at=now)
    runs.resume(schedule, now=now + 3 * FIVE)

    assert runs.resuming.skipped_lately(schedule, now + 3 * FIVE) == (2, now + FIVE, now + 2 * FIVE)


# Connections


@pytest.fixture
def slack(team: Team, httpserver: HTTPServer, settings: Settings) -> Listener:
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{httpserver.port}"]
    listener = Listener(httpserver, "/slack")
    listener.channel(team, ChannelKind.SLACK)
    return listener


def test_a_connection_that_needs_a_person_is_told_by_mail_once_and_once_to_each_other_channel(
    team: Team, now: datetime, slack: Listener, mailoutbox: list[EmailMessage]
) -> None:
    reader(team, Role.ADMIN)
    crm = broken(team, now, name="CRM")
    schedule = scheduled(team, now, connection=crm, authorization_kind=AuthorizationKind.OAUTH)
    ended(schedule, now + MINUTE, mender="connection", error_code="reauthorization_required")

    for minute in range(2, 5):
        notices.watch(now=now + minute * MINUTE)
        notices.post(now=now + minute * MINUTE)
        alerts.watch(now=now + minute * MINUTE)
        alerts.post(now=now + minute * MINUTE)

    assert [mail.subject for mail in mailoutbox] == ["CRM in Acme needs reconnecting"]
    [said] = slack.messages
    assert said["text"].startswith("🔴 *CRM in Acme needs reconnecting*")
    assert "Requests: Contacts" in said["text"]
    enter(crm, ConnectionState.CONNECTED, now + HOUR)
    ended(schedule, now + HOUR, OK)
    for minute in range(1, 3):
        notices.watch(now=now + HOUR + minute * MINUTE)
        notices.post(now=now + HOUR + minute * MINUTE)
        alerts.watch(now=now + HOUR + minute * MINUTE)
        alerts.post(now=now + HOUR + minute * MINUTE)

    assert [mail.subject for mail in mailoutbox][1:] == ["CRM in Acme works again"]
    assert [message["text"].splitlines()[0] for message in slack.messages[1:]] == [
        "✅ *CRM in Acme works again*"
    ]


def test_a_channel_hears_nothing_of_connections_if_the_team_wants_it_so(
    team: Team, now: datetime, slack: Listener
) -> None:
    keep(team, on_connection=False)
    broken(team, now)
    notices.watch(now=now)

    alerts.watch(now=now)

    assert told() == []
