"""What the address of an endpoint must be, and the sentences for what it is not."""

import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from connections import outbound

# `javascript:` and `data:` begin with a scheme, `localhost:9400` and `api.example:8443/x` with a host.
_SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]*:(?![0-9])")


def refuse_half_address(url: str) -> None:
    """Raise a ValidationError for an address that was typed as one reads it out, without https://."""
    if not _SCHEME.match(url):
        raise ValidationError(f"This is not a whole address. Did you mean https://{url.lstrip('/')}?")


def clean_endpoint(url: str) -> str:
    """The address of an endpoint, or a ValidationError with what is wrong and what to do.

    https, because secrets travel there; http only for what the host of the product has let in by name.
    """
    refuse_half_address(url)
    try:
        outbound.check_url_for_secrets(url)
    except outbound.OutboundError as refusal:
        raise ValidationError(str(refusal), code=refusal.code) from None
    if "#" in url:
        raise ValidationError("An endpoint has no part after #. Remove it.")
    return url


def clean_issuer(issuer: str) -> str:
    """An issuer as servers write it: https, no query (RFC 8414 §2). Not changed: it is compared exactly."""
    clean_endpoint(issuer)
    if "?" in issuer:
        raise ValidationError("An issuer has no part after a question mark. Remove it.")
    return issuer


def origin(url: str) -> tuple[str, str]:
    """Scheme and host with port: to another one of these no secret goes unasked."""
    parts = urlsplit(url.lower())
    return parts.scheme, parts.netloc
