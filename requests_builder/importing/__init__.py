"""Requests that were written for something else, read into drafts for the builder. PURE.

What is read is never run, fetched or looked up: no file, no address, no command.

drafts        what comes of it: a draft, with what to say about it
curl          a cURL command line; flags, options: its options; shells, windows: how it is parted into words
files         a file of requests, read into contents; postman, har, openapi: its kinds
documents     JSON and YAML, within bounds; untrusted: what is in them, in the shape in which it is needed
addresses     where a request goes, completed
headers       which headers can be taken along
bodies        which kind of body a text is
credentials   what of it is a secret, and goes to Authorization
placeholders  what only stands for a value; names: variables of other programs
"""

from .contents import Contents, Entry
from .credentials import is_secret_header, is_secret_parameter
from .curl import looks_like_curl, parse_curl
from .documents import MAX_BYTES, text_of, too_large
from .drafts import Body, BodyKind, Imported, Pair, Refused, RequestDraft
from .files import parse_any, parse_file

__all__ = [
    "MAX_BYTES",
    "Body",
    "BodyKind",
    "Contents",
    "Entry",
    "Imported",
    "Pair",
    "Refused",
    "RequestDraft",
    "is_secret_header",
    "is_secret_parameter",
    "looks_like_curl",
    "parse_any",
    "parse_curl",
    "parse_file",
    "text_of",
    "too_large",
]
