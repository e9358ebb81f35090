"""The demo as a running server: its HTTP, and what tests turn and read."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from demo_api.consent import NoConsentPage
from demo_api.policy import Policy
from demo_api.server import DemoServer
from demo_api.storage import UnreadableState


@pytest.fixture
def server():
    with DemoServer() as server:
        yield server


def authorization_url(server: DemoServer, **parameters: str) -> str:
    values = {"response_type": "code", "client_id": server.client_id, "state": "S"} | parameters
    return f"{server.authorization_url}?{urlencode(values)}"


def redeem(server: DemoServer, code: str) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code}
    return requests.post(server.token_url, form, auth=(server.client_id, server.client_secret), timeout=5)


def refresh(server: DemoServer, refresh_token: str | None, **options: object) -> requests.Response:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    credentials = (server.client_id, server.client_secret)
    return requests.post(server.token_url, form, auth=credentials, timeout=5, **options)  # type: ignore[arg-type]


def get(server: DemoServer, path: str, token: str = "", **options: object) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(server.url + path, headers=headers, timeout=5, **options)  # type: ignore[arg-type]


# The whole way


def test_the_whole_way_from_consent_to_records(server):
    callback = server.consent(authorization_url(server, redirect_uri=server.redirect_uri))
    assert callback.startswith("http://localhost:8000/oauth/callback?code=")
    answer = parse_qs(urlsplit(callback).query)
    assert (answer["state"], answer["iss"]) == (["S"], [server.url])

    form = {
        "grant_type": "authorization_code",
        "code": answer["code"][0],
        "redirect_uri": server.redirect_uri,
    }
    credentials = (server.client_id, server.client_secret)
    tokens = requests.post(server.token_url, form, auth=credentials, timeout=5).json()

    assert tokens["token_type"] == "Bearer"
    assert get(server, "/api/contacts", tokens["access_token"]).json()["meta"]["total"] == 2_340
    assert [request.path for request in server.requests] == [
        "/oauth/authorize",
        "/oauth/decision",
        "/oauth/token",
        "/api/contacts",
    ]
    assert [request.status for request in server.requests] == [200, 303, 200, 200]


def test_a_code_that_is_redeemed_twice_takes_its_tokens_along(server):
    code = parse_qs(urlsplit(server.consent(authorization_url(server))).query)["code"][0]
    token = redeem(server, code).json()["access_token"]

    assert redeem(server, code).json()["error"] == "invalid_grant"

    assert get(server, "/api/contacts", token).status_code == 401
    assert server.reuse_was_detected


def test_denying_leads_back_with_access_denied(server):
    callback = server.consent(authorization_url(server), is_allowed=False)

    assert parse_qs(urlsplit(callback).query)["error"] == ["access_denied"]


def test_an_unregistered_redirect_uri_gets_a_page_and_no_redirect(server):
    url = authorization_url(server, redirect_uri="https://evil.example/<script>alert(1)</script>")

    answer = requests.get(url, allow_redirects=False, timeout=5)

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "&lt;script&gt;" in answer.text
    assert "<script>alert" not in answer.text
    with pytest.raises(NoConsentPage, match="not registered"):
        server.consent(url)


def test_revoking_makes_the_tokens_useless(server):
    tokens = server.mint()
    credentials = (server.client_id, server.client_secret)

    answer = requests.post(
        server.revocation_url, {"token": tokens.refresh_token}, auth=credentials, timeout=5
    )

    assert (answer.status_code, answer.content) == (200, b"")
    assert get(server, "/api/contacts", tokens.access_token).status_code == 401
    assert server.revocations == 1
    assert (
        requests.post(server.revocation_url, {"token": "x"}, auth=credentials, timeout=5).status_code == 200
    )
    assert requests.post(server.revocation_url, {"token": "x"}, auth=("a", "b"), timeout=5).status_code == 401


# The token endpoint


def test_token_answers_may_not_be_stored(server):
    answer = refresh(server, server.mint().refresh_token)

    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert answer.headers["Content-Type"] == "application/json"


def test_a_wrong_secret_is_401_with_a_challenge(server):
    answer = requests.post(server.token_url, {"grant_type": "x"}, auth=("a", "b"), timeout=5)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="demo"'


def test_the_token_endpoint_takes_forms_by_post_and_nothing_in_the_url(server):
    assert requests.get(server.token_url, timeout=5).headers["Allow"] == "POST"
    answers = [
        requests.post(server.token_url, json={"grant_type": "refresh_token"}, timeout=5),
        requests.post(f"{server.token_url}?client_secret=x", {"grant_type": "refresh_token"}, timeout=5),
    ]
    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [
        (400, "invalid_request")
    ] * 2


def test_reuse_of_a_refresh_token_is_seen_and_ends_the_grant(server):
    first = server.mint()
    second = refresh(server, first.refresh_token).json()

    assert refresh(server, first.refresh_token).json()["error"] == "invalid_grant"

    assert refresh(server, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert server.reuse_was_detected
    assert server.refreshes == 1


# The API


def test_contacts_come_by_page_number(server):
    token = server.mint().access_token

    pages = [get(server, f"/api/contacts?page={page}&per_page=500", token).json() for page in range(1, 7)]

    assert [len(page["data"]) for page in pages] == [500, 500, 500, 500, 340, 0]
    assert pages[1]["meta"] == {"page": 2, "per_page": 500, "total": 2_340, "total_pages": 5}
    assert [each["id"] for page in pages for each in page["data"]] == list(range(1, 2_341))


def test_orders_name_the_next_page_until_the_last(server):
    token = server.mint().access_token
    url = f"{server.url}/api/orders?per_page=500"
    numbers = []

    while url:
        page = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=5).json()
        numbers += [each["number"] for each in page["data"]]
        url = page["links"]["next"]

    assert numbers == list(range(1, 3_121))
    assert server.page_fetches("/api/orders") == {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1}


def test_orders_that_come_while_somebody_reads_move_nothing(server):
    token = server.mint().access_token
    following = get(server, "/api/orders?per_page=500&after=2500", token).json()["links"]["next"]
    server.add_orders(3)

    page = requests.get(following, headers={"Authorization": f"Bearer {token}"}, timeout=5).json()

    assert [each["number"] for each in page["data"]] == list(range(3_001, 3_124))
    assert page["links"]["next"] is None


@pytest.mark.parametrize(
    "query", ["page=0", "page=one", "page=-1", "page=%C2%B2", "per_page=501", "per_page="]
)
def test_a_page_that_cannot_be_is_a_bad_request(server, query):
    assert get(server, f"/api/open/contacts?{query}").status_code == 400


def test_orders_need_their_own_scope(server):
    answer = get(server, "/api/orders", server.mint("contacts.read").access_token)

    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_userinfo_says_whose_account_it_is(server):
    assert (
        get(server, "/oauth/userinfo", server.mint("profile").access_token).json()["name"] == "Dana Whitfield"
    )
    assert get(server, "/oauth/userinfo", server.mint("orders.read").access_token).status_code == 403


def test_the_metadata_is_at_both_well_known_addresses(server):
    documents = [
        get(server, f"/.well-known/{name}").json()
        for name in ("oauth-authorization-server", "openid-configuration")
    ]

    assert documents[0] == documents[1]
    assert documents[0]["issuer"] == server.url
    assert documents[0]["token_endpoint"] == server.token_url


def test_the_other_ways_to_authorize(server):
    assert get(server, "/api/open/contacts").status_code == 200
    assert (
        requests.get(f"{server.url}/api/key", headers={"X-Api-Key": "demo-key"}, timeout=5).status_code == 200
    )
    assert get(server, "/api/key").status_code == 401
    assert requests.get(f"{server.url}/api/basic", auth=("demo", "demo"), timeout=5).status_code == 200
    answer = requests.get(f"{server.url}/api/basic", auth=("demo", "wrong"), timeout=5)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "BREW"])
def test_echo_tells_what_was_sent_by_any_method(server, method):
    answer = requests.request(
        method,
        f"{server.url}/api/echo?a=1&a=2&b=",
        data="hällo".encode(),
        headers={"X-Trace": "T"},
        timeout=5,
    ).json()

    assert (answer["method"], answer["path"], answer["body"]) == (method, "/api/echo", "hällo")
    assert answer["query"] == [["a", "1"], ["a", "2"], ["b", ""]]
    assert answer["headers"]["x-trace"] == "T"


def test_head_has_the_headers_and_no_body(server):
    # By hand: HTTP libraries throw away a body that they do not expect.
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(b"HEAD /api/html HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n")
        answer = connection.makefile("rb").read()

    assert b"Content-Type: text/html" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_an_unknown_address_is_not_found(server):
    assert get(server, "/nowhere").status_code == 404


# Connections


def test_one_connection_serves_many_requests(server):
    connection = HTTPConnection(server.host, server.port, timeout=5)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("POST", "/oauth/token", "x", {"Content-Type": "text/plain"})
        connection.getresponse().read()

    assert connection.sock is first
    connection.close()


def test_a_body_that_is_too_large_is_refused_unread(server):
    connection = HTTPConnection(server.host, server.port, timeout=5)
    connection.putrequest("POST", "/api/echo")
    connection.putheader("Content-Length", str(10**9))
    connection.endheaders()

    answer = connection.getresponse()

    assert (answer.status, answer.getheader("Connection")) == (413, "close")
    connection.close()


def test_fifty_at_once_are_all_answered(server):
    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(lambda _: get(server, "/api/open/contacts").status_code, range(50)))

    assert statuses == [200] * 50


def test_a_stopped_server_hangs_up_and_comes_back_at_the_same_port_with_its_grants(server):
    token, port = server.mint().access_token, server.port
    with requests.Session() as session:
        headers = {"Authorization": f"Bearer {token}"}
        assert session.get(f"{server.url}/api/contacts", headers=headers, timeout=5).status_code == 200

        server.stop()

        with pytest.raises(requests.ConnectionError):
            session.get(f"{server.url}/api/contacts", headers=headers, timeout=5)
        server.start()
        assert server.port == port
        assert session.get(f"{server.url}/api/contacts", headers=headers, timeout=5).status_code == 200


# Knobs


def test_a_knob_nobody_has_is_an_error(server):
    with pytest.raises(ValueError, match="rotatoin"):
        server.set(rotatoin=False)


def test_policy_and_knobs_are_turned_while_it_runs(server):
    tokens = server.mint()

    server.set(rotation=False, access_token_lifetime=60)

    answer = refresh(server, tokens.refresh_token).json()
    assert answer["expires_in"] == 60
    assert "refresh_token" not in answer


def test_pages_cut_the_opener_off_when_told_to(server):
    assert "Cross-Origin-Opener-Policy" not in requests.get(authorization_url(server), timeout=5).headers

    server.set(coop=True)

    answer = requests.get(authorization_url(server), timeout=5)
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_latency_is_kept_apart_for_tokens_and_pages(server):
    server.set(token_latency=0.2)
    tokens = server.mint()

    assert refresh(server, tokens.refresh_token).elapsed >= timedelta(seconds=0.2)
    assert get(server, "/api/contacts", tokens.access_token).elapsed < timedelta(seconds=0.2)


def test_the_clock_can_be_wrong(server):
    token = server.mint().access_token
    server.set(clock_offset=600)

    answer = get(server, "/api/contacts", token)

    assert answer.status_code == 401
    assert parsedate_to_datetime(answer.headers["Date"]) > datetime.now(UTC) + timedelta(minutes=9)


def test_the_token_endpoint_fails_as_often_as_told(server):
    tokens = server.mint()
    server.fail_token(status=503, body="<h1>Down</h1>", content_type="text/html", times=2)

    answers = [refresh(server, tokens.refresh_token) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert (answers[0].text, answers[0].headers["Content-Type"]) == ("<h1>Down</h1>", "text/html")
    assert [request.status for request in server.token_requests] == [503, 503, 200]


def test_a_page_of_the_api_fails_with_retry_after(server):
    server.fail("/api/open/contacts", page=2, status=429, headers={"Retry-After": "1"})

    statuses = [get(server, f"/api/open/contacts?page={page}") for page in (1, 2, 2)]

    assert [answer.status_code for answer in statuses] == [200, 429, 200]
    assert statuses[1].headers["Retry-After"] == "1"
    assert server.page_fetches("/api/open/contacts") == {1: 1, 2: 2}


def test_a_fault_without_end_ends_when_cleared(server):
    server.fail("/api/open/contacts", status=500, times=None)
    assert [get(server, "/api/open/contacts").status_code for _ in range(3)] == [500] * 3

    server.clear_faults()

    assert get(server, "/api/open/contacts").status_code == 200


def test_a_connection_dropped_before_changes_nothing(server):
    tokens = server.mint()
    server.drop("/oauth/token")

    with pytest.raises(requests.ConnectionError):
        refresh(server, tokens.refresh_token)

    assert server.refreshes == 0
    assert server.token_requests[0].status == 0
    assert refresh(server, tokens.refresh_token).status_code == 200


def test_a_connection_dropped_after_loses_the_rotated_token(server):
    tokens = server.mint()
    server.drop("/oauth/token", after_effect=True)

    with pytest.raises(requests.ConnectionError):
        refresh(server, tokens.refresh_token)

    assert server.refreshes == 1
    assert refresh(server, tokens.refresh_token).json()["error"] == "invalid_grant"


def test_a_held_page_waits_until_it_is_let_go(server):
    server.hold("/api/open/contacts", page=3)
    with ThreadPoolExecutor(1) as pool:
        assert get(server, "/api/open/contacts?page=2").status_code == 200
        held = pool.submit(get, server, "/api/open/contacts?page=3")

        assert server.wait_until_held()
        assert server.page_fetches("/api/open/contacts")[3] == 1
        assert not held.done()
        server.release()

        assert held.result(5).status_code == 200
    assert not server.wait_until_held(timeout=0)


def test_token_answers_can_be_spelled_otherwise(server):
    server.set(token_answer_with={"expires_in": "300", "id": 7}, token_answer_without=["token_type"])
    server.set(token_answer_content_type="text/plain")
    answer = refresh(server, server.mint().refresh_token)
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.json()["expires_in"] == "300"
    assert "token_type" not in answer.json()

    server.set(token_answer_is_form=True, token_answer_content_type="")
    answer = refresh(server, server.mint().refresh_token)
    assert answer.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(answer.text)["id"] == ["7"]


def test_clients_and_redirect_uris_can_be_added(server):
    server.register_client("second", "s3cret", ["http://127.0.0.1:1/cb"])
    server.register_redirect_uri("http://localhost:8123/oauth/callback")

    for parameters in (
        {"client_id": "second", "redirect_uri": "http://127.0.0.1:1/cb"},
        {"redirect_uri": "http://localhost:8123/oauth/callback"},
        {"redirect_uri": server.redirect_uri},
    ):
        assert "code=" in server.consent(authorization_url(server, **parameters))


def test_a_server_starts_with_a_policy_of_its_own():
    with DemoServer(policy=Policy(pkce_required=True)) as server:
        assert "error=invalid_request" in server.consent(authorization_url(server))


def test_the_log_holds_what_came_and_hides_it_from_sight(server):
    refresh(server, server.mint().refresh_token, headers={"X-Trace": "T"})

    request = server.token_requests[0]

    assert request.form["grant_type"] == "refresh_token"
    assert request.headers["x-trace"] == "T"
    assert request.form["refresh_token"] not in repr(request)
    server.forget_requests()
    assert server.requests == []


def test_the_product_may_reach_the_server_by_another_name():
    with DemoServer(public_url="http://demo.example:9400/", product_url="http://product.example/") as server:
        metadata = requests.get(
            f"http://{server.host}:{server.port}/.well-known/openid-configuration", timeout=5
        ).json()

        assert metadata["token_endpoint"] == "http://demo.example:9400/oauth/token"
        assert server.redirect_uri == "http://product.example/oauth/callback"


# Remembering


def test_grants_outlive_the_process_that_made_them(tmp_path):
    state = tmp_path / "demo" / "state.json"
    with DemoServer(state=state) as yesterday:
        first = yesterday.mint()
        second = refresh(yesterday, first.refresh_token).json()

    with DemoServer(state=state, order_interval=timedelta(minutes=1)) as today:
        assert get(today, "/api/contacts", second["access_token"]).status_code == 200
        assert refresh(today, second["refresh_token"]).status_code == 200
        assert refresh(today, first.refresh_token).json()["error"] == "invalid_grant"
    assert state.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in state.parent.iterdir()] == ["state.json"]


def test_orders_keep_their_moment_over_a_restart(tmp_path):
    state = tmp_path / "state.json"
    with DemoServer(state=state) as server:
        server.mint()
    document = json.loads(state.read_text()) | {"opened_at": "2026-01-05T12:00:00+00:00"}
    state.write_text(json.dumps(document))

    with DemoServer(state=state) as server:
        order = get(server, "/api/orders?after=3119", server.mint().access_token).json()["data"][0]

    assert order["created_at"] == "2026-01-05T12:00:00Z"


STATE = {
    "format": 1,
    "opened_at": "2026-01-05T12:00:00+00:00",
    "grants": {"grants": {}, "access_tokens": {}, "refresh_tokens": {}},
}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}"]
    + [json.dumps(STATE | wrong) for wrong in ({"format": 2}, {"opened_at": "x"}, {"grants": {}})],
)
def test_a_state_file_that_is_none_of_ours_is_not_overwritten(tmp_path, text):
    state = tmp_path / "state.json"
    state.write_text(text)

    with pytest.raises(UnreadableState, match="delete it"):
        DemoServer(state=state)

    assert state.read_text() == text


def test_stopping_hangs_up_on_whoever_is_held():
    server = DemoServer()
    server.start()
    server.hold("/api/open/contacts")
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(get, server, "/api/open/contacts")
        assert server.wait_until_held()

        server.stop()

        assert isinstance(held.exception(5), requests.ConnectionError)
