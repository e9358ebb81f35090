"""What may be shown of what was sent and of what came back: everything but secrets. PURE."""

import base64
import binascii
import html
import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from requests_builder.rendering import URL_SAFE, RenderedRequest

MASK = "•••"
SHORTEST_CONCEALED = 6
PRINTED_BODY_CHARACTERS = 20_000

_BEGIN = 1_000


@dataclass(frozen=True, slots=True)
class PrintedRequest:
    """A request as a page may show it: secrets masked, the body decoded and cut."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str

    def __str__(self) -> str:
        lines = [f"{self.method} {self.url}", *(f"{name}: {value}" for name, value in self.headers)]
        return "\n".join([*lines, "", self.body] if self.body else lines)


def masked(request: RenderedRequest, secrets: Iterable[str]) -> PrintedRequest:
    """The request with each secret as •••, in whatever form it is about to be sent.

    Knows the raw, URL-encoded, JSON- and XML-escaped and base64 forms, a secret inside Basic credentials,
    and hides every Authorization value whole. Masks before it cuts: half a secret would match nothing and be
    shown.
    """
    known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
    headers = tuple((name, _masked_header(name, value, known)) for name, value in request.headers)
    text = (request.body or b"").decode("utf-8", "replace")
    body = _masked_text(text, known)
    if len(body) > PRINTED_BODY_CHARACTERS:
        body = body[:PRINTED_BODY_CHARACTERS] + f"… ({len(body):,} characters in all)"
    return PrintedRequest(request.method, _masked_url(request.url, known), headers, body)


def forms_of(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """How these secrets may stand in an answer, for `is_echoed`: one that holds another is found with it."""
    forms = {form.encode("utf-8", "replace") for secret in _long(secrets) for form in _forms(secret)}
    return tuple(form for form in forms if not any(other in form for other in forms if other is not form))


def is_echoed(body: bytes, forms: Collection[bytes]) -> bool:
    """Whether an answer repeats a secret that was sent, in one of its forms, or may do so.

    In JSON it does in any form that `masked` knows. Any other answer may, because XML, CSV and UTF-16 write a
    text in too many ways to search for each; so may JSON that escapes characters of ASCII.
    """
    if not forms:
        return False
    begin = body[:_BEGIN].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not begin.startswith((b"{", b"[")) or b"\0" in begin:
        return True
    # Most bodies have no escape at all, and a single byte is found ten times faster than four.
    if b"\\" in body and b"\\u00" in body:
        return True
    return any(form in body for form in forms)


def concealed(value: Any, secrets: Iterable[str]) -> Any:
    """A value from an answer with each secret in it as •••, however deep it lies."""
    if isinstance(value, str):
        return _masked_text(value, _long(secrets))
    if isinstance(value, dict):
        return {concealed(key, secrets): concealed(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(concealed(inner, secrets) for inner in value)
    return value


def concealed_bytes(body: bytes, secrets: Iterable[str]) -> bytes:
    """A body that is no text with each secret in it as •••, as far as it stands there uncompressed."""
    for form in {form for secret in _long(secrets) for form in _forms(secret)}:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            body = body.replace(form.encode(encoding, "replace"), MASK.encode())
    return body


def _long(secrets: Iterable[str]) -> list[str]:
    # A secret of a few characters stands by chance in many an answer, which masks would make unreadable.
    return [secret for secret in secrets if len(secret) >= SHORTEST_CONCEALED]


def _forms(secret: str) -> list[str]:
    """How a secret may stand in a request, the longest first."""
    raw = secret.encode("utf-8", "replace")
    quoted = [quote(raw, safe=""), quote(raw), quote_plus(raw), quote(raw, safe=URL_SAFE)]
    lowered = [re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in quoted]
    escaped = [json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]]
    encoded = [base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()]
    unpadded = [form.rstrip("=") for form in encoded]
    marked_up = [html.escape(secret, quote=False), html.escape(secret)]
    marked_up.append(marked_up[1].replace("&#x27;", "&apos;"))
    forms = {secret, *marked_up, *quoted, *lowered, *escaped, *encoded, *unpadded}
    return sorted(forms, key=len, reverse=True)


def _masked_text(text: str, secrets: Sequence[str]) -> str:
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    if not forms:
        return text
    # One pass over all forms: a second pass could find a short secret inside the masks of the first.
    return re.sub("|".join(re.escape(form) for form in forms), MASK, text)


def _masked_url(url: str, secrets: Sequence[str]) -> str:
    # Whole first, then piece by piece: a secret may contain the very characters that part a URL.
    front, question_mark, query = _masked_text(url, secrets).partition("?")
    path = "/".join(_masked_piece(piece, secrets) for piece in front.split("/"))
    pairs = (piece.partition("=") for piece in query.split("&"))
    shown = "&".join(
        _masked_piece(name, secrets) + equals + _masked_piece(value, secrets) for name, equals, value in pairs
    )
    return path + question_mark + shown


def _masked_piece(piece: str, secrets: Sequence[str]) -> str:
    # A person may have encoded some characters of a secret and not others; decoded, they are all the same.
    shown = _masked_text(piece, secrets)
    decoded = (unquote(shown), unquote_plus(shown))
    return MASK if any(secret in text for secret in secrets for text in decoded) else shown


def _masked_header(name: str, value: str, secrets: Sequence[str]) -> str:
    if name.lower() in ("authorization", "proxy-authorization"):
        scheme, space, _ = value.partition(" ")
        return f"{scheme} {MASK}" if space and scheme.isalpha() else MASK
    shown = _masked_text(value, secrets)
    return re.sub(r"[A-Za-z0-9+/_-]{4,}={0,2}", lambda match: _masked_base64(match[0], secrets), shown)


def _masked_base64(word: str, secrets: Sequence[str]) -> str:
    plain = word.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        decoded = base64.b64decode(plain + "=" * (-len(plain) % 4)).decode("utf-8", "replace")
    except binascii.Error:
        return word
    return MASK if any(secret in decoded for secret in secrets) else word
