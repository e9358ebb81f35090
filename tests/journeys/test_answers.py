"""An answer is looked at: folded, opened node by node, kept as a file, cancelled while it is under way."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
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
        self.bodies: list[bytes] = []
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
        else:
            self.answer(BODIES[self.path.partition("?")[0]])

    do_POST = do_GET

    def answer(self, body: bytes) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

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


BODIES = {"/few": json.dumps({"data": [RECORD, RECORD | {"id": 8}]}).encode(), "/many": TEN_MEGABYTES}


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


def test_ten_megabytes_open_at_once_and_every_value_has_its_path(
    person: Person, api: Api, album: Album
) -> None:
    page = person.open("requests/new/")
    page.get_by_label("URL", exact=True).fill(f"{api.url}/many")
    began = time.monotonic()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("200 OK")).to_be_visible()
    # It takes one or two on an idle machine; here two cores carry four products and their browsers.
    assert time.monotonic() - began < 20
    page.get_by_label("Pagination", exact=True).select_option("cursor")
    page.get_by_role("tab", name="Tree").click()
    tree = page.get_by_role("tabpanel", name="Tree")
    tree.get_by_text("data", exact=True).click()
    expect(tree.get_by_role("button", name="Show more (10,900 left)")).to_be_visible()
    tree.get_by_text("0", exact=True).click()
    tree.get_by_role("button", name='Copy data[0]."first name"').click()
    album.take(page, "tree")

    tree.get_by_text("meta", exact=True).click()
    page.get_by_label("Path to the cursor").focus()
    tree.get_by_role("button", name='Fill in meta."next page"').click()

    expect(page.get_by_label("Path to the cursor")).to_have_value('meta."next page"')
    expect(page.get_by_text("Found: “abc”")).to_be_visible()
    tree.get_by_role("button", name="Use as records").nth(1).click()
    expect(page.get_by_label("JMESPath", exact=True)).to_have_value("data[0]")
    page.get_by_role("tab", name="Pretty").click()
    page.get_by_role("button", name="Fold all").click()
    expect(page.locator("#answer-text")).to_contain_text("data")
    expect(page.locator("#answer-text").get_by_text("Köln").first).to_be_hidden()
    album.take(page, "folded")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").locator("visible=true").click()
    assert download.value.path().read_bytes() == TEN_MEGABYTES


def test_a_call_that_takes_too_long_is_cancelled_at_both_ends(person: Person, api: Api, album: Album) -> None:
    page = person.open("requests/new/")
    run(page, f"{api.url}/slow")
    expect(page.get_by_text("kB received")).to_be_visible()
    album.take(page, "under way")

    page.get_by_role("button", name="Cancel", exact=True).click()

    expect(page.get_by_text("Cancelled.")).to_be_visible()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    assert api.was_left.wait(60)


def test_what_is_typed_is_judged_formatted_and_put_where_it_belongs(
    person: Person, api: Api, album: Album
) -> None:
    page = person.open("requests/new/")
    page.get_by_label("URL", exact=True).fill(f"{api.url}/few")
    page.get_by_role("tab", name="Headers").click()
    headers = page.get_by_role("tabpanel", name="Headers")
    headers.get_by_role("textbox").or_(headers.get_by_role("combobox")).first.fill("Authorization")
    headers.get_by_label("Value of row 1").fill("Bearer t0ken")
    album.take(page, "a credential among headers")
    headers.get_by_role("button", name="Move to Authorization").click()
    expect(page.get_by_label("Bearer token").last).to_have_value("t0ken")

    page.get_by_role("tab", name="Body").click()
    page.get_by_text("JSON", exact=True).click()
    text = page.get_by_label("Text", exact=True)
    text.fill('{"a": 12345678901234567890,\n"b": }')
    expect(page.get_by_text("expecting value at line 2, column 6.")).to_be_visible()
    album.take(page, "a mistake")
    text.fill('{"a": 12345678901234567890, "b": [1.50, "x"], "c": {}}')
    expect(page.get_by_text("This is JSON.")).to_be_visible()
    page.get_by_role("button", name="Format").locator("visible=true").click()
    formatted = '{\n  "a": 12345678901234567890,\n  "b": [\n    1.50,\n    "x"\n  ],\n  "c": {}\n}'
    expect(text).to_have_value(formatted)

    page.get_by_label("Method").fill("POST")
    page.get_by_label("Pagination", exact=True).select_option("page")
    page.get_by_label("Page Parameter", exact=True).fill("page")
    page.get_by_label("First page", exact=True).fill("1")
    page.get_by_label("JMESPath", exact=True).fill("data")
    page.get_by_role("button", name="Test page 2").click()
    expect(page.get_by_text("Page 2 repeats page 1")).to_be_visible()
    album.take(page, "page 2")


def test_a_file_is_chosen_once_and_sent_by_the_saved_request(
    person: Person, api: Api, album: Album, tmp_path: Path
) -> None:
    chosen = tmp_path / "contacts.csv"
    chosen.write_bytes(b"id;name\n" * 1000)
    page = person.open("requests/new/")
    page.get_by_label("URL", exact=True).fill(f"{api.url}/few")
    page.get_by_label("Method").fill("POST")
    page.get_by_role("tab", name="Body").click()
    page.get_by_text("Multipart", exact=True).click()
    body = page.get_by_role("tabpanel", name="Body")
    body.get_by_label("Name of").first.fill("kind")
    body.get_by_label("Value of").first.fill("people")
    body.get_by_label("Name of row 2").fill("list")
    body.get_by_label("File of row 2").set_input_files(chosen)
    expect(body.get_by_label("Name of row 3")).to_be_visible()
    album.take(page, "chosen")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("200 OK")).to_be_visible()
    assert chosen.read_bytes() in api.bodies[-1]
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was saved.")).to_be_visible()

    page.get_by_role("tab", name="Body").click()
    expect(body.get_by_text("contacts.csv, 8.0 kB")).to_be_visible()
    album.take(page, "stored")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("200 OK")).to_be_visible()
    assert chosen.read_bytes() in api.bodies[-1]
