"""Every page, empty and full, wide and on a phone, light and dark: for everybody, and nothing sticks out."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person, new_context
from tests.product import Product
from tests.requests_builder.import_documents import HAR, OPENAPI, POSTMAN

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow]

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"wide": (1280, 860), "phone": (390, 844)}
# Each size once, and each colour scheme: every rule. In the others, what depends on how they go together.
TWO_LOOKS = ("wide light", "phone dark")
EVERY_LOOK = (*TWO_LOOKS, "phone light", "wide dark")
# WCAG 2.2 AA, and what axe's authors call good practice.
EVERY_RULE = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
RULES_OF_LOOKS = {"type": "rule", "values": ["color-contrast", "target-size"]}

LISTS = {
    "dashboard": "",
    "requests": "requests/",
    "variables": "requests/variables/",
    "connections": "connections/",
    "schedules": "schedules/",
    "runs": "runs/",
    "tables": "tables/",
    "team": "team/",
    "audit log": "audit/",
}
FORMS = {
    "new request": "requests/new/",
    "import": "requests/import/",
    "new variable": "requests/variables/new/",
    "new connection": "connections/new/",
    "presets": "connections/presets/",
    "no such preset": "connections/presets/?q=nothing+like+it",
    "preset": "connections/presets/zendesk/",
    "invite": "team/invitations/new/",
    "rename team": "team/rename/",
    "leave team": "team/leave/",
    "transfer team": "team/transfer/",
    "nothing here": "nothing/here/",
}
ACCOUNT = {
    "sign in": "/accounts/login/",
    "sign up": "/accounts/signup/",
    "reset password": "/accounts/password/reset/",
    "used setup link": "/setup/used/",
    "unknown invitation": "/invitations/unknown/",
}
OWN_ACCOUNT = {
    "new team": "/teams/new/",
    "password": "/accounts/password/change/",
    "e-mail": "/accounts/email/",
    "sign out": "/accounts/logout/",
    "foreign callback": "/oauth/callback?state=unknown&code=unknown",
}


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that brings axe into each page, and in which nothing is half-way between two colours."""
    with new_context(browser, reduced_motion="reduce") as new:
        new.add_init_script(path=AXE)
        yield new


def test_every_page_is_accessible_and_fits_when_a_team_has_nothing_yet(person: Person, album: Album) -> None:
    for name, path in {**LISTS, **FORMS}.items():
        inspect(person.open(path), name, album)
    for name, path in OWN_ACCOUNT.items():
        person.page.goto(person.product.base_url + path)
        inspect(person.page, name, album)


def test_every_page_is_accessible_and_fits_before_anybody_signs_in(
    context: BrowserContext, product: Product, album: Album
) -> None:
    page = context.new_page()
    for name, path in ACCOUNT.items():
        page.goto(product.base_url + path)
        inspect(page, name, album)


def test_every_page_is_accessible_and_fits_when_a_team_is_at_work(
    person: Person, provider: DemoServer, album: Album
) -> None:
    put_to_work(person, provider)
    for name, path in LISTS.items():
        inspect(person.open(path), name, album)
    page = person.page
    for name, found in {
        "failed runs": "runs/?state=failed",
        "request": re.compile(r"requests/[0-9a-f-]{36}/$"),
        "requests/variable": re.compile(r"variables/[0-9a-f-]{36}/$"),
        "connection": re.compile(r"connections/[0-9a-f-]{36}/$"),
        "run": re.compile(r"runs/[0-9a-f-]{36}/$"),
        "schedule": re.compile(r"schedules/[0-9a-f-]{36}/$"),
        "table": re.compile(r"tables/[0-9a-f-]{36}/$"),
    }.items():
        if isinstance(found, str):
            inspect(person.open(found), name, album)
            continue
        url = first_link(person.open(f"{name}s/"), found)
        page.goto(url)
        inspect(page, name, album)
        for more in {
            "requests/variable": ("delete/",),
            "request": ("schedule/", "schedule/delete/", "delete/"),
            "connection": ("edit/", "preset/", "delete/"),
            "schedule": ("backfill/",),
            "table": ("?q=nowhere", "runs/", "feeds/", "delete/"),
        }.get(name, ()):
            page.goto(url + more)
            inspect(page, f"{name} {more.strip('/').replace('/', ' ')}", album)


def test_the_builder_is_accessible_and_fits_in_each_of_its_tabs_and_with_an_answer(
    person: Person, provider: DemoServer, album: Album
) -> None:
    put_to_work(person, provider)
    page = person.open("requests/")
    page.get_by_role("main").get_by_role("link", name="Orders of the week").click()
    for tab in ("Parameters", "Authorization", "Headers", "Body", "Settings"):
        page.get_by_role("tab", name=tab).first.click()
        inspect(page, tab, album, TWO_LOOKS)
    page.get_by_text("What else can be used").click()
    page.get_by_text("What will be sent", exact=True).click()
    expect(page.get_by_label("What will be sent")).to_contain_text("GET")
    inspect(page, "Variables", album, TWO_LOOKS)
    page.get_by_text("What else can be used").click()
    page.get_by_text("What will be sent", exact=True).click()
    page.get_by_role("tab", name="Authorization").click()
    for kind in ("Bearer token", "Basic", "API key"):
        page.get_by_text(kind, exact=True).first.click()
        inspect(page, kind, album, TWO_LOOKS)
    page.get_by_role("tab", name="Authorization").click()
    page.get_by_text("OAuth", exact=True).click()
    page.get_by_role("radio", name="Shop").check()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("200 OK")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Include id", exact=True)).to_be_visible()
    page.get_by_text("Nested values, other fields, times").click()
    inspect(page, "fields", album, EVERY_LOOK)
    answer = page.get_by_role("tablist", name="Answer")
    for tab in ("Table", "Pretty", "Tree", "Raw", "Headers", "Request as sent"):
        answer.get_by_role("tab", name=tab).click()
        inspect(page, f"answer {tab}", album, TWO_LOOKS)
    page.get_by_label("URL", exact=True).fill("example.org/without-scheme")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_label("URL", exact=True)).to_have_attribute("aria-invalid", "true")
    inspect(page, "refused", album, TWO_LOOKS)
    page.get_by_role("tab", name="Authorization").click()
    page.get_by_role("link", name="New", exact=True).click()
    page.get_by_role("dialog").get_by_text("Advanced").click()
    inspect(page, "new connection", album, TWO_LOOKS)


def test_the_list_of_an_imported_file_is_accessible_and_fits(person: Person, album: Album) -> None:
    for name, document in (("collection", POSTMAN), ("operations", OPENAPI), ("recording", HAR)):
        page = person.open("requests/import/")
        page.get_by_label("Or its text").fill("{")
        page.get_by_role("button", name="Look inside").click()
        expect(page.get_by_text("is not JSON")).to_be_visible()
        inspect(page, f"{name} refused", album, TWO_LOOKS)
        page.get_by_label("Or its text").fill(json.dumps(document))
        page.get_by_role("button", name="Look inside").click()
        expect(page.get_by_role("button", name="Save ticked requests")).to_be_visible()
        inspect(page, name, album)
        page.get_by_role("button", name="Tick all shown").click()
        page.get_by_role("button", name="Save ticked requests").click()
        expect(page.locator("#notices")).to_contain_text("saved")
        inspect(page, f"{name} saved", album, TWO_LOOKS)
    page.get_by_role("main").get_by_role("link", name="GET /v1/items").click()
    inspect(page, "saved from a recording", album, TWO_LOOKS)


def test_a_request_is_built_and_run_by_keyboard_alone(person: Person, provider: DemoServer) -> None:
    page = person.open("requests/new/")
    press = page.keyboard.press
    walk_to(page, "Name")
    page.keyboard.type("Open contacts")
    walk_to(page, "URL")
    page.keyboard.type(f"{provider.url}/api/open/contacts?per_page=5")
    walk_to(page, "Parameters 1")
    press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="Authorization")).to_be_visible()
    press("Shift+Tab")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_focused()
    press("Enter")
    expect(page.get_by_role("tab", name="Table")).to_be_visible()
    walk_to(page, "Table")
    press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="Pretty")).to_be_visible()
    walk_to(page, "Save", backwards=True)
    press("Enter")
    expect(page.get_by_text("Open contacts was saved.")).to_be_visible()


def inspect(page: Page, name: str, album: Album, looks: Sequence[str] = EVERY_LOOK) -> None:
    """What axe finds, and what is wider than the screen."""
    for look in looks:
        size, scheme = look.split()
        width, height = SIZES[size]
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": height})
        # What has been scrolled under the bar at the top of a phone is no small target.
        page.evaluate("scrollTo(0, 0)")
        where = f"{name} {look}"
        album.take(page, where)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, where
        assert violations(page, EVERY_RULE if look in TWO_LOOKS else RULES_OF_LOOKS) == [], where


# Colours have just changed: half-way between two themes they are nobody's. Nothing is waited for: a
# window that nobody looks at draws no frames, and its transitions never come to their end.
FINDINGS = """async (rules) => {
  const still = new CSSStyleSheet();
  still.replaceSync("*, ::before, ::after { transition: none !important; animation: none !important; }");
  document.adoptedStyleSheets = [still];
  const options = { runOnly: rules, resultTypes: ["violations"], preload: false };
  return (await axe.run(options)).violations;
}"""


def violations(page: Page, rules: dict[str, Any]) -> list[str]:
    """What axe finds, a line each."""
    found: list[dict[str, Any]] = page.evaluate(FINDINGS, rules)
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]
    ]


FOCUSED = """(() => {
  const at = document.activeElement;
  const [label] = at.labels ?? [];
  return (at.getAttribute("aria-label") ?? (label ?? at).textContent).trim();
})()"""


def walk_to(page: Page, name: str, *, backwards: bool = False) -> None:
    """Press Tab until the focus is on the control of this name."""
    seen = []
    for _ in range(80):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        reached: str = page.evaluate(FOCUSED)
        if reached.split("\n", maxsplit=1)[0].strip() == name:
            return
        seen.append(reached)
    raise AssertionError(f"The keyboard does not reach {name}: {seen}")


def first_link(page: Page, pattern: re.Pattern[str]) -> str:
    """The address of the first link in the content that looks like this."""
    hrefs: list[str] = page.get_by_role("main").locator("a").evaluate_all("links => links.map(a => a.href)")
    return next(href for href in hrefs if pattern.search(href))


def put_to_work(person: Person, provider: DemoServer) -> None:
    """Give the team what a team has after its first week: things that run, and some that fail."""

    def tokens() -> str:
        minted = provider.mint()
        return (
            f"{{access_token: {minted.access_token}, refresh_token: {minted.refresh_token}, expires_in: 300}}"
        )

    crm = f"""
    authorization_url: {provider.authorization_url}
    token_url: {provider.token_url}
    client_id: {provider.client_id}
    client_secret: {provider.client_secret}
    scopes: contacts.read orders.read offline_access
    advanced: {{revocation_url: {provider.revocation_url}}}"""
    person.apply(
        f"""
connections:
  - name: Customer relations{crm}
    tokens: {tokens()}
  - name: Shop{crm}
    tokens: {tokens()}
  - name: Newsletter{crm}
    tokens: {{access_token: gone, refresh_token: gone, expires_in: 1}}
  - name: Accounting{crm}
variables:
  - {{name: region, value: europe-west}}
  - {{name: api_token, value: "a-token-of-the-team", secret: true, hosts: [api.example.com, api.example.org]}}
  - {{name: report_footer, value: "{"A text that goes on for a while. " * 20}"}}
requests:
  - name: Contacts
    url: {provider.url}/api/contacts?per_page=500
    headers: {{Accept: application/json}}
    authorization: {{oauth: Customer relations}}
    records: data
    pagination: {{kind: page, parameter: page, start: 1}}
    schedule: {{cron: "0 6 * * 1-5", timezone: Europe/Berlin}}
  - name: Orders of the week
    url: {provider.url}/api/orders?per_page=12&status=paid
    authorization: {{oauth: Shop}}
    records: data
    schedule: {{every: 15 minutes}}
  - name: Subscribers
    url: {provider.url}/api/contacts?per_page=50&tag=newsletter
    authorization: {{oauth: Newsletter}}
    records: data
    schedule: {{every: 1 hours}}
  - name: Price list
    url: {provider.url}/api/html
    table: prices
"""
    )
    for name in ("Contacts", "Orders of the week", "Subscribers", "Price list"):
        page = person.open("requests/")
        page.get_by_role("main").get_by_role("link", name=name).click()
        page.get_by_role("button", name="Run now").click()
        page.locator("[data-run-state=succeeded], [data-run-state=failed]").wait_for()
