"""The pages of connections, and the way to the provider and back, as a browser without scripts sees them."""

import json
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from accounts.models import Membership, Role, Team, User
from connections.models import (
    AuthorizationRequest,
    AuthorizationState,
    Connection,
    ConnectionState,
    DiscardedToken,
    Token,
)
from demo_api.server import DemoServer
from requests_builder.models import AuthorizationKind, SavedRequest
from tests import factories

LIST, NEW = "/t/acme/connections/", "/t/acme/connections/new/"
SIX = {
    "name": "Sales",
    "authorization_url": "https://crm.example/oauth/authorize",
    "token_url": "https://crm.example/oauth/token",
    "client_id": "abc",
    "client_secret": "s3cret-of-the-app",
    "scopes": "contacts.read",
}
JSON = {"accept": "application/json"}


def page_of(connection: Connection, action: str = "") -> str:
    return f"{LIST}{connection.pk}/" + (f"{action}/" if action else "")


def text(response: Any) -> str:
    """What a reader reads: the page without its markup."""
    return " ".join(re.sub("<[^>]+>", " ", response.content.decode()).split())


def as_posted(connection: Connection, **typed: str) -> dict[str, str]:
    """The form of a connection as a browser posts it back; its secret is blank."""
    fields = {name: getattr(connection, name) for name in SIX if name != "client_secret"}
    fields |= {"pkce": connection.pkce, "client_authentication": connection.client_authentication}
    return {**fields, "scope_separator": " ", "revocation_url": connection.revocation_url, **typed}


def go_of(page: HttpResponse) -> str:
    """The way to the provider that a page without scripts offers."""
    found = re.search(r'href="(/oauth/flows/[^"]+/go)"', page.content.decode())
    assert found, page.content
    return found[1]


def consented(provider: DemoServer, client: Client, connection: Connection, **more: Any) -> str:
    """Press Connect, consent at the provider; the path and query that the browser comes back to."""
    go = client.get(go_of(client.post(page_of(connection, "authorize"), more.pop("data", {}))))
    back = urlsplit(provider.consent(go["Location"], **more))
    return f"{back.path}?{back.query}"


def connect(provider: DemoServer, client: Client, connection: Connection, **more: Any) -> Any:
    """The page that the whole way ends on."""
    return client.get(consented(provider, client, connection, **more), follow=True)


def assert_leaves_no_trace(response: Any) -> None:
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


# List and detail


def test_a_team_without_connections_is_told_what_to_do(signed_in: Client) -> None:
    page = text(signed_in.get(LIST))

    assert "No connections yet" in page
    assert "New connection" in page


def test_a_viewer_is_offered_nothing_that_only_editors_may(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert "New connection" not in text(client.get(LIST))
    connection = factories.ConnectionFactory(team=Team.objects.get(slug="acme"))

    page = client.get(page_of(connection)).content.decode()

    assert "/edit/" not in page
    assert "/delete/" not in page
    assert "/authorize/" not in page


@pytest.mark.requirement("R58")
def test_the_list_tells_host_state_account_and_use(signed_in: Client, team: Team) -> None:
    connection = factories.ConnectionFactory(team=team, name="CRM")
    factories.connected(connection, now=timezone.now(), account="ann@crm.example")
    factories.SavedRequestFactory(team=team, connection=connection)

    page = text(signed_in.get(LIST))

    for shown in ("CRM", "provider.example", "Connected", "ann@crm.example", "1 request"):
        assert shown in page


def test_the_list_costs_the_same_however_many_there_are(
    signed_in: Client, team: Team, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    def queries(count: int) -> int:
        for _ in range(count):
            connection = factories.ConnectionFactory(team=team)
            factories.connected(connection, now=timezone.now())
            factories.SavedRequestFactory(team=team, connection=connection)
        with django_assert_max_num_queries(15) as counted:
            signed_in.get(LIST)
        return len(counted)

    signed_in.get(LIST)
    assert queries(3) == queries(27)


@pytest.mark.requirement("R62")
def test_another_teams_connections_are_not_in_the_list(signed_in: Client) -> None:
    factories.ConnectionFactory(name="Foreign CRM")

    assert "Foreign CRM" not in text(signed_in.get(LIST))


def test_the_detail_page_tells_settings_token_and_what_uses_it(signed_in: Client, team: Team) -> None:
    connection = factories.ConnectionFactory(team=team, name="CRM")
    factories.connected(connection, now=timezone.now(), granted_scopes="contacts.read")
    factories.SavedRequestFactory(team=team, name="All contacts", connection=connection)

    page = text(signed_in.get(page_of(connection)))

    for shown in (connection.token_url, "All contacts", "contacts.read", "Client Secret stored"):
        assert shown in page
    assert f"{django_settings.BASE_URL}/oauth/callback" in page


@pytest.mark.requirement("R11", "R61")
def test_no_page_and_no_answer_ever_holds_a_secret(signed_in: Client, team: Team, editor: User) -> None:
    connection = factories.ConnectionFactory(team=team, created_by=editor, client_secret="s3cret-of-the-app")
    factories.connected(
        connection, now=timezone.now(), access_token="the-access", refresh_token="the-refresh"
    )
    wrong = as_posted(connection, token_url="nowhere", client_secret="typed-s3cret")
    answers = [
        signed_in.get(LIST),
        signed_in.get(page_of(connection)),
        signed_in.get(page_of(connection, "edit")),
        signed_in.get(page_of(connection, "delete")),
        signed_in.post(page_of(connection, "edit"), wrong),
        signed_in.post(page_of(connection, "edit"), wrong, headers=JSON),
        signed_in.post(page_of(connection, "edit"), as_posted(connection), headers=JSON),
        signed_in.post(page_of(connection, "authorize")),
    ]

    for response in answers:
        for secret in ("s3cret-of-the-app", "typed-s3cret", "the-access", "the-refresh"):
            assert secret not in response.content.decode(), response.request


def test_a_secret_that_cannot_be_read_any_more_spoils_no_page(
    signed_in: Client, team: Team, editor: User, settings: Settings
) -> None:
    connection = factories.ConnectionFactory(team=team, created_by=editor)
    factories.connected(connection, now=timezone.now())
    settings.ENCRYPTION_KEYS = {7: bytes(32)}

    for path in (LIST, page_of(connection), page_of(connection, "edit"), page_of(connection, "delete")):
        assert signed_in.get(path).status_code == 200


# Create


@pytest.mark.requirement("R3")
def test_the_form_works_without_scripts_and_shows_the_redirect_url(signed_in: Client) -> None:
    page = signed_in.get(NEW)

    assert f"{django_settings.BASE_URL}/oauth/callback" in text(page)
    assert "Create connection" in text(page)
    assert f'action="{NEW}"' in page.content.decode()


def test_creating_goes_on_to_the_provider_in_the_same_window(signed_in: Client, editor: User) -> None:
    page = signed_in.post(NEW, SIX)

    connection = Connection.objects.get()
    assert (connection.name, connection.created_by) == ("Sales", editor)
    assert page.status_code == 200
    assert "crm.example asks you to consent" in text(page)
    assert f'content="1; url={go_of(page)}"' in page.content.decode()
    assert_leaves_no_trace(page)


def test_a_script_gets_the_addresses_of_the_flow(signed_in: Client) -> None:
    answer = signed_in.post(NEW, SIX, headers=JSON)

    connection, flow = Connection.objects.get(), AuthorizationRequest.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "after": f"{page_of(connection)}?flow={flow.pk}",
        "go": f"/oauth/flows/{flow.pk}/go",
        "status": f"/oauth/flows/{flow.pk}/status",
        "result": f"/oauth/flows/{flow.pk}/",
        "needs_window": True,
        "connection": {"id": str(connection.pk), "name": "Sales"},
        "edit": page_of(connection, "edit"),
    }


def test_what_is_wrong_is_told_beside_its_field_with_everything_else_kept(signed_in: Client) -> None:
    page = signed_in.post(NEW, SIX | {"token_url": "crm.example/token"})

    assert page.status_code == 422
    assert "Did you mean https://crm.example/token?" in text(page)
    assert 'value="contacts.read"' in page.content.decode()
    assert not Connection.objects.exists()


def test_a_script_gets_what_is_wrong_as_the_fields_alone(signed_in: Client) -> None:
    answer = signed_in.post(NEW, SIX | {"token_url": "crm.example/token"}, headers=JSON)

    assert answer.status_code == 422
    assert "Did you mean https://crm.example/token?" in text(answer)
    assert "<form" not in answer.content.decode()
    assert "<html" not in answer.content.decode()


def test_the_dialog_gets_the_form_alone(signed_in: Client) -> None:
    answer = signed_in.get(NEW, headers={"hx-request": "true"}).content.decode()

    assert "<form" in answer
    assert "<html" not in answer


def test_the_fields_have_ids_of_their_own(signed_in: Client) -> None:
    assert 'id="connection_name"' in signed_in.get(NEW).content.decode()


def test_a_name_that_somebody_else_was_quicker_with_is_no_crash(
    signed_in: Client, team: Team, editor: User
) -> None:
    factories.ConnectionFactory(team=team, name="Sales")

    page = signed_in.post(NEW, SIX)

    assert page.status_code == 422
    assert "Your team has a connection of this name already. Choose another name." in text(page)


# Edit


def test_saving_alone_starts_no_authorization(signed_in: Client, connection: Connection) -> None:
    answer = signed_in.post(
        page_of(connection, "edit"), as_posted(connection, scopes="orders.read", then="save")
    )

    assert answer["Location"] == page_of(connection)
    assert not AuthorizationRequest.objects.exists()
    stored = Connection.objects.get()
    assert (stored.pk, stored.scopes, stored.client_secret) == (
        connection.pk,
        "orders.read",
        connection.client_secret,
    )


@pytest.mark.requirement("R11")
def test_a_moved_server_without_the_secret_is_refused_and_nothing_changes(
    signed_in: Client, connection: Connection
) -> None:
    moved = as_posted(connection, name="Moved", token_url="https://evil.example/token")

    page = signed_in.post(page_of(connection, "edit"), moved)

    assert page.status_code == 422
    assert "Enter the secret again" in text(page)
    assert Connection.objects.filter(pk=connection.pk, name="CRM", token_url=connection.token_url).exists()


def test_an_editor_changes_only_what_they_have_made(
    client: Client, connection: Connection, team: Team
) -> None:
    client.force_login(factories.member_of(team, Role.EDITOR))

    for method, action in (
        ("get", "edit"),
        ("post", "edit"),
        ("post", "authorize"),
        ("get", "delete"),
        ("post", "delete"),
    ):
        answer = getattr(client, method)(page_of(connection, action), as_posted(connection, name="Mine"))
        assert answer.status_code == 403
        assert "can be changed by an admin of Acme, or by the editor who made it" in text(answer)
    assert Connection.objects.get().name == "CRM"
    assert not AuthorizationRequest.objects.exists()


def test_an_admin_changes_every_connection(client: Client, connection: Connection, team: Team) -> None:
    client.force_login(factories.member_of(team, Role.ADMIN))

    client.post(page_of(connection, "edit"), as_posted(connection, name="Ours", then="save"))

    assert Connection.objects.get().name == "Ours"


def test_a_maker_who_is_a_viewer_now_may_change_it_no_more(
    signed_in: Client, connection: Connection, editor: User
) -> None:
    Membership.objects.filter(user=editor).update(role=Role.VIEWER)

    assert signed_in.get(page_of(connection, "edit")).status_code == 403


@pytest.mark.parametrize("action", ["authorize", "delete", "edit"])
def test_nothing_is_done_for_a_form_of_another_site(
    editor: User, connection: Connection, action: str
) -> None:
    client = Client(enforce_csrf_checks=True, headers={"host": urlsplit(django_settings.BASE_URL).netloc})
    client.force_login(editor)

    assert client.post(page_of(connection, action), as_posted(connection)).status_code == 403
    assert Connection.objects.filter(pk=connection.pk).exists()
    assert not AuthorizationRequest.objects.exists()


def test_a_link_starts_no_authorization_and_deletes_nothing(
    signed_in: Client, connection: Connection
) -> None:
    assert signed_in.get(page_of(connection, "authorize")).status_code == 405
    assert signed_in.get(page_of(connection, "delete")).status_code == 200

    assert Connection.objects.exists()
    assert not AuthorizationRequest.objects.exists()


# Delete


@pytest.mark.requirement("R57")
def test_before_deleting_one_reads_what_uses_it(
    signed_in: Client, connection: Connection, team: Team, now: datetime
) -> None:
    for name in ("All contacts", "All orders"):
        factories.SavedRequestFactory(team=team, name=name, connection=connection)

    page = text(signed_in.get(page_of(connection, "delete")))

    assert "2 requests use it" in page
    assert "All contacts" in page
    assert "All orders" in page
    assert "Its token is ended at the provider" in page


@pytest.mark.requirement("R57", "QC40")
def test_deleting_hands_the_token_to_those_who_revoke_and_keeps_the_requests(
    signed_in: Client, connection: Connection, team: Team
) -> None:
    factories.connected(connection, now=timezone.now())
    used = factories.SavedRequestFactory(
        team=team, connection=connection, authorization_kind=AuthorizationKind.OAUTH
    )

    page = signed_in.post(page_of(connection, "delete"), follow=True)

    assert "CRM was deleted." in text(page)
    assert not Connection.objects.exists()
    assert DiscardedToken.objects.count() == 1
    assert SavedRequest.objects.get(pk=used.pk).connection is None


# To the provider and back


@pytest.mark.requirement("R1")
def test_the_whole_way_ends_on_a_page_that_tells_what_was_got(
    provider: DemoServer, signed_in: Client, connection: Connection
) -> None:
    page = connect(provider, signed_in, connection)

    assert page.status_code == 200
    assert "CRM is connected and ready for any request." in text(page)
    assert "contacts.read offline_access" in text(page)
    assert "renews by itself" in text(page)
    token = Token.objects.get(connection=connection)
    assert token.access_token not in page.content.decode()
    assert_leaves_no_trace(page)
    # Neither code nor state stay in the address bar.
    assert [status for _, status in page.redirect_chain] == [303]
    assert page.request["QUERY_STRING"] == ""


def test_the_page_that_opened_the_window_learns_of_it(
    provider: DemoServer, signed_in: Client, connection: Connection
) -> None:
    flow = signed_in.post(page_of(connection, "authorize"), headers=JSON).json()
    before = signed_in.get(flow["status"])
    assert before.json() == {
        "state": "pending",
        "is_finished": False,
        "connection": {"id": str(connection.pk), "name": "CRM"},
    }
    assert_leaves_no_trace(before)

    signed_in.get(provider.consent(signed_in.get(flow["go"])["Location"]).replace(provider.url, ""))

    assert signed_in.get(flow["status"]).json()["state"] == "succeeded"
    result = signed_in.get(flow["result"], headers={"hx-request": "true"}).content.decode()
    assert "CRM is connected" in result
    assert "<html" not in result


@pytest.mark.requirement("R21")
def test_the_way_to_the_provider_is_never_kept_nor_named(signed_in: Client, connection: Connection) -> None:
    go = signed_in.get(go_of(signed_in.post(page_of(connection, "authorize"))))

    assert go.status_code == 303
    assert go["Location"].startswith(connection.authorization_url)
    assert_leaves_no_trace(go)


@pytest.mark.requirement("R19", "QC04")
def test_who_denies_reads_so_and_may_edit_and_try_again(
    provider: DemoServer, signed_in: Client, connection: Connection
) -> None:
    page = connect(
        provider, signed_in, connection, data={"return_to": "/t/acme/requests/new/"}, is_allowed=False
    )

    assert "CRM is not connected" in text(page)
    assert "access_denied" in text(page)
    assert f"{page_of(connection, 'edit')}?return_to=%2Ft%2Facme%2Frequests%2Fnew%2F" in page.content.decode()
    assert "Back to the request" in text(page)


@pytest.mark.requirement("R19")
def test_a_wrong_secret_points_at_its_field(
    provider: DemoServer, signed_in: Client, connection: Connection
) -> None:
    connection.client_secret = "wrong"
    connection.save()

    page = text(connect(provider, signed_in, connection))

    assert "Step that failed Token" in page
    assert "Look at Client Secret" in page


@pytest.mark.requirement("R19", "QC04")
def test_what_a_provider_says_is_shown_as_text(
    provider: DemoServer, signed_in: Client, connection: Connection
) -> None:
    go = signed_in.get(go_of(signed_in.post(page_of(connection, "authorize"))))
    state = parse_qs(urlsplit(go["Location"]).query)["state"][0]

    page = signed_in.get(
        "/oauth/callback",
        {"state": state, "error": "server_error", "error_description": "<script>alert(1)</script>"},
        follow=True,
    )

    assert "<script>alert(1)" not in page.content.decode()
    assert "&lt;script&gt;alert(1)" in page.content.decode()


@pytest.mark.requirement("R13", "QC05")
def test_a_replayed_callback_shows_the_first_result_and_asks_for_no_second_token(
    provider: DemoServer, signed_in: Client, connection: Connection
) -> None:
    back = consented(provider, signed_in, connection)
    signed_in.get(back)

    again = signed_in.get(back, follow=True)

    assert "CRM is connected" in text(again)
    assert len(provider.token_requests) == 1


@pytest.mark.parametrize("query", ["", "?code=x", "?state=nobody&code=x", "?state=a&state=b&code=x"])
@pytest.mark.requirement("QC05")
def test_an_answer_that_belongs_to_nothing_is_refused_in_words(signed_in: Client, query: str) -> None:
    page = signed_in.get(f"/oauth/callback{query}")

    assert page.status_code == 400
    assert "This answer cannot be used" in text(page)
    assert_leaves_no_trace(page)


@pytest.mark.requirement("R13", "R62", "QC05")
def test_the_callback_of_somebody_else_writes_nothing(
    provider: DemoServer, signed_in: Client, connection: Connection, owner: User
) -> None:
    back = consented(provider, signed_in, connection)
    other = Client(headers={"host": urlsplit(django_settings.BASE_URL).netloc})
    other.force_login(owner)

    assert other.get(back).status_code == 400

    assert provider.token_requests == []
    assert AuthorizationRequest.objects.get().state == AuthorizationState.PENDING


@pytest.mark.requirement("QC05")
def test_a_callback_without_signing_in_says_so(
    provider: DemoServer, signed_in: Client, connection: Connection
) -> None:
    back = consented(provider, signed_in, connection)
    signed_in.logout()

    page = signed_in.get(back)

    assert page.status_code == 403
    assert "You are signed out" in text(page)
    assert_leaves_no_trace(page)
    assert provider.token_requests == []


@pytest.mark.requirement("R17", "R21", "QC05")
def test_a_posted_callback_becomes_the_same_as_a_get_with_listed_parameters_only(
    client: Client, db: None
) -> None:
    answer = client.post(
        "/oauth/callback", {"code": "c", "state": "s", "access_token": "leaked", "next": "//evil.example"}
    )

    assert answer.status_code == 303
    location = urlsplit(answer["Location"])
    assert (location.netloc, location.path) == ("", "/oauth/callback")
    assert parse_qs(location.query) == {"code": ["c"], "state": ["s"]}
    assert_leaves_no_trace(answer)


@pytest.mark.requirement("R21")
def test_a_provider_that_posts_its_answer_gets_through(
    provider: DemoServer, editor: User, connection: Connection
) -> None:
    client = Client(enforce_csrf_checks=False, headers={"host": urlsplit(django_settings.BASE_URL).netloc})
    client.force_login(editor)
    query = parse_qs(urlsplit(consented(provider, client, connection)).query)
    strict = Client(enforce_csrf_checks=True, headers={"host": urlsplit(django_settings.BASE_URL).netloc})
    strict.cookies = client.cookies

    page = strict.post("/oauth/callback", {name: values[0] for name, values in query.items()}, follow=True)

    assert "CRM is connected" in text(page)


@pytest.mark.parametrize("address", ["", "go", "status"])
@pytest.mark.requirement("R62")
def test_the_flow_of_another_user_is_not_there(
    client: Client, signed_in: Client, connection: Connection, team: Team, address: str
) -> None:
    signed_in.post(page_of(connection, "authorize"))
    path = f"/oauth/flows/{AuthorizationRequest.objects.get().pk}/{address}"
    other = Client(headers={"host": urlsplit(django_settings.BASE_URL).netloc})

    assert other.get(path)["Location"].startswith("/accounts/login/")
    other.force_login(factories.member_of(team, Role.OWNER))
    assert other.get(path).status_code == 404
    assert other.get(f"/oauth/flows/{uuid4()}/{address}").status_code == 404


@pytest.mark.parametrize("address", ["", "go", "status"])
@pytest.mark.requirement("R18", "R62")
def test_the_flow_of_who_has_left_the_team_is_not_there(
    signed_in: Client, connection: Connection, editor: User, address: str
) -> None:
    signed_in.post(page_of(connection, "authorize"))
    Membership.objects.filter(user=editor).delete()

    path = f"/oauth/flows/{AuthorizationRequest.objects.get().pk}/{address}"
    assert signed_in.get(path).status_code == 404


@pytest.mark.requirement("R13", "QC05")
def test_another_browser_of_the_same_user_cannot_go_on_with_a_flow(
    signed_in: Client, connection: Connection, editor: User
) -> None:
    go = go_of(signed_in.post(page_of(connection, "authorize")))
    other = Client(headers={"host": urlsplit(django_settings.BASE_URL).netloc})
    other.force_login(editor)

    page = other.get(go)

    assert page.status_code == 404
    assert "This answer cannot be used" in text(page)


def test_a_flow_that_nobody_came_back_from_ends_by_itself(signed_in: Client, connection: Connection) -> None:
    signed_in.post(page_of(connection, "authorize"))
    flow = AuthorizationRequest.objects.get()
    AuthorizationRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert signed_in.get(f"/oauth/flows/{flow.pk}/status").json()["state"] == "failed"
    assert "CRM is not connected" in text(signed_in.get(f"/oauth/flows/{flow.pk}/"))


@pytest.mark.parametrize(
    ("return_to", "kept"),
    [
        ("/t/acme/requests/new/", "/t/acme/requests/new/"),
        ("https://evil.example/", ""),
        ("//evil.example/", ""),
        ("/\\evil.example/", ""),
        ("javascript:alert(1)", ""),
        ("t/acme/", ""),
        ("/" + "a" * 500, ""),
    ],
)
def test_one_goes_back_to_pages_of_ours_only(
    signed_in: Client, connection: Connection, return_to: str, kept: str
) -> None:
    signed_in.post(page_of(connection, "authorize"), {"return_to": return_to})

    assert AuthorizationRequest.objects.get().return_to == kept


def test_where_to_go_back_to_survives_a_mistake_in_the_form(signed_in: Client) -> None:
    page = signed_in.get(NEW, {"return_to": "/t/acme/requests/new/"})
    assert 'name="return_to" value="/t/acme/requests/new/"' in page.content.decode()

    wrong = signed_in.post(NEW, SIX | {"token_url": "x", "return_to": "/t/acme/requests/new/"})
    assert 'name="return_to" value="/t/acme/requests/new/"' in wrong.content.decode()


@pytest.mark.requirement("R27", "QC09")
def test_scopes_that_were_not_granted_are_named(
    provider: DemoServer, signed_in: Client, connection: Connection, now: datetime
) -> None:
    signed_in.post(page_of(connection, "authorize"))
    Connection.objects.filter(pk=connection.pk).update(scopes="contacts.read orders.write")
    factories.connected(
        Connection.objects.get(pk=connection.pk), now=timezone.now(), granted_scopes="contacts.read"
    )
    AuthorizationRequest.objects.update(state=AuthorizationState.SUCCEEDED)

    page = signed_in.get(f"/oauth/flows/{AuthorizationRequest.objects.get().pk}/")

    assert "Not granted orders.write" in text(page)


@pytest.mark.requirement("R58")
def test_a_connection_that_needs_a_person_says_so_on_its_page(signed_in: Client, team: Team) -> None:
    connection = factories.ConnectionFactory(
        team=team, state=ConnectionState.NEEDS_REAUTH, state_reason="The refresh token was revoked."
    )

    page = text(signed_in.get(page_of(connection)))

    assert "Needs reconnecting" in page
    assert "The refresh token was revoked." in page


def test_the_page_that_one_comes_back_to_tells_the_result_of_ones_own_flow_only(
    provider: DemoServer, signed_in: Client, connection: Connection, owner: User
) -> None:
    flow = connect(provider, signed_in, connection).context["flow"]
    path = f"{page_of(connection)}?flow="
    told = "ready for any request"

    assert told in text(signed_in.get(f"{path}{flow.pk}"))
    for other in ("", "no-uuid", "%00", uuid4()):
        assert told not in text(signed_in.get(f"{path}{other}"))
    signed_in.force_login(owner)
    assert told not in text(signed_in.get(f"{path}{flow.pk}"))


def test_the_answer_to_a_script_is_json_that_a_script_can_read(signed_in: Client, team: Team) -> None:
    connection = factories.ConnectionFactory(
        team=team, name="<b>&\"'", created_by=User.objects.get(memberships__role=Role.EDITOR)
    )

    answer = signed_in.post(page_of(connection, "authorize"), headers=JSON)

    assert json.loads(answer.content)["connection"]["name"] == "<b>&\"'"
    assert answer["Content-Type"] == "application/json"
