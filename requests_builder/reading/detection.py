"""Which kind of answer it is: by its shape first, by its media type second."""

import email.message
import re
from typing import NoReturn

from . import feeds
from .binary import is_wide_text, kind_of_binary, unsupported
from .csv import MEDIA_TYPES as CSV_TYPES
from .csv import VAGUE_MEDIA_TYPES, looks_like_csv, parse_csv
from .documents import Document, Kind, UnreadableAnswer
from .json import parsed
from .ndjson import MEDIA_TYPES as NDJSON_TYPES
from .ndjson import looks_like_lines, parse_lines
from .texts import Text, decoded
from .xml import declared_encoding, parse_xml

_BLANKS = b"\xef\xbb\xbf \t\r\n"
_BEGIN = 1_000
_PROLOGUE = r"(<\?xml[^>]*\?>\s*)?(<!--.*?-->\s*)*"
_HTML = re.compile(_PROLOGUE + r"<(!doctype\s+html|html|head|body)[\s>]", re.DOTALL)


def read(body: bytes, content_type: str = "") -> Document:
    """The document in the body of an answer; `content_type` is the header as it came.

    Raises UnreadableAnswer, whose `kind` tells what was found, for everything that no records can be taken
    from.
    """
    if not body.strip(_BLANKS):
        raise UnreadableAnswer("empty_answer", "The answer is empty.", Kind.EMPTY)
    media_type, charset = _parts(content_type)
    begin = body[:_BEGIN].lstrip(_BLANKS)
    if what := kind_of_binary(body, media_type):
        raise unsupported(what, len(body))
    if is_wide_text(body):
        begin = decoded(body[:_BEGIN]).text.lstrip().encode("utf-8", "replace")
    if begin.startswith(b"<"):
        return _markup(body, begin, media_type, charset)
    is_container = begin.startswith((b"{", b"["))
    if media_type in CSV_TYPES and not is_container:
        return parse_csv(decoded(body, charset), media_type)
    if begin.startswith(b"\x1e") or (is_container and media_type in NDJSON_TYPES):
        return _lines(body, charset)
    return _json_or_text(body, begin, media_type, charset)


def text_of(body: bytes, content_type: str = "") -> Text:
    """The body as text for people, whatever it is: by its bytes, and by the charset that it names."""
    _, charset = _parts(content_type)
    return decoded(body, charset or declared_encoding(body))


def _parts(content_type: str) -> tuple[str, str]:
    """Media type and charset of a Content-Type header, both in lower case; empty where it has none."""
    header = email.message.Message()
    header["Content-Type"] = content_type.replace("\r", " ").replace("\n", " ") or "none"
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type, str(header.get_content_charset("") or "")


def _markup(body: bytes, begin: bytes, media_type: str, charset: str) -> Document:
    shown = begin.decode("utf-8", "replace").lower()
    if _HTML.match(shown):
        _refuse_html()
    try:
        tree, source, namespaces = parse_xml(body, charset)
    except UnreadableAnswer as error:
        if error.code == "parse_error" and media_type == "text/html":
            _refuse_html()
        raise
    warnings = (source.warning,) if source.warning and not declared_encoding(body) else ()
    found = feeds.items_of(tree, namespaces)
    kind, value = found or (Kind.XML, tree)
    return Document(kind, value, source.encoding, warnings=warnings)


def _refuse_html() -> NoReturn:
    raise UnreadableAnswer(
        "parse_error",
        "The answer is HTML, perhaps a login page. Look at the URL and at Authorization; "
        "the address of an API usually differs from that of its website.",
        Kind.HTML,
    )


def _lines(body: bytes, charset: str) -> Document:
    documents = parse_lines(body, charset)
    if len(documents) == 1 and isinstance(documents[0], list):
        return Document(Kind.JSON, documents[0])
    return Document(Kind.NDJSON, documents)


def _json_or_text(body: bytes, begin: bytes, media_type: str, charset: str) -> Document:
    try:
        value, encoding = parsed(body, charset)
    except UnreadableAnswer as error:
        if error.code != "parse_error":
            raise
        refusal = error
    else:
        return Document(Kind.JSON, value, encoding)
    if begin.startswith((b"{", b"[")) and looks_like_lines(body):
        return _lines(body, charset)
    if media_type in CSV_TYPES or media_type in VAGUE_MEDIA_TYPES:
        source = decoded(body, charset)
        if media_type in CSV_TYPES or looks_like_csv(source.text):
            return parse_csv(source, media_type)
    is_json = "json" in media_type or begin[:1] in (b"{", b"[")
    raise UnreadableAnswer(refusal.code, refusal.sentence, Kind.JSON if is_json else Kind.TEXT)
