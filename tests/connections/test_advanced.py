"""Each option of Advanced, typed into the page, and what then goes over the wire."""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote_plus, urlsplit
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import Team, User
from connections import grants
from connections.models import AuthorizationRequest, AuthorizationState, Connection, ConnectionState, Token
from requests_builder import runs
from requests_builder.models import AuthorizationKind, Run, RunState
from tests import factories

pytestmark = pytest.mark.requirement("R8")

NEW = "/t/acme/connections/new/"
SECRET = "s3cret+of%the app"
PLAIN = {"access_token": "access-1", "refresh_token": "refresh-1", "token_type": "Bearer", "expires_in": 3600}
# What the code exchange carries by the standard, whatever else is set.
OF_EXCHANGE = {"grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"}
Answer = Callable[[Request], Response]


def answering(document: object, status: int = 200) -> Answer:
    return lambda request: Response(json.dumps(document), status, content_type="application/json")


@dataclass
class Provider:
    """A token endpoint, a revocation endpoint and an API that take everything down."""

    server: HTTPServer
    answer: Answer = field(default_factory=lambda: answering(PLAIN))
    api: Answer = field(default_factory=lambda: answering({"records": []}))
    asked: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def handle(self, request: Request) -> Response:
        request.get_data()  # read while the connection is there
        self.asked.append(request)
        return self.api(request) if request.path.startswith("/api") else self.answer(request)

    def to(self, path: str) -> list[Request]:
        return [request for request in self.asked if request.path == path]

    @property
    def exchange(self) -> Request:
        """The one token request there was."""
        [asked] = self.to("/token")
        return asked


@pytest.fixture
def provider(httpserver: HTTPServer, settings: Settings) -> Provider:
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{httpserver.port}"]
    provider = Provider(httpserver)
    httpserver.expect_request(re.compile(".*")).respond_with_handler(provider.handle)
    return provider


@pytest.fixture
def browser(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


def form_of(request: Request) -> dict[str, str]:
    """The parameters in the body, none of them twice."""
    pairs = parse_qs(request.get_data().decode(), keep_blank_values=True)
    assert all(len(values) == 1 for values in pairs.values())
    return {name: values[0] for name, values in pairs.items()}


def consent(
    browser: Client, provider: Provider, answer: Mapping[str, str] = {}, **typed: str
) -> dict[str, str]:
    """Fill in the form, go to the provider, come back with a code: what the browser asked there."""
    six = {
        "name": "CRM",
        "authorization_url": f"{provider.url}/authorize",
        "token_url": f"{provider.url}/token",
        "client_id": "abc",
        "client_secret": SECRET,
        "scopes": "contacts.read orders.read",
    }
    page = browser.post(NEW, six | typed)
    found = re.search(r'href="(/oauth/flows/[^"]+/go)"', page.content.decode())
    assert found, page.content.decode()
    location = urlsplit(browser.get(found[1])["Location"])
    pairs = parse_qsl(location.query, keep_blank_values=True)
    query = dict(pairs)
    assert len(query) == len(pairs)
    assert all(query.values())
    back = urlsplit(query["redirect_uri"])
    browser.get(back.path, {"code": "c0de", "state": query["state"], **answer})
    return query


def connected(browser: Client, provider: Provider, **typed: str) -> Connection:
    """A connection as somebody has made it with the page, connected."""
    consent(browser, provider, **typed)
    connection = Connection.objects.get()
    assert connection.state == ConnectionState.CONNECTED, AuthorizationRequest.objects.get().message
    return connection


def called(connection: Connection, url: str) -> Run:
    """A run of a request that calls this address with the connection's token."""
    request = factories.SavedRequestFactory(
        team=connection.team,
        url=url,
        table=factories.TableFactory(team=connection.team),
        records_path="records",
        authorization_kind=AuthorizationKind.OAUTH,
        connection=connection,
    )
    run = runs.request_run(request, user=None, now=timezone.now())
    runs.execute(run.pk, worker=uuid4(), now=timezone.now())
    run.refresh_from_db()
    return run


# Addresses


@pytest.mark.requirement("R4", "QC01")
def test_queries_in_both_addresses_survive_and_nothing_is_sent_twice_or_empty(
    browser: Client, provider: Provider
) -> None:
    asked = consent(
        browser,
        provider,
        authorization_url=f"{provider.url}/authorize.php?request=authorize&filter=apiv3.1",
        token_url=f"{provider.url}/token?request=token",
        scopes="",
    )

    assert asked.keys() == {
        *("request", "filter", "response_type", "client_id", "redirect_uri", "state"),
        *("code_challenge", "code_challenge_method"),
    }
    assert (asked["request"], asked["filter"]) == ("authorize", "apiv3.1")
    assert provider.exchange.args.to_dict() == {"request": "token"}
    assert form_of(provider.exchange).keys() <= OF_EXCHANGE


@pytest.mark.requirement("R4", "QC01")
def test_what_was_pasted_along_with_an_address_gives_way_to_our_own(
    browser: Client, provider: Provider
) -> None:
    pasted = f"{provider.url}/authorize?response_type=token&client_id=OLD&state=x&redirect_uri=y&keep=1"

    asked = consent(browser, provider, authorization_url=pasted)

    assert (asked["response_type"], asked["client_id"], asked["keep"]) == ("code", "abc", "1")
    assert len(asked["state"]) >= 43
    assert Connection.objects.get().state == ConnectionState.CONNECTED


# Authorization


@pytest.mark.requirement("R15", "QC20")
@pytest.mark.parametrize(
    ("typed", "method"),
    [({}, "S256"), ({"pkce": "S256"}, "S256"), ({"pkce": "plain"}, "plain"), ({"pkce": "off"}, None)],
)
def test_pkce_is_as_it_was_chosen_in_both_requests(
    browser: Client, provider: Provider, typed: dict[str, str], method: str | None
) -> None:
    asked = consent(browser, provider, **typed)

    verifier = form_of(provider.exchange).get("code_verifier")
    assert asked.get("code_challenge_method") == method
    assert (asked.get("code_challenge") is None) == (verifier is None) == (method is None)
    if method:
        assert (asked["code_challenge"] == verifier) == (method == "plain")


@pytest.mark.parametrize(("separator", "scope"), [(" ", "a b"), (",", "a,b"), (";", "a;b")])
def test_scopes_are_separated_as_the_provider_wants(
    browser: Client, provider: Provider, separator: str, scope: str
) -> None:
    assert consent(browser, provider, scope_separator=separator, scopes="a b")["scope"] == scope


def test_extra_authorization_parameters_go_along_with_the_browser(
    browser: Client, provider: Provider
) -> None:
    asked = consent(browser, provider, authorization_parameters="access_type=offline\nhd=a b")

    assert (asked["access_type"], asked["hd"]) == ("offline", "a b")
    assert "access_type" not in form_of(provider.exchange)


@pytest.mark.requirement("R3")
def test_a_redirect_url_of_its_own_is_asked_for_used_and_sent_again(
    browser: Client, provider: Provider
) -> None:
    asked = consent(browser, provider, has_own_redirect_url="on")

    connection = Connection.objects.get()
    assert urlsplit(asked["redirect_uri"]).path == f"/oauth/callback/c/{connection.pk}"
    assert form_of(provider.exchange)["redirect_uri"] == asked["redirect_uri"]
    assert connection.state == ConnectionState.CONNECTED


@pytest.mark.requirement("R16")
@pytest.mark.parametrize(("iss", "is_taken"), [("", True), ("/other", False), (None, False)])
def test_an_answer_counts_only_in_the_name_of_the_issuer_that_was_typed(
    browser: Client, provider: Provider, iss: str | None, is_taken: bool
) -> None:
    answer = {} if iss is None else {"iss": provider.url + iss}
    consent(browser, provider, answer, expected_issuer=provider.url)

    assert len(provider.to("/token")) == (1 if is_taken else 0)
    state = AuthorizationState.SUCCEEDED if is_taken else AuthorizationState.FAILED
    assert AuthorizationRequest.objects.get().state == state


@pytest.mark.requirement("R70")
def test_a_client_that_asks_for_itself_is_connected_without_a_browser_going_anywhere(
    browser: Client, provider: Provider
) -> None:
    typed = {"name": "CRM", "token_url": f"{provider.url}/token", "client_id": "abc", "client_secret": SECRET}
    page = browser.post(NEW, typed | {"grant_type": "client_credentials", "scopes": "a b"})

    assert page.status_code == 303
    assert form_of(provider.exchange)["grant_type"] == "client_credentials"
    assert form_of(provider.exchange)["scope"] == "a b"
    assert Connection.objects.get().state == ConnectionState.CONNECTED


@pytest.mark.requirement("R9", "QC08")
def test_placeholders_are_filled_in_wherever_something_is_sent(browser: Client, provider: Provider) -> None:
    connection = connected(
        browser,
        provider,
        authorization_url=f"{provider.url}/{{account}}/authorize",
        token_url=f"{provider.url}/{{account}}/token",
        refresh_url=f"{provider.url}/{{account}}/refresh",
        placeholder_account="acme",
    )
    grants.refresh(connection, now=timezone.now())

    assert [request.path for request in provider.asked] == ["/acme/token", "/acme/refresh"]


# Token requests


@pytest.mark.requirement("R25")
@pytest.mark.parametrize(
    ("way", "basic", "in_body"),
    [
        ("basic", f"abc:{quote_plus(SECRET)}", set()),
        ("basic_raw", f"abc:{SECRET}", set()),
        ("body", None, {"client_id", "client_secret"}),
        ("none", None, {"client_id"}),
    ],
)
def test_the_client_proves_itself_in_the_chosen_way_alone(
    browser: Client, provider: Provider, way: str, basic: str | None, in_body: set[str]
) -> None:
    connection = connected(browser, provider, client_authentication=way)
    grants.refresh(connection, now=timezone.now())

    assert len(provider.to("/token")) == 2
    for request in provider.to("/token"):
        header = request.headers.get("Authorization")
        assert (b64decode(header.removeprefix("Basic ")).decode() if header else None) == basic
        assert form_of(request).keys() & {"client_id", "client_secret"} == in_body


@pytest.mark.requirement("QC14", "QC26")
def test_parameters_travel_as_json(browser: Client, provider: Provider) -> None:
    connection = connected(browser, provider, token_body="json", client_authentication="body")
    grants.refresh(connection, now=timezone.now())

    exchange, refresh = provider.to("/token")
    assert exchange.content_type == "application/json"
    assert json.loads(exchange.get_data()).keys() == OF_EXCHANGE
    assert json.loads(refresh.get_data())["refresh_token"] == "refresh-1"


@pytest.mark.requirement("QC26")
def test_parameters_travel_in_the_query(browser: Client, provider: Provider) -> None:
    connected(browser, provider, token_body="query", client_authentication="basic")

    assert provider.exchange.args.keys() == OF_EXCHANGE - {"client_id", "client_secret"}
    assert provider.exchange.get_data() == b""


def test_extra_token_parameters_go_with_the_code_and_not_with_the_refresh(
    browser: Client, provider: Provider
) -> None:
    connection = connected(browser, provider, token_parameters="audience=https://x.example/\nwho={client_id}")
    grants.refresh(connection, now=timezone.now())

    exchange, refresh = map(form_of, provider.to("/token"))
    assert (exchange["audience"], exchange["who"]) == ("https://x.example/", "abc")
    assert "audience" not in refresh


@pytest.mark.requirement("QC14")
def test_extra_headers_go_with_every_token_request(browser: Client, provider: Provider) -> None:
    connection = connected(browser, provider, token_headers="Notion-Version: 2022-06-28")
    grants.refresh(connection, now=timezone.now())

    assert [request.headers["Notion-Version"] for request in provider.asked] == ["2022-06-28"] * 2


@pytest.mark.requirement("R24")
def test_tokens_are_found_where_the_path_says(browser: Client, provider: Provider) -> None:
    provider.answer = answering({"ok": True, "data": {"auth": PLAIN}})

    connection = connected(browser, provider, token_path="data.auth")

    assert Token.objects.get(connection=connection).access_token == "access-1"


@pytest.mark.requirement("R12", "QC29")
def test_an_older_secret_is_tried_when_the_new_one_is_refused(browser: Client, provider: Provider) -> None:
    connection = connected(browser, provider, client_authentication="body")
    edit = f"/t/acme/connections/{connection.pk}/edit/"
    typed = {"name": "CRM", "client_id": "abc", "scopes": "x", "then": "save"}
    typed |= {"authorization_url": connection.authorization_url, "token_url": connection.token_url}
    assert browser.post(edit, typed | {"client_secret": "new", "keep_old_secret": "on"}).status_code == 302

    def only_old(request: Request) -> Response:
        if form_of(request)["client_secret"] == "new":
            return answering({"error": "invalid_client"}, 401)(request)
        return answering(PLAIN)(request)

    provider.answer = only_old
    grants.refresh(Connection.objects.get(), now=timezone.now())
    assert [form_of(each)["client_secret"] for each in provider.to("/token")[1:]] == ["new", SECRET]

    assert browser.post(edit, typed | {"remove_old_secret": "on"}).status_code == 302
    with pytest.raises(grants.TokenUnavailable):
        grants.refresh(Connection.objects.get(), now=timezone.now() + timedelta(minutes=10))
    assert form_of(provider.to("/token")[-1])["client_secret"] == "new"


# Refreshing


@pytest.mark.requirement("R47", "QC26")
def test_a_refresh_goes_to_its_own_address_with_its_own_parameters_alone(
    browser: Client, provider: Provider
) -> None:
    connection = connected(
        browser,
        provider,
        client_authentication="basic",
        refresh_url=f"{provider.url}/refresh",
        refresh_parameters="grant_type=\ntype=refresh\nredirect_uri={redirect_uri}\nscope=offline",
    )
    grants.refresh(connection, now=timezone.now())

    [refresh] = provider.to("/refresh")
    assert form_of(refresh) == {
        "refresh_token": "refresh-1",
        "type": "refresh",
        "redirect_uri": grants.redirect_uri(connection),
        "scope": "offline",
    }


BASIC, BODY = {"client_authentication": "basic"}, {"client_authentication": "body"}
CLIENT = {"client_id": "abc", "client_secret": SECRET}
STANDARD = {"grant_type": "refresh_token", "refresh_token": "refresh-1"}


@pytest.mark.requirement("R47", "QC26")
@pytest.mark.parametrize(
    ("typed", "query", "body"),
    [
        pytest.param(
            BASIC | {"refresh_parameters": "grant_type="}, {}, {"refresh_token": "refresh-1"}, id="figma"
        ),
        pytest.param(
            BODY | {"refresh_parameters": "grant_type=\ntype=refresh"},
            {},
            {"refresh_token": "refresh-1", "type": "refresh"} | CLIENT,
            id="basecamp",
        ),
        pytest.param(
            BODY | {"refresh_parameters": "expires_in=1800"},
            {},
            STANDARD | CLIENT | {"expires_in": "1800"},
            id="zendesk",
        ),
        pytest.param(
            BODY | {"refresh_parameters": "scope=offline"},
            {},
            STANDARD | CLIENT | {"scope": "offline"},
            id="whoop",
        ),
        pytest.param(
            BODY | {"refresh_parameters": "client_secret=", "token_body": "json"},
            {},
            STANDARD | {"client_id": "abc"},
            id="clover",
        ),
        pytest.param(BASIC | {"token_body": "query"}, STANDARD, {}, id="gong"),
    ],
)
def test_a_refresh_that_is_not_the_standard_one_can_be_typed(
    browser: Client, provider: Provider, typed: dict[str, str], query: dict[str, str], body: dict[str, str]
) -> None:
    connection = connected(browser, provider, **typed, refresh_url=f"{provider.url}/refresh")
    grants.refresh(connection, now=timezone.now())

    [refresh] = provider.to("/refresh")
    is_json = refresh.content_type == "application/json"
    assert (json.loads(refresh.get_data()) if is_json else form_of(refresh)) == body
    assert refresh.args.to_dict() == query


@pytest.mark.requirement("R46", "QC15")
def test_a_token_whose_life_nobody_told_lives_as_long_as_was_typed(
    browser: Client, provider: Provider
) -> None:
    provider.answer = answering({name: PLAIN[name] for name in ("access_token", "refresh_token")})

    token = Token.objects.get(connection=connected(browser, provider, default_life="7200"))

    assert token.expires_at is not None
    assert abs(token.expires_at - timezone.now() - timedelta(hours=2)) < timedelta(minutes=1)


# API calls


@pytest.mark.requirement("R51", "QC38")
@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        ("", "Authorization", "Bearer access-1"),
        ("Authorization: Zoho-oauthtoken {access_token}", "Authorization", "Zoho-oauthtoken access-1"),
        ("X-Token: {access_token}", "X-Token", "access-1"),
    ],
)
def test_calls_carry_the_token_in_the_header_that_was_typed(
    browser: Client, provider: Provider, typed: str, name: str, value: str
) -> None:
    connection = connected(browser, provider, api_authorization=typed)

    assert called(connection, f"{provider.url}/api/x").state == RunState.SUCCEEDED

    [call] = provider.to("/api/x")
    assert call.headers[name] == value
    assert [header for header, held in call.headers if "access-1" in held] == [name]


@pytest.mark.requirement("QC38")
def test_calls_carry_the_token_in_the_query(browser: Client, provider: Provider) -> None:
    connection = connected(browser, provider, api_authorization="?key={access_token}")

    assert called(connection, f"{provider.url}/api/x?a=1").state == RunState.SUCCEEDED

    [call] = provider.to("/api/x")
    assert call.args.to_dict() == {"a": "1", "key": "access-1"}
    assert "Authorization" not in call.headers


@pytest.mark.requirement("R50", "QC36", "QC37")
@pytest.mark.parametrize(
    ("signals", "status", "body"),
    [
        ("403", 403, {}),
        ("200 error=token_expired", 200, {"error": "token_expired"}),
        ("403\n400 error.code=190", 400, {"error": {"code": 190}}),
    ],
)
@pytest.mark.parametrize("is_told", [True, False])
def test_a_token_is_renewed_on_the_answers_that_were_typed_and_on_no_others(
    browser: Client, provider: Provider, signals: str, status: int, body: dict[str, Any], is_told: bool
) -> None:
    connection = connected(browser, provider, expiry_signals=signals if is_told else "")
    # Got long enough ago to have run out.
    Token.objects.update(obtained_at=timezone.now() - timedelta(hours=1))
    provider.answer = answering(PLAIN | {"access_token": "access-2"})

    def api(request: Request) -> Response:
        if request.headers["Authorization"] == "Bearer access-1":
            return answering(body, status)(request)
        return answering({"records": []})(request)

    provider.api = api
    run = called(connection, f"{provider.url}/api/x")

    assert (run.state == RunState.SUCCEEDED) is is_told
    assert len(provider.to("/token")) == (2 if is_told else 1)
    assert len(provider.to("/api/x")) == (2 if is_told else 1)


@pytest.mark.requirement("R51")
@pytest.mark.parametrize("is_allowed", [True, False])
def test_the_token_goes_to_a_host_that_was_typed_and_to_no_other(
    browser: Client, provider: Provider, settings: Settings, is_allowed: bool
) -> None:
    host = f"localhost:{provider.server.port}"
    settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, host]
    connection = connected(browser, provider, allowed_hosts=host if is_allowed else "")

    run = called(connection, f"http://{host}/api/x")

    assert (run.state == RunState.SUCCEEDED) is is_allowed
    assert len(provider.to("/api/x")) == (1 if is_allowed else 0)


def test_the_connection_is_tried_out_at_the_address_that_was_typed(
    browser: Client, provider: Provider
) -> None:
    connection = connected(browser, provider, test_url=f"{provider.url}/api/me")

    page = browser.post(f"/t/acme/connections/{connection.pk}/test/", {"url": connection.test_url})

    assert page.status_code == 200
    assert len(provider.to("/api/me")) == 1
    assert (
        f'value="{provider.url}/api/me"'
        in browser.get(f"/t/acme/connections/{connection.pk}/").content.decode()
    )


# Ending


@pytest.mark.requirement("R57", "QC40")
def test_tokens_are_ended_at_the_address_that_was_typed(
    browser: Client, provider: Provider, team: Team, now: datetime
) -> None:
    connection = connected(browser, provider, revocation_url=f"{provider.url}/revoke")

    browser.post(f"/t/acme/connections/{connection.pk}/delete/")
    grants.revoke_discarded_tokens(now=timezone.now() + timedelta(seconds=1))

    assert "refresh-1" in [form_of(request)["token"] for request in provider.to("/revoke")]
    assert not team.connections.exists()
