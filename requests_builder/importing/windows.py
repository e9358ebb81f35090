"""Command lines as cmd and PowerShell read them: what browsers copy on Windows.

cmd takes its carets first; what is left is parted as a C program parts its command line, where `\\"` and `""`
stand for a quotation mark. PowerShell parts by its own quotes and hands the words on.
"""

import re

from .drafts import Refused
from .shells import Words, shortened

_CMD = re.compile(r"\^[ \t]*\n|\^\"|\{\"\"|\"\"[:}\]]")
_POWERSHELL = re.compile(r"`[ \t]*\n")
_CMD_VARIABLE = re.compile(r"%[A-Za-z_]\w*%")
_POWERSHELL_VARIABLE = re.compile(r"\$(?:env:)?[A-Za-z_]\w*|\$\{[^}\n]{1,200}\}")
_BACKSLASHES = re.compile(r"\\*")
_BLANKS = re.compile(r"[ \t]*\n")
_POWERSHELL_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def is_cmd(text: str) -> bool:
    """Whether it was written for cmd, as far as one can see."""
    if _POWERSHELL.search(text):
        return False
    return bool(_CMD.search(text)) and not re.search(r"\\\n|\s'", text)


def is_powershell(text: str) -> bool:
    return bool(_POWERSHELL.search(text)) or (text.startswith("curl.exe") and "'" in text)


def split_cmd(text: str) -> Words:
    """The words of a command for cmd."""
    found = Words(variables=_CMD_VARIABLE.findall(text))
    characters = _without_carets(text, found)
    word: list[str] = []
    has_word = in_quotes = False
    at = 0
    while at < len(characters):
        character = characters[at]
        if character == "\\":
            slashes = _BACKSLASHES.match(characters, at).end() - at  # type: ignore[union-attr]
            before_quote = characters[at + slashes : at + slashes + 1] == '"'
            word.append("\\" * (slashes // 2 if before_quote else slashes))
            at += slashes
            has_word = True
            if before_quote and slashes % 2:
                word.append('"')
                at += 1
        elif character == '"':
            if in_quotes and characters[at + 1 : at + 2] == '"':
                word.append('"')
                at += 2
                continue
            in_quotes, has_word = not in_quotes, True
            at += 1
        elif character in " \t" and not in_quotes:
            if has_word:
                found.words.append("".join(word))
            word, has_word = [], False
            at += 1
        else:
            word.append(character)
            has_word = True
            at += 1
    if in_quotes:
        raise Refused('A " is opened and never closed. Copy the whole command.')
    if has_word:
        found.words.append("".join(word))
    return found


def _without_carets(text: str, found: Words) -> str:
    """What cmd hands on: carets taken, lines joined, and nothing after the end of the command."""
    kept: list[str] = []
    in_quotes = False
    at = 0
    while at < len(text):
        character = text[at]
        if character == "^" and not in_quotes:
            # A caret before two line ends stands for one of them: so browsers copy a line break in a body.
            if text.startswith("\n\n", at + 1):
                kept.append("\n")
                at += 3
            elif blank := _BLANKS.match(text, at + 1):
                kept.append(" " if kept and kept[-1] not in " \t" and text[at - 1] in " \t" else "")
                at = blank.end()
            else:
                kept.append(text[at + 1 : at + 2])
                at += 2
            continue
        if character == '"':
            in_quotes = not in_quotes
        if not in_quotes and (character in "\n|>" or (character == "&" and text[at + 1 : at + 2] in "& \n")):
            rest = text[at + 1 :].strip(" \n&|>")
            if re.match(r"curl\b", rest):
                raise Refused("There are several commands. Paste one cURL command at a time.")
            if rest:
                found.notes.append(f"What follows the command was left out: {shortened(rest)}")
            break
        kept.append(character)
        at += 1
    return "".join(kept)


def split_powershell(text: str) -> Words:
    """The words of a command for PowerShell."""
    found = Words()
    word: list[str] = []
    has_word = False
    at = 0

    def end_word() -> None:
        nonlocal has_word
        if has_word:
            # Windows PowerShell hands a quotation mark on only behind a backslash.
            found.words.append("".join(word).replace('\\"', '"'))
        word.clear()
        has_word = False

    while at < len(text):
        character = text[at]
        if character == "`":
            if blank := _BLANKS.match(text, at + 1):
                end_word()
                at = blank.end()
                continue
            word.append(text[at + 1 : at + 2])
            has_word = True
            at += 2
        elif character == "'":
            piece, at = _single_quoted(text, at)
            word.append(piece)
            has_word = True
        elif character == '"':
            piece, at = _double_quoted(text, at, found)
            word.append(piece)
            has_word = True
        elif character in " \t":
            end_word()
            at += 1
        elif character in "\n|;":
            rest = text[at + 1 :].strip()
            if re.match(r"curl\b", rest):
                raise Refused("There are several commands. Paste one cURL command at a time.")
            if rest:
                found.notes.append(f"What follows the command was left out: {shortened(rest)}")
            break
        elif variable := _POWERSHELL_VARIABLE.match(text, at):
            found.variables.append(variable[0])
            word.append(variable[0])
            has_word = True
            at = variable.end()
        else:
            word.append(character)
            has_word = True
            at += 1
    end_word()
    return found


def _single_quoted(text: str, start: int) -> tuple[str, int]:
    pieces: list[str] = []
    at = start + 1
    while True:
        end = text.find("'", at)
        if end < 0:
            raise Refused("A ' is opened and never closed. Copy the whole command.")
        pieces.append(text[at:end])
        if not text.startswith("''", end):
            return "".join(pieces), end + 1
        pieces.append("'")
        at = end + 2


def _double_quoted(text: str, start: int, found: Words) -> tuple[str, int]:
    pieces: list[str] = []
    at = start + 1
    while at < len(text):
        character = text[at]
        if character == "`":
            following = text[at + 1 : at + 2]
            pieces.append(_POWERSHELL_ESCAPES.get(following, following))
            at += 2
        elif text.startswith('""', at):
            pieces.append('"')
            at += 2
        elif character == "\\" and text.startswith('\\"', at) and not _closes(text, at + 1):
            pieces.append('\\"')
            at += 2
        elif character == '"':
            return "".join(pieces), at + 1
        elif variable := _POWERSHELL_VARIABLE.match(text, at):
            found.variables.append(variable[0])
            pieces.append(variable[0])
            at = variable.end()
        else:
            pieces.append(character)
            at += 1
    raise Refused('A " is opened and never closed. Copy the whole command.')


def _closes(text: str, at: int) -> bool:
    """Whether a quotation mark is followed by what may follow a word."""
    return at + 1 >= len(text) or text[at + 1] in " \t\n`|;"
