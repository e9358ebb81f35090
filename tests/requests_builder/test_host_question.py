"""The builder and a team's file, when a connection's token would go to a host that nobody has allowed."""

import re
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry, Role, Team, User, Verb
from connections.models import Connection
from demo_api.server import DemoServer
from requests_builder import manifest
from requests_builder.models import Run, SavedRequest
from tests import factories
from tests.requests_builder.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("R51")]

NEW, TRY = "/t/acme/requests/new/", "/t/acme/requests/try/"
HTMX = {"hx-request": "true"}
BUTTON = re.compile(
    r'<button[^>]*name="allow_host" value="([^"]+)" formaction="([^"]+)"[^>]*>([^<]+)</button>'
)


@pytest.fixture
def elsewhere(provider: DemoServer, settings: Settings) -> Iterator[DemoServer]:
    """The API, on another host than its authorization server."""
    with DemoServer() as server:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{provider.port}", f"127.0.0.1:{server.port}"]
        yield server


@pytest.fixture
def crm(team: Team, owner: User, editor: User, provider: DemoServer) -> Connection:
    """The editor's connection, connected."""
    connection: Connection = factories.ConnectionFactory(
        team=team, name="CRM", created_by=editor, token_url=provider.token_url
    )
    tokens = provider.mint()
    factories.connected(connection, now=timezone.now(), access_token=tokens.access_token)
    return connection


def typed(elsewhere: DemoServer, crm: Connection, **more: str) -> dict[str, str]:
    return {
        "name": "Echo",
        "method": "GET",
        "url": f"{elsewhere.url}/api/echo",
        "follow_redirects": "on",
        "authorization_kind": "oauth",
        "connection": str(crm.pk),
    } | more


def pressed(client: Client, answer: Any, data: dict[str, str], **options: Any) -> Any:
    """The answer to the one button of the question, pressed in the form as it stands."""
    [(value, address, _)] = BUTTON.findall(answer.content.decode())
    return client.post(address.replace("&amp;", "&"), data | {"allow_host": value}, **options)


def test_who_manages_the_connection_is_asked_before_anything_is_sent_and_then_it_goes_on(
    client: Client, editor: User, crm: Connection, elsewhere: DemoServer
) -> None:
    client.force_login(editor)
    data = typed(elsewhere, crm)
    host = f"127.0.0.1:{elsewhere.port}"

    asked = client.post(TRY, data, headers=HTMX)

    assert asked.status_code == 422
    assert f"Allow {host} for CRM" in text(asked)
    assert 'hx-target="#answer"' in asked.content.decode()
    assert elsewhere.requests == []
    assert Connection.objects.get().allowed_hosts == []

    answer = pressed(client, asked, data, headers=HTMX)

    assert answer.status_code == 200
    assert "Request as sent" in text(answer)
    assert Connection.objects.get().allowed_hosts == [host]
    entry = AuditEntry.objects.get(verb=Verb.ALLOWED_HOST)
    assert (entry.user, entry.object_name, entry.detail["Host"]) == (editor, "CRM", host)
    assert not SavedRequest.objects.exists()


@pytest.mark.parametrize("then", ["save", "run", "schedule"])
def test_saving_asks_too_and_goes_on_with_what_was_to_happen(
    client: Client, editor: User, crm: Connection, elsewhere: DemoServer, then: str
) -> None:
    client.force_login(editor)
    data = typed(elsewhere, crm)

    asked = client.post(NEW, data | {"then": then})
    assert asked.status_code == 422
    assert "hx-post" not in BUTTON.search(asked.content.decode())[0]  # type: ignore[index]
    assert not SavedRequest.objects.exists()

    done = pressed(client, asked, data)

    saved = SavedRequest.objects.get()
    assert done.status_code == 302
    where = {"save": "request", "schedule": "schedule", "run": "run"}[then]
    uuid = Run.objects.get().pk if then == "run" else saved.pk
    assert done["Location"] == reverse(f"requests_builder:{where}", kwargs={"team": "acme", "uuid": uuid})
    assert Connection.objects.get().allowed_hosts == [f"127.0.0.1:{elsewhere.port}"]


@pytest.mark.parametrize("path", [NEW, TRY])
def test_who_only_uses_the_connection_reads_whom_to_ask(
    client: Client, team: Team, crm: Connection, elsewhere: DemoServer, path: str
) -> None:
    client.force_login(factories.member_of(team, Role.EDITOR))

    answer = client.post(path, typed(elsewhere, crm))

    assert answer.status_code == 422
    assert f"{crm.created_by} or an admin of Acme can allow it." in text(answer)
    assert not BUTTON.search(answer.content.decode())
    assert elsewhere.requests == []


@pytest.mark.parametrize("path", [NEW, TRY])
def test_a_button_that_was_not_offered_allows_nothing(
    client: Client, team: Team, crm: Connection, elsewhere: DemoServer, path: str
) -> None:
    client.force_login(factories.member_of(team, Role.EDITOR))
    foreign = factories.ConnectionFactory()
    host = f"127.0.0.1:{elsewhere.port}"

    for connection, status in ((crm, 403), (foreign, 404)):
        answer = client.post(path, typed(elsewhere, crm, allow_host=f"{connection.pk} {host}"))
        assert answer.status_code == status
    for nonsense in ("x", "x y", "%00 a"):
        assert client.post(path, typed(elsewhere, crm, allow_host=nonsense)).status_code == 400

    assert elsewhere.requests == []
    assert not Connection.objects.exclude(allowed_hosts=[]).exists()
    assert not SavedRequest.objects.exists()


def test_an_admin_may_allow_a_host_for_anybodys_connection(
    client: Client, owner: User, crm: Connection, elsewhere: DemoServer
) -> None:
    client.force_login(owner)
    data = typed(elsewhere, crm)

    answer = pressed(client, client.post(TRY, data), data)

    assert answer.status_code == 200
    assert len(elsewhere.requests) == 1


@pytest.mark.requirement("R52")
def test_an_address_with_a_value_of_the_connection_is_checked_once_that_is_known(
    client: Client, editor: User, team: Team, elsewhere: DemoServer, provider: DemoServer
) -> None:
    client.force_login(editor)
    new = factories.ConnectionFactory(team=team, token_url=provider.token_url)
    data = typed(elsewhere, new, url="{{ connection.instance_url }}/api/echo")

    assert client.post(NEW, data).status_code == 302

    factories.connected(new, now=timezone.now(), kept={"instance_url": elsewhere.url})
    refused = client.post(NEW, data | {"name": "Echo 2"})
    unknown = client.post(NEW, data | {"name": "Echo 3", "url": "{{ connection.instance }}/api/echo"})

    assert f"is not sent to 127.0.0.1:{elsewhere.port}" in text(refused)
    assert "is unknown. The connection has told instance_url." in text(unknown)
    assert SavedRequest.objects.count() == 1


@pytest.mark.requirement("QC38")
@pytest.mark.parametrize(
    ("placement", "header", "said"),
    [
        ("", "Authorization", "Headers already has an Authorization header"),
        ("X-Auth-Token: {access_token}", "x-auth-token", "which carries the token of the connection"),
        ("X-Auth-Token: {access_token}", "Authorization", ""),
        ("?key={access_token}", "Authorization", ""),
    ],
)
def test_a_header_that_the_token_would_need_cannot_be_typed_as_well(
    client: Client, editor: User, crm: Connection, placement: str, header: str, said: str
) -> None:
    client.force_login(editor)
    crm.api_authorization, crm.allowed_hosts = placement, ["api.crm.example"]
    crm.save()
    data = {
        "name": "Echo",
        "url": "https://api.crm.example/",
        "authorization_kind": "oauth",
        "connection": str(crm.pk),
        "headers-name": header,
        "headers-value": "mine",
    }

    answer = client.post(NEW, data)

    assert answer.status_code == (422 if said else 302)
    assert said in text(answer)


FILE = """
team: Acme
users: [{email: ann@example.org, role: owner}]
connections:
  - name: CRM
    authorization_url: https://login.crm.example/authorize
    token_url: https://crm.example/token
    client_id: abc
    ADVANCED
requests:
  - name: Contacts
    url: https://api.crm.example/contacts
    authorization: {oauth: CRM}
"""


def test_a_file_has_to_name_the_hosts_that_its_requests_call(now: datetime, db: None) -> None:
    with pytest.raises(manifest.InvalidManifest) as refused:
        manifest.apply(manifest.load(FILE.replace("ADVANCED", ""), {}), now=now)

    assert str(refused.value) == (
        "requests[0] (Contacts).url: the token of the connection CRM does not go to api.crm.example: if that "
        "belongs to the same API, add it to advanced.allowed_hosts of the connection."
    )
    assert not Connection.objects.exists()

    named = FILE.replace("ADVANCED", "advanced: {allowed_hosts: [api.crm.example]}")
    manifest.apply(manifest.load(named, {}), now=now)

    assert Connection.objects.get().allowed_hosts == ["api.crm.example"]
    assert SavedRequest.objects.get().connection == Connection.objects.get()


def test_requests_of_before_keep_their_hosts(team: Team) -> None:
    crm = factories.ConnectionFactory(team=team, token_url="https://crm.example/token")
    unused = factories.ConnectionFactory(team=team)
    for url in (
        "https://api.crm.example/a",
        "https://API.crm.example:443/b",
        "https://crm.example/own",
        "http://127.0.0.1:9400/c",
        "https://bücher.example/d",
        "https://[2001:db8::1]:8443/e",
        "https://[::1",
        "",
    ):
        factories.SavedRequestFactory(team=team, authorization_kind="oauth", connection=crm, url=url)
    factories.SavedRequestFactory(team=team, url="https://open.example/")
    migration = import_module("requests_builder.migrations.0003_allow_hosts_in_use")

    migration.allow_hosts_in_use(apps, database.SchemaEditorClass(database))  # type: ignore[misc]

    crm.refresh_from_db()
    unused.refresh_from_db()
    assert sorted(crm.allowed_hosts) == [
        "127.0.0.1:9400",
        "[2001:db8::1]:8443",
        "api.crm.example",
        "xn--bcher-kva.example",
    ]
    assert unused.allowed_hosts == []
