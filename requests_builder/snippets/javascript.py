"""The request as JavaScript that uses fetch, for Node.js."""

import json

from requests_builder.importing import RequestDraft

from .messages import Message, Secret, Text, joined, message_of


def javascript(draft: RequestDraft) -> str:
    """A module that sends the request and prints the answer; secrets come from process.env."""
    message = message_of(draft)
    lines: list[str] = []
    if message.parts is not None:
        lines += ["const form = new FormData();"]
        lines += [f"form.append({_literal(name)}, {_literal(value)});" for name, value in message.parts]
        lines += [""]
    lines += [f"const response = await fetch({_expression(message.url)}, {{"]
    lines.append(f"  method: {_literal(message.method)},")
    lines += _headers(message)
    lines += _body(message)
    if message.follow_redirects is False:
        lines.append('  redirect: "manual",')
    if message.timeout_seconds is not None:
        lines.append(f"  signal: AbortSignal.timeout({message.timeout_seconds * 1000}),")
    lines += ["});", "console.log(response.status);", "console.log(await response.text());"]
    return "\n".join(lines) + "\n"


def note_on_fetch(draft: RequestDraft) -> str:
    """What fetch cannot do of this request; empty: it can do all of it."""
    if draft.body.kind != "none" and draft.method in ("GET", "HEAD"):
        return f"fetch sends no body with {draft.method}: use cURL or Python for this request."
    return ""


def _headers(message: Message) -> list[str]:
    rows = [(name, _expression(value)) for name, value in message.headers]
    if message.basic:
        username, password = message.basic
        credentials = _expression(joined(f"{username}:", *password))
        rows.append(("Authorization", f'"Basic " + Buffer.from({credentials}).toString("base64")'))
    if not rows:
        return []
    return ["  headers: [", *(f"    [{_literal(name)}, {value}]," for name, value in rows), "  ],"]


def _body(message: Message) -> list[str]:
    if message.body_text is not None:
        return [f"  body: {_long(message.body_text)},"]
    if message.form is not None:
        rows = [f"    [{_literal(name)}, {_literal(value)}]," for name, value in message.form]
        return ["  body: new URLSearchParams([", *rows, "  ]),"]
    return ["  body: form,"] if message.parts is not None else []


def _expression(text: Text) -> str:
    pieces = [
        f"process.env.{piece.name}" if isinstance(piece, Secret) else _literal(piece)
        for piece in text
        if piece
    ]
    return " + ".join(pieces) or '""'


def _literal(text: str) -> str:
    # ASCII only: U+2028 ends a line of JavaScript in old engines.
    return json.dumps(text)


def _long(text: str) -> str:
    """A text over several lines as one literal for each of them."""
    lines = text.splitlines(keepends=True)
    if len(lines) < 2:
        return _literal(text)
    return " +\n".join(f"{'' if at == 0 else '    '}{_literal(line)}" for at, line in enumerate(lines))
