"""Every provider of the catalogue, from consent to revocation, at a server that takes its dialect alone."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from urllib.parse import parse_qs

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Team, User
from connections import grants, providers
from connections.grants.renewal.storing import renews_late
from connections.grants.using import testing
from connections.models import (
    AuthorizationRequest,
    AuthorizationState,
    Connection,
    ConnectionState,
    DiscardedToken,
    GrantType,
    Token,
)
from connections.oauth2.dialect import Meaning, RefreshKind
from tests import factories
from tests.dialect_stub import CLIENT_ID, CLIENT_SECRET, DialectStub

SESSION = "a-session"
RENEWING = (RefreshKind.STANDARD, RefreshKind.EXCHANGE)
PLACES = {"zoho": {"region": "zoho.eu"}}

Starting = Callable[..., DialectStub]


@pytest.fixture
def start(settings: Settings) -> Iterator[Starting]:
    """Starts a stub for an entry; it ends with the test."""
    started: list[DialectStub] = []

    def starts(slug: str, **more: object) -> DialectStub:
        stub = DialectStub(slug, home=PLACES.get(slug), **more)  # type: ignore[arg-type]
        settings.OUTBOUND_ALLOW = [stub.allow]
        started.append(stub.__enter__())
        return stub

    yield starts
    for stub in started:
        stub.__exit__(None, None, None)


def connection_to(stub: DialectStub, team: Team, user: User, **fields: object) -> Connection:
    """A connection as the page of the preset saves it."""
    is_client = stub.provider.dialect.refresh_kind is RefreshKind.CLIENT
    return factories.ConnectionFactory(
        team=team,
        created_by=user,
        name=stub.provider.title,
        authorization_url=stub.start.authorization_url,
        token_url=stub.start.token_url,
        revocation_url=stub.start.revocation_url,
        preset=stub.slug,
        placeholders=stub.values,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        scopes=stub.scopes,
        grant_type=GrantType.CLIENT_CREDENTIALS if is_client else GrantType.AUTHORIZATION_CODE,
        **fields,
    )


def connect(stub: DialectStub, connection: Connection, user: User, now: datetime) -> AuthorizationRequest:
    if connection.grant_type == GrantType.CLIENT_CREDENTIALS:
        return grants.connect_as_client(connection, user=user, session_key=SESSION, return_to="/", now=now)
    flow = grants.begin_authorization(connection, user=user, session_key=SESSION, return_to="/", now=now)
    url = grants.leave_for_provider(flow, user=user, session_key=SESSION, now=now)
    path, _, query = stub.consent(url).partition("?")
    return grants.complete_authorization(
        parse_qs(query), arrived_at=path, user=user, session_key=SESSION, now=now
    )


@pytest.mark.requirement("R29", "R37", "R47", "R57", "R68", "QC02", "QC10", "QC14", "QC26", "QC27", "QC33")
@pytest.mark.requirement("QC38", "QC40")
@pytest.mark.parametrize("slug", providers.catalogue())
def test_the_whole_life_of_a_connection(
    slug: str, start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start(slug)
    connection = connection_to(stub, team, editor)
    dialect = stub.provider.dialect

    flow = connect(stub, connection, editor, now)
    assert stub.problems == []
    assert (flow.state, flow.provider_text) == (AuthorizationState.SUCCEEDED, ""), flow.message
    connection.refresh_from_db()
    first = grants.fresh_token(connection, now=now)
    assert stub.is_alive(first.value)

    at = now + timedelta(minutes=5)
    if stub.there.test_url:
        call(stub, connection, editor, at)

    at += timedelta(minutes=50)
    if dialect.refresh_kind is not RefreshKind.NONE:
        second = grants.refresh(connection, now=at)
        assert stub.problems == []
        assert stub.is_alive(second.value)
        assert second.value != first.value

    if any(rule.meaning is Meaning.DEAD for rule in dialect.rules) and dialect.refresh_kind in RENEWING:
        stub.kill()
        with pytest.raises(grants.ReconnectRequired):
            grants.refresh(connection, now=at)
        connection.refresh_from_db()
        assert connection.state == ConnectionState.NEEDS_REAUTH
        assert connect(stub, connection, editor, at).state == AuthorizationState.SUCCEEDED

    alive = grants.fresh_token(connection, now=at).value
    grants.delete(connection, now=at)
    grants.revoke_discarded_tokens(now=at)
    assert stub.problems == []
    assert not DiscardedToken.objects.exists()
    assert stub.is_alive(alive) is not bool(stub.there.revocation_url)


def call(stub: DialectStub, connection: Connection, user: User, at: datetime) -> None:
    """The test call: with a good token, and, where it can be renewed, with one that has run out."""
    url = testing.url_to_test(connection)
    tried = testing.try_out(connection, url=url, user=user, now=at)
    assert stub.problems == []
    assert (tried.is_good, stub.kinds()[-1]) == (True, "api"), tried

    if stub.provider.dialect.refresh_kind is RefreshKind.STANDARD:
        if renews_late(stub.provider.dialect):
            at = Token.objects.get(connection=connection).refresh_at or at
        stub.expire()
        tried = testing.try_out(connection, url=url, user=user, now=at)
        assert stub.problems == []
        assert (tried.is_good, stub.kinds()[-3:]) == (True, ["api", "refresh", "api"]), tried
