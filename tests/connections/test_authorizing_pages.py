"""Client authentication on the wire, the addresses of callbacks, and flows without a consent page."""

import base64
import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from django.test import Client as Browser
from django.urls import reverse
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import Team, User
from connections import grants
from connections.models import (
    AuthorizationRequest,
    AuthorizationState,
    Connection,
    GrantType,
    Token,
)
from demo_api.server import DemoServer
from tests import factories

SESSION = "session-of-ann"
# With signs that the form-encoding of Basic changes.
ID, SECRET = "id+1", "s/3=%"
TOKENS = {"access_token": "A", "refresh_token": "R", "token_type": "Bearer", "expires_in": 3600}
REFUSED = Response(json.dumps({"error": "invalid_client"}), status=401)

Answer = Callable[[Request], Response]


@pytest.fixture
def server(httpserver: HTTPServer, settings: Settings) -> HTTPServer:
    settings.OUTBOUND_ALLOW = [f"localhost:{httpserver.port}"]
    return httpserver


@pytest.fixture
def strict(server: HTTPServer, team: Team, editor: User) -> Connection:
    """A connection to a server whose token endpoint each test writes."""
    return factories.ConnectionFactory(
        team=team,
        created_by=editor,
        authorization_url=server.url_for("/authorize"),
        token_url=server.url_for("/token"),
        client_id=ID,
        client_secret=SECRET,
    )


def answering(server: HTTPServer, answer: Answer) -> list[Request]:
    """Let the token endpoint answer so; what it was asked."""
    asked: list[Request] = []

    def respond(request: Request) -> Response:
        asked.append(request)
        return answer(request)

    server.expect_request("/token").respond_with_handler(respond)
    return asked


def granted() -> Response:
    return Response(json.dumps(TOKENS), content_type="application/json")


def connect(connection: Connection, user: User, now: datetime) -> AuthorizationRequest:
    """There, and back with a code that nobody has given: the token endpoint is what the test is about."""
    flow = grants.begin_authorization(connection, user=user, session_key=SESSION, return_to="/", now=now)
    url = grants.leave_for_provider(flow, user=user, session_key=SESSION, now=now)
    state = dict(parse_qsl(urlsplit(url).query))["state"]
    return grants.complete_authorization(
        {"code": ["C"], "state": [state]},
        arrived_at=grants.redirect_uri(connection),
        user=user,
        session_key=SESSION,
        now=now,
    )


def proof(request: Request) -> tuple[str, str]:
    """The way of client authentication, and the secret in it; one way in a request at most."""
    header = request.headers.get("Authorization", "")
    if not header:
        return "body", request.form.get("client_secret", "")
    assert "client_secret" not in request.form
    return "basic", base64.b64decode(header.removeprefix("Basic ")).decode()


# Which way of client authentication


@pytest.mark.requirement("R25", "QC16", "QC17")
def test_basic_without_encoding_is_found_last_and_remembered(
    strict: Connection, server: HTTPServer, editor: User, now: datetime
) -> None:
    raw = ("basic", f"{ID}:{SECRET}")
    asked = answering(server, lambda request: granted() if proof(request) == raw else REFUSED)

    assert connect(strict, editor, now).state == AuthorizationState.SUCCEEDED

    encoded = ("basic", "id%2B1:s%2F3%3D%25")
    assert [proof(request) for request in asked] == [("body", SECRET), encoded, raw]
    strict.refresh_from_db()
    assert strict.learned_client_authentication == "basic_raw"
    grants.refresh(strict, now=now + timedelta(hours=1))
    assert [proof(request) for request in asked[3:]] == [raw]


@pytest.mark.requirement("R25")
def test_what_needs_no_encoding_is_not_tried_twice(
    strict: Connection, server: HTTPServer, editor: User, now: datetime
) -> None:
    strict.client_id, strict.client_secret = "id-1", "secret_2"
    strict.save()
    asked = answering(server, lambda request: REFUSED)

    flow = connect(strict, editor, now)

    assert (flow.state, flow.suspect_field) == (AuthorizationState.FAILED, "client_secret")
    assert [proof(request)[0] for request in asked] == ["body", "basic"]
    strict.refresh_from_db()
    assert strict.learned_client_authentication == ""


@pytest.mark.requirement("R25")
def test_a_second_way_that_is_not_even_understood_leaves_the_first_ones_words(
    strict: Connection, server: HTTPServer, editor: User, now: datetime
) -> None:
    unknown = Response(json.dumps({"error": "invalid_request", "error_description": "no client_id"}), 400)
    answering(server, lambda request: REFUSED if proof(request)[0] == "body" else unknown)

    flow = connect(strict, editor, now)

    assert (flow.error_code, flow.suspect_field) == ("invalid_client", "client_secret")


@pytest.mark.requirement("R25", "QC17")
@pytest.mark.parametrize(
    "refusal",
    [
        Response(json.dumps({"error": "invalid_grant"}), 400),
        Response("", 500),
        Response(json.dumps({"error": "unauthorized_client"}), 400),
        Response(json.dumps({"error": "invalid_request"}), 400),
    ],
)
def test_another_way_is_tried_only_when_the_client_was_refused(
    strict: Connection, server: HTTPServer, editor: User, now: datetime, refusal: Response
) -> None:
    asked = answering(server, lambda request: refusal)

    assert connect(strict, editor, now).state == AuthorizationState.FAILED

    assert len(asked) == 1


@pytest.mark.requirement("R25", "R47")
def test_a_refresh_guesses_nothing_once_a_way_is_known(
    strict: Connection, server: HTTPServer, editor: User, now: datetime
) -> None:
    answering(server, lambda request: granted() if proof(request)[0] == "basic" else REFUSED)
    connect(strict, editor, now)
    server.clear()
    asked = answering(server, lambda request: REFUSED)

    with pytest.raises(grants.ConnectionMisconfigured):
        grants.refresh(strict, now=now + timedelta(hours=1))

    assert [proof(request)[0] for request in asked] == ["basic"]


@pytest.mark.requirement("R12", "R25", "QC29")
def test_a_code_refused_under_the_old_secret_is_no_misjudged_way(
    strict: Connection, server: HTTPServer, editor: User, now: datetime
) -> None:
    strict.old_client_secret, strict.client_authentication = "old", "body"
    strict.save()
    burnt = Response(json.dumps({"error": "invalid_grant"}), 400)
    asked = answering(server, lambda request: burnt if proof(request) == ("body", "old") else REFUSED)

    flow = connect(strict, editor, now)

    assert [proof(request) for request in asked] == [("body", SECRET), ("body", "old")]
    assert (flow.error_code, "may have run out" in flow.message) == ("invalid_grant", True)


@pytest.mark.requirement("R8")
def test_the_header_without_a_secret_is_for_who_has_chosen_it(
    strict: Connection, server: HTTPServer, editor: User, now: datetime
) -> None:
    strict.client_secret, strict.client_authentication = None, "basic"
    strict.save()
    asked = answering(server, lambda request: granted())

    assert connect(strict, editor, now).state == AuthorizationState.SUCCEEDED

    assert proof(asked[0]) == ("basic", "id%2B1:")


# Nothing is told to logs


@pytest.mark.requirement("R61")
def test_no_token_code_verifier_or_secret_is_in_any_log(
    provider: DemoServer,
    connection: Connection,
    editor: User,
    now: datetime,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    back: dict[str, list[str]] = {}
    for code in (None, "a-code-that-nobody-gave"):
        flow = grants.begin_authorization(
            connection, user=editor, session_key=SESSION, return_to="/", now=now
        )
        url = grants.leave_for_provider(flow, user=editor, session_key=SESSION, now=now)
        path, _, query = provider.consent(url).partition("?")
        said = parse_qs(query)
        back = back or said
        if code:
            said["code"] = [code]
        grants.complete_authorization(said, arrived_at=path, user=editor, session_key=SESSION, now=now)
    first = Token.objects.get(connection=connection)
    grants.refresh(connection, now=now + timedelta(minutes=4))
    second = Token.objects.get(connection=connection)

    secrets = {
        provider.client_secret,
        back["code"][0],
        back["state"][0],
        "a-code-that-nobody-gave",
        provider.token_requests[0].form["code_verifier"],
        *(first.access_token, first.refresh_token, second.access_token, second.refresh_token),
    }
    lines = "\n".join(f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records)
    assert "failed at step" in lines
    assert len(secrets) == 9
    assert [secret for secret in secrets if secret and secret in lines] == []


# In a browser


@pytest.fixture
def browser(editor: User, settings: Settings) -> Browser:
    browser = Browser(headers={"Host": urlsplit(settings.BASE_URL).netloc})
    browser.force_login(editor)
    return browser


def page_of(connection: Connection, name: str) -> str:
    names = {"team": connection.team.slug, "uuid": connection.pk}
    return reverse(f"connections:{name}", kwargs=names)


@pytest.mark.requirement("R3", "R16")
def test_a_connections_own_address_takes_its_answer(
    provider: DemoServer, connection: Connection, browser: Browser
) -> None:
    connection.has_own_redirect_url = True
    connection.save()
    provider.register_redirect_uri(grants.redirect_uri(connection))
    browser.post(page_of(connection, "authorize"))
    flow = AuthorizationRequest.objects.get()
    url = browser.get(reverse("connections:flow_go", kwargs={"uuid": flow.pk}))["Location"]
    back = urlsplit(provider.consent(url))

    lost = browser.get(f"/oauth/callback?{back.query}")
    found = browser.get(f"{back.path}?{back.query}")

    assert (lost.status_code, found.status_code) == (400, 303)
    assert back.path == f"/oauth/callback/c/{connection.pk}"
    flow.refresh_from_db()
    assert flow.state == AuthorizationState.SUCCEEDED


@pytest.mark.requirement("R16")
@pytest.mark.parametrize("path", ["/oauth/callback/google", "/oauth/callback/c/not-a-uuid"])
def test_an_answer_at_an_address_of_nobody_is_refused(browser: Browser, path: str, db: None) -> None:
    assert browser.get(f"{path}?code=c&state=s").status_code in (400, 404)


@pytest.fixture
def for_itself(strict: Connection, server: HTTPServer) -> Connection:
    """A connection whose client asks for itself."""
    strict.grant_type = GrantType.CLIENT_CREDENTIALS
    strict.save()
    answering(server, lambda request: granted())
    return strict


@pytest.mark.requirement("R70")
def test_without_scripts_a_client_that_asks_for_itself_goes_straight_to_the_result(
    for_itself: Connection, browser: Browser
) -> None:
    page = browser.post(page_of(for_itself, "authorize"), follow=True)

    flow = AuthorizationRequest.objects.get()
    assert page.redirect_chain == [(reverse("connections:flow", kwargs={"uuid": flow.pk}), 303)]
    assert "is connected and ready for any request" in page.content.decode()


@pytest.mark.requirement("R70")
def test_a_script_learns_that_no_window_is_needed(for_itself: Connection, browser: Browser) -> None:
    answer = browser.post(page_of(for_itself, "authorize"), headers={"Accept": "application/json"})

    addresses = answer.json()
    assert (answer.status_code, addresses["needs_window"]) == (201, False)
    assert addresses["go"] == addresses["result"]
    assert browser.get(addresses["status"]).json()["state"] == "succeeded"


@pytest.mark.requirement("R55")
def test_the_page_of_a_flow_says_whose_grant_it_was_and_is(
    strict: Connection, server: HTTPServer, editor: User, browser: Browser
) -> None:
    who = iter(["ann", "bob"])

    def answer(_: Request) -> Response:
        name = next(who)
        claims = json.dumps({"sub": name, "email": f"{name}@example.org"}).encode()
        middle = base64.urlsafe_b64encode(claims).decode().rstrip("=")
        return Response(json.dumps(TOKENS | {"id_token": f"e30.{middle}.c2ln"}))

    answering(server, answer)
    for _ in range(2):
        browser.post(page_of(strict, "authorize"))
        flow = AuthorizationRequest.objects.latest("created_at")
        go = browser.get(reverse("connections:flow_go", kwargs={"uuid": flow.pk}))["Location"]
        state = dict(parse_qsl(urlsplit(go).query))["state"]
        page = browser.get("/oauth/callback", {"code": "C", "state": state}, follow=True)

    assert "It is another account than before: bob@example.org, not ann@example.org." in page.content.decode()
