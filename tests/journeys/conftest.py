"""Journeys: a person at a real browser, the whole product as real processes, a provider on the other side."""

import os
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, StorageState, expect, sync_playwright

from demo_api.server import DemoServer
from tests import lanes
from tests.product import Product, free_port

HERE = Path(__file__).parent
ROOT = HERE.resolve().parent.parent
PASSWORD = "correct horse battery staple"
# Milliseconds; generous, because two cores carry the product, the browser and the other tests.
PATIENCE = 30_000
# Playwright is quicker than anybody: it clicks what the scripts of a page do not listen to yet. What cannot
# be seen it leaves alone. A style sheet of the document's own, for there is no element yet to hide.
HIDDEN_UNTIL_READY = """
if (location.protocol.startsWith("http")) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("html { visibility: hidden !important }");
  document.adoptedStyleSheets = [sheet];
  addEventListener("load", () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
    if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
  });
}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two products for all journeys, but for those with their own: they follow one another on two workers."""
    journeys = [item for item in items if is_journey(item)]
    files = sorted({item.path.name for item in journeys})
    for item in journeys:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(f"journeys {files.index(item.path.name) % 2}"))
    # The longest groups begin first; and within one the setup link, for it works only before any account.
    items.sort(key=lambda item: (not is_journey(item), item.path.name != "test_first_hour.py"))


def is_journey(item: pytest.Item) -> bool:
    """Whether the test stands in this folder: the hook above is given the tests of all folders."""
    return item.path.parent == HERE


@pytest.fixture(scope="package")
def product_port() -> int:
    """Known before the product starts, because providers register its redirect URL."""
    return free_port()


@pytest.fixture(scope="package")
def shared_provider(product_port: int) -> Iterator[DemoServer]:
    """The demo API in this process, for as long as the product."""
    with DemoServer(product_url=f"http://localhost:{product_port}") as server:
        yield server


@pytest.fixture(scope="package")
def oidc_port() -> int:
    """For a provider that a test starts itself."""
    return free_port()


@pytest.fixture(scope="package")
def api_port() -> int:
    """For an API that a test starts itself."""
    return free_port()


@pytest.fixture
def provider(shared_provider: DemoServer) -> Iterator[DemoServer]:
    """The demo API with its knobs at hand; after each test it is as it was."""
    knobs, policy = replace(shared_provider.knobs), replace(shared_provider.policy)
    yield shared_provider
    shared_provider.clear_faults()
    shared_provider.release()
    shared_provider.set(**vars_of(knobs), **vars_of(policy))


def vars_of(values: Any) -> dict[str, Any]:
    return {field.name: getattr(values, field.name) for field in fields(values)}


@pytest.fixture(scope="package")
def product(
    product_port: int, shared_provider: DemoServer, oidc_port: int, api_port: int
) -> Iterator[Product]:
    """The whole product, with leave to call the servers of the tests."""
    allowed = [f"127.0.0.1:{port}" for port in (shared_provider.port, oidc_port, api_port)]
    made = Product(environment={"OUTBOUND_ALLOW": ",".join(allowed), "PORT": str(product_port)})
    made.port, made.base_url = product_port, f"http://localhost:{product_port}"
    with made as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Not longer than the journeys last: its event loop runs in this thread, where Django refuses to work."""
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        chromium = playwright.chromium.launch(executable_path=lanes.find_chromium(), args=options)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without history; what its pages complain about fails the test."""
    with new_context(browser) as new:
        yield new


@contextmanager
def new_context(
    browser: Browser, *, waits_for_scripts: bool = True, **options: Any
) -> Iterator[BrowserContext]:
    """One more such browser, with options of Playwright's.

    `waits_for_scripts`: its person sees a page once its scripts listen, and does nothing before.
    """
    complaints: list[str] = []
    new = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
    new.set_default_timeout(PATIENCE)
    if waits_for_scripts and options.get("java_script_enabled", True):
        new.add_init_script(HIDDEN_UNTIL_READY)
    new.on("weberror", lambda error: complaints.append(str(error.error)))
    new.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error"
            and "Content Security Policy" in message.text
            and message.location["url"].startswith("http://localhost")  # the providers' pages are not ours
            else None
        ),
    )
    expect.set_options(timeout=PATIENCE)
    yield new
    new.close()
    assert complaints == []


@dataclass
class Person:
    """Somebody at the browser, signed in to a team of their own."""

    page: Page
    product: Product
    team: str

    def open(self, path: str = "") -> Page:
        """Go to a page of the team."""
        self.page.goto(f"{self.product.base_url}/t/{self.team}/{path}")
        self.page.get_by_role("main").wait_for()
        return self.page

    def apply(self, text: str) -> str:
        """Bring connections and requests into the team from a file."""
        return apply(self.product, f"team: {self.team}\n{textwrap.dedent(text)}")


def apply(product: Product, text: str) -> str:
    """What `manage.py apply` says about this file."""
    file = product.data_dir / "team.yaml"
    file.write_text(text)
    return product.manage("apply", str(file))


@pytest.fixture(scope="package")
def founder(browser: Browser, product: Product) -> StorageState:
    """The cookies of somebody who has signed in."""
    with new_context(browser) as context:
        sign_in(context, product, found_team(product, "founders"))
        return context.storage_state()


@pytest.fixture
def person(
    context: BrowserContext, product: Product, founder: StorageState, request: pytest.FixtureRequest
) -> Person:
    """The owner of a new team, signed in."""
    context.add_cookies(cast(Any, founder["cookies"]))
    team = slug_of(request.node.name)
    page = context.new_page()
    page.goto(f"{product.base_url}/teams/new/")
    page.get_by_label("Team name").fill(team)
    page.get_by_role("button", name="Create team").click()
    page.wait_for_url(f"**/t/{team}/")
    return Person(page, product, team)


def slug_of(test: str) -> str:
    """A name for a team, from the name of a test."""
    return re.sub("[^a-z0-9]+", "-", test.lower()).strip("-")[-40:].strip("-")


def found_team(product: Product, test: str) -> str:
    """A new team, with an owner of its own: `<team>@example.org`."""
    team = slug_of(test)
    owner = f"{{email: {team}@example.org, role: owner, password: {PASSWORD}}}"
    apply(product, f"team: {team}\nusers:\n  - {owner}\n")
    return team


def sign_in(context: BrowserContext, product: Product, team: str) -> Person:
    """The owner of a team at a browser, through the form."""
    email = f"{team}@example.org"
    page = context.new_page()
    page.goto(f"{product.base_url}/accounts/login/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/t/**")
    return Person(page, product, team)


class Album:
    """Pictures of a journey's steps, kept when SCREENSHOTS names a folder."""

    def __init__(self, name: str) -> None:
        folder = os.environ.get("SCREENSHOTS")
        self.folder = ROOT / folder / name if folder else None
        self.count = 0

    def take(self, page: Page, step: str) -> None:
        """Keep what the page shows now."""
        if self.folder:
            self.count += 1
            self.folder.mkdir(parents=True, exist_ok=True)
            # The caret stays: to hide it takes a style that the policy of our pages forbids.
            path = self.folder / f"{self.count:02} {step}.png"
            page.screenshot(path=path, full_page=True, caret="initial")


@pytest.fixture
def album(request: pytest.FixtureRequest) -> Album:
    return Album(request.node.name.removeprefix("test_"))


def fill_connection(form: Locator, **fields: str) -> None:
    """Type the six fields, by their labels."""
    labels = {
        "name": "Name",
        "authorization_url": "Authorization Base URL",
        "token_url": "Token URL",
        "client_id": "Client ID",
        "client_secret": "Client Secret",
        "scopes": "Scopes",
        "revocation_url": "Revocation URL",
    }
    for name, value in fields.items():
        form.get_by_label(labels[name], exact=True).fill(value)


def host_of(url: str) -> str:
    return urlsplit(url).netloc
