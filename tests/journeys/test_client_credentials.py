"""A client that asks for itself: nobody consents, so no window has to stay open."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.journeys.conftest import Album, Person, fill_connection

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.requirement("R70")]


@pytest.fixture
def server(oidc_port: int) -> Iterator[HTTPServer]:
    """Gives tokens to the client that knows the secret."""

    def token(request: Request) -> Response:
        is_known = request.form.get("client_secret") == "s3cret"
        granted = {"access_token": "A", "token_type": "Bearer", "expires_in": 3600}
        document = granted if is_known else {"error": "invalid_client", "error_description": "no such client"}
        status = 200 if is_known else 401
        return Response(json.dumps(document), status=status, content_type="application/json")

    with HTTPServer(host="127.0.0.1", port=oidc_port) as server:
        server.expect_request("/token").respond_with_handler(token)
        yield server


def test_the_outcome_is_there_at_once_and_a_mistake_can_be_mended_in_the_dialog(
    person: Person, server: HTTPServer, album: Album
) -> None:
    page = person.open("requests/new/")
    page.get_by_role("tab", name="Authorization").click()
    page.get_by_text("OAuth", exact=True).click()
    page.get_by_role("link", name="New", exact=True).click()
    form = page.get_by_role("dialog")
    fill_connection(
        form, name="Machine", token_url=server.url_for("/token"), client_id="abc", client_secret="wrong"
    )
    form.get_by_text("Advanced", exact=True).click()
    form.get_by_label("Grant type").select_option("Client credentials")
    form.get_by_role("button", name="Create connection").click()

    expect(page.get_by_text("no such client")).to_be_visible()
    album.take(page, "refused")
    assert len(page.context.pages) == 1
    form.get_by_label("Client Secret", exact=True).fill("s3cret")
    form.get_by_role("button", name="Create connection").click()

    expect(page.get_by_text("Machine is connected and ready for any request.")).to_be_visible()
    expect(page.get_by_text("The access token renews by itself.")).to_be_visible()
    expect(page.get_by_role("radio", name="Machine")).to_be_checked()
    album.take(page, "connected")
