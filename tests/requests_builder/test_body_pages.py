"""Bodies on the page, in a team's file, and on their way to an API."""

from datetime import datetime
from typing import Any

import pytest
import yaml
from django.test import Client
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import Role, Team
from requests_builder import manifest, runs
from requests_builder.models import SavedRequest
from tests import factories

pytestmark = pytest.mark.django_db

BODIES: dict[str, dict[str, Any]] = {
    "form": {"form": {"a": "1", "b": "zwölf"}},
    "multipart": {"multipart": [["a", "1"], ["a", "2"]]},
    "xml": {"xml": "<a>${1}</a>"},
    "graphql": {"graphql": {"query": "{ a }", "variables": '{"first": 10}'}},
    "raw": {"raw": {"media_type": "text/csv", "text": "a;b"}},
    "json": {"body": '{"a": 1}'},
}


@pytest.fixture
def editor(client: Client, team: Team) -> Client:
    client.force_login(factories.member_of(team, Role.EDITOR))
    return client


@pytest.fixture
def api(httpserver: HTTPServer, settings: Settings) -> HTTPServer:
    """An API that takes anything, and remembers it."""
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{httpserver.port}"]
    httpserver.expect_request("/").respond_with_handler(lambda request: Response("[]", 200))
    return httpserver


def received(api: HTTPServer) -> Request:
    [(request, _)] = api.log
    return request


def test_the_rows_of_a_form_are_saved_and_shown_again(editor: Client, team: Team) -> None:
    typed = {
        "name": "Orders",
        "method": "POST",
        "url": "https://api.example/",
        "body_kind": "form",
        "body_pairs-name": ["status", "", "q"],
        "body_pairs-value": ["open", "", ""],
    }

    editor.post("/t/acme/requests/new/", typed)

    stored = SavedRequest.objects.get()
    assert stored.body_pairs == [{"name": "status", "value": "open"}, {"name": "q", "value": ""}]
    page = editor.get(f"/t/acme/requests/{stored.pk}/").content.decode()
    assert 'name="body_pairs-name" value="status"' in page
    assert 'name="body_pairs-value" value="open"' in page


def test_what_is_wrong_with_a_body_stands_at_its_field(editor: Client) -> None:
    typed = {"name": "Orders", "url": "https://api.example/", "body_kind": "graphql", "body": "{ a }"}

    page = editor.post("/t/acme/requests/new/", typed | {"graphql_variables": "[1]"})

    assert page.status_code == 422
    assert "must be a JSON object" in str(page.context["form"].errors["graphql_variables"])


def test_a_multipart_body_arrives(team: Team, api: HTTPServer, now: datetime) -> None:
    pairs = [{"name": "a", "value": "1"}, {"name": "b", "value": "zwölf"}]
    request = SavedRequest(
        team=team, method="POST", url=f"http://127.0.0.1:{api.port}/", body_kind="multipart", body_pairs=pairs
    )

    assert runs.preview(request, now=now).is_good

    assert received(api).form.to_dict() == {"a": "1", "b": "zwölf"}


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_survives_the_way_through_a_file(team: Team, kind: str, now: datetime) -> None:
    entry = {"name": "Orders", "method": "POST", "url": "https://api.example/"} | BODIES[kind]

    manifest.apply({"team": "Acme", "requests": [entry]}, now=now)
    exported = yaml.safe_load(manifest.export(team))
    again = manifest.apply(exported | {"users": []}, now=now)

    [stored] = exported["requests"]
    assert {key: stored[key] for key in BODIES[kind]} == BODIES[kind]
    assert not [line for line in again.lines if "Orders" in line and "unchanged" not in line]


def test_a_file_names_one_body(team: Team, now: datetime) -> None:
    entry = {"name": "Orders", "url": "https://api.example/", "form": {"a": "1"}, "xml": "<a/>"}

    with pytest.raises(manifest.InvalidManifest, match="one body"):
        manifest.apply({"team": "Acme", "requests": [entry]}, now=now)
