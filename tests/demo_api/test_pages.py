"""What the pages say, to people and to browsers."""

import re

import pytest

from demo_api import pages
from demo_api.server import DemoServer
from tests import lanes

LABELS = [
    "Name",
    "Authorization Base URL",
    "Token URL",
    "Client ID",
    "Client Secret",
    "Scopes",
    "Redirect URL",
]


@pytest.fixture
def home():
    form = pages.ConnectionForm("CRM", "<id>", "s&cret", "a b", "http://localhost:8000/oauth/callback")
    return pages.home("http://127.0.0.1:9400", form, 300)


@pytest.mark.parametrize("label", LABELS)
def test_the_home_page_uses_the_labels_of_the_form(home, label):
    assert f"<dt>{label}</dt>" in home


def test_the_home_page_says_what_to_paste(home):
    values = re.findall(r"<dd><code>(.*?)</code></dd>", home)

    assert values[:6] == [
        "CRM",
        "http://127.0.0.1:9400/oauth/authorize",
        "http://127.0.0.1:9400/oauth/token",
        "&lt;id&gt;",
        "s&amp;cret",
        "a b",
    ]
    assert "http://127.0.0.1:9400/api/orders?per_page=100" in values
    assert "OUTBOUND_ALLOW=127.0.0.1:9400" in home
    assert "5 minutes" in home


@pytest.mark.browser
def test_a_person_copies_and_consents_in_a_browser_without_a_violation_of_the_policy():
    playwright = pytest.importorskip("playwright.sync_api")
    complaints: list[str] = []
    with DemoServer() as server, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=lanes.find_chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 360, "height": 800})
        page.on("console", lambda message: complaints.append(message.text))
        page.route("http://localhost:8000/**", lambda route: route.fulfill(body="back"))

        page.goto(server.url)
        page.get_by_role("button", name="Copy Token URL").click()
        playwright.expect(page.locator("#spoken")).to_have_text("Token URL copied")
        assert page.evaluate("document.documentElement.scrollWidth") == 360

        page.goto(f"{server.authorization_url}?response_type=code&client_id={server.client_id}&scope=profile")
        playwright.expect(page.get_by_role("listitem")).to_have_text(re.compile("See your name"))
        page.get_by_role("button", name="Allow").click()
        page.wait_for_url("http://localhost:8000/oauth/callback?code=*")
        browser.close()
    assert complaints == []
