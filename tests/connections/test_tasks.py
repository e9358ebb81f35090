from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now as clock

from accounts.models import User
from connections import grants, tasks
from connections.models import Connection, ConnectionState, Token
from demo_api.server import DemoServer
from tests import factories


def connect(provider: DemoServer, connection: Connection, *, is_due: bool = True) -> None:
    tokens = provider.mint("contacts.read")
    factories.connected(
        connection,
        now=clock(),
        life=timedelta(minutes=5),
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        refresh_at=clock() + timedelta(minutes=-1 if is_due else 3),
    )


def another(connection: Connection, **changes: object) -> Connection:
    names = ("team", "token_url", "client_id", "client_secret", "revocation_url")
    return factories.ConnectionFactory(**{name: getattr(connection, name) for name in names} | changes)


def test_the_names_of_the_tasks_are_the_ones_that_the_beat_knows() -> None:
    assert tasks.refresh_due_tokens.name == "connections.tasks.refresh_due_tokens"
    assert tasks.refresh_token.name == "connections.tasks.refresh_token"
    assert tasks.revoke_discarded_tokens.name == "connections.tasks.revoke_discarded_tokens"


@pytest.mark.requirement("R44")
def test_what_is_due_is_renewed_and_the_rest_is_not(provider: DemoServer, connection: Connection) -> None:
    connect(provider, connection)
    connect(provider, another(connection), is_due=False)

    assert tasks.refresh_due_tokens() == 1

    assert provider.refreshes == 1
    token = Token.objects.get(connection=connection)
    assert token.version == 2
    assert token.refresh_at is not None
    assert token.refresh_at > clock()
    assert tasks.refresh_due_tokens() == 0


@pytest.mark.requirement("R31")
def test_what_somebody_is_at_is_not_due(provider: DemoServer, connection: Connection) -> None:
    connect(provider, connection)
    Token.objects.get().lease_refresh(clock())

    assert tasks.refresh_due_tokens() == 0
    assert provider.token_requests == []


def test_what_failed_comes_again_at_its_time(provider: DemoServer, connection: Connection) -> None:
    connect(provider, connection)
    provider.fail_token(status=503)

    assert tasks.refresh_due_tokens() == 1
    assert tasks.refresh_due_tokens() == 0

    Token.objects.update(refresh_at=clock())
    assert tasks.refresh_due_tokens() == 1
    connection.refresh_from_db()
    assert connection.state == ConnectionState.CONNECTED


@pytest.mark.requirement("R39")
def test_a_connection_that_needs_a_person_is_left_alone(provider: DemoServer, connection: Connection) -> None:
    connect(provider, connection)
    provider.fail_token(status=400, body={"error": "bad_refresh_token"}, times=2)
    tasks.refresh_due_tokens()
    provider.forget_requests()

    assert tasks.refresh_due_tokens() == 0
    assert provider.token_requests == []


def test_one_token_is_renewed_out_of_line(provider: DemoServer, connection: Connection) -> None:
    connect(provider, connection, is_due=False)

    tasks.refresh_token(str(connection.pk))

    assert Token.objects.get().version == 2


@pytest.mark.django_db
def test_a_connection_that_is_gone_is_no_error() -> None:
    tasks.refresh_token(str(uuid4()))


def test_a_token_that_cannot_be_renewed_is_no_error(provider: DemoServer, connection: Connection) -> None:
    connect(provider, connection)
    provider.fail_token(status=503)

    tasks.refresh_token(str(connection.pk))

    connection.refresh_from_db()
    assert connection.state == ConnectionState.RETRYING


@pytest.mark.requirement("R57")
def test_discarded_tokens_are_revoked(provider: DemoServer, connection: Connection, editor: User) -> None:
    connect(provider, connection)
    grants.delete(connection, now=clock())

    assert tasks.revoke_discarded_tokens() == 1
    assert provider.revocations == 1
