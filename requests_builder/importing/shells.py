"""A command line taken apart into words, as a POSIX shell would, without running anything.

`$NAME`, `${NAME}`, `$(...)` and backticks stay as the text that they are: what they would become on
somebody's machine is unknown here, and nothing is executed. windows.py does the same for cmd and PowerShell.
"""

import re
from dataclasses import dataclass, field

from .ansi import ansi_unescaped
from .drafts import Refused

# Web pages put some of these between words, where a terminal has a blank.
_BLANKS_OF_PAGES = "\u00a0\u2007\u2009\u202f\u3000\u200b\ufeff"
# What ends a command, or sends its output somewhere.
_OPERATORS = re.compile(r"\|\|?|&&|;|&(?=\s|$)|\n")
_REDIRECTION = re.compile(r"\d*(?:>>?&?|&>>?)[ \t]*(?:&?[-\d]|[^\s|;&]+)?")
_HEREDOC = re.compile(r"<<(-?)[ \t]*(?:'(\w+)'|\"(\w+)\"|\\?(\w+))")
_ANGLED = re.compile(r"<[A-Za-z][^<>\n]{0,80}>")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_VARIABLE = re.compile(r"\$(?:[A-Za-z_]\w*|\{[^}\n]{1,200}\})")
_NOT_BLANK = re.compile(r"\S|$")
# Characters of a `$(...)` that is looked for; without an end, reading would take its time for each of many.
_LONGEST_COMMAND = 2_000
_PROMPT = re.compile(r"(?:[$%>#]|PS [^>\n]{0,200}>|[A-Z]:[^>\n]{0,200}>)[ \t]+(?=curl)", re.IGNORECASE)


@dataclass(slots=True)
class Words:
    """The words of one command, what it reads from its input, and what a shell would have put in."""

    words: list[str] = field(default_factory=list)
    stdin: str | None = None
    # As they stand there: $TOKEN, ${ID}.
    variables: list[str] = field(default_factory=list)
    # Sentences about what was left out.
    notes: list[str] = field(default_factory=list)


def without_prompt(text: str) -> str:
    """The text without blank lines and comments before the command, and without the shell's prompt."""
    lines = text.strip().lstrip("\ufeff").replace("\r\n", "\n").split("\n")
    while len(lines) > 1 and (not lines[0].strip() or re.match(r"\s*(?:#|//|REM\s)(?!\s*curl\b)", lines[0])):
        lines.pop(0)
    command = "\n".join(lines).strip()
    return _PROMPT.sub("", command, count=1) if _PROMPT.match(command) else command


def split(text: str) -> Words:
    """The words of the first command in `text`. Raises Refused where a quote is not closed."""
    return _Reader(text).read()


class _Reader:
    """Where the reading stands: one pass from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found = Words()
        self.word: list[str] = []
        self.has_word = False
        # Delimiter, and whether leading tabs go: the text begins after this line.
        self.heredocs: list[tuple[str, bool]] = []
        self.expects_here_string = False

    def read(self) -> Words:
        while self.at < len(self.text):
            if not self._step(self.text[self.at]):
                break
        self._end_word()
        if self.heredocs:
            raise Refused(f"The text after <<{self.heredocs[0][0]} is missing. Copy the whole command.")
        return self.found

    def _step(self, character: str) -> bool:
        """Read what stands here. False where the command ends."""
        match character:
            case "\\":
                self._backslash()
            case "'":
                self._take(self._until("'", self.at + 1))
            case '"':
                self._double_quoted()
            case "$" if self.text.startswith("$'", self.at):
                self._ansi_quoted()
            case "$" if self.text.startswith('$"', self.at):
                self.at += 1
                self._double_quoted()
            case "$" | "`":
                self._substitution()
            case _ if character in " \t" or character in _BLANKS_OF_PAGES:
                self._end_word()
                self.at += 1
            case "#" if not self.has_word:
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            case "\n" | "|" | "&" | ";":
                return self._operator()
            case "<" | ">":
                self._redirection()
            case _ if character.isdigit() and not self.has_word and (found := self._is_redirection()):
                self.at = found
            case _:
                self._take(character)
                self.at += 1
        return True

    def _take(self, text: str) -> None:
        self.word.append(text)
        self.has_word = True

    def _end_word(self) -> None:
        if self.has_word:
            word = "".join(self.word)
            if self.expects_here_string:
                self.found.stdin, self.expects_here_string = word + "\n", False
            else:
                self.found.words.append(word)
        self.word, self.has_word = [], False

    def _until(self, quote: str, start: int) -> str:
        end = self.text.find(quote, start)
        if end < 0:
            raise Refused(f"A {quote} is opened and never closed. Copy the whole command.")
        self.at = end + 1
        return self.text[start:end]

    def _backslash(self) -> None:
        rest = self.text[self.at + 1 : self.at + 200]
        # Blanks after the backslash break a continuation in a shell; nobody who copied them meant that.
        if continued := re.match(r"[ \t]*\n[ \t]*(?:> )?", rest):
            if continued[0][-1] in " \t":
                self._end_word()
            self.at += 1 + continued.end()
        elif rest:
            self._take(rest[0])
            self.at += 2
        else:
            self.at += 1

    def _double_quoted(self) -> None:
        self.at += 1
        self._take("")
        while True:
            if self.at >= len(self.text):
                raise Refused('A " is opened and never closed. Copy the whole command.')
            character = self.text[self.at]
            if character == '"':
                self.at += 1
                return
            if character == "\\" and self.text[self.at + 1 : self.at + 2] in ("$", "`", '"', "\\", "\n"):
                self._take(self.text[self.at + 1].replace("\n", ""))
                self.at += 2
            elif character in "$`":
                self._substitution()
            else:
                self._take(character)
                self.at += 1

    def _ansi_quoted(self) -> None:
        end = self.at + 2
        while end < len(self.text) and self.text[end] != "'":
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            raise Refused("A $' is opened and never closed. Copy the whole command.")
        self._take(ansi_unescaped(self.text[self.at + 2 : end]))
        self.at = end + 1

    def _substitution(self) -> None:
        """`$NAME`, `$(...)`, backticks: kept as they stand."""
        if variable := _VARIABLE.match(self.text, self.at):
            self.found.variables.append(variable[0])
            self._take(variable[0])
            self.at = variable.end()
            return
        end = self.at + 1
        if self.text.startswith("$(", self.at):
            end = _end_of_parenthesis(self.text, self.at + 1)
        elif self.text[self.at] == "`":
            closing = self.text.find("`", self.at + 1)
            end = closing + 1 if closing >= 0 else end
        command = self.text[self.at : end]
        if len(command) > 1:
            self.found.notes.append(
                f"{shortened(command)} is a command for a shell. It was not run and stands there as text: "
                "replace it."
            )
        self._take(command)
        self.at = end

    def _operator(self) -> bool:
        if self.text[self.at] == "\n":
            return self._line_end()
        operator = _OPERATORS.match(self.text, self.at)
        if operator is None:
            # An & inside an address that nobody quoted; a shell would have cut it off.
            self.found.notes.append(
                "The address has no quotes around it: a shell would have cut it at the first &. "
                "All of it was taken."
            )
            self._take("&")
            self.at += 1
            return True
        rest = self.text[operator.end() :].strip()
        if operator[0] == "|" and re.match(r"curl\s", rest):
            return self._piped(operator.end())
        if re.match(r"curl\s", rest):
            raise Refused("There are several commands. Paste one cURL command at a time.")
        if rest:
            self.found.notes.append(
                f"What follows {operator[0]} is another command and was left out: {shortened(rest)}"
            )
        return False

    def _piped(self, end: int) -> bool:
        """What stands before `| curl`: a text for its input, if it is `echo` that says it."""
        self._end_word()
        words = self.found.words
        if "curl" in words:
            raise Refused("There are several commands. Paste one cURL command at a time.")
        if words[:1] != ["echo"]:
            raise Refused(
                "The body comes from another command through |, which is not run here. Put the text itself "
                "after -d."
            )
        self.found.stdin = " ".join(word for word in words[1:] if word != "-n") + "\n"
        words.clear()
        self.at = end
        return True

    def _line_end(self) -> bool:
        self._end_word()
        self.at += 1
        if self.heredocs:
            self._read_heredocs()
        following = _NOT_BLANK.search(self.text, self.at)
        self.at = following.start() if following else len(self.text)
        if self.text.startswith(("-", "'http", '"http', "http"), self.at) and self.found.words:
            # Somebody lost the backslash at the end of the line.
            return True
        if _is_preamble(self.found.words):
            self.found.words.clear()
            return True
        rest = self.text[self.at :]
        if not rest:
            return False
        if re.match(r"(?:\$ )?curl\b", rest):
            raise Refused("There are several commands. Paste one cURL command at a time.")
        if not rest.startswith("#"):
            self.found.notes.append(f"What follows the command was left out: {shortened(rest)}")
        return False

    def _is_redirection(self) -> int:
        number = re.compile(r"\d+(?=[<>])").match(self.text, self.at)
        found = _REDIRECTION.match(self.text, self.at) if number else None
        return found.end() if found else 0

    def _redirection(self) -> None:
        if angled := _ANGLED.match(self.text, self.at):
            # <your token>: a placeholder that nobody quoted.
            self._take(angled[0])
            self.at = angled.end()
        elif self.text.startswith("<<<", self.at):
            self._end_word()
            self.expects_here_string = True
            self.at += 3
        elif heredoc := _HEREDOC.match(self.text, self.at):
            self._end_word()
            self.heredocs.append((heredoc[2] or heredoc[3] or heredoc[4], bool(heredoc[1])))
            self.at = heredoc.end()
        elif self.text[self.at] == "<":
            raise Refused(
                "The command reads a file with <, which cannot be read from here. Put the text of the file "
                "in its place."
            )
        else:
            self._end_word()
            redirection = _REDIRECTION.match(self.text, self.at)
            self.at = redirection.end() if redirection else self.at + 1

    def _read_heredocs(self) -> None:
        for delimiter, strips_tabs in self.heredocs:
            lines = []
            while True:
                if self.at >= len(self.text):
                    raise Refused(f"The line {delimiter} that ends the text after <<{delimiter} is missing.")
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end]
                line = line.lstrip("\t") if strips_tabs else line
                self.at = end + 1
                if line == delimiter:
                    break
                lines.append(line + "\n")
            self.found.stdin = "".join(lines)
        self.heredocs = []


def _end_of_parenthesis(text: str, start: int) -> int:
    depth = 0
    for at in range(start, min(len(text), start + _LONGEST_COMMAND)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at + 1
    return start + 1


def _is_preamble(words: list[str]) -> bool:
    """Whether a line only sets variables: TOKEN=abc, export TOKEN=abc."""
    return all(_ASSIGNMENT.match(word) or word in ("export", "set") for word in words)


def shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}…"
