"""What can go over the wire, whoever wrote it."""

import re

MAX_HEADER_LENGTH = 8_000
# RFC 9110 §5.6.2: what a method and a field name are made of.
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Those that the sender writes itself, or that belong to one hop only (RFC 9110 §7.6.1).
OWN_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
    }
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)
# What is sent where nothing was typed.
DEFAULT_HEADERS = {"accept": "application/json", "content-type": "application/json"}


def is_control(character: str) -> bool:
    """Whether it could end a line or a header: C0 and DEL."""
    return character < " " or character == "\x7f"


def is_encodable(text: str) -> bool:
    """Whether it can be UTF-8; half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
