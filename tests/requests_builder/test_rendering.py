"""What is typed, what is sent, and what is shown of it."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requests_builder.masking import concealed, forms_of, is_echoed, masked
from requests_builder.rendering import (
    ApiKey,
    Authorization,
    Basic,
    Bearer,
    BodyKind,
    InvalidRequest,
    NoAuthorization,
    Place,
    RenderedRequest,
    RequestTemplate,
    authorize,
    parameters_of,
    render,
    secrets_of,
    url_with_parameters,
    without_authorization,
)

CONTACTS = RequestTemplate("GET", "https://api.example/contacts?per_page=100")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def problems_of(template: RequestTemplate) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        render(template)
    return list(caught.value.problems)


def test_a_plain_request_asks_for_json_and_nothing_else():
    assert render(CONTACTS) == RenderedRequest(
        "GET", "https://api.example/contacts?per_page=100", (("Accept", "application/json"),), None
    )


def test_what_the_person_typed_wins_over_our_defaults():
    typed = replace(
        CONTACTS,
        headers=(("accept", "text/csv"), ("content-type", "application/vnd.api+json")),
        body_kind=BodyKind.JSON,
        body="{}",
    )
    assert render(typed).headers == (("accept", "text/csv"), ("content-type", "application/vnd.api+json"))


def test_a_json_body_is_sent_as_typed_with_its_media_type():
    rendered = render(replace(CONTACTS, method="post", body_kind=BodyKind.JSON, body='{"ü": 1.10}'))
    assert (rendered.method, rendered.body) == ("POST", '{"ü": 1.10}'.encode())
    assert rendered.header("content-type") == "application/json"


@pytest.mark.parametrize(
    ("authorization", "header"),
    [
        (Bearer("abc"), "Bearer abc"),
        (Bearer("  Bearer abc "), "Bearer abc"),
        (Bearer("bearer abc"), "Bearer abc"),
        (Bearer("abc", scheme="Zoho-oauthtoken"), "Zoho-oauthtoken abc"),
        (Bearer("abc", scheme=""), "abc"),
        (Basic("ann", "pä:ss"), "Basic " + base64.b64encode("ann:pä:ss".encode()).decode()),
    ],
)
def test_a_credential_is_written_as_its_scheme_asks(authorization, header):
    assert render(replace(CONTACTS, authorization=authorization)).header("Authorization") == header


def test_an_api_key_goes_where_the_api_wants_it():
    in_header = render(replace(CONTACTS, authorization=ApiKey(Place.HEADER, "X-Key", "k 1")))
    in_query = render(replace(CONTACTS, authorization=ApiKey(Place.QUERY, "api_key", "k 1&")))
    assert in_header.header("x-key") == "k 1"
    assert in_query.url == "https://api.example/contacts?per_page=100&api_key=k%201%26"


AUTHORIZATIONS: list[Authorization] = [
    NoAuthorization(),
    Bearer("tok"),
    Bearer("tok", header="X-Token"),
    Basic("ann", "pw"),
    ApiKey(Place.HEADER, "X-Key", "k"),
    ApiKey(Place.QUERY, "key", "k"),
]


@pytest.mark.parametrize("authorization", AUTHORIZATIONS)
def test_what_was_authorized_can_be_kept_without_its_credential(authorization):
    bare = render(CONTACTS)
    assert without_authorization(authorize(bare, authorization), authorization) == bare


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"method": ""}, "method", "one word"),
        ({"method": "GET IT"}, "method", "one word"),
        ({"method": "connect"}, "method", "tunnel"),
        ({"url": ""}, "url", "The URL is empty."),
        ({"url": "ftp://api.example/"}, "url", "must begin with https://"),
        ({"url": "api.example/contacts"}, "url", "must begin with https://"),
        ({"url": "https:/api.example"}, "url", "must begin with https://"),
        ({"url": "https://ann:pw@api.example/"}, "url", "Authorization → Basic"),
        ({"url": "https://api.example:99999/"}, "url", "host and the port"),
        ({"url": "https://[::1/"}, "url", "host and the port"),
        ({"url": "https:///contacts"}, "url", "no host"),
        ({"url": "https://api.example/\r\nX: y"}, "url", "line break"),
        ({"url": "https://api.example\\@evil.example/"}, "url", "backslash"),
        ({"url": "https://api.example/" + "a" * 8000}, "url", "8,000"),
        ({"url": "https://api.example/\ud800"}, "url", "cannot be sent"),
        ({"headers": (("X y", "1"),)}, "headers", "“X y” cannot be the name"),
        ({"headers": (("", "1"),)}, "headers", "no name"),
        ({"headers": (("X", "1\r\nY: 2"),)}, "headers", "line break"),
        ({"headers": (("X", "→"),)}, "headers", "Latin-1"),
        ({"headers": (("Content-Length", "3"),)}, "headers", "set by the sender"),
        ({"headers": (("X", "y" * 9000),)}, "headers", "longer than"),
        ({"headers": tuple((f"X{n}", "y") for n in range(101))}, "headers", "at most 100"),
        ({"body_kind": BodyKind.JSON, "body": " "}, "body", "empty"),
        ({"body_kind": BodyKind.JSON, "body": '{"a": 1,\n "b" 2}'}, "body", "line 2, column 6"),
        ({"body_kind": BodyKind.JSON, "body": '{"a": NaN}'}, "body", "NaN"),
        ({"body_kind": BodyKind.JSON, "body": "[" * 100_000}, "body", "nested too deeply"),
        ({"authorization": Bearer(" ")}, "authorization", "empty"),
        ({"authorization": Bearer("a\nb")}, "authorization", "line break"),
        ({"authorization": Basic("a:b", "c")}, "authorization", "colon"),
        ({"authorization": Basic("", "")}, "authorization", "empty"),
        ({"authorization": Basic("a", "b\n")}, "authorization", "line breaks"),
        ({"authorization": ApiKey(Place.HEADER, "", "k")}, "authorization", "no name"),
        ({"authorization": ApiKey(Place.HEADER, "X", "")}, "authorization", "empty"),
        ({"authorization": ApiKey(Place.HEADER, "Host", "k")}, "authorization", "cannot be the name"),
        (
            {"authorization": ApiKey(Place.HEADER, "X-Key", "k"), "headers": (("x-key", "1"),)},
            "authorization",
            "also the name",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_at_its_field(change, field, sentence):
    [(found, words)] = problems_of(replace(CONTACTS, **change))
    assert found == field
    assert sentence in words


@pytest.mark.parametrize(
    "authorization", [kind for kind in AUTHORIZATIONS if isinstance(kind, Bearer | Basic)]
)
def test_an_own_authorization_header_and_another_kind_are_refused_together(authorization):
    typed = replace(CONTACTS, headers=(("authorization", "Bearer mine"),), authorization=authorization)
    [(field, sentence)] = problems_of(typed)
    assert field == "authorization"
    assert "choose None under Authorization" in sentence


def test_an_own_authorization_header_alone_is_sent():
    assert render(replace(CONTACTS, headers=(("Authorization", "Own x"),))).header("Authorization") == "Own x"


def test_all_problems_are_told_at_once():
    typed = RequestTemplate("", "", (("a b", "c"),), BodyKind.JSON, "{", Bearer(""))
    assert [field for field, _ in problems_of(typed)] == ["method", "url", "headers", "body", "authorization"]


def test_empty_header_rows_and_the_fragment_are_not_sent():
    rendered = render(RequestTemplate("GET", " https://api.example/a b/ü?q=ü%20+#top ", (("", ""),)))
    assert rendered.url == "https://api.example/a%20b/%C3%BC?q=%C3%BC%20+"
    assert render(RequestTemplate("GET", "https://api.example?a=1")).url == "https://api.example/?a=1"


def test_a_replaced_parameter_keeps_its_place_and_its_neighbours_their_bytes():
    request = RenderedRequest("GET", "https://api.example/?a=%7e+x&page=1&b&page=2&c=")
    assert request.with_parameter("page", "3").url == "https://api.example/?a=%7e+x&page=3&b&c="
    assert request.with_parameter("new", "é").url == request.url + "&new=%C3%A9"


def test_a_header_is_replaced_whatever_its_case():
    request = RenderedRequest("GET", "https://api.example/", (("accept", "a"), ("X", "1"), ("ACCEPT", "b")))
    assert request.with_header("Accept", "c").headers == (("X", "1"), ("Accept", "c"))


def test_pairs_keep_repeats_empty_values_and_the_form_they_were_written_in():
    url = "https://api.example/?a=1&a=1&b=&c&x=%2f&x=+y%20#f"
    pairs = parameters_of(url)
    assert pairs == [("a", "1"), ("a", "1"), ("b", ""), ("c", ""), ("x", "/"), ("x", " y ")]
    del pairs[1]
    assert url_with_parameters(url, pairs) == "https://api.example/?a=1&b=&c&x=%2f&x=+y%20#f"
    assert url_with_parameters(url, []) == "https://api.example/#f"


def test_equal_pairs_keep_their_spellings_in_order():
    assert url_with_parameters("/?a=%2f&a=/", [("a", "/"), ("a", "/"), ("b", "1")]) == "/?a=%2f&a=/&b=1"


@settings(deadline=None)
@given(st.text(st.sampled_from("a=&?#%2+ü /"), max_size=30))
def test_writing_back_the_pairs_of_any_url_changes_nothing(url):
    assert url_with_parameters(url, parameters_of(url)) == url


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT)), st.text(st.sampled_from("a=&?#%2+"), max_size=30))
def test_pairs_written_into_any_url_are_read_back(pairs, url):
    assert parameters_of(url_with_parameters(url, pairs)) == pairs


SECRETS = ["s3cr&t/ü=", "plain-token", 'quo"te', "a b+c"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "place",
    ["bearer", "basic", "key header", "key query", "own header", "body", "path", "raw query", "base64"],
)
def test_a_secret_is_masked_wherever_and_however_it_is_sent(secret, place):
    encoded = base64.b64encode(f"x:{secret}".encode()).decode()
    request = RenderedRequest("POST", "https://api.example/a?b=1", (("Accept", "text/csv"),), b"{}")
    shown_as = secret
    match place:
        case "bearer":
            request = authorize(request, Bearer("token-of-somebody", scheme="Bearer"))
            shown_as = "token-of-somebody"
        case "basic":
            request = authorize(request, Basic("ann", secret))
            shown_as = base64.b64encode(f"ann:{secret}".encode()).decode()
        case "key header":
            request = request.with_header("X-Key", secret)
        case "key query":
            request = authorize(request, ApiKey(Place.QUERY, "k", secret))
            shown_as = parameters_of(request.url)[-1][1]
        case "own header":
            request = request.with_header("X-Own", f"before {secret} after")
        case "body":
            request = replace(request, body=f'{{"a": "{secret}"}}'.encode())
        case "path":
            request = replace(request, url=f"https://api.example/{secret}/x")
        case "raw query":
            request = replace(
                request, url="https://api.example/?q=" + "".join(f"%{b:02x}" for b in secret.encode())
            )
            shown_as = request.url.partition("=")[2]
        case "base64":
            request = request.with_header("X-Login", f"Custom {encoded}")
            shown_as = encoded
    printed = str(masked(request, [secret, "token-of-somebody"]))
    assert shown_as not in printed
    assert secret not in printed
    assert "•••" in printed


def test_an_authorization_header_is_hidden_though_nobody_names_its_secret():
    request = authorize(render(CONTACTS), Bearer("tok-123"))
    assert masked(request, []).headers[-1] == ("Authorization", "Bearer •••")


def test_a_secret_that_was_encoded_by_hand_is_masked_in_the_path():
    request = RenderedRequest("GET", "https://api.example/bot%70lain-token/me")
    assert masked(request, ["plain-token"]).url == "https://api.example/•••/me"


def test_a_body_is_masked_before_it_is_cut():
    request = RenderedRequest("POST", "https://api.example/", (), b"x" * 19_995 + b"plain-token" + b"y" * 100)
    body = masked(request, ["plain-token"]).body
    assert "plain" not in body
    assert "characters in all" in body


def test_what_is_not_secret_stays_readable():
    request = authorize(render(CONTACTS), ApiKey(Place.QUERY, "key", "k-123"))
    printed = masked(request, secrets_of(ApiKey(Place.QUERY, "key", "k-123")))
    assert printed.url == "https://api.example/contacts?per_page=100&key=•••"
    assert printed.headers == (("Accept", "application/json"),)


@pytest.mark.parametrize("authorization", AUTHORIZATIONS[1:])
def test_repr_shows_no_secret(authorization):
    typed = replace(CONTACTS, url="https://api.example/?t=topsecret", authorization=authorization)
    shown = repr(typed) + repr(render(typed))
    assert not any(
        repr(secret)[1:-1] in shown.replace("tok_", "")
        for secret in (*secrets_of(authorization), "topsecret")
        if len(secret) > 1
    )


def test_an_api_key_may_go_beside_an_authorization_header_of_ones_own() -> None:
    template = RequestTemplate(
        "GET",
        "https://api.example/",
        headers=(("Authorization", "Bearer mine"),),
        authorization=ApiKey(Place.HEADER, "apikey", "key"),
    )

    request = render(template)

    assert (request.header("Authorization"), request.header("apikey")) == ("Bearer mine", "key")


def test_an_api_key_called_authorization_conflicts_with_an_authorization_header() -> None:
    template = RequestTemplate(
        "GET",
        "https://api.example/",
        headers=(("Authorization", "Bearer mine"),),
        authorization=ApiKey(Place.HEADER, "authorization", "key"),
    )

    with pytest.raises(InvalidRequest, match="only one of the two"):
        render(template)


def test_a_secret_that_an_answer_repeats_is_concealed_wherever_it_stands() -> None:
    secrets = ["s3cr3t/token", "abc"]
    echoed = {
        "Authorization": "Bearer s3cr3t/token",
        "deep": [{"s3cr3t/token": "x s3cr3t%2Ftoken y", "n": 7}],
        "abc": "abc",
    }

    assert is_echoed(b'{"a": "Bearer s3cr3t/token"}', forms_of(secrets))
    assert not is_echoed(b'{"a": "abc"}', forms_of(secrets))
    assert concealed(echoed, secrets) == {
        "Authorization": "Bearer •••",
        "deep": [{"•••": "x ••• y", "n": 7}],
        "abc": "abc",
    }
