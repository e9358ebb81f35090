"""The form of a connection in a real browser: Advanced, Discover, parts of addresses, known providers."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.journeys.conftest import Album, Person, fill_connection, found_team, new_context, sign_in
from tests.journeys.test_pages import AXE, EVERY_LOOK, TWO_LOOKS, inspect
from tests.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.requirement("R8")]

SECRET = "s3cret-of-the-app"


@dataclass
class OddProvider:
    """A server that wants JSON, a header, commas and plain PKCE, and an API with a scheme of its own."""

    url: str
    asked: list[Request] = field(default_factory=list)

    def handle(self, request: Request) -> Response:
        request.get_data()
        self.asked.append(request)
        match request.path.rsplit("/", 1)[-1]:
            case "authorize":
                back = urlencode({"code": "c0de", "state": request.args["state"], "iss": self.url})
                link = f"{request.args['redirect_uri']}?{back}".replace("&", "&amp;")
                return Response(f'<a href="{link}">Allow</a>', content_type="text/html")
            case "token":
                return _json({"data": {"access_token": "access-1", "refresh_token": "r", "expires_in": 3600}})
            case "openid-configuration":
                return _json(
                    {
                        "issuer": self.url,
                        "authorization_endpoint": f"{self.url}/found/authorize",
                        "token_endpoint": f"{self.url}/found/token",
                        "authorization_response_iss_parameter_supported": True,
                        "scopes_supported": ["contacts.read"],
                    }
                )
            case "contacts":
                is_let_in = request.headers.get("Authorization") == "Odd-token access-1"
                return _json([{"name": "Ann"}]) if is_let_in else Response(status=403)
        return Response(status=404)

    def last(self, path: str) -> Request:
        return [request for request in self.asked if request.path == path][-1]


def _json(document: object) -> Response:
    return Response(json.dumps(document), content_type="application/json")


@pytest.fixture
def odd(oidc_port: int) -> Iterator[OddProvider]:
    with HTTPServer(host="127.0.0.1", port=oidc_port) as server:
        provider = OddProvider(f"http://127.0.0.1:{oidc_port}")
        server.expect_request(re.compile(".*")).respond_with_handler(provider.handle)
        yield provider


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that brings axe into each page, and in which nothing is half-way between two colours."""
    with new_context(browser, reduced_motion="reduce") as new:
        new.add_init_script(path=AXE)
        yield new


@pytest.mark.requirement("R9", "R38", "QC08")
def test_a_provider_with_ways_of_its_own_is_connected_from_the_builder_and_called_at_once(
    person: Person, odd: OddProvider, album: Album
) -> None:
    page = person.open("requests/new/")
    page.get_by_label("URL", exact=True).fill(f"{odd.url}/api/contacts")
    page.get_by_role("tab", name="Authorization").click()
    page.get_by_text("OAuth", exact=True).click()
    page.get_by_role("link", name="New", exact=True).click()
    form = page.get_by_role("dialog")
    fill_connection(
        form,
        name="Odd",
        authorization_url=f"{odd.url}/{{account}}/authorize",
        token_url=f"{odd.url}/{{account}}/token",
        client_id="abc",
        client_secret=SECRET,
        scopes="a b",
    )
    # The part of the addresses has a field as soon as one has typed it.
    form.get_by_label("Account").fill("acme")
    form.get_by_text("Advanced", exact=True).click()
    form.get_by_label("PKCE").select_option("plain")
    form.get_by_label("Scope separator").select_option("Comma")
    form.get_by_label("Token request body").select_option("JSON")
    form.get_by_label("Extra headers").fill("Odd-Version: 7")
    form.get_by_label("Token path").fill("data")
    form.get_by_label("API authorization").fill("Authorization: Odd-token {access_token}")
    album.take(page, "advanced in the dialog")
    with page.expect_popup() as opened:
        form.get_by_role("button", name="Create connection").click()
    opened.value.get_by_role("link", name="Allow").click()

    expect(page.get_by_text("Odd is connected and ready for any request.")).to_be_visible()
    asked, exchange = odd.last("/acme/authorize").args, odd.last("/acme/token")
    sent = json.loads(exchange.get_data())
    assert (asked["scope"], asked["code_challenge_method"]) == ("a,b", "plain")
    assert sent["code_verifier"] == asked["code_challenge"]
    assert exchange.headers["Odd-Version"] == "7"
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("200 OK")).to_be_visible()


@pytest.mark.requirement("R3", "R10", "R16")
def test_discover_fills_in_the_form_and_what_was_typed_stays(
    person: Person, odd: OddProvider, album: Album
) -> None:
    page = person.open("connections/new/")
    fill_connection(page.get_by_role("main"), name="Found", client_id="abc", client_secret=SECRET, scopes="a")
    page.get_by_text("Advanced", exact=True).click()
    page.get_by_label("Issuer").fill(odd.url)
    page.get_by_role("button", name="Discover").click()

    expect(page.get_by_text(f"Filled in from {odd.url}")).to_be_visible()
    expect(page.get_by_label("Token URL", exact=True)).to_have_value(f"{odd.url}/found/token")
    expect(page.get_by_label("Client Secret", exact=True)).to_have_value(SECRET)
    inspect(page, "discovered", album, TWO_LOOKS)

    page.get_by_label("Token path").fill("data")
    page.get_by_label("A Redirect URL of its own").check()
    own = page.locator("[data-redirect-url=own] code")
    expect(own).to_be_visible()
    expect(page.locator("[data-redirect-url=shared]")).to_be_hidden()
    shown = own.text_content()
    with page.expect_popup() as opened:
        # Enter is Create connection, though other buttons stand above it.
        page.get_by_label("Name", exact=True).press("Enter")
    opened.value.get_by_role("link", name="Allow").click()

    expect(page.get_by_text("Found is connected and ready for any request.")).to_be_visible()
    assert odd.last("/found/authorize").args["redirect_uri"] == shown
    assert "/oauth/callback/c/" in str(shown)


@pytest.mark.requirement("R5", "R6")
def test_a_known_provider_is_named_while_one_types_and_asks_for_what_is_usual(
    person: Person, album: Album
) -> None:
    page = person.open("connections/new/")
    fill_salesforce(page)
    expect(page.get_by_text("Salesforce is known")).to_be_visible()
    expect(page.get_by_label("Use what is known of this provider")).to_be_checked()
    inspect(page, "known", album, TWO_LOOKS)
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Create connection").click()

    expect(page.get_by_text("Salesforce usually needs more")).to_be_visible()
    expect(page.get_by_role("button", name="Add and connect")).to_be_focused()
    assert opened.value.is_closed()
    expect(page.get_by_label("Client Secret", exact=True)).to_have_value(SECRET)
    expect(page.get_by_text("a page that is shown again does not keep it")).to_have_count(0)
    inspect(page, "usual and missing", album, TWO_LOOKS)


@pytest.mark.requirement("R1", "R5", "R6", "R10")
def test_without_scripts_pages_ask_and_fill_in_as_well(
    browser: Browser, product: Product, odd: OddProvider, request: pytest.FixtureRequest, album: Album
) -> None:
    with new_context(browser, java_script_enabled=False) as context:
        page = sign_in(context, product, found_team(product, request.node.name)).open("connections/new/")
        fill_salesforce(page)
        page.get_by_role("button", name="Create connection").click()
        expect(page.get_by_text("Salesforce usually needs more")).to_be_visible()
        expect(page.get_by_text("a page that is shown again does not keep it")).to_be_visible()
        page.get_by_role("button", name="Add and connect").click()
        expect(page.get_by_text("Enter the secret again")).to_be_visible()
        album.take(page, "secret again")

        page.get_by_text("Advanced", exact=True).click()
        page.get_by_label("Issuer").fill(odd.url)
        page.get_by_role("button", name="Discover").click()
        expect(page.get_by_text(f"Filled in from {odd.url}")).to_be_visible()
        page.get_by_label("Client Secret", exact=True).fill(SECRET)
        page.get_by_label("Token URL", exact=True).fill(f"{odd.url}/{{account}}/token")
        page.get_by_label("Token path").fill("data")
        page.get_by_role("button", name="Create connection").click()
        page.get_by_label("Account").fill("acme")
        page.get_by_label("Client Secret", exact=True).fill(SECRET)
        page.get_by_role("button", name="Create connection").click()
        # The page in between goes on by itself.
        page.get_by_role("link", name="Allow").click()
        expect(page.get_by_role("heading", name="Sales is connected")).to_be_visible()


def test_advanced_is_accessible_and_fits_with_everything_open_and_wrong(person: Person, album: Album) -> None:
    page = person.open("connections/new/")
    page.get_by_text("Advanced", exact=True).click()
    inspect(page, "open", album, EVERY_LOOK)
    page.get_by_label("Extra headers").fill("Host: evil.example")
    page.get_by_label("Also refresh on").fill("now and then")
    page.get_by_label("Authorization Base URL").fill("https://{team}.crm.example/" + "x" * 120)
    page.get_by_role("button", name="Create connection").click()
    expect(page.get_by_text("“Host” is sent by ourselves.")).to_be_visible()
    inspect(page, "wrong", album, EVERY_LOOK)
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def fill_salesforce(page: Page) -> None:
    """The six fields of an app at Salesforce, without the scope that brings a refresh token."""
    host = "https://login.salesforce.com/services/oauth2"
    fill_connection(
        page.get_by_role("main"),
        name="Sales",
        authorization_url=f"{host}/authorize",
        token_url=f"{host}/token",
        client_id="abc",
        client_secret=SECRET,
        scopes="api",
    )
