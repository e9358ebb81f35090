"""Twelve well-known shapes of API, each from its URL to a whole table, on the pages."""

import re

import pytest
from playwright.sync_api import expect
from pytest_httpserver import HTTPServer

from tests.api_shapes import SHAPES, TOTAL
from tests.journeys.conftest import Album, Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_suggested_pagination_brings_all_rows_of_all_twelve(
    person: Person, api_port: int, album: Album
) -> None:
    for name, shape in SHAPES.items():
        with HTTPServer(host="127.0.0.1", port=api_port) as api:
            api.expect_request(re.compile("/.*")).respond_with_handler(shape.answer)
            page = person.open("requests/new/")
            page.get_by_label("Name", exact=True).fill(name)
            if shape.method != "GET":
                page.get_by_label("Method", exact=True).fill(shape.method)
                page.get_by_role("tab", name="Body").first.click()
                page.get_by_text("JSON", exact=True).click()
                page.get_by_label("Text", exact=True).fill(shape.body)
            page.get_by_label("URL", exact=True).fill(f"http://127.0.0.1:{api_port}{shape.path}")
            page.get_by_role("button", name="Run", exact=True).click()
            expect(page.get_by_text("200 OK")).to_be_visible()
            expect(page.get_by_label("JMESPath")).to_have_value(shape.records_path)
            if shape.kind != "none":
                page.get_by_role("button", name="Use this pagination").click()
            expect(page.get_by_label("Pagination", exact=True)).to_have_value(shape.kind)
            page.get_by_role("button", name="Run now").click()
            expect(page.locator("[data-run-state=succeeded]")).to_be_visible()
            album.take(page, name)
            page.get_by_role("link", name="Open table").click()
            expect(page.get_by_text(f"{TOTAL} rows, from {name}")).to_be_visible()
