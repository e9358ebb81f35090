"""A cURL command pasted into the URL field fills the builder, and what is built can be copied as one."""

import pytest
from playwright.sync_api import expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASTE = """([field, text]) => {
  const data = new DataTransfer();
  data.setData("text", text);
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


def test_a_pasted_command_fills_everything_and_runs(
    person: Person, provider: DemoServer, album: Album
) -> None:
    page = person.open("requests/new/")
    field = page.get_by_label("URL", exact=True)
    command = (
        f"curl -s '{provider.url}/api/open/contacts?per_page=3&page=2' \\\n"
        "  -H 'Accept: application/json' -H 'X-Trace: a b' -u ann:pw -m 20 --frobnicate"
    )
    page.evaluate(PASTE, [field.element_handle(), command])

    notes = page.locator("#import-notes")
    expect(notes).to_contain_text("The builder was filled from the cURL command.")
    expect(notes).to_contain_text("--frobnicate is not an option that is known here")
    expect(field).to_have_value(f"{provider.url}/api/open/contacts?per_page=3&page=2")
    expect(page.get_by_label("Name of row 2", exact=True).first).to_have_value("page")
    page.get_by_role("tab", name="Headers", exact=False).first.click()
    expect(page.locator("[data-pairs=headers] input").nth(2)).to_have_value("X-Trace")
    page.get_by_role("tab", name="Authorization").click()
    expect(page.get_by_label("Username")).to_have_value("ann")
    album.take(page, "filled")

    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("200 OK")).to_be_visible()

    page.get_by_role("button", name="Copy as").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#snippet-text-curl")).to_contain_text("-u 'ann:'\"$PASSWORD\"")
    expect(dialog).not_to_contain_text("ann:pw")
    dialog.get_by_role("tab", name="Python").click()
    expect(dialog.locator("#snippet-text-python")).to_contain_text("requests.request(")
    album.take(page, "copied")


def test_a_command_that_cannot_be_read_says_why_and_changes_nothing(person: Person) -> None:
    page = person.open("requests/new/")
    field = page.get_by_label("URL", exact=True)
    field.fill("https://api.example/kept")

    page.evaluate(PASTE, [field.element_handle(), "curl https://a.example -d @body.json"])

    expect(page.locator("#import-notes")).to_contain_text("body.json, which cannot be read from here")
    expect(field).to_have_value("https://api.example/kept")
