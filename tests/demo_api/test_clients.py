"""How clients prove who they are."""

from base64 import b64encode

import pytest

from demo_api.clients import Client, authenticate, values_sent_once
from demo_api.policy import InvalidClient, OAuthError

CLIENTS = {
    "app": Client("app", "secret", "Product", ()),
    "o:dd": Client("o:dd", "p+s %&ü", "Odd", ()),
    "public": Client("public", "", "Phone app", ()),
}


def basic(credentials: str) -> str:
    return "Basic " + b64encode(credentials.encode()).decode()


def test_a_client_authenticates_by_basic_header_or_in_the_body():
    assert authenticate(CLIENTS, "any", {}, basic("app:secret")) is CLIENTS["app"]
    assert authenticate(CLIENTS, "any", {"client_id": "app", "client_secret": "secret"}, "") is CLIENTS["app"]


def test_both_ways_at_once_are_an_invalid_request():
    with pytest.raises(OAuthError, match="invalid_request"):
        authenticate(CLIENTS, "any", {"client_id": "app", "client_secret": "secret"}, basic("app:secret"))


def test_the_client_id_may_stand_in_the_body_beside_the_header_if_it_is_the_same():
    assert authenticate(CLIENTS, "any", {"client_id": "app"}, basic("app:secret")) is CLIENTS["app"]
    with pytest.raises(OAuthError, match="invalid_request"):
        authenticate(CLIENTS, "any", {"client_id": "public"}, basic("app:secret"))


def test_basic_credentials_are_form_encoded_before_they_are_joined():
    encoded = basic("o%3Add:p%2Bs+%25%26%C3%BC")

    assert authenticate(CLIENTS, "any", {}, encoded) is CLIENTS["o:dd"]
    with pytest.raises(InvalidClient):
        authenticate(CLIENTS, "any", {}, basic("o:dd:p+s %&ü"))


@pytest.mark.parametrize(
    "authorization",
    ["Basic", "Basic !!!", basic("public"), basic("app:wrong"), basic("nobody:secret"), "Bearer abc"],
)
def test_a_header_that_proves_nothing_is_an_invalid_client(authorization):
    with pytest.raises(InvalidClient) as refusal:
        authenticate(CLIENTS, "any", {}, authorization)
    assert refusal.value.status == 401


@pytest.mark.parametrize(
    "values",
    [{}, {"client_id": "app"}, {"client_id": "app", "client_secret": "Secret"}, {"client_id": "nobody"}],
)
def test_a_body_that_proves_nothing_is_an_invalid_client(values):
    with pytest.raises(InvalidClient):
        authenticate(CLIENTS, "any", values, "")


def test_a_public_client_only_says_who_it_is():
    assert authenticate(CLIENTS, "any", {"client_id": "public"}, "") is CLIENTS["public"]


def test_a_server_may_take_one_way_only():
    with pytest.raises(InvalidClient):
        authenticate(CLIENTS, "client_secret_post", {}, basic("app:secret"))
    with pytest.raises(InvalidClient):
        authenticate(CLIENTS, "client_secret_basic", {"client_id": "app", "client_secret": "secret"}, "")


def test_a_parameter_without_value_counts_as_left_out_and_none_may_come_twice():
    assert values_sent_once([("scope", ""), ("code", "c")]) == {"code": "c"}
    with pytest.raises(OAuthError, match="invalid_request"):
        values_sent_once([("code", "c"), ("code", "c")])
