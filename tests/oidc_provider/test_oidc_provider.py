"""The real authorization server does what our tests rely on."""

import base64
import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import pytest
import requests

from tests.oidc_provider import OidcProvider, RegisteredClient

pytestmark = pytest.mark.node

PROJECT = Path(__file__).parents[2]
REDIRECT_URI = "http://localhost:8000/oauth/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider(access_token_ttl=60) as provider:
        yield provider


def authorization_url(provider: OidcProvider, client: RegisteredClient, **parameters: str) -> str:
    values = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": REDIRECT_URI,
        "scope": "items.read offline_access",
        "prompt": "consent",
        "state": "S",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | parameters
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{provider.authorization_url}?{query}"


def ask(url: str, client: RegisteredClient, **form: str) -> requests.Response:
    """Post a form in the way that the client is registered for."""
    if client.client_id == "basic-client":
        credentials = (quote_plus(client.client_id), quote_plus(client.client_secret))
        return requests.post(url, form, auth=credentials, timeout=30)
    form |= {"client_id": client.client_id}
    if client.client_secret:
        form |= {"client_secret": client.client_secret}
    return requests.post(url, form, timeout=30)


def connect(provider: OidcProvider, client: RegisteredClient, **parameters: str) -> dict[str, str]:
    """The token answer after login, consent and code exchange."""
    callback = provider.consent(authorization_url(provider, client, **parameters))
    answer = parse_qs(urlsplit(callback).query)
    assert (answer["state"], answer["iss"]) == (["S"], [provider.url])
    exchange = {"grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": REDIRECT_URI}
    verifier = {} if parameters.get("code_challenge") == "" else {"code_verifier": VERIFIER}
    tokens = ask(provider.token_url, client, **exchange, **verifier)
    assert tokens.status_code == 200, tokens.text
    return tokens.json()


def refresh(provider: OidcProvider, client: RegisteredClient, refresh_token: str) -> requests.Response:
    return ask(provider.token_url, client, grant_type="refresh_token", refresh_token=refresh_token)


def items(provider: OidcProvider, access_token: str, query: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {access_token}"}
    return requests.get(f"{provider.items_url}?{query}", headers=headers, timeout=30)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/_log", timeout=30).ok
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize("name", ["basic_client", "post_client", "public_client"])
@pytest.mark.requirement("R68")
def test_a_whole_life_from_login_to_revocation(provider, name):
    client = getattr(provider, name)
    first = connect(provider, client)
    assert first["expires_in"] == 60
    assert items(provider, first["access_token"]).json()["meta"]["total"] == 1_230

    second = refresh(provider, client, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]

    assert ask(provider.revocation_url, client, token=second["refresh_token"]).status_code == 200
    assert refresh(provider, client, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert items(provider, second["access_token"]).status_code == 401


def test_reuse_of_a_refresh_token_ends_the_family(provider):
    client = provider.basic_client
    first = connect(provider, client)
    second = refresh(provider, client, first["refresh_token"]).json()

    assert refresh(provider, client, first["refresh_token"]).json()["error"] == "invalid_grant"

    assert refresh(provider, client, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert items(provider, second["access_token"]).status_code == 401


def test_without_prompt_consent_there_is_no_refresh_token(provider):
    assert "refresh_token" not in connect(provider, provider.post_client, prompt="")


def test_cancelling_leads_back_with_access_denied(provider):
    callback = provider.consent(authorization_url(provider, provider.post_client), is_allowed=False)

    assert parse_qs(urlsplit(callback).query)["error"] == ["access_denied"]


def test_each_client_authenticates_in_its_own_way_only(provider):
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    basic, post = provider.basic_client, provider.post_client
    before = len(provider.log("token"))

    answers = [
        requests.post(provider.token_url, form, auth=(post.client_id, post.client_secret), timeout=30),
        requests.post(
            provider.token_url,
            form | {"client_id": basic.client_id, "client_secret": basic.client_secret},
            timeout=30,
        ),
        refresh(provider, basic, "x"),
        refresh(provider, post, "x"),
    ]

    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [
        (401, "invalid_client"),
        (401, "invalid_client"),
        (400, "invalid_grant"),
        (400, "invalid_grant"),
    ]
    logged = provider.log("token")[before:]
    assert [(entry["client_id"], entry["authentication"], entry["error"]) for entry in logged] == [
        ("post-client", "client_secret_basic", "invalid_client"),
        ("basic-client", "client_secret_post", "invalid_client"),
        ("basic-client", "client_secret_basic", "invalid_grant"),
        ("post-client", "client_secret_post", "invalid_grant"),
    ]


def test_a_secret_that_is_not_form_encoded_is_refused(provider):
    client = provider.basic_client

    answer = requests.post(
        provider.token_url, {"grant_type": "x"}, auth=(client.client_id, client.client_secret), timeout=30
    )

    assert answer.status_code in (400, 401)


def test_items_come_by_page_to_who_may_read_them(provider):
    tokens = connect(provider, provider.post_client)

    page = items(provider, tokens["access_token"], "page=13&per_page=100").json()

    assert [each["id"] for each in page["data"]] == list(range(1_201, 1_231))
    assert page["meta"] == {"page": 13, "per_page": 100, "total": 1_230, "total_pages": 13}
    assert items(provider, "made-up").headers["WWW-Authenticate"].endswith('error="invalid_token"')
    assert requests.get(provider.items_url, timeout=30).status_code == 401
    stranger = connect(provider, provider.post_client, scope="openid")
    assert items(provider, stranger["access_token"]).status_code == 403


def test_introspection_tells_whether_a_token_lives(provider):
    tokens = connect(provider, provider.post_client)

    answer = ask(provider.introspection_url, provider.post_client, token=tokens["access_token"]).json()

    assert (answer["active"], answer["scope"]) == (True, "items.read offline_access")


def test_options_reach_the_server():
    with OidcProvider(redirect_uris=["http://127.0.0.1:9/cb"], coop=True, pkce_required=True) as provider:
        url = authorization_url(provider, provider.post_client, redirect_uri="http://127.0.0.1:9/cb")
        page = requests.get(url, timeout=30)
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert provider.consent(url).startswith("http://127.0.0.1:9/cb?code=")

        without_pkce = authorization_url(
            provider,
            provider.post_client,
            redirect_uri="http://127.0.0.1:9/cb",
            code_challenge="",
            code_challenge_method="",
        )
        assert "error=invalid_request" in provider.consent(without_pkce)


def test_an_unregistered_redirect_uri_gets_a_page(provider):
    with pytest.raises(AssertionError, match="redirect_uri"):
        provider.consent(
            authorization_url(provider, provider.post_client, redirect_uri="http://evil.example/")
        )


def test_a_port_that_is_taken_is_said(provider):
    broken = OidcProvider()
    broken._command += ["--port", provider.url.rpartition(":")[2]]

    with pytest.raises(RuntimeError, match="EADDRINUSE"):
        broken.start()


def test_the_server_does_not_outlive_whoever_started_it():
    code = "import time; from tests.oidc_provider import OidcProvider; provider = OidcProvider()"
    code += "; provider.start(); print(provider.url, flush=True); time.sleep(60)"
    starter = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    url = starter.stdout.readline().strip()
    assert requests.get(f"{url}/_log", timeout=30).json() == []

    starter.kill()
    starter.communicate()

    deadline = time.monotonic() + 30
    while answers(url) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not answers(url)
