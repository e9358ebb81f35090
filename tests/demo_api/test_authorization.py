"""The rules of the authorization endpoint and of codes."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from demo_api.authorization import AuthorizationServer, Consent, Redirect
from demo_api.clients import Client
from demo_api.grants import Tokens
from demo_api.policy import AccessDenied, NotRedirectable, OAuthError, Policy

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CALLBACK = "https://product.example/oauth/callback"
VERIFIER = "correct-horse-battery-staple-correct-horse-battery"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
APP = Client("app", "secret", "Product", (CALLBACK,))
PUBLIC_APP = Client("public", "", "Phone app", (CALLBACK,))


def create_server(**policy: object) -> AuthorizationServer:
    return AuthorizationServer("https://demo.example", [APP, PUBLIC_APP], Policy(**policy))  # type: ignore[arg-type]


def authorize(server: AuthorizationServer, **parameters: str) -> Consent | Redirect:
    values = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": CALLBACK,
        "state": "S",
    } | parameters
    return server.authorize(list(values.items()), NOON)


def refused_with(outcome: Consent | Redirect) -> dict[str, str]:
    assert isinstance(outcome, Redirect)
    return answer_in(outcome.url)


def answer_in(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def allow(server: AuthorizationServer, **parameters: str) -> str:
    """A code, as the callback gets it."""
    consent = authorize(server, **parameters)
    assert isinstance(consent, Consent)
    return answer_in(server.decide(consent.transaction, is_allowed=True, now=NOON).url)["code"]


def redeem(
    server: AuthorizationServer,
    code: str,
    now: datetime = NOON,
    /,
    without: tuple[str, ...] = (),
    **form: str,
) -> Tokens:
    values = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": "app",
        "client_secret": "secret",
    } | form
    return server.token([pair for pair in values.items() if pair[0] not in without], "", now)


def test_the_question_shows_application_and_scopes_once_each():
    consent = authorize(create_server(), scope="orders.read profile orders.read")

    assert isinstance(consent, Consent)
    assert (consent.client.name, consent.scope) == ("Product", ("orders.read", "profile"))


def test_a_request_without_scope_gets_the_default_scope():
    consent = authorize(create_server(), scope="")

    assert isinstance(consent, Consent)
    assert consent.scope == ("contacts.read", "orders.read")


def test_the_state_and_the_issuer_come_back_with_the_code():
    server = create_server()
    consent = authorize(server, state="a b&c=ü")
    assert isinstance(consent, Consent)

    answer = answer_in(server.decide(consent.transaction, is_allowed=True, now=NOON).url)

    assert answer["state"] == "a b&c=ü"
    assert answer["iss"] == "https://demo.example"


@pytest.mark.parametrize(("iss", "expected"), [("", None), ("https://evil.example", "https://evil.example")])
def test_the_issuer_can_be_left_out_or_forged(iss, expected):
    server = create_server(authorization_response_iss=iss)
    consent = authorize(server)
    assert isinstance(consent, Consent)

    answer = answer_in(server.decide(consent.transaction, is_allowed=True, now=NOON).url)

    assert answer.get("iss") == expected


@pytest.mark.parametrize(
    "parameters",
    [
        {"client_id": "unknown"},
        {"client_id": ""},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"redirect_uri": CALLBACK.upper()},
        {"redirect_uri": "https://evil.example/oauth/callback"},
    ],
)
def test_nobody_is_redirected_to_where_no_client_is_registered(parameters):
    with pytest.raises(NotRedirectable):
        authorize(create_server(), **parameters)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_nobody_is_redirected_when_the_way_back_was_said_twice(name):
    value = {"client_id": "app", "redirect_uri": CALLBACK}
    query = [("response_type", "code"), *value.items(), (name, value[name])]

    with pytest.raises(NotRedirectable):
        create_server().authorize(query, NOON)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "contacts.read admin"}, "invalid_scope"),
        ({"code_challenge": "too-short", "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "=", "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "S512"}, "invalid_request"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
    ],
)
def test_other_mistakes_are_reported_to_the_redirect_uri_with_the_state(parameters, error):
    answer = refused_with(authorize(create_server(), **parameters))

    assert (answer["error"], answer["state"]) == (error, "S")


def test_a_parameter_sent_twice_is_an_invalid_request():
    query = [("response_type", "code"), ("client_id", "app"), ("state", "S"), ("scope", "profile")]

    answer = refused_with(create_server().authorize([*query, ("scope", "profile")], NOON))

    assert answer["error"] == "invalid_request"


def test_denying_comes_back_as_access_denied():
    server = create_server()
    consent = authorize(server)
    assert isinstance(consent, Consent)

    answer = answer_in(server.decide(consent.transaction, is_allowed=False, now=NOON).url)

    assert (answer["error"], answer["state"]) == ("access_denied", "S")
    assert "code" not in answer


def test_a_question_is_answered_once():
    server = create_server()
    consent = authorize(server)
    assert isinstance(consent, Consent)
    server.decide(consent.transaction, is_allowed=True, now=NOON)

    with pytest.raises(NotRedirectable):
        server.decide(consent.transaction, is_allowed=True, now=NOON)


def test_a_question_is_answered_within_ten_minutes():
    server = create_server()
    consent = authorize(server)
    assert isinstance(consent, Consent)

    with pytest.raises(NotRedirectable):
        server.decide(consent.transaction, is_allowed=True, now=NOON + timedelta(minutes=10))


def test_the_outcome_is_added_to_the_query_of_the_redirect_uri():
    client = Client("app", "secret", "Product", (CALLBACK + "?tenant=7",))
    server = AuthorizationServer("https://demo.example", [client])
    consent = authorize(server, redirect_uri=CALLBACK + "?tenant=7")
    assert isinstance(consent, Consent)

    answer = answer_in(server.decide(consent.transaction, is_allowed=True, now=NOON).url)

    assert answer["tenant"] == "7"
    assert answer["code"]


def test_a_code_brings_tokens_that_open_what_was_allowed():
    server = create_server()

    tokens = redeem(server, allow(server, scope="orders.read"))

    assert (tokens.expires_in, tokens.scope) == (300, "orders.read")
    server.grants.check_access(f"Bearer {tokens.access_token}", "orders.read", NOON)


def test_a_code_works_once_and_a_second_use_revokes_what_the_first_gave():
    server = create_server()
    code = allow(server)
    tokens = redeem(server, code)

    with pytest.raises(OAuthError, match="invalid_grant"):
        redeem(server, code)

    with pytest.raises(AccessDenied):
        server.grants.check_access(f"Bearer {tokens.access_token}", "", NOON)


@pytest.mark.parametrize(("seconds", "works"), [(59, True), (60, False)])
def test_a_code_lives_a_minute(seconds, works):
    server = create_server()
    code = allow(server)
    later = NOON + timedelta(seconds=seconds)

    if works:
        assert redeem(server, code, later).access_token
    else:
        with pytest.raises(OAuthError, match="invalid_grant"):
            redeem(server, code, later)


def test_a_code_is_of_no_use_to_another_client_and_not_used_up_by_it():
    server = create_server()
    code = allow(server)

    with pytest.raises(OAuthError, match="invalid_grant"):
        redeem(server, code, client_id="public", without=("client_secret",))

    assert redeem(server, code).access_token


def test_a_wrong_secret_does_not_use_up_the_code():
    server = create_server()
    code = allow(server)

    with pytest.raises(OAuthError, match="invalid_client"):
        redeem(server, code, client_secret="wrong")

    assert redeem(server, code).access_token


def test_the_redirect_uri_of_the_token_request_is_that_of_the_authorization_request():
    server = create_server()

    with pytest.raises(OAuthError, match="invalid_grant"):
        redeem(server, allow(server), redirect_uri=CALLBACK + "/")
    with pytest.raises(OAuthError, match="invalid_grant"):
        redeem(server, allow(server), without=("redirect_uri",))


def test_a_client_with_one_redirect_uri_need_not_name_it():
    server = create_server()

    assert redeem(server, allow(server, redirect_uri=""), without=("redirect_uri",)).access_token


@pytest.mark.parametrize(
    "pkce",
    [
        {"code_challenge": CHALLENGE, "code_challenge_method": "S256"},
        {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
        {"code_challenge": VERIFIER},
    ],
)
def test_the_verifier_must_fit_the_challenge(pkce):
    server = create_server()

    assert redeem(server, allow(server, **pkce), code_verifier=VERIFIER).access_token
    for wrong in (VERIFIER[:-1] + "x", "short", ""):
        with pytest.raises(OAuthError, match="invalid_grant"):
            redeem(server, allow(server, **pkce), code_verifier=wrong)


def test_a_failed_verifier_uses_up_the_code():
    server = create_server()
    code = allow(server, code_challenge=CHALLENGE, code_challenge_method="S256")
    with pytest.raises(OAuthError):
        redeem(server, code, code_verifier="x" * 43)

    with pytest.raises(OAuthError, match="used before"):
        redeem(server, code, code_verifier=VERIFIER)


def test_a_verifier_without_a_challenge_is_refused():
    server = create_server()

    with pytest.raises(OAuthError, match="invalid_grant"):
        redeem(server, allow(server), code_verifier=VERIFIER)


def test_pkce_is_required_of_public_clients_and_of_all_if_the_policy_says_so():
    assert refused_with(authorize(create_server(), client_id="public"))["error"] == "invalid_request"
    assert refused_with(authorize(create_server(pkce_required=True)))["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"code": ""}, "invalid_request"),
        ({"code": "guessed"}, "invalid_grant"),
    ],
)
def test_a_token_request_that_makes_no_sense_is_told_why(form, error):
    with pytest.raises(OAuthError, match=error):
        redeem(create_server(), "unused", **form)


def test_the_metadata_names_what_the_server_does():
    metadata = create_server(client_authentication="client_secret_post").metadata()

    assert metadata["issuer"] == "https://demo.example"
    assert metadata["token_endpoint"] == "https://demo.example/oauth/token"
    assert metadata["token_endpoint_auth_methods_supported"] == ["client_secret_post"]
    assert metadata["code_challenge_methods_supported"] == ["S256", "plain"]


def test_secrets_do_not_show_in_a_repr():
    server = create_server()
    consent = authorize(server, code_challenge=VERIFIER)
    assert isinstance(consent, Consent)
    redirect = server.decide(consent.transaction, is_allowed=True, now=NOON)
    code = answer_in(redirect.url)["code"]
    tokens = redeem(server, code, code_verifier=VERIFIER)

    shown = f"{consent!r} {redirect!r} {tokens!r} {APP!r}"

    for secret in (consent.transaction, VERIFIER, code, tokens.access_token, str(tokens.refresh_token)):
        assert secret not in shown
    assert "'secret'" not in shown
