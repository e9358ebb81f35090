"""The form of a connection as a page: what it asks before it connects, and what it keeps."""

import json
import re
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from accounts.models import Team, User
from connections.models import AuthorizationRequest, Connection
from tests import factories

NEW = "/t/acme/connections/new/"
SIX = {
    "name": "Sales",
    "authorization_url": "https://crm.example/oauth/authorize",
    "token_url": "https://crm.example/oauth/token",
    "client_id": "abc",
    "client_secret": "s3cret-of-the-app",
    "scopes": "api",
}
SALESFORCE = SIX | {
    "authorization_url": "https://login.salesforce.com/services/oauth2/authorize",
    "token_url": "https://login.salesforce.com/services/oauth2/token",
}
JSON = {"accept": "application/json"}
HTMX = {"hx-request": "true"}


def text(response: Any) -> str:
    """What a reader reads: the page without its markup."""
    return " ".join(re.sub("<[^>]+>", " ", response.content.decode()).split())


def hidden(response: Any, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(f'name="{name}" value="([^"]*)"', response.content.decode())
    assert found, name
    return found[1]


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


# A provider that is known


@pytest.mark.requirement("R5", "R6")
@pytest.mark.parametrize("headers", [{}, JSON])
def test_before_the_window_opens_one_reads_what_is_usual_and_missing(
    signed_in: Client, headers: dict[str, str]
) -> None:
    page = signed_in.post(NEW, SALESFORCE, headers=headers)

    assert page.status_code == 422
    assert "Salesforce usually needs more" in text(page)
    assert "Not asked for: refresh_token" in text(page)
    assert "Add and connect" in text(page)
    assert "Connect anyway" in text(page)
    assert not Connection.objects.exists()


@pytest.mark.requirement("R6")
@pytest.mark.parametrize(("then", "scopes"), [("add", "api refresh_token"), ("anyway", "api")])
def test_what_is_missing_is_added_or_left_out_by_one_button(
    signed_in: Client, then: str, scopes: str
) -> None:
    page = signed_in.post(NEW, SALESFORCE | {"then": then})

    assert "login.salesforce.com asks you to consent" in text(page)
    assert Connection.objects.get().scopes == scopes
    assert AuthorizationRequest.objects.count() == 1


def test_saving_alone_asks_for_nothing(signed_in: Client, team: Team, editor: User) -> None:
    connection = factories.ConnectionFactory(team=team, created_by=editor, **SALESFORCE)

    page = signed_in.post(f"/t/acme/connections/{connection.pk}/edit/", SALESFORCE | {"then": "save"})

    assert page.status_code == 302


@pytest.mark.requirement("R5", "R9")
def test_while_one_types_the_page_says_who_is_known_and_asks_for_each_part(signed_in: Client) -> None:
    typed = {
        "token_url": "https://oauth2.googleapis.com/token",
        "authorization_url": "https://{sub_domain}.example/",
        "placeholder_sub_domain": "<acme>",
    }
    page = signed_in.post(NEW, typed | {"then": "look"}, headers=HTMX)

    assert page.status_code == 200
    assert "Google is known" in text(page)
    assert "asks with access_type=offline and prompt=consent" in text(page)
    assert "Sub domain" in text(page)
    assert 'value="&lt;acme&gt;"' in page.content.decode()
    assert "<form" not in page.content.decode()
    assert "checked" in page.content.decode()
    assert not Connection.objects.exists()


def test_a_switch_that_was_switched_off_stays_off_while_one_types(signed_in: Client) -> None:
    typed = {"token_url": "https://oauth2.googleapis.com/token", "follows_provider": "off", "then": "look"}

    assert "checked" not in signed_in.post(NEW, typed, headers=HTMX).content.decode()


@pytest.mark.requirement("R5")
def test_a_switch_that_a_page_shows_for_the_first_time_is_on(signed_in: Client) -> None:
    page = signed_in.post(NEW, SALESFORCE)
    [switch] = re.findall('<input type="checkbox"[^>]*follows_provider[^>]*>', page.content.decode())
    assert "checked" in switch

    off = signed_in.post(NEW, SALESFORCE | {"follows_provider": "off"})
    [switch] = re.findall('<input type="checkbox"[^>]*follows_provider[^>]*>', off.content.decode())
    assert "checked" not in switch


def test_nobody_known_and_no_part_to_fill_in_leave_nothing_to_read(signed_in: Client) -> None:
    typed = {"token_url": "https://crm.example/token", "then": "look"}

    assert text(signed_in.post(NEW, typed, headers=HTMX)) == ""


# Its own Redirect URL


@pytest.mark.requirement("R3")
def test_a_redirect_url_of_its_own_is_shown_before_there_is_a_connection_and_stays(signed_in: Client) -> None:
    page = signed_in.get(NEW)
    new_id = hidden(page, "new_id")
    own = f"{django_settings.BASE_URL}/oauth/callback/c/{new_id.partition(':')[0]}"
    assert own in text(page)

    wrong = signed_in.post(NEW, SIX | {"new_id": new_id, "token_url": "x", "has_own_redirect_url": "on"})
    assert own in text(wrong)
    signed_in.post(NEW, SIX | {"new_id": hidden(wrong, "new_id"), "has_own_redirect_url": "on"})

    connection, flow = Connection.objects.get(), AuthorizationRequest.objects.get()
    assert connection.pk == UUID(new_id.partition(":")[0])
    assert flow.redirect_uri == own


def test_an_id_that_was_not_shown_to_this_team_is_not_taken(signed_in: Client) -> None:
    foreign = hidden(signed_in.get(NEW), "new_id")
    forged = f"00000000-0000-4000-8000-000000000001:{foreign.partition(':')[2]}"

    for new_id in (forged, "", "x"):
        signed_in.post(NEW, SIX | {"new_id": new_id, "name": f"Sales {new_id}"})

    assert not Connection.objects.filter(pk=UUID(int=1)).exists()
    assert not Connection.objects.filter(pk="00000000-0000-4000-8000-000000000001").exists()


def test_a_form_sent_twice_makes_no_second_connection_of_the_same_id(signed_in: Client) -> None:
    new_id = hidden(signed_in.get(NEW), "new_id")
    signed_in.post(NEW, SIX | {"new_id": new_id})

    again = signed_in.post(NEW, SIX | {"new_id": new_id, "name": "Second"})

    assert again.status_code == 422
    assert "This form has made a connection before." in text(again)
    assert hidden(again, "new_id") != new_id
    assert Connection.objects.count() == 1
    signed_in.post(NEW, SIX | {"new_id": hidden(again, "new_id"), "name": "Second"})
    assert Connection.objects.count() == 2


# A secret that was typed


@pytest.mark.requirement("R11")
def test_a_page_shown_again_has_lost_the_secret_and_does_not_connect_without_it(signed_in: Client) -> None:
    wrong = signed_in.post(NEW, SIX | {"token_url": "crm.example"})
    assert "Enter the Client Secret again" in text(wrong)
    assert SIX["client_secret"] not in wrong.content.decode()
    told = {"secret_was_typed": hidden(wrong, "secret_was_typed")}

    blank = signed_in.post(NEW, SIX | told | {"client_secret": ""})
    assert blank.status_code == 422
    assert "Enter the secret again" in text(blank)
    assert not Connection.objects.exists()

    signed_in.post(NEW, SIX | told)
    assert Connection.objects.get().client_secret == SIX["client_secret"]


def test_a_form_without_a_secret_says_nothing_of_one(signed_in: Client) -> None:
    wrong = signed_in.post(NEW, SIX | {"client_secret": "", "token_url": "crm.example"})

    assert "secret_was_typed" not in wrong.content.decode()


@pytest.mark.requirement("R12")
def test_an_older_secret_is_offered_where_there_is_one_to_keep(
    signed_in: Client, team: Team, editor: User
) -> None:
    assert "Keep the stored secret as a fallback" not in text(signed_in.get(NEW))
    connection = factories.ConnectionFactory(team=team, created_by=editor, name="CRM")
    page = f"/t/acme/connections/{connection.pk}/edit/"
    assert "Keep the stored secret as a fallback" in text(signed_in.get(page))
    assert "Remove the old secret" not in text(signed_in.get(page))

    posted = SIX | {"name": "CRM", "then": "save", "client_secret": "new", "keep_old_secret": "on"}
    posted |= {name: getattr(connection, name) for name in ("token_url", "authorization_url")}
    signed_in.post(page, posted)

    connection.refresh_from_db()
    assert (connection.client_secret, connection.old_client_secret) == ("new", "client-secret")
    assert "Remove the old secret" in text(signed_in.get(page))


# Discover


@pytest.fixture
def server(httpserver: HTTPServer, settings: Settings) -> HTTPServer:
    """A server that may be called, though it is on this machine."""
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{httpserver.port}"]
    return httpserver


def address_of(server: HTTPServer) -> str:
    return f"http://127.0.0.1:{server.port}"


def publish(server: HTTPServer, **document: Any) -> str:
    """Let the server describe itself; its issuer."""
    issuer = address_of(server)
    said = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "revocation_endpoint": f"{issuer}/revoke",
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "contacts.read"],
        "authorization_response_iss_parameter_supported": True,
    } | document
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
        server.expect_request(path).respond_with_data(json.dumps(said), content_type="application/json")
    return issuer


@pytest.mark.requirement("R10")
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_discover_fills_in_what_the_issuer_says_and_saves_nothing(
    signed_in: Client, server: HTTPServer, headers: dict[str, str]
) -> None:
    issuer = publish(server)
    typed = {"name": "CRM", "client_id": "abc", "scopes": "x", "expected_issuer": f" {issuer} "}

    page = signed_in.post(NEW, typed | {"then": "discover"}, headers=headers)

    assert page.status_code == 200
    shown = page.content.decode()
    for value in (f"{issuer}/authorize", f"{issuer}/token", f"{issuer}/revoke", issuer, "CRM", "abc", "x"):
        assert f'value="{value}"' in shown
    assert '<option value="basic" selected>' in shown
    assert f"Your browser and your secret would go to 127.0.0.1:{server.port}" in text(page)
    assert "Scopes that it knows: openid contacts.read" in text(page)
    assert "This field is required" not in text(page)
    assert 'advanced" open' in shown
    assert not Connection.objects.exists()


@pytest.mark.requirement("R10")
def test_what_was_discovered_makes_a_connection_as_it_stands(signed_in: Client, server: HTTPServer) -> None:
    issuer = publish(server)
    page = signed_in.post(NEW, {"expected_issuer": issuer, "then": "discover"})
    form = page.context["form"]
    filled = {name: form[name].value() for name in ("authorization_url", "token_url", "expected_issuer")}

    signed_in.post(NEW, SIX | filled)

    stored = Connection.objects.get()
    assert (stored.expected_issuer, stored.token_url) == (issuer, f"{issuer}/token")


@pytest.mark.requirement("R10")
def test_a_document_of_another_issuer_fills_in_nothing(signed_in: Client, server: HTTPServer) -> None:
    publish(server, issuer="https://evil.example")

    page = signed_in.post(NEW, {"expected_issuer": address_of(server), "then": "discover"})

    assert "Nothing was filled in" in text(page)
    assert "https://evil.example" in text(page)
    assert "/token" not in (page.context["form"]["token_url"].value() or "")


@pytest.mark.requirement("R10")
def test_the_issuer_is_expected_in_answers_only_of_a_server_that_announces_it(
    signed_in: Client, server: HTTPServer
) -> None:
    issuer = publish(server, authorization_response_iss_parameter_supported=False)

    page = signed_in.post(NEW, {"expected_issuer": issuer, "then": "discover"})

    assert page.context["form"]["expected_issuer"].value() == ""
    assert "does not say in its answers who it is" in text(page)


@pytest.mark.requirement("R10", "R60")
@pytest.mark.parametrize("issuer", ["", "nonsense", "https://10.0.0.1", "http://crm.example"])
def test_an_issuer_that_cannot_be_asked_is_told_in_words_with_everything_kept(
    signed_in: Client, issuer: str
) -> None:
    page = signed_in.post(NEW, SIX | {"expected_issuer": issuer, "then": "discover"})

    assert page.status_code == 200
    assert "Nothing was filled in" in text(page)
    assert f'value="{SIX["token_url"]}"' in page.content.decode()
    assert "Enter the Client Secret again" in text(page)


@pytest.mark.requirement("R52")
def test_a_server_found_for_a_stored_connection_gets_its_secret_only_if_that_is_typed_again(
    signed_in: Client, server: HTTPServer, team: Team, editor: User
) -> None:
    connection = factories.ConnectionFactory(team=team, created_by=editor)
    issuer = publish(server)
    path = f"/t/acme/connections/{connection.pk}/edit/"
    page = signed_in.post(path, SIX | {"client_secret": "", "expected_issuer": issuer, "then": "discover"})
    filled = {name: page.context["form"][name].value() for name in ("authorization_url", "token_url")}

    refused = signed_in.post(path, SIX | {"client_secret": "", **filled})

    assert refused.status_code == 422
    assert "because the Token URL changed" in text(refused)
    connection.refresh_from_db()
    assert connection.token_url == "https://provider.example/oauth/token"
