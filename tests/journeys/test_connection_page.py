"""Test connection at a real browser: the result without leaving the page, and what it changes on it."""

import pytest
from playwright.sync_api import expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_connection_is_tested_and_its_page_keeps_up(
    person: Person, provider: DemoServer, album: Album
) -> None:
    tokens = provider.mint("contacts.read profile offline_access")
    person.apply(
        f"""
        connections:
          - name: CRM
            authorization_url: {provider.authorization_url}
            token_url: {provider.token_url}
            client_id: {provider.client_id}
            client_secret: {provider.client_secret}
            scopes: contacts.read profile offline_access
            tokens:
              access_token: {tokens.access_token}
              refresh_token: {tokens.refresh_token}
              expires_in: 3600
        """
    )
    page = person.open("connections/")
    page.get_by_role("link", name="CRM").click()
    main = page.get_by_role("main")

    provider.hold("/oauth/userinfo")
    main.get_by_label("Address of the API").fill(provider.userinfo_url)
    main.get_by_role("button", name="Test connection").press("Enter")
    expect(main.get_by_text("Asking the provider and the API…")).to_be_visible()
    expect(main.get_by_role("button", name="Test connection")).to_be_disabled()
    provider.release()
    expect(main.get_by_text("The API takes the token.")).to_be_visible()
    expect(main.get_by_text("200 OK in")).to_be_visible()
    expect(main.get_by_text("Test call")).to_be_visible()
    album.take(page, "good")

    main.get_by_text("Test call").click()
    expect(main.get_by_text("GET 127.0.0.1")).to_be_visible()

    # The provider has withdrawn the grant: the page says so, and offers the way out, without a reload.
    provider.fail("/oauth/userinfo", status=401, times=None)
    provider.fail_token(status=400, body={"error": "invalid_grant"}, times=None)
    main.get_by_role("button", name="Test connection").click()
    expect(main.get_by_text("The API refuses the token, and another one could not be had.")).to_be_visible()
    expect(main.locator("#state").get_by_text("Needs reconnecting")).to_be_visible()
    expect(main.locator("#state-badge")).to_have_text("Needs reconnecting")
    expect(main.locator("#calls").get_by_text("Grant refused").first).to_be_visible()
    expect(main.get_by_role("button", name="Reconnect")).to_have_class("btn btn-primary")
    album.take(page, "dead")
