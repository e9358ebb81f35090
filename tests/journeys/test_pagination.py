"""How an answer goes on is suggested, checked while it is typed, and followed."""

import pytest
from playwright.sync_api import expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_path_is_judged_while_it_is_typed_and_the_run_says_why_it_ended(
    person: Person, provider: DemoServer, album: Album
) -> None:
    page = person.open("requests/new/")
    page.get_by_label("URL", exact=True).fill(f"{provider.url}/api/open/contacts?per_page=50")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("200 OK")).to_be_visible()

    page.get_by_role("button", name="Use this pagination").click()
    expect(page.get_by_label("Pagination", exact=True)).to_have_value("page")

    page.get_by_label("Ends", exact=True).select_option("total_pages")
    path = page.get_by_label("Number of pages", exact=True)
    path.fill("meta.total_page")
    expect(page.get_by_text("Did you mean meta.total_pages?")).to_be_visible()
    path.fill("meta.total_pages")
    expect(page.get_by_text("Found: ", exact=False).last).to_be_visible()
    album.take(page, "checked")

    page.get_by_label("Pages", exact=True).select_option("some")
    page.get_by_label("Number of pages to pull", exact=True).fill("2")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("[data-run-state=succeeded]")).to_be_visible()
    expect(page.get_by_text("Stopped after 2 pages, as set.")).to_be_visible()
    album.take(page, "ended")
