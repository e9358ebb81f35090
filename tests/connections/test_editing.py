"""What people do to a connection that lives: edit it, give it new secrets, disconnect and delete it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from queue import Empty
from typing import Any

import pytest
from celery import Celery, current_app
from django.db import connections as databases
from django.test import Client
from django.utils.timezone import now as clock

from accounts.models import Role, Team, User
from connections import grants, tasks
from connections.grants.edits import consequences
from connections.models import (
    Connection,
    ConnectionState,
    DiscardedToken,
    Token,
)
from demo_api.server import DemoServer
from tests import factories
from tests.factories import ConnectionFactory, SavedRequestFactory
from tests.requests_builder.pages import text

LIFE = timedelta(minutes=5)
Committed = Callable[..., AbstractContextManager[list[Callable[[], Any]]]]


@pytest.fixture
def broker() -> Iterator[Celery]:
    """An app whose broker is in memory."""
    before = current_app._get_current_object()
    app = Celery("test", broker="memory://", set_as_current=True)
    yield app
    messages(app)
    before.set_current()


def messages(app: Celery) -> list[tuple[str, list[Any]]]:
    """Name and arguments of the messages that wait for a worker; they are taken away."""
    taken = []
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
        while True:
            try:
                message = queue.get_nowait()
            except Empty:
                return taken
            message.ack()
            taken.append((message.headers["task"], message.payload[0]))


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


def edit(connection: Connection, now: datetime, **changes: Any) -> None:
    connection.refresh_from_db()
    for name, value in changes.items():
        setattr(connection, name, value)
    grants.save_settings(connection, changed=set(changes), now=now)


def token_of(connection: Connection) -> Token | None:
    return Token.objects.filter(connection_id=connection.pk).first()


def secret_is_changed_at(provider: DemoServer, connection: Connection, at: datetime) -> None:
    """The provider has a new secret, and the refresh with the old one has failed."""
    provider.register_client("renewed", "new-secret")
    tokens = provider.mint("contacts.read offline_access", client_id="renewed")
    edit(connection, at, client_id="renewed")
    factories.connected(
        connection,
        now=at,
        life=LIFE,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        refresh_at=at,
    )
    with pytest.raises(grants.ConnectionMisconfigured):
        grants.refresh(connection, now=at)


# Each setting


def test_each_column_has_its_consequence() -> None:
    groups = (consequences.RELIED_ON, consequences.HARMLESS, consequences.WRITTEN_BY_US)
    columns = sorted(field.name for field in Connection._meta.concrete_fields)

    assert sorted(name for group in groups for name in group) == columns
    assert consequences.REVIVING <= consequences.RELIED_ON


@pytest.mark.requirement("R56", "QC29", "QC39")
@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Other"},
        {"scopes": "contacts.read contacts.write"},
        {"token_headers": {"X-Extra": "1"}},
        {"token_parameters": {"audience": "x"}},
        {"authorization_parameters": {"prompt": "consent"}},
        {"authorization_url": "https://provider.example/consent"},
        {"client_secret": "another-secret"},
        {"allowed_hosts": ["api.example"]},
        {"test_url": "https://api.example/me"},
        {"expiry_signals": "403"},
        {"default_life": 3600},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_edit_that_concerns_neither_client_nor_server_nor_account_breaks_nothing(
    connected: Connection, now: datetime, changes: dict[str, Any]
) -> None:
    before = Token.objects.get()

    edit(connected, now, **changes)

    assert connected.state == ConnectionState.CONNECTED
    after = Token.objects.get()
    assert (after.access_token, after.refresh_token) == (before.access_token, before.refresh_token)
    assert grants.fresh_token(connected, now=now).value == before.access_token


@pytest.mark.requirement("R9", "R51", "R56", "QC08", "QC29", "QC39")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"client_id": "another"}, "The Client ID was changed"),
        ({"token_url": "https://elsewhere.example/token"}, "The host of Token URL was changed"),
        ({"placeholders": {"sub_domain": "globex"}}, "“sub domain” was changed"),
        (
            {"placeholders": {"sub_domain": "globex"}, "token_url": "https://globex.example/token"},
            "“sub domain” was changed",
        ),
        ({"uses_shared_client": True, "preset": "google"}, "The Client ID was changed"),
        ({"grant_type": "client_credentials"}, "The kind of grant was changed"),
    ],
    ids=lambda part: next(iter(part)) if isinstance(part, dict) else "",
)
def test_another_client_server_or_account_gives_the_tokens_up_and_says_why(
    provider: DemoServer, connected: Connection, now: datetime, changes: dict[str, Any], why: str
) -> None:
    Connection.objects.update(placeholders={"sub_domain": "acme"})

    edit(connected, now, **changes)

    assert connected.state == ConnectionState.NEEDS_REAUTH
    assert connected.state_reason.startswith(why)
    assert "given up" in connected.state_reason
    assert token_of(connected) is None
    # They are ended where they came from, by the client that they were given to.
    discarded = DiscardedToken.objects.get()
    assert (discarded.client_id, discarded.revocation_url) == (provider.client_id, provider.revocation_url)
    assert provider.token_requests == []


@pytest.mark.requirement("R9", "R56")
def test_a_placeholder_that_is_new_and_changes_no_address_keeps_the_tokens(
    connected: Connection, now: datetime
) -> None:
    edit(connected, now, placeholders={"subdomain": "acme"}, address_templates={"token_url": "x"})

    assert connected.state == ConnectionState.CONNECTED
    assert token_of(connected) is not None


@pytest.mark.requirement("R13", "QC05")
@pytest.mark.parametrize("field", sorted(consequences.RELIED_ON))
def test_an_edit_of_what_a_flow_relies_on_ends_the_flow(
    connection: Connection, now: datetime, field: str
) -> None:
    version = connection.settings_version

    grants.save_settings(connection, changed={field}, now=now)

    assert connection.settings_version == version + 1


@pytest.mark.parametrize("field", sorted(consequences.HARMLESS))
def test_an_edit_of_anything_else_lets_flows_go_on(connection: Connection, now: datetime, field: str) -> None:
    version = connection.settings_version

    grants.save_settings(connection, changed={field}, now=now)

    assert connection.settings_version == version


def test_what_was_learned_of_a_server_is_forgotten_with_it(connected: Connection, now: datetime) -> None:
    Connection.objects.update(learned_client_authentication="basic", issuer="https://provider.example")
    edit(connected, now, scopes="contacts.read")
    connected.refresh_from_db()
    assert (connected.learned_client_authentication, connected.issuer) == (
        "basic",
        "https://provider.example",
    )

    edit(connected, now, token_url="https://elsewhere.example/token")

    connected.refresh_from_db()
    assert (connected.learned_client_authentication, connected.issuer) == ("", "")


# Scopes


@pytest.mark.requirement("R56", "QC39")
def test_scopes_that_were_edited_ask_for_another_authorization_and_stay_connected(
    client: Client, connected: Connection, now: datetime
) -> None:
    Token.objects.update(asked_scopes="contacts.read offline_access", granted_scopes="contacts.read")
    assert grants.edited_scopes(connected, token_of(connected)) == ""

    edit(connected, now, scopes="contacts.write offline_access")

    assert connected.state == ConnectionState.CONNECTED
    sentence = (
        "The scopes were changed since it was connected. "
        "Authorize again to get contacts.write and to give up contacts.read."
    )
    assert grants.edited_scopes(connected, token_of(connected)) == sentence
    client.force_login(factories.member_of(connected.team, Role.VIEWER))
    assert sentence in text(client.get(f"/t/acme/connections/{connected.pk}/"))


@pytest.mark.requirement("R56")
def test_what_was_asked_for_is_remembered_with_the_grant(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    from tests.connections.test_grants import connect

    connect(provider, connection, editor, now)
    connection.refresh_from_db()

    assert Token.objects.get().asked_scopes == connection.scopes
    assert grants.edited_scopes(connection, token_of(connection)) == ""


@pytest.mark.requirement("R56")
def test_of_tokens_from_elsewhere_nobody_knows_what_was_asked(connected: Connection) -> None:
    assert grants.edited_scopes(connected, token_of(connected)) == ""
    assert grants.edited_scopes(connected, None) == ""


# Revival


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("R40", "QC29")
def test_a_new_secret_revives_the_connection_at_once_and_without_a_popup(
    provider: DemoServer, connection: Connection, broker: Celery
) -> None:
    secret_is_changed_at(provider, connection, clock())
    connection.refresh_from_db()
    assert connection.state == ConnectionState.CONFIG_ERROR
    kept = Token.objects.get()

    edit(connection, clock(), client_secret="new-secret")

    assert connection.state == ConnectionState.RETRYING
    assert "renewed with the new ones in a moment" in connection.state_reason
    [(name, arguments)] = messages(broker)
    assert (name, arguments) == (tasks.refresh_token.name, [str(connection.pk)])
    tasks.refresh_token(*arguments)
    connection.refresh_from_db()
    assert connection.state == ConnectionState.CONNECTED
    assert Token.objects.get().version == kept.version + 1


@pytest.mark.requirement("R40", "QC29")
def test_without_a_broker_the_next_tick_revives_it(
    provider: DemoServer, connection: Connection, now: datetime
) -> None:
    secret_is_changed_at(provider, connection, now)

    edit(connection, now, client_secret="new-secret")
    assert grants.refresh_due_tokens(now=now) == 1

    connection.refresh_from_db()
    assert connection.state == ConnectionState.CONNECTED


@pytest.mark.requirement("R40", "QC29")
@pytest.mark.parametrize("field", sorted(consequences.REVIVING - {"client_id", "grant_type"}))
def test_an_edit_of_what_may_have_been_the_cause_is_tried_at_once(
    connected: Connection, now: datetime, field: str
) -> None:
    Token.objects.update(refresh_at=now + timedelta(hours=6), failures=3)
    Connection.objects.enter(ConnectionState.CONFIG_ERROR, "Refused.", now)

    grants.save_settings(connected, changed={field}, now=now)

    token = Token.objects.get()
    assert (token.refresh_at, token.failures) == (now, 0)
    assert connected.state == ConnectionState.RETRYING


@pytest.mark.parametrize("field", sorted(consequences.HARMLESS))
def test_an_edit_that_mends_nothing_tries_nothing(connected: Connection, now: datetime, field: str) -> None:
    Connection.objects.enter(ConnectionState.CONFIG_ERROR, "Refused.", now)

    grants.save_settings(connected, changed={field}, now=now)

    assert connected.state == ConnectionState.CONFIG_ERROR


@pytest.mark.requirement("R39")
def test_a_dead_grant_is_not_revived_by_an_edit(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    Connection.objects.enter(ConnectionState.NEEDS_REAUTH, "Dead.", now)

    edit(connected, now, client_secret="another")

    assert connected.state == ConnectionState.NEEDS_REAUTH
    assert token_of(connected) is not None


# While a refresh is under way


def during_a_refresh(
    provider: DemoServer, connection: Connection, now: datetime, deed: Callable[[], None]
) -> Exception | None:
    """Do it while the provider takes its time with a refresh; how the refresh ended for its caller."""
    caught: list[Exception | None] = []

    def refresh() -> None:
        try:
            grants.refresh(Connection.objects.get(pk=connection.pk), now=now)
            caught.append(None)
        except Exception as error:
            caught.append(error)
        finally:
            databases.close_all()

    provider.hold("/oauth/token")
    thread = threading.Thread(target=refresh)
    thread.start()
    assert provider.wait_until_held()
    deed()
    provider.release()
    thread.join()
    return caught[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("R57", "QC40")
def test_deleting_during_a_refresh_resurrects_nothing_and_revokes_what_came_late(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    error = during_a_refresh(
        provider, connected, now + LIFE, lambda: grants.delete(connected, now=now + LIFE)
    )

    assert isinstance(error, grants.TokenUnavailable)
    assert not Connection.objects.exists()
    assert not Token.objects.exists()
    assert DiscardedToken.objects.count() == 2
    grants.revoke_discarded_tokens(now=now + LIFE + timedelta(minutes=1))
    assert provider.revocations >= 1
    assert not DiscardedToken.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("R57", "QC40")
def test_disconnecting_during_a_refresh_keeps_it_disconnected_and_revokes_what_came_late(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    during_a_refresh(provider, connected, now + LIFE, lambda: grants.disconnect(connected, now=now + LIFE))

    connected.refresh_from_db()
    assert connected.state == ConnectionState.NEW
    assert not Token.objects.exists()
    assert DiscardedToken.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("R56", "QC40")
@pytest.mark.parametrize(
    "changes", [{"client_id": "another"}, {"token_url": "https://elsewhere.example/token"}], ids=str
)
def test_another_client_during_a_refresh_keeps_the_old_clients_answer_out(
    provider: DemoServer, connected: Connection, now: datetime, changes: dict[str, Any]
) -> None:
    during_a_refresh(provider, connected, now + LIFE, lambda: edit(connected, now + LIFE, **changes))

    connected.refresh_from_db()
    assert connected.state == ConnectionState.NEEDS_REAUTH
    assert not Token.objects.exists()
    assert {each.client_id for each in DiscardedToken.objects.all()} == {provider.client_id}
    assert DiscardedToken.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("R34", "R56", "QC40")
def test_scopes_edited_during_a_refresh_lose_no_rotated_token(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    error = during_a_refresh(
        provider, connected, now + LIFE, lambda: edit(connected, now + LIFE, scopes="contacts.write")
    )

    assert error is None
    connected.refresh_from_db()
    assert (connected.scopes, connected.state) == ("contacts.write", ConnectionState.CONNECTED)
    again = grants.refresh(connected, now=now + LIFE)
    assert again.version == 3
    assert not provider.reuse_was_detected


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("R40", "QC40")
def test_a_failure_under_the_old_settings_says_nothing_of_the_new_ones(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    provider.fail_token(status=401, body={"error": "invalid_client"}, times=4)

    during_a_refresh(
        provider, connected, now + LIFE, lambda: edit(connected, now + LIFE, client_secret="new-secret")
    )

    connected.refresh_from_db()
    assert connected.state != ConnectionState.CONFIG_ERROR
    token = Token.objects.get()
    assert token.refresh_at is not None
    assert token.refresh_at <= now + LIFE + timedelta(seconds=30)


# Authorizing again


@pytest.mark.requirement("R54", "QC39")
def test_authorizing_again_keeps_the_id_and_what_uses_it_and_the_old_tokens_until_it_succeeds(
    provider: DemoServer, connected: Connection, editor: User, now: datetime
) -> None:
    from tests.connections.test_grants import begin, finish, leave, parameters_of

    saved = SavedRequestFactory(team=connected.team, connection=connected)
    old = Token.objects.get()
    for is_allowed in (False, True):
        address = leave(begin(connected, editor, now), editor, now)
        assert grants.fresh_token(connected, now=now).value == old.access_token
        finish(parameters_of(provider.consent(address, is_allowed=is_allowed)), editor, now)
        connected.refresh_from_db()
        assert connected.state == ConnectionState.CONNECTED
        assert (Token.objects.get().access_token == old.access_token) is not is_allowed

    saved.refresh_from_db()
    assert saved.connection_id == connected.pk


# Deleting


@pytest.mark.requirement("R57", "QC40")
def test_deleting_names_the_connections_that_the_provider_ends_along(
    client: Client, team: Team, now: datetime
) -> None:
    google = {"token_url": "https://oauth2.googleapis.com/token", "team": team}
    ours = ConnectionFactory(name="Calendar", **google)
    factories.connected(ours, now=now, account_id="ann")
    for name, account_id, more in (
        ("Drive", "ann", {}),
        ("Mail of nobody knows whom", "", {}),
        ("Bob's", "bob", {}),
        ("Of another client", "ann", {"client_id": "another"}),
    ):
        factories.connected(ConnectionFactory(name=name, **google | more), now=now, account_id=account_id)
    ConnectionFactory(name="Never connected", **google)
    factories.connected(ConnectionFactory(name="Of another team", token_url=google["token_url"]), now=now)

    assert [each.name for each in grants.ended_along(ours)] == ["Drive", "Mail of nobody knows whom"]

    client.force_login(factories.member_of(team, Role.ADMIN))
    page = text(client.get(f"/t/acme/connections/{ours.pk}/delete/"))
    assert "Drive" in page
    assert "Mail of nobody knows whom" in page
    assert "Bob" not in page
    assert "Of another team" not in page


@pytest.mark.requirement("R57", "QC40")
def test_a_provider_that_ends_only_what_it_is_told_warns_of_nothing(
    client: Client, team: Team, now: datetime
) -> None:
    ours, other = ConnectionFactory(team=team), ConnectionFactory(team=team)
    for each in (ours, other):
        factories.connected(each, now=now, account_id="ann")

    assert grants.ended_along(ours) == []

    client.force_login(factories.member_of(team, Role.ADMIN))
    assert "all grants of the account" not in text(client.get(f"/t/acme/connections/{ours.pk}/delete/"))
