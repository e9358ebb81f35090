"""How alerts reach people and programs: at least once, in order, signed, and no secret on the way."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMessage
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from accounts.models import Membership, Role, Team, User
from requests_builder import alerts
from requests_builder.alerts import channels, messages, signing
from requests_builder.models import ChannelKind, Delivery, RunState, Schedule
from tests.product import free_port
from tests.requests_builder.alerting import FIVE, Listener, ended, reader, scheduled, together

pytestmark = pytest.mark.django_db
DOCS = Path(__file__).parents[2] / "docs" / "alerts.md"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def server(httpserver: HTTPServer, settings: Settings) -> HTTPServer:
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{httpserver.port}"]
    return httpserver


@pytest.fixture
def receiver(server: HTTPServer) -> Listener:
    return Listener(server, "/hook")


@pytest.fixture
def schedule(team: Team, now: datetime) -> Schedule:
    return scheduled(team, now)


def fail(schedule: Schedule, at: datetime, **fields: Any) -> None:
    ended(schedule, at, **fields)
    alerts.watch(now=at)


def heal(schedule: Schedule, at: datetime) -> None:
    ended(schedule, at, RunState.SUCCEEDED)
    alerts.watch(now=at)


def verified(headers: Any, body: bytes, secret: str) -> bool:
    """As a receiver does who has copied the example of docs/alerts.md, at the time of the message."""
    example = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[0]
    names: dict[str, Any] = {}
    exec(compile(example, str(DOCS), "exec"), names)
    lowered = {name.lower(): value for name, value in headers.items()}
    with time_machine.travel(int(lowered["webhook-timestamp"]) + 60, tick=False):
        is_ours = names["is_ours"](lowered, body, secret)
    with time_machine.travel(int(lowered["webhook-timestamp"]) + 600, tick=False):
        assert not names["is_ours"](lowered, body, secret)
    assert not names["is_ours"](lowered, body + b" ", secret)
    return bool(is_ours)


# Signed webhooks


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of standardwebhooks.com's own libraries.
    headers = dict(
        signing.headers(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        )
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_has_one_id_and_one_body_however_often_it_is_tried(
    team: Team, schedule: Schedule, receiver: Listener, now: datetime
) -> None:
    _, secret = receiver.channel(team, ChannelKind.WEBHOOK)
    receiver.status = 503
    fail(schedule, now + FIVE)
    at = now + FIVE
    for _ in range(3):
        alerts.post(now=at)
        at += HOUR
    receiver.status = 204
    alerts.post(now=at)
    alerts.post(now=at + HOUR)

    assert len(receiver.requests) == 4
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len({request.get_data() for request in receiver.requests}) == 1
    stamps = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
    assert stamps == sorted(set(stamps))
    assert all(verified(each.headers, each.get_data(), secret) for each in receiver.requests)
    said = receiver.messages[0]
    assert (said["type"], said["data"]["kind"]) == ("incident.opened", "failing")
    assert said["data"]["request"]["name"] == "Contacts"


def test_after_a_rotation_both_secrets_verify_for_a_day(
    team: Team, schedule: Schedule, receiver: Listener, now: datetime
) -> None:
    channel, old = receiver.channel(team, ChannelKind.WEBHOOK)
    new = channels.rotate_secret(channel, user=reader(team), now=now)
    fail(schedule, now + FIVE)
    alerts.post(now=now + FIVE)
    heal(schedule, now + 25 * HOUR)
    alerts.post(now=now + 25 * HOUR)

    first, second = receiver.requests
    assert [verified(first.headers, first.get_data(), secret) for secret in (old, new)] == [True, True]
    assert [verified(second.headers, second.get_data(), secret) for secret in (old, new)] == [False, True]


# Tried again, in order, and given up


def test_what_does_not_arrive_is_tried_again_after_growing_gaps_and_the_page_says_so(
    team: Team, schedule: Schedule, receiver: Listener, now: datetime
) -> None:
    channel, _ = receiver.channel(team, ChannelKind.SLACK)
    receiver.status, receiver.words = 500, "rollup_error"
    at = now + FIVE
    fail(schedule, at)
    gaps = []
    for _ in range(10):
        alerts.post(now=at)
        following = Delivery.objects.get(channel=channel).send_at
        gaps.append(round((following - at).total_seconds()))
        at = following

    # The clock goes on while it is sent.
    assert gaps == pytest.approx([15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600], abs=2)
    channel.refresh_from_db()
    assert channel.state == "unreached"
    assert channel.failing_since is not None
    assert channel.failing_since - now - FIVE < MINUTE
    assert channel.last_error == "It answered 500 INTERNAL SERVER ERROR: “rollup_error”."
    receiver.status = 200
    alerts.post(now=at)

    channel.refresh_from_db()
    assert (channel.state, channel.last_error) == ("on", "")
    assert channel.last_sent_at is not None


def test_it_is_left_alone_for_as_long_as_it_asks(
    team: Team, schedule: Schedule, receiver: Listener, now: datetime
) -> None:
    receiver.channel(team, ChannelKind.SLACK)
    receiver.status, receiver.headers = 429, {"Retry-After": "300"}
    fail(schedule, now + FIVE)

    alerts.post(now=now + FIVE)

    assert Delivery.objects.get().send_at >= now + FIVE + timedelta(seconds=300)


def test_after_a_day_it_is_given_up_and_one_that_is_gone_for_good_is_switched_off(
    team: Team, schedule: Schedule, server: HTTPServer, now: datetime
) -> None:
    down, gone = Listener(server, "/down"), Listener(server, "/gone")
    slow, _ = down.channel(team, ChannelKind.SLACK, "Down")
    dead, _ = gone.channel(team, ChannelKind.SLACK, "Gone")
    down.status, gone.status, gone.words = 500, 410, "channel_is_archived"
    fail(schedule, now + FIVE)
    for hour in range(26):
        alerts.post(now=now + FIVE + hour * HOUR)

    assert len(gone.requests) == 1
    assert not Delivery.objects.waiting().exists()
    dead.refresh_from_db()
    slow.refresh_from_db()
    assert (dead.is_on, slow.is_on) == (False, True)
    assert "channel_is_archived" in dead.last_error


def test_the_end_is_never_told_before_the_beginning_nor_to_whom_that_did_not_reach(
    team: Team, schedule: Schedule, server: HTTPServer, now: datetime
) -> None:
    slow, deaf = Listener(server, "/slow"), Listener(server, "/deaf")
    slow.channel(team, ChannelKind.SLACK, "Slow")
    deaf.channel(team, ChannelKind.SLACK, "Deaf")
    slow.status, deaf.status = 503, 410
    at = now + FIVE
    fail(schedule, at)
    for gap in (0, 20, 40, 80, 160):
        at += timedelta(seconds=gap)
        alerts.post(now=at)
    slow.status = 200
    heal(schedule, at)
    tried = len(slow.requests)
    for minute in range(1, 20):
        alerts.post(now=at + minute * MINUTE)

    assert ["failing" in said["text"] for said in slow.messages[tried:]] == [True, False]
    assert len(deaf.requests) == 1


def test_a_channel_that_hangs_holds_up_no_other(
    team: Team, schedule: Schedule, server: HTTPServer, now: datetime
) -> None:
    for number in range(3):
        dead = Listener(server, f"/dead-{number}")
        dead.channel(team, ChannelKind.SLACK, f"Dead {number}")
        dead.status = 503
    good = Listener(server, "/good")
    good.channel(team, ChannelKind.SLACK, "Good")
    fail(schedule, now + FIVE)
    alerts.post(now=now + FIVE)
    other = scheduled(team, now + FIVE, "Other")
    fail(other, now + 2 * FIVE)

    assert Delivery.objects.due(now + 2 * FIVE).count() == 7
    before = len(server.log)
    alerts.post(now=now + 2 * FIVE)

    # First what works; then each of the others is tried once, not for all that waits for it.
    paths = [request.path for request, _ in server.log[before:]]
    assert paths[0] == "/good"
    assert sorted(paths[1:]) == ["/dead-0", "/dead-1", "/dead-2"]


@pytest.mark.django_db(transaction=True)
def test_those_who_send_at_once_send_once(
    team: Team, schedule: Schedule, receiver: Listener, now: datetime
) -> None:
    receiver.channel(team, ChannelKind.SLACK)
    fail(schedule, now + FIVE)

    receiver.seconds = 0.5
    together(3, lambda: alerts.post(now=now + FIVE))

    assert len(receiver.requests) == 1


def test_whose_sender_has_died_is_sent_by_another_after_a_while(
    team: Team, schedule: Schedule, receiver: Listener, now: datetime
) -> None:
    receiver.channel(team, ChannelKind.SLACK)
    fail(schedule, now + FIVE)
    Delivery.objects.update(leased_until=now + FIVE + MINUTE)
    assert alerts.post(now=now + FIVE) == 0

    assert alerts.post(now=now + FIVE + MINUTE) == 1
    assert len(receiver.requests) == 1


def test_no_redirect_is_followed_and_no_address_is_told(
    team: Team, schedule: Schedule, server: HTTPServer, now: datetime
) -> None:
    receiver, elsewhere = Listener(server, "/services/T0/SECRET"), Listener(server, "/elsewhere")
    channel, _ = receiver.channel(team, ChannelKind.SLACK)
    receiver.status, receiver.headers = 307, {"Location": elsewhere.url}
    fail(schedule, now + FIVE)
    alerts.post(now=now + FIVE)

    assert elsewhere.requests == []
    channel.refresh_from_db()
    assert "leads elsewhere" in channel.last_error
    assert "SECRET" not in channel.last_error + channel.host


# Mail


def test_mail_goes_to_who_wants_it_and_is_chosen_as_things_are_when_it_leaves(
    team: Team, schedule: Schedule, now: datetime, mailoutbox: list[EmailMessage]
) -> None:
    reader(team, Role.ADMIN, email="ann@example.org")
    for role, address in ((Role.VIEWER, "vic@example.org"), (Role.EDITOR, "off@example.org")):
        reader(team, role, email=address)
    Membership.objects.filter(user__email="off@example.org").update(hears_of_connections=False)
    gone = reader(team, Role.EDITOR, email="gone@example.org")
    fail(schedule, now + FIVE)
    Membership.objects.filter(user=gone).delete()

    alerts.post(now=now + FIVE)

    assert [mail.to for mail in mailoutbox] == [["ann@example.org"]]


def test_mail_goes_to_chosen_members_alone(
    team: Team, schedule: Schedule, now: datetime, mailoutbox: list[EmailMessage]
) -> None:
    reader(team, email="ann@example.org")
    bob = reader(team, email="bob@example.org")
    alerts.mail_channel(team.pk).people.add(bob)
    fail(schedule, now + FIVE)

    alerts.post(now=now + FIVE)

    assert [mail.to for mail in mailoutbox] == [["bob@example.org"]]


def test_a_mail_server_that_is_down_is_tried_again(
    team: Team, schedule: Schedule, now: datetime, settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    reader(team)
    fail(schedule, now + FIVE)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert alerts.post(now=now + FIVE) == 0
    assert "mail server" in alerts.mail_channel(team.pk).last_error

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert alerts.post(now=now + FIVE + MINUTE) == 1
    assert len(mailoutbox) == 1


# Words


def test_what_an_api_says_calls_nobody_and_breaks_nothing_in_slack(
    team: Team, schedule: Schedule, receiver: Listener, now: datetime
) -> None:
    receiver.channel(team, ChannelKind.SLACK)
    fail(schedule, now + FIVE, error="Said <!channel> & @everyone\nand <https://evil.example|this>.")
    alerts.post(now=now + FIVE)

    [said] = receiver.messages
    assert (
        "Said &lt;!channel&gt; &amp; @\u200beveryone and &lt;https://evil.example|this&gt;." in said["text"]
    )


def test_a_test_says_that_it_is_one(team: Team, editor: User, receiver: Listener, now: datetime) -> None:
    channel, secret = receiver.channel(team, ChannelKind.WEBHOOK)

    assert channels.test(channel, user=editor, now=now) == ""

    [request] = receiver.requests
    assert verified(request.headers, request.get_data(), secret)
    assert json.loads(request.get_data())["type"] == "test"
    assert messages.affected(receiver.messages[0]["data"]) == []
