"""From the bytes of an answer to a document that records can be taken from. PURE.

`read` looks at the shape of the body first and at the media type second, because many APIs name a wrong one.

documents  what comes out: Document, Kind, UnreadableAnswer
detection  which kind it is
texts      from bytes to text: byte order marks, charsets, guesses
json       JSON, exactly
ndjson     a JSON document on each line
csv        CSV and its dialects
xml        XML without DTD, as dictionaries
feeds      RSS and Atom, an item as one flat record
binary     what is no text, by its first bytes
"""

from .binary import kind_of_binary, picture_type
from .detection import read, text_of
from .documents import MAX_COLUMNS, MAX_DEPTH, Document, Kind, UnreadableAnswer
from .json import parse_json
from .texts import Text, decoded

__all__ = [
    "MAX_COLUMNS",
    "MAX_DEPTH",
    "Document",
    "Kind",
    "Text",
    "UnreadableAnswer",
    "decoded",
    "kind_of_binary",
    "parse_json",
    "picture_type",
    "read",
    "text_of",
]
