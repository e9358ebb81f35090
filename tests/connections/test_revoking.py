"""Ending tokens at their provider: each in its way, a few times, and then never again."""

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from django.db import connections as databases
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import AuditEntry, Role, Team, Verb
from connections import grants, oauth2, providers
from connections.grants.revocation.discarding import discard, read, written
from connections.models import AuthorizationState, CallKind, Connection, DiscardedToken, Token, TokenCall
from connections.oauth2 import Authentication, Client
from connections.oauth2.dialect import BodyStyle, Revocation
from tests import factories

Sent = dict[str, Any]


@pytest.fixture
def server(settings: Settings) -> Iterator[HTTPServer]:
    with HTTPServer(host="localhost", port=0, threaded=True) as server:
        settings.OUTBOUND_ALLOW = [f"localhost:{server.port}"]
        yield server
        server.check_assertions()


@pytest.fixture
def crm(server: HTTPServer, team: Team, now: datetime) -> Connection:
    """A connection with tokens, whose server revokes at /revoke."""
    connection = factories.ConnectionFactory(
        team=team,
        name="CRM",
        token_url=server.url_for("/token"),
        authorization_url=server.url_for("/authorize"),
        revocation_url=server.url_for("/revoke"),
        client_authentication="basic",
    )
    factories.connected(connection, now=now)
    return connection


def answering(server: HTTPServer, *answers: tuple[int, str, dict[str, str]]) -> None:
    left = list(answers)

    def answer(_: Request) -> Response:
        status, text, headers = left.pop(0) if len(left) > 1 else left[0]
        return Response(text, status, headers)

    server.expect_request("/revoke").respond_with_handler(answer)


def bodies(server: HTTPServer) -> list[dict[str, str]]:
    return [dict(parse_qsl(request.get_data(as_text=True))) for request, _ in server.log]


def outcome() -> tuple[str, str]:
    entry = AuditEntry.objects.get(verb__in=(Verb.REVOKED, Verb.FAILED_TO_REVOKE))
    return entry.verb, entry.detail.get("Reason", "")


def as_sent(revocation: Revocation, endpoint: str = "https://p.example/revoke", **more: Any) -> Sent:
    """What goes out for a client `id:secret` with the tokens A and R."""
    client = Client("id", "secret", oauth2.authentication_for(revocation, Authentication.BASIC))
    token, kind = oauth2.tokens_to_end(revocation, access_token="A", refresh_token="R")[0]
    message = oauth2.revocation_request(endpoint, client, revocation, token=token, kind=kind, **more)
    headers = {name: value for name, value in message.headers if name != "Accept"}
    return {"to": f"{message.method} {message.url}", "headers": headers, "body": message.body.decode()}


ENDS_ALL = """
groups = ["Ours"]
[ours]
title = "Ours"
group = "Ours"
authorization_url = "http://localhost/authorize"
token_url = "http://localhost/token"
token_hosts = ["localhost"]
dialect.revocation.ends_all = true
"""
BASIC = "Basic " + base64.b64encode(b"id:secret").decode()
FORM = "application/x-www-form-urlencoded"


@pytest.mark.requirement("R57", "QC40")
@pytest.mark.parametrize(
    ("revocation", "expected"),
    [
        pytest.param(
            Revocation(),
            {
                "to": "POST https://p.example/revoke",
                "headers": {"Authorization": BASIC, "Content-Type": FORM},
                "body": "token=R&token_type_hint=refresh_token",
            },
            id="as RFC 7009 has it",
        ),
        pytest.param(
            Revocation(authentication="none"),
            {
                "to": "POST https://p.example/revoke",
                "headers": {"Content-Type": FORM},
                "body": "token=R&token_type_hint=refresh_token",
            },
            id="without a client, as Google",
        ),
        pytest.param(
            Revocation(body=BodyStyle.QUERY, which="refresh", authentication="none"),
            {"to": "POST https://p.example/revoke?token=R", "headers": {}, "body": ""},
            id="in the query, as Zoho",
        ),
        pytest.param(
            Revocation("DELETE", BodyStyle.QUERY, "access_token", "access", "none"),
            {"to": "DELETE https://p.example/revoke?access_token=A", "headers": {}, "body": ""},
            id="a permission deleted, as Meta",
        ),
        pytest.param(
            Revocation("DELETE", BodyStyle.JSON, "access_token", "access", "basic"),
            {
                "to": "DELETE https://p.example/revoke",
                "headers": {"Authorization": BASIC, "Content-Type": "application/json"},
                "body": '{"access_token": "A"}',
            },
            id="JSON and Basic, as GitHub",
        ),
        pytest.param(
            Revocation(
                body=BodyStyle.JSON,
                parameter="access_token",
                which="access",
                authentication="none",
                parameters={"client_id": "{client_id}"},
                headers={"Authorization": "Client {client_secret}"},
            ),
            {
                "to": "POST https://p.example/revoke",
                "headers": {"Authorization": "Client secret", "Content-Type": "application/json"},
                "body": '{"access_token": "A", "client_id": "id"}',
            },
            id="a scheme of its own, as Square",
        ),
        pytest.param(
            Revocation("GET", BodyStyle.QUERY, "access_token", "access", "none"),
            {"to": "GET https://p.example/revoke?access_token=A", "headers": {}, "body": ""},
            id="by GET, as Oura",
        ),
        pytest.param(
            Revocation(method="DELETE", parameter="", which="access", authentication="bearer"),
            {"to": "DELETE https://p.example/revoke", "headers": {"Authorization": "Bearer A"}, "body": ""},
            id="by the token itself, as Smartsheet",
        ),
    ],
)
def test_each_server_is_told_in_its_own_way(revocation: Revocation, expected: Sent) -> None:
    assert as_sent(revocation) == expected


@pytest.mark.requirement("QC40")
def test_places_are_filled_from_the_client_and_from_what_came_with_the_tokens() -> None:
    revocation = Revocation(
        parameter="",
        which="access",
        authentication="none",
        parameters={"client_id": "{client_id}", "stripe_user_id": "{stripe_user_id}"},
        headers={"Authorization": "Bearer {client_secret}"},
    )

    sent = as_sent(
        revocation,
        "https://p.example/applications/{client_id}/{stripe_user_id}",
        values={"stripe_user_id": "acct/1", "client_secret": "not this one"},
    )

    assert sent["to"] == "POST https://p.example/applications/id/acct%2F1"
    assert sent["headers"]["Authorization"] == "Bearer secret"
    assert sent["body"] == "client_id=id&stripe_user_id=acct%2F1"


def test_the_dialect_survives_being_stored() -> None:
    for revocation in (
        Revocation(),
        Revocation(
            "DELETE", BodyStyle.JSON, "t", "access", "bearer", {"a": "{b}"}, {"C": "d"}, ends_all=True
        ),
    ):
        assert read(json.loads(json.dumps(written(revocation)))) == revocation


@pytest.mark.requirement("R57", "R63", "QC40")
def test_a_deleted_connection_is_revoked_with_its_own_client_and_the_outcome_is_in_the_audit_log(
    crm: Connection, server: HTTPServer, now: datetime
) -> None:
    answering(server, (200, "", {}))
    grants.delete(crm, user=None, now=now)

    assert grants.revoke_discarded_tokens(now=now) == 1

    assert bodies(server) == [{"token": "refresh-1", "token_type_hint": "refresh_token"}]
    assert server.log[0][0].authorization.password == "client-secret"
    assert outcome() == (Verb.REVOKED, "")
    assert not DiscardedToken.objects.exists()
    assert [call.kind for call in TokenCall.objects.all()] == [CallKind.REVOCATION]


@pytest.mark.requirement("R57", "QC40")
def test_a_known_provider_is_told_in_its_way_although_nobody_has_typed_an_address(
    team: Team, now: datetime
) -> None:
    connection = factories.ConnectionFactory(team=team, token_url="https://oauth2.googleapis.com/token")

    discard(connection, "A", "R", now)

    discarded = DiscardedToken.objects.get()
    assert discarded.revocation_url == "https://oauth2.googleapis.com/revoke"
    assert (discarded.client_authentication, read(discarded.revocation).ends_all) == ("none", True)


@pytest.mark.requirement("QC40")
def test_of_what_came_with_the_tokens_only_what_the_request_names_is_put_aside(
    team: Team, now: datetime
) -> None:
    connection = factories.ConnectionFactory(team=team, preset="stripe_connect")

    discard(connection, "A", "R", now, kept={"stripe_user_id": "acct_1", "scope": "read_write"})

    assert DiscardedToken.objects.get().values == {"stripe_user_id": "acct_1"}


@pytest.mark.requirement("R57", "QC40")
def test_503_is_asked_again_after_its_retry_after_and_three_times_at_most(
    crm: Connection, server: HTTPServer, now: datetime
) -> None:
    answering(server, (503, "", {"Retry-After": "3600"}))
    grants.disconnect(crm, user=None, now=now)

    tried = [grants.revoke_discarded_tokens(now=now + timedelta(minutes=m)) for m in range(0, 24 * 60, 5)]

    assert sum(tried) == 1
    assert len(server.log) == 3
    assert outcome()[0] == Verb.FAILED_TO_REVOKE
    assert not DiscardedToken.objects.exists()


@pytest.mark.requirement("QC40")
def test_a_try_waits_for_the_time_that_the_server_told(
    crm: Connection, server: HTTPServer, now: datetime
) -> None:
    answering(server, (503, "", {"Retry-After": "3600"}), (200, "", {}))
    grants.disconnect(crm, user=None, now=now)

    grants.revoke_discarded_tokens(now=now)
    grants.revoke_discarded_tokens(now=now + timedelta(minutes=59))
    assert len(server.log) == 1
    grants.revoke_discarded_tokens(now=now + timedelta(minutes=61))

    assert len(server.log) == 2
    assert outcome() == (Verb.REVOKED, "")


@pytest.mark.requirement("QC40")
def test_a_server_that_cannot_end_refresh_tokens_gets_the_access_token(
    crm: Connection, server: HTTPServer, now: datetime
) -> None:
    answering(server, (400, '{"error": "unsupported_token_type"}', {}), (200, "", {}))
    grants.disconnect(crm, user=None, now=now)

    grants.revoke_discarded_tokens(now=now)

    assert [body["token"] for body in bodies(server)] == ["refresh-1", "access-1"]
    assert outcome() == (Verb.REVOKED, "")


@pytest.mark.requirement("QC40")
@pytest.mark.parametrize(
    ("status", "text", "verb"),
    [
        (400, '{"error": "invalid_grant"}', Verb.REVOKED),
        (401, '{"error": "invalid_client"}', Verb.FAILED_TO_REVOKE),
        (404, "<html>Not Found</html>", Verb.FAILED_TO_REVOKE),
        (200, '{"error": "no_such_app"}', Verb.FAILED_TO_REVOKE),
    ],
)
def test_what_the_server_makes_of_it_is_written_down_once_and_the_secrets_go(
    crm: Connection, server: HTTPServer, now: datetime, status: int, text: str, verb: Verb
) -> None:
    answering(server, (status, text, {}))
    grants.disconnect(crm, user=None, now=now)

    grants.revoke_discarded_tokens(now=now)
    grants.revoke_discarded_tokens(now=now + timedelta(hours=2))

    assert len(server.log) == 1
    assert outcome()[0] == verb
    assert not DiscardedToken.objects.exists()


@pytest.mark.requirement("R12", "R57", "QC29", "QC40")
def test_a_server_that_refuses_the_new_secret_is_told_with_the_old_one_in_a_request_of_its_own(
    crm: Connection, server: HTTPServer, now: datetime
) -> None:
    answering(server, (401, '{"error": "invalid_client"}', {}), (200, "", {}))
    crm.client_secret, crm.old_client_secret = "new-secret", "client-secret"
    crm.save()
    grants.delete(crm, user=None, now=now)

    grants.revoke_discarded_tokens(now=now)

    assert [sent.authorization.password for sent, _ in server.log] == ["new-secret", "client-secret"]
    assert [body["token"] for body in bodies(server)] == ["refresh-1", "refresh-1"]
    assert outcome() == (Verb.REVOKED, "")
    assert not DiscardedToken.objects.exists()


@pytest.mark.requirement("R12", "R57", "QC29", "QC40")
@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, ""),
        (400, '{"error": "invalid_grant"}'),
        (403, '{"error": "unauthorized_client"}'),
        (503, ""),
    ],
)
def test_the_old_secret_goes_to_no_server_that_has_not_refused_the_client(
    crm: Connection, server: HTTPServer, now: datetime, status: int, text: str
) -> None:
    answering(server, (status, text, {}))
    crm.client_secret, crm.old_client_secret = "new-secret", "client-secret"
    crm.save()
    grants.delete(crm, user=None, now=now)

    grants.revoke_discarded_tokens(now=now)

    assert [sent.authorization.password for sent, _ in server.log] == ["new-secret"]


@pytest.mark.requirement("R63")
def test_no_secret_is_in_what_is_written_down(crm: Connection, server: HTTPServer, now: datetime) -> None:
    answering(server, (400, '{"error": "x", "error_description": "refresh-1 of client-secret"}', {}))
    grants.disconnect(crm, user=None, now=now)

    grants.revoke_discarded_tokens(now=now)

    rows = json.dumps([*AuditEntry.objects.values(), *TokenCall.objects.values()], default=str)
    assert "refresh-1" not in rows
    assert "client-secret" not in rows


@pytest.mark.requirement("R57", "QC40")
def test_secrets_are_gone_after_a_day_even_if_nobody_ever_had_the_time(
    crm: Connection, server: HTTPServer, now: datetime
) -> None:
    grants.disconnect(crm, user=None, now=now)

    grants.revoke_discarded_tokens(now=now + timedelta(hours=24))

    assert not DiscardedToken.objects.exists()
    assert server.log == []
    assert outcome()[0] == Verb.FAILED_TO_REVOKE


@pytest.mark.requirement("R66")
def test_whoever_is_killed_over_each_try_leaves_nothing_to_try_for_ever(
    crm: Connection, server: HTTPServer, now: datetime
) -> None:
    grants.disconnect(crm, user=None, now=now)
    DiscardedToken.objects.update(tries=3)

    grants.revoke_discarded_tokens(now=now)

    assert server.log == []
    assert not DiscardedToken.objects.exists()


@pytest.mark.requirement("R66")
@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_the_server_of_each_token_once(
    crm: Connection, server: HTTPServer, now: datetime
) -> None:
    beats = ["another one"]

    def answer(_: Request) -> Response:
        if beats:
            beats.pop()
            # While this worker waits, another one does all the rest that both have seen.
            try:
                grants.revoke_discarded_tokens(now=now)
            finally:
                databases.close_all()
        return Response("", 200)

    server.expect_request("/revoke").respond_with_handler(answer)
    for number in range(3):
        discard(crm, f"access-{number}", f"refresh-{number}", now)

    grants.revoke_discarded_tokens(now=now)

    assert sorted(body["token"] for body in bodies(server)) == ["refresh-0", "refresh-1", "refresh-2"]


@pytest.mark.requirement("R56", "R57", "QC40")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ends_all", [False, True])
def test_tokens_whose_settings_changed_during_the_exchange_are_ended_as_the_client_that_got_them(
    crm: Connection, server: HTTPServer, now: datetime, request: pytest.FixtureRequest, ends_all: bool
) -> None:
    if ends_all:
        request.addfinalizer(partial(providers.add, ""))
        providers.add(ENDS_ALL)
    editor = factories.member_of(crm.team, Role.EDITOR)
    crm.created_by = editor
    crm.save()
    who = {"user": editor, "session_key": "session", "now": now}
    flow = grants.begin_authorization(crm, return_to="/", **who)
    asked = parse_qs(urlsplit(grants.leave_for_provider(flow, **who)).query)

    def answer(_: Request) -> Response:
        edited = Connection.objects.get(pk=crm.pk)
        edited.client_id, edited.client_secret = "another", "other-secret"
        edited.revocation_url = "https://elsewhere.example/revoke"
        try:
            changed = {"client_id", "client_secret", "revocation_url"}
            grants.save_settings(edited, changed=changed, now=now)
        finally:
            databases.close_all()
        return Response('{"access_token": "A", "refresh_token": "R", "token_type": "bearer"}', 200)

    server.expect_request("/token").respond_with_handler(answer)
    answering(server, (200, "", {}))
    # What the settings gave up themselves is not what this is about.
    Token.objects.all().delete()

    ended = grants.complete_authorization(
        {"code": ["C"], "state": asked["state"]}, arrived_at=flow.redirect_uri, **who
    )
    grants.revoke_discarded_tokens(now=now)

    assert (ended.state, ended.error_code) == (AuthorizationState.FAILED, "settings_changed")
    assert not Token.objects.exists()
    told = [sent for sent, _ in server.log if sent.path == "/revoke"]
    # Where one revocation ends all grants of the account, it would end one that is in use.
    assert [dict(parse_qsl(sent.get_data(as_text=True))) for sent in told] == (
        [] if ends_all else [{"token": "R", "token_type_hint": "refresh_token"}]
    )
    for sent in told:
        assert (sent.authorization.username, sent.authorization.password) == ("client", "client-secret")
