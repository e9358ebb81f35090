"""What the page shows of an answer, and what can be asked of it afterwards."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Role, Team, User
from connections.models import Connection, Token
from demo_api.server import DemoServer
from requests_builder import samples
from requests_builder.models import AuthorizationKind
from tests import factories
from tests.connections.raw_server import RawServer, answering, ok, redirect
from tests.requests_builder.pages import text

pytestmark = pytest.mark.django_db

TRY = "/t/acme/requests/try/"
HTMX = {"HX-Request": "true"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture
def signed_in(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


Try = Callable[..., str]


@pytest.fixture
def tried(signed_in: Client, settings: Settings) -> Try:
    """The fragment that the page gets for an answer of these bytes."""

    def run(*answers: bytes, method: str = "GET", **fields: str) -> str:
        with RawServer(answering(*answers)) as server:
            settings.OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]
            data = {"method": method, "url": f"{server.url}/x", **fields}
            response = signed_in.post(TRY, data, headers=HTMX)
        assert response.status_code == 200, text(response)
        return response.content.decode()

    return run


@pytest.fixture
def kept(team: Team, editor: User) -> Callable[..., str]:
    """The address of an answer that its reader has before them."""

    def keep(body: bytes, media_type: str = "application/json", user: User | None = None) -> str:
        sample = samples.keep(
            team,
            user or editor,
            url="https://a.example/",
            status=200,
            headers=(("Content-Type", media_type),),
            body=body,
            now=timezone.now(),
        )
        return f"/t/acme/requests/answers/{sample}/"

    return keep


def plain(fragment: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", fragment).split())


# What is shown


def test_a_document_is_shown_pretty_as_a_tree_and_raw(tried: Try) -> None:
    shown = tried(ok(b'{"data":[{"first name":"Ann"}]}', "Content-Type: application/json"))

    assert all(
        f'href="#answer-{tab}"' in shown for tab in ("table", "body", "tree", "raw", "headers", "sent")
    )
    assert "JSON of 31 B, sent as application/json ." in plain(shown)
    assert 'data-use-records="data"' in shown
    assert 'data-copy="data"' in shown


def test_xml_is_shown_with_a_line_for_each_element(tried: Try) -> None:
    shown = tried(ok(b"<a><b>1</b></a>", "Content-Type: application/xml"))

    assert '<span class="json-key">&lt;a&gt;</span>\n  <span class="json-key">&lt;b&gt;</span>' in shown


def test_a_picture_is_drawn_from_an_address_of_its_own(tried: Try) -> None:
    shown = tried(ok(PNG, "Content-Type: image/png"))

    assert re.search(r'<img src="/t/acme/requests/answers/[0-9a-f-]+/body/\?as=picture"', shown)
    assert "This is a picture (image/png) of 108 B" in plain(shown)
    assert ">Picture</a>" in shown


def test_what_is_no_text_is_named_with_its_first_bytes(tried: Try) -> None:
    shown = tried(ok(b"%PDF-1.7\n\x00\x01" + bytes(50), "Content-Type: application/pdf"))

    assert "This is a PDF document of 61 B" in plain(shown)
    assert "25 50 44 46 2d 31 2e 37" in shown
    assert "\ufffd" not in shown


def test_html_is_shown_as_its_source_only(tried: Try) -> None:
    shown = tried(ok(b"<!doctype html><script>alert(1)</script>", "Content-Type: text/html"))

    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert" not in shown
    assert "HTML of 40 B" in plain(shown)


@pytest.mark.parametrize(
    ("answer", "method", "words"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", "No content: the API has done what was asked"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "GET", "Not modified: there is nothing new."),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD", "HEAD asks for the headers only."),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", "The answer has no body."),
    ],
)
def test_an_answer_without_a_body_is_told_in_words(
    answer: bytes, method: str, words: str, tried: Try
) -> None:
    assert words in plain(tried(answer, method=method))


def test_a_charset_that_does_not_fit_is_told(tried: Try) -> None:
    shown = tried(ok("id;name\n1;Zoë\n".encode("latin-1"), "Content-Type: text/csv; charset=utf-8"))

    assert "CSV, semicolon, Windows-1252 of 14 B" in plain(shown)
    assert "Read as Windows-1252, because it is not UTF-8" in plain(shown)
    assert "Zoë" in shown


def test_each_redirect_is_shown_with_its_status(tried: Try) -> None:
    shown = plain(tried(redirect("/y", 302), redirect("/z", 307), ok(b"[]"), follow_redirects="on"))

    assert "2 redirects followed:" in shown
    assert re.search(
        r"302 http://127.0.0.1:\d+/x 307 http://127.0.0.1:\d+/y 200 http://127.0.0.1:\d+/z", shown
    )


def test_status_times_and_sizes_are_said(tried: Try) -> None:
    shown = plain(tried(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"))

    for words in ("404 Not Found Refused", "Size 2 B 47 B over the wire", "Waiting", "Download", "TLS 0 ms"):
        assert words in shown


@pytest.mark.django_db(transaction=True)
def test_a_token_that_was_renewed_for_the_call_is_told(
    client: Client, team: Team, connection: Connection, provider: DemoServer
) -> None:
    client.force_login(factories.member_of(team, Role.EDITOR))
    provider.fail("/api/contacts", status=401)
    Token.objects.update(expires_at=None)
    saved = factories.SavedRequestFactory(
        team=team,
        url=f"{provider.url}/api/contacts",
        authorization_kind=AuthorizationKind.OAUTH,
        connection=connection,
    )
    data = {"url": saved.url, "authorization_kind": "oauth", "connection": str(connection.pk)}

    shown = plain(client.post(f"/t/acme/requests/{saved.pk}/try/", data, headers=HTMX).content.decode())

    assert "The API refused the access token, so it was renewed and the request sent again: 2 calls." in shown


def test_a_picture_stays_whole_although_a_secret_was_sent(
    signed_in: Client, tried: Try, team: Team, editor: User
) -> None:
    body = PNG + bytes(range(256)) + b"t0ken-of-ann"
    tried(ok(body, "Content-Type: image/png"), authorization_kind="bearer", bearer_token="t0ken-of-ann")

    stored = team.samples.get()
    sample = samples.find(team, editor, stored.pk, now=timezone.now())

    assert sample
    assert sample.body == PNG + bytes(range(256)) + "•••".encode()


# What is asked for later


def test_a_node_opens_with_the_paths_of_what_is_in_it(signed_in: Client, kept: Callable[..., str]) -> None:
    address = kept(b'{"data": [{"first name": "<b>", "tags": [], "deep": {"x": 1}}]}')

    shown = signed_in.get(address + "branch/", {"at": '["data", 0]'}).content.decode()

    assert 'data-copy="data[0].&quot;first name&quot;"' in shown
    assert '"&lt;b&gt;"' in shown
    assert 'data-use-records="data[0].tags"' in shown
    assert "at=%5B%22data%22%2C%200%2C%20%22deep%22%5D" in shown


def test_of_many_values_some_are_shown_at_a_time(signed_in: Client, kept: Callable[..., str]) -> None:
    address = kept(json.dumps(list(range(250))).encode())

    first = signed_in.get(address + "branch/").content.decode()
    last = signed_in.get(address + "branch/", {"from": "200"}).content.decode()

    assert first.count("data-fill-path") == 100
    assert "Show more (150 left)" in first
    assert "from=100" in first
    assert last.count("data-fill-path") == 50
    assert "Show more" not in last


@pytest.mark.parametrize(
    "query", [{"at": "["}, {"at": '["no"]'}, {"at": "{}"}, {"at": "[1.5]"}, {"from": "x"}]
)
def test_a_node_that_is_not_there_is_not_found(
    query: dict[str, str], signed_in: Client, kept: Callable[..., str]
) -> None:
    assert signed_in.get(kept(b"{}") + "branch/", query).status_code == 404


@pytest.mark.parametrize("page", ["branch/", "body/", "body/?as=picture"])
def test_an_answer_is_its_readers_alone(
    page: str, signed_in: Client, kept: Callable[..., str], team: Team
) -> None:
    other = factories.member_of(team, Role.OWNER)

    assert signed_in.get(kept(PNG, "image/png", user=other) + page).status_code == 404


@pytest.mark.parametrize(
    ("body", "media_type", "name", "sent_as"),
    [
        (b"{}", "application/json", "answer.json", "application/octet-stream"),
        (b"<html><script>1</script>", "text/html", "answer.html", "application/octet-stream"),
        (b"a;b\n1;2\n", "text/csv", "answer.csv", "application/octet-stream"),
        (PNG, "image/png", "answer.png", "image/png"),
        (SVG, "image/svg+xml", "answer.svg", "image/svg+xml"),
        (b"\x00\x01\x02" * 99, 'x/"; filename=evil.exe', "answer.bin", "application/octet-stream"),
    ],
)
def test_a_body_is_kept_as_a_file_that_nothing_runs(
    body: bytes, media_type: str, name: str, sent_as: str, signed_in: Client, kept: Callable[..., str]
) -> None:
    response: Any = signed_in.get(kept(body, media_type) + "body/")

    assert response.content == body
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response["Content-Type"] == sent_as
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(
    ("body", "media_type", "place"),
    [(PNG, "text/html", "inline"), (SVG, "image/svg+xml", "attachment")],
)
def test_a_picture_is_drawn_by_what_it_is_and_a_drawing_with_scripts_never_opens(
    body: bytes, media_type: str, place: str, signed_in: Client, kept: Callable[..., str]
) -> None:
    response = signed_in.get(kept(body, media_type) + "body/", {"as": "picture"})

    assert response["Content-Type"] in ("image/png", "image/svg+xml")
    assert response["Content-Disposition"].startswith(place)
    assert "sandbox" in response["Content-Security-Policy"]


def test_what_is_no_picture_is_not_shown_as_one(signed_in: Client, kept: Callable[..., str]) -> None:
    address = kept(b"<html><script>alert(1)</script>", "image/png") + "body/"

    assert signed_in.get(address, {"as": "picture"}).status_code == 404
