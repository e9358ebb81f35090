"""The history as people use it: a table that fills by itself, and a run that fails and is compared."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from demo_api.server import DemoServer
from tests.journeys.conftest import PATIENCE, Album, Person, new_context
from tests.journeys.test_pages import AXE, inspect

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow]

CONTACTS = "/api/open/contacts"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that brings axe into each page."""
    with new_context(browser, reduced_motion="reduce") as new:
        new.add_init_script(path=AXE)
        yield new


def test_a_table_fills_by_itself_and_a_run_that_fails_is_compared_with_the_last_good_one(
    person: Person, provider: DemoServer, album: Album
) -> None:
    request = f"""
        requests:
          - name: Contacts
            url: {provider.url}{CONTACTS}?per_page=20
            records: data
            retries: 1
            pagination: {{kind: page, parameter: page, start: 1, total_pages: meta.total_pages}}
        """
    provider.set(contacts=60)
    provider.hold(CONTACTS, page=2)
    person.apply(request)
    page = person.open("requests/")
    page.get_by_role("main").get_by_role("link", name="Contacts").click()
    page.get_by_role("button", name="Run now").click()
    assert provider.wait_until_held(PATIENCE / 1000)
    expect(page.get_by_text("1 page, 20 rows")).to_be_visible()
    expect(page.get_by_role("link", name="Open table")).to_have_count(0)
    inspect(page, "run under way", album)

    person.open("tables/").get_by_role("main").get_by_role("link", name="contacts").click()
    expect(page.get_by_role("status").filter(has_text="A run of Contacts is under way")).to_be_visible()
    inspect(page, "table under way", album)
    provider.release()
    expect(page.get_by_role("region", name="Rows of contacts").locator("tbody tr")).to_have_count(50)
    expect(page.get_by_text("60 rows, from")).to_be_visible()

    person.apply(request.replace("per_page=20", "per_page=25"))
    provider.fail(CONTACTS, status=503, body={"message": "Back in a minute"})
    provider.fail(CONTACTS, status=403, body={"message": "Your plan has no contacts", "code": 17})
    page = person.open("requests/")
    page.get_by_role("main").get_by_role("link", name="Contacts").click()
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("[data-run-state=failed]")).to_be_visible(timeout=2 * PATIENCE)
    expect(page.get_by_role("region", name="Attempts").locator("tbody tr")).to_have_count(2)
    expect(page.get_by_text("Your plan has no contacts").first).to_be_visible()
    inspect(page, "failed run", album)
    page.get_by_role("link", name="Compare with the last good one").click()
    expect(page.get_by_text("The API answered 403 Forbidden instead of 200 OK.")).to_be_visible()
    inspect(page, "comparison", album)

    page.get_by_role("button", name="Run again").click()
    expect(page.locator("[data-run-state=succeeded]")).to_be_visible()
    inspect(page, "good run", album)

    page = person.open("runs/")
    page.get_by_label("State").select_option("Failed")
    expect(page.get_by_role("region", name="Runs").locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/runs/\?state=failed$"))
    page.get_by_text("More filters").click()
    page.get_by_label("Error code").select_option("forbidden")
    expect(page).to_have_url(re.compile(r"state=failed&error=forbidden$"))
    inspect(page, "filtered runs", album)
    page.get_by_label("Started by").select_option("Backfill")
    expect(page.get_by_text("No such runs")).to_be_visible()
    inspect(page, "no such runs", album)
