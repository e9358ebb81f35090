"""A schedule breaks, whoever listens is told, and one click brings it back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person, new_context
from tests.journeys.test_notices import mails_about
from tests.journeys.test_pages import AXE, TWO_LOOKS, inspect
from tests.product import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow]

# Seconds from a failure to the mail: two ticks of ten seconds, and a busy machine.
UNTIL_TOLD = 90.0
# What the engine leaves after three due times that failed, without the wait for them.
BREAK = """
from datetime import timedelta
from django.utils.timezone import now
from requests_builder import runs
from requests_builder.models import Run, Schedule
schedule = Schedule.objects.get(saved_request__team__slug={team!r})
for minutes in (3, 2, 1):
    at = now() - timedelta(minutes=minutes)
    Run.objects.create(
        team=schedule.saved_request.team, saved_request=schedule.saved_request, schedule=schedule,
        trigger="schedule", due_at=at, not_before=at, attempts=1, finished_at=now(), state="failed",
        error_code="not_found", error="The API answered 404 Not Found. Look at the path of the URL.",
        mender="editor",
    )
"""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that brings axe into each page."""
    with new_context(browser, reduced_motion="reduce") as new:
        new.add_init_script(path=AXE)
        yield new


def test_a_team_chooses_where_alerts_go_is_told_and_resumes_what_was_paused(
    person: Person, provider: DemoServer, album: Album
) -> None:
    page = person.open("schedules/")
    page.get_by_role("main").get_by_role("link", name="Alerts").click()
    expect(page.get_by_text("all who may edit")).to_be_visible()
    inspect(page, "nothing yet", album)
    person.open("alerts/incidents/")
    inspect(page, "no incidents", album, TWO_LOOKS)
    person.open("alerts/")
    page.get_by_role("link", name="Add Slack").click()
    page.get_by_label("Name").fill("#data")
    page.get_by_label("Webhook URL").fill("http://hooks.slack.com/services/x")
    page.get_by_role("button", name="Add channel").click()
    expect(page.get_by_text("must begin with https://")).to_be_visible()
    inspect(page, "refused channel", album, TWO_LOOKS)
    page.get_by_label("Webhook URL").fill(f"{provider.url}/api/echo")
    page.get_by_role("button", name="Add channel").click()
    page.get_by_role("button", name="Send a test by #data").click()
    expect(page.locator("#notices")).to_contain_text("127.0.0.1")
    page.get_by_role("link", name="Add webhook").click()
    page.get_by_label("Name").fill("On-call")
    page.get_by_label("URL", exact=True).fill(f"{provider.url}/nothing-here")
    page.get_by_role("button", name="Add channel").click()
    expect(page.get_by_text("whsec_").first).to_be_visible()
    inspect(page, "secret", album, TWO_LOOKS)
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("The test did not arrive by On-call.")).to_be_visible()
    inspect(page, "unreached", album)
    page.get_by_role("link", name="Change On-call").click()
    inspect(page, "channel", album, TWO_LOOKS)
    page.get_by_role("link", name="Delete…").click()
    inspect(page, "delete channel", album, TWO_LOOKS)
    person.open("alerts/rules/")
    inspect(page, "rules", album, TWO_LOOKS)
    page.get_by_label("Failures in a row before the schedule is paused").fill("3")
    page.get_by_role("button", name="Save rules").click()

    person.apply(
        f"""
        requests:
          - name: Contacts
            url: {provider.url}/api/open/contacts
            records: data
            schedule: {{every: 60 minutes}}
        """
    )
    person.product.manage("shell", "-c", BREAK.format(team=person.team))
    folder = person.product.data_dir / "mail"
    wait_until(lambda: mails_about(folder, f"Contacts in {person.team} is paused"), UNTIL_TOLD)
    wait_until(lambda: mails_about(folder, f"Contacts in {person.team} is failing"), UNTIL_TOLD)

    person.open()
    inspect(page, "dashboard", album)
    person.open("alerts/")
    inspect(page, "open incidents", album, TWO_LOOKS)
    person.open("alerts/incidents/")
    inspect(page, "incidents", album, TWO_LOOKS)
    person.open("schedules/")
    expect(page.get_by_role("alert")).to_contain_text("Contacts is paused because it failed again and again")
    inspect(page, "schedules", album)
    page.get_by_role("alert").get_by_role("link", name="Contacts").click()
    expect(page.get_by_role("alert")).to_contain_text("Paused after 3 failures in a row")
    inspect(page, "paused schedule", album)
    page.get_by_role("main").get_by_role("link", name="Alerts", exact=True).click()
    inspect(page, "alerts of a schedule", album, TWO_LOOKS)
    page.go_back()
    page.get_by_role("button", name="Resume and backfill what was skipped").click()
    expect(page.get_by_text("The schedule of Contacts goes on.")).to_be_visible()
    page.get_by_role("button", name="Run now").click()
    page.locator("[data-run-state=succeeded]").wait_for()
    wait_until(lambda: mails_about(folder, f"Contacts in {person.team} works again"), UNTIL_TOLD)
