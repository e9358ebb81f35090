"""A cURL command pasted into the URL field fills the builder, and what is built can be copied as one."""

import json
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, StorageState, expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person, new_context

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


def collection(url: str) -> bytes:
    """A Postman collection of the demo API."""
    basic = {
        "type": "basic",
        "basic": [{"key": "username", "value": "ann"}, {"key": "password", "value": "pw-false"}],
    }
    document = {
        "info": {"name": "Demo"},
        "item": [
            {"name": "Contacts", "request": {"url": f"{url}/api/open/contacts?per_page=3", "auth": basic}},
            {
                "name": "Orders",
                "item": [{"name": "All orders", "request": f"{url}/api/open/contacts?page=2"}],
            },
        ],
    }
    return json.dumps(document).encode()


def upload(url: str) -> Any:
    return {"name": "demo.json", "mimeType": "application/json", "buffer": collection(url)}


def test_a_collection_is_uploaded_and_a_request_of_it_is_opened_and_run(
    person: Person, provider: DemoServer, album: Album
) -> None:
    page = person.open("requests/")
    page.get_by_role("link", name="Import").click()
    page.get_by_label("File", exact=True).set_input_files(upload(provider.url))
    page.get_by_role("button", name="Look inside").click()
    expect(page.get_by_role("heading", name="Demo")).to_be_visible()
    page.get_by_label("Search by name, address or folder").press_sequentially("cont")
    expect(page.get_by_role("link", name="All orders")).to_be_visible()  # its address says contacts
    page.get_by_label("Search by name, address or folder").fill("orders all")
    expect(page.get_by_text("1 request", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Contacts", exact=True)).to_be_hidden()
    page.get_by_label("Search by name, address or folder").fill("")
    album.take(page, "list")
    page.get_by_role("main").get_by_role("link", name="Contacts", exact=True).click()

    expect(page.locator("#import-notes")).to_contain_text("filled from the Postman collection")
    page.get_by_role("tab", name="Authorization").click()
    expect(page.get_by_label("Username")).to_have_value("ann")
    expect(page.get_by_label("Password")).to_have_value("")
    album.take(page, "builder")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("200 OK")).to_be_visible()
    page.get_by_role("tab", name="Request as sent").click()
    expect(page.get_by_role("tabpanel", name="Request as sent")).to_contain_text("Authorization")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Contacts was saved.")).to_be_visible()


def test_several_are_ticked_and_saved_without_a_script(
    browser: Browser, person: Person, provider: DemoServer, founder: StorageState
) -> None:
    with new_context(browser, java_script_enabled=False) as context:
        context.add_cookies(cast(Any, founder["cookies"]))
        plain = Person(context.new_page(), person.product, person.team)
        page = plain.open("requests/import/")
        page.get_by_label("File", exact=True).set_input_files(upload(provider.url))
        page.get_by_role("button", name="Look inside").click()
        page.get_by_label("Search by name, address or folder").fill("orders")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("link", name="Contacts", exact=True)).to_be_hidden()
        page.get_by_role("link", name="Show all").click()
        for name in ("Contacts", "All orders"):
            page.get_by_role("checkbox", name=f"Save {name}").check()
        page.get_by_role("button", name="Save ticked requests").click()

        expect(page.get_by_text("2 requests were saved.")).to_be_visible()
        page.get_by_role("main").get_by_role("link", name="All orders").click()
        expect(page.get_by_label("URL", exact=True)).to_have_value(f"{provider.url}/api/open/contacts?page=2")
