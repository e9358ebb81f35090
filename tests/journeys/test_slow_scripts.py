"""What people type while the scripts of a page are still on their way counts all the same."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Person, new_context

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A person who does not wait for scripts."""
    with new_context(browser, waits_for_scripts=False) as new:
        yield new


def test_a_cron_line_typed_before_htmx_has_come_is_judged_once_it_has(
    person: Person, provider: DemoServer
) -> None:
    person.apply(f"requests:\n  - {{name: Orders, url: {provider.url}/api/orders}}\n")
    page = person.open("requests/")
    page.get_by_role("main").get_by_role("link", name="Orders").click()
    expect(page.get_by_role("button", name="Schedule")).to_be_visible()
    held: list[Route] = []
    page.route("**/htmx.min*.js", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it
    page.get_by_role("button", name="Schedule").click()
    page.get_by_label("Runs", exact=True).select_option("cron")
    page.get_by_label("Cron", exact=True).fill("61 * * * *")
    assert held, "the scripts came before anything was typed"
    held[0].continue_()
    expect(page.get_by_role("region", name="Next runs")).to_contain_text("61")
