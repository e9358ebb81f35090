"""From bytes to text: by the byte order mark, by what the bytes are, by the charset that the answer names."""

import codecs
import re
from dataclasses import dataclass, field

# Enough to tell UTF-16 by its NULs.
_SAMPLE = 4_096
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# A list, because Python's codecs include compressors and others that a stranger should not choose.
_CHARSETS = re.compile(
    r"iso8859-\d+|cp(125\d|437|850|852|866|932|949)|shift_jis|euc_(jp|kr)|gb(k|2312|18030)|big5|koi8-[ru]"
    r"|mac-roman|tis-620|utf-(8|16|32)(-[bl]e)?"
)
_NAMES = {"shift_jis": "Shift_JIS", "big5": "Big5", "mac-roman": "Mac Roman"}


@dataclass(frozen=True, slots=True)
class Text:
    """A body as text. `warning` says what was guessed; without `is_sure`, bytes were lost."""

    text: str = field(repr=False)
    encoding: str = "UTF-8"
    warning: str = ""
    is_sure: bool = True


def decoded(body: bytes, charset: str = "") -> Text:
    """The body as text, whatever its bytes are; `charset` as the media type names it.

    Bytes that are UTF-8 are read as that, also against their charset: other texts are not UTF-8 by chance,
    but servers name charsets by habit. What is left is Windows-1252, in which almost any bytes are a text.
    """
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return _strict_or_replaced(body[len(mark) :], encoding)
    if encoding := _utf16(body[:_SAMPLE]):
        return _strict_or_replaced(body, encoding)
    try:
        return Text(body.decode())
    except UnicodeDecodeError as error:
        position = error.start
    named = codec_of(charset)
    if named == "cp1252":
        reason = ""
    elif named and not named.startswith("utf-8"):
        try:
            return Text(body.decode(named), shown_name(named))
        except UnicodeDecodeError:
            reason = f"it is not the {shown_name(named)} that it names"
    else:
        reason = f"it is not UTF-8 (byte {position:,} is not)" + (
            "" if named else " and names no other charset"
        )
    text = body.decode("cp1252", "replace")
    warning = f"Read as Windows-1252, because {reason}." if reason else ""
    return Text(text, "Windows-1252", warning, is_sure="\ufffd" not in text)


def codec_of(charset: str) -> str:
    """Python's name of a charset that an answer may name; empty if there is none."""
    try:
        name = codecs.lookup(charset.strip().strip("\"'")).name
    except (LookupError, ValueError):
        return ""
    # What calls itself Latin-1 is Windows-1252 (WHATWG Encoding §4.2).
    name = "cp1252" if name in ("iso8859-1", "ascii") else name
    return name if _CHARSETS.fullmatch(name) else ""


def shown_name(codec: str) -> str:
    """The codec as people call it."""
    if codec.startswith("cp125"):
        return f"Windows-{codec[2:]}"
    if codec.startswith("iso8859"):
        return codec.replace("iso8859", "ISO-8859")
    return _NAMES.get(codec, re.sub(r"-[BL]E$", "", codec.upper().replace("_", "-")))


def _strict_or_replaced(body: bytes, encoding: str) -> Text:
    name = shown_name(encoding)
    try:
        return Text(body.decode(encoding), name)
    except UnicodeDecodeError as error:
        warning = f"Byte {error.start:,} and perhaps others are not {name}; they are shown as \ufffd."
        return Text(body.decode(encoding, "replace"), name, warning, is_sure=False)


def _utf16(sample: bytes) -> str:
    """UTF-16 without a byte order mark, by the NULs beside its ASCII characters; empty if it is not that."""
    if len(sample) < 4 or b"\0" not in sample:
        return ""
    even, odd = sample[::2], sample[1::2]
    for first, second, encoding in ((even, odd, "utf-16-be"), (odd, even, "utf-16-le")):
        if first.count(0) * 5 >= len(first) * 2 and second.count(0) * 20 <= len(second):
            return encoding
    return ""
