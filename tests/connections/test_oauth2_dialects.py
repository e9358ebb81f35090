"""Requests and answers of servers that stray from the RFCs, as values."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from connections import oauth2
from connections.oauth2 import Authentication, Client, Known, Message, Reply
from connections.oauth2.dialect import BodyStyle, Dialect, FollowUp, Meaning, Rule

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOKEN_URL = "https://p.example/token"
BY_BODY = Client("id", "s3cret", Authentication.BODY)
BY_BASIC = Client("id", "s3cret", Authentication.BASIC)
PUBLIC = Client("id", None, Authentication.NONE)
KNOWN = Known("https://c.example/oauth/callback", "a,b", {"context": "stores/abc", "account": "7"})
ID_AND_SECRET = {"client_id": "id", "client_secret": "s3cret"}


def exchange(dialect: Dialect, client: Client = BY_BODY, *, verifier: str = "V") -> Message:
    return oauth2.code_request(
        TOKEN_URL, client, dialect, code="C", code_verifier=verifier or None, known=KNOWN
    )


def refresh(dialect: Dialect, client: Client = BY_BODY) -> Message:
    return oauth2.refresh_request(TOKEN_URL, client, dialect, refresh_token="R", known=KNOWN)


def form(message: Message) -> dict[str, str]:
    pairs = parse_qsl(message.body.decode(), keep_blank_values=True)
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def query(message: Message) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(message.url).query, keep_blank_values=True)
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def headers(message: Message) -> dict[str, str]:
    assert len(message.headers) == len({name.lower() for name, _ in message.headers})
    return dict(message.headers)


def read(body: object, dialect: Dialect, *, said: Mapping[str, str] | None = None) -> oauth2.TokenAnswer:
    text = body if isinstance(body, str) else json.dumps(body)
    return oauth2.read_token_reply(Reply(200, text), dialect, now=NOW, said=said)


def refusal(
    body: object, status: int, dialect: Dialect | None = None, **more: Any
) -> oauth2.TokenRequestFailed:
    text = body if isinstance(body, str) else json.dumps(body)
    with pytest.raises(oauth2.TokenRequestFailed) as caught:
        oauth2.read_token_reply(Reply(status, text), dialect or Dialect(), now=NOW, **more)
    return caught.value


# Code requests


@pytest.mark.requirement("R8", "QC14")
def test_a_json_body_has_the_json_media_type_and_the_header_of_basic() -> None:
    notion = Dialect(request_body=BodyStyle.JSON, token_headers={"Notion-Version": "2022-06-28"}, pkce="off")

    message = exchange(notion, BY_BASIC, verifier="")

    assert json.loads(message.body) == {
        "grant_type": "authorization_code",
        "code": "C",
        "redirect_uri": "https://c.example/oauth/callback",
    }
    sent = headers(message)
    assert sent["Content-Type"] == "application/json"
    assert sent["Authorization"] == f"Basic {base64.b64encode(b'id:s3cret').decode()}"
    assert sent["Notion-Version"] == "2022-06-28"


@pytest.mark.requirement("R8", "QC26")
def test_parameters_travel_in_the_query_with_an_empty_body_where_the_server_wants_it() -> None:
    gong = Dialect(request_body=BodyStyle.QUERY)

    for message in (exchange(gong, BY_BASIC), refresh(gong, BY_BASIC)):
        assert (message.method, message.body) == ("POST", b"")
        assert "Content-Type" not in headers(message)
        assert "client_secret" not in query(message)
    assert query(refresh(gong, BY_BASIC)) == {"grant_type": "refresh_token", "refresh_token": "R"}


@pytest.mark.requirement("QC02")
def test_renamed_parameters_go_by_the_servers_names_in_every_request() -> None:
    tiktok = Dialect(renamed={"client_id": "client_key"})

    page = oauth2.authorization_url(
        "https://p.example/authorize", tiktok, client_id="id", redirect_uri="https://c.example", state="S"
    )

    asked = dict(parse_qsl(urlsplit(page).query))
    assert (asked["client_key"], "client_id" in asked) == ("id", False)
    for message in (exchange(tiktok), refresh(tiktok)):
        assert form(message)["client_key"] == "id"
        assert "client_id" not in form(message)


@pytest.mark.requirement("QC02")
def test_a_parameter_that_is_not_sent_leaves_its_name_to_another_value() -> None:
    ebay = Dialect(
        renamed={"redirect_uri": None},
        authorization_parameters={"redirect_uri": "{account}-PRD"},
        token_parameters={"redirect_uri": "{account}-PRD"},
    )

    page = oauth2.authorization_url(
        "https://p.example/authorize",
        ebay,
        client_id="id",
        redirect_uri="https://c.example",
        state="S",
        values=KNOWN.values,
    )

    assert dict(parse_qsl(urlsplit(page).query))["redirect_uri"] == "7-PRD"
    assert form(exchange(ebay))["redirect_uri"] == "7-PRD"


@pytest.mark.requirement("R8")
def test_places_in_values_are_filled_once_and_unknown_ones_stay() -> None:
    dialect = Dialect(
        token_parameters={
            "context": "{context}",
            "scope": "{scope}",
            "auth_code": "{code}",
            "own": "{nobody_knows}",
            "nothing": "{access_token}",
        }
    )
    tricky = Client("{code}", "{context}", Authentication.BODY)

    sent = form(exchange(dialect, tricky))

    assert sent["context"] == "stores/abc"
    assert (sent["scope"], sent["auth_code"], sent["own"]) == ("a,b", "C", "{nobody_knows}")
    assert "nothing" not in sent
    assert (sent["client_id"], sent["client_secret"]) == ("{code}", "{context}")


@pytest.mark.requirement("R4", "R25")
def test_further_parameters_never_change_the_protocols_own_nor_repeat_them() -> None:
    pushy = Dialect(
        token_parameters={
            "grant_type": "password",
            "client_secret": "other",
            "code": "other",
            "expires_in": 1800,  # type: ignore[dict-item]  # as JSON has it
            "empty": "",
        }
    )

    for client in (BY_BODY, BY_BASIC):
        sent = form(exchange(pushy, client))
        assert (sent["grant_type"], sent["code"], sent["expires_in"]) == ("authorization_code", "C", "1800")
        assert "empty" not in sent
        assert sent.get("client_secret") == ("s3cret" if client is BY_BODY else None)


@pytest.mark.requirement("R8", "R25")
def test_a_header_of_the_dialect_that_proves_the_client_is_the_only_proof() -> None:
    dialect = Dialect(token_headers={"authorization": "Client {client_secret}", "X-Id": "{client_id}"})

    for client in (BY_BODY, BY_BASIC):
        message = exchange(dialect, client)
        assert headers(message)["authorization"] == "Client s3cret"
        assert headers(message)["X-Id"] == "id"
        assert "client_secret" not in form(message)


@pytest.mark.requirement("R25", "QC16")
def test_basic_without_form_encoding_sends_both_parts_as_they_are() -> None:
    client = Client("id+1", "s/3=", Authentication.BASIC_RAW)

    scheme, _, credentials = headers(exchange(Dialect(), client))["Authorization"].partition(" ")

    assert (scheme, base64.b64decode(credentials)) == ("Basic", b"id+1:s/3=")


# Renewals


@pytest.mark.requirement("R47", "QC26")
@pytest.mark.parametrize(
    ("dialect", "client", "expected"),
    [
        # Figma
        (Dialect(refresh_dropped=frozenset({"grant_type"})), BY_BASIC, {"refresh_token": "R"}),
        # Basecamp
        (
            Dialect(refresh_dropped=frozenset({"grant_type"}), refresh_parameters={"type": "refresh"}),
            BY_BODY,
            {"refresh_token": "R", "type": "refresh"} | ID_AND_SECRET,
        ),
        # Zendesk
        (
            Dialect(refresh_parameters={"expires_in": "1800"}),
            BY_BODY,
            {"grant_type": "refresh_token", "refresh_token": "R", "expires_in": "1800"} | ID_AND_SECRET,
        ),
        # Tempo, GitLab
        (
            Dialect(refresh_parameters={"redirect_uri": "{redirect_uri}"}),
            BY_BODY,
            {
                "grant_type": "refresh_token",
                "refresh_token": "R",
                "redirect_uri": "https://c.example/oauth/callback",
            }
            | ID_AND_SECRET,
        ),
        # WHOOP, start.gg
        (
            Dialect(refresh_parameters={"scope": "{scope}"}),
            PUBLIC,
            {"grant_type": "refresh_token", "refresh_token": "R", "scope": "a,b", "client_id": "id"},
        ),
        # What the code exchange wants is no business of the refresh's.
        (
            Dialect(token_parameters={"expires_in": "1", "code_extra": "{code}"}),
            BY_BODY,
            {"grant_type": "refresh_token", "refresh_token": "R"} | ID_AND_SECRET,
        ),
    ],
)
def test_a_refresh_is_exactly_what_the_dialect_says(
    dialect: Dialect, client: Client, expected: dict[str, str]
) -> None:
    assert form(refresh(dialect, client)) == expected


@pytest.mark.requirement("R8", "R47", "QC26")
def test_a_refresh_has_a_url_a_method_and_a_body_of_its_own() -> None:
    clover = Dialect(
        request_body=BodyStyle.JSON,
        refresh_url="https://p.example/v2/refresh",
        refresh_dropped=frozenset({"client_secret", "grant_type"}),
    )

    message = refresh(clover)

    assert message.url == "https://p.example/v2/refresh"
    assert json.loads(message.body) == {"refresh_token": "R", "client_id": "id"}
    assert form(refresh(Dialect(request_body=BodyStyle.JSON, refresh_body=BodyStyle.FORM)))
    put = Dialect(refresh_method="PUT", refresh_body=BodyStyle.JSON)
    assert (refresh(put).method, headers(refresh(put))["Content-Type"]) == ("PUT", "application/json")


@pytest.mark.requirement("R29", "QC33")
def test_a_trade_holds_what_the_dialect_says_and_nothing_besides() -> None:
    parameters = {
        "grant_type": "fb_exchange_token",
        "client_id": "{client_id}",
        "client_secret": "{client_secret}",
        "fb_exchange_token": "{access_token}",
    }
    meta = Dialect(
        refresh_url="https://p.example/oauth/access_token",
        refresh_method="GET",
        refresh_parameters=parameters,
        token_parameters={"of_the_code": "1"},
    )
    follow_up = FollowUp("https://p.example/lasting?v=1", parameters=parameters)
    expected = {"grant_type": "fb_exchange_token", "fb_exchange_token": "A"} | ID_AND_SECRET

    traded = oauth2.exchange_request(TOKEN_URL, BY_BODY, meta, access_token="A", known=KNOWN)
    followed = oauth2.follow_up_request(follow_up, BY_BASIC, meta, access_token="A", known=KNOWN)

    assert (traded.method, traded.body, query(traded)) == ("GET", b"", expected)
    assert (followed.method, followed.body, query(followed)) == ("GET", b"", expected | {"v": "1"})
    assert {name.lower() for name, _ in traded.headers + followed.headers} == {"accept"}
    assert {"A", "s3cret"} <= set(traded.secrets) & set(followed.secrets)


@pytest.mark.requirement("R70")
def test_a_client_asks_for_itself_with_its_scopes() -> None:
    dialect = Dialect(scope_parameter="scope", token_parameters={"audience": "api"})

    message = oauth2.client_request(TOKEN_URL, BY_BASIC, dialect, known=KNOWN)

    assert form(message) == {"grant_type": "client_credentials", "scope": "a,b", "audience": "api"}
    without = oauth2.client_request(TOKEN_URL, BY_BASIC, Dialect(scope_parameter=None), known=KNOWN)
    assert form(without) == {"grant_type": "client_credentials"}


# Answers


@pytest.mark.requirement("R24", "QC12")
@pytest.mark.parametrize(
    ("paths", "body", "expected"),
    [
        (("data",), {"code": 0, "data": {"access_token": "A", "refresh_token": "R"}}, ("A", "R")),
        (("body",), {"status": 0, "body": {"access_token": "A"}}, ("A", None)),
        (("data.0",), {"data": [{"access_token": "A"}]}, ("A", None)),
        (("data.token",), {"data": {"token": "A", "refresh_token": "R"}}, ("A", "R")),
        (("", "authed_user"), {"ok": True, "authed_user": {"access_token": "U"}}, ("U", None)),
    ],
)
def test_the_tokens_are_where_the_dialect_says(
    paths: tuple[str, ...], body: object, expected: tuple[str, str | None]
) -> None:
    answer = read(body, Dialect(token_paths=paths))

    assert (answer.access_token, answer.refresh_token) == expected


@pytest.mark.requirement("QC13")
def test_of_two_tokens_the_first_place_counts_and_the_other_is_named() -> None:
    slack = Dialect(token_paths=("", "authed_user"), account_members=("team.id", "authed_user.id"))
    user = {"id": "U1", "access_token": "xoxp", "refresh_token": "xoxe", "expires_in": 43200}

    both = read({"ok": True, "access_token": "xoxb", "authed_user": user, "team": {"id": "T1"}}, slack)
    alone = read({"ok": True, "authed_user": user, "team": {"id": "T1"}, "enterprise": None}, slack)

    assert (both.access_token, both.other_path) == ("xoxb", "authed_user")
    assert (alone.access_token, alone.refresh_token, alone.other_path) == ("xoxp", "xoxe", "")
    assert alone.life == timedelta(hours=12)
    assert alone.account_id == "T1/U1"


@pytest.mark.requirement("QC19")
def test_members_have_the_names_that_the_dialect_gives_them() -> None:
    sentry = Dialect(answer_members={"access_token": "token", "refresh_token": "refreshToken"})

    answer = read({"token": "A", "refreshToken": "R", "expiresAt": "2026-11-23T20:00:00Z"}, sentry)

    assert (answer.access_token, answer.refresh_token) == ("A", "R")
    assert answer.life == timedelta(hours=8)


@pytest.mark.requirement("R28", "R52", "QC36")
def test_only_named_members_are_kept_with_all_their_digits() -> None:
    dialect = Dialect(kept=("instance_url", "user_id", "owner.id", "is_sandbox", "absent", "access_token"))
    body = (
        '{"access_token": "A", "instance_url": "https://eu.example", "user_id": 17841405793187218003, '
        '"owner": {"id": 9007199254740993}, "is_sandbox": true, "secret_extra": "x"}'
    )

    assert read(body, dialect).kept == {
        "instance_url": "https://eu.example",
        "user_id": "17841405793187218003",
        "owner.id": "9007199254740993",
        "is_sandbox": "true",
    }


@pytest.mark.requirement("R28")
@pytest.mark.parametrize("digits", [300, 301, 4301, 100_000])
def test_numbers_of_any_length_do_no_harm(digits: int) -> None:
    body = f'{{"access_token": "A", "id": {"9" * digits}, "expires_in": {"9" * digits}}}'

    assert read(body, Dialect(kept=("id",))).access_token == "A"


@pytest.mark.requirement("R30")
def test_the_account_is_the_same_however_much_an_answer_tells() -> None:
    hubspot = Dialect(account_members=("hub_id",))

    assert read({"access_token": "A", "hub_id": 62515}, hubspot).account_id == "62515"
    # Not a sub now and a hub_id then: one account would look like two.
    silent = read({"access_token": "A", "id_token": _jwt({"sub": "x", "email": "a@b.example"})}, hubspot)
    assert (silent.account_id, silent.account) == ("", "a@b.example")
    google = read({"access_token": "A", "id_token": _jwt({"sub": "x", "email": "a@b.example"})}, Dialect())
    assert (google.account_id, google.account) == ("x", "a@b.example")


@pytest.mark.requirement("R17", "R30", "QC07")
def test_what_the_callback_said_stands_in_for_what_the_answer_lacks() -> None:
    dialect = Dialect(callback_parameters=("realmId", "scope"), account_members=("realmId",))

    answer = read({"access_token": "A"}, dialect, said={"realmId": "46", "scope": "read,write"})

    assert (answer.kept, answer.account_id, answer.scope) == ({"realmId": "46"}, "46", "read,write")
    assert read({"access_token": "A", "scope": "read"}, dialect, said={"scope": "all"}).scope == "read"


@pytest.mark.requirement("QC34")
@pytest.mark.parametrize(
    ("members", "life", "has_no_end"),
    [
        ({"refresh_token_expires_in": 8726400}, timedelta(days=101), False),
        ({"x_refresh_token_expires_in": 8726400}, timedelta(days=101), False),
        ({"refresh_expires_in": "1800"}, timedelta(minutes=30), False),
        ({"refresh_expires_in": 0}, None, True),
        ({"refresh_token_expires_at": NOW.timestamp() + 3600.5}, timedelta(seconds=3600.5), False),
        ({"refresh_token_expiration": int(NOW.timestamp()) + 60}, timedelta(minutes=1), False),
        ({"refresh_token_expires_in": "soon"}, None, False),
        ({"refresh_token_expires_in": -5}, None, False),
        ({}, None, False),
    ],
)
def test_the_end_of_a_refresh_token_is_read_in_every_dialect(
    members: dict[str, object], life: timedelta | None, has_no_end: bool
) -> None:
    answer = read({"access_token": "A"} | members, Dialect())

    assert (answer.refresh_life, answer.refresh_has_no_end) == (life, has_no_end)


@pytest.mark.requirement("R26", "QC18")
@pytest.mark.parametrize(
    ("expires", "life"),
    [(86400, timedelta(days=1)), ("3600", timedelta(hours=1)), (NOW.timestamp() + 60, timedelta(minutes=1))],
)
def test_expires_is_a_life_or_a_moment_by_its_size(expires: object, life: timedelta) -> None:
    assert read({"access_token": "A", "expires": expires}, Dialect()).life == life


@pytest.mark.requirement("R46", "QC15")
@pytest.mark.parametrize(
    ("exp", "life"),
    [
        (NOW.timestamp() + 600, timedelta(minutes=10)),
        ((NOW.timestamp() + 600) * 1000, timedelta(minutes=10)),
        (NOW.timestamp() - 600, None),
        ("nonsense", None),
        (10**400, None),
    ],
)
def test_the_exp_of_an_access_token_is_a_hint_that_never_harms(exp: object, life: timedelta | None) -> None:
    assert read({"access_token": _jwt({"exp": exp})}, Dialect()).life == life


def _jwt(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


# Refusals


@pytest.mark.requirement("R37", "QC27", "QC35")
@pytest.mark.parametrize(
    ("rule", "status", "body", "expected"),
    [
        (
            Rule(Meaning.DEAD, member="error", value="server_error", words="access_denied"),
            401,
            {"error": "server_error", "error_description": "access_denied"},
            oauth2.GrantRejected,
        ),
        (
            Rule(Meaning.DEAD, member="error", value="4001"),
            200,
            {"error": "4001"},
            oauth2.GrantRejected,
        ),
        (
            Rule(Meaning.TRANSIENT, member="status", value="601"),
            200,
            {"status": 601},
            oauth2.ServerUnavailable,
        ),
        (
            Rule(Meaning.TRANSIENT, words="already being processed"),
            400,
            {"error": "invalid_grant", "error_description": "Token request is already being processed"},
            oauth2.ServerUnavailable,
        ),
        (
            Rule(Meaning.CONFIGURATION, words="not issued to this client"),
            400,
            {"error": "invalid_grant", "message": "refresh token was NOT issued to this client"},
            oauth2.ClientRejected,
        ),
        (
            Rule(Meaning.STILL_GOOD, words="access_token not expired"),
            401,
            "Rate limit exceeded: access_token not expired",
            oauth2.StillGood,
        ),
        (Rule(Meaning.CONFIGURATION, status=503), 503, "", oauth2.ClientRejected),
    ],
)
def test_the_dialects_own_rules_go_before_what_everybody_means(
    rule: Rule, status: int, body: object, expected: type[oauth2.TokenRequestFailed]
) -> None:
    assert type(refusal(body, status, Dialect(rules=(rule,)))) is expected
    assert type(refusal(body, status)) is not expected


@pytest.mark.requirement("R37")
def test_a_rule_about_api_calls_says_nothing_of_the_token_endpoint() -> None:
    rules = (Rule(Meaning.EXPIRED, status=400), Rule(Meaning.DEAD, status=400, member="error"))

    assert isinstance(refusal({"error": "x"}, 400, Dialect(rules=rules)), oauth2.GrantRejected)
    assert isinstance(refusal({"oops": "x"}, 400, Dialect(rules=rules)), oauth2.UnknownRefusal)


QC22: tuple[tuple[int, object, str, str], ...] = (
    (
        400,
        {
            "error": {
                "message": "Error validating code.",
                "type": "OAuthException",
                "code": 100,
                "fbtrace_id": "x",
            }
        },
        "OAuthException",
        "Error validating code.",
    ),
    (
        400,
        {
            "errors": [{"errorType": "invalid_grant", "message": "Authorization code invalid: x"}],
            "success": False,
        },
        "invalid_grant",
        "Authorization code invalid: x",
    ),
    (400, {"status": "BAD_AUTH_CODE", "message": "missing auth code"}, "BAD_AUTH_CODE", "missing auth code"),
    (401, {"error": True, "message": "nope"}, "", "nope"),
    (400, {"error": ["invalid_grant"]}, "invalid_grant", ""),
    (400, {"message": {"nested": {"deep": 1}}}, "", '{"nested": {"deep": 1}}'),
    (400, '"invalid code"', "", "invalid code"),
    (500, "<html><h1>Oops</h1></html>", "", "Oops"),
    (403, "", "", ""),
    (502, "<html><center>nginx</center></html>", "", "nginx"),
    (200, "", "", "The answer is empty."),
    (204, "", "", "The answer is empty."),
    (400, "<error><code>invalid_grant</code></error>", "", "invalid_grant"),
    (400, "le code a expir\u00e9", "", "le code a expir\u00e9"),
    (200, {"code": 40105, "message": "Access token is expired"}, "40105", "Access token is expired"),
    (200, {"errcode": 40029, "errmsg": "invalid code"}, "", "errcode, errmsg"),
)


@pytest.mark.requirement("R19", "R24", "QC22")
@pytest.mark.parametrize(("status", "body", "code", "words"), QC22)
def test_whatever_shape_an_error_has_its_best_words_are_found(
    status: int, body: object, code: str, words: str
) -> None:
    failure = refusal(body, status)

    assert (failure.code, failure.status) == (code, status)
    assert words in failure.description
    assert f"HTTP {status}" in failure.provider_text
    assert len(failure.provider_text) <= 500


@pytest.mark.requirement("R61")
@pytest.mark.parametrize(
    "body",
    [
        '{"access_token": "top-secret-token", "refresh_token": "top-secret-too", "expires_in": 36',
        "garbage access_token=top-secret-token;refresh_token=top-secret-too",
        "{'access_token': 'top-secret-token'}",
        "<answer>access_token: top-secret-token</answer>",
    ],
)
def test_the_tokens_of_an_answer_that_cannot_be_read_are_not_quoted(body: str) -> None:
    failure = refusal(body, 200)

    assert "top-secret" not in failure.provider_text + str(failure.args)
    assert "access_token" in failure.provider_text


@pytest.mark.requirement("R24")
def test_an_answer_with_its_token_elsewhere_names_the_place() -> None:
    failure = refusal({"result": {"access_token": "A"}}, 200)

    assert isinstance(failure, oauth2.UnreadableAnswer)
    assert "in result" in failure.description


# Callbacks


@pytest.mark.requirement("QC10")
def test_the_code_is_found_under_the_name_that_the_dialect_gives_it() -> None:
    amazon = Dialect(code_parameter="spapi_oauth_code", callback_parameters=("selling_partner_id",))

    answer = oauth2.read_callback(
        {"spapi_oauth_code": ["C"], "state": ["S"], "selling_partner_id": ["A1"], "more": ["x"]}, amazon
    )

    assert (answer.code, answer.said) == ("C", {"selling_partner_id": "A1"})
    with pytest.raises(oauth2.AuthorizationRefused):
        oauth2.read_callback({"code": ["C"], "state": ["S"]}, amazon)


@pytest.mark.requirement("R17", "R28")
@pytest.mark.parametrize("value", ["x" * 2001, "a\r\nb", "a\0"])
def test_what_is_too_long_or_unprintable_is_not_kept(value: str) -> None:
    dialect = Dialect(callback_parameters=("realmId",))

    assert oauth2.read_callback({"code": ["C"], "realmId": [value]}, dialect).said == {}


def test_a_further_parameter_that_comes_twice_is_refused_too() -> None:
    with pytest.raises(oauth2.AuthorizationRefused, match="repeated"):
        oauth2.read_callback(
            {"code": ["C"], "location": ["us", "eu"]}, Dialect(callback_placeholders={"location": "region"})
        )


@pytest.mark.requirement("QC10")
def test_a_form_post_is_passed_on_with_what_its_dialect_names() -> None:
    dialect = Dialect(code_parameter="auth_code", callback_parameters=("realmId",))
    posted = {"auth_code": ["C"], "state": ["S"], "realmId": ["1"], "id_token": ["x"], "user": ["{}"]}

    assert dict(oauth2.listed_parameters(posted, dialect)) == {"auth_code": "C", "state": "S", "realmId": "1"}
