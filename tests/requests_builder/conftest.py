"""The other side, and requests that pull from it."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from accounts.models import Team
from connections.models import Connection
from demo_api.server import DemoServer
from requests_builder import runs
from requests_builder.models import AuthorizationKind, Run, SavedRequest, Table, WriteMode
from tests import factories

CONTACTS = "/api/open/contacts"


@pytest.fixture
def provider(settings: Settings) -> Iterator[DemoServer]:
    """An API with 20 pages of 5 contacts, which may be called from here."""
    with DemoServer() as server:
        server.set(contacts=100)
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
        yield server


@pytest.fixture
def table(team: Team) -> Table:
    return factories.TableFactory(team=team, name="contacts")


@pytest.fixture
def contacts(team: Team, table: Table, provider: DemoServer) -> SavedRequest:
    """A request that pulls the contacts page by page."""
    return factories.SavedRequestFactory(
        team=team,
        table=table,
        url=f"{provider.url}{CONTACTS}?per_page=5",
        records_path="data",
        pagination={"kind": "page", "parameter": "page", "start": 1, "total_pages": "meta.total_pages"},
    )


@pytest.fixture
def connection(team: Team, provider: DemoServer, now: datetime) -> Connection:
    """A connection to the provider, with a good token."""
    tokens = provider.mint()
    connection = factories.ConnectionFactory(
        team=team,
        authorization_url=provider.authorization_url,
        token_url=provider.token_url,
        client_id=provider.client_id,
        client_secret=provider.client_secret,
    )
    factories.connected(
        connection, now=now, access_token=tokens.access_token, refresh_token=tokens.refresh_token
    )
    return connection


@pytest.fixture
def protected(contacts: SavedRequest, connection: Connection) -> SavedRequest:
    """The contacts behind OAuth."""
    contacts.url = contacts.url.replace(CONTACTS, "/api/contacts")
    contacts.authorization_kind, contacts.connection = AuthorizationKind.OAUTH, connection
    contacts.save()
    return contacts


def executed(run: Run, now: datetime) -> Run:
    """The run after a worker has had it once."""
    runs.execute(run.pk, worker=uuid4(), now=now)
    run.refresh_from_db()
    return run


@pytest.fixture
def pull(now: datetime) -> Callable[[SavedRequest], Run]:
    """Run a request now, as one worker does."""
    return lambda saved_request, at=now: executed(runs.request_run(saved_request, user=None, now=at), at)


@pytest.fixture
def answers(httpserver: HTTPServer, settings: Settings) -> Callable[[list[dict[str, Any]]], None]:
    """Sets which records the API answers with from now on."""
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{httpserver.port}"]

    def answer(records: list[dict[str, Any]]) -> None:
        httpserver.clear()
        httpserver.expect_request("/items").respond_with_json(records)

    return answer


@pytest.fixture
def items(table: Table, httpserver: HTTPServer) -> SavedRequest:
    """A request that updates its table by id."""
    return factories.SavedRequestFactory(
        team=table.team,
        table=table,
        url=f"http://127.0.0.1:{httpserver.port}/items",
        write_mode=WriteMode.UPDATE,
        key_fields=["id"],
    )
