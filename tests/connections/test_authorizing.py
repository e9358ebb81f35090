"""The way to a provider and back in its dialect: what it is asked, what it may tell, whose answer counts."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Team, User
from connections import grants
from connections.models import (
    AuthorizationRequest,
    AuthorizationState,
    Connection,
    ConnectionState,
    GrantType,
    Pkce,
    Token,
)
from demo_api.messages import json_answer
from demo_api.server import DemoServer
from tests import factories
from tests.dialect_stub import CLIENT_ID, CLIENT_SECRET, DialectStub

SESSION = "session-of-ann"
Starting = Callable[..., DialectStub]


@pytest.fixture
def start(settings: Settings) -> Iterator[Starting]:
    """Starts a provider of the catalogue on this machine; it ends with the test."""
    started: list[DialectStub] = []

    def starts(slug: str, **more: Any) -> DialectStub:
        stub = DialectStub(slug, **more)
        settings.OUTBOUND_ALLOW = [stub.allow]
        started.append(stub.__enter__())
        return stub

    yield starts
    for stub in started:
        stub.__exit__(None, None, None)


def connection_to(stub: DialectStub, team: Team, user: User, **fields: Any) -> Connection:
    values = {
        "authorization_url": stub.start.authorization_url,
        "token_url": stub.start.token_url,
        "revocation_url": stub.start.revocation_url,
        "preset": stub.slug,
        "placeholders": stub.values,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scopes": stub.scopes,
    }
    return factories.ConnectionFactory(team=team, created_by=user, name="X", **(values | fields))


def begin(connection: Connection, user: User, now: datetime) -> str:
    """The URL at the provider."""
    flow = grants.begin_authorization(connection, user=user, session_key=SESSION, return_to="/", now=now)
    return grants.leave_for_provider(flow, user=user, session_key=SESSION, now=now)


def finish(callback: str, user: User, now: datetime) -> AuthorizationRequest:
    path, _, query = callback.partition("?")
    return grants.complete_authorization(
        parse_qs(query), arrived_at=path, user=user, session_key=SESSION, now=now
    )


def connect(
    server: DialectStub | DemoServer, connection: Connection, user: User, now: datetime, **changes: str
) -> AuthorizationRequest:
    """There and back; `changes` are parameters that somebody has put into the callback on the way."""
    path, _, query = server.consent(begin(connection, user, now)).partition("?")
    return finish(f"{path}?{urlencode(dict(parse_qsl(query)) | changes)}", user, now)


def sent_to_the_page(connection: Connection, user: User, now: datetime) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(begin(connection, user, now)).query)
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


# What the provider is asked


@pytest.mark.requirement("R15", "QC20")
def test_s256_is_what_everybody_gets_and_a_verifier_is_never_used_twice(
    connection: Connection, editor: User, now: datetime
) -> None:
    first, second = (sent_to_the_page(connection, editor, now) for _ in range(2))

    assert first["code_challenge_method"] == "S256"
    assert first["code_challenge"] != second["code_challenge"]
    assert "=" not in first["code_challenge"]


@pytest.mark.requirement("R8", "R15", "QC20")
def test_plain_is_used_when_somebody_has_chosen_it(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connection.pkce = Pkce.PLAIN
    connection.save()

    sent = sent_to_the_page(connection, editor, now)
    provider.set(pkce_required=False)

    assert sent["code_challenge_method"] == "plain"
    assert len(sent["code_challenge"]) == 64
    flow = AuthorizationRequest.objects.get()
    assert flow.code_verifier == sent["code_challenge"]


@pytest.mark.requirement("R8", "R15", "QC20")
def test_without_pkce_neither_challenge_nor_verifier_is_sent(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connection.pkce = Pkce.OFF
    connection.save()

    connect(provider, connection, editor, now)

    assert "code_challenge" not in sent_to_the_page(connection, editor, now)
    assert "code_verifier" not in provider.token_requests[0].form


@pytest.mark.requirement("QC20")
def test_a_verifier_is_sent_whether_the_server_asks_for_it_or_not(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    url = begin(connection, editor, now)
    challenge = dict(parse_qsl(urlsplit(url).query))["code_challenge"]

    finish(provider.consent(url), editor, now)

    verifier = provider.token_requests[0].form["code_verifier"]
    digest = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert digest == challenge


@pytest.mark.requirement("R8")
def test_parameters_of_the_connection_take_the_place_of_the_providers_and_empty_ones_take_them_away(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("google")
    connection = connection_to(
        stub,
        team,
        editor,
        authorization_parameters={"prompt": "", "access_type": "online", "hd": "a.example"},
    )

    sent = sent_to_the_page(connection, editor, now)

    assert (sent["access_type"], sent["hd"]) == ("online", "a.example")
    assert "prompt" not in sent


# Where answers count


@pytest.mark.requirement("R16", "R17")
@pytest.mark.parametrize(
    "elsewhere", ["/oauth/callback/google", "/oauth/callback/c/{id}", "/oauth/callback/"]
)
def test_an_answer_counts_only_at_the_address_that_its_flow_began_with(
    provider: DemoServer,
    connection: Connection,
    editor: User,
    now: datetime,
    settings: Settings,
    elsewhere: str,
) -> None:
    callback = provider.consent(begin(connection, editor, now))
    there = settings.BASE_URL + elsewhere.format(id=connection.pk)

    with pytest.raises(grants.UnknownFlow):
        finish(f"{there}?{urlsplit(callback).query}", editor, now)

    assert provider.token_requests == []
    assert finish(callback, editor, now).state == AuthorizationState.SUCCEEDED


@pytest.mark.requirement("R3", "R16")
def test_a_connection_with_an_address_of_its_own_is_answered_there_and_nowhere_else(
    provider: DemoServer, connection: Connection, editor: User, now: datetime, settings: Settings
) -> None:
    connection.has_own_redirect_url = True
    connection.save()
    own = f"{settings.BASE_URL}/oauth/callback/c/{connection.pk}"
    provider.register_redirect_uri(own)

    callback = provider.consent(begin(connection, editor, now))

    assert grants.redirect_uri(connection) == own
    with pytest.raises(grants.UnknownFlow):
        finish(callback.replace(own, f"{settings.BASE_URL}/oauth/callback"), editor, now)
    assert finish(callback, editor, now).state == AuthorizationState.SUCCEEDED
    assert provider.token_requests[0].form["redirect_uri"] == own


@pytest.mark.requirement("R16")
def test_the_client_that_teams_share_has_an_address_for_each_provider(
    connection: Connection, settings: Settings
) -> None:
    connection.uses_shared_client, connection.preset = True, "google"

    assert grants.redirect_uri(connection) == f"{settings.BASE_URL}/oauth/callback/google"


@pytest.mark.requirement("R16", "QC05")
@pytest.mark.parametrize("issuer", ["", "https://other.example", "{url}/"])
def test_an_expected_issuer_must_be_named_exactly(
    provider: DemoServer, connection: Connection, editor: User, now: datetime, issuer: str
) -> None:
    connection.expected_issuer = provider.url
    connection.save()

    flow = connect(provider, connection, editor, now, iss=issuer.format(url=provider.url))

    assert (flow.state, flow.error_code) == (AuthorizationState.FAILED, "wrong_issuer")
    assert flow.suspect_field == "expected_issuer"
    assert provider.token_requests == []
    assert connect(provider, connection, editor, now, iss=provider.url).state == AuthorizationState.SUCCEEDED


# What the callback may tell


@pytest.mark.requirement("R17", "QC03")
def test_the_token_is_fetched_from_the_data_centre_that_the_callback_names(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("zoho", home={"region": "zoho.eu"})
    connection = connection_to(stub, team, editor)

    flow = connect(stub, connection, editor, now)

    assert (flow.state, stub.problems) == (AuthorizationState.SUCCEEDED, [])
    connection.refresh_from_db()
    assert connection.token_url == stub.there.token_url != stub.start.token_url
    assert connection.revocation_url == stub.there.revocation_url
    assert connection.placeholders["region"] == "zoho.eu"
    token = Token.objects.get(connection=connection)
    assert token.host == connection.host
    grants.refresh(connection, now=now + timedelta(minutes=30))
    assert stub.problems == []


@pytest.mark.requirement("R5", "R17", "QC03")
def test_a_custom_connection_to_a_known_provider_follows_the_callback_too(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("zoho", home={"region": "zoho.eu"})
    connection = connection_to(stub, team, editor, preset="", placeholders={})

    assert connect(stub, connection, editor, now).state == AuthorizationState.SUCCEEDED

    connection.refresh_from_db()
    assert (connection.token_url, connection.placeholders) == (stub.there.token_url, {})


@pytest.mark.requirement("R9", "R17", "QC03")
def test_a_custom_address_with_a_placeholder_is_filled_in_with_what_the_callback_says(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("zoho", home={"region": "zoho.eu"})
    templates = {"token_url": stub.provider.token_url}
    connection = connection_to(stub, team, editor, preset="", address_templates=templates)

    assert connect(stub, connection, editor, now).state == AuthorizationState.SUCCEEDED

    connection.refresh_from_db()
    assert (connection.token_url, connection.placeholders) == (stub.there.token_url, {"region": "zoho.eu"})


@pytest.mark.requirement("R17", "QC03")
@pytest.mark.parametrize("place", ["evil.example", "xx", "zoho.eu.evil.example", "eu/../x", "zoho.eu@evil"])
def test_a_place_that_is_not_on_the_list_gets_nothing(
    start: Starting, team: Team, editor: User, now: datetime, place: str
) -> None:
    stub = start("zoho", home={"region": "zoho.eu"})
    connection = connection_to(stub, team, editor)

    flow = connect(stub, connection, editor, now, location=place)

    assert (flow.state, flow.error_code) == (AuthorizationState.FAILED, "unknown_place")
    assert stub.kinds() == ["authorize"]
    connection.refresh_from_db()
    assert connection.token_url == stub.start.token_url


@pytest.mark.requirement("R17", "QC03")
def test_an_address_in_the_callback_is_not_even_looked_at(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("zoho", home={"region": "zoho.eu"})
    connection = connection_to(stub, team, editor)

    flow = connect(stub, connection, editor, now, **{"accounts-server": "https://evil.example"})

    assert flow.state == AuthorizationState.SUCCEEDED
    assert "evil" not in str(Token.objects.values().get() | Connection.objects.values().get())


@pytest.mark.requirement("R17", "R30", "QC07")
def test_what_only_the_callback_has_is_kept_if_the_dialect_names_it_and_tells_the_account(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("quickbooks")
    connection = connection_to(stub, team, editor)
    answer = {"access_token": "A", "refresh_token": "R", "expires_in": 3600, "token_type": "bearer"}
    stub.answers = [json_answer(200, answer), json_answer(200, answer | {"access_token": "B"})]

    connect(stub, connection, editor, now, realmId="4620816365002343", extra="unknown")

    token = Token.objects.get(connection=connection)
    assert token.kept["realmId"] == token.account_id == "4620816365002343"
    assert "unknown" not in str(token.kept)
    grants.refresh(connection, now=now + timedelta(hours=1))
    token.refresh_from_db()
    assert token.kept["realmId"] == token.account_id == "4620816365002343"


@pytest.mark.requirement("QC07")
def test_a_signed_callback_is_taken_as_it_was_signed_only(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("shopify")
    connection = connection_to(stub, team, editor)

    for changes in ({"shop": "other.myshopify.com"}, {"hmac": "0" * 64}, {"more": "x"}):
        flow = connect(stub, connection, editor, now, **changes)
        assert (flow.state, flow.error_code) == (AuthorizationState.FAILED, "not_genuine")

    assert set(stub.kinds()) == {"authorize"}
    assert connect(stub, connection, editor, now).state == AuthorizationState.SUCCEEDED


@pytest.mark.requirement("QC07")
def test_a_callback_signed_with_the_old_secret_is_genuine_too(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("shopify")
    connection = connection_to(stub, team, editor, client_secret="new", old_client_secret=CLIENT_SECRET)

    flow = connect(stub, connection, editor, now)

    assert flow.error_code != "not_genuine"
    signature = hmac.new(b"new", b"", hashlib.sha256).hexdigest()
    assert connect(stub, connection, editor, now, hmac=signature).error_code == "not_genuine"


# A token that has to be traded first


@pytest.mark.requirement("R29", "QC33")
def test_the_short_token_is_traded_at_once(start: Starting, team: Team, editor: User, now: datetime) -> None:
    stub = start("meta")
    connection = connection_to(stub, team, editor)

    flow = connect(stub, connection, editor, now)

    assert (flow.state, stub.problems) == (AuthorizationState.SUCCEEDED, [])
    assert stub.kinds() == ["authorize", "exchange", "follow_up"]
    token = Token.objects.get(connection=connection)
    assert (token.awaits_follow_up, token.version) == (False, 2)
    assert stub.is_alive(token.access_token)
    assert "renews by itself" in flow.message


@pytest.mark.requirement("R29", "QC33")
def test_a_trade_that_fails_is_tried_again_alone(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("meta")
    connection = connection_to(stub, team, editor)
    callback = stub.consent(begin(connection, editor, now))
    good = json_answer(200, {"access_token": "short-lived", "token_type": "bearer", "expires_in": 3600})
    stub.answers = [good, json_answer(500, {"error": {"code": 2, "is_transient": True}})]
    stub.answers += [json_answer(500, {"error": {"code": 2}})]

    flow = finish(callback, editor, now)

    assert flow.state == AuthorizationState.SUCCEEDED
    assert "asked for again by itself" in flow.message
    token = Token.objects.get(connection=connection)
    assert (token.access_token, token.awaits_follow_up) == ("short-lived", True)
    assert token.refresh_at is not None
    stub.answers = [json_answer(200, {"access_token": "lasting", "expires_in": 5_183_944})]
    stub.log.clear()
    assert grants.refresh(connection, now=token.refresh_at).value == "lasting"
    assert len(stub.log) == 1
    token.refresh_from_db()
    connection.refresh_from_db()
    assert (token.awaits_follow_up, connection.state) == (False, ConnectionState.CONNECTED)


@pytest.mark.requirement("R29", "QC33")
def test_a_trade_that_is_refused_for_good_is_said_to_be(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("meta")
    connection = connection_to(stub, team, editor)
    callback = stub.consent(begin(connection, editor, now))
    dead = json_answer(400, {"error": {"code": 190, "message": "It was withdrawn."}})
    stub.answers = [json_answer(200, {"access_token": "short-lived", "expires_in": 3600}), dead, dead]

    flow = finish(callback, editor, now)

    assert flow.state == AuthorizationState.SUCCEEDED
    assert "refuses the lasting one" in flow.message
    connection.refresh_from_db()
    assert connection.state == ConnectionState.NEEDS_REAUTH
    assert "It was withdrawn." in connection.provider_text


# Nobody consents: the client's own token


@pytest.mark.requirement("R70")
def test_a_token_for_the_client_itself_is_there_at_once_and_renewed_by_asking_again(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("marketo")
    own = connection_to(stub, team, editor, grant_type=GrantType.CLIENT_CREDENTIALS)

    flow = grants.connect_as_client(own, user=editor, session_key=SESSION, return_to="/", now=now)

    assert (flow.state, stub.problems) == (AuthorizationState.SUCCEEDED, [])
    assert flow.message == "Connected. The access token renews by itself."
    first = grants.fresh_token(own, now=now)
    token = Token.objects.get(connection=own)
    assert token.refresh_at is not None
    assert grants.refresh(own, now=token.refresh_at).value != first.value
    assert (stub.kinds(), stub.problems) == (["client", "client"], [])


@pytest.mark.requirement("R70")
def test_a_client_that_is_refused_its_own_token_is_told_why(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("marketo")
    own = connection_to(stub, team, editor, grant_type=GrantType.CLIENT_CREDENTIALS)
    stub.answers = [json_answer(401, {"error": "invalid_client", "error_description": "no such client"})]

    flow = grants.connect_as_client(own, user=editor, session_key=SESSION, return_to="/", now=now)

    assert (flow.state, flow.failed_step) == (AuthorizationState.FAILED, "token")
    assert (flow.suspect_field, "no such client" in flow.provider_text) == ("client_secret", True)
    own.refresh_from_db()
    assert own.state == ConnectionState.ERROR


# Whose grant it is


def granted(account: str, **more: Any) -> dict[str, Any]:
    return {"access_token": f"for-{account}", "expires_in": 3600, "hub_id": account} | more


@pytest.mark.requirement("R30", "R55")
def test_another_account_never_gets_the_old_refresh_token_and_both_are_named(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("hubspot")
    connection = connection_to(stub, team, editor)
    stub.answers = [json_answer(200, granted("111", refresh_token="R1"))]
    connect(stub, connection, editor, now)
    stub.answers = [json_answer(200, granted("222"))]

    flow = connect(stub, connection, editor, now)

    token = Token.objects.get(connection=connection)
    assert (token.account_id, token.refresh_token) == ("222", None)
    assert "another account than before: 222, not 111" in flow.message


@pytest.mark.requirement("R55")
def test_an_account_that_is_not_named_never_gets_the_old_refresh_token(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("hubspot")
    connection = connection_to(stub, team, editor)
    stub.answers = [json_answer(200, granted("111", refresh_token="R1"))]
    connect(stub, connection, editor, now)
    stub.answers = [json_answer(200, {"access_token": "of-nobody", "expires_in": 3600})]

    flow = connect(stub, connection, editor, now)

    assert Token.objects.get(connection=connection).refresh_token is None
    assert "111 before" in flow.message


@pytest.mark.requirement("R55", "R36")
def test_the_same_account_goes_on_with_its_refresh_token_when_it_gets_no_second_one(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("hubspot")
    connection = connection_to(stub, team, editor)
    stub.answers = [json_answer(200, granted("111", refresh_token="R1"))]
    connect(stub, connection, editor, now)
    stub.answers = [json_answer(200, granted("111"))]

    flow = connect(stub, connection, editor, now)

    token = Token.objects.get(connection=connection)
    assert (token.access_token, token.refresh_token) == ("for-111", "R1")
    assert flow.message == "Connected. The access token renews by itself."


@pytest.mark.requirement("R30", "R36")
def test_a_refresh_that_tells_less_of_the_account_changes_nothing_about_it(
    start: Starting, team: Team, editor: User, now: datetime
) -> None:
    stub = start("slack")
    connection = connection_to(stub, team, editor)
    tokens = {"access_token": "A", "refresh_token": "R", "expires_in": 3600}
    stub.answers = [json_answer(200, tokens | {"team": {"id": "T1", "name": "Acme"}})]
    connect(stub, connection, editor, now)
    stub.answers = [json_answer(200, tokens | {"access_token": "B", "team": {"id": "T1"}})]

    assert grants.refresh(connection, now=now + timedelta(minutes=50)).value == "B"

    token = Token.objects.get(connection=connection)
    assert (token.account_id, token.account) == ("T1/Acme", "T1/Acme")


# Several secrets


@pytest.mark.requirement("R12", "QC29")
def test_the_old_secret_is_tried_only_after_the_server_has_refused_the_new_one(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connection.old_client_secret, connection.client_secret = connection.client_secret, "not yet there"
    connection.client_authentication = "body"
    connection.save()

    assert connect(provider, connection, editor, now).state == AuthorizationState.SUCCEEDED

    tried = [request.form["client_secret"] for request in provider.token_requests]
    assert tried == ["not yet there", provider.client_secret]
    grants.refresh(connection, now=now + timedelta(minutes=4))
    tried = [request.form["client_secret"] for request in provider.token_requests[2:]]
    assert tried == ["not yet there", provider.client_secret]


@pytest.mark.requirement("R12")
def test_a_new_secret_that_works_keeps_the_old_one_unused(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connection.old_client_secret, connection.client_authentication = "the-old-secret", "body"
    connection.save()

    connect(provider, connection, editor, now)

    assert [request.form["client_secret"] for request in provider.token_requests] == [provider.client_secret]
