"""Files in a multipart body: chosen once, stored encrypted, sent again and again, and never shown."""

from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import Role, Team, User
from requests_builder import manifest, runs
from requests_builder.models import RequestFile, RunState, SavedRequest
from tests import factories
from tests.requests_builder.conftest import executed
from tests.requests_builder.pages import text

pytestmark = pytest.mark.django_db

CONTENT = b"id;name\r\n1;Zo\xc3\xab\r\n\x00\xff"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


@pytest.fixture
def api(httpserver: HTTPServer, settings: Settings) -> HTTPServer:
    """Says what it was sent, and keeps it."""
    settings.OUTBOUND_ALLOW = [f"localhost:{httpserver.port}"]

    def receive(request: Request) -> Response:
        httpserver.received = [  # type: ignore[attr-defined]
            (name, file.filename, file.mimetype, file.read())
            for name, file in request.files.items(multi=True)
        ]
        return Response('[{"id": 1}]', content_type="application/json")

    httpserver.expect_request("/upload").respond_with_handler(receive)
    return httpserver


def received(api: HTTPServer) -> list[tuple[str, str, str, bytes]]:
    found: list[tuple[str, str, str, bytes]] = api.received  # type: ignore[attr-defined]
    return found


def file(
    name: str = "contacts.csv", content: bytes = CONTENT, media_type: str = "text/csv"
) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, media_type)


def typed(api: HTTPServer, *rows: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    """The form with these rows: name, value, key of the file."""
    names, values, keys = zip(*rows, strict=True)
    return {
        "name": "Upload",
        "method": "POST",
        "url": api.url_for("/upload"),
        "body_kind": "multipart",
        "body_pairs-name": names,
        "body_pairs-value": values,
        "body_pairs-file": keys,
        **more,
    }


@pytest.fixture
def stored(signed_in: Client, api: HTTPServer, team: Team) -> SavedRequest:
    data = typed(api, ("kind", "x", "1"), ("list", "", "2"), **{"body_pairs-upload-2": file()})
    assert signed_in.post("/t/acme/requests/new/", data).status_code == 302
    return team.saved_requests.get()


def page_of(saved: SavedRequest, part: str = "") -> str:
    return f"/t/acme/requests/{saved.pk}/{part}"


def key_of(saved: SavedRequest) -> str:
    [key] = saved.file_ids
    return key


def test_a_chosen_file_is_sent_by_run_and_stored_nowhere(signed_in: Client, api: HTTPServer) -> None:
    data = typed(api, ("list", "", "1"), **{"body_pairs-upload-1": file()})

    answer = signed_in.post("/t/acme/requests/try/", data, headers=HTMX)

    assert "200 OK" in text(answer)
    assert received(api) == [("list", "contacts.csv", "text/csv", CONTENT)]
    assert not RequestFile.objects.exists()


def test_a_saved_file_is_sent_by_each_run(stored: SavedRequest, api: HTTPServer, now: datetime) -> None:
    for _ in range(2):
        run = executed(runs.request_run(stored, user=None, now=now), now)
        assert run.state == RunState.SUCCEEDED, run.error
        assert received(api) == [("list", "contacts.csv", "text/csv", CONTENT)]


def test_a_saved_file_is_sealed_and_only_its_name_and_size_are_shown(
    stored: SavedRequest, signed_in: Client
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM requests_builder_requestfile")
        [(sealed,)] = cursor.fetchall()
    assert CONTENT not in bytes(sealed)
    assert bytes(sealed)[:1] == b"\x01"

    page = signed_in.get(page_of(stored)).content.decode()

    assert "contacts.csv, 19 B" in page
    assert "Zoë" not in page


def test_a_file_that_is_left_alone_is_kept(stored: SavedRequest, signed_in: Client, api: HTTPServer) -> None:
    key = key_of(stored)

    data = typed(api, ("list", "", key), ("more", "y", "new"))
    assert signed_in.post(page_of(stored), data).status_code == 302

    stored.refresh_from_db()
    assert [row["name"] for row in stored.body_pairs] == ["list", "more"]
    assert stored.file_ids == {key}
    assert stored.uploads()[key].content == CONTENT


def test_a_file_is_replaced_and_the_old_one_is_gone(
    stored: SavedRequest, signed_in: Client, api: HTTPServer
) -> None:
    key = key_of(stored)
    other = file("other.bin", b"other", "application/octet-stream")

    data = typed(api, ("list", "", key), **{f"body_pairs-upload-{key}": other})
    signed_in.post(page_of(stored), data)

    stored.refresh_from_db()
    [kept] = stored.files.all()
    assert (kept.filename, kept.upload.content) == ("other.bin", b"other")
    assert stored.file_ids == {str(kept.pk)}


@pytest.mark.parametrize("row", [("", "", "{key}"), ("list", "now a text", "new")])
def test_a_file_is_removed_with_its_row(
    row: tuple[str, str, str], stored: SavedRequest, signed_in: Client, api: HTTPServer
) -> None:
    name, value, key = row
    data = typed(api, ("kind", "x", "1"), (name, value, key.format(key=key_of(stored))))
    assert signed_in.post(page_of(stored), data).status_code == 302

    assert not RequestFile.objects.exists()


def test_a_copy_has_files_of_its_own(
    stored: SavedRequest, signed_in: Client, api: HTTPServer, editor: User
) -> None:
    copy = stored.duplicate(user=editor)
    stored.delete()

    copy.refresh_from_db()

    assert copy.uploads()[key_of(copy)].content == CONTENT


def test_the_file_of_another_request_or_team_is_never_sent(
    stored: SavedRequest, api: HTTPServer, client: Client
) -> None:
    own = factories.TeamFactory(slug="other")
    client.force_login(factories.member_of(own, Role.OWNER))

    data = typed(api, ("list", "", key_of(stored)), ("a", "b", "1"))
    client.post("/t/other/requests/try/", data, headers=HTMX)

    assert received(api) == []


def test_files_that_are_too_large_are_refused_with_a_sentence(signed_in: Client, api: HTTPServer) -> None:
    uploads = {f"body_pairs-upload-{key}": file(content=bytes(5_000_001)) for key in "12"}
    data = typed(api, ("a", "", "1"), ("b", "", "2"), **uploads)

    answer = signed_in.post("/t/acme/requests/try/", data, headers=HTMX)

    assert answer.status_code == 422
    assert "The files are larger than 10 MB together." in text(answer)


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\temp\\a.csv", 'a"\r\nX: y.csv'])
def test_a_file_name_cannot_lead_elsewhere(name: str, signed_in: Client, api: HTTPServer) -> None:
    data = typed(api, ("list", "", "1"), **{"body_pairs-upload-1": file()})
    data["body_pairs-upload-1"].name = name

    signed_in.post("/t/acme/requests/try/", data, headers=HTMX)

    [(_, sent, _, content)] = received(api)
    assert content == CONTENT
    assert not set(sent or "") & set('/\\\r\n"')


def test_a_form_cannot_carry_a_file(stored: SavedRequest, signed_in: Client, api: HTTPServer) -> None:
    data = typed(api, ("list", "", key_of(stored)), body_kind="form")

    answer = signed_in.post(page_of(stored, "try/"), data, headers=HTMX)

    assert answer.status_code == 422
    assert "A form cannot carry a file. Choose Multipart." in text(answer)


def test_a_teams_file_names_a_file_and_keeps_it(
    stored: SavedRequest, team: Team, now: datetime, api: HTTPServer
) -> None:
    exported = manifest.export(team)
    assert "file: contacts.csv" in exported
    assert "Zoë" not in exported

    manifest.apply(manifest.load(exported, {}), now=now)

    stored.refresh_from_db()
    assert stored.uploads()[key_of(stored)].content == CONTENT


def test_a_teams_file_cannot_bring_a_file(stored: SavedRequest, team: Team, now: datetime) -> None:
    exported = manifest.export(team).replace("file: contacts.csv", "file: unknown.csv")

    with pytest.raises(manifest.InvalidManifest) as refusal:
        manifest.apply(manifest.load(exported, {}), now=now)

    assert "unknown.csv" in str(refusal.value)
    assert "Choose it on the page, under Body." in str(refusal.value)
