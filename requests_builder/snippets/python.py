"""The request as a Python program that uses the library requests."""

from requests_builder.importing import RequestDraft

from .messages import Message, Secret, Text, joined, message_of

_INDENT = "    "


def python(draft: RequestDraft) -> str:
    """A program that sends the request and prints the answer; it needs the library requests."""
    message = message_of(draft)
    lines = ["import os", "", "import requests", ""] if message.secrets else ["import requests", ""]
    lines += ["response = requests.request(", f"{_INDENT}{_literal(message.method)},"]
    lines.append(f"{_INDENT}{_expression(message.url)},")
    lines += _headers(message)
    if message.basic:
        username, password = message.basic
        # As bytes: the library would send Latin-1.
        lines.append(f"{_INDENT}auth=({_literal(username)}.encode(), {_expression(password)}.encode()),")
    lines += _body(message)
    if message.follow_redirects is not None:
        lines.append(f"{_INDENT}allow_redirects={message.follow_redirects},")
    lines.append(f"{_INDENT}timeout={message.timeout_seconds or 30},")
    lines += [")", "print(response.status_code)", "print(response.text)"]
    return "\n".join(lines) + "\n"


def _headers(message: Message) -> list[str]:
    # The library takes each name once; several fields of one name mean the same as one with commas.
    fields: dict[str, tuple[str, list[Text]]] = {}
    for name, value in message.headers:
        fields.setdefault(name.lower(), (name, []))[1].append(value)
    lines = [f"{_INDENT}headers={{"]
    for name, values in fields.values():
        pieces: list[str | Secret] = []
        for value in values:
            pieces += [", "] if pieces else []
            pieces += value
        lines.append(f"{_INDENT * 2}{_literal(name)}: {_header_value(joined(*pieces))},")
    return [*lines, f"{_INDENT}}},"]


def _header_value(text: Text) -> str:
    plain = "".join(piece for piece in text if isinstance(piece, str))
    if plain.isascii():
        return _expression(text)
    # Headers are Latin-1; what is not, no server can be sure of.
    encoding = "latin-1" if all(character <= "\xff" for character in plain) else "utf-8"
    return f"({_expression(text)}).encode('{encoding}')"


def _body(message: Message) -> list[str]:
    if message.body_text is not None:
        return [f"{_INDENT}data={_long(message.body_text)}.encode(),"]
    if message.form is not None:
        return _pairs("data", [f"({_literal(name)}, {_literal(value)})" for name, value in message.form])
    if message.parts is not None:
        rows = [f"({_literal(name)}, (None, {_literal(value)}))" for name, value in message.parts]
        return _pairs("files", rows)
    return []


def _pairs(argument: str, rows: list[str]) -> list[str]:
    return [f"{_INDENT}{argument}=[", *(f"{_INDENT * 2}{row}," for row in rows), f"{_INDENT}],"]


def _expression(text: Text) -> str:
    pieces = [
        f"os.environ['{piece.name}']" if isinstance(piece, Secret) else _literal(piece)
        for piece in text
        if piece
    ]
    return " + ".join(pieces) or "''"


def _literal(text: str) -> str:
    return repr(text)


def _long(text: str) -> str:
    """A text over several lines as one literal for each of them."""
    lines = text.splitlines(keepends=True)
    if len(lines) < 2:
        return _literal(text)
    return "\n".join(["(", *(f"{_INDENT * 2}{_literal(line)}" for line in lines), f"{_INDENT})"])
