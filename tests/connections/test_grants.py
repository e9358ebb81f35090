"""From the button to the stored tokens, against a server that keeps a real one's rules."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from django.conf import settings
from pytest_django.fixtures import Settings

from accounts.models import Membership, Role, Team, User
from connections import grants
from connections.grants.asking.sending import Exchanged
from connections.grants.consent import exchanging
from connections.grants.consent.flows import FlowFailed
from connections.models import (
    AuthorizationRequest,
    AuthorizationState,
    AuthorizationStep,
    Connection,
    ConnectionState,
    DiscardedToken,
    Token,
)
from connections.oauth2 import Authentication, TokenAnswer
from demo_api.server import DemoServer
from tests import factories

SESSION = "session-of-ann"
CALLBACK = "/oauth/callback"
Parameters = dict[str, list[str]]


def begin(connection: Connection, user: User, now: datetime, **more: Any) -> AuthorizationRequest:
    values = {"session_key": SESSION, "return_to": "/t/acme/"} | more
    return grants.begin_authorization(connection, user=user, now=now, **values)


def leave(flow: AuthorizationRequest, user: User, now: datetime, session_key: str = SESSION) -> str:
    return grants.leave_for_provider(flow, user=user, session_key=session_key, now=now)


def finish(
    parameters: Parameters, user: User, now: datetime, session_key: str = SESSION, path: str = CALLBACK
) -> AuthorizationRequest:
    return grants.complete_authorization(
        parameters, arrived_at=settings.BASE_URL + path, user=user, session_key=session_key, now=now
    )


def parameters_of(callback: str) -> Parameters:
    return parse_qs(urlsplit(callback).query, keep_blank_values=True)


def consented(
    provider: DemoServer, connection: Connection, user: User, now: datetime, *, is_allowed: bool = True
) -> Parameters:
    """What the provider sends back after the user has pressed Allow or Deny."""
    address = leave(begin(connection, user, now), user, now)
    return parameters_of(provider.consent(address, is_allowed=is_allowed))


def connect(provider: DemoServer, connection: Connection, user: User, now: datetime) -> AuthorizationRequest:
    return finish(consented(provider, connection, user, now), user, now)


# The way that everybody wants


@pytest.mark.requirement("R23")
def test_consent_ends_with_stored_tokens(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    flow = connect(provider, connection, editor, now)

    assert (flow.state, flow.return_to) == (AuthorizationState.SUCCEEDED, "/t/acme/")
    assert "renews by itself" in flow.message
    token = Token.objects.get(connection=connection)
    connection.refresh_from_db()
    assert (connection.state, connection.state_changed_at) == (ConnectionState.CONNECTED, now)
    assert token.expires_at == now + timedelta(minutes=5)
    assert token.refresh_at is not None
    assert now + timedelta(minutes=3.7) < token.refresh_at <= now + timedelta(minutes=4)
    assert token.granted_scopes == "contacts.read offline_access"
    assert token.has_refresh_token
    assert grants.fresh_token(connection, now=now).value == token.access_token


@pytest.mark.requirement("R15", "QC20")
def test_pkce_binds_the_code_to_this_flow(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    provider.set(pkce_required=True)

    flow = connect(provider, connection, editor, now)

    assert flow.state == AuthorizationState.SUCCEEDED
    assert len(provider.token_requests[0].form["code_verifier"]) >= 43
    assert flow.code_verifier is None


@pytest.mark.requirement("QC20")
def test_pkce_that_is_off_is_not_sent_anywhere(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connection.pkce = "off"
    grants.save_settings(connection, changed={"pkce"}, now=now)

    address = leave(begin(connection, editor, now), editor, now)
    flow = finish(parameters_of(provider.consent(address)), editor, now)

    assert flow.state == AuthorizationState.SUCCEEDED
    assert "code_challenge" not in address
    assert "code_verifier" not in provider.token_requests[0].form


@pytest.mark.requirement("R3")
def test_the_redirect_uri_comes_from_the_settings_and_is_the_same_in_both_requests(
    provider: DemoServer, connection: Connection, editor: User, now: datetime, settings: Settings
) -> None:
    address = leave(begin(connection, editor, now), editor, now)
    finish(parameters_of(provider.consent(address)), editor, now)

    sent = dict(parse_qsl(urlsplit(address).query))["redirect_uri"]
    assert sent == provider.token_requests[0].form["redirect_uri"] == f"{settings.BASE_URL}/oauth/callback"


@pytest.mark.requirement("R13", "R15", "R61")
def test_neither_state_nor_verifier_can_be_read_from_the_database(
    connection: Connection, editor: User, now: datetime
) -> None:
    flow = begin(connection, editor, now)
    assert flow.state_hash is None

    address = leave(flow, editor, now)

    state = dict(parse_qsl(urlsplit(address).query))["state"]
    row = AuthorizationRequest.objects.filter(pk=flow.pk).values().get()
    assert state not in str(row)
    assert SESSION not in str(row)
    flow.refresh_from_db()
    assert flow.code_verifier
    assert flow.code_verifier.encode() not in bytes(row["code_verifier"])


@pytest.mark.requirement("R13")
def test_leaving_twice_makes_the_first_state_void(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    flow = begin(connection, editor, now)
    first = parameters_of(provider.consent(leave(flow, editor, now)))
    second = parameters_of(provider.consent(leave(flow, editor, now)))

    with pytest.raises(grants.UnknownFlow):
        finish(first, editor, now)
    assert finish(second, editor, now).state == AuthorizationState.SUCCEEDED


@pytest.mark.requirement("R14", "QC06")
def test_of_two_flows_for_one_connection_the_last_finished_wins(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    first = consented(provider, connection, editor, now)
    second = consented(provider, connection, editor, now)

    assert finish(second, editor, now).state == AuthorizationState.SUCCEEDED
    of_second = Token.objects.get(connection=connection)
    assert finish(first, editor, now).state == AuthorizationState.SUCCEEDED
    of_first = Token.objects.get(connection=connection)

    assert of_first.pk == of_second.pk
    assert of_first.version > of_second.version
    assert of_first.access_token != of_second.access_token
    assert of_first.refresh_token != of_second.refresh_token
    assert grants.refresh(connection, now=now).version > of_first.version


@pytest.mark.requirement("R14", "QC06")
def test_flows_of_two_connections_are_not_mixed_up(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    other = factories.ConnectionFactory(
        team=connection.team,
        created_by=editor,
        **{
            name: getattr(connection, name)
            for name in ("authorization_url", "token_url", "client_id", "client_secret", "scopes")
        },
    )
    here = consented(provider, connection, editor, now)
    there = consented(provider, other, editor, now)

    assert finish(there, editor, now).connection_id == other.pk
    assert not Token.objects.filter(connection=connection).exists()
    assert finish(here, editor, now).connection_id == connection.pk


@pytest.mark.requirement("R54", "QC39")
def test_reconnecting_keeps_the_connection_and_its_old_tokens_until_it_succeeds(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connect(provider, connection, editor, now)
    before = Token.objects.get(connection=connection)

    declined = finish(consented(provider, connection, editor, now, is_allowed=False), editor, now)

    assert declined.state == AuthorizationState.FAILED
    connection.refresh_from_db()
    assert connection.state == ConnectionState.CONNECTED
    assert grants.fresh_token(connection, now=now).value == before.access_token
    connect(provider, connection, editor, now)
    assert Token.objects.get(connection=connection).pk == before.pk


@pytest.mark.requirement("R55", "QC39")
def test_a_refresh_token_of_the_old_grant_is_never_put_beside_a_new_access_token(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connect(provider, connection, editor, now)
    provider.set(token_answer_without=("refresh_token",))

    flow = connect(provider, connection, editor, now)

    assert not Token.objects.get(connection=connection).has_refresh_token
    assert "no refresh token" in flow.message


@pytest.mark.requirement("R27", "QC09")
def test_what_was_granted_less_is_no_failure_and_is_stored(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    provider.set(token_answer_with={"scope": "contacts.read"})

    assert connect(provider, connection, editor, now).state == AuthorizationState.SUCCEEDED
    assert Token.objects.get(connection=connection).granted_scopes == "contacts.read"


@pytest.mark.parametrize(
    "knobs",
    [
        {"token_answer_is_form": True},
        {"token_answer_content_type": "text/plain"},
        {"token_answer_with": {"expires_in": "soon"}},
        {"token_answer_without": ("token_type", "scope", "expires_in")},
    ],
)
@pytest.mark.requirement("R24", "QC11", "QC12")
def test_answers_that_stray_from_the_standard_still_connect(
    provider: DemoServer, connection: Connection, editor: User, now: datetime, knobs: dict[str, object]
) -> None:
    provider.set(**knobs)

    assert connect(provider, connection, editor, now).state == AuthorizationState.SUCCEEDED


# Who may come back


@pytest.mark.requirement("R13", "QC05")
def test_the_same_callback_again_shows_the_first_result_without_a_second_token_request(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    parameters = consented(provider, connection, editor, now)
    first = finish(parameters, editor, now)

    again = finish(parameters, editor, now + timedelta(seconds=5))

    assert (again.pk, again.state) == (first.pk, AuthorizationState.SUCCEEDED)
    assert len(provider.token_requests) == 1
    assert not provider.reuse_was_detected


@pytest.mark.requirement("R13", "QC05")
def test_a_callback_that_is_being_answered_is_not_answered_twice(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    parameters = consented(provider, connection, editor, now)
    AuthorizationRequest.objects.update(state=AuthorizationState.EXCHANGING, answered_at=now)

    assert finish(parameters, editor, now).state == AuthorizationState.EXCHANGING
    assert provider.token_requests == []


@pytest.mark.parametrize(
    "state", [[], [""], ["wrong"], ["x" * 100_000], ["a", "b"]], ids=["none", "empty", "wrong", "long", "two"]
)
@pytest.mark.requirement("R13", "QC05")
def test_a_callback_without_our_state_is_refused_and_writes_nothing(
    provider: DemoServer, connection: Connection, editor: User, now: datetime, state: list[str]
) -> None:
    parameters = consented(provider, connection, editor, now) | {"state": state}
    before = list(AuthorizationRequest.objects.values())

    with pytest.raises(grants.UnknownFlow, match="Start again"):
        finish(parameters, editor, now)

    assert list(AuthorizationRequest.objects.values()) == before
    assert provider.token_requests == []


@pytest.mark.requirement("QC04")
def test_a_refusal_without_a_state_changes_nothing(
    connection: Connection, editor: User, now: datetime
) -> None:
    begin(connection, editor, now)

    with pytest.raises(grants.UnknownFlow):
        finish({"error": ["access_denied"]}, editor, now)

    assert AuthorizationRequest.objects.get().state == AuthorizationState.PENDING


@pytest.mark.requirement("R13", "R62", "QC05")
def test_another_user_cannot_finish_the_flow(
    provider: DemoServer, connection: Connection, editor: User, owner: User, now: datetime
) -> None:
    parameters = consented(provider, connection, editor, now)

    with pytest.raises(grants.UnknownFlow, match="another account"):
        finish(parameters, owner, now)

    assert provider.token_requests == []
    assert finish(parameters, editor, now).state == AuthorizationState.SUCCEEDED


@pytest.mark.requirement("R13", "QC05")
def test_another_session_of_the_same_user_cannot_finish_the_flow(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    parameters = consented(provider, connection, editor, now)

    with pytest.raises(grants.UnknownFlow, match="another browser"):
        finish(parameters, editor, now, session_key="session-after-signing-in-again")

    assert provider.token_requests == []


def test_another_user_or_session_cannot_leave_with_the_flow(
    connection: Connection, editor: User, owner: User, now: datetime
) -> None:
    flow = begin(connection, editor, now)

    with pytest.raises(grants.UnknownFlow):
        leave(flow, owner, now)
    with pytest.raises(grants.UnknownFlow):
        leave(flow, editor, now, session_key="other")


@pytest.mark.requirement("R13", "QC05")
def test_a_flow_ends_after_ten_minutes(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    parameters = consented(provider, connection, editor, now)

    flow = finish(parameters, editor, now + timedelta(minutes=10, seconds=1))

    assert (flow.state, flow.error_code) == (AuthorizationState.FAILED, "expired")
    assert "Start again" in flow.message
    assert provider.token_requests == []
    with pytest.raises(grants.UnknownFlow):
        leave(flow, editor, now)


@pytest.mark.requirement("R18", "QC05")
def test_who_lost_the_right_meanwhile_is_refused(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    parameters = consented(provider, connection, editor, now)
    Membership.objects.filter(user=editor).update(role=Role.VIEWER)

    flow = finish(parameters, editor, now)

    assert (flow.state, flow.error_code) == (AuthorizationState.FAILED, "not_allowed")
    assert provider.token_requests == []


@pytest.mark.requirement("R18", "QC05")
def test_who_left_the_team_meanwhile_is_refused(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    parameters = consented(provider, connection, editor, now)
    Membership.objects.filter(user=editor).delete()

    assert finish(parameters, editor, now).error_code == "not_allowed"


@pytest.mark.requirement("R13", "QC05")
def test_settings_that_changed_meanwhile_end_the_flow(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    parameters = consented(provider, connection, editor, now)
    connection.token_url = "https://evil.example/token"
    grants.save_settings(connection, changed={"token_url"}, now=now)

    flow = finish(parameters, editor, now)

    assert (flow.state, flow.error_code) == (AuthorizationState.FAILED, "settings_changed")
    assert provider.token_requests == []


@pytest.mark.requirement("R56", "QC40")
def test_settings_that_change_during_the_exchange_keep_its_answer_out(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    flow = begin(connection, editor, now)
    answer = Exchanged(TokenAnswer("access", "refresh"), Authentication.BODY)
    connection.scopes = "orders.read"
    grants.save_settings(connection, changed={"scopes"}, now=now)

    with pytest.raises(FlowFailed, match="settings_changed"):
        exchanging._store(flow, flow.connection, answer, now)

    assert not Token.objects.exists()
    connection.refresh_from_db()
    assert connection.state == ConnectionState.NEW


def test_settings_of_a_deleted_connection_cannot_be_saved(connection: Connection, now: datetime) -> None:
    grants.delete(Connection.objects.get(pk=connection.pk), now=now)

    with pytest.raises(Connection.DoesNotExist):
        grants.save_settings(connection, changed={"name"}, now=now)
    assert not Connection.objects.exists()


def test_a_401_without_a_word_is_about_the_client(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    provider.fail_token(status=401, body="")

    assert connect(provider, connection, editor, now).state == AuthorizationState.SUCCEEDED
    assert len(provider.token_requests) == 2


def test_a_new_name_does_not_end_the_flow(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    parameters = consented(provider, connection, editor, now)
    connection.name = "CRM of Berlin"
    grants.save_settings(connection, changed={"name"}, now=now)

    assert finish(parameters, editor, now).state == AuthorizationState.SUCCEEDED


def test_a_deleted_connection_takes_its_flows_along(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    parameters = consented(provider, connection, editor, now)
    grants.delete(connection, now=now)

    with pytest.raises(grants.UnknownFlow):
        finish(parameters, editor, now)


def test_no_more_than_20_flows_of_a_user_wait_at_once(
    connection: Connection, editor: User, now: datetime
) -> None:
    flows = [begin(connection, editor, now + timedelta(seconds=n)) for n in range(25)]

    states = [AuthorizationRequest.objects.get(pk=flow.pk).state for flow in flows]
    assert states == [AuthorizationState.FAILED] * 5 + [AuthorizationState.PENDING] * 20


def test_flows_of_yesterday_are_cleared_away(connection: Connection, editor: User, now: datetime) -> None:
    begin(connection, editor, now - timedelta(days=2))

    begin(connection, editor, now)

    assert AuthorizationRequest.objects.count() == 1


def test_an_exchange_that_was_killed_ends_as_failed(
    connection: Connection, editor: User, now: datetime
) -> None:
    flow = begin(connection, editor, now)
    AuthorizationRequest.objects.update(state=AuthorizationState.EXCHANGING, answered_at=now)
    flow.refresh_from_db()

    assert grants.settle(flow, now=now + timedelta(seconds=30)).state == AuthorizationState.EXCHANGING
    settled = grants.settle(flow, now=now + timedelta(seconds=91))

    assert (settled.state, settled.failed_step) == (AuthorizationState.FAILED, AuthorizationStep.TOKEN)


# What can go wrong at the provider


@pytest.mark.requirement("R19", "QC04")
def test_pressing_deny_says_so_and_asks_for_no_token(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    flow = finish(consented(provider, connection, editor, now, is_allowed=False), editor, now)

    assert (flow.state, flow.failed_step) == (AuthorizationState.FAILED, AuthorizationStep.AUTHORIZATION)
    assert flow.error_code == "access_denied"
    assert flow.message.startswith("You declined")
    assert "access_denied" in flow.provider_text
    assert provider.token_requests == []


@pytest.mark.requirement("R19")
def test_the_providers_words_are_kept_and_bounded(
    connection: Connection, editor: User, now: datetime
) -> None:
    state = parameters_of(leave(begin(connection, editor, now), editor, now))["state"]
    words = "<script>alert(1)</script>" + "x" * 70_000

    flow = finish({"error": ["server_error"], "error_description": [words], "state": state}, editor, now)

    assert flow.provider_text.startswith("server_error: <script>alert(1)</script>")
    assert len(flow.provider_text) <= 500


@pytest.mark.requirement("R16", "QC05")
def test_an_answer_from_another_issuer_is_not_used(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    provider.set(authorization_response_iss="https://other.example")

    flow = connect(provider, connection, editor, now)

    assert (flow.state, flow.error_code) == (AuthorizationState.FAILED, "wrong_issuer")
    assert provider.token_requests == []


@pytest.mark.parametrize("issuer", ["", "http://127.0.0.1:1", "{url}/tenant"])
@pytest.mark.requirement("R16", "QC05")
def test_an_issuer_that_was_seen_once_must_come_again(
    provider: DemoServer, connection: Connection, editor: User, now: datetime, issuer: str
) -> None:
    connect(provider, connection, editor, now)
    connection.refresh_from_db()
    assert connection.issuer == provider.url
    provider.set(authorization_response_iss=issuer.format(url=provider.url))

    assert connect(provider, connection, editor, now).error_code == "wrong_issuer"


def test_a_provider_that_names_no_issuer_connects(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    provider.set(authorization_response_iss="")

    assert connect(provider, connection, editor, now).state == AuthorizationState.SUCCEEDED


@pytest.mark.parametrize(
    ("changes", "step", "suspect", "words"),
    [
        ({"client_secret": "wrong"}, "token", "client_secret", "Client Secret"),
        ({"token_url": "{url}/oauth/tokn"}, "token", "token_url", "typo"),
        ({"token_url": "{url}/"}, "token", "token_url", "typo"),
        ({"token_url": "http://127.0.0.1:1/token"}, "token", "token_url", "may not be called"),
        ({"token_url": "http://169.254.169.254/latest"}, "token", "token_url", "may not be called"),
        ({"token_url": "https://tokens.provider.invalid/token"}, "token", "token_url", "typo"),
    ],
)
@pytest.mark.requirement("R19", "QC29")
def test_a_wrong_setting_is_named(
    provider: DemoServer,
    connection: Connection,
    editor: User,
    now: datetime,
    changes: dict[str, str],
    step: str,
    suspect: str,
    words: str,
) -> None:
    for name, value in changes.items():
        setattr(connection, name, value.format(url=provider.url))
    grants.save_settings(connection, changed=set(changes), now=now)

    flow = connect(provider, connection, editor, now)

    assert (flow.state, flow.failed_step, flow.suspect_field) == (AuthorizationState.FAILED, step, suspect)
    assert words in flow.message
    connection.refresh_from_db()
    assert connection.state == ConnectionState.ERROR


@pytest.mark.parametrize(
    ("fault", "step", "suspect"),
    [
        ({"status": 200, "body": "<html>Sign in</html>", "content_type": "text/html"}, "answer", "token_url"),
        ({"status": 200, "body": ""}, "answer", "token_url"),
        ({"status": 200, "body": {"token_type": "bearer"}}, "answer", "token_url"),
        ({"status": 200, "body": {"error": "invalid_code"}}, "token", ""),
        ({"status": 400, "body": {"error": "invalid_grant"}}, "token", ""),
        ({"status": 400, "body": {"error": "redirect_uri_mismatch"}}, "token", "client_id"),
        ({"status": 400, "body": {"error": "invalid_scope"}}, "token", "scopes"),
        ({"status": 400, "body": {"error": "unauthorized_client"}}, "token", "client_id"),
        ({"status": 400, "body": {"error": "odd"}}, "token", "token_url"),
        ({"status": 503, "body": ""}, "token", ""),
        (
            {"status": 302, "body": "", "headers": {"Location": "http://169.254.169.254/"}},
            "token",
            "token_url",
        ),
    ],
)
@pytest.mark.requirement("R19", "QC22")
def test_a_failed_exchange_says_which_step_failed(
    provider: DemoServer,
    connection: Connection,
    editor: User,
    now: datetime,
    fault: dict[str, Any],
    step: str,
    suspect: str,
) -> None:
    provider.fail_token(**fault)

    flow = connect(provider, connection, editor, now)

    assert (flow.state, flow.failed_step, flow.suspect_field) == (AuthorizationState.FAILED, step, suspect)
    assert flow.message
    assert not Token.objects.exists()
    assert len(provider.token_requests) == 1


@pytest.mark.requirement("QC24")
def test_an_answer_that_is_lost_is_not_asked_for_again(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    provider.drop("/oauth/token", after_effect=True)

    flow = connect(provider, connection, editor, now)

    assert flow.state == AuthorizationState.FAILED
    assert len(provider.token_requests) == 1


@pytest.mark.requirement("R61")
def test_nothing_that_the_server_echoes_shows_a_secret(
    provider: DemoServer,
    connection: Connection,
    editor: User,
    now: datetime,
    caplog: pytest.LogCaptureFixture,
) -> None:
    parameters = consented(provider, connection, editor, now)
    code = parameters["code"][0]
    provider.fail_token(
        status=401,
        body={"error": "invalid_client", "error_description": f"{provider.client_secret} {code}"},
        times=None,
    )

    with caplog.at_level("DEBUG"):
        flow = finish(parameters, editor, now)

    seen = flow.provider_text + flow.message + flow.error_code + caplog.text
    assert "•••" in flow.provider_text
    assert provider.client_secret not in seen
    assert code not in seen
    assert parameters["state"][0] not in seen


# How the client proves itself


@pytest.mark.parametrize("accepted", ["client_secret_basic", "client_secret_post"])
@pytest.mark.requirement("R25", "QC17")
def test_the_way_of_client_authentication_is_found_and_remembered(
    provider: DemoServer, connection: Connection, editor: User, now: datetime, accepted: str
) -> None:
    provider.set(client_authentication=accepted)

    assert connect(provider, connection, editor, now).state == AuthorizationState.SUCCEEDED

    assert len(provider.token_requests) <= 2
    for request in provider.token_requests:
        assert ("authorization" in request.headers) != ("client_secret" in request.form)
    provider.forget_requests()
    connection.refresh_from_db()
    grants.refresh(connection, now=now)
    assert len(provider.token_requests) == 1


@pytest.mark.parametrize("chosen", ["basic", "body"])
@pytest.mark.requirement("R25", "QC17")
def test_a_chosen_way_of_client_authentication_is_the_only_one(
    provider: DemoServer, connection: Connection, editor: User, now: datetime, chosen: str
) -> None:
    other = {"basic": "client_secret_post", "body": "client_secret_basic"}[chosen]
    provider.set(client_authentication=other)
    connection.client_authentication = chosen
    grants.save_settings(connection, changed={"client_authentication"}, now=now)

    flow = connect(provider, connection, editor, now)

    assert flow.suspect_field == "client_secret"
    assert len(provider.token_requests) == 1


@pytest.mark.requirement("R25", "QC17")
def test_a_code_burnt_by_the_first_try_asks_for_another_press_that_succeeds(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    provider.set(client_authentication="client_secret_basic")
    parameters = consented(provider, connection, editor, now)
    provider.fail_token(status=401, body={"error": "invalid_client"})
    provider.fail_token(status=400, body={"error": "invalid_grant"})

    flow = finish(parameters, editor, now)

    assert flow.state == AuthorizationState.FAILED
    assert "press Connect again" in flow.message
    provider.forget_requests()
    connection.refresh_from_db()
    assert connect(provider, connection, editor, now).state == AuthorizationState.SUCCEEDED
    assert len(provider.token_requests) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
@pytest.mark.requirement("R25", "QC17")
def test_no_second_way_is_tried_when_the_server_is_out_of_order(
    provider: DemoServer, connection: Connection, editor: User, now: datetime, status: int
) -> None:
    provider.fail_token(status=status)

    connect(provider, connection, editor, now)

    assert len(provider.token_requests) == 1


@pytest.mark.requirement("R1")
def test_a_public_client_connects_without_a_secret(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    provider.register_client("public-client")
    connection.client_id, connection.client_secret = "public-client", None
    grants.save_settings(connection, changed={"client_id", "client_secret"}, now=now)

    assert connect(provider, connection, editor, now).state == AuthorizationState.SUCCEEDED
    assert "client_secret" not in provider.token_requests[0].form


# What people do to connections


@pytest.mark.requirement("R56", "QC39")
def test_an_edited_name_leaves_the_tokens_alone(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connect(provider, connection, editor, now)
    connection.refresh_from_db()
    version = connection.settings_version

    connection.name = "Other"
    grants.save_settings(connection, changed={"name"}, now=now)

    assert (connection.settings_version, connection.state) == (version, ConnectionState.CONNECTED)
    assert Token.objects.count() == 1


@pytest.mark.parametrize(
    "changes", [{"client_id": "another"}, {"token_url": "https://other.example/token"}], ids=str
)
@pytest.mark.requirement("R56", "QC39")
def test_another_client_or_token_host_gives_the_tokens_up(
    provider: DemoServer, connection: Connection, editor: User, now: datetime, changes: dict[str, str]
) -> None:
    connect(provider, connection, editor, now)
    connection.refresh_from_db()

    for name, value in changes.items():
        setattr(connection, name, value)
    grants.save_settings(connection, changed=set(changes), now=now)

    assert connection.state == ConnectionState.NEEDS_REAUTH
    assert not Token.objects.exists()
    discarded = DiscardedToken.objects.get()
    assert (discarded.client_id, discarded.revocation_url) == (provider.client_id, provider.revocation_url)
    with pytest.raises(grants.ReconnectRequired):
        grants.fresh_token(connection, now=now)


@pytest.mark.requirement("R56")
def test_another_path_at_the_same_host_keeps_the_tokens(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connect(provider, connection, editor, now)
    connection.refresh_from_db()

    connection.token_url = f"{provider.url}/oauth/v2/token"
    grants.save_settings(connection, changed={"token_url"}, now=now)

    assert (connection.state, Token.objects.count()) == (ConnectionState.CONNECTED, 1)


def test_an_edit_does_not_undo_what_a_worker_wrote(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connect(provider, connection, editor, now)

    connection.name = "Other"
    grants.save_settings(connection, changed={"name"}, now=now)

    connection.refresh_from_db()
    assert (connection.name, connection.state) == ("Other", ConnectionState.CONNECTED)


def test_tokens_from_elsewhere_go_on_by_themselves(
    provider: DemoServer, connection: Connection, now: datetime
) -> None:
    minted = provider.mint("contacts.read")

    grants.import_tokens(
        connection,
        access_token=minted.access_token,
        refresh_token=minted.refresh_token,
        expires_in=timedelta(minutes=5),
        now=now,
    )

    connection.refresh_from_db()
    assert connection.state == ConnectionState.CONNECTED
    assert grants.fresh_token(connection, now=now).value == minted.access_token
    later = now + timedelta(minutes=6)
    assert grants.fresh_token(connection, now=later).value != minted.access_token


@pytest.mark.requirement("R57", "QC40")
def test_deleting_is_immediate_and_revokes_afterwards(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connect(provider, connection, editor, now)

    grants.delete(connection, now=now)

    assert not Connection.objects.exists()
    assert not Token.objects.exists()
    assert provider.revocations == 0
    assert grants.revoke_discarded_tokens(now=now) == 1
    assert provider.revocations == 1
    assert not DiscardedToken.objects.exists()
    assert len(provider.requests_to("/oauth/revoke")) == 1


def test_disconnecting_forgets_the_tokens_and_keeps_the_settings(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connect(provider, connection, editor, now)

    grants.disconnect(connection, now=now)

    connection.refresh_from_db()
    assert connection.state == ConnectionState.NEW
    with pytest.raises(grants.ReconnectRequired, match="not connected"):
        grants.fresh_token(connection, now=now)
    grants.revoke_discarded_tokens(now=now)
    assert provider.revocations == 1


def test_a_connection_without_revocation_url_leaves_nothing_behind(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connection.revocation_url = ""
    grants.save_settings(connection, changed={"revocation_url"}, now=now)
    connect(provider, connection, editor, now)

    grants.delete(connection, now=now)

    assert not DiscardedToken.objects.exists()


@pytest.mark.requirement("R57", "QC40")
def test_a_revocation_is_tried_three_times_and_then_forgotten(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connect(provider, connection, editor, now)
    grants.delete(connection, now=now)
    provider.fail("/oauth/revoke", status=503, headers={"Retry-After": "1800"}, times=None)

    grants.revoke_discarded_tokens(now=now)
    grants.revoke_discarded_tokens(now=now + timedelta(minutes=29))
    assert len(provider.requests_to("/oauth/revoke")) == 1
    grants.revoke_discarded_tokens(now=now + timedelta(minutes=31))
    grants.revoke_discarded_tokens(now=now + timedelta(hours=5))

    assert len(provider.requests_to("/oauth/revoke")) == 3
    assert not DiscardedToken.objects.exists()


@pytest.mark.requirement("R57", "QC40")
def test_a_revocation_that_nobody_could_do_within_a_day_is_forgotten(
    connection: Connection, now: datetime
) -> None:
    factories.connected(connection, now=now)
    grants.delete(connection, now=now)
    assert DiscardedToken.objects.count() == 1

    grants.revoke_discarded_tokens(now=now + timedelta(days=1))

    assert not DiscardedToken.objects.exists()


@pytest.mark.requirement("R57", "QC40")
def test_a_server_that_does_not_revoke_refresh_tokens_gets_the_access_token(
    provider: DemoServer, connection: Connection, editor: User, now: datetime
) -> None:
    connect(provider, connection, editor, now)
    grants.delete(connection, now=now)
    provider.fail("/oauth/revoke", status=400, body={"error": "unsupported_token_type"})

    grants.revoke_discarded_tokens(now=now)

    hints = [request.form["token_type_hint"] for request in provider.requests_to("/oauth/revoke")]
    assert hints == ["refresh_token", "access_token"]
    assert provider.revocations == 1


@pytest.mark.requirement("R33")
def test_a_token_request_inside_a_transaction_is_refused(
    transactional_db: None, provider: DemoServer, now: datetime
) -> None:
    from django.db import transaction

    team: Team = factories.TeamFactory()
    connection = factories.ConnectionFactory(
        team=team, token_url=provider.token_url, revocation_url=provider.revocation_url
    )
    factories.connected(connection, now=now, life=timedelta(seconds=-1))

    for action in (grants.fresh_token, grants.refresh):
        with transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
            action(connection, now=now)
    grants.delete(connection, now=now)
    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
        grants.revoke_discarded_tokens(now=now)

    assert provider.token_requests == []
