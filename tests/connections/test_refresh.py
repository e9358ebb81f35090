"""One refresh however many ask, and nothing lost when it fails; the server rotates and detects reuse."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django.fixtures import Settings

from connections import grants
from connections.encryption import encrypted_field
from connections.grants.renewal.leases import RefreshLease, lease
from connections.grants.renewal.planning import refresh_moment
from connections.grants.renewal.storing import insisting
from connections.models import Connection, ConnectionState, Token
from demo_api.server import DemoServer
from tests import factories

LIFE = timedelta(minutes=5)


@pytest.fixture
def connected(provider: DemoServer, connection: Connection, now: datetime) -> Connection:
    """A connection with five-minute tokens of a rotating server, got at `now`."""
    tokens = provider.mint("contacts.read offline_access")
    factories.connected(
        connection,
        now=now,
        life=LIFE,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        refresh_at=now + timedelta(minutes=4),
    )
    return connection


@pytest.fixture
def later(now: datetime) -> datetime:
    """When the token has run out."""
    return now + LIFE


def token_of(connection: Connection) -> Token:
    return Token.objects.select_related("connection").get(connection_id=connection.pk)


def seal(connection: Connection, secret: str) -> bytes:
    return encrypted_field(Connection, "client_secret").seal(connection.pk, secret)


def failed(action: Callable[..., object], *arguments: object, **more: object) -> grants.TokenUnavailable:
    with pytest.raises(grants.TokenUnavailable) as caught:
        action(*arguments, **more)
    return caught.value


# When


def test_a_living_token_is_handed_out_without_asking_anybody(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    token = grants.fresh_token(connected, now=now + LIFE - timedelta(seconds=6))

    assert token.value == token_of(connected).access_token
    assert provider.token_requests == []
    assert token.value not in repr(token)


@pytest.mark.requirement("R43", "QC35")
def test_a_token_with_less_than_5_seconds_left_is_renewed(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    before = token_of(connected)

    token = grants.fresh_token(connected, now=now + LIFE - timedelta(seconds=4))

    assert token.value != before.access_token
    assert token.version == before.version + 1
    assert provider.refreshes == 1


@pytest.mark.requirement("R43")
def test_a_caller_may_ask_for_a_minimum_life(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    grants.fresh_token(connected, now=now + timedelta(minutes=3), minimum_life=timedelta(minutes=1))
    assert provider.refreshes == 0

    grants.fresh_token(connected, now=now + timedelta(minutes=3), minimum_life=timedelta(minutes=2.1))
    assert provider.refreshes == 1


@pytest.mark.requirement("R43", "QC35")
def test_a_minimum_life_longer_than_lives_are_does_not_refresh_on_each_use(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    for seconds in range(0, 120, 10):
        grants.fresh_token(connected, now=now + timedelta(seconds=seconds), minimum_life=timedelta(hours=1))

    assert provider.refreshes == 0


@pytest.mark.parametrize("life", [1, 3, 8, 60])
@pytest.mark.requirement("R43", "QC35")
def test_short_lives_are_used_and_not_renewed_on_each_use(
    provider: DemoServer, connected: Connection, later: datetime, life: int
) -> None:
    provider.set(access_token_lifetime=life)
    grants.fresh_token(connected, now=later)

    for tenth in range(4):
        grants.fresh_token(connected, now=later + timedelta(seconds=life * tenth / 10))

    assert provider.refreshes == 1


@pytest.mark.requirement("R46")
def test_a_token_of_unknown_life_is_never_renewed_by_itself(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    provider.set(token_answer_without=("expires_in",))
    grants.refresh(connected, now=now)

    token = grants.fresh_token(connected, now=now + timedelta(days=300))

    assert token.expires_at is None
    assert token_of(connected).refresh_at is None
    assert provider.refreshes == 1


@pytest.mark.parametrize(
    ("life", "earliest", "latest"),
    [
        (timedelta(seconds=60), 45, 48),
        (timedelta(minutes=5), 225, 240),
        (timedelta(hours=1), 2820, 3000),
        (timedelta(days=60), 60 * 86400 - 720, 60 * 86400 - 600),
        (timedelta(seconds=10), 30, 30),
        (timedelta(seconds=1), 30, 30),
    ],
)
@pytest.mark.requirement("R44")
def test_the_background_renews_a_little_before_the_end(
    now: datetime, life: timedelta, earliest: float, latest: float
) -> None:
    moments = [refresh_moment(now, life, is_renewable=True) for _ in range(50)]

    for moment in moments:
        assert moment is not None
        assert earliest <= (moment - now).total_seconds() <= latest
    if latest - earliest > 1:
        assert len(set(moments)) > 40


def test_what_cannot_be_renewed_is_not_planned(now: datetime) -> None:
    assert refresh_moment(now, None, is_renewable=True) is None
    assert refresh_moment(now, LIFE, is_renewable=False) is None


# Success


@pytest.mark.requirement("R36", "QC25")
def test_a_rotated_refresh_token_takes_the_place_of_the_old_one(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    for n in range(5):
        grants.refresh(connected, now=later + n * LIFE)

    assert provider.refreshes == 5
    assert not provider.reuse_was_detected


@pytest.mark.parametrize(
    "knobs",
    [
        {"rotation": False},
        {"token_answer_without": ("refresh_token",), "rotation": False},
        {"token_answer_with": {"refresh_token": None}, "rotation": False},
        {"token_answer_with": {"refresh_token": ""}, "rotation": False},
    ],
)
@pytest.mark.requirement("R36", "QC25")
def test_a_refresh_token_that_does_not_come_again_is_kept(
    provider: DemoServer, connected: Connection, later: datetime, knobs: dict[str, Any]
) -> None:
    before = token_of(connected).refresh_token
    provider.set(**knobs)

    grants.refresh(connected, now=later)

    assert token_of(connected).refresh_token == before
    assert grants.refresh(connected, now=later + LIFE).version == 3


@pytest.mark.requirement("R36", "QC25")
def test_what_the_answer_leaves_out_stays_as_it_was(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    Token.objects.update(granted_scopes="contacts.read", account="ann@example.org")
    provider.set(token_answer_without=("scope",))

    grants.refresh(connected, now=later)

    token = token_of(connected)
    assert (token.granted_scopes, token.account) == ("contacts.read", "ann@example.org")


@pytest.mark.requirement("R36", "QC25")
def test_the_same_access_token_with_a_new_end_is_a_success(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    before = token_of(connected).access_token
    provider.set(token_answer_with={"access_token": before})

    token = grants.refresh(connected, now=later)

    assert (token.value, token.version) == (before, 2)


def test_a_success_ends_all_trouble(provider: DemoServer, connected: Connection, later: datetime) -> None:
    provider.fail_token(status=503)
    failed(grants.fresh_token, connected, now=later)

    grants.refresh(connected, now=later + timedelta(minutes=1))

    token = token_of(connected)
    assert (token.failures, token.refusals, token.refresh_sent_at) == (0, 0, None)
    assert (token.connection.state, token.connection.state_reason) == (ConnectionState.CONNECTED, "")


# One at a time


@pytest.mark.requirement("R31")
def test_a_second_refresh_is_told_that_one_is_underway(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    stale = token_of(connected)
    assert stale.lease_refresh(later)

    assert isinstance(failed(grants.refresh, connected, now=later), grants.RefreshUnderway)
    assert provider.token_requests == []


@pytest.mark.requirement("R31", "R66")
def test_of_two_who_read_the_same_row_one_gets_the_lease(connected: Connection, later: datetime) -> None:
    first, second = token_of(connected), token_of(connected)

    assert first.lease_refresh(later) is not None
    assert second.lease_refresh(later) is None
    assert second.lease_refresh(later + timedelta(seconds=19)) is None
    assert second.lease_refresh(later + timedelta(seconds=20)) is not None


@pytest.mark.requirement("R31", "R66")
def test_a_lease_is_not_given_on_what_has_changed_since_it_was_read(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    stale = token_of(connected)
    provider.fail_token(status=503)
    failed(grants.refresh, connected, now=later)

    assert stale.lease_refresh(later) is None


@pytest.mark.requirement("R32", "QC23")
def test_a_caller_goes_ahead_when_the_holder_of_the_lease_was_killed(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    token_of(connected).lease_refresh(later - timedelta(seconds=19.5))

    assert grants.fresh_token(connected, now=later).version == 2
    assert provider.refreshes == 1


class LeaseOfAFrozenProcess(RefreshLease):
    """As though the process had stood still since it took the lease."""

    @property
    def is_stale(self) -> bool:
        return True


def test_who_was_overtaken_while_frozen_sends_nothing(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    from connections.grants.renewal import renewing

    frozen = token_of(connected)
    holder = frozen.lease_refresh(later)
    assert holder is not None
    newer = grants.fresh_token(connected, now=later + timedelta(seconds=21))

    thawed = renewing.renew(LeaseOfAFrozenProcess(frozen, holder, later))

    assert thawed == newer
    assert len(provider.token_requests) == 1


def test_a_late_answer_is_not_stored_over_something_newer(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    from connections import oauth2
    from connections.grants.renewal.storing import store_refreshed

    late = token_of(connected)
    newer = grants.refresh(connected, now=later)

    answer = oauth2.TokenAnswer("late-access", "late-refresh", life=LIFE)

    assert store_refreshed(late, answer, later, is_rejected=False) is False
    assert token_of(connected).access_token == newer.value


@pytest.mark.requirement("R57", "QC40")
# Failures


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 500, "body": "<h1>Oops</h1>", "content_type": "text/html"},
        {"status": 429, "body": {"error": "slow_down"}},
        {"status": 200, "body": "<html>Maintenance</html>", "content_type": "text/html"},
        {"status": 200, "body": {"ok": True}},
        {"status": 502, "body": ""},
    ],
    ids=lambda fault: f"{fault['status']}-{fault.get('body', '')!s:.12}",
)
@pytest.mark.requirement("R37", "R41", "QC30")
def test_a_server_out_of_order_costs_no_token(
    provider: DemoServer, connected: Connection, later: datetime, fault: dict[str, Any]
) -> None:
    before = token_of(connected)
    provider.fail_token(times=2, **fault)

    error = failed(grants.fresh_token, connected, now=later)

    assert isinstance(error, grants.ProviderUnavailable)
    assert error.code == "provider_unavailable"
    assert error.retry_after is not None
    token = token_of(connected)
    assert token.connection.state == ConnectionState.RETRYING
    assert (token.refresh_token, token.version, token.refresh_leased_by) == (before.refresh_token, 1, None)
    provider.clear_faults()
    assert token.refresh_at is not None
    assert grants.fresh_token(connected, now=token.refresh_at).version == 2


@pytest.mark.requirement("R41", "QC30")
def test_a_server_that_cannot_be_reached_is_waited_for(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    provider.stop()

    assert isinstance(failed(grants.fresh_token, connected, now=later), grants.ProviderUnavailable)

    provider.start()
    assert grants.fresh_token(connected, now=later + timedelta(minutes=1)).version == 2


@pytest.mark.requirement("R41")
def test_nobody_asks_again_before_the_next_try_is_due(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    provider.fail_token(status=503, times=None)
    failed(grants.fresh_token, connected, now=later)

    for seconds in range(1, 14):
        error = failed(grants.fresh_token, connected, now=later + timedelta(seconds=seconds))
        assert isinstance(error, grants.ProviderUnavailable)
        assert error.retry_after is not None

    assert len(provider.token_requests) == 1


@pytest.mark.requirement("R41", "QC30")
def test_the_access_token_is_used_to_its_end_while_the_server_is_down(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    provider.fail_token(status=503, times=None)
    failed(grants.refresh, connected, now=now + timedelta(minutes=4))

    assert grants.fresh_token(connected, now=now + timedelta(minutes=4.5)).version == 1


@pytest.mark.requirement("R41", "R67", "QC30")
def test_an_outage_of_two_hours_costs_at_most_15_tries_and_one_of_three_days_no_connection(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    provider.fail_token(status=502, times=None)
    at, gaps = later, []
    while at < later + timedelta(days=3):
        failed(grants.refresh, connected, now=at)
        if at < later + timedelta(hours=2):
            tries = len(provider.token_requests)
        due = token_of(connected).refresh_at
        assert due is not None
        gaps.append(due - at)
        at = due

    assert tries <= 15
    assert gaps[5] > gaps[2] > gaps[0]
    assert max(gaps) <= timedelta(hours=1.25)
    provider.clear_faults()
    grants.refresh(connected, now=at)
    assert token_of(connected).connection.state == ConnectionState.CONNECTED


@pytest.mark.parametrize(("told", "at_least"), [("120", 120), ("99999999", 3600), ("soon", 15)])
@pytest.mark.requirement("R41", "QC31")
def test_a_retry_after_is_respected_and_bounded(
    provider: DemoServer, connected: Connection, later: datetime, told: str, at_least: int
) -> None:
    provider.fail_token(status=429, headers={"Retry-After": told})

    error = failed(grants.fresh_token, connected, now=later)

    due = token_of(connected).refresh_at
    assert due is not None
    assert at_least <= (due - later).total_seconds() <= at_least * 1.25 + 1
    assert error.retry_after is not None


@pytest.mark.requirement("R39", "QC27")
def test_a_refused_grant_asks_for_a_person_and_is_never_sent_again(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    before = token_of(connected)
    provider.fail_token(status=400, body={"error": "invalid_grant"}, times=None)

    error = failed(grants.fresh_token, connected, now=later)

    assert isinstance(error, grants.ReconnectRequired)
    assert error.code == "reconnect_required"
    assert "CRM" in error.sentence
    assert "Reconnect" in error.sentence
    provider.forget_requests()
    token = token_of(connected)
    assert (token.connection.state, token.refresh_at) == (ConnectionState.NEEDS_REAUTH, None)
    assert (token.access_token, token.refresh_token) == (before.access_token, before.refresh_token)
    for action in (grants.fresh_token, grants.refresh):
        assert isinstance(failed(action, connected, now=later + timedelta(days=1)), grants.ReconnectRequired)
    assert provider.token_requests == []
    assert not Connection.objects.due_for_refresh(later + timedelta(days=1)).exists()


@pytest.mark.requirement("QC28")
def test_one_refusal_by_mistake_is_forgiven(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    provider.fail_token(status=400, body={"error": "invalid_grant"})

    assert grants.fresh_token(connected, now=later).version == 2
    assert len(provider.token_requests) == 2


@pytest.mark.requirement("R58")
def test_an_expired_token_without_a_refresh_token_asks_for_a_person(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    Token.objects.update(refresh_token=None)

    error = failed(grants.fresh_token, connected, now=later)

    assert isinstance(error, grants.ReconnectRequired)
    assert "no refresh token" in error.sentence
    connected.refresh_from_db()
    assert connected.state == ConnectionState.NEEDS_REAUTH
    assert provider.token_requests == []


@pytest.mark.requirement("R40", "QC29")
def test_a_refused_client_keeps_the_tokens_and_waits_for_an_edit(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    connected.client_secret = "mistyped"
    grants.save_settings(connected, changed={"client_secret"}, now=later)

    error = failed(grants.fresh_token, connected, now=later)

    assert isinstance(error, grants.ConnectionMisconfigured)
    assert error.code == "connection_misconfigured"
    assert token_of(connected).connection.state == ConnectionState.CONFIG_ERROR
    provider.forget_requests()
    failed(grants.fresh_token, connected, now=later + timedelta(hours=5))
    assert provider.token_requests == []

    connected.client_secret = provider.client_secret
    grants.save_settings(connected, changed={"client_secret"}, now=later + timedelta(hours=5))
    assert grants.fresh_token(connected, now=later + timedelta(hours=5)).version == 2
    assert token_of(connected).connection.state == ConnectionState.CONNECTED


@pytest.mark.requirement("R42", "QC27")
def test_unknown_refusals_end_after_five_tries_within_a_day(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    provider.fail_token(status=400, body={"error": "odd", "error_description": "Blue moon"}, times=None)
    at, tries = later, 0
    while (due := token_of(connected).refresh_at) is not None and tries < 20:
        at = max(due, later)
        failed(grants.refresh, connected, now=at)
        tries += 1

    assert tries == len(provider.token_requests) == 5
    assert at < later + timedelta(days=1)
    connected.refresh_from_db()
    assert connected.state == ConnectionState.NEEDS_REAUTH
    assert "Blue moon" in connected.provider_text


@pytest.mark.requirement("R35", "QC24")
def test_an_answer_lost_on_the_way_is_asked_for_once_more_and_healed_within_the_grace(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    provider.set(rotation_grace=60)
    provider.drop("/oauth/token", after_effect=True)

    assert grants.fresh_token(connected, now=later).version == 2
    assert len(provider.token_requests) == 2


@pytest.mark.requirement("R35", "QC24")
def test_an_answer_lost_by_a_strict_server_is_told_as_what_it_was(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    provider.drop("/oauth/token", after_effect=True)

    error = failed(grants.fresh_token, connected, now=later)

    assert isinstance(error, grants.ReconnectRequired)
    assert "lost on the way" in error.sentence
    assert len(provider.token_requests) == 2


@pytest.mark.requirement("R35", "QC24")
def test_a_lost_answer_is_remembered_over_an_outage(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    provider.drop("/oauth/token", after_effect=True)
    provider.fail_token(status=503)
    failed(grants.fresh_token, connected, now=later)
    assert token_of(connected).refresh_sent_at is not None

    error = failed(grants.fresh_token, connected, now=later + timedelta(minutes=1))

    assert "lost on the way" in error.sentence
    assert len(provider.token_requests) == 3


@pytest.mark.requirement("R38", "QC28")
def test_the_loser_of_a_race_uses_what_the_winner_stored(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    from connections.grants.renewal import renewing

    loser = lease(token_of(connected), later)
    assert loser is not None
    winner = grants.fresh_token(connected, now=later + timedelta(seconds=21))

    # Whoever comes second with the old token is refused it.
    token = renewing.renew(loser)

    assert token == winner
    assert len(provider.token_requests) == 3
    connected.refresh_from_db()
    assert connected.state == ConnectionState.CONNECTED


def test_a_failure_under_old_settings_says_nothing_of_the_new_ones(
    provider: DemoServer, connected: Connection, later: datetime
) -> None:
    from connections.grants.renewal import renewing

    Connection.objects.update(client_secret=seal(connected, "old"))
    began = lease(token_of(connected), later)
    assert began is not None
    connected.client_secret = provider.client_secret
    grants.save_settings(connected, changed={"client_secret"}, now=later)

    with pytest.raises(grants.RefreshUnderway):
        renewing.renew(began)

    token = token_of(connected)
    assert token.connection.state == ConnectionState.CONNECTED
    assert (token.refresh_leased_by, token.failures) == (None, 0)
    assert token.refresh_at is not None
    assert token.refresh_at <= later + timedelta(seconds=10)


# A token that an API refuses


@pytest.mark.requirement("R50", "QC36")
def test_a_refused_token_is_renewed_once_for_all_who_were_refused(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    first = grants.refresh_rejected_token(connected, version=1, now=now)
    second = grants.refresh_rejected_token(connected, version=1, now=now + timedelta(minutes=2))

    assert first == second
    assert provider.refreshes == 1


@pytest.mark.requirement("R48", "R50", "QC32")
def test_a_token_that_is_refused_fresh_from_the_server_is_not_renewed_again(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    grants.refresh_rejected_token(connected, version=1, now=now)

    error = failed(grants.refresh_rejected_token, connected, version=2, now=now + timedelta(seconds=20))

    assert isinstance(error, grants.TokenRejected)
    assert provider.refreshes == 1
    grants.refresh_rejected_token(connected, version=2, now=now + timedelta(seconds=61))
    assert provider.refreshes == 2


def test_a_refused_token_without_refresh_token_leaves_the_connection_as_it_is(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    Token.objects.update(refresh_token=None)

    error = failed(grants.refresh_rejected_token, connected, version=1, now=now)

    assert isinstance(error, grants.ReconnectRequired)
    connected.refresh_from_db()
    assert connected.state == ConnectionState.CONNECTED


# What else must hold


def test_tokens_of_a_lost_key_are_left_alone(
    provider: DemoServer, connected: Connection, later: datetime, settings: Settings
) -> None:
    ring = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = {2: b"x" * 32}

    error = failed(grants.fresh_token, connected, now=later)

    assert isinstance(error, grants.ConnectionMisconfigured)
    assert "ENCRYPTION_KEYS" in error.sentence
    settings.ENCRYPTION_KEYS = ring
    assert token_of(connected).connection.state == ConnectionState.CONNECTED
    assert grants.fresh_token(connected, now=later).version == 2


@pytest.mark.requirement("R61")
def test_no_token_is_in_any_log(
    provider: DemoServer, connected: Connection, later: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    before = token_of(connected)
    secrets = [before.access_token, before.refresh_token, provider.client_secret]
    with caplog.at_level("DEBUG"):
        provider.fail_token(
            status=503, body={"error": "server_error", "error_description": f"{before.refresh_token}"}
        )
        failed(grants.fresh_token, connected, now=later)
        token = grants.fresh_token(connected, now=later + timedelta(minutes=1))
        provider.fail_token(status=401, body={"error": "invalid_client"}, times=None)
        failed(grants.refresh, connected, now=later + timedelta(minutes=2))

    secrets += [token.value, token_of(connected).refresh_token]
    connected.refresh_from_db()
    assert caplog.text
    for secret in secrets:
        assert secret
        assert secret not in caplog.text + connected.explanation


@pytest.mark.requirement("R34", "QC24")
def test_a_store_is_insisted_on_while_the_database_is_away(transactional_db: None) -> None:
    tries = []

    def store() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("the server closed the connection")
        return "stored"

    assert insisting(store) == "stored"
