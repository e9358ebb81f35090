"""Which kind of body a text is, by its media type and, where nobody named one, by its looks."""

import json
import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

from .drafts import NO_BODY, Body, BodyKind, Pair, Refused

FORM = "application/x-www-form-urlencoded"
_NAMED: dict[BodyKind, tuple[str, ...]] = {
    "json": ("application/json",),
    "xml": ("application/xml", "text/xml"),
}
_HOLE = re.compile(r"\{\{.{0,200}?\}\}|\$\{?\w{1,200}\}?|<[\w .-]{1,200}>")


@dataclass(frozen=True, slots=True)
class Sorted:
    """A body, whether its Content-Type header is still needed beside it, and what to say."""

    body: Body
    keeps_header: bool = False
    note: str = ""


def sorted_body(text: str, content_type: str | None) -> Sorted:
    """The body that `text` is. `content_type`: what the header says; None: curl would have said form data."""
    if not text.strip():
        return Sorted(NO_BODY)
    if content_type is None:
        return _by_looks(text)
    essence = content_type.partition(";")[0].strip().lower()
    if essence == "multipart/form-data":
        return Sorted(Body("multipart", pairs=multipart_pairs(text, content_type)))
    if essence == FORM and (pairs := form_pairs(text)) is not None:
        return Sorted(Body("form", pairs=pairs))
    for kind, names in _NAMED.items():
        if essence in names or essence.endswith(f"+{kind}"):
            # A character set, or a media type of the API's own, is said by the header as it stands.
            return Sorted(Body(kind, text), keeps_header=content_type.strip().lower() != names[0])
    return Sorted(Body("raw", text, media_type=content_type.strip()))


def form_pairs(text: str) -> tuple[Pair, ...] | None:
    """`a=1&b=2` as pairs; None for what is no form."""
    pieces = [piece for piece in text.split("&") if piece]
    # A text that happens to be sent as a form, `hello world`, would come back as `hello+world=`.
    if any("=" not in piece[1:] for piece in pieces):
        return None
    decoded = tuple(_decoded(piece) for piece in pieces)
    # Bytes that are no UTF-8 would be sent as other ones.
    return None if any("\ufffd" in name + value for name, value in decoded) else decoded


def is_json(text: str) -> bool:
    """Whether it is an object or a list of JSON, also with something to be filled in."""
    stripped = text.strip()
    if stripped[:1] not in ("{", "["):
        return False
    for attempt in (stripped, _HOLE.sub("0", stripped)):
        try:
            json.loads(attempt)
        except (ValueError, RecursionError):
            continue
        return True
    return bool(re.match(r"[\[{]\s*[\"\]}]", stripped))


def multipart_pairs(text: str, content_type: str) -> tuple[Pair, ...]:
    """The fields of a multipart body, as browsers copy it. Raises Refused for files."""
    named = re.search(r"boundary=\"?([^\";,]+)", content_type)
    first = text.lstrip().split("\n", 1)[0].strip()
    boundary = "--" + named[1].strip() if named else first
    if not boundary.startswith("--") or boundary not in text:
        raise Refused("The multipart body cannot be read: its boundary is missing. Copy the whole command.")
    pairs = []
    for part in text.replace("\r\n", "\n").split(boundary)[1:]:
        if part.startswith("--"):
            break
        headers, _, value = part.removeprefix("\n").partition("\n\n")
        if re.search(r"\bfilename\*?=", headers):
            raise Refused(
                "The body uploads a file, whose content is not in the command. Build the body under Body → "
                "Multipart, and choose the file there."
            )
        name = re.search(r'\bname="([^"\n]*)"', headers)
        if name:
            pairs.append((name[1], value.removesuffix("\n")))
    return tuple(pairs)


def _by_looks(text: str) -> Sorted:
    if is_json(text):
        return Sorted(
            Body("json", text),
            note="The body looks like JSON and is sent as JSON. curl itself would have called it form data.",
        )
    if re.match(r"\s*<(?:\?xml|[A-Za-z][\w:.-]*[\s>/])", text) and text.rstrip().endswith(">"):
        return Sorted(
            Body("xml", text),
            note="The body looks like XML and is sent as XML. curl itself would have called it form data.",
        )
    pairs = form_pairs(text)
    if pairs is None:
        return Sorted(Body("raw", text, media_type=FORM))
    return Sorted(Body("form", pairs=pairs) if pairs else NO_BODY)


def _decoded(piece: str) -> Pair:
    name, _, value = piece.partition("=")
    return unquote_plus(name), unquote_plus(value)
