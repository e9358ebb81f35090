"""The body, as it goes over the wire, with its media type."""

import json
import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import NamedTuple, Never
from urllib.parse import urlencode
from xml.parsers import expat

from .messages import BodyKind, BodyPart, RequestTemplate
from .problems import Problem
from .wire import DEFAULT_HEADERS, TOKEN, is_control, is_encodable

MAX_BODY_BYTES = 10_000_000
MAX_BODY_PARTS = 1_000
RAW_MEDIA_TYPE = "text/plain; charset=utf-8"
_MEDIA_TYPE = re.compile(rf"{TOKEN.pattern}/{TOKEN.pattern}(?:\s*;[\x20-\x7e]*)?")


class Body(NamedTuple):
    content: bytes
    media_type: str


class _Unsendable(Exception):
    """`str()` is a sentence for whoever typed it; `field` is where."""

    def __init__(self, sentence: str, field: str = "body") -> None:
        super().__init__(sentence)
        self.field = field


def encoded(template: RequestTemplate, problems: list[Problem]) -> Body | None:
    """The body of a request; None if it has none, or one that cannot be sent, which `problems` then tells."""
    if template.body_kind == BodyKind.NONE:
        return None
    try:
        body = _ENCODERS[template.body_kind](template)
        if len(body.content) > MAX_BODY_BYTES:
            raise _Unsendable(f"The body is larger than {MAX_BODY_BYTES:,} bytes.")
    except _Unsendable as unsendable:
        problems.append(Problem(unsendable.field, str(unsendable)))
        return None
    except UnicodeEncodeError:
        problems.append(Problem("body", "The body contains a character that cannot be encoded as UTF-8."))
        return None
    return body


def objection_to_json(text: str, what: str = "The body") -> str:
    """Why this is not JSON, with line and column, as a sentence about `what`; empty if it is."""
    try:
        json.loads(text, parse_constant=_refuse_constant, parse_int=str)
    except json.JSONDecodeError as error:
        message = error.msg[:1].lower() + error.msg[1:]
        return f"{what} is not JSON: {message} at line {error.lineno}, column {error.colno}."
    except RecursionError:
        return f"{what} is nested too deeply."
    except ValueError as error:
        return f"{what} is not JSON: {error}."
    return ""


def objection_to_xml(text: str) -> str:
    """Why this is not XML that can be sent, with line and column, as a sentence; empty if it is."""
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.XmlDeclHandler = _check_declaration
    try:
        parser.Parse(text.lstrip("\ufeff").encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        message = expat.ErrorString(error.code)
        return f"The body is not XML: {message} at line {error.lineno}, column {error.offset + 1}."
    except _Unsendable as unsendable:
        return str(unsendable)
    return ""


def _json(template: RequestTemplate) -> Body:
    _check_is_typed(template.body, "The JSON body is empty. Type JSON, or choose None.")
    content = template.body.encode()
    _check(objection_to_json(template.body))
    return Body(content, DEFAULT_HEADERS["content-type"])


def _xml(template: RequestTemplate) -> Body:
    _check_is_typed(template.body, "The XML body is empty. Type XML, or choose None.")
    content = template.body.strip().encode()
    _check(objection_to_xml(template.body.strip()))
    return Body(content, "application/xml; charset=utf-8")


def _graphql(template: RequestTemplate) -> Body:
    _check_is_typed(template.body, "The GraphQL query is empty. Type a query, or choose None.")
    document: dict[str, object] = {"query": template.body}
    if template.graphql_variables.strip():
        objection = objection_to_json(template.graphql_variables, "The text of the variables")
        _check(objection, "graphql_variables")
        # Read and written again, numbers could change: the text goes as it is.
        if not template.graphql_variables.strip().startswith("{"):
            raise _Unsendable(
                'The variables must be a JSON object, such as {"first": 10}.', "graphql_variables"
            )
        query = json.dumps(document, ensure_ascii=False)
        return Body(
            f'{query[:-1]}, "variables": {template.graphql_variables.strip()}}}'.encode(), "application/json"
        )
    return Body(json.dumps(document, ensure_ascii=False).encode(), "application/json")


def _raw(template: RequestTemplate) -> Body:
    _check_is_typed(template.body, "The raw body is empty. Type something, or choose None.")
    media_type = template.body_media_type.strip()
    if media_type and not _MEDIA_TYPE.fullmatch(media_type):
        sentence = "The media type should look like text/csv or application/vnd.api+json."
        raise _Unsendable(sentence, "body_media_type")
    return Body(template.body.encode(), media_type or RAW_MEDIA_TYPE)


def _form(template: RequestTemplate) -> Body:
    parts = _checked_parts(template.body_parts)
    if any(part.upload for part in parts):
        raise _Unsendable("A form cannot carry a file. Choose Multipart.", "body_pairs")
    return Body(
        urlencode([(part.name, part.value) for part in parts]).encode(), "application/x-www-form-urlencoded"
    )


def _multipart(template: RequestTemplate) -> Body:
    parts = [(_part_head(part), _part_content(part)) for part in _checked_parts(template.body_parts)]
    boundary = _boundary(parts)
    lines = b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, head, content) for head, content in parts)
    return Body(lines + b"--%s--\r\n" % boundary, f"multipart/form-data; boundary={boundary.decode()}")


_ENCODERS: dict[BodyKind, Callable[[RequestTemplate], Body]] = {
    BodyKind.JSON: _json,
    BodyKind.FORM: _form,
    BodyKind.MULTIPART: _multipart,
    BodyKind.XML: _xml,
    BodyKind.GRAPHQL: _graphql,
    BodyKind.RAW: _raw,
}


def _checked_parts(parts: Sequence[BodyPart]) -> Sequence[BodyPart]:
    if not parts:
        raise _Unsendable("The form has no rows. Add one, or choose None.", "body_pairs")
    if len(parts) > MAX_BODY_PARTS:
        raise _Unsendable(f"{len(parts):,} rows are too many: at most {MAX_BODY_PARTS:,}.", "body_pairs")
    for part in parts:
        if not part.name:
            raise _Unsendable("A row of the form has a value but no name.", "body_pairs")
        if not is_encodable(part.name + part.value):
            raise _Unsendable(
                f"“{part.name[:60]!a}” contains a character that cannot be encoded as UTF-8.", "body_pairs"
            )
    return parts


def _part_head(part: BodyPart) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(part.name)}"'
    if part.upload is None:
        return head.encode()
    media_type = part.upload.media_type
    if not _MEDIA_TYPE.fullmatch(media_type):
        media_type = "application/octet-stream"
    filename = _quoted(safe_filename(part.upload.filename))
    return f'{head}; filename="{filename}"\r\nContent-Type: {media_type}'.encode()


def _part_content(part: BodyPart) -> bytes:
    return part.upload.content if part.upload else part.value.encode()


def safe_filename(name: str) -> str:
    """The last part of a path, without characters that could end a line or lead elsewhere."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(character for character in last if not is_control(character) and is_encodable(character))
    return kept.strip(" .")[-200:] or "file"


def _quoted(text: str) -> str:
    # As browsers do (WHATWG HTML, multipart/form-data encoding).
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _boundary(parts: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A line that stands in no part; always the same for the same parts, as a run that goes on needs it."""
    digest = sha256()
    for head, content in parts:
        digest.update(b"%d %d " % (len(head), len(content)) + head + content)
    while any((boundary := digest.hexdigest()[:40].encode()) in content for _, content in parts):
        digest.update(b"again")
    return boundary


def _check_is_typed(text: str, sentence: str) -> None:
    if not text.strip():
        raise _Unsendable(sentence)


def _check(objection: str, field: str = "body") -> None:
    if objection:
        raise _Unsendable(objection, field)


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not a JSON number")


def _refuse_doctype(*_: object) -> Never:
    raise _Unsendable("The body has a DOCTYPE, which is not sent: remove it, and what it defines.")


def _check_declaration(version: str, encoding: str | None, standalone: int) -> None:
    if encoding and encoding.lower() != "utf-8":
        # What it says may be a secret, so no sentence repeats it.
        raise _Unsendable("The XML names another encoding, but is sent as UTF-8. Write utf-8 there.")
