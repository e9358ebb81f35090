"""Variables: written once, seen before anything is sent, and never shown when they are secret."""

import pytest
from playwright.sync_api import expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_secret_of_the_team_is_used_seen_masked_and_sent(
    person: Person, provider: DemoServer, album: Album
) -> None:
    page = person.open("requests/variables/")
    page.get_by_role("link", name="Add variable").first.click()
    page.get_by_label("Name").fill("api_key")
    page.get_by_label("Value").fill("s3cret-of-the-team")
    expect(page.get_by_label("Hosts")).to_be_hidden()
    page.get_by_label("Secret").check()
    page.get_by_label("Hosts").fill(f"127.0.0.1:{provider.port}")
    album.take(page, "a secret")
    page.get_by_role("button", name="Save variable").click()
    expect(page.get_by_text("api_key was saved.")).to_be_visible()
    expect(page.get_by_role("row", name="api_key")).to_contain_text("secret")

    page = person.open("requests/new/")
    page.get_by_text("What will be sent", exact=True).click()
    sent = page.get_by_label("What will be sent")
    page.get_by_label("URL", exact=True).fill(
        f"{provider.url}/api/echo?n={{{{ size }}}}&d={{{{ yesterday }}}}"
    )
    expect(page.get_by_text("{{ size }} is unknown.")).to_be_visible()
    album.take(page, "undefined")
    page.get_by_role("tab", name="Settings").click()
    rows = page.get_by_role("table", name="Variables")
    rows.get_by_label("Name of a new row").fill("size")
    rows.get_by_label("Value of row 1").fill("50")
    expect(sent).to_contain_text("/api/echo?n=50&d=20")
    page.get_by_role("tab", name="Headers").click()
    page.get_by_role("table", name="Headers").get_by_label("Name of a new row").fill("X-Key")
    page.get_by_role("table", name="Headers").get_by_label("Value of row 1").fill("{{ api_key }}")
    expect(sent).to_contain_text("X-Key: •••")
    album.take(page, "seen before")

    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("200 OK")).to_be_visible()

    # Other journeys call it, too.
    [asked] = [request for request in provider.requests_to("/api/echo") if "n" in request.query]
    assert asked.headers["x-key"] == "s3cret-of-the-team"
    assert dict(asked.query_pairs)["n"] == "50"
    assert "s3cret-of-the-team" not in page.content()
    album.take(page, "answer")
