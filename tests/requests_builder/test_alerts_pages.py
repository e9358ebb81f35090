"""The pages of alerts: where they go, when, and what is wrong now."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from accounts.models import AuditEntry, Team, User
from requests_builder import alerts
from requests_builder.models import AlertRules, Channel, ChannelKind, Incident, IncidentKind, Schedule
from tests.factories import SavedRequestFactory
from tests.requests_builder.alerting import Listener, ended, reader, scheduled
from tests.requests_builder.pages import assert_costs_the_same, text

pytestmark = pytest.mark.django_db
SECRET_URL = "https://hooks.slack.com/services/T0/B0/VERYSECRET"
RULES = {
    "failure_after": "3",
    "on_recovery": "on",
    "late_after": "30",
    "on_empty": "",
    "on_drift": "on",
    "on_connection": "on",
    "pause_after": "0",
}


@pytest.fixture
def page(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


def add(page: Client, kind: str, **typed: str) -> Any:
    return page.post(f"/t/acme/alerts/channels/new/{kind}/", {"name": "On-call", **typed})


def broken(team: Team) -> Incident:
    """A schedule that fails."""
    now = timezone.now()
    schedule = scheduled(team, now)
    ended(schedule, now + timedelta(seconds=1))
    alerts.watch(now=now + timedelta(seconds=2))
    return Incident.objects.get(schedule=schedule)


# Channels


def test_the_address_of_a_channel_is_never_shown_again_and_empty_keeps_it(page: Client) -> None:
    assert add(page, "slack", url=SECRET_URL).status_code == 302
    channel = Channel.objects.get(kind=ChannelKind.SLACK)
    path = f"/t/acme/alerts/channels/{channel.pk}/"

    for shown in (page.get("/t/acme/alerts/"), page.get(path)):
        assert "VERYSECRET" not in shown.content.decode()
        assert "hooks.slack.com" in text(shown)
    assert page.post(path, {"name": "#alerts", "url": ""}).status_code == 302

    channel.refresh_from_db()
    assert (channel.name, channel.url) == ("#alerts", SECRET_URL)
    assert not any("VERYSECRET" in str(entry.__dict__) for entry in AuditEntry.objects.all())


@pytest.mark.parametrize(
    ("kind", "typed", "sentence"),
    [
        ("slack", {"url": "http://hooks.slack.com/services/x"}, "the address must begin with https://"),
        ("slack", {"url": "hooks.slack.com/services/x"}, "Did you mean https://hooks.slack.com/services/x?"),
        ("webhook", {"url": "https://10.0.0.1/hook"}, "only public internet addresses"),
        ("webhook", {"url": "https://localhost/hook"}, "only public internet addresses"),
        ("webhook", {"url": ""}, "Enter the address that the messages go to."),
        ("slack", {"url": SECRET_URL, "name": "Taken"}, "Another channel of this team has this name."),
    ],
)
def test_what_is_wrong_with_a_channel_is_said(
    page: Client, team: Team, kind: str, typed: dict[str, str], sentence: str
) -> None:
    Channel.objects.create(team=team, kind=ChannelKind.SLACK, name="Taken")

    answer = add(page, kind, **typed)

    assert answer.status_code == 422
    assert sentence in text(answer)
    assert Channel.objects.exclude(name="Taken").count() == 0


@pytest.mark.parametrize(
    ("addresses", "sentence"),
    [
        ("ann@", "“ann@” is not an e-mail address."),
        ("stranger@example.org", "stranger@example.org belongs to no member of this team."),
    ],
)
def test_mail_goes_to_members_only(page: Client, team: Team, addresses: str, sentence: str) -> None:
    mails = alerts.mail_channel(team.pk)

    answer = page.post(f"/t/acme/alerts/channels/{mails.pk}/", {"name": "Mail", "addresses": addresses})

    assert answer.status_code == 422
    assert sentence in text(answer).replace("&#x27;", "'")


def test_mail_to_chosen_members_is_kept_and_shown(page: Client, team: Team, editor: User) -> None:
    mails = alerts.mail_channel(team.pk)
    path = f"/t/acme/alerts/channels/{mails.pk}/"

    assert page.post(path, {"name": "Mail", "addresses": editor.email.upper()}).status_code == 302

    assert list(mails.people.all()) == [editor]
    assert editor.email in text(page.get(path))


def test_the_secret_of_a_signed_webhook_is_shown_once_and_can_be_rotated(page: Client) -> None:
    made = add(page, "webhook", url="https://example.org/hook")
    channel = Channel.objects.get(kind=ChannelKind.WEBHOOK)
    assert channel.secret is not None
    assert channel.secret in made.content.decode()
    path = f"/t/acme/alerts/channels/{channel.pk}/"
    assert channel.secret not in page.get(path).content.decode()

    rotated = page.post(f"{path}secret/")

    old = channel.secret
    channel.refresh_from_db()
    assert channel.secret != old
    assert channel.previous_secret == old
    assert channel.secret in rotated.content.decode()
    assert "no-store" in rotated["Cache-Control"]


def test_a_test_says_whether_it_arrived_and_why_not(
    page: Client, team: Team, httpserver: HTTPServer, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{httpserver.port}"]
    listener = Listener(httpserver, "/hook")
    channel, _ = listener.channel(team, ChannelKind.SLACK)
    path = f"/t/acme/alerts/channels/{channel.pk}/test/"

    assert "The test has arrived: 127.0.0.1 has taken it." in text(page.post(path, follow=True))
    listener.status, listener.words = 404, "no_service"
    refused = page.post(path, follow=True)

    assert "The test did not arrive by Slack. It answered 404 NOT FOUND: “no_service”." in text(refused)
    assert "Does not arrive" in text(page.get("/t/acme/alerts/"))
    listener.status = 200
    page.post(path)
    assert "Does not arrive" not in text(page.get("/t/acme/alerts/"))


def test_a_test_by_mail_goes_to_whoever_asks_alone(
    client: Client, team: Team, mailoutbox: list[EmailMessage]
) -> None:
    reader(team, email="other@example.org")
    client.force_login(reader(team, email="ann@example.org"))
    mails = alerts.mail_channel(team.pk)

    client.post(f"/t/acme/alerts/channels/{mails.pk}/test/")

    assert [mail.to for mail in mailoutbox] == [["ann@example.org"]]


def test_a_test_reaches_no_private_address_although_its_name_is_public(page: Client, team: Team) -> None:
    channel = Channel(team=team, kind=ChannelKind.SLACK, name="Rebound", host="x", url="https://127.0.0.1/")
    channel.save()

    answer = page.post(f"/t/acme/alerts/channels/{channel.pk}/test/", follow=True)

    assert "The test did not arrive by Rebound. This address may not be called" in text(answer)


def test_a_channel_is_switched_off_and_deleted(page: Client, team: Team) -> None:
    channel = Channel.objects.create(team=team, kind=ChannelKind.SLACK, name="Slack")
    path = f"/t/acme/alerts/channels/{channel.pk}/"

    page.post(f"{path}switch/", {"to": "off"})
    channel.refresh_from_db()
    assert not channel.is_on
    page.post(f"{path}delete/")

    assert not Channel.objects.filter(kind=ChannelKind.SLACK).exists()
    mails = alerts.mail_channel(team.pk)
    page.post(f"/t/acme/alerts/channels/{mails.pk}/delete/")
    assert Channel.objects.filter(pk=mails.pk).exists()


# Rules


def test_the_rules_of_a_team_are_kept_and_said(page: Client, team: Team) -> None:
    assert page.post("/t/acme/alerts/rules/", RULES).status_code == 302

    assert alerts.rules.of_team(team.pk) == alerts.Rules(
        failure_after=3, late_after=30, on_empty=False, pause_after=0
    )
    assert "after 3 failures in a row" in text(page.get("/t/acme/alerts/"))
    refused = page.post("/t/acme/alerts/rules/", RULES | {"failure_after": "-1"})
    assert refused.status_code == 422


def test_a_schedule_keeps_only_what_it_has_otherwise(page: Client, team: Team) -> None:
    schedule = scheduled(team, timezone.now())
    path = f"/t/acme/schedules/{schedule.saved_request_id}/alerts/"

    assert page.post(path, {"failure_after": "5", "on_empty": "no"}).status_code == 302
    page.post("/t/acme/alerts/rules/", RULES)

    own = alerts.rules.of_schedules([schedule])[schedule.pk]
    assert (own.failure_after, own.on_empty, own.late_after) == (5, False, 30)
    assert "Contacts" in text(page.get("/t/acme/alerts/"))
    page.post(path, {})
    assert not AlertRules.objects.filter(schedule=schedule).exists()


# What is wrong


def test_what_is_wrong_stands_on_the_dashboard_the_alerts_and_the_schedule(page: Client, team: Team) -> None:
    incident = broken(team)
    request = incident.schedule.saved_request_id

    for path in ("", "alerts/", "alerts/incidents/", f"schedules/{request}/"):
        assert "The API answered 404 Not Found." in text(page.get(f"/t/acme/{path}")), path


def test_a_schedule_that_was_paused_says_so_and_is_resumed_with_what_was_skipped(
    page: Client, team: Team, now: datetime
) -> None:
    schedule = scheduled(team, now, is_due=True)
    alerts.rules.keep({"pause_after": 1}, team_id=team.pk)
    ended(schedule, now)
    alerts.watch(now=now)
    path = f"/t/acme/schedules/{schedule.saved_request_id}/"

    shown = page.get(path)
    assert "Paused after 1 failure in a row" in text(shown)
    assert "Resume and backfill what was skipped" in text(shown)
    assert "Contacts is paused because it failed again and again" in text(page.get("/t/acme/schedules/"))
    answer = page.post(f"{path}resume/", {"from": "page", "backfill": "yes"}, follow=True)

    assert "The schedule of Contacts goes on." in text(answer)
    assert schedule.runs.in_line().count() > 100
    assert Schedule.objects.get().state == "active"


def test_pages_cost_the_same_for_many_incidents(page: Client, team: Team) -> None:
    now = timezone.now()
    rule = {"every": "1 hour"}

    def make(more: int) -> None:
        for _ in range(more):
            schedule = Schedule.objects.create(saved_request=SavedRequestFactory(team=team), rule=rule)
            opened = {"since": now, "opened_at": now}
            Incident.objects.create(team=team, schedule=schedule, kind=IncidentKind.EMPTY, **opened)

    for path in ("/t/acme/", "/t/acme/alerts/", "/t/acme/alerts/incidents/"):
        assert_costs_the_same(page, path, make)


def test_viewers_see_and_change_nothing(client: Client, viewer: User, team: Team) -> None:
    client.force_login(viewer)

    shown = text(client.get("/t/acme/alerts/"))

    assert "all who may edit" in shown
    assert "Send a test" not in shown
