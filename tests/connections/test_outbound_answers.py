"""Answers that are long, slow, packed, broken off or malformed: each has a defined end."""

import gzip
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from connections.outbound import Budget, Door, Interrupted, OutboundError, Unusable
from tests.connections.raw_server import (
    Peer,
    RawServer,
    answering,
    answering_once,
    gzip_bomb,
    ok,
    redirect,
)

HASTY = Budget(total_seconds=0.5)
TEXT = b'{"rows": [1, 2, 3]}' * 5_000


def packed(*members: bytes) -> bytes:
    return ok(b"".join(gzip.compress(member) for member in members), "Content-Encoding: gzip")


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    lines = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + lines + b"0\r\n" + trailer + b"\r\n"


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines]).encode() + b"\r\n\r\n"


WHOLE = {
    "plain": (ok(TEXT), TEXT),
    "empty": (ok(b""), b""),
    "until the connection closes": (head("X: y") + TEXT, TEXT),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + TEXT, TEXT),
    "chunked": (chunked(TEXT[:10], TEXT[10:70_000], TEXT[70_000:]), TEXT),
    "many small chunks": (chunked(*(bytes([byte]) for byte in TEXT[:3_000])), TEXT[:3_000]),
    "chunked with extension and trailer": (
        head("Transfer-Encoding: Chunked") + b"2;name=value\r\nok\r\n000\r\nX-Trailer: 1\r\nY: 2\r\n\r\n",
        b"ok",
    ),
    "gzip": (packed(TEXT), TEXT),
    "x-gzip": (ok(gzip.compress(TEXT), "Content-Encoding: X-GZIP"), TEXT),
    "gzip in chunks": (
        chunked(gzip.compress(TEXT)[:50], gzip.compress(TEXT)[50:]).replace(
            b"chunked\r\n", b"chunked\r\nContent-Encoding: gzip\r\n"
        ),
        TEXT,
    ),
    "gzip of several members": (packed(TEXT, b"", b"more"), TEXT + b"more"),
    "gzip padded with zeros": (ok(gzip.compress(TEXT) + b"\0" * 20_000, "Content-Encoding: gzip"), TEXT),
    "identity": (ok(TEXT, "Content-Encoding: identity"), TEXT),
    "gzip that is empty": (ok(b"", "Content-Encoding: gzip"), b""),
    "reason left out": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", b"ok"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "not modified, with the length of what it was": (b"HTTP/1.1 304 NM\r\nContent-Length: 9\r\n\r\n", b""),
    "after interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 5 + ok(),
        b"ok",
    ),
    "status outside the registry": (b"HTTP/1.1 999 No\r\nContent-Length: 2\r\n\r\nok", b"ok"),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_body_arrives_whole_however_it_is_framed_and_packed(case: str) -> None:
    answer, body = WHOLE[case]
    with RawServer(answering_once(answer)) as server, Door(server.allow) as door:
        assert door.send("GET", server.url).body == body


def test_headers_of_one_name_are_kept_apart_and_in_order() -> None:
    answer = ok(
        b"", "Set-Cookie: a=1", "X-Name: M\u00fcller", "Set-Cookie: b=2", "X-Empty:", "X-Space: \t x \t"
    )
    with RawServer(answering_once(answer)) as server, Door(server.allow) as door:
        received = door.send("GET", server.url)
    assert [value for name, value in received.headers if name == "Set-Cookie"] == ["a=1", "b=2"]
    assert (received.header("x-name"), received.header("X-Empty"), received.header("X-Space")) == (
        "M\u00fcller",
        "",
        "x",
    )


BROKEN = {
    # B02, B03, B06
    "deflate": (ok(zlib.compress(TEXT), "Content-Encoding: deflate"), "decode_error"),
    "brotli": (ok(b"\x8b", "Content-Encoding: br"), "decode_error"),
    "zstd": (ok(b"\x28", "Content-Encoding: zstd"), "decode_error"),
    "gzip twice": (ok(gzip.compress(gzip.compress(TEXT)), "Content-Encoding: gzip, gzip"), "decode_error"),
    "gzip twice in two headers": (
        ok(b"x", "Content-Encoding: gzip", "Content-Encoding: gzip"),
        "decode_error",
    ),
    "gzip ten times": (ok(b"x", "Content-Encoding: " + ", ".join(["gzip"] * 10)), "decode_error"),
    "no gzip at all": (ok(b"<html>", "Content-Encoding: gzip"), "decode_error"),
    "gzip with a flipped byte": (
        ok(gzip.compress(TEXT)[:-6] + b"\0\0" + gzip.compress(TEXT)[-4:], "Content-Encoding: gzip"),
        "decode_error",
    ),
    "gzip with something behind": (
        ok(gzip.compress(TEXT) + b"<html>", "Content-Encoding: gzip"),
        "decode_error",
    ),
    "gzip padded with more than zeros": (
        ok(gzip.compress(TEXT) + b"\0" * 9_000 + b"<html>", "Content-Encoding: gzip"),
        "decode_error",
    ),
    # cut short
    "gzip cut": (ok(gzip.compress(TEXT)[:-20], "Content-Encoding: gzip"), "truncated"),
    "gzip cut in its checksum": (ok(gzip.compress(TEXT)[:-1], "Content-Encoding: gzip"), "truncated"),
    "gzip cut until the connection closes": (
        head("Content-Encoding: gzip") + gzip.compress(TEXT)[:90],
        "truncated",
    ),
    "gzip cut in its second member": (
        ok(gzip.compress(TEXT) + gzip.compress(TEXT)[:30], "Content-Encoding: gzip"),
        "truncated",
    ),
    "shorter than its length": (head("Content-Length: 100") + b"x" * 50, "truncated"),
    "chunk cut": (head("Transfer-Encoding: chunked") + b"64\r\nxxx", "truncated"),
    "last chunk missing": (head("Transfer-Encoding: chunked") + b"2\r\nok\r\n", "truncated"),
    "trailer cut": (head("Transfer-Encoding: chunked") + b"2\r\nok\r\n0\r\nX-Tr", "truncated"),
    "head cut": (b"HTTP/1.1 200 OK\r\nContent-Le", "truncated"),
    # B30: what can be read in two ways
    "two lengths": (head("Content-Length: 2", "Content-Length: 3") + b"ok!", "transport_error"),
    "two equal lengths": (head("Content-Length: 2", "Content-Length: 2") + b"ok", "transport_error"),
    "two lengths in one line": (head("Content-Length: 2, 2") + b"ok", "transport_error"),
    "negative length": (head("Content-Length: -1") + b"ok", "transport_error"),
    "length with a sign": (head("Content-Length: +2") + b"ok", "transport_error"),
    "empty length": (head("Content-Length:") + b"ok", "transport_error"),
    "length and chunked": (
        head("Content-Length: 2", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        "transport_error",
    ),
    "transfer coding gzip": (head("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", "transport_error"),
    "chunked twice": (
        head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        "transport_error",
    ),
    "chunked in HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "transport_error",
    ),
    "bad chunk size": (head("Transfer-Encoding: chunked") + b"zz\r\nok\r\n0\r\n\r\n", "transport_error"),
    "chunk size with prefix": (
        head("Transfer-Encoding: chunked") + b"0x2\r\nok\r\n0\r\n\r\n",
        "transport_error",
    ),
    "negative chunk size": (head("Transfer-Encoding: chunked") + b"-2\r\nok\r\n0\r\n\r\n", "transport_error"),
    "endless chunk line": (head("Transfer-Encoding: chunked") + b"2;" + b"x" * 5_000, "transport_error"),
    "chunk a byte longer than its size": (
        head("Transfer-Encoding: chunked") + b"2\r\noka\r\n0\r\n\r\n",
        "transport_error",
    ),
    "chunk longer than its size": (
        head("Transfer-Encoding: chunked") + b"2\r\nokay\r\n0\r\n\r\n",
        "transport_error",
    ),
    "HTTP/0.9": (b"<html>hello</html>\r\n", "transport_error"),
    "HTTP/2": (b"HTTP/2 200\r\n\r\n", "transport_error"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", "transport_error"),
    "status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", "transport_error"),
    "status 000": (b"HTTP/1.1 000 No\r\n\r\n", "transport_error"),
    "status of words": (b"HTTP/1.1 OK\r\n\r\n", "transport_error"),
    "folded header": (head("X: 1", " folded", "Content-Length: 0"), "transport_error"),
    "space before the colon": (head("Content-Length : 2") + b"ok", "transport_error"),
    "header without colon": (head("nonsense") + b"ok", "transport_error"),
    "carriage return in a value": (head("X: a\rb", "Content-Length: 0"), "transport_error"),
    "NUL in a value": (head("X: a\0b", "Content-Length: 0"), "transport_error"),
    "switching protocols": (b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n", "transport_error"),
    # B31, B32
    "1xx flood": (b"HTTP/1.1 100 Continue\r\n\r\n" * 11 + ok(), "transport_error"),
    "headers of a megabyte": (head(*(f"X-{number}: {'x' * 10_000}" for number in range(100))), "too_large"),
    "one header of a megabyte": (head(f"X: {'x' * 2**20}"), "too_large"),
    "ten thousand headers": (head(*(f"X-{number}:" for number in range(10_000))), "too_large"),
    "201 headers": (head(*(f"X-{number}:" for number in range(201))), "too_large"),
    "endless trailer": (head("Transfer-Encoding: chunked") + b"0\r\n" + b"X: y\r\n" * 9_000, "too_large"),
    # longer than the budget
    "says that it is too long": (head("Content-Length: 1000000000") + b"x", "too_large"),
    "is too long": (head("X: y") + b"x" * 300_000, "too_large"),
    "is too long in chunks": (chunked(*[b"x" * 1_000] * 300), "too_large"),
    "is too long unpacked": (packed(b"x" * 300_000), "too_large"),
    "is too long in many members": (packed(*[b"x" * 1_000] * 300), "too_large"),
}
SMALL = Budget(max_body_bytes=200_000)


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.requirement("R60")
def test_a_broken_answer_has_a_defined_end_and_spoils_its_connection(case: str) -> None:
    answer, code = BROKEN[case]
    is_first = True

    def script(peer: Peer) -> None:
        nonlocal is_first
        if is_first:
            is_first = False
            answering_once(answer)(peer)
        else:
            answering(ok())(peer)

    with RawServer(script) as server, Door(server.allow) as door:
        with pytest.raises(OutboundError) as failure:
            door.send("GET", server.url, budget=SMALL)
        assert failure.value.code == code
        assert failure.value.is_transient is (code in {"truncated", "transport_error"})
        assert str(failure.value).endswith(".")
        assert door.send("GET", server.url).body == b"ok"
        assert server.connections == 2


def test_a_refused_answer_frees_its_connection_at_once() -> None:
    has_gone = threading.Event()

    def script(peer: Peer) -> None:
        try:
            peer.request()
            peer.send(ok(b"x" * 370_000))
            peer.request()
        finally:
            has_gone.set()

    with RawServer(script) as server, Door(server.allow) as door:
        with pytest.raises(Unusable) as failure:
            door.send("GET", server.url, budget=SMALL)
        assert has_gone.wait(30)
    assert failure.value.code == "too_large"


def test_exactly_as_much_as_the_budget_allows_is_taken() -> None:
    body = b"x" * 200_000
    for answer in (ok(body), chunked(body), packed(body), packed(body[:1], body[1:])):
        with RawServer(answering_once(answer)) as server, Door(server.allow) as door:
            assert door.send("GET", server.url, budget=SMALL).body == body


def test_the_head_has_a_limit_of_its_own() -> None:
    answer = head(*(f"X-{number}: {'x' * 8_000}" for number in range(9)))
    with RawServer(answering_once(answer)) as server, Door(server.allow) as door:
        with pytest.raises(Unusable, match="headers") as failure:
            door.send("GET", server.url)
        assert failure.value.code == "too_large"


def test_two_hundred_headers_are_taken() -> None:
    with (
        RawServer(answering_once(head(*(f"X-{number}:" for number in range(200))))) as server,
        Door(server.allow) as door,
    ):
        assert len(door.send("GET", server.url).headers) == 200


def test_received_bytes_have_a_limit_of_their_own() -> None:
    budget = Budget(max_body_bytes=10**6, max_wire_bytes=1_000)
    for answer in (chunked(*[b"x"] * 500), ok(b"x" * 2_000)):
        with RawServer(answering_once(answer)) as server, Door(server.allow) as door:
            with pytest.raises(Unusable) as failure:
                door.send("GET", server.url, budget=budget)
            assert failure.value.code == "too_large"


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A hundred megabytes of nothing as one gzip member of less than half a megabyte."""
    return gzip_bomb(100)


def peak_of(call: Callable[[], object]) -> int:
    """The most bytes that a call held at once."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("max_body_bytes", "peak"), [(10 * 2**20, 32 * 2**20), (100_000, 2**20)])
@pytest.mark.requirement("R60")
def test_a_bomb_is_stopped_with_little_memory(bomb: bytes, max_body_bytes: int, peak: int) -> None:
    def call() -> None:
        with pytest.raises(Unusable) as failure:
            door.send("GET", server.url, budget=Budget(max_body_bytes=max_body_bytes, max_wire_bytes=2**20))
        assert failure.value.code == "too_large"

    with RawServer(answering(ok(bomb, "Content-Encoding: gzip"))) as server, Door(server.allow) as door:
        assert peak_of(call) < peak


def test_the_body_of_a_redirect_is_neither_unpacked_nor_waited_for(bomb: bytes) -> None:
    def call() -> None:
        assert door.send("GET", server.url, follow_redirects=True, budget=HASTY).body == b"ok"

    def script(peer: Peer) -> None:
        if b"/next" in peer.request():
            peer.send(ok())
        else:
            peer.send(redirect("/next\r\nContent-Encoding: gzip", 302, bomb)[:100_000])
            peer.pause(60)

    with RawServer(script) as server, Door(server.allow) as door:
        assert peak_of(call) < 2 * 2**20
    assert server.connections == 2


def test_many_tiny_gzip_members_cost_little_time() -> None:
    body = gzip.compress(b"x") * 60_000
    with RawServer(answering_once(ok(body, "Content-Encoding: gzip"))) as server, Door(server.allow) as door:
        began = time.process_time()
        assert door.send("GET", server.url).body == b"x" * 60_000
        assert time.process_time() - began < 8


def drip(data: bytes, seconds: float = 0.1) -> Callable[[Peer], None]:
    """A script that sends the data byte by byte, for ever if need be."""

    def script(peer: Peer) -> None:
        peer.request()
        for byte in data:
            peer.send(bytes([byte]))
            peer.pause(seconds)

    return script


def pause_after(data: bytes) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(data)
        peer.pause(60)

    return script


SLOW = {
    "hangs": pause_after(b""),
    "status line drips": drip(b"HTTP/1.1 200 " + b"O" * 100),
    "headers drip": drip(b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 20),
    "interim answers drip": drip(b"HTTP/1.1 100 C\r\n\r\n" * 5),
    "stalls after its headers": pause_after(head("Content-Length: 100")),
    "stalls in its body": pause_after(head("Content-Length: 100") + b"x"),
    "says a gigabyte, sends little": pause_after(head("Content-Length: 9000000") + b"x" * 10**6),
    "body drips": lambda peer: (
        peer.request(),
        peer.send(head("Content-Length: 100")),
        drip(b"x" * 50)(peer),
    ),
    "chunk line drips": lambda peer: (
        peer.request(),
        peer.send(head("Transfer-Encoding: chunked")),
        drip(b"2;" + b"x" * 50)(peer),
    ),
    "trailer drips": lambda peer: (
        peer.request(),
        peer.send(head("Transfer-Encoding: chunked") + b"0\r\n"),
        drip(b"X: 1\r\n" * 20)(peer),
    ),
    "stalls in the body of a redirect": pause_after(redirect("/x", 302, b"x" * 100)[:-50]),
}


@pytest.mark.parametrize("case", SLOW)
@pytest.mark.requirement("R60")
def test_a_slow_answer_ends_with_the_total_deadline(case: str) -> None:
    def script(peer: Peer) -> None:
        SLOW[case](peer)

    with RawServer(script) as server, Door(server.allow) as door:
        began = time.monotonic()
        with pytest.raises(Interrupted, match=r"within 0\.5 seconds") as failure:
            door.send("GET", server.url, budget=HASTY, follow_redirects=True)
        assert failure.value.code == "deadline"
        assert failure.value.is_transient
        assert 0.4 < time.monotonic() - began < 30


def test_a_server_that_reads_slowly_ends_with_the_deadline_too() -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(ok())
        peer.pause(60)

    with RawServer(script) as server, Door(server.allow) as door:
        door.send("GET", server.url)
        began = time.monotonic()
        with pytest.raises(Interrupted) as failure:
            door.send("POST", server.url, body=b"x" * 50_000_000, budget=HASTY)
        assert failure.value.code == "deadline"
        assert time.monotonic() - began < 30


def test_the_deadline_counts_over_all_redirects() -> None:
    def script(peer: Peer) -> None:
        while peer.request():
            peer.pause(0.2)
            peer.send(redirect("/again"))

    with RawServer(script) as server, Door(server.allow) as door:
        began = time.monotonic()
        with pytest.raises(OutboundError) as failure:
            door.send("GET", server.url, budget=HASTY, follow_redirects=True)
        assert failure.value.code == "deadline"
        assert time.monotonic() - began < 30


def test_bytes_behind_an_answer_are_not_taken_for_the_next_one() -> None:
    forged = ok(b"forged")
    with RawServer(answering(ok() + forged, ok(b"true"))) as server, Door(server.allow) as door:
        assert door.send("GET", server.url).body == b"ok"
        assert door.send("GET", server.url).body != b"forged"
        assert server.connections == 2


def test_a_connection_is_kept_only_when_the_server_says_so() -> None:
    for answer, connections in (
        (ok(), 1),
        (ok(b"ok", "Connection: close"), 2),
        (ok(b"ok", "Connection: x, Close"), 2),
        (ok().replace(b"HTTP/1.1", b"HTTP/1.0"), 2),
        (ok(b"ok", "Connection: Keep-Alive").replace(b"HTTP/1.1", b"HTTP/1.0"), 1),
        (chunked(b"ok"), 1),
    ):
        with RawServer(answering(answer)) as server, Door(server.allow) as door:
            for _ in range(2):
                assert door.send("GET", server.url).body == b"ok"
            assert server.connections == connections, answer
