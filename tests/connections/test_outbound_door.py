"""Calls through the door: headers, redirects, kept connections, what an answer says."""

import logging
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from connections.outbound import (
    Allowance,
    Answer,
    Budget,
    Door,
    Hop,
    Interrupted,
    OutboundError,
    Refused,
    Timings,
    Unreachable,
    Unusable,
)
from connections.outbound.messages import USER_AGENT
from tests.connections.raw_server import Peer, RawServer, answering, answering_once, ok, redirect

SECRETS = [
    ("Authorization", "Bearer hunter2"),
    ("Proxy-Token", "hunter2"),
    ("Cookie", "session=hunter2"),
    ("X-API-Key", "hunter2"),
    ("X-Auth-Token", "hunter2"),
    ("Api-Key", "hunter2"),
    ("apikey", "hunter2"),
    ("Private-Token", "hunter2"),
    ("X-Shopify-Access-Token", "hunter2"),
    ("Ocp-Apim-Subscription-Key", "hunter2"),
    ("X-Amz-Security-Token", "hunter2"),
    ("Referer", "https://hunter2.example/"),
    ("Content-Type", "application/hunter2"),
    ("X-Anything", "hunter2"),
]
# `Proxy-` names are not for users to set at all.
CARRIERS = [pair for pair in SECRETS if not pair[0].startswith("Proxy-")]


def test_a_request_is_sent_as_given_and_its_answer_comes_back_whole(httpserver: HTTPServer) -> None:
    seen: list[Request] = []

    def respond(request: Request) -> Response:
        request.get_data()
        seen.append(request)
        response = Response('{"a": 1}', status=201, content_type="application/json; charset=utf-8")
        response.headers.add("Link", "<a>; rel=next")
        response.headers.add("Link", "<b>; rel=last")
        return response

    httpserver.expect_request("/contacts").respond_with_handler(respond)
    url = httpserver.url_for("/contacts")
    headers = [("Authorization", "Bearer x"), ("X-Tag", "1"), ("X-Tag", "2"), ("User-Agent", "mine")]
    with Door([Allowance.parse(f"{httpserver.host}:{httpserver.port}")]) as door:
        answer = door.send("post", f"{url}?q=%C3%BC#top", headers=headers, body=b"payload")

    [request] = seen
    assert (request.method, request.query_string, request.data) == ("POST", b"q=%C3%BC", b"payload")
    assert request.headers["Authorization"] == "Bearer x"
    assert request.headers["X-Tag"] in {"1,2", "1, 2"}
    assert request.headers["User-Agent"] == "mine"
    assert request.headers["Accept"] == "*/*"
    assert request.headers["Accept-Encoding"] == "gzip, identity"
    assert (answer.status, answer.reason, answer.body) == (201, "CREATED", b'{"a": 1}')
    assert answer.media_type == "application/json"
    assert answer.header("link") == "<a>; rel=next, <b>; rel=last"
    assert answer.header("X-None") is None
    assert answer.url == f"{url}?q=%C3%BC"
    assert answer.redirects == ()
    assert answer.wire_bytes > len(answer.body)
    assert 0 < answer.timings.connect < answer.timings.first_byte <= answer.timings.total < 5


def test_the_default_user_agent_carries_the_version_of_the_product() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    assert f"{project['name']}/{project['version']}" == USER_AGENT
    with RawServer(answering(ok())) as server, Door(server.allow) as door:
        door.send("GET", server.url)
    assert f"User-Agent: {USER_AGENT}\r\n".encode() in server.requests[0]


def test_the_wire_carries_the_path_that_was_checked() -> None:
    with RawServer(answering(ok())) as server, Door(server.allow) as door:
        for path in ("/a%0d%0aX:%201", "//b/../c;d?e[]=ü&f=%zz", "/%2e%2e/", "?only=query"):
            answer = door.send("GET", f"{server.url}{path}")
            sent = server.requests[-1].split(b" ")[1].decode()
            assert answer.url == f"{server.url}{sent}"
            assert door.check(answer.url) == answer.url
    assert server.requests[0].startswith(b"GET /a%0D%0AX:%201 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "name",
    [
        "Host", "host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade",
        "Expect", "TE", "Trailer", "Proxy-Authorization", "Proxy-Connection", "proxy-anything", "", ":",
        ":authority", "X Y", "X:", "X\r\nY", "X\n", "Ünicode", "X\0", "(x)",
    ],
)  # fmt: skip
def test_headers_that_are_not_for_users_to_set_are_refused(name: str) -> None:
    with (
        RawServer(answering(ok())) as server,
        Door(server.allow) as door,
        pytest.raises(Refused) as refusal,
    ):
        door.send("GET", server.url, headers=[(name, "1")])
    assert refusal.value.code == "invalid_header"
    assert server.connections == 0


@pytest.mark.parametrize(
    "value", ["a\r\nX: 1", "a\nb", "a\rb", "a\0b", "\x7f", "\u200btoken", "Müller", "\ud800"]
)
def test_header_values_that_would_break_the_message_are_refused_without_repeating_them(value: str) -> None:
    with (
        RawServer(answering(ok())) as server,
        Door(server.allow) as door,
        pytest.raises(Refused, match=r"U\+[0-9A-F]{4}") as refusal,
    ):
        door.send("GET", server.url, headers=[("X-Key", f"hunter2{value}")])
    assert refusal.value.code == "invalid_header"
    assert "hunter2" not in repr(refusal.value)
    assert server.connections == 0


@pytest.mark.parametrize(
    "method", ["CONNECT", "TRACE", "trace", "", "GET /x HTTP/1.1\r\n", "GE T", "GET\n", "GÉT"]
)
def test_methods_that_would_break_the_message_are_refused(method: str) -> None:
    with RawServer(answering(ok())) as server, Door(server.allow) as door, pytest.raises(Refused):
        door.send(method, server.url)
    assert server.connections == 0


@pytest.mark.parametrize("method", ["GET", "post", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT", "M-SEARCH"])
def test_any_other_method_is_sent(method: str) -> None:
    with RawServer(answering(ok())) as server, Door(server.allow) as door:
        door.send(method, server.url)
    assert server.requests[0].startswith(method.upper().encode() + b" / HTTP/1.1\r\n")


def test_a_value_keeps_its_inner_spaces_and_a_sentinel_of_the_library_means_nothing() -> None:
    headers = [
        ("X-Spaces", "  a  b\tc "),
        ("X-Empty", ""),
        ("X-Key", "@@@SKIP_HEADER@@@"),
        ("Accept-Encoding", "br"),
    ]
    with RawServer(answering(ok())) as server, Door(server.allow) as door:
        door.send("GET", server.url, headers=headers)
    assert b"\r\nX-Spaces: a  b\tc\r\n" in server.requests[0]
    assert b"\r\nX-Empty: \r\n" in server.requests[0]
    assert b"\r\nX-Key: @@@SKIP_HEADER@@@\r\n" in server.requests[0]
    assert server.requests[0].count(b"Accept-Encoding") == 1
    assert b"Accept-Encoding: gzip, identity\r\n" in server.requests[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.requirement("R60")
def test_a_redirect_is_an_answer_unless_it_is_to_be_followed(status: int) -> None:
    with RawServer(answering(redirect("/new", status, b"moved"))) as server, Door(server.allow) as door:
        answer = door.send("GET", server.url)
    assert (answer.status, answer.body, answer.header("Location")) == (status, b"moved", "/new")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_origin_keeps_headers_and_connection(status: int) -> None:
    with (
        RawServer(answering(redirect("b?c#d", status, b"x" * 100), ok())) as server,
        Door(server.allow) as door,
    ):
        answer = door.send("GET", f"{server.url}/a", headers=CARRIERS, follow_redirects=True)
    assert answer.status == 200
    assert answer.url == f"{server.url}/b?c"
    assert answer.redirects == (Hop(f"{server.url}/a", status),)
    assert server.connections == 1
    assert server.requests[1].count(b"hunter2") == len(CARRIERS)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.requirement("R51", "QC38")
def test_no_header_but_the_harmless_ones_follows_to_another_origin(status: int) -> None:
    headers = [*CARRIERS, ("Accept", "text/csv"), ("User-Agent", "mine")]
    with (
        RawServer(answering(ok())) as other,
        RawServer(answering(redirect(f"{other.url}/b", status))) as server,
        Door(server.allow + other.allow) as door,
    ):
        answer = door.send("GET", server.url, headers=headers, follow_redirects=True)
    assert answer.status == 200
    assert b"hunter2" not in other.requests[0]
    assert b"\r\nAccept: text/csv\r\n" in other.requests[0]
    assert b"\r\nUser-Agent: mine\r\n" in other.requests[0]


def test_credentials_do_not_come_back_with_the_way_back() -> None:
    home: list[str] = []

    def bounce(peer: Peer) -> None:
        while peer.request():
            peer.send(redirect(f"{home[0]}/back"))

    with RawServer(bounce) as other, RawServer(answering(redirect(f"{other.url}/away"), ok())) as server:
        home.append(server.url)
        with Door(server.allow + other.allow) as door:
            answer = door.send("GET", server.url, headers=CARRIERS, follow_redirects=True)
    assert [hop.url for hop in answer.redirects] == [f"{server.url}/", f"{other.url}/away"]
    assert b"hunter2" in server.requests[0]
    assert b"hunter2" not in other.requests[0]
    assert b"hunter2" not in server.requests[1]


@pytest.mark.parametrize(("method", "status"), [("POST", 307), ("POST", 308), ("PUT", 302), ("PATCH", 301)])
def test_a_body_is_never_sent_again_to_another_origin(method: str, status: int) -> None:
    with (
        RawServer(answering(ok())) as other,
        RawServer(answering(redirect(other.url, status))) as server,
        Door(server.allow + other.allow) as door,
        pytest.raises(Unusable, match=other.url) as failure,
    ):
        door.send(method, server.url, body=b"client_secret=hunter2", follow_redirects=True)
    assert failure.value.code == "cross_origin_redirect"
    assert other.connections == 0


@pytest.mark.parametrize(
    ("method", "status", "sent"),
    [
        ("POST", 301, b"GET"),
        ("POST", 302, b"GET"),
        ("POST", 303, b"GET"),
        ("PUT", 303, b"GET"),
        ("POST", 307, b"POST"),
        ("POST", 308, b"POST"),
        ("PUT", 302, b"PUT"),
        ("DELETE", 301, b"DELETE"),
    ],
)
def test_method_and_body_of_a_redirected_request(method: str, status: int, sent: bytes) -> None:
    headers = [("Content-Type", "text/plain"), ("X-Key", "k")]
    with RawServer(answering(redirect("/b", status), ok())) as server, Door(server.allow) as door:
        door.send(method, server.url, headers=headers, body=b"payload", follow_redirects=True)
    again = server.requests[1]
    assert again.startswith(sent + b" /b HTTP/1.1\r\n")
    assert again.endswith(b"payload") is (sent != b"GET")
    assert (b"Content-Type" in again) is (sent != b"GET")
    assert b"X-Key: k" in again


def test_a_head_request_stays_one() -> None:
    with (
        RawServer(answering(redirect("/b", 303), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")) as server,
        Door(server.allow) as door,
    ):
        answer = door.send("HEAD", server.url, follow_redirects=True)
    assert answer.body == b""
    assert server.requests[1].startswith(b"HEAD /b ")


@pytest.mark.parametrize(("max_redirects", "asked"), [(5, 6), (0, 1)])
def test_a_chain_of_redirects_ends(max_redirects: int, asked: int) -> None:
    with (
        RawServer(answering(redirect("/again"))) as server,
        Door(server.allow) as door,
        pytest.raises(Unusable) as failure,
    ):
        door.send("GET", server.url, follow_redirects=True, budget=Budget(max_redirects=max_redirects))
    assert failure.value.code == "too_many_redirects"
    assert len(server.requests) == asked


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{canary}/",
        "//127.0.0.1:{canary}/",
        "http://[::1]:{canary}/",
        "http://[::ffff:127.0.0.1]:{canary}/",
        "http://2130706433:{canary}/",
        "http://0x7f.1:{canary}/",
        "http://localhost:{canary}/",
        "http://127.0.0.1:{own}@127.0.0.1:{canary}/",
        "http://127.0.0.1:{own}\\@127.0.0.1:{canary}/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{canary}/",
        "http://127.0.0.1:{canary}",
        "/" + "x" * 60_000,
    ],
)
def test_a_redirect_leads_nowhere_that_a_call_may_not_go(location: str) -> None:
    with RawServer(answering(ok())) as canary, RawServer(lambda peer: None) as server:
        to = location.format(canary=canary.port, own=server.port)
        server.script = answering(redirect(to))
        with Door(server.allow) as door, pytest.raises(OutboundError) as failure:
            door.send("GET", server.url, follow_redirects=True)
    assert failure.value.code in {"egress_blocked", "invalid_url"}
    assert canary.connections == 0
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 302 Found\r\n",
        b"HTTP/1.1 300 Choices\r\nLocation: /x\r\n",
        b"HTTP/1.1 304 Not Modified\r\nLocation: /x\r\n",
        b'HTTP/1.1 200 OK\r\nRefresh: 0;url=/x\r\nLink: </x>; rel=canonical\r\nAlt-Svc: h2=":1"\r\n',
    ],
)
def test_nothing_else_leads_anywhere(head: bytes) -> None:
    with RawServer(answering(head + b"Content-Length: 0\r\n\r\n")) as server, Door(server.allow) as door:
        answer = door.send("GET", server.url, follow_redirects=True)
    assert answer.redirects == ()
    assert len(server.requests) == 1


def test_a_space_in_a_location_is_read_as_everybody_reads_it() -> None:
    with RawServer(answering(redirect("/a b"), ok())) as server, Door(server.allow) as door:
        assert door.send("GET", server.url, follow_redirects=True).url == f"{server.url}/a%20b"


def test_a_location_outside_ascii_is_followed() -> None:
    with RawServer(answering(redirect("/ü"), ok())) as server, Door(server.allow) as door:
        assert door.send("GET", server.url, follow_redirects=True).url == f"{server.url}/%C3%BC"


@pytest.mark.requirement("R60")
def test_a_cookie_is_never_sent_back() -> None:
    with RawServer(answering(ok(b"ok", "Set-Cookie: a=b; Path=/"))) as server, Door(server.allow) as door:
        assert door.send("GET", server.url).header("Set-Cookie") == "a=b; Path=/"
        door.send("GET", server.url)
    assert b"cookie" not in server.requests[1].lower()


def test_a_door_keeps_its_connections_and_shares_none_with_another() -> None:
    with RawServer(answering(ok())) as server:
        for _ in range(2):
            with Door(server.allow) as door:
                for _ in range(3):
                    answer = door.send("GET", server.url)
                assert answer.timings.connect == 0
    assert server.connections == 2
    assert len(server.requests) == 6


def test_a_closed_door_leaves_no_connection_open_even_to_who_still_holds_an_error() -> None:
    has_gone = threading.Event()

    def script(peer: Peer) -> None:
        if b"/broken" in peer.request():
            peer.send(b"nonsense\r\n")
        else:
            peer.send(ok())
            peer.request()
            has_gone.set()

    with RawServer(script) as server:
        with Door(server.allow) as door:
            with pytest.raises(Interrupted) as failure:
                door.send("GET", f"{server.url}/broken")
            door.send("GET", server.url)
        assert has_gone.wait(30)
    assert failure.value.__traceback__ is not None


def test_a_kept_connection_that_the_server_closed_is_replaced_for_safe_methods_only() -> None:
    is_first = True

    def vanish(peer: Peer) -> None:
        """Answers once, then reads the next request and hangs up without a word, on the first connection."""
        nonlocal is_first
        stays, is_first = not is_first, False
        peer.request()
        peer.send(ok())
        while peer.request() and stays:
            peer.send(ok())

    with RawServer(vanish) as server:
        with Door(server.allow) as door:
            door.send("GET", server.url)
            assert door.send("GET", server.url).status == 200
        assert server.connections == 2

        is_first = True
        with Door(server.allow) as door:
            door.send("GET", server.url)
            with pytest.raises(Interrupted) as failure:
                door.send("POST", server.url, body=b"order")
        assert failure.value.code == "transport_error"
        assert sum(request.startswith(b"POST") for request in server.requests) == 1


def test_a_server_that_hangs_up_on_a_new_connection_is_not_asked_again() -> None:
    with (
        RawServer(answering_once(b"")) as server,
        Door(server.allow) as door,
        pytest.raises(Interrupted) as failure,
    ):
        door.send("GET", server.url)
    assert failure.value.code == "transport_error"
    assert failure.value.is_transient
    assert server.connections == 1


def test_an_answer_that_comes_before_the_request_is_read_is_taken() -> None:
    def impatient(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nless")
        peer.sock.shutdown(1)
        while peer.sock.recv(65_536):
            pass

    with RawServer(impatient) as server, Door(server.allow) as door:
        answer = door.send("POST", server.url, body=b"x" * 2**20)
    assert (answer.status, answer.body) == (413, b"less")


def test_threads_of_one_run_may_share_a_door() -> None:
    def echo(peer: Peer) -> None:
        while request := peer.request():
            peer.send(ok(request.split(b" ")[1]))

    with RawServer(echo) as server, Door(server.allow) as door, ThreadPoolExecutor(8) as pool:
        barrier = threading.Barrier(8)

        def ask(number: int) -> bytes:
            barrier.wait(30)
            return b"".join(door.send("GET", f"{server.url}/{number}").body for _ in range(5))

        assert list(pool.map(ask, range(8))) == [f"/{number}".encode() * 5 for number in range(8)]
    assert server.connections <= 8


@pytest.mark.requirement("R61")
def test_a_door_that_closes_ends_what_other_threads_have_under_way() -> None:
    has_come, has_gone = threading.Event(), threading.Event()

    def silent(peer: Peer) -> None:
        peer.request()
        has_come.set()
        peer.request()
        has_gone.set()

    with RawServer(silent) as server, ThreadPoolExecutor(1) as pool:
        with Door(server.allow) as door:
            call = pool.submit(door.send, "GET", server.url)
            assert has_come.wait(30)
        with pytest.raises(Interrupted):
            call.result(30)
        assert has_gone.wait(30)
        with pytest.raises(Unreachable):
            door.send("GET", server.url)
    assert server.connections == 1


def test_no_secret_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url_secret = "/?api_key=hunter2"
    with RawServer(answering(ok(b"hunter2", "X-Token: hunter2"))) as server, Door(server.allow) as door:
        answer = door.send("POST", server.url + url_secret, headers=CARRIERS, body=b"hunter2")
        with (
            RawServer(answering_once(b"nonsense hunter2\r\n\r\n")) as other,
            Door(other.allow) as other_door,
            pytest.raises(Interrupted) as failure,
        ):
            other_door.send("POST", other.url + url_secret, headers=CARRIERS, body=b"hunter2")
    assert "hunter2" not in repr(answer)
    assert "hunter2" not in repr(failure.value)
    assert "hunter2" not in caplog.text


def answer_with(body: bytes, content_type: str) -> Answer:
    headers = (("Content-Type", content_type),)
    return Answer(200, "OK", headers, body, "https://example.com/", (), Timings(0, 0, 0, 0, 0), 0)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("für".encode(), "text/plain", "für"),
        ("für".encode(), "text/plain; charset=utf-8", "für"),
        ("für".encode("latin-1"), "text/plain; charset=ISO-8859-1", "für"),
        ("für".encode("latin-1"), "text/plain", "f\ufffdr"),
        ("für".encode("utf-16"), "text/plain", "für"),
        ("für".encode("utf-16-be"), 'text/plain; charset="utf-16be"', "für"),
        ("für".encode("utf-32"), "text/plain", "für"),
        ("für".encode("utf-8-sig"), "text/plain; charset=latin-1", "für"),
        ("für".encode(), "text/plain; charset=unheard-of", "für"),
        (b"abc", "text/plain; charset=punycode", "abc"),
        (rb"\u0041", "text/plain; charset=unicode_escape", r"\u0041"),
        (b"789c", "text/plain; charset=hex", "789c"),
        (b"", "", ""),
    ],
)
def test_text_is_read_by_mark_then_charset_then_utf8(body: bytes, content_type: str, text: str) -> None:
    assert answer_with(body, content_type).text() == text


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        ("Application/JSON; charset=utf-8", "application/json"),
        ("text/csv", "text/csv"),
        ("", ""),
        (" ; x", ""),
    ],
)
def test_the_media_type_is_without_parameters(content_type: str, media_type: str) -> None:
    assert answer_with(b"", content_type).media_type == media_type


def test_a_watch_is_told_how_much_has_come() -> None:
    told: list[int] = []

    def watch(received: int) -> bool:
        told.append(received)
        return True

    with RawServer(answering_once(ok(b"x" * 200_000))) as server, Door(server.allow) as door:
        answer = door.send("GET", server.url, watch=watch)

    assert told == sorted(told)
    assert told[-1] == answer.wire_bytes > 200_000


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning"])
def test_a_watch_ends_a_call_whose_server_says_nothing_more(first: bytes) -> None:
    def stalling(peer: Peer) -> None:
        peer.request()
        peer.send(first)
        peer.pause(20)

    glances: list[int] = []

    def watch(received: int) -> bool:
        glances.append(received)
        return len(glances) < 3

    with (
        RawServer(stalling) as server,
        Door(server.allow) as door,
        pytest.raises(Unusable) as failure,
    ):
        door.send("GET", server.url, watch=watch)

    assert failure.value.code == "cancelled"
    assert not failure.value.is_transient


def test_a_watched_call_still_ends_at_its_deadline() -> None:
    with (
        RawServer(lambda peer: peer.pause(20)) as server,
        Door(server.allow) as door,
        pytest.raises(Interrupted) as failure,
    ):
        door.send("GET", server.url, budget=Budget(total_seconds=0.7), watch=lambda _: True)

    assert failure.value.code == "deadline"
