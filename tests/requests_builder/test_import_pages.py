"""Import: a file or its text, the list of what is in it, the builder filled from it, several saved."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Role, Team, User
from requests_builder import importing, imports, samples
from requests_builder.models import AuthorizationKind, Sample, SavedRequest
from tests import factories
from tests.conftest import NOON
from tests.requests_builder.import_documents import HAR, OPENAPI, POSTMAN
from tests.requests_builder.pages import cost, text

IMPORT, NEW = "/t/acme/requests/import/", "/t/acme/requests/new/"


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


def bring(client: Client, document: Any) -> str:
    """The page with what is in a document."""
    upload = SimpleUploadedFile("requests.json", json.dumps(document).encode())
    response = client.post(IMPORT, {"file": upload})
    assert response.status_code == 302
    return str(response["Location"])


def reference(page: str, number: int) -> str:
    return f"{page.rstrip('/').rpartition('/')[2]}.{number}"


def test_a_file_becomes_a_list_by_folders_and_nothing_is_saved(signed_in: Client) -> None:
    page = bring(signed_in, POSTMAN)

    shown = text(signed_in.get(page))
    assert "CRM" in shown
    assert "Contacts / Admin" in shown
    assert "List contacts" in shown
    assert "Cannot be taken. The body uploads a file" in shown
    assert not SavedRequest.objects.exists()


@pytest.mark.parametrize(
    "pasted", [json.dumps(OPENAPI), "openapi: 3.0.0\npaths:\n  /a:\n    get: {}\n    put: {}\n"]
)
def test_text_can_be_pasted_in_place_of_a_file(signed_in: Client, pasted: str) -> None:
    response = signed_in.post(IMPORT, {"text": pasted})

    assert response.status_code == 302
    assert signed_in.get(response["Location"]).status_code == 200


def test_a_command_goes_straight_to_the_builder(signed_in: Client) -> None:
    response = signed_in.post(
        IMPORT, {"text": "curl https://api.example/x -u ann:pw-false -d a=1 --frobnicate"}
    )

    assert urlsplit(response["Location"]).path == NEW
    page = signed_in.get(response["Location"])
    body = page.content.decode()
    assert 'value="https://api.example/x"' in body
    assert 'value="ann"' in body
    assert "--frobnicate is not an option" in body
    assert "pw-false" not in body


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Choose a file, or paste its text."),
        ({"text": "hello"}, "neither JSON nor YAML"),
        ({"text": '{"a": 1,}'}, "line 1, column"),
        ({"text": "curl https://a.example -d @x.json"}, "x.json"),
        ({"text": '{"order": [], "requests": []}'}, "export it there as Collection v2.1"),
        ({"file": SimpleUploadedFile("a.zip", b"PK\x03\x04")}, "ZIP"),
        ({"file": SimpleUploadedFile("a.json", b"")}, "nothing in it"),
    ],
    ids=["nothing", "words", "broken", "a file it reads", "version 1", "archive", "empty"],
)
def test_what_cannot_be_read_is_said_at_its_field_and_nothing_is_kept(
    signed_in: Client, data: dict[str, Any], said: str
) -> None:
    response = signed_in.post(IMPORT, data)

    assert response.status_code == 422
    assert said in text(response)
    assert not Sample.objects.exists()


def test_a_file_of_100_mb_is_refused_with_a_sentence(signed_in: Client) -> None:
    upload = SimpleUploadedFile("large.json", b"x" * 100 * 2**20)

    response = signed_in.post(IMPORT, {"file": upload})

    assert response.status_code == 422
    assert "The file is larger than 10 MB" in text(response)
    # It was dropped as it came: neither memory nor a disk has held it.
    assert not response.wsgi_request.FILES


def test_a_file_whose_requests_repeat_something_long_is_refused(signed_in: Client) -> None:
    request = {"url": "https://a.example/x", "body": {"mode": "raw", "raw": "{{v}}"}}
    long = {**POSTMAN, "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "x" * 19_000}]}}
    long["item"] = [{"name": str(number), "request": request} for number in range(1_900)]

    response = signed_in.post(IMPORT, {"file": SimpleUploadedFile("a.json", json.dumps(long).encode())})

    assert response.status_code == 422
    assert "too long to be kept" in text(response)


def test_the_list_can_be_searched_without_a_script(signed_in: Client) -> None:
    page = bring(signed_in, POSTMAN)

    shown = text(signed_in.get(page, {"q": "admin make"}))
    assert "Make one" in shown
    assert "List contacts" not in shown
    assert "No such request" in text(signed_in.get(page, {"q": "nothing like it"}))


def test_pictures_and_scripts_are_shown_when_asked_for(signed_in: Client) -> None:
    page = bring(signed_in, HAR)

    assert "GET /app.js" not in text(signed_in.get(page))
    assert "Show 1 more that only a page needs" in text(signed_in.get(page))
    assert "GET /app.js" in text(signed_in.get(page, {"all": ""}))


def test_one_opens_in_the_builder_filled_and_its_secret_stays_on_the_server(signed_in: Client) -> None:
    page = bring(signed_in, POSTMAN)

    response = signed_in.get(NEW, {"imported": reference(page, 2)})

    form = response.context["form"]
    assert form["name"].value() == "Make one"
    assert form["method"].value() == "POST"
    assert form["body"].value() == '{"id": "{{ run.id }}", "name": "{{$randomFullName}}"}'
    assert form["api_key_name"].value() == "X-Admin-Key"
    assert "k-false" not in response.content.decode()
    assert "From the imported file. Leave this blank to keep it" in text(response)
    assert "The builder was filled from the Postman collection" in text(response)


def posted(client: Client, page: str, number: int, **more: Any) -> Any:
    """The builder's form as it stands there, sent off."""
    wanted = reference(page, number)
    form = client.get(NEW, {"imported": wanted}).context["form"]
    data = {
        name: form[name].value() or ""
        for name in form.fields
        if name not in ("headers", "body_pairs", "mapping")
    }
    body_pairs = [(row.name, row.value) for row in form.body_pair_rows]
    for name, rows in (("headers", form.header_pairs), ("body_pairs", body_pairs)):
        data |= {f"{name}-name": [row[0] for row in rows], f"{name}-value": [row[1] for row in rows]}
    return client.post(NEW, {**data, "key_fields": "", "imported": wanted, **more})


def test_what_is_saved_from_the_builder_has_the_secret_of_the_file(signed_in: Client, team: Team) -> None:
    page = bring(signed_in, POSTMAN)

    response = posted(signed_in, page, 3, url="https://other.example/token")

    assert response.status_code == 302
    saved = team.saved_requests.get()
    assert (saved.name, saved.username, saved.secret) == ("Log in", "ann", "pw-false")
    assert saved.follow_redirects is False
    assert saved.body_pairs == [{"name": "a", "value": "1"}]
    assert "Saved" in text(signed_in.get(page))


def test_what_is_typed_wins_over_the_secret_of_the_file(signed_in: Client, team: Team) -> None:
    page = bring(signed_in, POSTMAN)

    posted(signed_in, page, 3, password="another")

    assert team.saved_requests.get().secret == "another"


def test_a_form_with_errors_keeps_what_came_from_the_file(signed_in: Client) -> None:
    page = bring(signed_in, POSTMAN)

    response = posted(signed_in, page, 3, timeout_seconds="500")

    assert response.status_code == 422
    assert f'name="imported" value="{reference(page, 3)}"' in response.content.decode()
    assert "The builder was filled from" in text(response)


def test_several_are_saved_at_once_each_under_a_free_name(signed_in: Client, team: Team) -> None:
    factories.SavedRequestFactory(team=team, name="Log in")
    page = bring(signed_in, POSTMAN)

    response = signed_in.post(page, {"take": ["2", "3", "4", "5"]}, follow=True)

    names = set(team.saved_requests.values_list("name", flat=True))
    assert names == {"Log in", "Log in 2", "Make one"}
    saved = team.saved_requests.get(name="Make one")
    assert (saved.api_key_name, saved.secret) == ("X-Admin-Key", "k-false")
    assert saved.created_by is not None
    shown = text(response)
    assert "2 requests were saved." in shown
    assert "1 request could not be saved: the list says why." in shown
    assert "Was not saved. Connection: Choose a connection, or make one with New." in shown


def test_a_second_press_saves_nothing_twice(signed_in: Client, team: Team) -> None:
    page = bring(signed_in, POSTMAN)

    for _ in range(2):
        signed_in.post(page, {"take": ["3"]})

    assert team.saved_requests.count() == 1


def test_a_connection_and_a_key_are_given_once_for_all_that_need_them(signed_in: Client, team: Team) -> None:
    connection = factories.ConnectionFactory(team=team, authorization_url="https://eu.pets.example/authorize")
    page = bring(signed_in, OPENAPI)
    assert "The file does not hold it." in text(signed_in.get(page))

    signed_in.post(page, {"take": ["0", "1", "2"], "connection": str(connection.pk), "secret": "k-false"})

    kinds = {saved.name: saved for saved in team.saved_requests.all()}
    assert kinds["List pets"].secret == "k-false"
    assert kinds["GET /pets/{petId}"].authorization_kind == AuthorizationKind.NONE
    if "createPet" in kinds:
        assert kinds["createPet"].connection == connection


def test_a_connection_of_another_team_cannot_be_chosen(signed_in: Client, team: Team) -> None:
    foreign = factories.ConnectionFactory()
    page = bring(signed_in, POSTMAN)

    signed_in.post(page, {"take": ["4"], "connection": str(foreign.pk)})

    assert not team.saved_requests.exists()


@pytest.mark.parametrize("take", [[], ["x"], ["-1"], [str(number) for number in range(201)]])
def test_none_or_too_many_ticks_are_said(signed_in: Client, team: Team, take: list[str]) -> None:
    page = bring(signed_in, POSTMAN)

    response = signed_in.post(page, {"take": take}, follow=True)

    assert "Tick the requests" in text(response) or "At most 200 requests" in text(response)
    assert not team.saved_requests.exists()


def test_a_file_is_found_by_whoever_brought_it_and_by_nobody_else(
    signed_in: Client, team: Team, client: Client
) -> None:
    page = bring(signed_in, POSTMAN)
    client.force_login(factories.member_of(team, Role.OWNER))

    assert client.get(page).status_code == 404
    assert client.post(page, {"take": ["3"]}).status_code == 404
    shown = client.get(NEW, {"imported": reference(page, 3)})
    assert "no longer here" in text(shown)
    assert shown.context["form"]["url"].value() != "https://login.crm.example/token"
    assert not team.saved_requests.exists()


@pytest.mark.parametrize("wanted", ["x", "x.0", "00000000-0000-0000-0000-000000000000.0", ".", "٣.٣"])
def test_an_odd_reference_is_an_empty_builder(signed_in: Client, wanted: str) -> None:
    response = signed_in.get(NEW, {"imported": wanted})

    assert response.status_code == 200
    assert "no longer here" in text(response)


def test_a_file_is_kept_for_half_an_hour_after_its_last_use(signed_in: Client, clock: Any) -> None:
    page = bring(signed_in, POSTMAN)

    clock.shift(timedelta(minutes=29))
    assert signed_in.get(page).status_code == 200
    clock.shift(timedelta(minutes=29))
    assert signed_in.get(page).status_code == 200
    clock.shift(timedelta(minutes=31))
    assert signed_in.get(page).status_code == 404
    assert samples.sweep(NOON + timedelta(hours=2)) == 1


def test_nothing_of_a_file_lies_open_in_the_database(signed_in: Client) -> None:
    bring(signed_in, POSTMAN)

    [stored] = Sample.objects.values_list("content", flat=True)
    raw = Sample.objects.raw("SELECT id, content FROM requests_builder_sample")[0].__dict__["content"]
    assert "crm.example" not in str(raw)
    assert "crm.example" not in str(stored)


def test_an_answer_and_a_file_are_not_taken_for_each_other(team: Team, editor: User) -> None:
    kept = imports.keep(team, editor, importing.parse_any("curl https://a.example/x"), now=NOON)
    answer = samples.keep(team, editor, url="https://a.example", status=200, headers=(), body=b"{}", now=NOON)

    assert samples.find(team, editor, kept.id, now=NOON) is None
    assert imports.find(team, editor, answer, now=NOON) is None


def test_a_file_in_use_is_not_pushed_out_by_answers(
    signed_in: Client, team: Team, editor: User, clock: Any
) -> None:
    page = bring(signed_in, POSTMAN)

    for _ in range(samples.MOST_OF_ONE_READER + 2):
        clock.shift(timedelta(seconds=1))
        samples.keep(team, editor, url="https://a.example", status=200, headers=(), body=b"{}", now=NOON)
        assert signed_in.get(page).status_code == 200


def test_viewers_cannot_import(client: Client, viewer: User) -> None:
    client.force_login(viewer)

    assert client.get(IMPORT).status_code == 403
    assert client.post(IMPORT, {"text": "curl https://a.example"}).status_code == 403
    assert "Import" not in text(client.get("/t/acme/requests/"))


def test_the_list_costs_the_same_for_many_as_for_few(signed_in: Client) -> None:
    few = bring(signed_in, {**POSTMAN, "item": POSTMAN["item"] * 2})
    many = bring(signed_in, {**POSTMAN, "item": POSTMAN["item"] * 40})

    assert cost(signed_in, few) == cost(signed_in, many)
