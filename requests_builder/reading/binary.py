"""What is no text: told by its first bytes, with its size in the sentence."""

from .documents import Kind, UnreadableAnswer

# Nothing that can hold a script: an SVG is text.
_PICTURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_OTHERS = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\x1f\x8b", "a gzip file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"ID3", "a sound"),
    (b"OggS", "a sound or a film"),
    (b"\x7fELF", "a program"),
)
_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1b\x1e")
_SAMPLE = 8_192
# Media types that say what it is although the bytes could be a text.
_TYPES = ("image/", "audio/", "video/", "font/")


def picture_type(body: bytes) -> str:
    """The media type of a picture that every browser shows; empty if the body is none."""
    for begin, media_type in _PICTURES:
        if body.startswith(begin):
            return media_type
    return "image/webp" if body[:4] == b"RIFF" and body[8:12] == b"WEBP" else ""


def kind_of_binary(body: bytes, media_type: str = "") -> str:
    """What the body is in words, if it is no text; else empty."""
    if is_wide_text(body):
        return ""
    if picture := picture_type(body):
        return f"a picture ({picture})"
    for begin, words in _OTHERS:
        if body.startswith(begin):
            return words
    if media_type.startswith(_TYPES) and media_type != "image/svg+xml":
        return f"binary ({media_type})"
    if _controls(body[:_SAMPLE]) * 50 <= len(body[:_SAMPLE]) + 100:
        return ""
    return f"binary ({media_type})" if media_type else "binary"


def is_wide_text(body: bytes) -> bool:
    """Whether it is UTF-16 or UTF-32, by its mark or by the NULs beside its ASCII characters."""
    sample = body[:_SAMPLE]
    if sample.startswith(_BOMS):
        return True
    return (
        b"\0" in sample[:4]
        and _controls(sample.replace(b"\0", b"")) == 0
        and sample.count(0) * 5 >= len(sample)
    )


def unsupported(what: str, size: int) -> UnreadableAnswer:
    """The refusal to take records from it; `size` in bytes."""
    shown = f"{size / 2**20:,.1f} MB" if size >= 2**20 else f"{size:,} bytes"
    return UnreadableAnswer(
        "unsupported_content",
        f"The answer is {what} of {shown}, which holds no records. Look at the URL; many APIs send data only "
        "when "
        "an Accept header or a parameter such as format asks for it.",
        Kind.BINARY,
    )


def _controls(sample: bytes) -> int:
    """How many control characters there are that no text has."""
    return len(sample) - len(sample.translate(None, _CONTROLS))
