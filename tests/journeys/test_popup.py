"""The ways to the provider and back for browsers that are not as one would wish."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person, fill_connection, found_team, new_context, sign_in
from tests.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.requirement("R20", "QC06")
def test_a_blocked_window_leaves_a_way_in_this_tab_and_the_request_as_it_was_typed(
    context: BrowserContext, person: Person, provider: DemoServer, album: Album
) -> None:
    context.add_init_script("window.open = () => null")
    page = person.open("requests/new/")
    page.get_by_label("Name", exact=True).fill("Orders")
    page.get_by_label("URL", exact=True).fill(f"{provider.url}/api/orders?per_page=50")
    page.get_by_role("tab", name="Headers").click()
    page.get_by_label("Name of a new row").and_(page.locator("#headers input")).fill("Accept-Language")
    page.locator("#headers").get_by_label("Value of row 1").fill("en")
    open_form(page, provider, "CRM").get_by_role("button", name="Create connection").click()

    expect(page.get_by_text("Your browser has blocked the window")).to_be_visible()
    album.take(page, "blocked")
    page.get_by_role("link", name="Open the provider’s page here").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="CRM is connected")).to_be_visible()
    page.get_by_role("link", name="Back to the request").click()

    expect(page.get_by_role("radio", name="CRM")).to_be_checked()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Orders")
    page.get_by_role("tab", name="Headers").click()
    expect(page.get_by_label("Name of row 1").and_(page.locator("#headers input"))).to_have_value(
        "Accept-Language"
    )
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("200 OK")).to_be_visible()


@pytest.mark.requirement("R20")
def test_without_javascript_the_same_flow_goes_through_full_pages(
    browser: Browser, product: Product, provider: DemoServer, request: pytest.FixtureRequest
) -> None:
    with new_context(browser, java_script_enabled=False) as context:
        page = sign_in(context, product, found_team(product, request.node.name)).open("requests/new/")
        page.get_by_role("link", name="New", exact=True).click()
        fill_connection(page.get_by_role("main"), **six_fields(provider, "CRM"))
        page.get_by_role("button", name="Create connection").click()
        # The page in between goes on by itself.
        page.get_by_role("button", name="Allow").click()
        expect(page.get_by_role("heading", name="CRM is connected")).to_be_visible()
        page.get_by_role("link", name="Back to the request").click()
        expect(page.get_by_role("radio", name="CRM")).to_be_checked()

        page.get_by_label("URL", exact=True).fill(f"{provider.url}/api/orders?per_page=5")
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.get_by_text("200 OK")).to_be_visible()


@pytest.mark.requirement("R20", "QC06")
def test_a_window_closed_by_hand_is_noticed_and_opened_again(
    person: Person, provider: DemoServer, album: Album
) -> None:
    page = person.open("requests/new/")
    with page.expect_popup() as opened:
        open_form(page, provider, "CRM").get_by_role("button", name="Create connection").click()
    opened.value.get_by_role("button", name="Allow").wait_for()
    opened.value.close()
    expect(page.get_by_text("If the window is closed, nothing was connected")).to_be_visible()
    album.take(page, "closed by hand")

    with page.expect_popup() as opened_again:
        page.get_by_role("button", name="Open the window again").click()
    opened_again.value.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("CRM is connected and ready for any request.")).to_be_visible()
    expect(page.get_by_role("radio", name="CRM")).to_be_checked()


@pytest.mark.requirement("R14", "R20", "QC06")
def test_two_connections_at_once_in_two_tabs_come_to_the_tab_each_that_asked(
    context: BrowserContext, person: Person, provider: DemoServer
) -> None:
    names = ("First", "Second")
    pages = [person.page, context.new_page()]
    popups = []
    for page, name in zip(pages, names, strict=True):
        page.goto(f"{person.product.base_url}/t/{person.team}/requests/new/")
        with page.expect_popup() as opened:
            open_form(page, provider, name).get_by_role("button", name="Create connection").click()
        popups.append(opened.value)

    popups[1].get_by_role("button", name="Allow").click()
    expect(pages[1].get_by_text("Second is connected and ready for any request.")).to_be_visible()
    expect(pages[1].get_by_role("radio", name="Second")).to_be_checked()
    expect(pages[0].get_by_role("dialog")).to_be_visible()
    popups[0].get_by_role("button", name="Allow").click()
    expect(pages[0].get_by_text("First is connected and ready for any request.")).to_be_visible()
    expect(pages[0].get_by_role("radio", name="First")).to_be_checked()


def test_a_connection_that_is_there_is_reconnected_on_its_own_page(
    person: Person, provider: DemoServer
) -> None:
    page = person.open("connections/new/")
    fill_connection(page.get_by_role("main"), **six_fields(provider, "CRM"))
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Create connection").click()
    opened.value.get_by_role("button", name="Deny").click()
    expect(page.get_by_text("You declined at the provider, so nothing was connected.")).to_be_visible()

    person.open("connections/")
    page.get_by_role("link", name="CRM").click()
    for decision in ("Deny", "Allow"):
        with page.expect_popup() as opened:
            page.get_by_role("button", name="Connect").click()
        opened.value.get_by_role("button", name=decision).click()
        opened.value.wait_for_url("**/oauth/flows/**")
        opened.value.close()
    expect(page.get_by_text("CRM is connected and ready for any request.")).to_be_visible()
    expect(page.get_by_role("button", name="Reconnect")).to_be_visible()


def open_form(page: Page, provider: DemoServer, name: str) -> Locator:
    """The dialog for a new connection over the request builder, filled in."""
    page.get_by_role("tab", name="Authorization").click()
    page.get_by_text("OAuth", exact=True).click()
    page.get_by_role("link", name="New", exact=True).click()
    dialog = page.get_by_role("dialog")
    fill_connection(dialog, **six_fields(provider, name))
    return dialog


def six_fields(provider: DemoServer, name: str) -> dict[str, str]:
    return {
        "name": name,
        "authorization_url": provider.authorization_url,
        "token_url": provider.token_url,
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
        "scopes": "contacts.read orders.read offline_access",
    }
