"""Bodies on the page, in a team's file, and on their way to an API."""

import html
import re
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
from tests.requests_builder.pages import text

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


@pytest.mark.parametrize(
    ("kind", "typed", "said"),
    [
        ("json", '{"a": 1}', "This is JSON."),
        ("json", '{"a": 1,\n "b": }', "The body is not JSON: expecting value at line 2, column 7."),
        ("json", '{"a": NaN}', "The body is not JSON: NaN is not a JSON number."),
        ("json", '{"a": {{ n }}, "b": "{{ today - 7 days | date }}"}', "This is JSON."),
        ("json", '{"a": {{ n }} 1}', "line 1, column 15"),
        ("json", "[" * 100_000, "The body is nested too deeply."),
        ("json", " \n", ""),
        ("graphql_variables", '{"first": 10}', "This is JSON."),
        ("graphql_variables", "[1]", 'The variables must be a JSON object, such as {"first": 10}.'),
        ("graphql_variables", '{"first"}', "The text of the variables is not JSON"),
        ("xml", "<a>\n<b></a>", "The body is not XML: mismatched tag at line 2, column 6."),
        ("xml", "<?xml version='1.0'?><a>{{ x }}</a>", "This is XML."),
        ("xml", "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "DOCTYPE"),
        ("raw", "{", ""),
        ("nonsense", "{", ""),
    ],
)
def test_a_body_is_judged_while_it_is_typed(kind: str, typed: str, said: str, editor: Client) -> None:
    answer = editor.post("/t/acme/requests/body-check/", {"kind": kind, "text": typed})

    assert answer.status_code == 200
    shown = html.unescape(text(answer))
    assert said in shown if said else not shown


def test_headers_are_suggested_with_their_usual_values(editor: Client) -> None:
    page = editor.get("/t/acme/requests/new/").content.decode()

    assert '<option value="If-None-Match"></option>' in page
    assert '<datalist id="header-values-accept"><option value="application/json"></option>' in page
    assert re.search('data-own="[^"]*content-length[^"]* host ', page)
