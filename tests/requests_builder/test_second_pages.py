"""Test page 2: what the first two calls of a pull show of its pagination."""

import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import Team, User
from requests_builder import runs
from requests_builder.models import AuthorizationKind, BodyKind, Run, SavedRequest
from tests.requests_builder.pages import text

pytestmark = pytest.mark.django_db

RECORDS = [{"id": number} for number in range(1, 6)]
HTMX = {"HX-Request": "true"}


def answer(request: Request) -> Response:
    """Two records of five, by whatever the request says of its place."""
    given: dict[str, Any] = {**request.args, **(request.get_json(silent=True) or {}), **request.form}
    start = int(given.get("offset", given.get("cursor", (int(given.get("page", 1)) - 1) * 2)))
    following = start + 2 if start + 2 < len(RECORDS) else None
    document: dict[str, Any] = {
        "data": RECORDS[start : start + 2],
        "cursor": following,
        "total": len(RECORDS),
    }
    headers = {}
    if following is not None:
        document["next"] = f"{request.base_url}?offset={following}"
        headers["Link"] = f'<{document["next"]}>; rel="next"'
    return Response(json.dumps(document), content_type="application/json", headers=headers)


@pytest.fixture
def api(httpserver: HTTPServer, settings: Settings) -> HTTPServer:
    settings.OUTBOUND_ALLOW = [f"localhost:{httpserver.port}"]
    httpserver.expect_request("/items").respond_with_handler(answer)
    httpserver.expect_request("/same").respond_with_json({"data": RECORDS[:2]})
    return httpserver


@pytest.fixture
def items(team: Team, api: HTTPServer) -> SavedRequest:
    return SavedRequest(team=team, url=api.url_for("/items"), records_path="data")


@pytest.mark.parametrize(
    ("pagination", "url"),
    [
        ({"kind": "page", "parameter": "page"}, "/items?page=2"),
        ({"kind": "offset", "limit": 2}, "/items?limit=2&offset=2"),
        ({"kind": "cursor", "path": "cursor", "parameter": "cursor"}, "/items?cursor=2"),
        ({"kind": "next_url", "path": "next"}, "/items?offset=2"),
        ({"kind": "link_header"}, "/items?offset=2"),
    ],
)
def test_page_2_is_asked_for_as_the_pagination_says(
    pagination: dict[str, Any], url: str, items: SavedRequest, api: HTTPServer, now: datetime
) -> None:
    items.pagination = pagination

    shown = runs.try_second_page(items, now=now)

    assert shown.verdict == runs.Verdict.RIGHT
    assert shown.sentence == ("Page 2 holds 2 records, none of them of page 1. A run goes on with page 3.")
    assert [page.record_count for page in shown.pages] == [2, 2]
    assert shown.pages[1].sent.url == api.url_for("/items").removesuffix("/items") + url
    assert len(api.log) == 2


@pytest.mark.parametrize(
    ("pagination", "kind", "body", "sent"),
    [
        ({"kind": "page_body", "path": "page"}, BodyKind.JSON, '{"q": "x"}', '{"q": "x", "page": 2}'),
        (
            {"kind": "offset_body", "path": "offset", "limit": 2, "limit_path": "n"},
            BodyKind.JSON,
            "{}",
            '"offset": 2',
        ),
        (
            {"kind": "cursor_body", "path": "cursor", "body_path": "cursor"},
            BodyKind.JSON,
            "{}",
            '{"cursor": 2}',
        ),
        ({"kind": "page_body", "path": "page"}, BodyKind.FORM, [{"name": "q", "value": "x"}], "q=x&page=2"),
    ],
)
def test_page_2_is_asked_for_in_the_body_too(
    pagination: dict[str, Any], kind: BodyKind, body: Any, sent: str, items: SavedRequest, now: datetime
) -> None:
    items.method, items.body_kind, items.pagination = "POST", kind, pagination
    setattr(items, "body_pairs" if kind == BodyKind.FORM else "body", body)

    shown = runs.try_second_page(items, now=now)

    assert shown.verdict == runs.Verdict.RIGHT, shown
    assert sent in shown.pages[1].sent.body


def test_a_page_that_comes_again_is_told(items: SavedRequest, api: HTTPServer, now: datetime) -> None:
    items.url, items.pagination = api.url_for("/same"), {"kind": "page", "parameter": "page"}

    shown = runs.try_second_page(items, now=now)

    assert shown.verdict == runs.Verdict.WRONG
    assert shown.sentence.startswith("Page 2 repeats page 1: it holds the same records.")
    assert [page.record_count for page in shown.pages] == [2, 2]


def test_records_that_come_again_are_counted(items: SavedRequest, api: HTTPServer, now: datetime) -> None:
    pages = iter([RECORDS[:3], RECORDS[2:]])
    api.expect_request("/moving").respond_with_handler(lambda _: Response(json.dumps({"data": next(pages)})))
    items.url, items.pagination = api.url_for("/moving"), {"kind": "page", "parameter": "page"}

    shown = runs.try_second_page(items, now=now)

    assert shown.sentence.startswith("Page 2 holds 3 records, of which 1 stood on page 1, too.")


def test_why_there_is_no_second_page_is_told(items: SavedRequest, now: datetime) -> None:
    items.pagination = {"kind": "page", "parameter": "page", "page_size": 100}

    shown = runs.try_second_page(items, now=now)

    assert shown.verdict == runs.Verdict.ENDED
    assert shown.sentence == "There is no page 2. Page 1 had 2 records; a full one has 100."
    assert len(shown.pages) == 1


def test_without_pagination_there_is_one_page(items: SavedRequest, api: HTTPServer, now: datetime) -> None:
    items.url, items.pagination = api.url_for("/same"), {"kind": "none"}

    assert runs.try_second_page(items, now=now).sentence == (
        "There is no page 2. Pagination is None: a run asks for one page."
    )


def test_that_page_2_is_the_last_one_is_told(items: SavedRequest, now: datetime) -> None:
    items.pagination = {"kind": "page", "parameter": "page", "pages": 2}

    shown = runs.try_second_page(items, now=now)

    assert shown.verdict == runs.Verdict.RIGHT
    assert shown.sentence.endswith("It is the last one. Stopped after 2 pages, as set.")


def test_an_error_on_page_2_is_told_with_its_status(
    items: SavedRequest, api: HTTPServer, now: datetime
) -> None:
    first = {"data": RECORDS[:2], "next": api.url_for("/broken")}
    api.expect_request("/first").respond_with_json(first)
    api.expect_request("/broken").respond_with_json({"message": "No such page"}, status=404)
    items.url, items.pagination = api.url_for("/first"), {"kind": "next_url", "path": "next"}

    shown = runs.try_second_page(items, now=now)

    assert shown.verdict == runs.Verdict.WRONG
    assert shown.sentence.startswith("On page 2: The API answered 404 NOT FOUND: “No such page”.")
    assert [(page.status, page.record_count) for page in shown.pages] == [(200, 2), (404, None)]


def test_a_foreign_next_page_is_never_asked(items: SavedRequest, api: HTTPServer, now: datetime) -> None:
    api.expect_request("/away").respond_with_json({"data": RECORDS, "next": "https://evil.example/"})
    items.url, items.pagination = api.url_for("/away"), {"kind": "next_url", "path": "next"}

    shown = runs.try_second_page(items, now=now)

    assert shown.verdict == runs.Verdict.WRONG
    assert len(shown.pages) == len(api.log) == 1


def test_a_secret_in_the_address_is_masked_on_both_pages(
    items: SavedRequest, api: HTTPServer, now: datetime
) -> None:
    items.authorization_kind, items.secret = AuthorizationKind.API_KEY, "very-secret-key"
    items.api_key_place, items.api_key_name = "query", "key"
    items.pagination = {"kind": "page", "parameter": "page"}

    shown = runs.try_second_page(items, now=now)

    assert "very-secret-key" not in str(shown.pages[0].sent) + str(shown.pages[1].sent) + repr(shown)
    assert "•••" in shown.pages[1].sent.url
    assert [request.args["key"] for request, _ in api.log] == ["very-secret-key"] * 2


def test_the_page_shows_both_pages_and_stores_nothing(client: Client, editor: User, api: HTTPServer) -> None:
    client.force_login(editor)
    posted = {
        "url": api.url_for("/items"),
        "records_path": "data",
        "pagination_kind": "page",
        "page_parameter": "page",
        "page_start": "1",
    }

    shown = client.post("/t/acme/requests/second-page/", posted, headers=HTMX)

    assert shown.status_code == 200
    assert "Page 2 holds 2 records" in text(shown)
    assert "Page 2 200 OK 2 records GET" in text(shown)
    assert not SavedRequest.objects.exists()
    assert not Run.objects.exists()
    whole = client.post("/t/acme/requests/second-page/", posted)
    assert "Page 2 holds 2 records" in text(whole)
    assert "<html" in whole.content.decode()


def test_what_cannot_be_sent_is_said_at_its_field(client: Client, editor: User) -> None:
    client.force_login(editor)

    shown = client.post("/t/acme/requests/second-page/", {"url": "nonsense"}, headers=HTMX)

    assert shown.status_code == 422
    assert 'data-problem-of="url"' in shown.content.decode()
