"""Five providers that a plain client fails with: connected, renewed, found dead and revoked on the pages.

Each as a preset and as a custom connection with the six fields, at a server that takes its dialect alone.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.dialect_stub import CLIENT_ID, CLIENT_SECRET, DialectStub, moved_catalogue
from tests.journeys.conftest import Album, Person, fill_connection, found_team, sign_in
from tests.product import Product, free_port, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("five providers")]

# Each at an address of its own: custom connections are recognized by it.
FIVE = ("meta", "salesforce", "zoho", "google", "hubspot")
ADDRESSES = {f"127.0.0.{place}": slug for place, slug in enumerate(FIVE, 2)}
SCOPES = {"salesforce": "api refresh_token", "hubspot": "oauth crm.objects.contacts.read"}
# Zoho says no with a good status, and sends people of Europe on to Europe.
ERROR_STATUS = {"zoho": 200}
HOMES = {"zoho": {"region": "zoho.eu"}}
PATIENCE_FOR_BEAT = 120


@dataclass
class Five:
    """The product, and the five at hand."""

    product: Product
    stubs: dict[str, DialectStub]


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Five]:
    port = free_port()
    with ExitStack() as stack:
        try:
            stubs = {slug: stack.enter_context(stub_of(slug, at, port)) for at, slug in ADDRESSES.items()}
        except OSError:
            pytest.skip("this machine has only one loopback address")
        catalogue: Path = tmp_path_factory.mktemp("five") / "catalogue.toml"
        catalogue.write_text(moved_catalogue(*((slug, stub.base) for slug, stub in stubs.items())))
        product = Product(
            environment={
                "OUTBOUND_ALLOW": ",".join(stub.allow for stub in stubs.values()),
                "PORT": str(port),
                "PROVIDERS_FILE": str(catalogue),
            },
            has_demo=False,
        )
        product.port, product.base_url = port, f"http://localhost:{port}"
        yield Five(stack.enter_context(product), stubs)


def stub_of(slug: str, address: str, port: int) -> DialectStub:
    return DialectStub(
        slug,
        address=address,
        scopes=SCOPES.get(slug, "one two"),
        home=HOMES.get(slug),
        error_status=ERROR_STATUS.get(slug, 400),
        product_url=f"http://localhost:{port}",
        joins_catalogue=False,
    )


@pytest.mark.requirement("R1", "R5", "R29", "R37", "R39", "R50", "R51", "R57", "R68")
@pytest.mark.requirement("QC03", "QC27", "QC33", "QC36", "QC38", "QC40")
@pytest.mark.parametrize("slug", ADDRESSES.values())
@pytest.mark.parametrize("way", ["preset", "custom"])
def test_a_provider_from_consent_to_revocation(
    five: Five, context: BrowserContext, slug: str, way: str, album: Album
) -> None:
    stub = five.stubs[slug]
    stub.log.clear()
    person = sign_in(context, five.product, found_team(five.product, f"{way}-{slug}"))
    name = f"{stub.provider.title} {way}"

    page = fill_in_preset(person, stub, name) if way == "preset" else fill_in_six(person, stub, name)
    album.take(page, "filled in")
    button = "Connect" if way == "preset" else "Create connection"
    with page.expect_popup() as opened:
        page.locator(".form-actions").get_by_role("button", name=button, exact=True).click()
    opened.value.get_by_role("link", name="Allow").click()
    expect(page.get_by_text(f"{name} is connected and ready for any request.")).to_be_visible()
    assert stub.problems == []
    follow_up = ["follow_up"] if slug == "meta" else []
    assert [kind for kind in stub.kinds() if kind != "exchange?"] == ["authorize", "exchange", *follow_up]

    person.open("connections/")
    page.get_by_role("link", name=name, exact=True).click()
    album.take(page, "connected")

    if slug == "meta":
        # There is no refresh token: the token itself is traded while it lives, by the background, with the
        # same request as the short one that the code brought.
        age(five.product, name)
        wait_until(lambda: stub.kinds().count("follow_up") == 2, PATIENCE_FOR_BEAT)
    else:
        stub.expire()
        age(five.product, name)
        try_out(page, stub)
        expect(page.get_by_text("The API takes the token.")).to_be_visible()
        assert [kind for kind in stub.kinds() if kind in ("api", "refresh")][-1] == "api"
        assert "refresh" in stub.kinds()
    assert stub.problems == []

    stub.kill()
    age(five.product, name)
    page.reload()
    try_out(page, stub)
    expect(page.locator("#state-badge")).to_contain_text("Needs reconnecting")
    expect(page.get_by_text("must be reconnected").first).to_be_visible()
    album.take(page, "dead")

    page.get_by_role("link", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete connection").click()
    expect(page.get_by_text(f"{name} was deleted.")).to_be_visible()
    wait_until(lambda: "revoke" in stub.kinds(), PATIENCE_FOR_BEAT)
    assert stub.problems == []


def fill_in_preset(person: Person, stub: DialectStub, name: str) -> Page:
    page = person.open(f"connections/presets/{stub.slug}/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Client ID", exact=True).fill(CLIENT_ID)
    page.get_by_label("Client Secret", exact=True).fill(CLIENT_SECRET)
    page.get_by_label("Scopes", exact=True).fill(stub.scopes)
    return page


def fill_in_six(person: Person, stub: DialectStub, name: str) -> Page:
    page = person.open("connections/new/")
    fill_connection(
        page.locator("main"),
        name=name,
        authorization_url=stub.start.authorization_url,
        token_url=stub.start.token_url,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        scopes=stub.scopes,
    )
    return page


def try_out(page: Page, stub: DialectStub) -> None:
    page.get_by_label("Address of the API").fill(f"{stub.base}/_api")
    page.get_by_role("button", name="Test connection").click()


def age(product: Product, name: str) -> None:
    """Let an hour go by for the connection's token, and its next renewal be due."""
    product.manage(
        "shell",
        "-c",
        "from datetime import timedelta\n"
        "from django.utils.timezone import now\n"
        "from connections.models import Token\n"
        f"tokens = Token.objects.filter(connection__name={name!r})\n"
        "hour = timedelta(hours=1)\n"
        "tokens.update(obtained_at=now() - hour, refreshed_at=now() - hour, rejected_at=None)\n"
        "tokens.filter(refresh_token__isnull=True).update(refresh_at=now())\n",
    )
