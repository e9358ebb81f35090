"""What is usual with a provider and missing, pointed out on a connection's page before it is connected."""

import re
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, Role, Team, User, Verb
from connections.models import AuthorizationRequest, Connection, GrantType
from tests import factories

SALESFORCE = {
    "authorization_url": "https://login.salesforce.com/services/oauth2/authorize",
    "token_url": "https://login.salesforce.com/services/oauth2/token",
    "scopes": "api",
}
GOOGLE = {
    "authorization_url": "https://accounts.google.com/o/oauth2/v2/auth",
    "token_url": "https://oauth2.googleapis.com/token",
    "scopes": "email",
    "follows_provider": False,
}
JSON = {"accept": "application/json"}


def page_of(connection: Connection, action: str = "") -> str:
    return f"/t/acme/connections/{connection.pk}/" + (f"{action}/" if action else "")


def text(response: Any) -> str:
    """What a reader reads: the page without its markup."""
    return " ".join(re.sub("<[^>]+>", " ", response.content.decode()).split())


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


@pytest.mark.requirement("R6")
def test_the_page_says_what_is_missing_beside_the_buttons_that_connect_with_it_and_without(
    signed_in: Client, team: Team, editor: User
) -> None:
    crm = factories.ConnectionFactory(team=team, created_by=editor, **SALESFORCE)

    page = signed_in.get(page_of(crm))

    assert "Salesforce usually needs more Not asked for: refresh_token" in text(page)
    buttons = re.findall("<button[^>]*>([^<]*)</button>", page.content.decode())
    assert {"Connect", "Add and connect"} <= set(buttons)


@pytest.mark.requirement("R6")
@pytest.mark.parametrize("headers", [{}, JSON])
@pytest.mark.parametrize(
    ("provider", "scopes", "parameters"),
    [
        (SALESFORCE, "api refresh_token", {}),
        (GOOGLE, "email", {"access_type": "offline", "prompt": "consent"}),
    ],
)
def test_what_is_missing_is_added_and_then_asked_for(
    signed_in: Client,
    team: Team,
    editor: User,
    headers: dict[str, str],
    provider: dict[str, Any],
    scopes: str,
    parameters: dict[str, str],
) -> None:
    crm = factories.ConnectionFactory(team=team, created_by=editor, **provider)

    answer = signed_in.post(page_of(crm, "authorize"), {"then": "add"}, headers=headers)

    assert answer.status_code == (201 if headers else 200)
    crm.refresh_from_db()
    assert (crm.scopes, crm.authorization_parameters) == (scopes, parameters)
    flow = AuthorizationRequest.objects.get()
    assert flow.settings_version == crm.settings_version
    edited = AuditEntry.objects.get(verb=Verb.EDITED)
    assert edited.user == editor
    assert "usually needs more" not in text(signed_in.get(page_of(crm)))


@pytest.mark.requirement("R6")
def test_connecting_as_it_is_stays_possible(signed_in: Client, team: Team, editor: User) -> None:
    crm = factories.ConnectionFactory(team=team, created_by=editor, **SALESFORCE)

    answer = signed_in.post(page_of(crm, "authorize"), headers=JSON)

    assert answer.status_code == 201
    crm.refresh_from_db()
    assert (crm.scopes, AuthorizationRequest.objects.count()) == ("api", 1)


@pytest.mark.requirement("R6")
def test_who_is_about_to_reconnect_reads_it_too(
    signed_in: Client, team: Team, editor: User, now: datetime
) -> None:
    crm = factories.ConnectionFactory(team=team, created_by=editor, **SALESFORCE)
    factories.connected(crm, now=now)

    assert "Add and reconnect" in text(signed_in.get(page_of(crm)))


@pytest.mark.requirement("R6")
@pytest.mark.parametrize(
    "settings",
    [
        SALESFORCE | {"scopes": "api refresh_token"},
        SALESFORCE | {"grant_type": GrantType.CLIENT_CREDENTIALS},
        GOOGLE | {"follows_provider": True},
        {},
    ],
)
def test_nothing_is_said_where_nothing_is_missing(
    signed_in: Client, team: Team, editor: User, settings: dict[str, Any]
) -> None:
    crm = factories.ConnectionFactory(team=team, created_by=editor, **settings)

    assert "usually needs more" not in text(signed_in.get(page_of(crm)))


def test_who_may_not_connect_it_reads_nothing_of_it(client: Client, team: Team, editor: User) -> None:
    crm = factories.ConnectionFactory(team=team, created_by=editor, **SALESFORCE)
    client.force_login(factories.member_of(team, Role.VIEWER))

    assert "usually needs more" not in text(client.get(page_of(crm)))
