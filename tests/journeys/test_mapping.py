"""Response Field Mapping: what somebody makes of an answer is what stands in the table."""

import re

import pytest
from playwright.sync_api import Page, expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def run(page: Page, url: str) -> None:
    """Press Run, and wait until the fields of the answer are there."""
    page.get_by_label("URL", exact=True).fill(url)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("200 OK")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Include id", exact=True)).to_be_visible()


def preview_header(page: Page) -> list[str]:
    return (
        page.get_by_role("region", name="Preview of the rows").get_by_role("columnheader").all_inner_texts()
    )


def test_fields_are_renamed_typed_ordered_and_left_out_and_the_table_shows_exactly_that(
    person: Person, provider: DemoServer, album: Album
) -> None:
    page = person.open("requests/new/")
    page.get_by_label("Name", exact=True).fill("Contacts")
    run(page, f"{provider.url}/api/open/contacts?per_page=5")
    expect(page.get_by_label("JMESPath")).to_have_value("data")
    expect(page.get_by_text("Everything is taken as it comes. Change something")).to_be_visible()
    album.take(page, "fields")

    page.get_by_role("button", name="Select none").click()
    for field in ("id", "email"):
        page.get_by_role("checkbox", name=f"Include {field}", exact=True).check()
    page.get_by_label("Column of email", exact=True).fill("Mail")
    page.get_by_label("Type of id", exact=True).select_option("Text")
    # By the keyboard: the button keeps the focus, so that it can be pressed again.
    down = page.get_by_role("button", name="Move id down", exact=True)
    down.focus()
    for _ in range(10):
        page.keyboard.press("Enter")
    expect(down).to_be_focused()
    # And by the mouse.
    page.get_by_role("row", name="phone").locator("[data-cell=handle]").drag_to(
        page.get_by_role("row", name="first_name").get_by_role("checkbox")
    )
    expect(page.locator("tr[data-path=phone]:has(~ tr[data-path=last_name])")).to_have_count(1)
    expect(page.get_by_text(re.compile(r"^2 of \d+ fields become columns\.$"))).to_be_visible()
    expect(page.get_by_role("region", name="Preview of the rows").get_by_role("columnheader")).to_have_text(
        ["Mail", "id"]
    )
    album.take(page, "chosen")

    page.get_by_label("JMESPath").fill("data[:3]")
    expect(page.get_by_text("3 records found")).to_be_visible()
    page.get_by_label("JMESPath").fill("data[")
    expect(page.get_by_text("is not a JMESPath expression")).to_be_visible()
    page.get_by_role("button", name="First 10").click()
    expect(page.get_by_label("JMESPath")).to_have_value("data[:10]")
    expect(page.get_by_text("5 records found")).to_be_visible()

    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Contacts was saved.")).to_be_visible()
    expect(page.get_by_label("Column of email", exact=True)).to_have_value("Mail")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("[data-run-state=succeeded]")).to_be_visible()
    page.get_by_role("link", name="Open table").click()
    expect(page.get_by_text("5 rows")).to_be_visible()
    cells = page.get_by_role("main").get_by_role("table").last.get_by_role("row")
    expect(cells).to_have_count(6)
    shown = page.get_by_role("main").get_by_role("table").last.inner_text()
    assert shown.index("Mail") < shown.index("id")
    assert "@" in shown
    album.take(page, "table")


def test_an_answer_with_other_fields_shows_the_difference_and_accept_takes_it_over(
    person: Person, provider: DemoServer, album: Album
) -> None:
    page = person.open("requests/new/")
    page.get_by_label("Name", exact=True).fill("Things")
    run(page, f"{provider.url}/api/open/contacts?per_page=5")
    page.get_by_label("Column of id", exact=True).fill("Number")
    expect(page.get_by_text(re.compile(r"^(\d+) of \1 fields become columns\.$"))).to_be_visible()

    provider.fail(
        "/api/open/contacts", status=200, body={"data": [{"id": "a-7", "nick": "Ann", "tags": ["x", "y"]}]}
    )
    page.get_by_role("button", name="Run", exact=True).click()
    difference = page.locator("[data-mapping-difference]")
    expect(difference).to_contain_text("New: nick")
    expect(difference).to_contain_text("Gone: first_name")
    expect(difference).to_contain_text("id (integer, now text)")
    expect(page.get_by_role("row", name="email").get_by_text("not in this answer")).to_be_visible()
    album.take(page, "difference")

    difference.get_by_role("button", name="Accept").click()
    expect(difference).to_have_count(0)
    expect(page.get_by_label("Column of id", exact=True)).to_have_value("Number")
    expect(page.get_by_label("Type of id", exact=True)).to_have_value("text")
    page.get_by_label("What becomes of the list tags").select_option("A row for each element")
    expect(page.get_by_text("The first 50 of")).to_have_count(0)
    preview = page.get_by_role("region", name="Preview of the rows")
    expect(preview.get_by_role("row")).to_have_count(3)
    album.take(page, "a row for each element")

    page.get_by_role("button", name="Take everything as it comes").click()
    expect(page.get_by_text("Everything is taken as it comes.")).to_be_visible()
    expect(page.locator("input[name=mapping]")).to_have_value("")


def test_two_thousand_fields_can_be_searched_and_chosen_among(person: Person, provider: DemoServer) -> None:
    page = person.open("requests/new/")
    record = {f"field_{number}": number for number in range(2_000)}
    provider.fail("/api/open/contacts", status=200, body={"data": [record] * 3})
    page.get_by_label("URL", exact=True).fill(f"{provider.url}/api/open/contacts")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Show more of 2,000 fields")).to_be_visible()
    expect(page.locator("#mapping").get_by_text("The first 100 of 2000 columns.")).to_be_visible()

    page.get_by_role("button", name="Select none").click()
    expect(page.get_by_text("No field is ticked")).to_be_visible()
    page.get_by_label("Search fields").fill("field_1999")
    page.get_by_role("checkbox", name="Include field_1999").check()

    expect(page.get_by_text("1 of 2,000 fields become columns.")).to_be_visible()
    preview = page.get_by_role("region", name="Preview of the rows")
    expect(preview.get_by_role("columnheader")).to_have_text(["field_1999"])
