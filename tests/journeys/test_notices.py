"""A connection breaks, and people are told: by mail and on every page, until one of them has mended it."""

import email
import re
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from demo_api.server import DemoServer
from tests.journeys.conftest import Album, Person, fill_connection, new_context
from tests.journeys.test_pages import AXE, inspect
from tests.journeys.test_popup import six_fields
from tests.product import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow]

# Seconds from a change of state to the mail: a tick of half a minute, and a busy machine.
UNTIL_TOLD = 90.0
# What a worker writes when the provider refuses the refresh token, without the wait for the token's end;
# and a token of another connection, which ends in five days whatever anybody does.
BREAK = """
from datetime import timedelta
from django.utils.timezone import now
from connections.models import Connection, ConnectionState, Token
crm = Connection.objects.get(team__slug={team!r}, name="CRM")
Connection.objects.filter(pk=crm.pk).enter(
    ConnectionState.NEEDS_REAUTH, "The provider no longer accepts the refresh token.", now(),
    provider_text="invalid_grant",
)
token = crm.token
crm.pk, crm.name, crm.client_id, crm.state = None, "Ads", "another", ConnectionState.CONNECTED
crm._state.adding = True
crm.id = __import__("uuid").uuid4()
crm.client_secret = None
crm.save()
Token.objects.create(
    connection=crm, access_token="a", refresh_token="r", obtained_at=now(),
    expires_at=now() + timedelta(days=9), refresh_at=now() + timedelta(days=8),
    refresh_expires_at=now() + timedelta(days=5), ends_for_good=True,
)
"""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that brings axe into each page."""
    with new_context(browser, reduced_motion="reduce") as new:
        new.add_init_script(path=AXE)
        yield new


def mails_about(folder: Path, words: str) -> list[Message]:
    """The mails that were sent so far with these words in their subject, the oldest first."""
    found = []
    for file in sorted(folder.glob("*.log")):
        for part in file.read_bytes().split(b"-" * 79):
            mail = email.message_from_bytes(part.strip())
            if words in " ".join(str(mail["Subject"]).split()):
                found.append(mail)
    return found


def text_of(mail: Message) -> str:
    plain = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    content = plain.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


@pytest.mark.requirement("R54", "R59")
def test_who_can_act_is_told_by_mail_and_banner_and_follows_the_link_to_the_cure(
    person: Person, provider: DemoServer, album: Album
) -> None:
    folder = person.product.data_dir / "mail"
    page = person.open("connections/new/")
    fill_connection(page.get_by_role("main"), **six_fields(provider, "CRM"))
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Create connection").click()
    opened.value.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("CRM is connected and ready for any request.")).to_be_visible()
    person.product.manage("shell", "-c", BREAK.format(team=person.team))

    person.open("requests/")
    expect(page.get_by_text("CRM needs reconnecting.")).to_be_visible()
    broken = f"CRM in {person.team} needs reconnecting"
    wait_until(lambda: mails_about(folder, broken), UNTIL_TOLD)
    [mail] = mails_about(folder, broken)
    assert "The provider said: invalid_grant" in text_of(mail)

    person.open("requests/")
    expect(page.get_by_text("Ads ends in 5 days.")).to_be_visible()
    inspect(page, "banners", album)
    page.set_viewport_size({"width": 1280, "height": 860})
    page.get_by_role("button", name="Dismiss: Ads ends in 5 days.").press("Enter")
    expect(page.get_by_text("Ads ends in 5 days.")).to_be_hidden()
    expect(page.get_by_text("CRM needs reconnecting.")).to_be_visible()

    [link] = re.findall(r"http://\S+/connections/\S+", text_of(mail))
    page.goto(link)
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Reconnect").click()
    opened.value.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("CRM is connected and ready for any request.")).to_be_visible()
    person.open("requests/")
    expect(page.get_by_text("CRM needs reconnecting.")).to_be_hidden()
    wait_until(lambda: mails_about(folder, f"CRM in {person.team} works again"), UNTIL_TOLD)
    assert len(mails_about(folder, broken)) == 1
