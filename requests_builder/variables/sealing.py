"""Secrets stay out of a request until it leaves: a number stands for each, which any kind of body can carry.

Whatever is done with the request meanwhile (it is checked, shown, paged, kept in a checkpoint) is done
without them. The numbers follow from the variable, so that a run that goes on elsewhere has the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from urllib.parse import quote, quote_plus

from requests_builder.rendering import RenderedRequest

from .known import Secret
from .places import authority

_DIGITS = 30
# A shorter text stands by chance in many an address.
_SHORTEST_SEALED_AGAIN = 6


@dataclass(frozen=True, slots=True)
class Seal:
    """A number, and what goes over the wire in its place; None where that is not known."""

    number: str
    text: str | None = field(repr=False)


def seal_for(secret: Secret, place: str, text: str | None) -> Seal:
    """The seal of a secret for a place, which writes it as `text`."""
    digest = sha256(f"{secret.key} {place}".encode()).hexdigest()
    # The first digit is none that a JSON number cannot begin with.
    return Seal("7" + str(int(digest, 16))[: _DIGITS - 1], text)


def revealed(request: RenderedRequest, seals: Iterable[Seal]) -> RenderedRequest:
    """The request as it leaves, with the secrets in their places. No host is changed by one."""
    for seal in seals:
        if seal.text is None:
            continue
        start = len(authority(request.url))
        url = request.url[:start] + request.url[start:].replace(seal.number, seal.text)
        headers = tuple((name, value.replace(seal.number, seal.text)) for name, value in request.headers)
        body = request.body and request.body.replace(seal.number.encode(), seal.text.encode())
        request = replace(request, url=url, headers=headers, body=body)
    return request


def sealed(request: RenderedRequest, seals: Iterable[Seal], secrets: Iterable[Secret]) -> RenderedRequest:
    """The request with the secrets taken out of its URL again: next links often repeat them."""
    start = len(authority(request.url))
    front, rest = request.url[:start], request.url[start:]
    for seal in seals:
        if seal.text and len(seal.text) >= _SHORTEST_SEALED_AGAIN:
            rest = rest.replace(seal.text, seal.number)
    for secret in secrets:
        if secret.text and len(secret.text) >= _SHORTEST_SEALED_AGAIN:
            number = seal_for(secret, "query", None).number
            for form in (quote(secret.text, safe=""), quote(secret.text), quote_plus(secret.text)):
                rest = rest.replace(form, number)
    return replace(request, url=front + rest)
