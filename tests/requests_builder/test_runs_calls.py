"""One call with the token of a connection: how it is carried, where it goes, and when it is renewed."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from connections import grants, outbound
from connections.models import Connection, Token
from demo_api.server import DemoServer
from requests_builder import pagination, runs
from requests_builder.models import AuthorizationKind, Mender, Row, Run, RunState, SavedRequest
from requests_builder.rendering import RenderedRequest
from requests_builder.runs.calls import Caller
from requests_builder.runs.clock import Clock
from requests_builder.runs.problems import PullDelayed, PullFailed
from tests.requests_builder.conftest import CONTACTS, executed

pytestmark = pytest.mark.django_db

Pull = Callable[..., Run]
ECHO = "/api/echo"


@pytest.fixture
def stranger(provider: DemoServer, settings: Settings) -> Iterator[DemoServer]:
    """Another host, which may be called, but belongs to nobody's connection."""
    with DemoServer() as server:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{provider.port}", f"127.0.0.1:{server.port}"]
        yield server


@pytest.fixture
def echoed(protected: SavedRequest, provider: DemoServer) -> SavedRequest:
    """A request with the connection's token to an address that answers with what it got."""
    protected.url, protected.records_path = f"{provider.url}{ECHO}", ""
    protected.pagination = {"kind": "none"}
    protected.save()
    return protected


def edit(thing: Any, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(thing, name, value)
    thing.save()


def token_of(connection: Connection) -> Token:
    return Token.objects.get(connection=connection)


# Where the token goes


@pytest.mark.requirement("R51")
def test_a_run_to_a_host_that_nobody_allowed_fails_before_anything_leaves(
    protected: SavedRequest, provider: DemoServer, stranger: DemoServer, pull: Pull
) -> None:
    edit(protected, url=f"{stranger.url}/api/contacts")

    run = pull(protected)

    assert (run.state, run.error_code) == (RunState.FAILED, "host_not_allowed_for_connection")
    assert run.mender == Mender.CONNECTION
    assert f"127.0.0.1:{stranger.port}" in run.error
    assert stranger.requests == []
    assert provider.requests == []


@pytest.mark.requirement("R51")
def test_no_token_is_renewed_for_a_host_that_nobody_allowed(
    protected: SavedRequest, provider: DemoServer, stranger: DemoServer, pull: Pull, now: datetime
) -> None:
    edit(protected, url=f"{stranger.url}/api/contacts")
    Token.objects.update(expires_at=now - timedelta(minutes=1))

    assert pull(protected).error_code == "host_not_allowed_for_connection"
    assert provider.token_requests == []


@pytest.mark.requirement("R51")
def test_every_call_of_a_run_is_checked_not_only_the_first(
    echoed: SavedRequest, provider: DemoServer, stranger: DemoServer, now: datetime
) -> None:
    with outbound.Door() as door:
        caller = Caller(echoed, door, Clock(now))
        caller.send(RenderedRequest("GET", echoed.url))
        with pytest.raises(PullFailed) as failed:
            caller.send(RenderedRequest("GET", f"{stranger.url}{ECHO}"))

    assert failed.value.problem.code == "host_not_allowed_for_connection"
    assert len(provider.requests) == 1
    assert stranger.requests == []


@pytest.mark.requirement("R51")
def test_a_renewed_token_is_checked_against_what_is_allowed_by_then(
    echoed: SavedRequest, connection: Connection, stranger: DemoServer, now: datetime
) -> None:
    edit(connection, allowed_hosts=[f"127.0.0.1:{stranger.port}"])
    url = f"{stranger.url}{ECHO}"
    access = grants.access(connection, url, now=now)
    edit(connection, allowed_hosts=[])

    with pytest.raises(grants.HostNotAllowed):
        grants.renewed(connection, access, grants.Signal.UNAUTHORIZED, url, now=now)


@pytest.mark.requirement("R51")
def test_a_host_that_was_allowed_gets_the_token(
    echoed: SavedRequest, connection: Connection, stranger: DemoServer, pull: Pull
) -> None:
    edit(echoed, url=f"{stranger.url}{ECHO}")
    edit(connection, allowed_hosts=[f"127.0.0.1:{stranger.port}"])

    assert pull(echoed).state == RunState.SUCCEEDED
    [asked] = stranger.requests
    assert asked.headers["authorization"] == f"Bearer {token_of(connection).access_token}"


@pytest.mark.requirement("R51")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_followed_without_the_token(
    echoed: SavedRequest,
    connection: Connection,
    provider: DemoServer,
    stranger: DemoServer,
    pull: Pull,
    status: int,
) -> None:
    provider.fail(ECHO, status=status, headers={"Location": f"{stranger.url}{ECHO}"})

    assert pull(echoed).state == RunState.SUCCEEDED

    token = token_of(connection).access_token
    [asked] = stranger.requests
    assert "authorization" not in asked.headers
    assert token not in f"{asked.query_pairs}{asked.headers}{asked.body!r}"


@pytest.mark.requirement("R51")
def test_a_next_link_to_another_host_ends_the_run(
    protected: SavedRequest, provider: DemoServer, stranger: DemoServer, pull: Pull
) -> None:
    edit(protected, pagination={"kind": "next_url", "path": "next"})
    body = {"data": [{"id": 1}], "next": f"{stranger.url}/api/contacts"}
    provider.fail("/api/contacts", status=200, body=body)

    run = pull(protected)

    assert (run.state, run.error_code) == (RunState.FAILED, "cross_origin_next")
    assert stranger.requests == []


@pytest.mark.requirement("R51")
def test_a_next_link_to_another_host_ends_it_although_that_is_allowed(
    protected: SavedRequest, connection: Connection, provider: DemoServer, stranger: DemoServer, pull: Pull
) -> None:
    edit(connection, allowed_hosts=[f"127.0.0.1:{stranger.port}"])
    test_a_next_link_to_another_host_ends_the_run(protected, provider, stranger, pull)


@pytest.mark.requirement("R51")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"headers": [["Host", "127.0.0.1:{stranger}"]]}, "invalid_request"),
        ({"url": "http://127.0.0.1:{provider}@127.0.0.1:{stranger}/api/echo"}, "invalid_request"),
        ({"url": "http://127.0.0.1:{stranger}/api/echo?http://127.0.0.1:{provider}"}, None),
        ({"url": "http://127.0.0.1:{stranger}/#127.0.0.1:{provider}"}, None),
        ({"url": "http://127.0.0.1:{provider}\\@127.0.0.1:{stranger}/"}, "invalid_request"),
        ({"url": "http://localhost:{provider}/api/echo"}, "egress_blocked"),
        ({"url": "{{{{ connection.elsewhere }}}}/api/echo"}, None),
        ({"url": "http://{{{{ connection.host }}}}/api/echo"}, None),
        ({"url": "http://{{{{ connection.tricky }}}}:{provider}/api/echo"}, "invalid_request"),
    ],
)
def test_no_spelling_of_a_request_takes_the_token_elsewhere(
    echoed: SavedRequest,
    connection: Connection,
    provider: DemoServer,
    stranger: DemoServer,
    pull: Pull,
    fields: dict[str, Any],
    code: str | None,
) -> None:
    there = f"127.0.0.1:{stranger.port}"
    kept = {"elsewhere": f"http://{there}", "host": there, "tricky": f"{there}/#"}
    Token.objects.update(kept=kept)
    ports = {"provider": provider.port, "stranger": stranger.port}
    for name, value in fields.items():
        filled = (
            [[key, text.format(**ports)] for key, text in value]
            if name == "headers"
            else value.format(**ports)
        )
        edit(echoed, **{name: filled})

    run = pull(echoed)

    assert (run.state, run.error_code) == (RunState.FAILED, code or "host_not_allowed_for_connection")
    assert stranger.requests == []


@pytest.mark.requirement("R52", "QC08")
def test_another_value_of_a_placeholder_moves_the_requests_but_not_the_token(
    echoed: SavedRequest, connection: Connection, stranger: DemoServer, pull: Pull
) -> None:
    edit(connection, placeholders={"region": f"127.0.0.1:{stranger.port}"})
    edit(echoed, url="http://{{ connection.region }}/api/echo")

    run = pull(echoed)

    assert run.error_code == "host_not_allowed_for_connection"
    assert stranger.requests == []


# How the token is carried


@pytest.mark.requirement("R51", "QC38")
@pytest.mark.parametrize("token_type", ["", "bearer", "token", "JWT", "User Access Token", "Zoho-oauthtoken"])
@pytest.mark.parametrize(
    ("placement", "name", "value"),
    [
        ("", "authorization", "Bearer {}"),
        ("Authorization: Zoho-oauthtoken {access_token}", "authorization", "Zoho-oauthtoken {}"),
        ("Authorization: OAuth {access_token}", "authorization", "OAuth {}"),
        ("Authorization: {access_token}", "authorization", "{}"),
        ("X-Shopify-Access-Token: {access_token}", "x-shopify-access-token", "{}"),
        ("X-Auth-Token:{access_token}", "x-auth-token", "{}"),
        ("Access-Token: {access_token}", "access-token", "{}"),
        ("x-amz-access-token: {access_token}", "x-amz-access-token", "{}"),
    ],
)
def test_the_token_goes_out_exactly_as_the_connection_says_whatever_its_type(
    echoed: SavedRequest,
    connection: Connection,
    provider: DemoServer,
    pull: Pull,
    placement: str,
    name: str,
    value: str,
    token_type: str,
) -> None:
    edit(connection, api_authorization=placement)
    Token.objects.update(token_type=token_type)

    assert pull(echoed).state == RunState.SUCCEEDED

    [asked] = provider.requests
    token = token_of(connection).access_token
    assert asked.headers[name] == value.format(token)
    assert [key for key, text in asked.headers.items() if token in text] == [name]


@pytest.mark.requirement("QC38")
def test_a_token_in_the_query_is_sent_and_shown_nowhere(
    echoed: SavedRequest,
    connection: Connection,
    provider: DemoServer,
    pull: Pull,
    now: datetime,
    caplog: pytest.LogCaptureFixture,
) -> None:
    edit(connection, api_authorization="?access_token={access_token}")
    edit(echoed, url=f"{provider.url}{ECHO}?page=1")
    token = token_of(connection).access_token
    caplog.set_level(logging.DEBUG)

    shown = runs.preview(echoed, now=now)
    run = pull(echoed)
    provider.fail(ECHO, status=400, body={"message": f"bad: {token}"})
    failed = pull(echoed)

    assert run.state == RunState.SUCCEEDED
    for asked in provider.requests:
        assert asked.query == {"page": "1", "access_token": token}
        assert "authorization" not in asked.headers
    assert shown.sent
    assert "access_token=•••" in shown.sent.url
    rows = str(list(Row.objects.values()))
    everything = f"{shown}{shown.text}{shown.document}{rows}{run.error}{failed.error}"
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")]
    assert token not in everything + "".join(ours)
    assert "bad: •••" in failed.error


@pytest.mark.requirement("QC38")
def test_the_log_of_the_http_library_which_holds_queries_is_off(settings: Settings) -> None:
    assert settings.LOGGING["loggers"]["urllib3"]["level"] == "ERROR"


@pytest.mark.requirement("QC38")
def test_a_next_link_that_repeats_the_token_is_kept_without_it(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull
) -> None:
    edit(connection, api_authorization="?access_token={access_token}")
    edit(protected, pagination={"kind": "next_url", "path": "next"})
    token = token_of(connection).access_token
    following = f"{provider.url}/api/contacts?page=2&access_token={token}"
    provider.fail("/api/contacts", page=1, status=200, body={"data": [{"id": 1}], "next": following})
    provider.fail("/api/contacts", page=2, status=503)

    run = pull(protected)

    assert run.checkpoint
    assert "page=2" in run.checkpoint
    assert token not in run.checkpoint


@pytest.mark.requirement("R51", "QC38")
def test_a_token_in_the_query_follows_no_redirect(
    echoed: SavedRequest, connection: Connection, provider: DemoServer, stranger: DemoServer, pull: Pull
) -> None:
    edit(connection, api_authorization="?access_token={access_token}")
    # As servers do that move to another name: with the query as it came.
    location = f"{stranger.url}{ECHO}?access_token={token_of(connection).access_token}"
    provider.fail(ECHO, status=301, headers={"Location": location})

    run = pull(echoed)

    assert (run.state, run.error_code) == (RunState.FAILED, "redirected")
    assert "a secret travels in the URL" in run.error
    assert stranger.requests == []


@pytest.mark.requirement("QC38")
@pytest.mark.parametrize(
    ("preset", "name", "value"),
    [
        ("notion", "notion-version", "2025-09-03"),
        ("klaviyo", "revision", "2026-07-15"),
        ("twitch", "client-id", "demo-client"),
        ("heroku", "accept", "application/vnd.heroku+json; version=3"),
    ],
)
def test_a_header_that_the_api_always_wants_goes_along_unless_the_request_has_its_own(
    echoed: SavedRequest,
    connection: Connection,
    provider: DemoServer,
    pull: Pull,
    preset: str,
    name: str,
    value: str,
) -> None:
    edit(connection, preset=preset, client_id="demo-client")

    pull(echoed)
    edit(echoed, headers=[[name.title(), "my own"], ["X-Tenant-Id", "of mine"]])
    pull(echoed)

    first, second = provider.requests
    assert first.headers[name] == value
    assert second.headers[name] == "my own"
    assert second.headers["x-tenant-id"] == "of mine"


@pytest.mark.requirement("QC38")
def test_a_client_secret_in_a_header_of_the_api_is_masked(
    echoed: SavedRequest, connection: Connection, provider: DemoServer, now: datetime
) -> None:
    edit(connection, preset="etsy")

    shown = runs.preview(echoed, now=now)

    key = f"{connection.client_id}:{connection.client_secret}"
    assert provider.requests[-1].headers["x-api-key"] == key
    assert connection.client_secret
    assert connection.client_secret not in f"{shown}{shown.text}{shown.sent}"


def test_an_own_header_beside_the_one_with_the_token_is_told(
    echoed: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull
) -> None:
    edit(connection, api_authorization="X-Auth-Token: {access_token}")
    edit(echoed, headers=[["x-auth-token", "mine"]])

    run = pull(echoed)

    assert run.error_code == "invalid_request"
    assert "carries the token of the connection" in run.error
    assert provider.requests == []


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "Bearer {access_token}",
        "Authorization: Bearer",
        ": {access_token}",
        "A b: {access_token}",
        "X: {access_token}{access_token}",
        "X: ü{access_token}",
        "?={access_token}",
        "X: a\n{access_token}",
    ],
)
def test_a_place_for_the_token_that_cannot_be_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        grants.read_placement(typed)


# An API that does not take the token any more

SIGNALS = [
    ("403", 403, {"message": "Forbidden"}),
    ("404", 404, {"message": "Not found"}),
    ("400 error.code=190", 400, {"error": {"code": 190, "message": "Session has expired"}}),
    ("200 errors.0.code=602", 200, {"success": False, "errors": [{"code": "602", "message": "expired"}]}),
    ("200 error=token_expired", 200, {"ok": False, "error": "token_expired"}),
    ("200 status=401", 200, {"status": 401}),
    ("200 code=40105", 200, {"code": 40105}),
    ('200 "session expired"', 200, "Your Session Expired."),
]


@pytest.fixture
def later(now: datetime) -> datetime:
    """When the token is old enough to have been ended."""
    return now + timedelta(minutes=10)


@pytest.mark.requirement("R50", "QC37")
@pytest.mark.parametrize(("rule", "status", "body"), SIGNALS)
def test_with_a_rule_one_refresh_and_one_repeat(
    protected: SavedRequest,
    connection: Connection,
    provider: DemoServer,
    pull: Pull,
    later: datetime,
    rule: str,
    status: int,
    body: Any,
) -> None:
    edit(connection, expiry_signals=rule)
    old = token_of(connection).access_token
    provider.fail("/api/contacts", status=status, body=body)

    run = pull(protected, later)

    assert (run.state, run.rows) == (RunState.SUCCEEDED, 100)
    assert provider.refreshes == 1
    first, second = provider.requests_to("/api/contacts")[:2]
    assert first.headers["authorization"] == f"Bearer {old}"
    assert second.headers["authorization"] == f"Bearer {token_of(connection).access_token}"
    assert first.query == second.query
    assert len(provider.requests_to("/api/contacts")) == 21


@pytest.mark.requirement("QC37")
@pytest.mark.parametrize(("rule", "status", "body"), SIGNALS)
def test_without_a_rule_there_is_no_refresh(
    echoed: SavedRequest,
    provider: DemoServer,
    pull: Pull,
    later: datetime,
    rule: str,
    status: int,
    body: Any,
) -> None:
    provider.fail(ECHO, status=status, body=body)

    pull(echoed, later)

    assert provider.refreshes == 0
    assert len(provider.requests_to(ECHO)) == 1


@pytest.mark.requirement("R50", "QC37")
def test_the_rules_of_a_preset_count(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, later: datetime
) -> None:
    edit(connection, preset="slack")
    provider.fail("/api/contacts", status=200, body={"ok": False, "error": "token_expired"})

    assert pull(protected, later).state == RunState.SUCCEEDED
    assert provider.refreshes == 1


@pytest.mark.requirement("QC37")
def test_a_403_with_a_token_younger_than_a_minute_is_followed_by_no_refresh(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, now: datetime
) -> None:
    edit(connection, expiry_signals="403")
    provider.fail("/api/contacts", status=403, times=None)

    run = pull(protected, now + timedelta(seconds=50))

    assert (run.state, run.error_code) == (RunState.FAILED, "forbidden")
    assert provider.refreshes == 0
    assert len(provider.requests_to("/api/contacts")) == 1


@pytest.mark.requirement("R50", "QC37")
def test_a_403_that_stays_after_a_refresh_is_not_refreshed_for_again_in_the_life_of_the_token(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, later: datetime
) -> None:
    provider.set(access_token_lifetime=3600)
    edit(connection, expiry_signals="403")
    provider.fail("/api/contacts", status=403, times=None)

    first = pull(protected, later)
    provider_saw = len(provider.requests_to("/api/contacts"))
    others = [pull(protected, later + timedelta(minutes=minutes)) for minutes in (2, 10, 30)]

    assert (first.error_code, provider_saw) == ("forbidden", 2)
    assert {run.error_code for run in others} == {"forbidden"}
    assert provider.refreshes == 1
    assert len(provider.requests_to("/api/contacts")) == 5


@pytest.mark.requirement("QC37")
def test_a_refresh_that_helped_leaves_room_for_the_next(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, later: datetime
) -> None:
    provider.set(access_token_lifetime=3600)
    edit(connection, expiry_signals="403")
    for minutes in (0, 10, 20):
        provider.fail("/api/contacts", status=403)
        assert pull(protected, later + timedelta(minutes=minutes)).state == RunState.SUCCEEDED

    assert provider.refreshes == 3


@pytest.mark.requirement("QC37")
def test_a_refusal_is_forgotten_with_the_token_that_it_was_about(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, later: datetime
) -> None:
    provider.set(access_token_lifetime=3600)
    edit(connection, expiry_signals="403")
    provider.fail("/api/contacts", status=403, times=2)
    assert pull(protected, later).error_code == "forbidden"
    grants.refresh(connection, now=later + timedelta(minutes=20))
    provider.fail("/api/contacts", status=403)

    assert pull(protected, later + timedelta(minutes=30)).state == RunState.SUCCEEDED
    assert provider.refreshes == 3


@pytest.mark.requirement("R46", "QC37")
def test_a_token_without_an_end_is_given_another_chance_an_hour_later(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, later: datetime
) -> None:
    edit(connection, expiry_signals="403")
    provider.fail_token(status=200, body={"access_token": "endless", "token_type": "bearer"}, times=None)
    Token.objects.update(expires_at=None, refresh_at=None)
    provider.fail("/api/contacts", status=403, times=None)

    for minutes in (0, 30, 61, 90):
        pull(protected, later + timedelta(minutes=minutes))

    assert len(provider.token_requests) == 2


@pytest.mark.requirement("QC37")
@pytest.mark.parametrize(("rule", "status", "refreshes"), [("200 error=x", 200, 0), ("403", 403, 1)])
def test_the_words_of_a_long_answer_are_not_searched_but_its_status_counts(
    echoed: SavedRequest,
    connection: Connection,
    provider: DemoServer,
    pull: Pull,
    later: datetime,
    rule: str,
    status: int,
    refreshes: int,
) -> None:
    edit(connection, expiry_signals=rule)
    provider.fail(ECHO, status=status, body={"error": "x", "data": "x" * 100_000})

    assert pull(echoed, later).state == RunState.SUCCEEDED
    assert provider.refreshes == refreshes


@pytest.mark.requirement("R50", "QC37")
def test_an_answer_that_refuses_the_token_with_200_is_no_row(
    echoed: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, later: datetime
) -> None:
    edit(connection, expiry_signals="200 error=token_expired")
    provider.fail(ECHO, status=200, body={"ok": False, "error": "token_expired"}, times=None)

    run = pull(echoed, later)

    assert (run.state, run.error_code, run.mender) == (RunState.FAILED, "unauthorized", Mender.CONNECTION)
    assert "“token_expired”" in run.error
    assert not Row.objects.exists()
    assert len(provider.requests_to(ECHO)) == 2


@pytest.mark.requirement("R50", "QC36", "QC37")
def test_who_is_refused_with_a_token_that_somebody_else_has_renewed_uses_the_new_one(
    echoed: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, later: datetime
) -> None:
    edit(connection, expiry_signals="403")
    access = grants.access(connection, echoed.url, now=later)
    grants.refresh(connection, now=later)

    again = grants.renewed(connection, access, grants.Signal.RULE, echoed.url, now=later)

    assert again
    assert again.token.value == token_of(connection).access_token
    assert provider.refreshes == 1


@pytest.mark.requirement("R46", "R50", "QC36")
def test_a_token_without_an_end_is_renewed_when_the_api_says_401_in_its_own_words(
    protected: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, later: datetime
) -> None:
    Token.objects.update(expires_at=None, refresh_at=None)
    body = '[{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]'
    provider.fail("/api/contacts", page=2, status=401, body=body)

    run = pull(protected, later)

    assert (run.state, run.rows, provider.refreshes) == (RunState.SUCCEEDED, 100, 1)


@pytest.mark.requirement("R50", "QC36")
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("challenge", "said"),
    [
        ('Bearer realm="x", error="insufficient_scope", scope="contacts.write"', "the scope contacts.write,"),
        ("Bearer error=insufficient_scope", "a scope that this needs,"),
    ],
)
def test_a_missing_scope_asks_for_consent_and_not_for_a_new_token(
    echoed: SavedRequest,
    connection: Connection,
    provider: DemoServer,
    pull: Pull,
    later: datetime,
    status: int,
    challenge: str,
    said: str,
) -> None:
    edit(connection, expiry_signals="403")
    provider.fail(ECHO, status=status, headers={"WWW-Authenticate": challenge})

    run = pull(echoed, later)

    assert (run.error_code, run.mender) == ("insufficient_scope", Mender.CONNECTION)
    assert said in run.error
    assert "connect again" in run.error
    assert provider.refreshes == 0


@pytest.mark.requirement("R53", "QC36")
def test_a_post_is_sent_again_after_a_401_which_says_that_nothing_was_done(
    echoed: SavedRequest, provider: DemoServer, pull: Pull, later: datetime
) -> None:
    edit(echoed, method="POST", body_kind="json", body='{"a": 1}')
    provider.fail(ECHO, status=401)

    assert pull(echoed, later).state == RunState.SUCCEEDED
    assert [asked.body for asked in provider.requests_to(ECHO)] == [b'{"a": 1}'] * 2


@pytest.mark.requirement("R53", "QC36")
def test_a_post_is_not_sent_again_after_any_other_answer(
    echoed: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, later: datetime
) -> None:
    edit(connection, expiry_signals="200 error=token_expired")
    edit(echoed, method="POST", body_kind="json", body='{"a": 1}')
    provider.fail(ECHO, status=200, body={"error": "token_expired"})

    run = pull(echoed, later)

    assert (run.state, run.error_code) == (RunState.FAILED, "ambiguous")
    assert "sent again by itself only after a 401" in run.error
    assert len(provider.requests_to(ECHO)) == 1
    # The next one goes out with another token.
    assert provider.refreshes == 1
    assert pull(echoed, later).state == RunState.SUCCEEDED


@pytest.mark.requirement("R53", "QC36")
def test_a_post_is_not_sent_again_by_a_later_attempt_either(
    echoed: SavedRequest, connection: Connection, provider: DemoServer, pull: Pull, later: datetime
) -> None:
    edit(connection, expiry_signals="200 error=token_expired")
    edit(echoed, method="POST", body_kind="json", body='{"a": 1}')
    provider.fail(ECHO, status=200, body={"error": "token_expired"})
    provider.fail_token(status=503, times=None)

    run = pull(echoed, later)

    assert (run.state, run.error_code) == (RunState.FAILED, "ambiguous")
    assert len(provider.requests_to(ECHO)) == 1


@pytest.mark.requirement("R43")
def test_a_caller_may_ask_for_a_token_that_lives_a_while(
    echoed: SavedRequest, connection: Connection, provider: DemoServer, now: datetime
) -> None:
    provider.set(access_token_lifetime=3600)
    Token.objects.update(expires_at=now + timedelta(minutes=30), obtained_at=now - timedelta(hours=2))

    grants.access(connection, echoed.url, now=now)
    assert provider.refreshes == 0

    access = grants.access(connection, echoed.url, now=now, minimum_life=timedelta(minutes=45))

    assert provider.refreshes == 1
    assert access.token.expires_at
    assert access.token.expires_at >= now + timedelta(minutes=45)


# Values of the connection in the request


@pytest.mark.requirement("R52", "QC07")
def test_what_the_provider_told_is_used_in_every_part_of_a_request(
    echoed: SavedRequest, provider: DemoServer, pull: Pull, now: datetime
) -> None:
    Token.objects.update(kept={"instance_url": provider.url, "realmId": "46 20/81", "tenant": 'a"b'})
    edit(
        echoed,
        method="POST",
        url="{{ connection.instance_url }}/api/echo?realm={{connection.realmId}}"
        "&x=%7B%7B+connection.tenant+%7D%7D",
        headers=[["X-Tenant", "t-{{ connection.realmId }}"]],
        body_kind="json",
        body='{"tenant": "{{ connection.tenant }}"}',
    )

    shown = runs.preview(echoed, now=now)

    asked = provider.requests[-1]
    assert asked.query == {"realm": "46 20/81", "x": 'a"b'}
    assert asked.headers["x-tenant"] == "t-46 20/81"
    assert asked.body == b'{"tenant": "a\\"b"}'
    assert shown.sent
    assert shown.sent.url.startswith(f"{provider.url}/api/echo?realm=46%2020%2F81")
    assert pull(echoed).state == RunState.SUCCEEDED


@pytest.mark.requirement("R52", "QC36")
def test_the_value_of_the_newest_answer_counts(
    echoed: SavedRequest, connection: Connection, provider: DemoServer, stranger: DemoServer, pull: Pull
) -> None:
    edit(connection, allowed_hosts=[f"127.0.0.1:{stranger.port}"])
    edit(echoed, url="{{ connection.instance_url }}/api/echo")
    for server in (provider, stranger):
        Token.objects.update(kept={"instance_url": server.url})
        assert pull(echoed).state == RunState.SUCCEEDED
        assert len(server.requests_to(ECHO)) == 1


@pytest.mark.requirement("R52", "QC36")
def test_a_refresh_that_is_due_comes_before_the_address_is_made(
    echoed: SavedRequest,
    connection: Connection,
    provider: DemoServer,
    stranger: DemoServer,
    pull: Pull,
    now: datetime,
) -> None:
    edit(connection, preset="salesforce", allowed_hosts=[f"127.0.0.1:{stranger.port}"])
    edit(echoed, url="{{ connection.instance_url }}/api/echo")
    Token.objects.update(kept={"instance_url": provider.url}, expires_at=now - timedelta(minutes=1))
    moved = {"access_token": "new", "instance_url": stranger.url}
    provider.fail_token(status=200, body=moved)

    assert pull(echoed).state == RunState.SUCCEEDED
    assert provider.requests_to(ECHO) == []
    assert [asked.headers["authorization"] for asked in stranger.requests] == ["Bearer new"]


@pytest.mark.requirement("R52", "QC36")
def test_a_run_goes_on_where_the_provider_has_moved_the_account_and_mixes_nothing(
    protected: SavedRequest,
    connection: Connection,
    provider: DemoServer,
    stranger: DemoServer,
    pull: Pull,
    later: datetime,
) -> None:
    stranger.set(contacts=10)
    edit(connection, preset="salesforce", allowed_hosts=[f"127.0.0.1:{stranger.port}"])
    edit(protected, url="{{ connection.instance_url }}/api/contacts?per_page=5")
    Token.objects.update(kept={"instance_url": provider.url})
    moved = {"access_token": stranger.mint().access_token, "instance_url": stranger.url}
    provider.fail("/api/contacts", page=3, status=401)
    provider.fail_token(status=200, body=moved)

    run = pull(protected, later)

    assert (run.state, run.error_code, run.pages) == (RunState.QUEUED, "connection_moved", 2)
    assert stranger.requests == []

    run = executed(run, later + timedelta(minutes=1))

    assert (run.state, run.rows) == (RunState.SUCCEEDED, 10)
    assert Row.objects.visible().count() == 10
    assert len(provider.requests_to("/api/contacts")) == 3


@pytest.mark.requirement("R52", "QC36")
def test_a_token_that_is_renewed_in_time_moves_a_run_too(
    protected: SavedRequest,
    connection: Connection,
    provider: DemoServer,
    stranger: DemoServer,
    now: datetime,
) -> None:
    edit(connection, preset="salesforce", allowed_hosts=[f"127.0.0.1:{stranger.port}"])
    edit(protected, url="{{ connection.instance_url }}/api/contacts")
    Token.objects.update(kept={"instance_url": provider.url})
    with outbound.Door() as door:
        caller = Caller(protected, door, Clock(now))
        first = caller.first_request(pagination.NoPagination())
        # Somebody else's refresh, between two calls of this one.
        Token.objects.update(kept={"instance_url": stranger.url})
        with pytest.raises(PullDelayed) as delayed:
            caller.send(first)

    assert delayed.value.problem.code == "connection_moved"
    assert not delayed.value.may_have_acted
    assert provider.requests == []


@pytest.mark.requirement("R52")
def test_an_unknown_value_blocks_the_run_and_is_named(
    echoed: SavedRequest, provider: DemoServer, pull: Pull
) -> None:
    Token.objects.update(kept={"realmId": "1"})
    edit(echoed, url=f"{provider.url}/api/echo/{{{{ connection.realmid }}}}")

    run = pull(echoed)

    assert (run.state, run.error_code) == (RunState.FAILED, "undefined_variable")
    assert "{{ connection.realmid }} is unknown. The connection has told realmId." in run.error
    assert provider.requests == []


@pytest.mark.parametrize("name", ["client_secret", "access_token", "refresh_token", "token.access_token"])
def test_no_secret_is_a_value(echoed: SavedRequest, provider: DemoServer, pull: Pull, name: str) -> None:
    edit(echoed, url=f"{provider.url}/api/echo?x={{{{ connection.{name} }}}}")

    assert "is unknown" in pull(echoed).error
    assert provider.requests == []


def test_without_a_connection_there_is_no_value(
    contacts: SavedRequest, provider: DemoServer, pull: Pull
) -> None:
    edit(contacts, url=f"{provider.url}{CONTACTS}?x={{{{ connection.realmId }}}}")

    assert contacts.authorization_kind == AuthorizationKind.NONE
    assert "is unknown" in pull(contacts).error
    assert provider.requests == []
