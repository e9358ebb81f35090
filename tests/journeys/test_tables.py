"""A table as people work with it: searched, sorted, filtered, arranged, looked at row by row, and fed on."""

import re
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_table_is_searched_sorted_filtered_arranged_and_read_by_a_spreadsheet(
    person: Person, provider: DemoServer, album: Album
) -> None:
    provider.set(contacts=100)
    person.apply(
        f"""
        requests:
          - name: Contacts
            url: {provider.url}/api/open/contacts?per_page=100
            records: data
            table: contacts
        """
    )
    page = person.open("requests/")
    page.get_by_role("main").get_by_role("link", name="Contacts").click()
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("link", name="Open table").click()
    grid = page.get_by_role("region", name="Rows of contacts")
    expect(grid.locator("tbody tr")).to_have_count(50)

    # By the keyboard alone, and the address has it.
    page.get_by_role("link", name=re.compile("^(integer|number) id$")).focus()
    page.keyboard.press("Enter")
    expect(grid.get_by_role("columnheader", name="id")).to_have_attribute("aria-sort", "ascending")
    page.keyboard.press("Enter")
    expect(grid.get_by_role("columnheader", name="id")).to_have_attribute("aria-sort", "descending")
    expect(page).to_have_url(re.compile(r"\?sort=id&desc=1$"))
    page.go_back()
    expect(grid.get_by_role("columnheader", name="id")).to_have_attribute("aria-sort", "ascending")

    page.get_by_text("Add filter").click()
    page.get_by_label("Column", exact=True).select_option("id")
    page.get_by_label("Condition").select_option("is between")
    page.get_by_label("Value").fill("10")
    page.locator("#filter-until").fill("19")
    album.take(page, "filter")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#found")).to_have_text("10 of 100 rows match.")
    search = page.get_by_role("searchbox", name="Search all columns")
    search.press_sequentially("nobody at all")
    expect(page.get_by_text("No rows match")).to_be_visible()
    expect(search).to_be_focused()
    search.fill("")
    expect(grid.locator("tbody tr")).to_have_count(10)

    # Columns: a width by the mouse and one by the keyboard, one hidden, all kept.
    email = grid.get_by_role("columnheader", name="email")
    handle = email.locator(".grid-handle").bounding_box()
    width = email.bounding_box()
    assert handle
    assert width
    page.mouse.move(handle["x"] + 3, handle["y"] + 9)
    page.mouse.down()
    page.mouse.move(handle["x"] + 63, handle["y"] + 9)
    page.mouse.up()
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("Width of id in pixels").fill("200")
    page.get_by_label("Width of id in pixels").press("Tab")
    page.get_by_role("checkbox", name="phone").uncheck()
    album.take(page, "columns")
    page.reload()
    expect(grid.get_by_role("columnheader", name="phone")).to_be_hidden()
    assert round(email.bounding_box()["width"] - width["width"]) == 60  # type: ignore[index]
    assert round(grid.get_by_role("columnheader", name="id").bounding_box()["width"]) == 200  # type: ignore[index]

    grid.get_by_role("link", name=re.compile("^Open row")).first.click()
    dialog = page.get_by_role("dialog", name=re.compile("^Row .* of contacts"))
    expect(dialog.get_by_role("link", name="a run of Contacts")).to_be_visible()
    album.take(page, "row")
    dialog.get_by_role("button", name="Close").click()

    page.get_by_role("link", name="Feeds").click()
    page.get_by_label("Name").fill("Budget")
    page.get_by_role("button", name="Create feed").click()
    expect(page.get_by_text("Copy its address now")).to_be_visible()
    address = page.locator(".copyable code").first.inner_text()
    album.take(page, "feed")
    with urlopen(address) as answer:
        assert len(answer.read().splitlines()) == 101
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The feed Budget was revoked")).to_be_visible()
