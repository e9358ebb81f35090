"""What is kept of the past: the log of token calls, and the team's audit log."""

import io
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry, Role, Team, User, Verb
from connections import grants
from connections.forms import ConnectionForm
from connections.grants.asking import history
from connections.models import CallKind, CallOutcome, Circuit, Connection, ConnectionState, Token, TokenCall
from demo_api.server import DemoServer
from tests import factories

AUDIT = "/t/acme/audit/"


@pytest.fixture
def connected(provider: DemoServer, connection: Connection, now: datetime) -> Connection:
    """The connection, with tokens that the provider has granted."""
    tokens = provider.mint("contacts.read offline_access")
    factories.connected(
        connection,
        now=now,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        refresh_at=now,
    )
    return connection


def verbs() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True))


# The log of token calls


@pytest.mark.requirement("R63")
def test_a_refresh_leaves_a_line_with_names_and_without_values(connected: Connection, now: datetime) -> None:
    grants.refresh(connected, now=now)

    call = TokenCall.objects.get()
    assert (call.kind, call.outcome, call.status, call.user) == (
        CallKind.REFRESH,
        CallOutcome.SUCCEEDED,
        200,
        None,
    )
    assert (call.method, call.path, call.host) == ("POST", "/oauth/token", connected.host)
    assert {"grant_type", "refresh_token", "client_id"} <= set(call.parameters)
    assert {"access_token", "expires_in"} <= set(call.members)
    assert call.at - now < timedelta(seconds=1)


@pytest.mark.requirement("R61", "R63")
def test_no_line_holds_a_secret_whatever_the_provider_repeats(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    token = Token.objects.get()
    body = json.dumps(
        {
            "error": "invalid_request",
            "error_description": f"{token.refresh_token} {connected.client_secret}",
            str(token.refresh_token): 1,
        }
    )
    provider.fail_token(status=400, body=body, times=None)

    with suppress(grants.TokenUnavailable):
        grants.refresh(connected, now=now)

    line = json.dumps(list(TokenCall.objects.values()), default=str)
    for secret in (token.refresh_token, token.access_token, connected.client_secret):
        assert str(secret) not in line
    assert TokenCall.objects.get().provider_text.startswith("invalid_request: •••")


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, '{"error": "invalid_grant"}', CallOutcome.GRANT_REFUSED),
        (401, '{"error": "invalid_client"}', CallOutcome.CLIENT_REFUSED),
        (503, "", CallOutcome.UNAVAILABLE),
        (400, '{"error": "blue_moon"}', CallOutcome.UNKNOWN_REFUSAL),
        (200, "{}", CallOutcome.UNREADABLE),
    ],
)
@pytest.mark.requirement("R63")
def test_a_line_says_what_the_answer_meant(
    provider: DemoServer, connected: Connection, now: datetime, status: int, body: str, outcome: CallOutcome
) -> None:
    provider.fail_token(status=status, body=body, times=None)

    with pytest.raises(grants.TokenUnavailable):
        grants.refresh(connected, now=now)

    assert set(TokenCall.objects.values_list("outcome", "status")) == {(outcome, status)}


def test_the_line_is_written_after_the_tokens_and_costs_one_statement(
    connected: Connection, now: datetime
) -> None:
    with CaptureQueriesContext(database) as queries:
        grants.refresh(connected, now=now)

    writes = [query["sql"] for query in queries if query["sql"].startswith(("UPDATE", "INSERT"))]
    about_calls = [number for number, sql in enumerate(writes) if "tokencall" in sql]
    stores = [
        number
        for number, sql in enumerate(writes)
        if 'UPDATE "connections_token"' in sql and "version" in sql
    ]
    assert len(about_calls) == 1
    assert about_calls[0] > stores[-1]


def test_a_log_that_cannot_be_written_does_not_spoil_a_refresh(connected: Connection, now: datetime) -> None:
    with database.execute_wrapper(_no_log):
        token = grants.refresh(connected, now=now)

    assert token.version == 2
    assert Token.objects.get().version == 2


def _no_log(execute: Any, sql: str, *arguments: Any) -> Any:
    from django.db import OperationalError

    if "tokencall" in sql:
        raise OperationalError("the disk is full")
    return execute(sql, *arguments)


def test_a_secret_with_line_breaks_spoils_neither_the_line_nor_the_refresh(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    connected.client_secret = "one\ntwo\nthree"
    connected.save()
    provider.fail_token(status=200, body={"one": 1, "two": 2, "three": 3, "\ud800\u0000": 4}, times=None)

    with pytest.raises(grants.TokenUnavailable):
        grants.refresh(connected, now=now)

    call = TokenCall.objects.latest("pk")
    assert call.outcome == CallOutcome.UNREADABLE
    assert "one" not in call.members


def test_a_batch_in_the_background_writes_its_lines_together(
    provider: DemoServer, connection: Connection, now: datetime
) -> None:
    for number in range(3):
        each = factories.ConnectionFactory(
            token_url=connection.token_url,
            client_id=connection.client_id,
            client_secret=connection.client_secret,
            name=f"Number {number}",
        )
        factories.connected(each, now=now, refresh_token=provider.mint("offline_access").refresh_token)

    with history.gathered(), CaptureQueriesContext(database) as queries:
        for each in Connection.objects.exclude(pk=connection.pk):
            grants.refresh(each, now=now)
        assert not TokenCall.objects.exists()

    assert TokenCall.objects.count() == 3
    assert not any("INSERT" in query["sql"] and "tokencall" in query["sql"] for query in queries)


def test_a_long_batch_writes_its_lines_now_and_then(connected: Connection, now: datetime) -> None:
    with history.gathered():
        grants.refresh(connected, now=now)
        history.write_now_and_then()
        assert not TokenCall.objects.exists()

        time.sleep(1.05)
        history.write_now_and_then()
        assert TokenCall.objects.count() == 1

    assert TokenCall.objects.count() == 1


def test_a_line_of_a_connection_that_was_deleted_meanwhile_hurts_nobody(
    connected: Connection, now: datetime
) -> None:
    with history.gathered():
        grants.refresh(connected, now=now)
        Connection.objects.filter(pk=connected.pk).delete()

    assert history.thin(now=now) == 1
    assert not TokenCall.objects.exists()


@pytest.mark.requirement("R63")
def test_the_last_fifty_good_refreshes_are_kept_and_every_failure_for_ninety_days(
    connection: Connection, now: datetime
) -> None:
    def lines(count: int, outcome: CallOutcome, at: datetime) -> None:
        call = TokenCall(connection=connection, kind=CallKind.REFRESH, outcome=outcome, at=at, host="h")
        TokenCall.objects.bulk_create(_copy(call) for _ in range(count))

    lines(60, CallOutcome.SUCCEEDED, now - timedelta(hours=1))
    lines(70, CallOutcome.UNAVAILABLE, now - timedelta(days=89))
    lines(5, CallOutcome.UNAVAILABLE, now - timedelta(days=91))

    assert history.thin(now=now) == 15

    kept = [TokenCall.objects.filter(outcome=each).count() for each in ("succeeded", "unavailable")]
    assert kept == [50, 70]


def _copy(call: TokenCall) -> TokenCall:
    return TokenCall(connection=call.connection, kind=call.kind, outcome=call.outcome, at=call.at, host="h")


# The audit log


@pytest.mark.requirement("R63")
def test_creating_editing_replacing_and_deleting_are_in_the_audit_log_without_secrets(
    team: Team, editor: User, now: datetime
) -> None:
    six = {
        "name": "CRM",
        "authorization_url": "https://crm.example/authorize",
        "token_url": "https://crm.example/token",
        "client_id": "abc",
        "client_secret": "first-s3cret",
        "scopes": "read",
    }
    form = ConnectionForm(six, instance=Connection(team=team), team=team, user=editor)
    assert form.save_settings(now=now) if form.is_valid() else form.errors == {}
    edited = {**six, "scopes": "read write", "client_secret": "second-s3cret"}
    form = ConnectionForm(edited, instance=Connection.objects.get(), team=team, user=editor)
    assert form.save_settings(now=now) if form.is_valid() else form.errors == {}
    grants.delete(Connection.objects.get(), now=now, user=editor)

    assert verbs() == [Verb.CREATED, Verb.REPLACED_SECRET, Verb.EDITED, Verb.DELETED]
    entries = AuditEntry.objects.all()
    assert {entry.user_name for entry in entries} == {str(editor)}
    assert {entry.object_name for entry in entries} == {"CRM"}
    assert AuditEntry.objects.get(verb=Verb.EDITED).detail == {"Fields": "scopes"}
    assert "s3cret" not in json.dumps(list(entries.values()), default=str)


@pytest.mark.requirement("R63")
def test_a_connection_that_stops_renewing_and_one_that_goes_on_are_in_the_audit_log_once(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    provider.fail_token(status=401, body={"error": "invalid_client"}, times=None)
    for hours in (0, 7):
        with pytest.raises(grants.TokenUnavailable):
            grants.refresh(Connection.objects.get(), now=now + timedelta(hours=hours))
    provider.clear_faults()
    grants.refresh(Connection.objects.get(), now=now + timedelta(hours=14))

    assert verbs() == [Verb.STOPPED_RENEWING, Verb.RENEWED_AGAIN]
    entry = AuditEntry.objects.earliest("pk")
    assert entry.user is None
    assert entry.detail["The provider said"] == "invalid_client (HTTP 401)"


@pytest.mark.requirement("R63")
def test_a_failure_that_may_heal_is_in_the_log_of_calls_and_not_in_the_audit_log(
    provider: DemoServer, connected: Connection, now: datetime
) -> None:
    provider.fail_token(status=503)

    with suppress(grants.TokenUnavailable):
        grants.refresh(connected, now=now)

    assert not AuditEntry.objects.exists()
    assert TokenCall.objects.filter(outcome=CallOutcome.UNAVAILABLE).exists()


@pytest.mark.requirement("R63")
def test_the_audit_log_outlives_the_user_who_is_in_it(team: Team, editor: User, now: datetime) -> None:
    grants.record(Verb.CREATED, factories.ConnectionFactory(team=team), user=editor, now=now)
    name = str(editor)

    editor.delete()

    entry = AuditEntry.objects.get()
    assert (entry.user, entry.user_name) == (None, name)


@pytest.mark.requirement("R62", "R63")
def test_admins_read_the_audit_log_of_their_own_team(client: Client, team: Team, now: datetime) -> None:
    admin = factories.member_of(team, Role.ADMIN)
    mine = factories.ConnectionFactory(team=team, name="Ours")
    other = factories.ConnectionFactory(name="Theirs")
    for each in (mine, other):
        grants.record(Verb.DELETED, each, user=admin, now=now, detail={"Reason": "<b>bold</b>"})
    client.force_login(admin)

    page = client.get(AUDIT).content.decode()

    assert "Ours" in page
    assert "Theirs" not in page
    assert "&lt;b&gt;bold" in page


def test_the_audit_log_is_paged_by_where_one_stands(client: Client, team: Team, now: datetime) -> None:
    admin = factories.member_of(team, Role.ADMIN)
    connection = factories.ConnectionFactory(team=team)
    for number in range(120):
        grants.record(Verb.EDITED, connection, user=admin, now=now, detail={"Number": f"<{number}>"})
    client.force_login(admin)
    seen: list[int] = []
    path = AUDIT

    for _ in range(3):
        page = client.get(path)
        seen += [int(entry.detail["Number"].strip("<>")) for entry in page.context["entries"]]
        path = AUDIT + page.context["older"]

    assert seen == list(reversed(range(120)))
    assert not client.get(path).context["newest"]


@pytest.mark.parametrize(
    "query", ["?before=", "?before=x", "?before=²", f"?before={'9' * 30}", "?object=%00"]
)
def test_an_address_of_the_audit_log_that_nobody_gave_is_no_error(
    client: Client, owner: User, query: str
) -> None:
    client.force_login(owner)

    assert client.get(AUDIT + query).status_code == 200


# What hosts see


@pytest.fixture
def trouble(team: Team) -> Iterator[datetime]:
    moment = timezone.now().replace(microsecond=0)
    with time_machine.travel(moment, tick=False):
        due = factories.ConnectionFactory(team=team, name="Due")
        factories.connected(due, now=moment, refresh_at=moment - timedelta(minutes=3))
        factories.ConnectionFactory(team=team, name="Dead", state=ConnectionState.NEEDS_REAUTH)
        TokenCall.objects.create(
            connection=due,
            kind=CallKind.REFRESH,
            outcome=CallOutcome.UNAVAILABLE,
            at=moment - timedelta(minutes=2),
            host="oauth2.googleapis.com",
        )
        Circuit.objects.create(
            key="some-key",
            host="oauth2.googleapis.com",
            failures=3,
            began_at=moment,
            open_until=moment + timedelta(minutes=4),
        )
        yield moment


@pytest.mark.requirement("R65")
def test_the_command_tells_hosts_what_is_due_what_failed_and_who_is_left_alone(trouble: datetime) -> None:
    out = io.StringIO()

    call_command("connections", stdout=out)

    said = " ".join(out.getvalue().split())
    assert "Needs reconnecting 1" in said
    assert "Due for a refresh 1, the oldest since 3 min" in said
    assert "oauth2.googleapis.com (google) Provider unavailable 1, last 2 min ago" in said
    assert "Servers left alone: 1 oauth2.googleapis.com for 4 min yet" in said


@pytest.mark.requirement("R65")
def test_the_same_comes_as_json_and_as_metrics(trouble: datetime) -> None:
    as_json, as_metrics = io.StringIO(), io.StringIO()

    call_command("connections", "--json", stdout=as_json)
    call_command("connections", "--metrics", stdout=as_metrics)

    seen = json.loads(as_json.getvalue())
    assert (seen["due"], seen["states"]["needs_reauth"], len(seen["circuits"])) == (1, 1, 1)
    lines = as_metrics.getvalue().splitlines()
    assert 'connections{state="needs_reauth"} 1' in lines
    assert "connections_oldest_overdue_seconds 180.0" in lines
    failed = '{host="oauth2.googleapis.com",provider="google",outcome="unavailable"}'
    assert f"connections_failed_token_calls{failed} 1" in lines
