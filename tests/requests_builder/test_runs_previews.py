"""One call for a person who looks at it."""

from datetime import datetime, timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from accounts.models import Team
from connections.models import Connection
from demo_api.server import DemoServer
from requests_builder import runs
from requests_builder.models import AuthorizationKind, Mender, SavedRequest
from tests.requests_builder.conftest import CONTACTS

pytestmark = pytest.mark.django_db


@pytest.fixture
def unsaved(team: Team, provider: DemoServer) -> SavedRequest:
    """What a form holds before anybody has saved it."""
    return SavedRequest(team=team, name="", url=f"{provider.url}{CONTACTS}?page=1&per_page=60")


def test_a_preview_shows_what_a_pull_would_take_and_writes_nothing(
    unsaved: SavedRequest, now: datetime
) -> None:
    unsaved.records_path = "data"

    with CaptureQueriesContext(database) as queries:
        shown = runs.preview(unsaved, now=now)

    assert len(queries) == 0
    assert shown.is_good
    assert (shown.status, shown.media_type, shown.record_count) == (200, "application/json", 60)
    assert len(shown.records) == runs.MAX_SHOWN_RECORDS
    assert shown.columns[0] == "id"
    assert shown.suggested_paths[0] == ("data", 60)
    assert shown.suggested_pagination is not None
    assert shown.suggested_pagination.pagination.kind == "page"
    assert shown.sent
    assert shown.sent.method == "GET"
    assert shown.timings
    assert shown.size == len(shown.text.encode())


def test_secrets_are_masked_in_what_was_sent(
    unsaved: SavedRequest, provider: DemoServer, now: datetime
) -> None:
    unsaved.authorization_kind, unsaved.secret = AuthorizationKind.BEARER, "very-secret-token"

    shown = runs.preview(unsaved, now=now)

    assert shown.sent
    assert "very-secret-token" not in str(shown.sent) + repr(shown)
    assert provider.requests[-1].headers["authorization"] == "Bearer very-secret-token"


def test_a_secret_that_the_api_repeats_is_not_shown(
    unsaved: SavedRequest, provider: DemoServer, now: datetime
) -> None:
    unsaved.url = f"{provider.url}/api/echo"
    unsaved.authorization_kind, unsaved.username, unsaved.secret = (
        AuthorizationKind.BASIC,
        "ann",
        "very-secret",
    )

    shown = runs.preview(unsaved, now=now)

    sent = provider.requests[-1].headers["authorization"].removeprefix("Basic ")
    assert shown.has_document
    assert "•••" in shown.text
    for secret in (sent, "very-secret"):
        assert secret not in f"{shown.text}{shown.document}{shown.records}{shown.headers}"


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"url": "ftp://a.example/"}, "invalid_request", "url"),
        ({"url": ""}, "invalid_request", "url"),
        ({"url": "http://169.254.169.254/latest/meta-data/"}, "egress_blocked", "url"),
        ({"authorization_kind": "bearer", "secret": None}, "invalid_request", "authorization"),
        ({"authorization_kind": "oauth"}, "connection_missing", "authorization"),
        ({"pagination": {"kind": "nonsense"}}, "invalid_pagination", "pagination"),
        ({"records_path": "no.such"}, "records_not_found", "records_path"),
        ({"records_path": "]["}, "invalid_path", "records_path"),
    ],
)
def test_what_is_typed_wrong_is_told_with_the_place_to_look_at(
    fields: dict[str, object], code: str, field: str, unsaved: SavedRequest, now: datetime
) -> None:
    for name, value in fields.items():
        setattr(unsaved, name, value)

    shown = runs.preview(unsaved, now=now)

    assert shown.problem
    assert (shown.problem.code, shown.problem.field) == (code, field)
    assert shown.problem.sentence.endswith(".")


def test_html_is_shown_and_told(unsaved: SavedRequest, provider: DemoServer, now: datetime) -> None:
    unsaved.url = f"{provider.url}/api/html"

    shown = runs.preview(unsaved, now=now)

    assert (shown.status, shown.has_document) == (200, False)
    assert "HTML" in shown.unreadable
    assert shown.problem
    assert shown.problem.code == "parse_error"
    assert shown.text


def test_a_refusal_is_shown_whole_and_is_no_good_pull(
    unsaved: SavedRequest, provider: DemoServer, now: datetime
) -> None:
    provider.fail(CONTACTS, status=403, body={"message": "Not your contacts"})

    shown = runs.preview(unsaved, now=now)

    assert (shown.status, shown.document) == (403, {"message": "Not your contacts"})
    assert shown.problem
    assert (shown.problem.code, shown.problem.mender) == ("forbidden", Mender.EDITOR)


def test_a_server_that_hangs_up_is_told(unsaved: SavedRequest, provider: DemoServer, now: datetime) -> None:
    provider.drop(CONTACTS, times=None)

    shown = runs.preview(unsaved, now=now)

    assert shown.problem
    assert shown.problem.mender == Mender.NOBODY
    assert shown.sent


def test_no_content_is_no_problem(unsaved: SavedRequest, provider: DemoServer, now: datetime) -> None:
    provider.fail(CONTACTS, status=204)

    shown = runs.preview(unsaved, now=now)

    assert shown.is_good
    assert (shown.has_document, shown.record_count) == (False, 0)


def test_a_long_answer_is_cut(
    unsaved: SavedRequest, provider: DemoServer, now: datetime, settings: Settings
) -> None:
    provider.fail(CONTACTS, status=200, body={"data": ["x" * 300_000]})

    shown = runs.preview(unsaved, now=now)

    assert shown.is_cut
    assert len(shown.text) == runs.MAX_SHOWN_CHARACTERS


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("R50", "QC36")
def test_a_refused_token_is_renewed_once(
    protected: SavedRequest, connection: Connection, provider: DemoServer, now: datetime
) -> None:
    provider.fail("/api/contacts", status=401)

    shown = runs.preview(protected, now=now)

    assert shown.is_good
    assert provider.refreshes == 1
    assert len(provider.requests_to("/api/contacts")) == 2
    connection.token.refresh_from_db()
    assert connection.token.access_token not in repr(shown) + str(shown.sent)


@pytest.mark.django_db(transaction=True)
def test_an_expired_token_is_renewed_before_the_call(
    protected: SavedRequest, connection: Connection, provider: DemoServer, now: datetime
) -> None:
    connection.token.expires_at = now - timedelta(minutes=1)
    connection.token.save()

    assert runs.preview(protected, now=now).is_good
    assert (provider.refreshes, len(provider.requests_to("/api/contacts"))) == (1, 1)
