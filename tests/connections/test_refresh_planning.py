"""When tokens are renewed and when grants end, in the ways in which servers differ."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.db import transaction

from accounts.models import Team
from connections import grants, providers
from connections.grants.renewal.leases import lease
from connections.grants.renewal.planning import refresh_moment
from connections.grants.renewal.storing import store_grant, store_refreshed
from connections.models import Connection, ConnectionState, GrantType, Token
from connections.oauth2 import TokenAnswer
from demo_api.server import DemoServer
from tests import factories

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANSWER = TokenAnswer("access-1", "refresh-1", life=HOUR)


@pytest.fixture
def custom(team: Team) -> Connection:
    return factories.ConnectionFactory(team=team)


def granted(connection: Connection, now: datetime, answer: TokenAnswer = ANSWER) -> Token:
    with transaction.atomic():
        store_grant(connection, answer, now)
    return token_of(connection)


def refreshed(connection: Connection, now: datetime, answer: TokenAnswer) -> Token:
    assert store_refreshed(token_of(connection), answer, now, is_rejected=False)
    return token_of(connection)


def token_of(connection: Connection) -> Token:
    return Token.objects.select_related("connection").get(connection=connection)


# What refreshes leave as it is


@pytest.mark.requirement("R36", "QC25")
def test_a_refresh_keeps_what_its_answer_leaves_out_and_takes_what_it_tells(
    custom: Connection, now: datetime
) -> None:
    told = TokenAnswer(
        "a",
        "r",
        scope="read",
        account="Ann",
        account_id="7",
        kept={"instance_url": "https://one.example", "realmId": "9"},
    )
    granted(custom, now, told)

    token = refreshed(custom, now + HOUR, TokenAnswer("b", kept={"instance_url": "https://two.example"}))

    assert (token.refresh_token, token.granted_scopes) == ("r", "read")
    assert (token.account, token.account_id) == ("Ann", "7")
    assert token.kept == {"instance_url": "https://two.example", "realmId": "9"}
    assert (token.granted_at, token.refreshed_at) == (now, now + HOUR)


def test_a_new_grant_keeps_nothing_of_the_old_one(custom: Connection, now: datetime) -> None:
    granted(custom, now, TokenAnswer("a", "r", account="Ann", account_id="7", kept={"realmId": "9"}))

    token = granted(custom, now + HOUR, TokenAnswer("b"))

    assert (token.refresh_token, token.account, token.account_id, token.kept) == (None, "", "", {})
    assert (token.version, token.granted_at) == (2, now + HOUR)


# Ends of refresh tokens


@pytest.mark.requirement("R45", "QC34")
def test_an_end_that_moves_with_each_refresh_is_no_end_for_good(custom: Connection, now: datetime) -> None:
    first = granted(custom, now, TokenAnswer("a", "r", life=HOUR, refresh_life=100 * DAY))
    assert first.refresh_expires_at == now + 100 * DAY

    token = refreshed(custom, now + HOUR, TokenAnswer("b", "r2", life=HOUR, refresh_life=100 * DAY))

    assert (token.refresh_expires_at, token.ends_for_good) == (now + HOUR + 100 * DAY, False)


@pytest.mark.requirement("R45", "QC34")
def test_an_end_that_no_refresh_moves_is_known_by_the_second_answer(
    custom: Connection, now: datetime
) -> None:
    granted(custom, now, TokenAnswer("a", "r", life=HOUR, refresh_life=100 * DAY))

    token = refreshed(custom, now + HOUR, TokenAnswer("b", life=HOUR, refresh_life=100 * DAY - HOUR))

    assert (token.refresh_expires_at, token.ends_for_good) == (now + 100 * DAY, True)
    # Also after an answer that does not say it again, and one that comes seconds later.
    token = refreshed(custom, now + 2 * HOUR, TokenAnswer("c", life=HOUR))
    assert (token.refresh_expires_at, token.ends_for_good) == (now + 100 * DAY, True)
    at = now + 2 * HOUR + timedelta(seconds=5)
    assert refreshed(custom, at, TokenAnswer("d", refresh_life=98 * DAY)).ends_for_good


@pytest.mark.requirement("R45", "QC34")
def test_a_life_that_is_known_of_the_provider_counts_from_the_consent(
    custom: Connection, now: datetime
) -> None:
    custom.preset = "linkedin"
    granted(custom, now, TokenAnswer("a", "r", life=HOUR))

    token = token_of(custom)
    assert (token.refresh_expires_at, token.ends_for_good) == (now + 365 * DAY, True)


@pytest.mark.requirement("QC34")
def test_a_server_that_says_there_is_no_end_is_believed(custom: Connection, now: datetime) -> None:
    token = granted(custom, now, TokenAnswer("a", "r", life=HOUR, refresh_has_no_end=True))

    assert (token.refresh_expires_at, token.ends_for_good) == (None, False)


# Keeping alive


@pytest.mark.requirement("R45", "QC34")
def test_an_idle_grant_is_refreshed_after_half_to_seven_tenths_of_its_idle_life(now: datetime) -> None:
    moments = [refresh_moment(now, None, is_renewable=True, idle_life=timedelta(days=14)) for _ in range(50)]

    lives = [(moment - now) / DAY for moment in moments if moment is not None]
    assert len(lives) == len(set(lives)) == 50
    assert 7 <= min(lives) < 8 < 9 < max(lives) <= 9.8


@pytest.mark.requirement("R45")
def test_an_access_token_that_ends_sooner_is_renewed_sooner(now: datetime) -> None:
    moment = refresh_moment(now, HOUR, is_renewable=True, idle_life=14 * DAY)

    assert moment is not None
    assert moment < now + HOUR


@pytest.mark.requirement("R45", "QC33")
def test_what_only_a_living_token_can_be_traded_for_is_traded_long_before_the_end(now: datetime) -> None:
    moment = refresh_moment(now, 60 * DAY, is_renewable=True, needs_living_token=True)

    assert moment is not None
    assert now + 30 * DAY <= moment <= now + 42 * DAY


@pytest.mark.requirement("R46")
def test_a_server_that_does_not_say_how_long_has_the_default_life(custom: Connection, now: datetime) -> None:
    custom.default_life = 1800

    token = granted(custom, now, TokenAnswer("a", "r"))

    assert token.expires_at == now + timedelta(minutes=30)
    assert token.refresh_at is not None
    assert token.refresh_at < token.expires_at


# Clocks


@pytest.mark.requirement("R49")
def test_a_token_from_the_future_is_renewed_because_the_clock_was_set_back(
    provider: DemoServer, connection: Connection, now: datetime
) -> None:
    tokens = provider.mint("contacts.read")
    factories.connected(
        connection,
        now=now + HOUR,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
    )

    assert grants.fresh_token(connection, now=now).version == 2
    assert grants.fresh_token(connection, now=now).version == 2
    # Machines that disagree by a minute or two do not renew for that.
    assert grants.fresh_token(connection, now=now - timedelta(minutes=2)).version == 2


@pytest.mark.requirement("R49")
def test_a_lease_from_the_future_keeps_nobody_waiting(custom: Connection, now: datetime) -> None:
    granted(custom, now)
    assert lease(token_of(custom), now + DAY)

    assert lease(token_of(custom), now)


@pytest.mark.requirement("R49")
def test_a_server_whose_clock_is_ten_minutes_off_changes_nothing(
    provider: DemoServer, connection: Connection, now: datetime
) -> None:
    for minutes in (-10, 10):
        tokens = provider.mint("contacts.read")
        Token.objects.all().delete()
        factories.connected(
            connection, now=now, access_token=tokens.access_token, refresh_token=tokens.refresh_token
        )
        # It tells the end as a moment of its own clock, which its Date header shows.
        ends_at = time.time() + minutes * 60 + 300
        provider.set(
            clock_offset=minutes * 60,
            token_answer_without=("expires_in",),
            token_answer_with={"expires_at": ends_at},
        )

        token = grants.refresh(connection, now=now + HOUR)

        assert token.expires_at is not None
        assert abs(token.expires_at - (now + HOUR + timedelta(minutes=5))) < timedelta(seconds=5)


# Kinds of grants


@pytest.fixture
def oddly(provider: DemoServer) -> Iterator[None]:
    """The provider is known to renew late, and to trade tokens."""
    providers.add(
        f"""
        groups = ["Tests"]
        [odd]
        title = "Odd"
        group = "Tests"
        authorization_url = "{provider.authorization_url}"
        token_url = "{provider.token_url}"
        token_hosts = ["127.0.0.1"]
        dialect.rules = [{{ meaning = "still_good", words = "access_token not expired" }}]
        """
    )
    yield
    providers.add("")


@pytest.mark.requirement("R43", "R48", "QC35")
@pytest.mark.usefixtures("oddly")
def test_too_early_is_no_failure_and_the_token_is_used_on(
    provider: DemoServer, connection: Connection, now: datetime
) -> None:
    tokens = provider.mint("contacts.read")
    factories.connected(
        connection,
        now=now,
        life=timedelta(minutes=10),
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        refresh_at=now + timedelta(minutes=8),
    )
    provider.fail_token(
        status=401, body={"error": "Rate limit exceeded: access_token not expired"}, times=None
    )
    at = now + timedelta(minutes=9)

    # As a run with many pages asks, in the minute before the last half.
    for second in range(10):
        token = grants.fresh_token(
            connection, now=at + timedelta(seconds=second), minimum_life=timedelta(minutes=2)
        )
        assert token.value == tokens.access_token

    row = token_of(connection)
    assert row.connection.state == ConnectionState.CONNECTED
    assert (row.failures, row.refresh_sent_at, row.refresh_leased_by) == (0, None, None)
    assert row.refresh_at is not None
    assert now + timedelta(minutes=9.5) <= row.refresh_at <= now + timedelta(minutes=9.7)
    assert len(provider.token_requests) == 1
    provider.clear_faults()
    assert grants.fresh_token(connection, now=row.refresh_at, minimum_life=timedelta(minutes=2)).version == 2


@pytest.mark.requirement("QC35")
def test_a_server_that_renews_late_is_asked_in_the_last_half_minute(now: datetime) -> None:
    for _ in range(20):
        moment = refresh_moment(now, timedelta(minutes=10), is_renewable=True, renews_late=True)
        assert moment is not None
        assert now + timedelta(minutes=9.5) <= moment <= now + timedelta(minutes=9.7)


@pytest.mark.requirement("R43", "QC35")
@pytest.mark.parametrize("life", [60, 300, 600])
def test_ten_short_lives_with_a_use_every_five_seconds_take_twelve_refreshes_at_most(
    provider: DemoServer, connection: Connection, now: datetime, life: int
) -> None:
    tokens = provider.mint("contacts.read")
    provider.set(access_token_lifetime=life)
    factories.connected(
        connection,
        now=now,
        life=timedelta(seconds=life),
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        refresh_at=now + timedelta(seconds=life * 0.8),
    )
    step = 5 if life == 60 else life // 12

    for second in range(0, 10 * life, step):
        at = now + timedelta(seconds=second)
        token = grants.fresh_token(connection, now=at)
        assert token.expires_at is not None
        assert token.expires_at - at >= timedelta(seconds=5)

    assert provider.refreshes <= 12


@pytest.fixture
def fleeting(provider: DemoServer, connection: Connection, now: datetime) -> Connection:
    """A connection whose server says of each token that it lives for a second."""
    tokens = provider.mint("contacts.read")
    provider.set(token_answer_with={"expires_in": 1})
    factories.connected(
        connection,
        now=now,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
    )
    grants.refresh(connection, now=now)
    return connection


@pytest.mark.requirement("R26", "R43", "QC18", "QC35")
def test_a_life_of_a_second_means_a_refresh_in_half_a_minute_and_not_one_for_each_page(
    provider: DemoServer, fleeting: Connection, now: datetime
) -> None:
    refreshed_at = [now]
    for second in range(100):
        at = now + timedelta(seconds=second)
        before = provider.refreshes
        if second % 5 == 0:
            grants.refresh_due_tokens(now=at)
        # As a pull asks before each of its pages.
        grants.fresh_token(fleeting, now=at, minimum_life=timedelta(minutes=1))
        refreshed_at += [at] * (provider.refreshes - before)

    gaps = [later - earlier for earlier, later in pairwise(refreshed_at)]
    assert len(gaps) == 3
    assert min(gaps) >= timedelta(seconds=30)


@pytest.mark.requirement("R50", "QC35")
def test_a_life_of_a_second_that_the_api_keeps_to_is_renewed_when_it_says_so(
    provider: DemoServer, fleeting: Connection, now: datetime
) -> None:
    version = grants.fresh_token(fleeting, now=now).version

    for number in (1, 2, 3):
        at = now + timedelta(seconds=0.5 * number)
        assert grants.refresh_rejected_token(fleeting, version=version, now=at).version == version + 1
        version += 1
    assert provider.refreshes == 4


@pytest.mark.requirement("R70")
def test_a_grant_of_the_client_itself_is_due_without_a_refresh_token(
    custom: Connection, now: datetime
) -> None:
    custom.grant_type = GrantType.CLIENT_CREDENTIALS
    custom.save()

    token = granted(custom, now, TokenAnswer("a", life=HOUR))

    assert token.refresh_at is not None
    assert Connection.objects.due_for_refresh(now + HOUR).get() == custom


@pytest.mark.requirement("R29", "QC33")
def test_a_grant_that_waits_for_its_second_exchange_is_due_in_a_moment(
    custom: Connection, now: datetime
) -> None:
    with transaction.atomic():
        store_grant(custom, TokenAnswer("a", life=HOUR), now, awaits_follow_up=True)

    assert Connection.objects.due_for_refresh(now + timedelta(seconds=15)).get() == custom
