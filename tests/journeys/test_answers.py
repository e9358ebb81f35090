"""An answer is looked at: folded, opened node by node, kept as a file, cancelled while it is under way."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Album, Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RECORD = {
    "id": 7,
    "first name": "Ann",
    "tags": ["a", "b"],
    "address": {"city": "Köln", "geo": {"lat": 50.9, "lon": 6.9}},
    "note": "x" * 700,
    "active": True,
    "parent": None,
}
TEN_MEGABYTES = json.dumps(
    {"data": [RECORD] * 11_000, "meta": {"next page": "abc", "total": 11_000}}
).encode()


class Api(ThreadingHTTPServer):
    """Answers of many shapes, on the port that the product may call."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.is_closing = Event()
        # Set when a slow answer was not wanted any more.
        self.was_left = Event()
        self.url = f"http://127.0.0.1:{port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api

    def do_GET(self) -> None:
        if self.path.startswith("/slow"):
            self.drip()
        elif self.path.startswith("/moved"):
            self.answer(b"", status=302, location="/few")
        elif self.path.startswith("/nothing"):
            self.answer(None, status=204)
        else:
            self.answer(*BODIES[self.path.partition("?")[0]])

    do_POST = do_GET

    def answer(self, body: bytes | None, media_type: str = "", status: int = 200, location: str = "") -> None:
        self.send_response(status)
        if body is not None:
            self.send_header("Content-Length", str(len(body)))
        if media_type:
            self.send_header("Content-Type", media_type)
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body or b"")

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "40000000")
        self.end_headers()
        try:
            while not self.server.is_closing.wait(0.1):
                self.wfile.write(b"x" * 30_000)
        except OSError:
            self.server.was_left.set()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Silent."""


BODIES = {
    "/few": (
        json.dumps({"data": [RECORD, RECORD | {"id": 8}], "meta": {"next page": "abc"}}).encode(),
        "application/json",
    ),
    "/many": (TEN_MEGABYTES, "application/json"),
    "/xml": (
        b"<?xml version='1.0'?><rss><channel><item><title>One</title></item><item><title>Two</title></item></channel></rss>",
        "application/rss+xml",
    ),
    "/svg": (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100"><script>parent.hacked=1</script><rect width="200" height="100" fill="teal"/></svg>',
        "image/svg+xml",
    ),
    "/pdf": (b"%PDF-1.7\n" + bytes(range(256)), "application/pdf"),
    "/html": (b"<!doctype html><title>Sign in</title><form>...</form>", "text/html"),
}


@pytest.fixture
def api(oidc_port: int) -> Iterator[Api]:
    with Api(oidc_port) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.is_closing.set()
        server.shutdown()


def run(page: Page, url: str) -> None:
    page.get_by_label("URL", exact=True).fill(url)
    page.get_by_role("button", name="Run", exact=True).click()


def test_look(person: Person, api: Api, album: Album) -> None:
    page = person.open("requests/new/")
    run(page, f"{api.url}/many")
    began = time.monotonic()
    expect(page.get_by_text("200 OK")).to_be_visible()
    print("MANY", time.monotonic() - began)
    album.take(page, "many")
    page.get_by_role("tab", name="Pretty").click()
    began = time.monotonic()
    page.locator("#answer-text").get_by_text("Köln").first.is_visible()
    print("PRETTY", time.monotonic() - began)
    album.take(page, "pretty")
    page.get_by_role("tab", name="Tree").click()
    began = time.monotonic()
    page.get_by_role("tabpanel", name="Tree").locator("summary").first.click()
    expect(page.get_by_role("button", name="Show more")).to_be_visible()
    print("TREE", time.monotonic() - began)
    page.locator("summary").filter(has_text="address").first
    album.take(page, "tree")
    for path in ("few", "moved", "xml", "svg", "pdf", "html", "nothing"):
        run(page, f"{api.url}/{path}")
        page.wait_for_timeout(1200)
        page.get_by_role("tablist", name="Answer").get_by_role("tab").nth(
            1 if path in ("few", "moved", "xml") else 0
        ).click()
        album.take(page, path)
    page.get_by_text("Where the time went").click()
    album.take(page, "times")
    run(page, f"{api.url}/slow")
    page.wait_for_timeout(3500)
    album.take(page, "slow")
    page.get_by_role("button", name="Cancel", exact=True).click()
    album.take(page, "cancelled")
    assert api.was_left.wait(5)
    page.set_viewport_size({"width": 390, "height": 800})
    page.emulate_media(color_scheme="dark")
    run(page, f"{api.url}/few")
    page.wait_for_timeout(1200)
    page.get_by_role("tab", name="Tree").click()
    page.get_by_role("tabpanel", name="Tree").locator("summary").first.click()
    page.wait_for_timeout(600)
    album.take(page, "phone tree")
    page.get_by_role("tab", name="Pretty").click()
    album.take(page, "phone pretty")
