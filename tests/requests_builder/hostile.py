"""Answers that no API should give, byte for byte, by the rows of the list that they come from."""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.connections.raw_server import Peer, answering, answering_once, gzip_bomb

Script = Callable[[Peer], None]

LIMIT = 1_000_000  # bytes that a page may have in these tests


@dataclass(frozen=True)
class Hostile:
    """What an API answers, and what comes of it: a code, or rows."""

    row: str
    name: str
    script: Script = field(repr=False)
    code: str = ""
    rows: list[dict[str, Any]] | None = None
    # Words of the sentence.
    says: str = ""
    # It may heal: a run tries again later.
    heals: bool = False
    timeout: int = 30

    def __str__(self) -> str:
        return f"{self.row} {self.name}"


def http(body: bytes, media_type: str = "application/json", *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media_type}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(
    body: bytes | str, media_type: str = "application/json", *headers: str, status: str = "200 OK"
) -> Script:
    raw = body.encode() if isinstance(body, str) else body
    return answering(http(raw, media_type, *headers, status=status))


def raw(*lines: str, body: bytes = b"[]") -> Script:
    """A head of these very lines, and then the connection is closed."""
    return answering_once("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def then_silence(begin: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(begin)
        peer.pause(20)

    return script


def dripping(begin: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(begin)
        for _ in range(200):
            peer.send(b" ")
            peer.pause(0.1)

    return script


def endless(begin: bytes, chunk: bytes) -> Script:
    """Chunks without end: who reads has to stop."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.send(b"%x\r\n%s\r\n" % (len(begin), begin))
        for _ in range(10_000):
            peer.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    return script


def deep(levels: int, begin: str, end: str, inner: str = "1") -> str:
    return begin * levels + inner + end * levels


def flooding(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
    peer.send(http(b"[]"))


def gzipped(body: bytes, *codings: str) -> Script:
    return says(body, "application/json", f"Content-Encoding: {', '.join(codings) or 'gzip'}")


def bombing(megabytes: int) -> Script:
    """A bomb, made only when somebody asks for it: to collect the tests costs nothing."""

    def script(peer: Peer) -> None:
        gzipped(gzip_bomb(megabytes))(peer)

    return script


GOOD_GZIP = gzip.compress(b'[{"id": 2}]')
LAUGHS = (
    '<!DOCTYPE a [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><a>&j;</a>"
)
LONG = "k" * 65_536
NEAR = "n" * 63

HOSTILE = [
    Hostile("B01", "gzip bomb", bombing(64), "too_large"),
    Hostile("B02", "deflate", gzipped(zlib.compress(b"[]"), "deflate"), "decode_error"),
    Hostile("B02", "br", gzipped(b"\x0b\x01\x80[]\x03", "br"), "decode_error"),
    Hostile("B02", "zstd", gzipped(b"\x28\xb5\x2f\xfd", "zstd"), "decode_error"),
    Hostile("B03", "two codings", gzipped(gzip.compress(GOOD_GZIP), "gzip", "gzip"), "decode_error"),
    Hostile("B03", "ten codings", gzipped(GOOD_GZIP, *["gzip"] * 10), "decode_error"),
    Hostile("B06", "no gzip", gzipped(b"[] is no gzip"), "decode_error"),
    Hostile("B06", "half a gzip", gzipped(GOOD_GZIP[:-6]), "truncated", heals=True),
    Hostile("B07", "without end", endless(b"[", b'{"id": 1},' * 1_000), "too_large"),
    Hostile("B08", "says it is 1 GB", raw("HTTP/1.1 200 OK", "Content-Length: 1073741824"), "too_large"),
    Hostile("B08", "breaks off", raw("HTTP/1.1 200 OK", "Content-Length: 1000"), "truncated", heals=True),
    Hostile("B09", "one endless text", endless(b'["', b"x" * 50_000), "too_large"),
    Hostile("B10", "deep lists", says(deep(100_000, "[", "]")), "too_deep"),
    Hostile("B10", "deep objects", says(deep(60_000, '{"a":', "}")), "too_deep"),
    Hostile("B10", "a thousand levels", says(deep(1_000, "[", "]")), "too_deep"),
    Hostile("B10", "deep XML", says(deep(50_000, "<a>", "</a>"), "application/xml"), "too_deep"),
    Hostile("B11", "wide", says(json.dumps([{f"c{n}": n for n in range(5_000)}])), "too_many_columns"),
    Hostile(
        "B11", "late columns", says(json.dumps([{f"c{n}": n} for n in range(5_000)])), "too_many_columns"
    ),
    Hostile("B12", "NaN", says('[{"a": NaN}]'), "parse_error", says="NaN"),
    Hostile("B12", "Infinity", says('[{"a": -Infinity}]'), "parse_error", says="Infinity"),
    Hostile("B12", "overflow", says('[{"a": 1e999}]'), "parse_error", says="1e999"),
    Hostile("B13", "5,000 digits", says(f'[{{"a": {"9" * 5_000}}}]'), "parse_error", says="1,000 digits"),
    Hostile(
        "B13",
        "beyond a double",
        says(f'[{{"a": {2**53 + 1}, "b": {2**64}}}]'),
        rows=[{"a": 2**53 + 1, "b": 2**64}],
    ),
    Hostile("B14", "a key twice", says('[{"a": 1, "a": 2}]'), rows=[{"a": 2}]),
    Hostile("B16", "no UTF-8", says(b'[{"a": "\xff\xfe"}]'), "parse_error", says="UTF-8"),
    Hostile(
        "B16",
        "Latin-1",
        says('[{"a": "é"}]'.encode("latin-1"), "application/json; charset=latin1"),
        rows=[{"a": "é"}],
    ),
    Hostile("B16", "UTF-16", says('[{"a": "é"}]'.encode("utf-16")), rows=[{"a": "é"}]),
    Hostile("B16", "byte order mark", says(b'\xef\xbb\xbf[{"a": 1}]'), rows=[{"a": 1}]),
    Hostile(
        "B16", "unknown charset", says('[{"a": "é"}]', "application/json; charset=klingon"), rows=[{"a": "é"}]
    ),
    Hostile("B16", "NUL and half a pair", says(r'[{"a": "x\u0000\ud800"}]'), rows=[{"a": "x\ufffd\ufffd"}]),
    Hostile("B17", "null", says("null"), rows=[]),
    Hostile("B17", "true", says("true"), rows=[{"value": True}]),
    Hostile("B17", "a text", says('"x"'), rows=[{"value": "x"}]),
    Hostile("B17", "nothing", says(""), "empty_answer"),
    Hostile("B17", "204", raw("HTTP/1.1 204 No Content", body=b""), rows=[]),
    Hostile("B17", "304", raw("HTTP/1.1 304 Not Modified", body=b""), "redirected"),
    Hostile("B18", "no records", says("[]"), rows=[]),
    Hostile("B18", "an empty object", says("{}"), rows=[{}]),
    Hostile("B19", "lists", says("[[1, 2], [3]]"), rows=[{"1": 1, "2": 2}, {"1": 3}]),
    Hostile("B19", "scalars", says('[1, "x", null]'), rows=[{"value": 1}, {"value": "x"}, {"value": None}]),
    Hostile(
        "B20",
        "mixed",
        says('[{"a": 1}, {"a": "x"}, 7, [8]]'),
        rows=[{"a": 1}, {"a": "x"}, {"value": 7}, {"1": 8}],
    ),
    Hostile("B22", "an empty key", says('[{"": 1}]'), rows=[{"": 1}]),
    Hostile("B22", "a long key", says(json.dumps([{LONG: 1}])), rows=[{LONG: 1}]),
    Hostile(
        "B22",
        "keys alike for 63 bytes",
        says(json.dumps([{NEAR + "a": 1, NEAR + "b": 2}])),
        rows=[{NEAR + "a": 1, NEAR + "b": 2}],
    ),
    Hostile(
        "B23",
        "names of ours",
        says('[{"__proto__": 1, "pk": 2, "team_id": 3, "_state": 4, "objects": 5}]'),
        rows=[{"__proto__": 1, "pk": 2, "team_id": 3, "_state": 4, "objects": 5}],
    ),
    Hostile("B24", "more after the end", says('{"a": 1} x'), "parse_error", says="character 9"),
    Hostile("B24", "two documents", says('{"a": 1}{"a": 2}'), "parse_error", says="character 8"),
    Hostile("B24", "JSONP", says('call([{"a": 1}])'), "parse_error", says="character 0"),
    Hostile(
        "B25",
        "HTML",
        says("<!doctype html><form>Sign in</form>"),
        "parse_error",
        says="HTML, perhaps a login page",
    ),
    Hostile(
        "B26",
        "a foreign entity",
        says('<!DOCTYPE a [<!ENTITY x SYSTEM "{canary}">]><a>&x;</a>', "application/xml"),
        "parse_error",
        says="DTD",
    ),
    Hostile("B26", "a billion laughs", says(LAUGHS, "application/xml"), "parse_error", says="DTD"),
    Hostile("B26", "XML", says("<a><b>1</b></a>", "application/xml"), rows=[{"a": {"b": "1"}}]),
    Hostile(
        "B27",
        "lines",
        says('{"a": 1}\r\n\r\n{"a": 2}\r\n', "application/x-ndjson"),
        rows=[{"a": 1}, {"a": 2}],
    ),
    Hostile("B27", "half a line", says('{"a": 1}\n{"a": ', "application/x-ndjson"), "truncated"),
    Hostile(
        "B28",
        "odd CSV",
        says('\ufeffa,a,\r\n"x\r\ny",2,3,4\r\n\0,,\r\n', "text/csv"),
        rows=[
            {"a": "x\r\ny", "a_2": "2", "column_3": "3", "column_4": "4"},
            {"a": "\ufffd", "a_2": None, "column_3": None, "column_4": None},
        ],
    ),
    Hostile(
        "B28",
        "CSV of very many columns",
        says(",".join(map(str, range(100_000))) + "\n1\n", "text/csv"),
        "too_many_columns",
    ),
    Hostile("B29", "a silent server", then_silence(b""), "deadline", heals=True, timeout=1),
    Hostile(
        "B29",
        "a silent body",
        then_silence(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n["),
        "deadline",
        heals=True,
        timeout=1,
    ),
    Hostile("B29", "a dripping head", dripping(b"HTTP/1.1 200 OK\r\nX: "), "deadline", heals=True, timeout=1),
    Hostile(
        "B29",
        "a dripping body",
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"),
        "deadline",
        heals=True,
        timeout=1,
    ),
    Hostile(
        "B30",
        "two lengths",
        raw("HTTP/1.1 200 OK", "Content-Length: 2", "Content-Length: 3"),
        "transport_error",
        heals=True,
    ),
    Hostile(
        "B30",
        "a length below zero",
        raw("HTTP/1.1 200 OK", "Content-Length: -1"),
        "transport_error",
        heals=True,
    ),
    Hostile(
        "B30",
        "length and chunks",
        raw("HTTP/1.1 200 OK", "Content-Length: 2", "Transfer-Encoding: chunked"),
        "transport_error",
        heals=True,
    ),
    Hostile(
        "B30",
        "a bad chunk",
        raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body=b"zz\r\n[]\r\n0\r\n\r\n"),
        "transport_error",
        heals=True,
    ),
    Hostile("B30", "HTTP/0.9", answering_once(b"[]\r\n"), "transport_error", heals=True),
    Hostile("B30", "no status line", raw("HTTP/1.1 OK"), "transport_error", heals=True),
    Hostile("B30", "a folded header", raw("HTTP/1.1 200 OK", "A: b", " c: d"), "transport_error", heals=True),
    Hostile("B31", "a huge header", raw("HTTP/1.1 200 OK", f"A: {'a' * 1_048_576}"), "too_large"),
    Hostile(
        "B31", "10,000 headers", raw("HTTP/1.1 200 OK", *[f"A{n}: b" for n in range(10_000)]), "too_large"
    ),
    Hostile("B32", "a hundred interim answers", flooding, "transport_error", heals=True),
    Hostile("B33", "999", says("[]", status="999 What"), "unexpected_status"),
    Hostile("B33", "600", says("[]", status="600 What"), "unexpected_status"),
    Hostile("B33", "099", says("[]", status="099 What"), "transport_error", heals=True),
    Hostile("B33", "206", says("[]", status="206 Partial Content"), "partial_answer"),
    Hostile(
        "B34",
        "a picture",
        says(b"\x89PNG\r\n\x1a\n" + bytes(500_000), "image/png"),
        "unsupported_content",
        says="500,008 bytes",
    ),
    Hostile(
        "B34",
        "a PDF",
        says(b"%PDF-1.7\n" + bytes(range(256)) * 900, "application/pdf"),
        "unsupported_content",
        says="PDF",
    ),
    Hostile("B34", "noise", says(bytes(range(256)) * 900, "application/octet-stream"), "unsupported_content"),
]
