"""From the link on the console to a scheduled pull: the whole way of a newcomer, offline."""

import csv
import io

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.journeys.conftest import PASSWORD, Album, fill_connection
from tests.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.both_lanes, pytest.mark.slow]


def test_a_newcomer_gets_from_the_setup_link_to_a_scheduled_oauth_pull(
    context: BrowserContext, product: Product, album: Album
) -> None:
    page = context.new_page()
    assert product.setup_link
    page.goto(product.setup_link)
    album.take(page, "set up")
    page.get_by_label("Your name").fill("Ann Example")
    page.get_by_label("E-mail address").fill("ann@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Team name").fill("Acme")
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/t/acme/")
    album.take(page, "empty dashboard")

    page.get_by_role("main").get_by_role("link", name="Create Request").first.click()
    page.get_by_label("Name", exact=True).fill("Contacts")
    page.get_by_role("tab", name="Authorization").click()
    page.get_by_text("OAuth", exact=True).click()
    page.get_by_role("link", name="New", exact=True).click()
    dialog = page.get_by_role("dialog")
    fill_connection(
        dialog,
        name="Demo CRM",
        authorization_url=f"{product.demo_url}/oauth/authorize",
        token_url=f"{product.demo_url}/oauth/token",
        client_id="demo-crm-4f81c2",
        client_secret="sk_demo_7Qm2xW9tKc5bRzHn",
        scopes="contacts.read orders.read profile offline_access",
    )
    album.take(page, "six fields")
    with page.expect_popup() as opened:
        dialog.get_by_role("button", name="Create connection").click()
    popup = opened.value
    popup.get_by_role("button", name="Allow").wait_for()
    album.take(popup, "consent")
    popup.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("Demo CRM is connected and ready for any request.")).to_be_visible()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("radio", name="Demo CRM")).to_be_checked()
    album.take(page, "connected")

    page.get_by_label("URL", exact=True).fill(f"{product.demo_url}/api/contacts?per_page=100")
    page.get_by_role("tab", name="Parameters").click()
    row = page.get_by_role("row").filter(has=page.get_by_label("Name of row 1"))
    expect(row.get_by_label("Value of row 1")).to_have_value("100")
    row.get_by_label("Value of row 1").fill("200")
    expect(page.get_by_label("URL", exact=True)).to_have_value(
        f"{product.demo_url}/api/contacts?per_page=200"
    )
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("200 OK")).to_be_visible()
    expect(page.get_by_label("JMESPath")).to_have_value("data")
    page.get_by_role("button", name="Use this pagination").click()
    expect(page.get_by_label("Pagination")).to_have_value("page")
    album.take(page, "answer and import settings")

    page.get_by_role("button", name="Run now").click()
    expect(page.locator("[data-run-state=succeeded]")).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text="2,340")).to_be_visible()
    album.take(page, "run")
    page.get_by_role("link", name="Open table").click()
    expect(page.get_by_text("2,340 rows")).to_be_visible()
    album.take(page, "table")
    page.locator("summary", has_text="Download").click()
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(downloaded.value.path().read_text())))
    assert len(rows) == 2340
    assert len({row["id"] for row in rows}) == 2340

    page.goto(f"{product.base_url}/t/acme/requests/")
    page.get_by_role("main").get_by_role("link", name="Contacts").click()
    page.get_by_role("button", name="Schedule").click()
    page.get_by_label("N", exact=True).fill("1")
    expect(page.get_by_text("Every minute")).to_be_visible()
    album.take(page, "schedule")
    page.get_by_role("button", name="Start schedule").click()
    expect(page.get_by_role("cell", name="Every minute")).to_be_visible()
    album.take(page, "schedules")

    page.goto(f"{product.base_url}/t/acme/runs/?state=succeeded")
    for _ in range(60):
        if page.get_by_role("row").count() > 2:
            break
        page.wait_for_timeout(2000)
        page.reload()
    page.get_by_role("row").nth(1).get_by_role("link").click()
    expect(page.get_by_text("Schedule", exact=True)).to_be_visible()
    album.take(page, "scheduled run")
    page.goto(f"{product.base_url}/t/acme/")
    expect(page.get_by_text("1 of 1")).to_be_visible()
    album.take(page, "dashboard")
