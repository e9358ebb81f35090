"""What variables stand for when a request runs, and where their secrets go."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Team
from connections.encryption import encrypted_field
from demo_api.server import DemoServer
from requests_builder import runs, schedules
from requests_builder.models import (
    AuthorizationKind,
    BodyKind,
    Mender,
    Row,
    Run,
    RunState,
    SavedRequest,
    TeamVariable,
    Trigger,
)
from tests import factories
from tests.requests_builder.conftest import CONTACTS, executed

pytestmark = pytest.mark.django_db

Pull = Callable[..., Run]
SECRET = "s3cret & <of the team>"


@pytest.fixture
def echoed(contacts: SavedRequest, provider: DemoServer) -> SavedRequest:
    """A request to an address that answers with what it got."""
    contacts.url, contacts.records_path = f"{provider.url}/api/echo", ""
    contacts.pagination = {"kind": "none"}
    contacts.save()
    return contacts


@pytest.fixture
def stranger(provider: DemoServer, settings: Settings) -> Iterator[DemoServer]:
    with DemoServer() as server:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{provider.port}", f"127.0.0.1:{server.port}"]
        yield server


def edit(thing: Any, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(thing, name, value)
    thing.save()


def variable(team: Team, name: str, value: str, **fields: Any) -> TeamVariable:
    return TeamVariable.objects.create(team=team, name=name, value=value, **fields)


def secret(team: Team, value: str = SECRET, **fields: Any) -> TeamVariable:
    return variable(team, "key", value, is_secret=True, **fields)


def echo_of(run: Run) -> dict[str, Any]:
    assert run.state == RunState.SUCCEEDED, run.error
    row: dict[str, Any] = Row.objects.get(batch__run=run).data
    return row


def test_a_run_uses_the_variables_of_its_team_and_before_them_its_own(
    echoed: SavedRequest, team: Team, pull: Pull
) -> None:
    variable(team, "region", "eu")
    variable(team, "version", "v1")
    edit(
        echoed,
        url=f"{echoed.url}?r={{{{ region }}}}&v={{{{ version }}}}",
        variables=[["version", "v2 & {{ x }}"]],
    )

    assert echo_of(pull(echoed))["query"] == [["r", "eu"], ["v", "v2 & {{ x }}"]]


def test_another_teams_variables_are_unknown(echoed: SavedRequest, provider: DemoServer, pull: Pull) -> None:
    variable(factories.TeamFactory(), "region", "eu")
    edit(echoed, url=f"{echoed.url}?r={{{{ region }}}}")

    run = pull(echoed)

    assert (run.state, run.error_code, run.mender) == (RunState.FAILED, "undefined_variable", Mender.EDITOR)
    assert "{{ region }} is unknown." in run.error
    assert provider.requests == []


# Dates


def test_a_late_run_asks_for_the_days_of_when_it_was_due(echoed: SavedRequest, now: datetime) -> None:
    edit(
        echoed,
        url=f"{echoed.url}?d={{{{ today }}}}&at={{{{ run.due_at }}}}&id={{{{ run.id }}}}",
    )
    run = Run.objects.create(
        team=echoed.team, saved_request=echoed, trigger=Trigger.SCHEDULE, due_at=now, not_before=now
    )

    sent = dict(echo_of(executed(run, now + timedelta(days=3)))["query"])

    assert sent == {"d": "2026-11-23", "at": "2026-11-23T12:00:00Z", "id": str(run.pk)}


def test_days_are_those_of_the_variable_timezone_else_of_the_schedule_else_utc(
    echoed: SavedRequest, team: Team, pull: Pull
) -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    edit(echoed, url=f"{echoed.url}?d={{{{ today | iso }}}}")

    def day() -> str:
        return str(echo_of(pull(echoed, late))["query"][0][1])

    assert day() == "2026-11-23T00:00:00Z"
    rule = schedules.from_config({"daily": "06:00", "timezone": "Asia/Tokyo"})
    runs.set_schedule(echoed, rule, user=None, now=late)
    assert day() == "2026-11-24T00:00:00+09:00"
    variable(team, "timezone", "Europe/Berlin")
    assert day() == "2026-11-24T00:00:00+01:00"
    edit(echoed, variables=[["timezone", "America/New_York"]])
    assert day() == "2026-11-23T00:00:00-05:00"


def test_a_run_under_way_begins_anew_when_the_zone_of_its_schedule_changes(
    echoed: SavedRequest, now: datetime
) -> None:
    def version() -> int:
        return SavedRequest.objects.get(pk=echoed.pk).version

    runs.set_schedule(echoed, schedules.from_config({"every": "5 minutes"}), user=None, now=now)
    assert version() == 1
    runs.set_schedule(
        echoed, schedules.from_config({"daily": "06:00", "timezone": "Asia/Tokyo"}), user=None, now=now
    )
    assert version() == 2
    runs.set_schedule(
        echoed, schedules.from_config({"daily": "07:00", "timezone": "Asia/Tokyo"}), user=None, now=now
    )
    assert version() == 2
    runs.remove_schedule(echoed, now=now)
    assert version() == 3


def test_a_run_knows_the_last_one_that_succeeded(echoed: SavedRequest, pull: Pull, now: datetime) -> None:
    edit(echoed, url=f"{echoed.url}?since={{{{ last_run.due_at or 'the beginning' }}}}")

    assert echo_of(pull(echoed))["query"] == [["since", "the beginning"]]
    Run.objects.create(
        team=echoed.team,
        saved_request=echoed,
        trigger=Trigger.SCHEDULE,
        state=RunState.FAILED,
        due_at=now + timedelta(hours=1),
        not_before=now,
    )
    later = pull(echoed, now + timedelta(hours=2))
    assert echo_of(later)["query"] == [["since", "2026-11-23T12:00:00Z"]]


def test_a_run_that_goes_on_keeps_the_last_run_that_it_began_with(
    contacts: SavedRequest, provider: DemoServer, pull: Pull, now: datetime
) -> None:
    edit(contacts, headers=[["X-Since", "{{ last_run.due_at or 'never' }}"]])
    provider.fail(CONTACTS, page=3, times=1, status=503)
    run = pull(contacts)
    assert run.state == RunState.QUEUED
    Run.objects.create(
        team=contacts.team,
        saved_request=contacts,
        trigger=Trigger.MANUAL,
        state=RunState.SUCCEEDED,
        due_at=now + timedelta(seconds=1),
        not_before=now,
        started_at=now + timedelta(seconds=1),
        finished_at=now + timedelta(seconds=2),
    )

    assert executed(run, run.not_before).state == RunState.SUCCEEDED
    assert {request.headers["x-since"] for request in provider.requests_to(CONTACTS)} == {"never"}


# Secrets


def test_a_secret_goes_out_and_is_seen_nowhere(
    echoed: SavedRequest, team: Team, provider: DemoServer, pull: Pull, caplog: pytest.LogCaptureFixture
) -> None:
    secret(team)
    edit(
        echoed,
        method="POST",
        url=f"{echoed.url}?k={{{{ key }}}}",
        headers=[["X-Key", "Token {{ key }}"]],
        body_kind=BodyKind.JSON,
        body='{"k": "{{ key }}"}',
        authorization_kind=AuthorizationKind.BASIC,
        username="{{ key }}",
        secret="{{ key }}",
    )
    with caplog.at_level("DEBUG"):
        row = echo_of(pull(echoed))
        shown = runs.preview(echoed, now=datetime(2026, 11, 23, tzinfo=UTC))

    [asked, _] = provider.requests
    assert dict(asked.query_pairs) == {"k": SECRET}
    assert asked.headers["x-key"] == f"Token {SECRET}"
    assert json.loads(asked.body) == {"k": SECRET}
    assert row["query"] == [["k", "•••"]]
    everything = f"{row}{shown}{shown.sent}{shown.text}{shown.document}{shown.body!r}{caplog.text}"
    for form in ("s3cret", "czNjcmV0"):
        assert form not in everything
    assert "Authorization: Basic •••" in str(shown.sent)
    assert "X-Key: Token •••" in str(shown.sent)


def test_a_secret_that_xml_repeats_is_masked_in_the_text_of_the_answer(
    echoed: SavedRequest, team: Team, provider: DemoServer, now: datetime
) -> None:
    secret(team)
    answer = "<a>s3cret &amp; &lt;of the team&gt;</a>"
    provider.fail("/api/echo", status=200, body=answer, content_type="application/xml")
    edit(echoed, headers=[["X-Key", "{{ key }}"]])

    shown = runs.preview(echoed, now=now)

    assert shown.text == "<a>•••</a>"
    assert "s3cret" not in str(shown.document)


def test_no_secret_is_in_a_checkpoint(
    contacts: SavedRequest, team: Team, provider: DemoServer, pull: Pull
) -> None:
    secret(team)
    edit(contacts, url=f"{contacts.url}&key={{{{ key }}}}", headers=[["X-Key", "{{ key }}"]])
    provider.fail(CONTACTS, page=3, times=1, status=503)

    run = pull(contacts)

    assert run.checkpoint is not None
    assert "page=3" in run.checkpoint
    assert "s3cret" not in run.checkpoint
    assert executed(run, run.not_before).state == RunState.SUCCEEDED


def test_a_secret_that_was_renewed_meanwhile_is_sent_from_the_next_page_on(
    contacts: SavedRequest, team: Team, provider: DemoServer, pull: Pull
) -> None:
    key = secret(team)
    edit(contacts, url=f"{contacts.url}&key={{{{ key }}}}")
    provider.fail(CONTACTS, page=3, times=1, status=503)
    run = pull(contacts)
    edit(key, value="another-one")

    executed(run, run.not_before)

    sent = [dict(request.query_pairs)["key"] for request in provider.requests_to(CONTACTS)]
    assert (sent[0], sent[-1]) == (SECRET, "another-one")


@pytest.mark.parametrize("place", ["url", "headers", "secret"])
def test_a_secret_that_is_bound_to_hosts_goes_to_no_other(
    echoed: SavedRequest, team: Team, provider: DemoServer, stranger: DemoServer, pull: Pull, place: str
) -> None:
    secret(team, hosts=[f"127.0.0.1:{provider.port}"])
    own = {"url": f"{echoed.url}?k={{{{ key }}}}", "headers": [["X-Key", "{{ key }}"]], "secret": "{{ key }}"}
    edit(echoed, **{place: own[place]})
    if place == "secret":
        edit(echoed, authorization_kind=AuthorizationKind.BEARER)
    assert pull(echoed).state == RunState.SUCCEEDED

    edit(echoed, url=echoed.url.replace(str(provider.port), str(stranger.port)))
    run = pull(echoed)

    assert (run.state, run.error_code) == (RunState.FAILED, "host_not_allowed_for_variable")
    assert f"{{{{ key }}}} is not sent to 127.0.0.1:{stranger.port}" in run.error
    assert (run.mender, SECRET in run.error) == (Mender.EDITOR, False)
    assert stranger.requests == []


def test_a_secret_that_is_bound_to_hosts_goes_over_https_only(
    echoed: SavedRequest, team: Team, settings: Settings, pull: Pull
) -> None:
    secret(team, hosts=["93.184.216.34"])
    edit(echoed, url="http://93.184.216.34/?k={{ key }}")

    run = pull(echoed)

    assert run.state == RunState.FAILED
    assert "https" in run.error


def test_a_redirect_is_not_followed_with_a_secret_in_the_url(
    echoed: SavedRequest, team: Team, provider: DemoServer, stranger: DemoServer, pull: Pull
) -> None:
    secret(team)
    provider.fail("/api/echo", status=302, headers={"Location": f"{stranger.url}/api/echo?k=x"})
    edit(echoed, url=f"{echoed.url}?k={{{{ key }}}}")

    run = pull(echoed)

    assert run.error_code == "redirected"
    assert "a secret travels in the URL" in run.error
    assert stranger.requests == []


def test_a_typed_secret_does_not_follow_a_variable_host(
    echoed: SavedRequest, team: Team, provider: DemoServer, stranger: DemoServer, pull: Pull
) -> None:
    host = variable(team, "host", f"127.0.0.1:{provider.port}")
    edit(
        echoed,
        url="http://{{ host }}/api/echo",
        authorization_kind=AuthorizationKind.BEARER,
        secret="typed-token",
        secret_origin=f"http://127.0.0.1:{provider.port}",
    )
    assert pull(echoed).state == RunState.SUCCEEDED

    edit(host, value=f"127.0.0.1:{stranger.port}")
    run = pull(echoed)

    assert (run.state, run.error_code) == (RunState.FAILED, "host_not_allowed_for_secret")
    assert stranger.requests == []


def test_a_secret_that_cannot_be_read_is_the_hosts_to_mend(
    echoed: SavedRequest, team: Team, provider: DemoServer, pull: Pull
) -> None:
    found = secret(team)
    of_another_row = encrypted_field(TeamVariable, "value").seal(uuid4(), "x")
    TeamVariable.objects.filter(pk=found.pk).update(value=of_another_row)
    edit(echoed, url=f"{echoed.url}?k={{{{ key }}}}")

    run = pull(echoed)

    assert (run.error_code, run.mender) == ("secret_unreadable", Mender.HOST)
    assert provider.requests == []
