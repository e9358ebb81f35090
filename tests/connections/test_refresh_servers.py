"""Servers are asked at a pace, left alone when they ask for it or fail, and tried by one for all."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Team
from connections import grants
from connections.grants.renewal.servers import note_trouble, take_turns
from connections.models import Circuit, Connection, ConnectionState, Token, TokenHost
from connections.oauth2 import ServerUnavailable
from demo_api.server import DemoServer
from tests import factories

SECOND = timedelta(seconds=1)
LIFE = timedelta(minutes=5)


def connect(provider: DemoServer, team: Team, now: datetime, **fields: Any) -> Connection:
    """A connection of the provider's client whose token is due at `now`."""
    tokens = provider.mint("contacts.read", fields.get("client_id", provider.client_id))
    settings = {
        "team": team,
        "token_url": provider.token_url,
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
    }
    made: Connection = factories.ConnectionFactory(**(settings | fields))
    factories.connected(
        made,
        now=now - LIFE,
        life=LIFE,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        refresh_at=now,
    )
    return made


def failed(connection: Connection, now: datetime) -> grants.TokenUnavailable:
    with pytest.raises(grants.TokenUnavailable) as caught:
        grants.fresh_token(connection, now=now)
    return caught.value


# Pace


@pytest.mark.requirement("R44")
@pytest.mark.django_db
def test_ten_thousand_tokens_due_in_one_minute_are_sent_at_the_pace_of_their_host(
    now: datetime, settings: Settings
) -> None:
    settings.REFRESHES_PER_SECOND = 20
    given: list[datetime] = []
    # Three workers that ask again and again for as much as they can get.
    for tick in range(0, 600_000, 50):
        at = now + timedelta(milliseconds=tick)
        if tick % 400 == 0:
            for _ in range(3):
                given += take_turns("auth.example", 10_000 - len(given), at) if len(given) < 10_000 else []
    assert len(given) == 10_000
    assert sorted(given) == given
    assert all(later - sooner >= SECOND / 20 for sooner, later in pairwise(given))
    assert given[-1] - given[0] < timedelta(seconds=501)


@pytest.mark.requirement("R44")
@pytest.mark.django_db
def test_hosts_do_not_wait_for_each_other(now: datetime, settings: Settings) -> None:
    settings.REFRESHES_PER_SECOND = 2

    assert len(take_turns("one.example", 10, now)) == 2
    assert take_turns("one.example", 10, now) == []
    assert len(take_turns("two.example", 10, now)) == 2
    assert len(take_turns("one.example", 10, now + SECOND)) == 2


@pytest.mark.requirement("R49")
@pytest.mark.django_db
def test_a_clock_that_was_set_back_does_not_stop_a_host(now: datetime) -> None:
    TokenHost.objects.create(host="one.example", free_at=now + timedelta(hours=1))

    assert take_turns("one.example", 1, now) == [now]


# Trouble


@pytest.mark.requirement("R41", "QC31")
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "99999999"}, 3600),
        ({"Retry-After": "soon"}, 15),
        ({}, 15),
    ],
)
def test_after_429_all_connections_of_the_client_leave_the_server_alone(
    provider: DemoServer, team: Team, now: datetime, headers: dict[str, str], seconds: int
) -> None:
    told, other = connect(provider, team, now), connect(provider, team, now)
    provider.fail_token(status=429, headers=headers)
    failed(told, now)

    error = failed(other, now + SECOND)

    assert isinstance(error, grants.ProviderUnavailable)
    assert error.retry_after is not None
    assert seconds - 2 <= error.retry_after.total_seconds() <= seconds
    assert grants.refresh_due_tokens(now=now + timedelta(seconds=seconds - 1)) == 0
    assert len(provider.token_requests) == 1
    assert grants.fresh_token(other, now=now + timedelta(seconds=seconds + 1)).version == 2


@pytest.mark.requirement("R41", "QC31")
def test_another_client_of_the_server_and_another_server_are_not_slowed_down(
    provider: DemoServer, team: Team, now: datetime
) -> None:
    provider.register_client("another", "its-secret")
    told = connect(provider, team, now)
    another = connect(provider, team, now, client_id="another", client_secret="its-secret")
    provider.fail_token(status=429, headers={"Retry-After": "600"})
    failed(told, now)

    assert grants.fresh_token(another, now=now + SECOND).version == 2


@pytest.mark.requirement("R41")
def test_one_failure_is_one_connections_own_and_two_are_the_servers(
    provider: DemoServer, team: Team, now: datetime
) -> None:
    first, second, third = (connect(provider, team, now) for _ in range(3))
    provider.fail_token(status=503, times=2)
    failed(first, now)
    failed(second, now + SECOND)

    error = failed(third, now + 2 * SECOND)

    assert "out of order" in error.sentence
    assert len(provider.token_requests) == 2
    third.refresh_from_db()
    assert third.state == ConnectionState.CONNECTED


@pytest.mark.requirement("R41")
def test_a_success_between_two_failures_leaves_the_server_open(
    provider: DemoServer, team: Team, now: datetime
) -> None:
    first, second, third, fourth = (connect(provider, team, now) for _ in range(4))
    provider.fail_token(status=503)
    failed(first, now)
    grants.fresh_token(second, now=now + SECOND)
    provider.fail_token(status=503)
    failed(third, now + 2 * SECOND)

    assert grants.fresh_token(fourth, now=now + 3 * SECOND).version == 2
    assert not Circuit.objects.exists()


@pytest.mark.requirement("R41", "QC30")
def test_one_tries_for_all_and_its_success_makes_the_others_due(
    provider: DemoServer, team: Team, now: datetime
) -> None:
    first, second, third = (connect(provider, team, now) for _ in range(3))
    provider.fail_token(status=503, times=2)
    failed(first, now)
    failed(second, now + SECOND)
    at = now + timedelta(seconds=40)
    Token.objects.filter(connection=third).update(refresh_at=now + timedelta(hours=1))
    Token.objects.exclude(connection=third).update(refresh_at=at + timedelta(hours=1), failures=3)

    # Its own turn has not come, but whoever needs a token asks for all.
    assert grants.fresh_token(third, now=at).version == 2

    assert Token.objects.filter(refresh_at__lte=at + SECOND).count() == 2
    assert grants.fresh_token(first, now=at + SECOND).version == 2


@pytest.mark.requirement("R41")
def test_while_one_tries_the_others_wait(provider: DemoServer, team: Team, now: datetime) -> None:
    connection = connect(provider, team, now)
    Circuit.objects.create(
        key=connection.server_key, host=connection.host, failures=2, began_at=now, open_until=now
    )
    from connections.grants.renewal.servers import circuit_of, waiting_time

    seen = [circuit_of(connection), circuit_of(connection)]

    assert [waiting_time(circuit, now) for circuit in seen] == [None, timedelta(seconds=30)]


@pytest.mark.requirement("R41", "R43")
def test_while_the_server_is_left_alone_what_is_left_of_a_token_will_do(
    provider: DemoServer, team: Team, now: datetime
) -> None:
    connection = connect(provider, team, now)
    Circuit.objects.create(
        key=connection.server_key,
        host=connection.host,
        failures=2,
        began_at=now,
        open_until=now + timedelta(minutes=5),
    )

    at = now - timedelta(seconds=20)
    assert grants.fresh_token(connection, now=at, minimum_life=timedelta(minutes=1)).version == 1


@pytest.mark.requirement("R41")
def test_those_that_were_under_way_when_a_server_went_down_count_as_one(team: Team, now: datetime) -> None:
    connection = factories.ConnectionFactory(team=team)
    for second in range(5):
        note_trouble(connection, ServerUnavailable(status=503), began_at=now, now=now + (second + 1) * SECOND)
    circuit = Circuit.objects.get()
    assert (circuit.failures, circuit.open_until) == (1, None)

    note_trouble(connection, ServerUnavailable(status=503), began_at=now + SECOND, now=now + 9 * SECOND)

    assert Circuit.objects.open(now + 10 * SECOND).get().failures == 2


@pytest.mark.requirement("R41")
def test_a_refused_grant_says_nothing_against_its_server(
    provider: DemoServer, team: Team, now: datetime
) -> None:
    connection = connect(provider, team, now)
    provider.fail_token(status=400, body={"error": "invalid_grant"}, times=2)
    failed(connection, now)

    assert not Circuit.objects.exists()
