"""An account that lives at another site of its provider than the connection says: two servers."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import Team, User
from connections import grants, providers
from connections.models import AuthorizationRequest, AuthorizationState, Connection, Token
from tests import factories

CATALOGUE = """
groups = ["Ours"]
[ours]
title = "Ours"
group = "Ours"
authorization_url = "http://{{region}}/authorize"
token_url = "http://{{region}}/token"
revocation_url = "http://{{region}}/revoke"
token_hosts = ["127.0.0.1"]
placeholders.region.label = "Region"
placeholders.region.example = "{here}"
placeholders.region.default = "{here}"
placeholders.region.choices."{here}" = "Here"
placeholders.region.choices."{there}" = "There"
placeholders.region.aliases.there = "{there}"
dialect.callback_placeholders = {{ location = "region" }}
"""


def server_of(name: str) -> HTTPServer:
    """A site with a token endpoint, whose tokens say where they are from."""
    server, issued = HTTPServer(host="127.0.0.1", port=0), iter(range(1, 10))

    def answer(_: Request) -> Response:
        number = next(issued)
        return Response(
            f'{{"access_token": "{name}-{number}", "refresh_token": "{name}-refresh-{number}",'
            ' "expires_in": 3600}'
        )

    server.expect_request("/token").respond_with_handler(answer)
    server.expect_request("/revoke").respond_with_data("")
    return server


def address_of(server: HTTPServer) -> str:
    return f"{server.host}:{server.port}"


def asked(server: HTTPServer) -> list[tuple[str, str]]:
    """Each request's path, with the token or grant that it was about."""
    forms = [(sent.path, dict(parse_qsl(sent.get_data(as_text=True)))) for sent, _ in server.log]
    return [(path, form.get("token") or form["grant_type"]) for path, form in forms]


@pytest.fixture
def sites(settings: Settings) -> Iterator[tuple[HTTPServer, HTTPServer]]:
    """Where the connection was made, and where the account lives."""
    with server_of("here") as here, server_of("there") as there:
        settings.OUTBOUND_ALLOW = [address_of(here), address_of(there)]
        providers.add(CATALOGUE.format(here=address_of(here), there=address_of(there)))
        yield here, there
        providers.add("")


Connecting = Callable[[], AuthorizationRequest]


@pytest.fixture
def crm(sites: tuple[HTTPServer, HTTPServer], team: Team, editor: User) -> Connection:
    here = address_of(sites[0])
    return factories.ConnectionFactory(
        team=team,
        created_by=editor,
        preset="ours",
        placeholders={"region": here},
        authorization_url=f"http://{here}/authorize",
        token_url=f"http://{here}/token",
        revocation_url=f"http://{here}/revoke",
    )


@pytest.fixture
def connect(crm: Connection, editor: User, now: datetime) -> Connecting:
    """Consent, and come back with word of the other site."""

    def connects() -> AuthorizationRequest:
        who = {"user": editor, "session_key": "session-of-ann", "now": now}
        flow = grants.begin_authorization(crm, return_to="/", **who)
        state = parse_qs(urlsplit(grants.leave_for_provider(flow, **who)).query)["state"]
        said = {"code": ["C"], "state": state, "location": ["there"]}
        return grants.complete_authorization(said, arrived_at=flow.redirect_uri, **who)

    return connects


@pytest.mark.requirement("R17", "QC03")
def test_exchange_refresh_and_revocation_go_to_the_site_that_the_callback_told(
    sites: tuple[HTTPServer, HTTPServer], crm: Connection, connect: Connecting, now: datetime
) -> None:
    here, there = sites

    assert connect().state == AuthorizationState.SUCCEEDED
    crm = Connection.objects.get()
    grants.refresh(crm, now=now + timedelta(minutes=59))
    grants.disconnect(crm, now=now)
    grants.revoke_discarded_tokens(now=now)

    assert asked(there) == [
        ("/token", "authorization_code"),
        ("/token", "refresh_token"),
        ("/revoke", "there-refresh-2"),
    ]
    assert asked(here) == []


@pytest.mark.requirement("R17", "R41", "R44", "QC03")
def test_the_pace_and_the_trouble_of_a_moved_connection_count_for_its_new_site(
    sites: tuple[HTTPServer, HTTPServer], crm: Connection, connect: Connecting
) -> None:
    there = address_of(sites[1])
    before = crm.server_key

    connect()

    token, moved = Token.objects.get(), Connection.objects.get()
    assert (moved.token_url, moved.placeholders) == (f"http://{there}/token", {"region": there})
    assert (token.host, token.server_key) == (there, moved.server_key)
    assert moved.server_key != before


@pytest.mark.requirement("R17", "QC03")
def test_a_token_that_is_replaced_from_another_site_moves_with_it(
    sites: tuple[HTTPServer, HTTPServer], crm: Connection, connect: Connecting, now: datetime
) -> None:
    factories.connected(crm, now=now)
    assert Token.objects.get().host == address_of(sites[0])

    connect()

    assert Token.objects.get().host == address_of(sites[1])
