"""The request as a cURL command for a POSIX shell."""

import itertools
import re
from urllib.parse import quote

from requests_builder.importing import RequestDraft

from .messages import Message, Secret, Text, message_of


def curl(draft: RequestDraft) -> str:
    """A command that sends the request. Nothing in it is expanded by the shell but the names of secrets."""
    message = message_of(draft)
    lines = [_beginning(message)]
    for name, value in message.headers:
        empty = f"{name};"
        lines.append(
            f"-H {shell_quoted((empty,) if not ''.join(map(str, value)) else (f'{name}: ', *value))}"
        )
    if message.basic:
        username, password = message.basic
        lines.append(f"-u {shell_quoted((f'{username}:', *password))}")
    lines += _body(message)
    if message.follow_redirects is not None:
        lines.append("--location" if message.follow_redirects else "--no-location")
    if message.timeout_seconds is not None:
        lines.append(f"--max-time {message.timeout_seconds}")
    return " \\\n  ".join(lines)


def shell_quoted(text: Text) -> str:
    """One word for a POSIX shell: quotes around everything but the names of secrets, which it fills in."""
    pieces = []
    for is_secret, some in itertools.groupby(text, lambda piece: isinstance(piece, Secret)):
        if is_secret:
            pieces += [f'"${piece.name}"' for piece in some if isinstance(piece, Secret)]
        elif plain := "".join(map(str, some)):
            pieces.append("'" + plain.replace("\0", "").replace("'", "'\\''") + "'")
    return "".join(pieces) or "''"


def _beginning(message: Message) -> str:
    sends = message.body_text is not None or message.form is not None or message.parts is not None
    words = ["curl"]
    if message.method == "HEAD" and not sends:
        words.append("--head")
    elif message.method != ("POST" if sends else "GET"):
        words.append(f"-X {_bare(message.method)}")
    # Brackets and braces are curl's own language otherwise.
    address = "".join(piece for piece in message.url if isinstance(piece, str))
    if re.search(r"[\[\]{}]", address):
        words.append("--globoff")
    words.append(
        f"--url {shell_quoted(message.url)}" if address.startswith("-") else shell_quoted(message.url)
    )
    return " ".join(words)


def _bare(word: str) -> str:
    return word if re.fullmatch(r"[A-Za-z0-9]+", word) else shell_quoted((word,))


def _body(message: Message) -> list[str]:
    if message.body_text is not None:
        return [f"--data-raw {shell_quoted((message.body_text,))}"]
    if message.form is not None:
        pairs = [f"{quote(name, safe='')}={value}" for name, value in message.form]
        return [f"--data-urlencode {shell_quoted((pair,))}" for pair in pairs] or ["--data-raw ''"]
    return [f"--form-string {shell_quoted((f'{name}={value}',))}" for name, value in message.parts or ()]
