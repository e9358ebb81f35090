"""The body of an answer as values, by its shape and whatever its Content-Type says."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from urllib.parse import parse_qsl

_LONGEST_FORM = 64 * 1024
# Beyond this nobody counts with a number; it stays the text that it was. Python refuses 4,301 digits.
_MOST_DIGITS = 300
_FORM = re.compile(r"[\w.%+-]+=")


def parsed(text: str) -> object:
    """JSON, else a form; None when it is neither. Of a name that comes twice the last counts."""
    text = text.lstrip("\ufeff").strip()
    try:
        return json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError):
        pass
    if _FORM.match(text) and len(text) <= _LONGEST_FORM:
        return dict(parse_qsl(text))
    return None


def claims_of(token: object) -> Mapping[str, object]:
    """The claims of a JSON Web Token, unverified (RFC 7519 §3); nothing if it only looks like one."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), parse_int=_whole)
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def text_of(value: object) -> str:
    """A member that should be text; what is not counts as missing."""
    return value if isinstance(value, str) else ""


def spelled(value: object) -> str:
    """A text, number or truth value in the digits and letters it came in; empty for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits
