"""Text in `$'...'`, with the escapes of a shell in it."""

import re

_SIMPLE_ESCAPES = dict(zip("abefnrtvE\\'\"?", "\a\b\x1b\f\n\r\t\v\x1b\\'\"?", strict=True))
_NUMBERED = re.compile(r"x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|U[0-9A-Fa-f]{1,8}|[0-7]{1,3}|c.", re.DOTALL)


def ansi_unescaped(text: str) -> str:
    """The text inside `$'...'`. Browsers write what is not ASCII as UTF-16 units: \\ud83d\\ude00."""
    pieces: list[bytes] = []
    at = 0
    while at < len(text):
        if text[at] != "\\" or at + 1 >= len(text):
            following = text.find("\\", at + 1)
            following = len(text) if following < 0 else following
            pieces.append(text[at:following].encode("utf-8", "surrogatepass"))
            at = following
        elif text[at + 1] in _SIMPLE_ESCAPES:
            pieces.append(_SIMPLE_ESCAPES[text[at + 1]].encode())
            at += 2
        elif numbered := _NUMBERED.match(text, at + 1):
            pieces.append(_numbered(numbered[0]))
            at = numbered.end()
        else:
            pieces.append(b"\\")
            at += 1
    return _decoded(b"".join(pieces))


def _numbered(escape: str) -> bytes:
    kind, digits = escape[0], escape[1:]
    if kind == "c":
        return bytes([ord(digits) & 0x1F]) if digits.isascii() else digits.encode()
    if kind in "uU":
        number = min(int(digits, 16), 0x10FFFF)
        return chr(number).encode("utf-8", "surrogatepass")
    return bytes([int(digits, 16) & 0xFF if kind == "x" else int(escape, 8) & 0xFF])


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
