import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from connections import oauth2
from connections.oauth2 import Authentication, Client, Refusal, Reply
from connections.oauth2.dialect import Dialect

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECRET = "s3cr3t:with/odd+chars %"


def url(
    endpoint: str = "https://p.example/authorize", *, dialect: Dialect | None = None, **changes: Any
) -> str:
    values = {"client_id": "abc", "redirect_uri": "https://c.example/oauth/callback", "state": "S"} | changes
    return oauth2.authorization_url(endpoint, dialect or Dialect(), **values)


def asking(**parameters: Any) -> Dialect:
    return Dialect(authorization_parameters=parameters)


def query_of(address: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(address).query, keep_blank_values=True)


def read(
    body: object, status: int = 200, secrets: tuple[str, ...] = (), **headers: str
) -> oauth2.TokenAnswer:
    text = body if isinstance(body, str) else json.dumps(body)
    reply = Reply(status, text, {name.replace("_", "-"): value for name, value in headers.items()})
    return oauth2.read_token_reply(reply, now=NOW, secrets=secrets)


def refusal(body: object, status: int = 400, **more: Any) -> oauth2.TokenRequestFailed:
    with pytest.raises(oauth2.TokenRequestFailed) as caught:
        read(body, status, **more)
    return caught.value


def granted(**members: object) -> oauth2.TokenAnswer:
    return read({"access_token": "A"} | members)


# The authorization URL


@pytest.mark.requirement("R4", "QC01")
def test_the_endpoints_own_query_survives() -> None:
    sent = query_of(url("https://p.example/authorize.php?request=authorize&filter=apiv3.1"))

    assert ("request", "authorize") in sent
    assert ("filter", "apiv3.1") in sent
    assert ("response_type", "code") in sent


@pytest.mark.requirement("R4", "QC01")
def test_no_parameter_is_sent_twice_and_ours_win() -> None:
    sent = query_of(
        url(
            "https://p.example/authorize?client_id=OLD&response_type=token&state=x&code_challenge=old&a=1&a=2",
            dialect=asking(redirect_uri="https://evil.example", state="x", scope="all"),
            scopes="contacts.read",
        )
    )

    names = [name for name, _ in sent]
    assert sorted(names) == sorted(set(names))
    assert dict(sent) == {
        "a": "2",
        "response_type": "code",
        "client_id": "abc",
        "redirect_uri": "https://c.example/oauth/callback",
        "scope": "contacts.read",
        "state": "S",
    }


@pytest.mark.requirement("R4", "QC01")
def test_nothing_empty_is_sent_and_no_scope_without_scopes() -> None:
    sent = dict(query_of(url("https://p.example/authorize?empty=&x=1", dialect=asking(prompt="", none=None))))

    assert "scope" not in sent
    assert all(sent.values())
    assert sent["x"] == "1"


@pytest.mark.requirement("QC02")
def test_scopes_are_joined_by_the_separator_of_the_provider() -> None:
    assert (
        dict(query_of(url(scopes=" user.info\nvideo.list ", dialect=Dialect(scope_separator=","))))["scope"]
        == "user.info,video.list"
    )
    assert "scope=a%20b" in url(scopes="a  b")


def test_extra_parameters_are_added() -> None:
    sent = dict(query_of(url(dialect=asking(access_type="offline", include_granted_scopes=True, max_age=0))))

    assert (sent["access_type"], sent["include_granted_scopes"], sent["max_age"]) == ("offline", "true", "0")


@pytest.mark.requirement("R2", "QC01")
def test_an_endpoint_with_a_fragment_is_refused() -> None:
    with pytest.raises(ValueError, match="fragment"):
        url("https://p.example/#top")


@pytest.mark.requirement("R4", "QC01")
def test_a_route_in_the_fragment_gets_the_parameters_where_its_script_reads_them() -> None:
    before, _, query = url("https://p.example/#/oauth/authorize?kind=app").partition("?")

    assert before == "https://p.example/#/oauth/authorize"
    assert {"kind", "client_id", "state"} <= dict(parse_qsl(query)).keys()


@pytest.mark.requirement("R15", "QC20")
def test_a_pkce_pair_is_new_each_time_and_matches_by_s256() -> None:
    pair, other = oauth2.new_pkce_pair(), oauth2.new_pkce_pair()

    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", pair.verifier)
    digest = base64.urlsafe_b64encode(hashlib.sha256(pair.verifier.encode()).digest()).decode()
    assert pair.challenge == digest.rstrip("=")
    assert pair.verifier != other.verifier
    assert pair.verifier not in repr(pair)
    sent = dict(query_of(url(pkce=pair)))
    assert (sent["code_challenge"], sent["code_challenge_method"]) == (pair.challenge, "S256")


@pytest.mark.requirement("R13")
def test_a_state_has_256_bits_and_is_never_the_same() -> None:
    states = {oauth2.new_state() for _ in range(100)}

    assert len(states) == 100
    assert all(len(base64.urlsafe_b64decode(state + "=")) == 32 for state in states)


# The callback


def callback(**parameters: str) -> oauth2.AuthorizationAnswer:
    return oauth2.read_callback({name: [value] for name, value in parameters.items()})


def refused(**parameters: str) -> oauth2.AuthorizationRefused:
    with pytest.raises(oauth2.AuthorizationRefused) as caught:
        callback(**parameters)
    return caught.value


@pytest.mark.requirement("QC02")
def test_a_code_is_taken_as_it_is_after_one_decoding() -> None:
    parameters = parse_qs("code=v%2Aab%2521c%23d%2Fe&state=S&scopes=user.info.basic%2Cvideo.list")

    answer = oauth2.read_callback(parameters)

    assert answer.code == "v*ab%21c#d/e"
    assert "v*ab" not in repr(answer)


@pytest.mark.parametrize("name", ["state", "code", "iss", "error"])
@pytest.mark.requirement("QC05")
def test_a_parameter_that_comes_twice_is_refused(name: str) -> None:
    parameters = {"state": ["S"], "code": ["C"]} | {name: ["one", "two"]}

    with pytest.raises(oauth2.AuthorizationRefused) as caught:
        oauth2.read_callback(parameters)

    assert caught.value.refusal is Refusal.REPEATED
    if name == "state":
        assert oauth2.callback_state(parameters) is None


@pytest.mark.parametrize("state", [[], [""], ["a", "a"], ["x" * 9000], ["a\nb"], ["ü"]])
@pytest.mark.requirement("R13", "QC05")
def test_no_state_is_read_from_what_cannot_be_ours(state: list[str]) -> None:
    assert oauth2.callback_state({"state": state}) is None


@pytest.mark.requirement("R28")
def test_a_long_state_and_code_are_read() -> None:
    assert oauth2.callback_state({"state": ["x" * 8192]}) == "x" * 8192
    assert callback(code="c" * 8192, state="S").code == "c" * 8192


@pytest.mark.parametrize("code", ["c" * 8193, "a\r\nb", "a\0b", "ü"])
def test_a_code_that_no_server_may_send_is_refused(code: str) -> None:
    assert refused(code=code, state="S").refusal is Refusal.UNREADABLE


@pytest.mark.requirement("QC05")
def test_an_error_goes_before_a_code() -> None:
    assert refused(code="C", error="access_denied").refusal is Refusal.DECLINED


@pytest.mark.parametrize(
    "parameters",
    [
        {"error": "access_denied", "error_description": "The user denied"},
        {"error": "access_denied", "error_code": "200", "error_reason": "user_denied"},
        {"error": "user_cancelled_authorize"},
        {"success": "0"},
    ],
)
@pytest.mark.requirement("R19", "QC04")
def test_who_declines_is_understood_in_several_dialects(parameters: dict[str, str]) -> None:
    assert refused(state="S", **parameters).refusal is Refusal.DECLINED


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (
            {"error": "OAUTH_APP_BLOCKED", "error_description": "this app is blocked by admin"},
            Refusal.BLOCKED,
        ),
        ({"error": "invalid_scope"}, Refusal.SCOPES),
        ({"error": "invalid_request", "error_description": "code_challenge not supported"}, Refusal.PKCE),
        ({"error": "invalid_request", "error_description": "Bad redirect_uri"}, Refusal.REDIRECT_URI),
        ({"error": "redirect_uri_mismatch"}, Refusal.REDIRECT_URI),
        ({"error": "unauthorized_client"}, Refusal.CLIENT),
        ({"error": "temporarily_unavailable"}, Refusal.UNAVAILABLE),
        ({"error": "something_else"}, Refusal.OTHER),
        ({"installation_id": "1", "setup_action": "request"}, Refusal.AWAITS_OWNER),
        ({"access_token": "A"}, Refusal.IMPLICIT),
    ],
)
@pytest.mark.requirement("R19", "QC04", "QC20")
def test_an_error_says_what_can_be_done(parameters: dict[str, str], expected: Refusal) -> None:
    assert refused(state="S", **parameters).refusal is expected


@pytest.mark.requirement("R22", "QC10")
def test_a_callback_without_code_and_error_names_parameters_and_no_values() -> None:
    refusal = refused(state="S3CRET-STATE", spapi_oauth_code="C0DE")

    assert refusal.refusal is Refusal.NO_CODE
    assert refusal.description == "spapi_oauth_code, state"


@pytest.mark.requirement("R19")
def test_the_words_of_a_provider_are_bounded_and_printable() -> None:
    refusal = refused(error="bad\x00\x1b[31m" + "x" * 200, error_description="a\n\u202eb" + "y" * 70_000)

    assert len(refusal.code) <= 100
    assert len(refusal.description) == 500
    assert refusal.description.startswith("a b")
    assert (refusal.code + refusal.description).isprintable()


@pytest.mark.requirement("R17", "R21")
def test_a_form_post_is_passed_on_with_listed_parameters_only() -> None:
    posted = {
        "state": ["S"],
        "code": ["C", "D"],
        "id_token": ["X"],
        "access_token": ["A"],
        "next": ["//evil"],
    }

    assert oauth2.listed_parameters(posted) == [("state", "S"), ("code", "C"), ("code", "D")]


# Token requests


def form_of(message: oauth2.Message) -> dict[str, str]:
    pairs = parse_qsl(message.body.decode(), keep_blank_values=True)
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


KNOWN = oauth2.Known(redirect_uri="https://c.example/oauth/callback", scope="a,b", values={"context": "c 1"})


def exchange(
    client: Client, endpoint: str = "https://p.example/token", dialect: Dialect | None = None
) -> oauth2.Message:
    return oauth2.code_request(
        endpoint, client, dialect or Dialect(), code="C", code_verifier="V", known=KNOWN
    )


@pytest.mark.requirement("R25", "QC16")
def test_basic_authentication_encodes_both_parts_first_and_is_not_repeated_in_the_body() -> None:
    message = exchange(Client("id:1", SECRET, Authentication.BASIC))

    scheme, _, credentials = dict(message.headers)["Authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(credentials).decode() == "id%3A1:s3cr3t%3Awith%2Fodd%2Bchars+%25"
    assert form_of(message) == {
        "grant_type": "authorization_code",
        "code": "C",
        "redirect_uri": "https://c.example/oauth/callback",
        "code_verifier": "V",
    }


@pytest.mark.requirement("R25", "QC17")
def test_body_authentication_sends_the_secret_as_it_is_and_no_header() -> None:
    message = exchange(Client("id:1", SECRET, Authentication.BODY))

    assert "Authorization" not in dict(message.headers)
    assert form_of(message)["client_secret"] == SECRET
    assert form_of(message)["client_id"] == "id:1"
    assert dict(message.headers)["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.requirement("R25")
def test_a_public_client_sends_its_id_alone() -> None:
    message = exchange(Client("id", None, Authentication.NONE))

    assert form_of(message)["client_id"] == "id"
    assert "client_secret" not in form_of(message)


@pytest.mark.requirement("R4", "QC01")
def test_the_token_url_keeps_its_query_and_the_parameters_stay_in_the_body() -> None:
    message = exchange(
        Client("id", SECRET, Authentication.BODY),
        "https://p.example/token.php?request=token&client_id=x&code=y",
    )

    assert message.url == "https://p.example/token.php?request=token"
    assert form_of(message)["client_id"] == "id"


@pytest.mark.requirement("R47", "QC26")
def test_a_refresh_has_nothing_of_the_code_exchange() -> None:
    message = oauth2.refresh_request(
        "https://p.example/token", Client("id", "secret", Authentication.BODY), refresh_token="R", known=KNOWN
    )

    assert (message.method, form_of(message)) == (
        "POST",
        {"grant_type": "refresh_token", "refresh_token": "R", "client_id": "id", "client_secret": "secret"},
    )


@pytest.mark.requirement("QC40")
def test_a_revocation_names_the_token_and_its_kind() -> None:
    message = oauth2.revocation_request(
        "https://p.example/revoke", Client("id", "s", Authentication.BASIC), token="R", kind="refresh_token"
    )

    assert form_of(message) == {"token": "R", "token_type_hint": "refresh_token"}


@pytest.mark.requirement("R61")
def test_no_secret_is_in_the_repr_of_a_message_or_answer() -> None:
    message = exchange(Client("id", "the-secret", Authentication.BODY))
    client = Client("id", "the-secret", Authentication.BODY)
    answer = granted(refresh_token="the-refresh-token")

    assert "the-secret" not in repr(message) + repr(client)
    assert "the-refresh-token" not in repr(answer)
    assert "access_token" not in repr(answer)


# Answers by shape


@pytest.mark.parametrize("content_type", ["application/json", "text/plain; charset=utf-8", "text/html", ""])
@pytest.mark.requirement("R24", "QC12", "QC15")
def test_json_is_read_whatever_the_content_type(content_type: str) -> None:
    answer = read({"access_token": "A", "token_type": "bearer"}, content_type=content_type)

    assert (answer.access_token, answer.token_type) == ("A", "bearer")


@pytest.mark.requirement("R24", "QC12")
def test_json_behind_a_byte_order_mark_is_read() -> None:
    assert read('\ufeff {"access_token": "A"}').access_token == "A"


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "application/json", "text/plain"]
)
@pytest.mark.requirement("R24", "QC11")
def test_a_form_is_read_whatever_the_content_type(content_type: str) -> None:
    answer = read(
        "access_token=gho_A%2B&scope=repo%2Cgist&token_type=bearer&expires_in=28800",
        content_type=content_type,
    )

    assert answer.access_token == "gho_A+"
    assert answer.scope == "repo,gist"
    assert answer.life == timedelta(hours=8)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.requirement("R28")
def test_unknown_members_are_ignored_and_big_numbers_do_no_harm(status: int) -> None:
    body = '{"access_token": "A", "id": 90071992547409931234, "deep": {"x": [1, {"y": null}]}}'

    assert read(body, status).access_token == "A"


@pytest.mark.requirement("R28")
def test_a_token_of_16_kb_is_taken_and_no_longer_one() -> None:
    assert len(granted(access_token="x" * 16_384).access_token) == 16_384
    assert isinstance(refusal({"access_token": "x" * 16_385}, 200), oauth2.UnreadableAnswer)


@pytest.mark.parametrize("token", [12345, ["A"], {"a": 1}, True, "a\r\nb", "ü"])
def test_an_access_token_that_cannot_go_into_a_header_is_refused(token: object) -> None:
    assert isinstance(refusal({"access_token": token}, 200), oauth2.UnreadableAnswer)


@pytest.mark.parametrize(
    "body",
    ["", "   ", "{}", "[]", "[1]", "3", "null", '{"access_token": null}', '{"access_token": ""}', "no", "{"],
)
@pytest.mark.requirement("R24")
def test_an_answer_without_a_token_is_unreadable(body: str) -> None:
    failure = refusal(body, 200)

    assert isinstance(failure, oauth2.UnreadableAnswer)
    assert failure.is_lost


def test_a_web_page_is_quoted_without_its_markup() -> None:
    failure = refusal(
        "<html><head><title>Sign in</title></head></html>", 200, content_type="text/html; charset=x"
    )

    assert isinstance(failure, oauth2.UnreadableAnswer)
    assert "text/html" in failure.description
    assert "Sign in" in failure.description
    assert "<" not in failure.description


def test_hints_tell_where_else_the_token_is() -> None:
    assert "top level" in refusal({"data": {"access_token": "A"}}, 200).description
    assert "accessToken" in refusal({"accessToken": "A", "expiresIn": 3}, 200).description


def test_100_000_brackets_are_no_json() -> None:
    assert isinstance(refusal("[" * 100_000, 200), oauth2.UnreadableAnswer)


def test_a_megabyte_of_angle_brackets_is_read_in_no_time() -> None:
    assert isinstance(refusal("<" * 1_000_000, 500), oauth2.ServerUnavailable)


@pytest.mark.parametrize("token_type", ["bearer", "BEARER", None, "", "token", "User Access Token", 3])
def test_a_token_type_is_taken_in_any_spelling(token_type: object) -> None:
    assert granted(token_type=token_type).access_token == "A"


@pytest.mark.parametrize("token_type", ["mac", "MAC", "DPoP", "pop"])
def test_a_token_that_needs_signed_requests_is_refused(token_type: str) -> None:
    assert isinstance(refusal({"access_token": "A", "token_type": token_type}, 200), oauth2.UnreadableAnswer)


@pytest.mark.parametrize("token", [None, "", 5, ["R"]])
@pytest.mark.requirement("R36", "QC25")
def test_a_missing_refresh_token_is_none(token: object) -> None:
    assert granted(refresh_token=token).refresh_token is None
    assert granted().refresh_token is None
    assert granted(refresh_token="R").refresh_token == "R"


@pytest.mark.parametrize(
    ("members", "scope"),
    [
        ({"scope": "a b"}, "a b"),
        ({"scope": ["a", "b"]}, "a b"),
        ({"scopes": ["a", "b"]}, "a b"),
        ({"scope": None}, ""),
        ({}, ""),
    ],
)
@pytest.mark.requirement("R27", "QC09")
def test_the_scope_is_read_as_text_or_list(members: dict[str, object], scope: str) -> None:
    assert granted(**members).scope == scope


@pytest.mark.parametrize(
    ("asked", "given", "missing"),
    [
        (
            "openid email https://www.googleapis.com/auth/calendar https://www.googleapis.com/auth/drive.readonly",
            "https://www.googleapis.com/auth/calendar openid https://www.googleapis.com/auth/userinfo.email",
            ["https://www.googleapis.com/auth/drive.readonly"],
        ),
        ("a b", "", []),
        ("a b offline_access", "b,a", []),
        ("a a b", "A b", ["a"]),
    ],
)
@pytest.mark.requirement("R27", "QC09")
def test_scopes_that_were_really_not_granted_are_named(asked: str, given: str, missing: list[str]) -> None:
    assert oauth2.missing_scopes(asked, given) == missing


# How long it lives


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (3600, 3600),
        ("3600", 3600),
        (3599.5, 3599.5),
        (1, 1),
        (10**18, 3650 * 86400),
        (10**400, None),
        ("soon", None),
        (-3600, None),
        (0, None),
        (None, None),
        (True, None),
        ([3600], None),
        ("2026-12-23T18:44:43Z", None),
        ("", None),
    ],
)
@pytest.mark.requirement("R26", "QC18")
def test_expires_in_ends_in_a_life_or_in_nobody_knows(expires_in: object, seconds: float | None) -> None:
    life = granted(expires_in=expires_in).life

    assert life == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1e999"])
@pytest.mark.requirement("R26", "QC18")
def test_numbers_that_are_none_do_not_crash(number: str) -> None:
    assert read(f'{{"access_token": "A", "expires_in": {number}}}').life is None


END = datetime(2026, 12, 23, 18, 44, 43, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expires_at", "2026-12-23T18:44:43Z"),
        ("expires_at", "2026-12-24T00:14:43.000+05:30"),
        ("expires_at", "2026-12-23T18:44:43"),
        ("expires_at", END.timestamp()),
        ("expires_at", int(END.timestamp()) * 1000),
        ("expires_at", str(int(END.timestamp()))),
        ("access_token_expires_at", END.timestamp()),
        ("access_token_expiration", END.timestamp()),
        ("expires_on", str(int(END.timestamp()))),
        ("expiresAt", "2026-12-23T18:44:43Z"),
    ],
)
@pytest.mark.requirement("R26", "QC19")
def test_an_absolute_expiry_is_the_right_instant(name: str, value: object) -> None:
    life = granted(**{name: value}).life

    assert life is not None
    assert NOW + life == END


@pytest.mark.parametrize("value", ["tomorrow", 1e300, -5, "0001-01-01T00:00:00Z", {}, "9" * 5000])
@pytest.mark.requirement("R26", "QC19")
def test_an_absolute_expiry_that_makes_no_sense_is_unknown(value: object) -> None:
    assert granted(expires_at=value).life is None


@pytest.mark.requirement("R26", "QC19")
def test_of_two_expiries_that_disagree_the_earlier_counts() -> None:
    assert granted(expires_in=3600, expires_at=(NOW + timedelta(minutes=10)).isoformat()).life == timedelta(
        minutes=10
    )
    assert granted(expires_in=600, expires_at=(NOW + timedelta(hours=2)).isoformat()).life == timedelta(
        minutes=10
    )
    assert granted(expires_in=3600, expires_at=(NOW + timedelta(seconds=3590)).isoformat()).life == timedelta(
        hours=1
    )


@pytest.mark.requirement("R49", "QC19")
def test_a_servers_slow_clock_does_not_make_its_token_look_expired() -> None:
    its_end = NOW - timedelta(minutes=10) + timedelta(minutes=5)

    answer = read(
        {"access_token": "A", "expires_at": its_end.timestamp()}, date="Mon, 23 Nov 2026 11:50:00 GMT"
    )

    assert answer.life == timedelta(minutes=5)


def jwt(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{body}.c2ln"


@pytest.mark.requirement("R46", "QC15")
def test_the_exp_of_a_jwt_is_a_hint_when_the_answer_is_silent() -> None:
    soon = (NOW + timedelta(hours=1)).timestamp()

    assert granted(access_token=jwt({"exp": soon})).life == timedelta(hours=1)
    assert granted(access_token=jwt({"exp": soon * 1000})).life == timedelta(hours=1)
    assert granted(access_token=jwt({"exp": soon}), expires_in=60).life == timedelta(minutes=1)


@pytest.mark.parametrize("token", [jwt({"exp": 5}), jwt({"exp": "x"}), jwt([1]), "a.b.c", "..", "a.!.c"])
@pytest.mark.requirement("R46", "QC15")
def test_what_only_looks_like_a_jwt_tells_nothing(token: str) -> None:
    assert granted(access_token=token).life is None


@pytest.mark.requirement("R30")
def test_the_account_is_read_from_the_id_token() -> None:
    assert granted(id_token=jwt({"sub": "1", "email": "ann@example.org"})).account == "ann@example.org"
    assert granted(id_token=jwt({"sub": "248289761001"})).account == "248289761001"
    assert granted(id_token="nonsense").account == ""


# Refusals


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "invalid_grant"}, oauth2.GrantRejected),
        (400, {"error": ["invalid_grant"]}, oauth2.GrantRejected),
        (
            400,
            {"errors": [{"errorType": "invalid_grant", "message": "Refresh token invalid"}]},
            oauth2.GrantRejected,
        ),
        (
            400,
            {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"},
            oauth2.GrantRejected,
        ),
        (200, {"error": "bad_refresh_token"}, oauth2.GrantRejected),
        (400, {"error": {"type": "OAuthException", "code": 190, "message": "x"}}, oauth2.GrantRejected),
        (200, {"error": "invalid_code"}, oauth2.GrantRejected),
        (200, {"ok": False, "error": "invalid_code"}, oauth2.GrantRejected),
        (400, {"status": 400, "message": "Invalid refresh token"}, oauth2.GrantRejected),
        (
            400,
            {
                "error": "invalid_request",
                "error_description": "The refresh token is invalid, expired or revoked",
            },
            oauth2.GrantRejected,
        ),
        (401, {"error": "invalid_client"}, oauth2.ClientRejected),
        (400, {"error": "invalid_client"}, oauth2.ClientRejected),
        (200, {"error": "incorrect_client_credentials"}, oauth2.ClientRejected),
        (400, {"error": "unauthorized_client"}, oauth2.ClientRejected),
        (400, {"error": "unsupported_grant_type"}, oauth2.ClientRejected),
        (401, {"error": True, "message": "nope"}, oauth2.ClientRejected),
        (401, {"message": "Unauthorized", "error": 401}, oauth2.ClientRejected),
        (401, "", oauth2.ClientRejected),
        (503, "", oauth2.ServerUnavailable),
        (500, "<h1>Oops</h1>", oauth2.ServerUnavailable),
        (502, "<html>nginx</html>", oauth2.ServerUnavailable),
        (403, "<html>Just a moment</html>", oauth2.ServerUnavailable),
        (429, {"message": "slow"}, oauth2.ServerUnavailable),
        (408, "", oauth2.ServerUnavailable),
        (400, {"error": "temporarily_unavailable"}, oauth2.ServerUnavailable),
        (
            401,
            {"error": "x", "message": "Rate limit exceeded: access_token not expired"},
            oauth2.ServerUnavailable,
        ),
        (200, {"error": "Access Denied", "error_description": "too many requests"}, oauth2.ServerUnavailable),
        (400, {"error": "invalid_request"}, oauth2.UnknownRefusal),
        (400, "", oauth2.UnknownRefusal),
        (403, "", oauth2.UnknownRefusal),
        (404, "<html>Not Found</html>", oauth2.UnknownRefusal),
        (302, "", oauth2.UnknownRefusal),
        (200, {"ok": False}, oauth2.UnknownRefusal),
        (200, {"success": False, "message": "no"}, oauth2.UnknownRefusal),
        (204, "", oauth2.UnreadableAnswer),
    ],
)
@pytest.mark.requirement("R37", "QC22", "QC27")
def test_a_refusal_says_what_can_be_done(
    status: int, body: object, kind: type[oauth2.TokenRequestFailed]
) -> None:
    assert type(refusal(body, status)) is kind


@pytest.mark.parametrize(
    ("body", "code", "description"),
    [
        (
            {"error": {"message": "Error validating code.", "type": "OAuthException", "code": 100}},
            "OAuthException",
            "Error validating code.",
        ),
        (
            {"errors": [{"errorType": "invalid_grant", "message": "Code invalid: x"}], "success": False},
            "invalid_grant",
            "Code invalid: x",
        ),
        ({"status": "BAD_AUTH_CODE", "message": "unknown auth code"}, "BAD_AUTH_CODE", "unknown auth code"),
        ({"error": "invalid_request", "error_description": "why"}, "invalid_request", "why"),
        ({"error": "This is a sentence."}, "", "This is a sentence."),
        ({"message": {"nested": {"deep": 1}}}, "", '{"nested": {"deep": 1}}'),
        ("invalid code", "", "invalid code"),
        ('"invalid code"', "", "invalid code"),
        (
            [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}],
            "INVALID_SESSION_ID",
            "Session expired",
        ),
        ("<error><code>7</code><text>Wrong</text></error>", "", "7 Wrong"),
    ],
)
@pytest.mark.requirement("R24", "QC22")
def test_the_best_words_are_found_in_every_shape(body: object, code: str, description: str) -> None:
    failure = refusal(body)

    assert (failure.code, failure.description) == (code, description)
    assert "HTTP 400" in failure.provider_text


@pytest.mark.requirement("R24")
def test_a_token_next_to_an_error_is_no_success() -> None:
    assert isinstance(refusal({"access_token": "A", "error": "invalid_grant"}, 200), oauth2.GrantRejected)


def test_an_error_that_is_null_is_none() -> None:
    assert granted(error=None, errors=[]).access_token == "A"


@pytest.mark.requirement("R61")
def test_secrets_are_masked_in_every_spelling_before_the_cut() -> None:
    echoed = [
        "s3cr3t:with/odd+chars %",
        "s3cr3t%3Awith%2Fodd%2Bchars%20%25",
        "s3cr3t%3Awith%2Fodd%2Bchars+%25",
    ]
    failure = refusal(
        {"error": "invalid_client", "error_description": " ".join(echoed) + "x" * 380 + SECRET},
        401,
        secrets=(SECRET,),
    )

    assert "s3cr3t" not in failure.provider_text + repr(failure)
    assert "•••" in failure.description
    assert len(failure.provider_text) <= 500


@pytest.mark.requirement("R61")
def test_a_secret_in_a_long_page_is_masked_wherever_it_stands() -> None:
    for at in range(3960, 4004, 4):
        page = "<p " + "x" * at + ">" + "</p>" * 5 + SECRET
        assert "s3cr" not in refusal(page, 500, secrets=(SECRET,)).provider_text


@pytest.mark.requirement("R41", "QC31")
def test_a_retry_after_is_read_and_bounded() -> None:
    def gap(**headers: str) -> timedelta | None:
        return refusal("", 429, **headers).retry_after

    assert gap(retry_after="120") == timedelta(minutes=2)
    assert gap(retry_after="Mon, 23 Nov 2026 12:05:00 GMT") == timedelta(minutes=5)
    assert gap(x_ratelimit_reset=str(int(NOW.timestamp()) + 30)) == timedelta(seconds=30)
    assert gap(retry_after="99999999") == timedelta(hours=1)
    assert gap(retry_after="1" * 20) == timedelta(hours=1)
    assert gap(retry_after="-5") is None
    assert gap(retry_after="soon") is None
    assert gap() is None


@pytest.mark.requirement("R35", "QC24")
def test_what_may_have_been_done_without_our_knowing_is_marked_as_lost() -> None:
    assert refusal("", 500).is_lost
    assert refusal("<html>", 502).is_lost
    assert not refusal("", 503).is_lost
    assert not refusal("", 429).is_lost
    assert not refusal({"error": "invalid_grant"}).is_lost


# Revocation


@pytest.mark.requirement("QC40")
def test_a_revocation_succeeds_with_any_2xx() -> None:
    for status, text in ((200, ""), (200, "{}"), (204, ""), (200, "<html>ok</html>")):
        oauth2.read_revocation_reply(Reply(status, text), now=NOW)


@pytest.mark.requirement("QC40")
def test_a_revocation_that_is_not_done_says_why() -> None:
    with pytest.raises(oauth2.ServerUnavailable) as unavailable:
        oauth2.read_revocation_reply(Reply(503, "", {"retry-after": "60"}), now=NOW)
    with pytest.raises(oauth2.UnknownRefusal) as unsupported:
        oauth2.read_revocation_reply(Reply(400, '{"error": "unsupported_token_type"}'), now=NOW)

    assert unavailable.value.retry_after == timedelta(minutes=1)
    assert unsupported.value.code == "unsupported_token_type"
