"""The request as the door sends it, and the answer as it gives it back. PURE."""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .errors import Code, Refused

USER_AGENT = "api-connector/0.1.0"
ACCEPT_ENCODING = "gzip, identity"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_VALUE = re.compile(r"[^\t\x20-\x7e]")
# What frames or routes the message is ours: from a user it could end one request and begin another.
_OURS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_ACROSS_ORIGINS = frozenset({"accept", "user-agent"})
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Text encodings to Python, but no charsets: escapes, or decoders with quadratic cost.
_NO_CHARSETS = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf_7"})
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request without its address: what is sent to the first origin, and how a redirect changes it."""

    method: str
    headers: Headers = field(repr=False)
    body: bytes | None = field(default=None, repr=False)

    @classmethod
    def checked(cls, method: str, headers: Sequence[tuple[str, str]], body: bytes | None) -> "Outgoing":
        """Refused, with a sentence, unless every part can stand in a message as it is (RFC 9110 §5, §9).

        Accept-Encoding is left out silently: the door decodes, so it decides what it can decode.
        """
        method = method.upper()
        if not _TOKEN.fullmatch(method) or method in {"CONNECT", "TRACE"}:
            raise _invalid("This method cannot be sent. Use GET, POST, PUT, PATCH, DELETE or another word.")
        checked = tuple((name, _value(name, value)) for name, value in headers)
        return cls(method, tuple(pair for pair in checked if pair[0].lower() != "accept-encoding"), body)

    def on_the_wire(self) -> list[tuple[str, str]]:
        """Every header but Host, defaults filled in."""
        given = {name.lower() for name, _ in self.headers}
        lines = [("Accept-Encoding", ACCEPT_ENCODING)]
        if "user-agent" not in given:
            lines.append(("User-Agent", USER_AGENT))
        if "accept" not in given:
            lines.append(("Accept", "*/*"))
        if self.body is not None:
            lines.append(("Content-Length", str(len(self.body))))
        lines.extend(self.headers)
        return lines

    def redirected(self, status: int) -> "Outgoing":
        """What a redirect asks for (RFC 9110 §15.4): GET after 303, and after 301 or 302 of a POST."""
        becomes_get = {301: self.method == "POST", 302: self.method == "POST", 303: self.method != "HEAD"}
        if self.method != "GET" and becomes_get.get(status):
            kept = tuple(pair for pair in self.headers if not pair[0].lower().startswith("content-"))
            return Outgoing("GET", kept)
        return self

    def for_another_origin(self) -> "Outgoing":
        """Without the headers that may carry a credential, which is all that are not known to carry none."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() in _ACROSS_ORIGINS)
        return Outgoing(self.method, kept, self.body)


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time went, in seconds, all hops of a redirect together."""

    resolve: float  # none for a kept connection
    connect: float  # TCP; none for a kept connection
    tls: float  # none for a kept connection, and for http
    first_byte: float  # from the call until the first byte of the final answer
    total: float

    @property
    def waiting(self) -> float:
        """From the open connection to the first byte: sending, the server's work, and earlier hops."""
        return max(self.first_byte - self.resolve - self.connect - self.tls, 0)

    @property
    def download(self) -> float:
        """From the first byte of the final answer to its last."""
        return max(self.total - self.first_byte, 0)


@dataclass(frozen=True, slots=True)
class Hop:
    """A redirect that was followed: what was asked, and the status that led on."""

    url: str = field(repr=False)
    status: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status; the body decoded from gzip and whole."""

    status: int
    reason: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(repr=False)
    redirects: tuple[Hop, ...] = field(repr=False)  # what was asked before `url`
    timings: Timings
    wire_bytes: int  # received, headers and framing included, before decompression

    def header(self, name: str) -> str | None:
        """The value of a header, several of one name joined by commas (RFC 9110 §5.3)."""
        name = name.lower()
        values = [value for key, value in self.headers if key.lower() == name]
        return ", ".join(values) if values else None

    @property
    def media_type(self) -> str:
        """Type and subtype in lower case without parameters; empty if the answer names none."""
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower()

    def text(self) -> str:
        """The body as text: by its byte order mark, else its charset, else UTF-8; bad bytes become U+FFFD."""
        for mark, encoding in _BOMS:
            if self.body.startswith(mark):
                return self.body.decode(encoding, errors="replace")
        named = _CHARSET.search(self.header("Content-Type") or "")
        if named:
            try:
                if codecs.lookup(named[1]).name.replace("-", "_") not in _NO_CHARSETS:
                    return self.body.decode(named[1], errors="replace")
            except LookupError:
                pass
        return self.body.decode(errors="replace")


def _value(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise _invalid(f"{_shown(name)} cannot be the name of a header: use letters, digits and hyphens.")
    if name.lower() in _OURS or name.lower().startswith("proxy-"):
        raise _invalid(
            f"The header {_shown(name)} is set by the connection itself. Remove it from the request."
        )
    value = value.strip(" \t")
    if bad := _NOT_IN_VALUE.search(value):
        raise _invalid(
            f"The value of the header {_shown(name)} contains the character U+{ord(bad[0]):04X}, "
            "which no header can carry. Remove it; it may have come along with a copied text."
        )
    return value


def _shown(name: str) -> str:
    return f"“{name[:60]}”" if name.isprintable() else "This text"


def _invalid(sentence: str) -> Refused:
    return Refused(Code.INVALID_HEADER, sentence)
