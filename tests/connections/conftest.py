"""What tests of connections may ask for: a provider with a real one's rules, and a connection to it."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Team, User
from connections.models import Connection
from demo_api.server import DemoServer
from tests import factories
from tests.connections.callers import callers, database_url, processes

__all__ = ["callers", "connection", "database_url", "processes", "provider"]


@pytest.fixture
def provider(settings: Settings) -> Iterator[DemoServer]:
    """An authorization server that may be called, though it is on this machine."""
    with DemoServer(product_url=settings.BASE_URL) as server:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
        yield server


@pytest.fixture
def connection(provider: DemoServer, team: Team, editor: User) -> Connection:
    """The editor's connection to the provider, not connected yet."""
    return factories.ConnectionFactory(
        team=team,
        name="CRM",
        created_by=editor,
        authorization_url=provider.authorization_url,
        token_url=provider.token_url,
        revocation_url=provider.revocation_url,
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        scopes="contacts.read offline_access",
    )
