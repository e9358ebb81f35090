"""What the beat finds due: dead ones are left alone, unreadable ones do not spin, leases end with a mark."""

from datetime import datetime, timedelta

import pytest
from pytest_django.fixtures import Settings

from connections import grants
from connections.grants.renewal import background, leases
from connections.grants.renewal.leases import RefreshLease, lease, lease_batch
from connections.models import Connection, ConnectionState, Token
from demo_api.server import DemoServer
from tests import factories

SECOND = timedelta(seconds=1)


@pytest.fixture
def due(provider: DemoServer, connection: Connection, now: datetime) -> Token:
    """A token whose time has come."""
    tokens = provider.mint("contacts.read")
    return factories.connected(
        connection,
        now=now - timedelta(minutes=4),
        life=timedelta(minutes=5),
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        refresh_at=now,
    )


def held_by(token: Token, now: datetime) -> RefreshLease:
    held = lease(token, now)
    assert held is not None
    return held


@pytest.mark.requirement("R44")
def test_it_is_renewed_before_its_end_without_being_used(
    provider: DemoServer, due: Token, now: datetime
) -> None:
    assert grants.refresh_due_tokens(now=now - SECOND) == 0
    assert grants.refresh_due_tokens(now=now) == 1
    assert grants.refresh_due_tokens(now=now) == 0
    assert provider.refreshes == 1


@pytest.mark.requirement("R66", "QC23")
def test_two_who_lease_the_same_batch_share_it(due: Token, now: datetime) -> None:
    pks = [due.connection_id]

    assert len(lease_batch(pks, now)) == 1
    assert lease_batch(pks, now) == []


@pytest.mark.requirement("R32", "R35", "QC24")
@pytest.mark.parametrize("refresh_at", [None, timedelta(hours=1)])
def test_what_somebody_was_at_who_died_is_due_at_once(
    provider: DemoServer, due: Token, now: datetime, refresh_at: timedelta | None
) -> None:
    held_by(due, now)
    Token.objects.update(refresh_at=now + refresh_at if refresh_at else None)

    assert grants.refresh_due_tokens(now=now + 19 * SECOND) == 0
    assert grants.refresh_due_tokens(now=now + 20 * SECOND) == 1
    assert provider.refreshes == 1


@pytest.mark.requirement("R35", "QC24")
def test_what_the_dead_had_sent_is_repeated_once_and_then_told(
    provider: DemoServer, due: Token, now: datetime
) -> None:
    held_by(due, now)
    provider.fail_token(status=400, body={"error": "invalid_grant"}, times=None)

    grants.refresh_due_tokens(now=now + 20 * SECOND)

    connection = Connection.objects.get()
    assert connection.state == ConnectionState.NEEDS_REAUTH
    assert "lost on the way" in connection.state_reason
    assert len(provider.token_requests) == 1


@pytest.mark.requirement("R32")
def test_a_sign_of_life_keeps_the_lease_and_comes_too_late_after_a_takeover(
    due: Token, now: datetime
) -> None:
    first = held_by(due, now)
    assert first.prolong()
    due.refresh_from_db()
    second = held_by(due, now + 30 * SECOND)

    assert not first.prolong()
    first._shown -= 5
    with pytest.raises(leases.LeaseLost):
        first.check()
    second.check()


@pytest.mark.requirement("R33")
def test_no_lease_lives_for_longer_than_two_minutes(due: Token, now: datetime) -> None:
    held = held_by(due, now)
    held._began -= leases.LONGEST_SECONDS + 1

    assert not held.prolong()


@pytest.mark.requirement("R39", "QC27")
def test_a_dead_connection_is_left_alone_even_if_it_is_due(
    provider: DemoServer, due: Token, now: datetime
) -> None:
    Connection.objects.update(state=ConnectionState.NEEDS_REAUTH)

    grants.refresh_due_tokens(now=now)

    assert grants.refresh_due_tokens(now=now) == 0
    assert provider.token_requests == []


def test_what_cannot_be_read_is_not_tried_at_every_tick(
    provider: DemoServer, due: Token, now: datetime, settings: Settings
) -> None:
    ring = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = {2: b"x" * 32}
    assert grants.refresh_due_tokens(now=now) == 1

    assert grants.refresh_due_tokens(now=now + timedelta(minutes=1)) == 0
    settings.ENCRYPTION_KEYS = ring
    assert grants.refresh_due_tokens(now=now + timedelta(minutes=16)) == 1
    assert provider.refreshes == 1


@pytest.mark.requirement("R67", "QC30")
def test_after_three_days_without_its_provider_a_connection_goes_on_by_itself(
    provider: DemoServer, due: Token, now: datetime
) -> None:
    provider.fail_token(status=502, times=None)
    for minute in range(0, 3 * 24 * 60, 15):
        grants.refresh_due_tokens(now=now + timedelta(minutes=minute))
    assert Connection.objects.get().state == ConnectionState.RETRYING
    provider.clear_faults()

    for minute in range(0, 80, 5):
        grants.refresh_due_tokens(now=now + timedelta(days=3, minutes=minute))

    assert Connection.objects.get().state == ConnectionState.CONNECTED
    assert provider.refreshes >= 1


@pytest.mark.requirement("R50", "R48", "QC32")
def test_a_token_that_was_renewed_a_moment_ago_is_not_renewed_because_an_api_refuses_it(
    provider: DemoServer, due: Token, now: datetime
) -> None:
    grants.refresh_due_tokens(now=now)

    with pytest.raises(grants.TokenRejected):
        grants.refresh_rejected_token(due.connection, version=2, now=now + 20 * SECOND)

    assert provider.refreshes == 1
    assert grants.refresh_rejected_token(due.connection, version=2, now=now + 61 * SECOND).version == 3


@pytest.mark.requirement("R66")
def test_a_process_that_was_asked_to_stop_begins_no_refresh(
    provider: DemoServer, due: Token, now: datetime
) -> None:
    grants.wind_down()
    try:
        assert grants.refresh_due_tokens(now=now) == 0
    finally:
        background._is_winding_down.clear()

    assert provider.token_requests == []
    assert grants.refresh_due_tokens(now=now) == 1
