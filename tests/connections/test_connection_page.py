"""The page of one connection, Test connection, and the list: what a reader learns, and who learns what."""

import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry, Role, Team, User, Verb
from connections import grants
from connections.grants.health import health_of, scopes_of
from connections.models import CallKind, CallOutcome, Connection, ConnectionState, Token, TokenCall
from demo_api.server import DemoServer
from requests_builder.models import Schedule
from tests import factories

LIST = "/t/acme/connections/"
HTMX = {"HX-Request": "true"}


def page_of(connection: Connection, action: str = "") -> str:
    return f"{LIST}{connection.pk}/" + (f"{action}/" if action else "")


def text(response: Any) -> str:
    """What a reader reads: the page without its markup."""
    return " ".join(re.sub("<[^>]+>", " ", response.content.decode()).split())


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


@pytest.fixture
def living(provider: DemoServer, connection: Connection) -> Connection:
    """A connection with a token that the provider has granted a while ago."""
    tokens = provider.mint("contacts.read profile offline_access")
    factories.connected(
        connection,
        now=timezone.now() - timedelta(minutes=5),
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
    )
    return connection


# State


@pytest.mark.parametrize(
    ("state", "label", "advice"),
    [
        (ConnectionState.NEW, "Not connected yet", "Press Connect and consent"),
        (ConnectionState.ERROR, "Could not connect", "press Connect to try again"),
        (ConnectionState.RETRYING, "Retrying", "Nothing has to be done"),
        (ConnectionState.CONFIG_ERROR, "Settings refused", "Press Edit and put Client ID"),
        (ConnectionState.NEEDS_REAUTH, "Needs reconnecting", "Press Reconnect and consent again"),
    ],
)
@pytest.mark.requirement("R58")
def test_a_state_comes_with_its_time_its_reason_the_providers_words_and_what_to_do(
    signed_in: Client, team: Team, editor: User, state: ConnectionState, label: str, advice: str
) -> None:
    connection = factories.ConnectionFactory(
        team=team,
        created_by=editor,
        state=state,
        state_reason="The reason is this.",
        provider_text="blue_moon: <i>closed</i>",
        state_changed_at=timezone.now() - timedelta(hours=3),
    )

    page = signed_in.get(page_of(connection))

    for shown in (label, "since 3 h ago", "The reason is this.", advice):
        assert shown in text(page)
    assert "The provider said: <code" in page.content.decode()
    assert "blue_moon: &lt;i&gt;closed" in page.content.decode()


@pytest.mark.requirement("R58")
def test_who_may_not_mend_it_reads_whom_to_ask(
    client: Client, viewer: User, team: Team, editor: User
) -> None:
    connection = factories.ConnectionFactory(
        team=team, created_by=editor, state=ConnectionState.NEEDS_REAUTH, state_reason="It was revoked."
    )
    client.force_login(viewer)

    page = text(client.get(page_of(connection)))

    assert f"ask {editor}" in page
    assert "Press Reconnect" not in page


@pytest.mark.requirement("R58")
def test_a_refresh_that_is_under_way_shows_as_such(connection: Connection, now: datetime) -> None:
    token = factories.connected(connection, now=now, refresh_leased_until=now + timedelta(seconds=20))

    assert health_of(connection, token, now=now).state == "refreshing"
    assert health_of(connection, token, now=now + timedelta(seconds=20)).state == "connected"


@pytest.mark.requirement("R19", "R58")
def test_a_first_authorization_that_fails_stays_on_the_page_with_the_providers_words(
    provider: DemoServer, connection: Connection, editor: User, signed_in: Client, now: datetime
) -> None:
    flow = grants.begin_authorization(connection, user=editor, session_key="s", return_to="", now=now)
    url = grants.leave_for_provider(flow, user=editor, session_key="s", now=now)
    query = provider.consent(url, is_allowed=False).partition("?")[2]
    parameters = {name: [value] for name, value in (pair.split("=") for pair in query.split("&"))}

    grants.complete_authorization(
        parameters, arrived_at=flow.redirect_uri, user=editor, session_key="s", now=now
    )

    page = text(signed_in.get(page_of(connection)))
    assert Connection.objects.get().state == ConnectionState.ERROR
    assert "Could not connect" in page
    assert "access_denied" in page
    assert AuditEntry.objects.latest("pk").verb == Verb.FAILED_TO_CONNECT


def test_a_failed_attempt_to_reconnect_leaves_a_living_connection_as_it_is(
    provider: DemoServer, living: Connection, editor: User, now: datetime
) -> None:
    flow = grants.begin_authorization(living, user=editor, session_key="s", return_to="", now=now)
    url = grants.leave_for_provider(flow, user=editor, session_key="s", now=now)
    query = provider.consent(url, is_allowed=False).partition("?")[2]
    parameters = {name: [value] for name, value in (pair.split("=") for pair in query.split("&"))}

    grants.complete_authorization(
        parameters, arrived_at=flow.redirect_uri, user=editor, session_key="s", now=now
    )

    assert Connection.objects.get().state == ConnectionState.CONNECTED


# The grant


@pytest.mark.requirement("R27")
def test_granted_scopes_are_compared_with_those_asked_for(connection: Connection, now: datetime) -> None:
    connection.scopes = "contacts.read orders.write"
    token = factories.connected(connection, now=now, granted_scopes="contacts.read,profile")

    found = {scope.name: (scope.is_asked, scope.is_granted) for scope in scopes_of(connection, token)}

    assert found == {
        "contacts.read": (True, True),
        "orders.write": (True, False),
        "profile": (False, True),
    }


def test_scopes_are_only_requested_ones_when_the_provider_did_not_say(
    connection: Connection, now: datetime
) -> None:
    connection.scopes = "contacts.read"

    assert [
        scope.is_granted for scope in scopes_of(connection, factories.connected(connection, now=now))
    ] == [None]


@pytest.mark.requirement("R27", "R30")
def test_the_page_tells_account_scopes_lives_and_what_the_provider_told_besides(
    signed_in: Client, team: Team
) -> None:
    connection = factories.ConnectionFactory(team=team, scopes="contacts.read orders.write")
    factories.connected(
        connection,
        now=timezone.now(),
        granted_scopes="contacts.read",
        account="ann@crm.example",
        account_id="account-77",
        kept={"instance_url": "https://eu7.crm.example"},
        refresh_expires_at=timezone.now() + timedelta(days=9),
        ends_for_good=True,
        refreshed_at=timezone.now() - timedelta(hours=5),
    )

    page = signed_in.get(page_of(connection))

    for shown in (
        "ann@crm.example",
        "account-77",
        "orders.write not granted",
        "No refresh moves this",
        "Last refresh 5 h ago",
    ):
        assert shown in text(page)
    assert 'data-copy="https://eu7.crm.example"' in page.content.decode()


@pytest.mark.requirement("R6", "R36")
def test_a_missing_refresh_token_is_said_at_once_with_the_providers_remedy(
    signed_in: Client, team: Team
) -> None:
    connection = factories.ConnectionFactory(
        team=team,
        authorization_url="https://accounts.google.com/o/oauth2/v2/auth",
        token_url="https://oauth2.googleapis.com/token",
    )
    factories.connected(connection, now=timezone.now(), refresh_token=None)
    remedy = grants.provider_of(connection).refresh_remedy  # type: ignore[union-attr]

    page = signed_in.get(page_of(connection)).content.decode()

    assert "The provider gave no refresh token" in page
    assert remedy
    assert remedy[:40].split("<")[0] in text(signed_in.get(page_of(connection)))


def test_a_token_that_does_not_end_needs_no_refresh_token(signed_in: Client, team: Team) -> None:
    connection = factories.ConnectionFactory(team=team)
    factories.connected(connection, now=timezone.now(), life=None, refresh_token=None)

    assert "gave no refresh token" not in text(signed_in.get(page_of(connection)))


def test_what_uses_it_is_listed_with_its_schedule(signed_in: Client, team: Team) -> None:
    connection = factories.ConnectionFactory(team=team)
    saved = factories.SavedRequestFactory(team=team, name="All orders", connection=connection)
    factories.SavedRequestFactory(team=team, name="By hand", connection=connection)
    Schedule.objects.create(saved_request=saved, rule={"every": "1 hour"}, next_at=timezone.now())

    page = text(signed_in.get(page_of(connection)))

    assert "All orders GET https://api.example/contacts Every hour" in page
    assert "By hand GET https://api.example/contacts none" in page


# Who sees what


@pytest.mark.requirement("R61", "R62")
def test_a_viewer_sees_the_state_and_neither_settings_nor_calls(
    client: Client, viewer: User, team: Team
) -> None:
    connection = factories.ConnectionFactory(team=team, client_id="the-client-id")
    factories.connected(connection, now=timezone.now(), kept={"instance_url": "https://eu7.crm.example"})
    a_call(connection, path="/the-path")
    client.force_login(viewer)

    page = text(client.get(page_of(connection)))
    calls = text(client.get(page_of(connection), headers=HTMX))

    assert "/the-path" not in calls
    assert "Connected" in page
    for hidden in ("the-client-id", "/the-path", "Test connection", "Redirect URL", "eu7.crm.example"):
        assert hidden not in page


@pytest.mark.requirement("R62")
def test_only_admins_are_shown_the_way_to_the_audit_log(
    client: Client, team: Team, editor: User, owner: User
) -> None:
    connection = factories.ConnectionFactory(team=team, created_by=editor)
    shown = []
    for user in (editor, owner):
        client.force_login(user)
        shown.append("/audit/?object=" in client.get(page_of(connection)).content.decode())

    assert shown == [False, True]


# The log


def a_call(connection: Connection, **fields: Any) -> TokenCall:
    return TokenCall.objects.create(
        **{
            "connection": connection,
            "at": timezone.now(),
            "kind": CallKind.REFRESH,
            "outcome": CallOutcome.SUCCEEDED,
            "method": "POST",
            "host": "provider.example",
            "status": 200,
            **fields,
        }
    )


def test_calls_are_shown_twenty_at_a_time_the_latest_first(signed_in: Client, team: Team) -> None:
    connection = factories.ConnectionFactory(team=team)
    for number in range(45):
        a_call(connection, path=f"/call-{number}-")
    seen: list[int] = []
    path = page_of(connection)

    for _ in range(3):
        page = signed_in.get(path, headers=HTMX)
        assert "<html" not in page.content.decode()
        seen += [int(number) for number in re.findall(r"/call-(\d+)-", page.content.decode())]
        path = page_of(connection) + page.context["older_calls"]

    assert seen == list(reversed(range(45)))
    assert text(signed_in.get(f"{page_of(connection)}?before=x")).count("Refresh ") >= 20


def test_a_call_tells_whose_what_and_how_it_went_without_markup_of_the_provider(
    signed_in: Client, team: Team, editor: User
) -> None:
    connection = factories.ConnectionFactory(team=team)
    a_call(
        connection,
        user=editor,
        status=400,
        outcome=CallOutcome.GRANT_REFUSED,
        error_code="invalid_grant",
        provider_text="<script>alert(1)</script>",
        parameters=["grant_type", "refresh_token"],
        members=["error"],
        client_authentication="basic",
        milliseconds=340,
    )

    page = signed_in.get(page_of(connection))

    for shown in (
        f"by {editor}",
        "Grant refused",
        "invalid_grant",
        "grant_type, refresh_token",
        "340 ms",
        "basic",
    ):
        assert shown in text(page)
    assert "<script>alert(1)" not in page.content.decode()


# Test connection


@pytest.mark.requirement("R30")
def test_a_test_calls_the_api_with_the_token_and_tells_status_time_and_account(
    provider: DemoServer, living: Connection, signed_in: Client
) -> None:
    page = signed_in.post(page_of(living, "test"), {"url": provider.userinfo_url})

    assert "The API takes the token." in text(page)
    assert "200 OK in" in text(page)
    account = Token.objects.get().account
    assert account
    assert account in text(page)
    call = TokenCall.objects.get(kind=CallKind.TEST)
    assert (call.outcome, call.status, call.method) == (CallOutcome.SUCCEEDED, 200, "GET")
    assert call.user is not None
    assert AuditEntry.objects.latest("pk").verb == Verb.TESTED


def test_an_answer_about_somebody_else_is_not_taken_for_the_account(
    provider: DemoServer, living: Connection, signed_in: Client
) -> None:
    provider.fail("/api/contacts", status=200, body={"name": "Some Contact"})

    page = signed_in.post(page_of(living, "test"), {"url": f"{provider.url}/api/contacts"})

    assert page.context["tried"].is_good
    assert (page.context["tried"].account, Token.objects.get().account) == ("", "")


def test_the_address_is_kept_for_the_next_test_by_who_manages_the_connection(
    provider: DemoServer, living: Connection, client: Client, signed_in: Client, team: Team
) -> None:
    other = factories.member_of(team, Role.EDITOR)
    client.force_login(other)
    client.post(page_of(living, "test"), {"url": f"{provider.url}/api/contacts?by=other"})
    assert Connection.objects.get().test_url == ""
    client.force_login(Connection.objects.get().created_by)  # type: ignore[arg-type]

    client.post(page_of(living, "test"), {"url": provider.userinfo_url})

    assert Connection.objects.get().test_url == provider.userinfo_url
    assert f'value="{provider.userinfo_url}"' in client.get(page_of(living)).content.decode()


def test_without_an_address_the_token_is_renewed_and_only_that_is_claimed(
    provider: DemoServer, living: Connection, signed_in: Client
) -> None:
    page = text(signed_in.post(page_of(living, "test")))

    assert "The provider has renewed the token. Only that was tested" in page
    assert provider.refreshes == 1
    assert "There is a token, and it has not run out. Only that was tested" in text(
        signed_in.post(page_of(living, "test"))
    )
    assert provider.refreshes == 1


def test_a_test_shows_the_state_that_it_has_led_to(
    provider: DemoServer, living: Connection, signed_in: Client
) -> None:
    provider.fail_token(status=400, body={"error": "invalid_grant"}, times=None)

    page = signed_in.post(page_of(living, "test"))

    assert page.context["health"].state == ConnectionState.NEEDS_REAUTH
    assert "Needs reconnecting" in text(page)
    assert page.context["calls"][0].outcome == CallOutcome.GRANT_REFUSED


@pytest.mark.parametrize(
    ("status", "said", "advice"),
    [
        (403, "does not let it do this", "Check Scopes"),
        (404, "has nothing at this address", "Check the address"),
        (429, "called too often", "Test again later"),
        (500, "out of order", "Test again in a few minutes"),
        (302, "another address", "Test with the address"),
        (418, "does not like the call", "Its own words"),
    ],
)
def test_an_answer_that_is_not_good_comes_with_what_to_do(
    provider: DemoServer, living: Connection, signed_in: Client, status: int, said: str, advice: str
) -> None:
    provider.fail("/api/contacts", status=status, body={"message": "As <i>I</i> say"}, times=None)

    page = signed_in.post(page_of(living, "test"), {"url": f"{provider.url}/api/contacts"})

    assert said in text(page)
    assert advice in text(page)
    assert "As <i>I" not in page.content.decode()


def test_a_refused_token_is_renewed_once_before_it_is_called_bad(
    provider: DemoServer, living: Connection, signed_in: Client
) -> None:
    provider.fail("/api/contacts", status=401, times=None)

    page = text(signed_in.post(page_of(living, "test"), {"url": f"{provider.url}/api/contacts"}))

    assert "The API refuses the token" in page
    assert provider.refreshes == 1
    assert len(provider.requests_to("/api/contacts")) == 2


def test_a_refused_token_that_cannot_be_renewed_says_both(
    provider: DemoServer, living: Connection, signed_in: Client
) -> None:
    provider.fail("/api/contacts", status=401, times=None)
    provider.fail_token(status=400, body={"error": "invalid_grant"}, times=None)

    page = text(signed_in.post(page_of(living, "test"), {"url": f"{provider.url}/api/contacts"}))

    assert "The API refuses the token, and another one could not be had." in page
    assert "401 Unauthorized in" in page
    assert "must be reconnected" in page
    assert "Next refresh none" in page


@pytest.mark.requirement("R51")
def test_a_test_sends_the_token_to_no_host_that_nobody_has_allowed(
    provider: DemoServer, living: Connection, signed_in: Client, settings: Settings
) -> None:
    with DemoServer(product_url=settings.BASE_URL) as stranger:
        settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, f"127.0.0.1:{stranger.port}"]

        page = text(signed_in.post(page_of(living, "test"), {"url": f"{stranger.url}/api/contacts"}))

        assert stranger.requests == []
    assert "No API was called." in page
    assert "nobody has allowed this host" in page


@pytest.mark.requirement("R60")
@pytest.mark.parametrize("url", ["http://169.254.169.254/", "javascript:alert(1)", "nonsense", "//x", "\x00"])
def test_an_address_that_may_not_be_called_is_refused_in_words(
    living: Connection, signed_in: Client, url: str
) -> None:
    page = signed_in.post(page_of(living, "test"), {"url": url})

    assert page.status_code == 200
    assert not TokenCall.objects.filter(kind=CallKind.TEST).exists()
    assert page.context["tried"].advice


@pytest.mark.requirement("R61")
def test_a_test_never_shows_the_token_even_if_the_api_repeats_it(
    provider: DemoServer, living: Connection, signed_in: Client
) -> None:
    secret = Token.objects.get().access_token
    provider.fail("/api/contacts", status=400, body={"message": f"Bad token {secret}"}, times=None)

    page = signed_in.post(page_of(living, "test"), {"url": f"{provider.url}/api/contacts?token=x"})

    assert secret not in page.content.decode()
    assert "It said Bad token •••" in text(page)
    assert secret not in json.dumps(list(TokenCall.objects.values()), default=str)


def test_a_test_of_a_dead_connection_says_who_mends_it_how(signed_in: Client, team: Team) -> None:
    connection = factories.ConnectionFactory(team=team)
    factories.connected(connection, now=timezone.now())
    Connection.objects.update(state=ConnectionState.NEEDS_REAUTH, state_reason="It was revoked.")
    Token.objects.update(obtained_at=timezone.now() - timedelta(hours=1), expires_at=timezone.now())

    page = text(signed_in.post(page_of(connection, "test")))

    assert "No API was called." in page
    assert "must be reconnected. It was revoked." in page


# The list


@pytest.fixture
def many(team: Team) -> None:
    """One connection of each state, named after it."""
    for state in ConnectionState:
        factories.ConnectionFactory(team=team, name=f"Is {state.value}", state=state)


@pytest.mark.requirement("R58")
def test_trouble_comes_first_unless_asked_for_by_name(signed_in: Client, many: None) -> None:
    def order(query: str) -> list[str]:
        return [connection.state for connection, _ in signed_in.get(LIST + query).context["rows"]]

    assert order("")[:2] == ["needs_reauth", "config_error"]
    assert order("")[-1] == "connected"
    assert order("?order=name") == sorted(ConnectionState.values)


def test_the_list_is_filtered_by_state_and_by_words(signed_in: Client, many: None, team: Team) -> None:
    special = factories.ConnectionFactory(team=team, name="Sales", token_url="https://eu.crm.example/token")
    factories.connected(special, now=timezone.now(), account="ann@acme.example")

    def found(query: str) -> list[str]:
        return [connection.name for connection, _ in signed_in.get(LIST + query).context["rows"]]

    assert found("?state=retrying") == ["Is retrying"]
    assert found("?q=SALES") == found("?q=eu.crm") == found("?q=ann@acme+sales") == ["Sales"]
    assert found("?q=nothing-like-it") == []
    assert "No such connection" in text(signed_in.get(f"{LIST}?q=nothing-like-it"))
    assert len(found("?state=bogus")) == 7


def test_the_list_is_read_a_hundred_at_a_time(
    signed_in: Client, team: Team, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(130):
        connection = factories.ConnectionFactory(team=team, name=f"Number {number:03}")
        factories.connected(connection, now=timezone.now())
    signed_in.get(LIST)

    with django_assert_max_num_queries(15):
        first = signed_in.get(LIST)
    second = signed_in.get(LIST + first.context["older"])

    names = [connection.name for page in (first, second) for connection, _ in page.context["rows"]]
    assert names == [f"Number {number:03}" for number in range(130)]


def test_a_page_of_the_list_that_there_is_not_is_the_nearest_one(signed_in: Client, many: None) -> None:
    for query in ("?page=99", "?page=x", "?page=-1", "?q=%00", f"?q={'x ' * 200}"):
        assert signed_in.get(LIST + query).status_code == 200


def test_a_connection_that_there_is_not_cannot_be_tested(signed_in: Client, team: Team) -> None:
    assert signed_in.post(f"{LIST}{uuid4()}/test/").status_code == 404
