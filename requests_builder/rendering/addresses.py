"""URLs and their queries, byte for byte as somebody typed them."""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote_plus

# What stays as it is: RFC 3986's reserved characters, and "%", which begins what is encoded already.
URL_SAFE = ":/?#[]@!$&'()*+,;=%~|"


def parameters_of(url: str) -> list[tuple[str, str]]:
    """The query as decoded pairs, in order, with repeats and empty values, without empty pieces (`&&`)."""
    return [_decoded(piece) for piece in _pieces(url)]


def url_with_parameters(url: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The URL with these pairs as its query.

    A pair that was there keeps the very bytes it was written with, so that
    `url_with_parameters(url, parameters_of(url)) == url` for every string.
    """
    wanted = list(pairs)
    pieces = _pieces(url)
    if wanted == [_decoded(piece) for piece in pieces]:
        return url
    written: dict[tuple[str, str], list[str]] = {}
    for piece in reversed(pieces):
        written.setdefault(_decoded(piece), []).append(piece)
    query = "&".join(
        written[pair].pop() if written.get(pair) else "=".join(map(_encoded, pair)) for pair in wanted
    )
    front, hash_mark, fragment = url.partition("#")
    return front.partition("?")[0] + ("?" + query if query else "") + hash_mark + fragment


def ascii_url(url: str) -> str:
    """The URL as it goes over the wire: no fragment, spaces and non-ASCII characters percent-encoded.

    The host stays as typed; the door to the outside is what turns it into an address.
    """
    front = url.partition("#")[0]
    scheme, separator, rest = front.partition("://")
    cut = re.search(r"[/?]", rest)
    at = cut.start() if cut else len(rest)
    path = rest[at:] if rest[at:].startswith("/") else "/" + rest[at:]
    return f"{scheme}{separator}{rest[:at]}{quote(path, safe=URL_SAFE)}"


def _pieces(url: str) -> list[str]:
    query = url.partition("#")[0].partition("?")[2]
    return [piece for piece in query.split("&") if piece]


def _decoded(piece: str) -> tuple[str, str]:
    name, _, value = piece.partition("=")
    return unquote_plus(name), unquote_plus(value)


def _encoded(text: str) -> str:
    # %20 rather than "+": every server reads the one, not every server the other.
    return quote(text, safe="~", errors="replace")
