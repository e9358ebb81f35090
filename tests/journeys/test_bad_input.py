"""What people read when something is wrong: what it was, what to do, at the place where it was typed."""

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from demo_api.messages import Request
from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person, fill_connection, found_team, new_context, sign_in
from tests.product import Product, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@dataclass(frozen=True)
class Mistake:
    """A field typed wrongly, and what is said of it."""

    field: str
    label: str
    typed: str
    sentence: str


MISTAKES = {
    "no such host": Mistake(
        "token_url",
        "Token URL",
        "https://tokens.invalid/oauth/token",
        "The token URL could not be reached. Check Token URL for a typo",
    ),
    "no such page": Mistake(
        "token_url",
        "Token URL",
        "{url}/oauth/tokn",
        "There is no token endpoint at this address. Check Token URL for a typo.",
    ),
    "wrong secret": Mistake(
        "client_secret",
        "Client Secret",
        "sk_demo_of_last_year",
        "The provider does not accept the client. Check Client ID and Client Secret",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_in_a_connection_is_named_and_mended_with_everything_kept(
    person: Person, provider: DemoServer, album: Album, mistake: Mistake
) -> None:
    right = {
        "name": "CRM",
        "authorization_url": provider.authorization_url,
        "token_url": provider.token_url,
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
        "scopes": "contacts.read offline_access",
    }
    page = new_connection(person, right | {mistake.field: mistake.typed.format(url=provider.url)})
    decide(page, "Create connection", "Allow")
    failure = page.get_by_role("alert").filter(has_text=mistake.sentence)
    expect(failure).to_be_visible()
    expect(failure.get_by_text(mistake.label, exact=True)).to_be_visible()
    album.take(page, "failed")

    failure.get_by_role("link", name="Edit and try again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label(mistake.label, exact=True)).to_be_focused()
    expect(dialog.get_by_label("Scopes", exact=True)).to_have_value(right["scopes"])
    album.take(page, "edit")
    mended = {mistake.field: right[mistake.field]}
    # A secret does not go to another server unless it is typed again.
    fill_connection(dialog, **mended | {"client_secret": right["client_secret"]})
    decide(page, "Save and reconnect", "Allow")
    expect(page.get_by_text("CRM is connected and ready for any request.")).to_be_visible()


@pytest.mark.requirement("R19", "QC04")
def test_who_presses_deny_is_told_so_and_nothing_is_connected(
    person: Person, provider: DemoServer, album: Album
) -> None:
    page = new_connection(person, six_fields(provider))
    popup = decide(page, "Create connection", "Deny")
    sentence = "You declined at the provider, so nothing was connected."
    expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    expect(popup.get_by_text(sentence)).to_be_visible()
    album.take(popup, "denied")
    person.open("connections/")
    expect(page.get_by_role("row").filter(has_text="CRM")).to_contain_text("Could not connect")


@pytest.mark.requirement("R13", "QC05")
def test_a_callback_works_once_and_only_for_who_began_it(
    person: Person,
    browser: Browser,
    product: Product,
    provider: DemoServer,
    album: Album,
    request: pytest.FixtureRequest,
) -> None:
    page = new_connection(person, six_fields(provider))
    called: list[str] = []
    person.page.context.on(
        "request", lambda sent: called.append(sent.url) if "/oauth/callback" in sent.url else None
    )
    decide(page, "Create connection", "Allow")
    expect(page.get_by_text("CRM is connected and ready for any request.")).to_be_visible()
    exchanges = len(exchanges_of(provider))
    (callback,) = called

    page.goto(callback)
    expect(page.get_by_role("heading", name="CRM is connected")).to_be_visible()
    assert len(exchanges_of(provider)) == exchanges
    assert "code=" not in page.url

    page.goto(re.sub(r"state=[^&]+", "state=forged", callback))
    expect(page.get_by_text("This answer does not belong to any authorization")).to_be_visible()
    album.take(page, "forged state")

    with new_context(browser) as other:
        stranger = sign_in(other, product, found_team(product, f"{request.node.name} stranger")).page
        stranger.goto(callback)
        expect(stranger.get_by_text("This authorization was begun by another account")).to_be_visible()
        assert len(exchanges_of(provider)) == exchanges


@pytest.mark.requirement("R2", "QC21")
def test_an_address_inside_the_hosts_network_is_refused_at_its_field(person: Person, album: Album) -> None:
    page = person.open("requests/new/")
    address = page.get_by_label("URL", exact=True)
    address.fill("http://169.254.169.254/latest/meta-data/")
    for button in ("Run", "Save"):
        page.get_by_role("button", name=button, exact=True).click()
        expect(address).to_have_attribute("aria-invalid", "true")
        problem = page.locator(".field-error").filter(has_text="This address may not be called")
        expect(problem).to_be_visible()
        album.take(page, button)
    person.open("requests/")
    expect(page.get_by_text("No requests yet")).to_be_visible()


def test_an_answer_that_is_a_web_page_is_called_one_and_fills_no_table(
    person: Person, provider: DemoServer, album: Album
) -> None:
    sentence = "The answer is HTML, perhaps a login page."
    page = person.open("requests/new/")
    page.get_by_label("Name", exact=True).fill("Page")
    page.get_by_label("URL", exact=True).fill(f"{provider.url}/api/html")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text(sentence).first).to_be_visible()
    album.take(page, "answer")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("[data-run-state=failed]")).to_be_visible()
    expect(page.get_by_text(sentence)).to_be_visible()
    expect(page.get_by_text("Who can mend it: whoever edits the request.")).to_be_visible()
    album.take(page, "run")
    # There is nothing to see in its table.
    expect(page.get_by_role("link", name="Open table")).to_have_count(0)
    page = person.open("tables/")
    page.get_by_role("main").get_by_role("link", name="Page").first.click()
    expect(page.get_by_text("No rows yet")).to_be_visible()


def test_a_cron_line_with_61_minutes_is_refused_while_it_is_typed_and_when_it_is_saved(
    person: Person, provider: DemoServer, album: Album
) -> None:
    person.apply(f"requests:\n  - {{name: Orders, url: {provider.url}/api/orders}}\n")
    page = person.open("requests/")
    page.get_by_role("main").get_by_role("link", name="Orders").click()
    page.get_by_role("button", name="Schedule").click()
    page.get_by_label("Runs", exact=True).select_option("cron")
    page.get_by_label("Cron", exact=True).fill("61 * * * *")
    foretold = page.get_by_role("region", name="Next runs")
    expect(foretold).to_contain_text("61")
    expect(foretold).to_contain_text("minute")
    album.take(page, "typed")
    page.get_by_role("button", name="Start schedule").click()
    expect(page.get_by_label("Cron", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Cron", exact=True)).to_have_value("61 * * * *")
    expect(page.locator("form .field-error")).to_contain_text("61")
    album.take(page, "refused")
    person.open("schedules/")
    expect(page.get_by_text("Nothing runs by itself yet")).to_be_visible()


def test_an_invitation_opened_by_somebody_else_is_not_theirs_to_accept(
    person: Person,
    browser: Browser,
    product: Product,
    album: Album,
    request: pytest.FixtureRequest,
) -> None:
    page = person.open("team/invitations/new/")
    page.get_by_label("E-mail").fill("bob@example.org")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text("An invitation is on its way to bob@example.org")).to_be_visible()
    wait_until(lambda: links_of_mails_to(product, "bob@example.org"), 30)
    (link,) = links_of_mails_to(product, "bob@example.org")

    with new_context(browser) as other:
        stranger = sign_in(other, product, found_team(product, f"{request.node.name} stranger")).page
        stranger.goto(link)
        expect(stranger.get_by_role("heading", name="This invitation is for somebody else")).to_be_visible()
        expect(stranger.get_by_text("Nothing has been accepted.")).to_be_visible()
        album.take(stranger, "for somebody else")
        stranger.goto(f"{product.base_url}/t/{person.team}/")
        expect(stranger.get_by_role("heading", name="There is nothing here")).to_be_visible()
    person.open("team/")
    expect(page.get_by_role("row").filter(has_text="bob@example.org")).to_contain_text("Pending")


def six_fields(provider: DemoServer) -> dict[str, str]:
    return {
        "name": "CRM",
        "authorization_url": provider.authorization_url,
        "token_url": provider.token_url,
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
        "scopes": "contacts.read offline_access",
    }


def new_connection(person: Person, fields: dict[str, str]) -> Page:
    """The request builder with the dialog of a new connection filled in."""
    page = person.open("requests/new/")
    page.get_by_role("tab", name="Authorization").click()
    page.get_by_text("OAuth", exact=True).click()
    page.get_by_role("link", name="New", exact=True).click()
    fill_connection(page.get_by_role("dialog"), **fields)
    return page


def decide(page: Page, button: str, decision: str) -> Page:
    """Press a button that opens the provider's page, and Allow or Deny there; the window."""
    with page.expect_popup() as opened:
        page.get_by_role("button", name=button).click()
    opened.value.get_by_role("button", name=decision).click()
    return opened.value


def exchanges_of(provider: DemoServer) -> list[Request]:
    return [request for request in provider.token_requests if request.form.get("code")]


def links_of_mails_to(product: Product, email: str) -> list[str]:
    """The invitations that have been sent to an address."""
    mails = [path.read_text() for path in (product.data_dir / "mail").glob("*")]
    return [re.findall(r"http\S+/invitations/\S+", mail)[0] for mail in mails if f"To: {email}" in mail]
