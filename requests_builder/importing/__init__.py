"""Requests that were written for something else, read into drafts for the builder. PURE.

What is read is never run, fetched or looked up: no file, no address, no command.

drafts        what comes of it: a draft, with what to say about it
curl          a cURL command line; flags: its options; shells, windows: how a line is parted into words
headers       which headers can be taken along
bodies        which kind of body a text is
credentials   what of it is a secret, and goes to Authorization
placeholders  what only stands for a value
"""

from .credentials import is_secret_header, is_secret_parameter
from .curl import looks_like_curl, parse_curl
from .drafts import Body, BodyKind, Imported, Refused, RequestDraft

__all__ = [
    "Body",
    "BodyKind",
    "Imported",
    "Refused",
    "RequestDraft",
    "is_secret_header",
    "is_secret_parameter",
    "looks_like_curl",
    "parse_curl",
]
