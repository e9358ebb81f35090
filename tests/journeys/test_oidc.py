"""The same way at an authorization server that nobody here wrote: npm's oidc-provider."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Album, Person, fill_connection
from tests.oidc_provider import OidcProvider
from tests.product import Product, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow]

# Seconds, one more than a call wants a token to have: nearly each call renews it first.
ACCESS_TOKEN_TTL = 6
# What the page that opened the window may take to tell of the result.
PROMPTLY = 2.0


@pytest.fixture
def redirect_uris(product: Product) -> list[str]:
    return [f"{product.base_url}/oauth/callback"]


@pytest.mark.requirement("R1", "R68")
def test_a_connection_is_made_used_renewed_and_revoked(
    person: Person, redirect_uris: list[str], oidc_port: int, album: Album
) -> None:
    with OidcProvider(redirect_uris=redirect_uris, access_token_ttl=ACCESS_TOKEN_TTL, port=oidc_port) as oidc:
        page = build(person, oidc)
        connect(page, album)

        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.get_by_text("200 OK")).to_be_visible()
        page.get_by_role("button", name="Use this pagination").click()
        pull(page)
        # The second renewal works only with the refresh token that the first one brought.
        while len(calls(oidc, "refresh_token")) < 2:
            pull(page)
        assert {call["status"] for call in calls(oidc, "refresh_token")} == {200}
        # Asked first in the way that this client may not use; the right one is found out and kept.
        exchanges = calls(oidc, "authorization_code")
        assert [call["status"] for call in exchanges] == [401, 200]
        assert all(call["has_code_verifier"] for call in exchanges)

        person.open("connections/")
        page.get_by_role("link", name="Warehouse").click()
        page.get_by_role("link", name="Delete", exact=True).click()
        expect(page.get_by_text("1 request uses it")).to_be_visible()
        album.take(page, "delete")
        page.get_by_role("button", name="Delete connection").click()
        expect(page.get_by_text("Warehouse was deleted.")).to_be_visible()
        wait_until(lambda: [call["status"] for call in oidc.log("revocation")] == [200], 120)


@pytest.mark.requirement("R20", "QC06")
def test_the_opener_learns_of_the_result_although_the_provider_cuts_the_window_from_it(
    person: Person, redirect_uris: list[str], oidc_port: int, album: Album
) -> None:
    with OidcProvider(redirect_uris=redirect_uris, coop=True, port=oidc_port) as oidc:
        page = build(person, oidc)
        connect(page, album, is_cut=True)


def build(person: Person, oidc: OidcProvider) -> Page:
    """A request to the provider's API, and the form of a connection to it, all filled in."""
    page = person.open("requests/new/")
    page.get_by_label("Name", exact=True).fill("Items")
    page.get_by_label("URL", exact=True).fill(f"{oidc.items_url}?per_page=100")
    page.get_by_role("tab", name="Authorization").click()
    page.get_by_text("OAuth", exact=True).click()
    page.get_by_role("link", name="New", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Advanced").click()
    dialog.get_by_label("Extra authorization parameters").fill("prompt=consent")
    fill_connection(
        dialog,
        name="Warehouse",
        authorization_url=oidc.authorization_url,
        token_url=oidc.token_url,
        client_id=oidc.basic_client.client_id,
        client_secret=oidc.basic_client.client_secret,
        scopes="openid items.read offline_access",
        revocation_url=oidc.revocation_url,
    )
    return page


def connect(page: Page, album: Album, *, is_cut: bool = False) -> None:
    """Through the provider's own pages in the window, until the page that opened it has chosen the result."""
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Create connection").click()
    called_back_at = consent(opened.value, album, is_cut=is_cut)
    expect(page.get_by_text("Warehouse is connected and ready for any request.")).to_be_visible()
    assert time.monotonic() - called_back_at < PROMPTLY
    expect(page.get_by_role("radio", name="Warehouse")).to_be_checked()
    album.take(page, "connected")


def consent(popup: Page, album: Album, *, is_cut: bool) -> float:
    """Sign in and agree at the provider's own pages; when the way back ended."""
    ended_at: list[float] = []
    popup.on(
        "response",
        lambda response: ended_at.append(time.monotonic()) if "/oauth/callback" in response.url else None,
    )
    popup.get_by_placeholder("Enter any login").fill("dana")
    popup.get_by_placeholder("and password").fill("any")
    popup.get_by_role("button", name="Sign-in").click()
    popup.get_by_role("button", name="Continue").wait_for()
    assert popup.evaluate("window.opener === null") is is_cut
    album.take(popup, "consent")
    popup.get_by_role("button", name="Continue").click()
    popup.wait_for_url("**/oauth/flows/**")
    expect(popup.get_by_role("heading", name="Warehouse is connected")).to_be_visible()
    return ended_at[0]


def pull(page: Page) -> None:
    """Run now, until all rows are there."""
    here = page.url
    page.get_by_role("button", name=re.compile("^Run (now|again)$")).click()
    page.wait_for_url(lambda url: "/runs/" in url and url != here)
    expect(page.locator("[data-run-state=succeeded]")).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text="1,230")).to_be_visible()


def calls(oidc: OidcProvider, grant_type: str) -> list[dict[str, Any]]:
    """The token requests of this kind."""
    return [entry for entry in oidc.log("token") if entry["grant_type"] == grant_type]
