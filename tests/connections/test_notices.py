"""What people are told about connections: once for each cause, to those who can act, and when it is over."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.message import Message
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection as database
from django.db import connections as databases
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now as clock
from pytest_django.fixtures import Settings

from accounts.models import Membership, Role, Team, User
from config.celery import BEAT_SCHEDULE
from connections import grants, notices, tasks
from connections.models import (
    Connection,
    ConnectionState,
    Notice,
    NoticeKind,
    NoticeMail,
    Token,
)
from connections.models.notices import ALL_CLEAR
from demo_api.server import DemoServer
from requests_builder.models import Schedule
from tests import factories
from tests.factories import ConnectionFactory, SavedRequestFactory, TeamFactory
from tests.product import free_port
from tests.requests_builder.pages import text

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Outbox = list[EmailMessage]


def reader(team: Team, role: Role, **fields: Any) -> User:
    """A member with an address that was confirmed."""
    user = factories.member_of(team, role, **fields)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


@pytest.fixture
def admin(team: Team) -> User:
    return reader(team, Role.ADMIN, email="ann@example.org", name="Ann")


def enter(
    connection: Connection, state: ConnectionState, now: datetime, reason: str = "", provider_text: str = ""
) -> None:
    Connection.objects.filter(pk=connection.pk).enter(state, reason, now, provider_text=provider_text)


def broken(team: Team, now: datetime, state: str = "needs_reauth", **fields: Any) -> Connection:
    made: Connection = ConnectionFactory(team=team, **fields)
    enter(made, ConnectionState(state), now)
    return made


def tick(now: datetime) -> int:
    notices.watch(now=now)
    return notices.post(now=now)


def html_of(mail: EmailMessage) -> str:
    part: Message = mail.message().get_payload()[1]  # type: ignore[assignment, index]
    return part.get_payload(decode=True).decode()  # type: ignore[union-attr]


def subjects(outbox: Outbox) -> list[str]:
    return [mail.subject for mail in outbox]


# Once for each cause


@pytest.mark.requirement("R39", "R59", "QC27")
def test_a_lost_grant_is_told_at_once_and_once(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    broken(team, now, name="CRM")

    for minute in range(3):
        tick(now + minute * MINUTE)
    tick(now + 30 * DAY)

    assert subjects(mailoutbox) == ["CRM in Acme needs reconnecting"]
    assert mailoutbox[0].to == ["ann@example.org"]


@pytest.mark.requirement("R39", "R59", "QC27")
def test_a_provider_that_ends_a_grant_makes_one_mail(
    provider: DemoServer, connection: Connection, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    factories.connected(connection, now=now, life=MINUTE, refresh_at=now)
    provider.fail_token(status=400, body={"error": "bad_refresh_token"}, times=9)

    for minute in range(1, 4):
        grants.refresh_due_tokens(now=now + minute * MINUTE)
        tick(now + minute * MINUTE)

    assert subjects(mailoutbox) == ["CRM in Acme needs reconnecting"]
    assert "bad_refresh_token" in str(mailoutbox[0].body)


@pytest.mark.requirement("R59")
def test_fifty_connections_of_one_app_make_one_notice_and_one_mail_with_fifty_names(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    for number in range(50):
        broken(team, now, "config_error", name=f"Shop {number:02}")

    tick(now)
    tick(now + MINUTE)

    assert Notice.objects.count() == 1
    assert subjects(mailoutbox) == [
        "The provider refuses the settings of Shop 00 and 49 more connections in Acme"
    ]
    assert all(f"- Shop {number:02}\n" in str(mailoutbox[0].body) for number in range(50))


@pytest.mark.requirement("R59")
def test_another_app_or_another_team_is_another_cause(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    reader(other := TeamFactory(name="Other"), Role.OWNER)
    broken(team, now, name="CRM")
    broken(team, now, name="Mail", client_id="another")
    broken(team, now, name="Ads", token_url="https://elsewhere.example/token")
    broken(other, now, name="Theirs")

    tick(now)

    assert sorted(subjects(mailoutbox)) == [
        "Ads in Acme needs reconnecting",
        "CRM in Acme needs reconnecting",
        "Mail in Acme needs reconnecting",
        "Theirs in Other needs reconnecting",
    ]


@pytest.mark.requirement("R59")
def test_grants_that_are_lost_one_after_the_other_are_told_together_an_hour_after_the_first(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    broken(team, now, name="A")
    tick(now)
    for number, name in enumerate("BC", 1):
        broken(team, now + number * MINUTE, name=name)
        tick(now + number * MINUTE)
    assert len(mailoutbox) == 1

    for minute in (61, 62, 63, 200):
        tick(now + minute * MINUTE)

    assert subjects(mailoutbox)[1:] == ["B and C in Acme need reconnecting"]


@pytest.mark.requirement("R59")
def test_what_a_cause_that_was_told_hits_later_is_not_told_again(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    broken(team, now, "config_error", name="A")
    tick(now)
    broken(team, now, "config_error", name="B")

    tick(now + 5 * HOUR)

    assert len(mailoutbox) == 1
    assert Notice.objects.get().subjects.count() == 2


@pytest.mark.requirement("R41", "QC30")
def test_a_provider_that_is_out_of_order_is_told_after_an_hour(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    broken(team, now, "retrying", name="CRM")

    tick(now + 59 * MINUTE)
    assert mailoutbox == []

    tick(now + HOUR)
    tick(now + DAY)
    assert subjects(mailoutbox) == ["CRM in Acme cannot be renewed for the moment"]


@pytest.mark.requirement("R41", "QC30")
def test_an_outage_of_less_than_an_hour_says_nothing_at_all(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    connection = broken(team, now, "retrying")
    tick(now + 50 * MINUTE)
    enter(connection, ConnectionState.CONNECTED, now + 55 * MINUTE)

    tick(now + 2 * HOUR)

    assert mailoutbox == []
    assert not Notice.objects.exists()


# To those who can act


@pytest.mark.requirement("R59")
def test_mail_goes_to_admins_owners_and_the_maker_and_to_nobody_else(
    team: Team, now: datetime, mailoutbox: Outbox
) -> None:
    maker = reader(team, Role.EDITOR, email="maker@example.org")
    reader(team, Role.OWNER, email="owner@example.org")
    reader(team, Role.ADMIN, email="admin@example.org")
    reader(team, Role.EDITOR, email="editor@example.org")
    reader(team, Role.VIEWER, email="viewer@example.org")
    reader(team, Role.ADMIN, email="off@example.org", is_active=False)
    factories.member_of(team, Role.ADMIN, email="unverified@example.org")
    Membership.objects.filter(user=reader(team, Role.ADMIN, email="deaf@example.org")).update(
        hears_of_connections=False
    )
    reader(TeamFactory(), Role.OWNER, email="stranger@example.org")
    broken(team, now, created_by=maker)

    notices.watch(now=now)
    assert NoticeMail.objects.count() == 3
    notices.post(now=now)

    assert sorted(mail.to[0] for mail in mailoutbox) == [
        "admin@example.org",
        "maker@example.org",
        "owner@example.org",
    ]


@pytest.mark.requirement("R59")
def test_a_maker_who_is_a_viewer_now_is_not_written_to(team: Team, now: datetime, mailoutbox: Outbox) -> None:
    broken(team, now, created_by=reader(team, Role.VIEWER))

    tick(now)

    assert mailoutbox == []


@pytest.mark.requirement("R59")
def test_a_maker_reads_only_of_what_they_may_mend(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    maker = reader(team, Role.EDITOR, email="maker@example.org")
    broken(team, now, name="Mine", created_by=maker)
    broken(team, now, name="Somebody's")

    tick(now)

    bodies = {mail.to[0]: str(mail.body) for mail in mailoutbox}
    assert "Somebody's" in bodies["ann@example.org"]
    assert "Somebody's" not in bodies["maker@example.org"]


def test_who_lost_the_right_before_the_mail_left_gets_none(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    broken(team, now)
    notices.watch(now=now)
    Membership.objects.filter(user=admin).update(role=Role.VIEWER)

    notices.post(now=now)

    assert mailoutbox == []
    assert NoticeMail.objects.get().dropped_at is not None


# When it is over


@pytest.mark.requirement("R40", "R59", "QC29")
def test_who_heard_of_the_trouble_hears_that_it_works_again(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    connection = broken(team, now, "config_error", name="CRM")
    tick(now)
    # The settings were mended: until they have proved it, nobody is told anything.
    enter(connection, ConnectionState.RETRYING, now + HOUR)
    tick(now + HOUR)
    assert len(mailoutbox) == 1
    enter(connection, ConnectionState.CONNECTED, now + HOUR + MINUTE)

    for minute in (61, 62, 63):
        tick(now + minute * MINUTE)

    assert subjects(mailoutbox)[1:] == ["CRM in Acme works again"]
    assert mailoutbox[1].to == ["ann@example.org"]
    assert Notice.objects.get().ended_at == now + 61 * MINUTE


@pytest.mark.requirement("R59")
def test_a_group_works_again_when_its_last_connection_does(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    first, second = (broken(team, now, "config_error", name=name) for name in "AB")
    tick(now)
    enter(first, ConnectionState.CONNECTED, now)
    tick(now + MINUTE)
    assert len(mailoutbox) == 1
    enter(second, ConnectionState.CONNECTED, now)

    tick(now + 2 * MINUTE)

    assert subjects(mailoutbox)[1:] == ["A and B in Acme work again"]


@pytest.mark.requirement("R59")
def test_who_heard_nothing_of_the_trouble_hears_nothing_of_its_end(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    connection = broken(team, now)
    notices.watch(now=now)
    enter(connection, ConnectionState.CONNECTED, now)

    for minute in range(5):
        tick(now + minute * MINUTE)

    assert mailoutbox == []
    assert not NoticeMail.objects.filter(dropped_at=None).exists()


def test_trouble_that_turns_into_another_is_told_as_that_and_not_as_healed(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    connection = broken(team, now, "config_error", name="CRM")
    tick(now)
    enter(connection, ConnectionState.NEEDS_REAUTH, now + HOUR)

    tick(now + HOUR)
    tick(now + HOUR + MINUTE)

    assert subjects(mailoutbox)[1:] == ["CRM in Acme needs reconnecting"]


@pytest.mark.parametrize("end", ["delete", "disconnect"])
def test_a_connection_that_was_given_up_ends_its_notice_without_a_word(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox, end: str
) -> None:
    connection = broken(team, now)
    tick(now)
    getattr(grants, end)(connection, now=now)

    tick(now + MINUTE)

    assert len(mailoutbox) == 1
    assert Notice.objects.get().ended_at == now + MINUTE
    assert not NoticeMail.objects.filter(round=ALL_CLEAR).exists()


def test_what_breaks_again_is_told_again(team: Team, admin: User, now: datetime, mailoutbox: Outbox) -> None:
    connection = broken(team, now)
    tick(now)
    enter(connection, ConnectionState.CONNECTED, now)
    tick(now + MINUTE)
    enter(connection, ConnectionState.NEEDS_REAUTH, now + DAY)

    tick(now + DAY)

    assert len(mailoutbox) == 3
    assert Notice.objects.count() == 2


def test_what_breaks_again_while_others_are_broken_is_told_again(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    broken(team, now, name="A")
    connection = broken(team, now, name="B")
    tick(now)
    enter(connection, ConnectionState.CONNECTED, now)
    tick(now + MINUTE)
    enter(connection, ConnectionState.NEEDS_REAUTH, now + DAY)

    tick(now + DAY)

    assert subjects(mailoutbox)[1:] == ["B in Acme needs reconnecting"]


def test_what_is_long_over_is_forgotten(team: Team, admin: User, now: datetime) -> None:
    connection = broken(team, now)
    tick(now)
    enter(connection, ConnectionState.CONNECTED, now)
    tick(now)

    tick(now + 91 * DAY)

    assert not Notice.objects.exists()


# Ends that are known


def ending(team: Team, now: datetime, days: float, **fields: Any) -> Connection:
    """A connection whose refresh token ends so many days after now, and was got long ago."""
    made: Connection = ConnectionFactory(team=team, **fields)
    factories.connected(
        made, now=now, refresh_at=now + HOUR, refresh_expires_at=now + days * DAY, ends_for_good=True
    )
    return made


@pytest.mark.requirement("R45", "QC34")
def test_an_end_that_cannot_be_moved_is_announced_14_7_and_1_days_before_once_each(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    ending(team, now, 20, name="LinkedIn")

    days = []
    for hour in range(0, 20 * 24, 6):
        if tick(now + hour * HOUR):
            days.append(20 - hour / 24)

    assert days == [14, 7, 1]
    assert subjects(mailoutbox) == [
        "LinkedIn in Acme ends in 14 days",
        "LinkedIn in Acme ends in 7 days",
        "LinkedIn in Acme ends within a day",
    ]
    assert "13 December 2026" in str(mailoutbox[0].body)


@pytest.mark.requirement("R45", "QC34")
@pytest.mark.parametrize(("life", "announced"), [(7, [1]), (10, [7, 1]), (1.25, [])])
def test_what_was_an_end_already_when_somebody_connected_is_not_announced(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox, life: float, announced: list[int]
) -> None:
    factories.connected(
        ConnectionFactory(team=team), now=now, life=life * DAY, refresh_token=None, granted_at=now
    )

    days = [life - hour / 24 for hour in range(0, int(life * 24), 6) if tick(now + hour * HOUR)]

    assert days == announced


@pytest.mark.requirement("R45", "QC34")
def test_reconnecting_ends_the_announcements(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    connection = ending(team, now, 10)
    tick(now)
    Token.objects.filter(connection=connection).update(refresh_expires_at=now + 365 * DAY)

    for day in range(1, 12):
        tick(now + day * DAY)

    assert len(mailoutbox) == 1
    assert Notice.objects.get().ended_at == now + DAY


@pytest.mark.requirement("R45", "QC34")
def test_reconnecting_for_another_week_announces_the_end_of_that_week(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    connection = ending(team, now, 1)
    tick(now)
    Token.objects.filter(connection=connection).update(refresh_expires_at=now + 7 * DAY)

    tick(now + MINUTE)
    tick(now + 6 * DAY)

    assert [mail.subject.split(" ends ")[1] for mail in mailoutbox] == [
        "within a day",
        "in 7 days",
        "within a day",
    ]


@pytest.mark.requirement("R45", "QC34")
def test_an_end_that_each_answer_counts_anew_is_still_one_end(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    connection = ending(team, now, 13.5)

    for hour in range(48):
        end = now + 13.5 * DAY + hour * timedelta(seconds=1)
        Token.objects.filter(connection=connection).update(refresh_expires_at=end)
        tick(now + hour * HOUR)

    assert len(mailoutbox) == 1


@pytest.mark.requirement("R45", "R59")
def test_ends_within_half_a_day_of_each_other_are_one_mail(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    for number in range(3):
        ending(team, now, 14 + number / 6, name="ABC"[number])
    ending(team, now, 15, name="Later")

    for hour in range(11):
        tick(now + hour * HOUR)

    assert subjects(mailoutbox) == ["A and 2 more connections in Acme end in 14 days"]


@pytest.mark.requirement("R45", "QC34")
def test_a_long_access_token_that_nothing_renews_is_announced(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    lasting, short = ConnectionFactory(team=team, name="Lasting"), ConnectionFactory(team=team)
    factories.connected(lasting, now=now, life=60 * DAY, refresh_token=None)
    factories.connected(short, now=now, life=HOUR, refresh_token=None)

    tick(now + 40 * DAY)
    assert mailoutbox == []

    tick(now + 53 * DAY)
    assert subjects(mailoutbox) == ["Lasting in Acme ends in 7 days"]


def test_a_token_that_is_renewed_by_itself_has_no_end_to_announce(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    idle, traded = ConnectionFactory(team=team), ConnectionFactory(team=team)
    factories.connected(idle, now=now, refresh_expires_at=now + 3 * DAY, refresh_at=now + DAY)
    factories.connected(traded, now=now, life=10 * DAY, refresh_token=None, refresh_at=now + 5 * DAY)

    tick(now)

    assert mailoutbox == []


def test_an_outage_does_not_repeat_an_announcement(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    connection = ending(team, now, 10)
    tick(now)
    enter(connection, ConnectionState.RETRYING, now)
    tick(now + 2 * HOUR)
    enter(connection, ConnectionState.CONNECTED, now + 3 * HOUR)

    tick(now + 3 * HOUR)
    tick(now + 4 * HOUR)

    assert [subject.split(" in Acme ")[1] for subject in subjects(mailoutbox)] == [
        "ends in 10 days",
        "cannot be renewed for the moment",
        "works again",
    ]


@pytest.mark.requirement("R45")
def test_what_has_run_out_unused_needs_reconnecting(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    connection = ConnectionFactory(team=team, name="Lasting")
    factories.connected(connection, now=now, life=60 * DAY, refresh_token=None)
    assert grants.note_ended(now=now + 59 * DAY) == 0

    assert grants.note_ended(now=now + 60 * DAY) == 1
    tick(now + 60 * DAY)

    assert subjects(mailoutbox) == ["Lasting in Acme needs reconnecting"]
    assert "no refresh token" in str(mailoutbox[0].body)
    assert grants.note_ended(now=now + 61 * DAY) == 0


# Nothing lost, nothing doubled


class Killed(BaseException):
    """As a process is, between two lines."""


def killing_at(number: int) -> Any:
    """A wrapper of database calls that dies instead of making the `number`th."""
    made = iter(range(number))

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if next(made, None) is None:
            raise Killed
        return run(sql, params, many, context)

    return execute


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("R59")
def test_a_tick_that_is_killed_anywhere_loses_and_doubles_nothing(now: datetime, mailoutbox: Outbox) -> None:
    team = TeamFactory(name="Acme")
    reader(team, Role.ADMIN)
    connections = [broken(team, now, name=name) for name in "AB"]
    was_killed = True
    number = 0
    while was_killed:
        number += 1
        Notice.objects.all().delete()
        try:
            with database.execute_wrapper(killing_at(number)):
                notices.watch(now=now)
            was_killed = False
        except Killed:
            notices.watch(now=now)
        assert [each.subjects.count() for each in Notice.objects.all()] == [2]
        assert [mail.round for mail in NoticeMail.objects.all()] == [1]
    assert number > 10

    notices.post(now=now)
    for connection in connections:
        enter(connection, ConnectionState.CONNECTED, now)
    for number in range(1, 20):
        try:
            with database.execute_wrapper(killing_at(number)):
                tick(now + number * MINUTE)
        except Killed:
            continue
    tick(now + DAY)
    assert sorted(mail.round for mail in NoticeMail.objects.all()) == [0, 1]
    assert len(mailoutbox) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("R59")
def test_of_several_ticks_at_once_one_tells(now: datetime, mailoutbox: Outbox) -> None:
    team = TeamFactory(name="Acme")
    reader(team, Role.ADMIN)
    for number in range(10):
        broken(team, now, name=f"{number}")
    together = threading.Barrier(4)
    errors: list[Exception] = []

    def work() -> None:
        try:
            Connection.objects.exists()
            together.wait()
            tick(now)
        except Exception as error:
            errors.append(error)
        finally:
            databases.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tick(now)
    tick(now + 2 * HOUR)

    assert errors == []
    assert Notice.objects.count() == 1
    named = [number for number in range(10) for mail in mailoutbox if f"\n- {number}\n" in str(mail.body)]
    assert named == list(range(10))


class DiesAfterSending(EmailBackend):
    """A mail server that takes the mail, and a sender that dies before it can note that."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        super().send_messages(messages)
        raise Killed


@pytest.mark.requirement("R59")
def test_a_sender_that_dies_leaves_the_mail_to_the_next_after_its_lease(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox, settings: Settings
) -> None:
    broken(team, now)
    alive, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, f"{__name__}.DiesAfterSending"
    with pytest.raises(Killed):
        tick(now)
    settings.EMAIL_BACKEND = alive

    assert tick(now + 4 * MINUTE) == 0
    assert tick(now + 6 * MINUTE) == 1
    assert tick(now + 20 * MINUTE) == 0

    first, second = mailoutbox
    assert first.message()["Message-ID"] == second.message()["Message-ID"]


@pytest.mark.requirement("R59")
def test_mails_wait_for_a_mail_server_that_is_away(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox, settings: Settings
) -> None:
    broken(team, now)
    alive, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    notices.watch(now=now)
    for minute in range(0, 12 * 60, 2):
        assert notices.post(now=now + minute * MINUTE) == 0
    tries = NoticeMail.objects.get().tries
    settings.EMAIL_BACKEND = alive

    assert tick(now + 13 * HOUR) == 1

    assert 15 < tries < 20
    assert len(mailoutbox) == 1


def test_one_mail_that_cannot_leave_does_not_cost_the_others_their_turn(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox, settings: Settings
) -> None:
    broken(team, now)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    tick(now)
    reader(team, Role.OWNER)
    broken(team, now, client_id="another")
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    assert tick(now + timedelta(seconds=30)) == 2
    assert tick(now + 2 * MINUTE) == 1


# What a mail says


@pytest.mark.requirement("R19", "R59")
def test_a_mail_says_what_happened_since_when_what_it_affects_and_what_to_do(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox, settings: Settings
) -> None:
    connection = ConnectionFactory(team=team, name="CRM")
    reason = "The provider no longer accepts the refresh token."
    enter(connection, ConnectionState.NEEDS_REAUTH, now, reason, "<b>Token</b>\x1b\n" + "revoked " * 100)
    for number in range(12):
        saved = SavedRequestFactory(team=team, name=f"Pull {number:02}", connection=connection)
        if number in (7, 11):
            Schedule.objects.create(
                saved_request=saved,
                rule={"every": "1 hour"},
                next_at=now + number * HOUR,
                is_paused=number == 7,
            )

    tick(now + DAY)

    body, html = str(mailoutbox[0].body), html_of(mailoutbox[0])
    url = settings.BASE_URL + reverse("connections:detail", kwargs={"team": "acme", "uuid": connection.pk})
    for part in (body, html):
        assert part.count("https://") == 0  # nothing leads anywhere but to us
        assert url in part
        assert reason in part
        assert "23 November 2026, 12:00 UTC" in part
        assert "Reconnect" in part
        assert "Pull 00" in part
        assert "and 2 more" in part
        assert "(next run: 23 November 2026, 23:00 UTC)" in part
    assert body.index("Pull 11") < body.index("Pull 00")
    assert "Pull 07\n" in body
    assert "The provider said: <b>Token</b> revoked" in body
    assert "&lt;b&gt;Token" in html
    assert "<b>Token" not in html
    assert body.count("revoked") < 70
    assert "\x1b" not in body + html


def test_a_name_with_a_line_break_breaks_no_header(
    team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    broken(team, now, name="CRM\r\nBcc: everybody@example.org")

    tick(now)

    assert mailoutbox[0].subject == "CRM Bcc: everybody@example.org in Acme needs reconnecting"
    assert mailoutbox[0].bcc == []


# The banner


@pytest.mark.requirement("R59")
def test_a_banner_is_on_each_page_of_the_team_until_the_connection_works(
    client: Client, team: Team, viewer: User, now: datetime
) -> None:
    connection = broken(team, now, name="CRM")
    client.force_login(viewer)

    for path in ("/t/acme/", "/t/acme/requests/", "/t/acme/team/", "/t/acme/connections/"):
        page = client.get(path)
        assert "CRM needs reconnecting." in text(page)
        assert f'href="/t/acme/connections/{connection.pk}/"' in page.content.decode()
    # That page says it itself.
    assert "CRM needs reconnecting." not in text(client.get(f"/t/acme/connections/{connection.pk}/"))

    enter(connection, ConnectionState.CONNECTED, now)
    assert "needs reconnecting" not in text(client.get("/t/acme/requests/"))


def test_banners_cost_one_small_query_while_all_is_well(team: Team, viewer: User, now: datetime) -> None:
    factories.connected(ConnectionFactory(team=team), now=now)

    with CaptureQueriesContext(database) as queries:
        assert notices.banners(team, viewer, now) == []

    assert len(queries) == 1
    assert len(queries[0]["sql"]) < 2_500


@pytest.mark.requirement("R62")
def test_a_banner_says_nothing_of_another_team(
    client: Client, team: Team, viewer: User, now: datetime
) -> None:
    broken(TeamFactory(), now, name="Theirs")
    client.force_login(viewer)

    assert "Theirs" not in text(client.get("/t/acme/"))


@pytest.mark.requirement("R59")
def test_banners_are_grouped_by_cause_with_the_urgent_in_front_and_cost_two_queries(
    team: Team, viewer: User, now: datetime
) -> None:
    ending(team, now, 3, name="Ending", client_id="c")
    notices.watch(now=now)
    for name in "XYZ":
        broken(team, now, name=name)
    broken(team, now - DAY, "retrying", name="Slow", client_id="b")

    with CaptureQueriesContext(database) as queries:
        said = notices.banners(team, viewer, now)

    assert len(queries) == 2
    assert [banner.sentence for banner in said] == [
        "X and 2 more connections need reconnecting.",
        "Slow cannot be renewed for the moment; we keep trying.",
        "Ending ends in 3 days.",
    ]
    assert [banner.is_urgent for banner in said] == [True, False, False]
    assert said[0].url == "/t/acme/connections/"


def test_more_than_three_banners_are_told_in_three(team: Team, viewer: User, now: datetime) -> None:
    for number in range(6):
        broken(team, now, name=f"{number}", client_id=f"client {number}")

    said = notices.banners(team, viewer, now)

    assert [banner.sentence for banner in said] == [
        "0 needs reconnecting.",
        "1 needs reconnecting.",
        "4 more connections need a look.",
    ]


@pytest.mark.requirement("R45")
def test_a_banner_of_an_end_is_dismissed_for_one_reader_until_the_next_stage(
    client: Client, team: Team, viewer: User, owner: User, now: datetime
) -> None:
    ending(team, now, 10, name="LinkedIn")
    notices.watch(now=now)
    notice_id = notices.banners(team, viewer, now)[0].notice_id
    assert notice_id is not None

    notices.dismiss(notice_id, team=team, user=viewer, now=now)
    notices.dismiss(notice_id, team=team, user=viewer, now=now)

    assert notices.banners(team, viewer, now + 2 * DAY) == []
    assert len(notices.banners(team, owner, now)) == 1
    assert len(notices.banners(team, viewer, now + 3 * DAY)) == 1


def test_dismissing_on_the_page_leads_back_to_it(client: Client, team: Team, viewer: User) -> None:
    now = clock()
    ending(team, now, 10, name="LinkedIn")
    notices.watch(now=now)
    client.force_login(viewer)
    page = client.get("/t/acme/requests/")
    assert "LinkedIn ends in 10 days." in text(page)

    notice = Notice.objects.get()
    answer = client.post(
        f"/t/acme/connections/notices/{notice.pk}/dismiss/", {"return_to": "/t/acme/requests/"}, follow=True
    )

    assert answer.redirect_chain == [("/t/acme/requests/", 302)]
    assert "LinkedIn ends" not in text(answer)


def test_an_urgent_banner_cannot_be_dismissed(team: Team, viewer: User, now: datetime) -> None:
    broken(team, now)
    notices.watch(now=now)

    notices.dismiss(Notice.objects.get().pk, team=team, user=viewer, now=now)

    assert [banner.notice_id for banner in notices.banners(team, viewer, now)] == [None]


# The switch


def test_mails_are_switched_off_and_on_for_each_team(
    client: Client, team: Team, admin: User, now: datetime, mailoutbox: Outbox
) -> None:
    client.force_login(admin)
    assert "E-mail me about connections" in text(client.get("/t/acme/team/"))

    client.post("/t/acme/team/mails/", {})
    broken(team, now)
    tick(now)
    assert mailoutbox == []

    client.post("/t/acme/team/mails/", {"hears_of_connections": "on"})
    broken(team, now, client_id="another")
    tick(now)
    assert len(mailoutbox) == 1


def test_a_viewer_is_offered_no_mails(client: Client, team: Team, viewer: User) -> None:
    client.force_login(viewer)

    assert "E-mail me about connections" not in text(client.get("/t/acme/team/"))


def test_every_kind_of_notice_has_words(team: Team, admin: User, now: datetime, mailoutbox: Outbox) -> None:
    broken(team, now, client_id="a")
    broken(team, now, "config_error", client_id="b")
    broken(team, now - DAY, "retrying", client_id="c")
    ending(team, now, 2, client_id="d")

    tick(now)

    assert len(mailoutbox) == len(NoticeKind)


# The clock


@pytest.mark.requirement("R59")
def test_the_beat_sends_the_mails(team: Team, admin: User, mailoutbox: Outbox) -> None:
    assert tasks.tell_people.name in {entry["task"] for entry in BEAT_SCHEDULE.values()}
    broken(team, clock(), name="CRM")

    assert tasks.tell_people() == 1

    assert subjects(mailoutbox) == ["CRM in Acme needs reconnecting"]
