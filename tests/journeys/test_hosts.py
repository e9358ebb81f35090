"""A token on its way to a host that nobody has allowed: the question, and the way on."""

import pytest
from playwright.sync_api import expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person, host_of

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.requirement("R51")]


def test_who_manages_a_connection_is_asked_once_for_another_host(
    person: Person, provider: DemoServer, album: Album
) -> None:
    token = provider.mint().access_token
    person.apply(
        f"""
        connections:
          - name: CRM
            authorization_url: https://login.crm.example/authorize
            token_url: https://crm.example/token
            client_id: abc
            tokens: {{access_token: {token}, expires_in: 3600}}
        """
    )
    page = person.open("requests/new/")
    page.get_by_label("Name", exact=True).fill("Contacts")
    page.get_by_label("URL", exact=True).fill(f"{provider.url}/api/contacts?per_page=5")
    page.get_by_role("tab", name="Authorization").click()
    page.get_by_text("OAuth", exact=True).click()
    page.get_by_label("CRM", exact=True).check()
    provider.forget_requests()

    page.get_by_role("button", name="Run", exact=True).click()
    allow = page.get_by_role("button", name=f"Allow {host_of(provider.url)} for CRM")
    expect(allow).to_be_visible()
    expect(page.get_by_label("URL", exact=True)).to_have_attribute("aria-invalid", "true")
    album.take(page, "asked")
    assert provider.requests_to("/api/contacts") == []

    allow.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("200 OK")).to_be_visible()
    expect(allow).to_have_count(0)
    expect(page.get_by_label("URL", exact=True)).not_to_have_attribute("aria-invalid", "true")
    album.take(page, "allowed")
    [asked] = provider.requests_to("/api/contacts")
    assert asked.headers["authorization"] == f"Bearer {token}"

    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Contacts was saved.")).to_be_visible()
