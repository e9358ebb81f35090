"""Discovery against servers that publish, or pretend to publish, who they are."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from connections.grants.asking.discovery import Discovered, DiscoveryFailed, discover
from connections.models import ClientAuthentication, Pkce
from connections.oauth2.metadata import issuer_of, metadata_urls

pytestmark = pytest.mark.requirement("R10")

OAUTH, OPENID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"


@pytest.fixture
def server(httpserver: HTTPServer, settings: Settings, db: None) -> HTTPServer:
    settings.OUTBOUND_ALLOW = [f"localhost:{httpserver.port}"]
    return httpserver


def issuer_at(server: HTTPServer, path: str = "") -> str:
    return f"http://localhost:{server.port}{path}"


def document(server: HTTPServer, issuer: str, **changes: Any) -> dict[str, Any]:
    here = issuer_at(server)
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{here}/authorize",
        "token_endpoint": f"{here}/token",
        "revocation_endpoint": f"{here}/revoke",
        "scopes_supported": ["openid", "contacts.read"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "code_challenge_methods_supported": ["S256", "plain"],
        "authorization_response_iss_parameter_supported": True,
        "something_new": {"of": ["next", "year"]},
    } | changes


def discovered(server: HTTPServer, **changes: Any) -> Discovered:
    issuer = issuer_at(server)
    server.expect_request(OPENID).respond_with_json(document(server, issuer, **changes))
    return discover(issuer)


def refused(server: HTTPServer, typed: str) -> str:
    with pytest.raises(DiscoveryFailed) as caught:
        discover(typed)
    return caught.value.sentence


def test_what_a_server_publishes_fills_the_fields(server: HTTPServer) -> None:
    here = issuer_at(server)

    assert discovered(server) == Discovered(
        issuer=here,
        authorization_url=f"{here}/authorize",
        token_url=f"{here}/token",
        revocation_url=f"{here}/revoke",
        client_authentication=ClientAuthentication.BASIC,
        pkce=Pkce.AUTO,
        scopes=("openid", "contacts.read"),
        expected_issuer=here,
    )


@pytest.mark.parametrize("well_known", [f"{OAUTH}/tenant", f"{OPENID}/tenant", f"/tenant{OPENID}"])
def test_the_document_is_found_inserted_before_the_path_or_appended_to_it(
    server: HTTPServer, well_known: str
) -> None:
    issuer = issuer_at(server, "/tenant")
    server.expect_request(well_known).respond_with_json(document(server, issuer))

    assert discover(issuer).issuer == issuer


@pytest.mark.parametrize("suffix", ["/other", "/"])
def test_a_document_of_another_issuer_is_refused_and_named(server: HTTPServer, suffix: str) -> None:
    other = issuer_at(server) + suffix
    server.expect_request(OPENID).respond_with_json(document(server, other))

    assert other in refused(server, issuer_at(server))


def test_an_issuer_with_a_slash_at_its_end_is_compared_with_it(server: HTTPServer) -> None:
    issuer = issuer_at(server, "/")
    server.expect_request(OPENID).respond_with_json(document(server, issuer))

    assert discover(issuer).issuer == issuer


def test_the_address_of_the_document_itself_will_do(server: HTTPServer) -> None:
    issuer = issuer_at(server, "/tenant")
    server.expect_request(f"/tenant{OPENID}").respond_with_json(document(server, issuer))

    assert discover(f" {issuer}{OPENID} ").issuer == issuer


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        (["client_secret_post"], ClientAuthentication.BODY),
        (["client_secret_post", "client_secret_basic"], ClientAuthentication.AUTO),
        (["none"], ClientAuthentication.NONE),
        (["client_secret_post", "none"], ClientAuthentication.BODY),
        (["private_key_jwt"], ClientAuthentication.AUTO),
        (None, ClientAuthentication.AUTO),
    ],
)
def test_the_way_of_client_authentication_is_the_one_there_is(
    server: HTTPServer, methods: list[str] | None, expected: ClientAuthentication
) -> None:
    assert discovered(server, token_endpoint_auth_methods_supported=methods).client_authentication is expected


@pytest.mark.parametrize(
    ("methods", "expected"),
    [(["plain"], Pkce.PLAIN), (["plain", "S256"], Pkce.AUTO), ([], Pkce.AUTO), (None, Pkce.AUTO)],
)
def test_plain_is_for_servers_that_know_nothing_else(
    server: HTTPServer, methods: list[str] | None, expected: Pkce
) -> None:
    assert discovered(server, code_challenge_methods_supported=methods).pkce is expected


@pytest.mark.parametrize("announced", [False, None, "true"])
def test_an_issuer_is_expected_only_of_who_announces_to_name_it(server: HTTPServer, announced: Any) -> None:
    found = discovered(server, authorization_response_iss_parameter_supported=announced)

    assert (found.issuer, found.expected_issuer) == (issuer_at(server), "")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://crm.example/token",
        "https://10.0.0.1/token",
        "https://169.254.169.254/",
        "javascript:alert(1)",
        "//crm.example/token",
        "http://127.0.0.1:1/token",
    ],
)
@pytest.mark.parametrize("member", ["authorization_endpoint", "token_endpoint", "revocation_endpoint"])
def test_the_endpoints_of_a_document_are_under_the_rules_for_addresses(
    server: HTTPServer, member: str, endpoint: str
) -> None:
    server.expect_request(OPENID).respond_with_json(document(server, issuer_at(server), **{member: endpoint}))

    assert member in refused(server, issuer_at(server))


def test_an_endpoint_with_a_fragment_is_refused(server: HTTPServer) -> None:
    endpoint = f"{issuer_at(server)}/#/authorize"
    server.expect_request(OPENID).respond_with_json(
        document(server, issuer_at(server), authorization_endpoint=endpoint)
    )

    assert "#" in refused(server, issuer_at(server))


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", "{}", '{"issuer": 5}', "[" * 100_000])
def test_what_is_no_document_is_said_to_be_none(server: HTTPServer, body: str) -> None:
    server.expect_request(OPENID).respond_with_data(body)

    assert "publishes no description" in refused(server, issuer_at(server))


def test_redirects_are_not_followed(server: HTTPServer) -> None:
    server.expect_request(OPENID).respond_with_data("", status=302, headers={"Location": "/elsewhere"})
    server.expect_request("/elsewhere").respond_with_json(document(server, issuer_at(server)))

    assert "publishes no description" in refused(server, issuer_at(server))


@pytest.mark.parametrize(
    "typed", ["https://10.0.0.1", "http://crm.example", "javascript:alert(1)", "https://127.0.0.1:9"]
)
def test_an_issuer_that_may_not_be_called_is_not_called(db: None, typed: str) -> None:
    with pytest.raises(DiscoveryFailed, match="may not be called"):
        discover(typed)


def test_the_places_of_the_document() -> None:
    assert metadata_urls("https://as.example") == [
        f"https://as.example{OPENID}",
        f"https://as.example{OAUTH}",
    ]
    assert metadata_urls("https://as.example/t/1") == [
        f"https://as.example/t/1{OPENID}",
        f"https://as.example{OAUTH}/t/1",
        f"https://as.example{OPENID}/t/1",
    ]
    assert issuer_of(f"https://as.example{OAUTH}/t/1") == "https://as.example/t/1"
    assert issuer_of(f"https://as.example{OPENID}") == "https://as.example"
