"""From the address of an unknown API to a scheduled, mapped table: with the mouse, and with the keyboard."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MOST_STEPS = 400


def test_only_the_url_is_typed_and_all_else_is_clicked(
    person: Person, provider: DemoServer, album: Album
) -> None:
    page = person.open()
    page.get_by_role("main").get_by_role("link", name="Create Request").first.click()
    page.get_by_label("URL", exact=True).click()
    page.keyboard.insert_text(f"{provider.url}/api/open/contacts?per_page=200")

    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_label("JMESPath")).to_have_value("data")
    page.get_by_role("button", name="Use this pagination").click()
    page.get_by_role("button", name="Select none").click()
    page.get_by_role("checkbox", name="Include id", exact=True).click()
    page.get_by_role("checkbox", name="Include company.name", exact=True).click()
    expect(page.get_by_text(re.compile(r"^2 of \d+ fields become columns\.$"))).to_be_visible()
    page.get_by_role("button", name="Schedule").click()
    page.get_by_role("button", name="Start schedule").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Contacts of ")
    album.take(page, "scheduled")

    page.get_by_role("main").get_by_role("link", name="Contacts of ").first.click()
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("[data-run-state=succeeded]")).to_be_visible()
    page.get_by_role("link", name="Open table").click()
    expect(page.get_by_text("2,340 rows")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("columnheader")).to_have_text(["Open", "id", "company.name"])
    album.take(page, "table")


def test_the_keyboard_alone_is_enough(person: Person, provider: DemoServer, album: Album) -> None:
    page = person.open()
    keys = Keys(page)
    keys.go_to(page.get_by_role("main").get_by_role("link", name="Create Request").first)
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/new/")
    keys.go_to(page.get_by_label("URL", exact=True))
    page.keyboard.insert_text(f"{provider.url}/api/open/contacts?per_page=200")
    page.keyboard.press("Enter")
    expect(page.get_by_label("JMESPath")).to_have_value("data")

    keys.go_to(page.get_by_role("button", name="Use this pagination"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Pagination", exact=True)).to_have_value("page")
    keys.go_to(page.get_by_role("button", name="Select none"))
    page.keyboard.press("Enter")
    for field in ("id", "company.name"):
        keys.go_to(page.get_by_role("checkbox", name=f"Include {field}", exact=True))
        page.keyboard.press("Space")
    keys.go_to(page.get_by_label("Type of id", exact=True))
    # Its first letters choose an entry of a list.
    page.keyboard.type("te")
    expect(page.get_by_label("Type of id", exact=True)).to_have_value("text")
    expect(page.get_by_text(re.compile(r"^2 of \d+ fields become columns\.$"))).to_be_visible()
    keys.go_to(page.get_by_role("button", name="Schedule"))
    page.keyboard.press("Enter")
    keys.go_to(page.get_by_role("button", name="Start schedule"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("row").nth(1)).to_contain_text("Contacts of ")

    keys.go_to(page.get_by_role("main").get_by_role("link", name="Contacts of ").first)
    page.keyboard.press("Enter")
    keys.go_to(page.get_by_role("button", name="Run now"))
    page.keyboard.press("Enter")
    expect(page.locator("[data-run-state=succeeded]")).to_be_visible()
    open_table = page.get_by_role("link", name="Open table")
    open_table.wait_for()
    keys.go_to(open_table)
    page.keyboard.press("Enter")
    expect(page.get_by_text("2,340 rows")).to_be_visible()
    album.take(page, "table")


class Keys:
    """A person without a mouse: gets about with Tab, and sees where the focus is."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def go_to(self, target: Locator) -> None:
        """Press Tab until the target has the focus, which must show; fail if it cannot be reached."""
        target.wait_for()
        for _ in range(MOST_STEPS):
            if target.evaluate("element => element === document.activeElement"):
                break
            self._page.keyboard.press("Tab")
        expect(target).to_be_focused()
        ring = target.evaluate(
            "element => { const style = getComputedStyle(element);"
            " return style.outlineStyle !== 'none' || style.boxShadow !== 'none' }"
        )
        assert ring, f"{target} has the focus, and nothing shows it"
