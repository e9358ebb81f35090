"""What stands between double braces.

expression = choice {"or" choice} ["|" format]
choice     = (name | date) {("+" | "-") count unit} | quoted text
date       = "now" | "today" | "yesterday" | "tomorrow" | "start of" ["this" | "last" | "next"] unit
format     = "date" [":" pattern] | "iso" | "unix" | "unix_ms"
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_plus

from .moments import FORMATS, STARTS, UNITS, Format, Shift, objection_to_pattern
from .names import MOMENTS

# An opening may stand alone; what closes it is found before any other brace.
_RAW = re.compile(r"(\{\{)(?:(?!\{)([^{}]{0,300})(\}\}))?")
# The Parameters tab writes braces and spaces percent-encoded into the URL.
_IN_URL = re.compile(
    r"(\{\{|%7B%7B)(?:(?!\{|%7B)((?:(?!%7B|%7D)[^{}]){0,900}?)(\}\}|%7D%7D))?", re.IGNORECASE
)
_BEGINS_LIKE_A_NAME = re.compile(r"\s*(?:\$|[^\W\d])")

_MOMENT = re.compile(r"(?:now|today|yesterday|tomorrow)(?![\w.])")
_START = re.compile(r"start\s+of\s+(?:(this|last|next)\s+)?(\w+)")
# Hyphens may be in names, but not in these: after them begins arithmetic.
_OF_A_RUN = re.compile(r"(?:run|last_run)\.\w+")
_NAME = re.compile(r"\$?[^\W\d][\w-]*(?:\.[\w-]+)*")
_QUOTED = re.compile(r""""([^"]*)"|'([^']*)'""")
_SHIFT = re.compile(r"\s*([+-])\s*(\d{1,6})\s*([a-z]+)")
_OR = re.compile(r"\s+or\s+")
_FORMAT = re.compile(r"\s*\|\s*(\w*)\s*(?::\s*(.*))?", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\s+")

_MOST_SHIFTS = 10


class Unreadable(Exception):
    """What stands there begins like a variable and is none; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the things that an expression may stand for, in this order: a text, a date, a name."""

    name: str = ""
    text: str | None = None
    start: tuple[str, str] | None = None
    shifts: tuple[Shift, ...] = ()

    @property
    def is_moment(self) -> bool:
        return self.start is not None or self.name in MOMENTS


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression as somebody wrote it. `objection` says why it cannot be read; empty if it can."""

    written: str
    choices: tuple[Choice, ...] = ()
    format: Format | None = None
    objection: str = ""

    def __str__(self) -> str:
        return f"{{{{ {self.written} }}}}"

    @property
    def names(self) -> frozenset[str]:
        """What it asks for: names, and `now` for every date."""
        return frozenset(
            "now" if choice.is_moment else choice.name for choice in self.choices if choice.text is None
        )


Piece = str | Expression


def pieces(text: str, *, is_url: bool = False) -> Iterator[Piece]:
    """The text in order: plain pieces, with their escapes taken out, and expressions."""
    begin = end = 0
    pattern = _IN_URL if is_url else _RAW
    while match := pattern.search(text, end):
        opening, inner, _ = match.groups()
        end = match.end(1)
        escape = _escape_before(text, begin, match.start(), is_url=is_url)
        if escape:
            yield text[begin : match.start() - escape] + opening
            begin = end
        elif inner is not None and _BEGINS_LIKE_A_NAME.match(plain := _decoded(opening, inner, is_url)):
            yield text[begin : match.start()]
            yield read(plain)
            begin = end = match.end()
    yield text[begin:]


def used_names(text: str, *, is_url: bool = False) -> frozenset[str]:
    """The names that a text asks for."""
    found = (piece.names for piece in pieces(text, is_url=is_url) if isinstance(piece, Expression))
    return frozenset[str]().union(*found)


def holds_any(text: str, *, is_url: bool = False) -> bool:
    """Whether anything in a text is a variable, or is written with an escape so as not to be one."""
    parts = list(pieces(text, is_url=is_url))
    return any(isinstance(part, Expression) for part in parts) or "".join(map(str, parts)) != text


def is_reference(text: str) -> bool:
    """Whether a text is variables and nothing else, but for a word such as Bearer before them."""
    parts = list(pieces(text.strip()))
    plain = "".join(part for part in parts if isinstance(part, str))
    has_any = any(isinstance(part, Expression) for part in parts)
    return has_any and (not plain or (bool(_SCHEME.fullmatch(plain)) and parts[0] == plain))


@lru_cache(maxsize=1_024)
def read(text: str) -> Expression:
    """The expression in a text that stood between braces."""
    written = " ".join(text.replace('\\"', '"').split())
    try:
        return _parsed(written)
    except Unreadable as unreadable:
        return Expression(written, objection=str(unreadable))


def _escape_before(text: str, begin: int, at: int, *, is_url: bool) -> int:
    """How many characters the backslash takes that makes text of what begins at `at`; 0: there is none.

    Two are a backslash that somebody means, as in JSON.
    """
    lengths: list[int] = []
    while at > begin:
        if text[at - 1] == "\\":
            lengths.append(1)
        elif is_url and text[max(begin, at - 3) : at].upper() == "%5C":
            lengths.append(3)
        else:
            break
        at -= lengths[-1]
    return lengths[0] if len(lengths) % 2 else 0


def _decoded(opening: str, inner: str, is_url: bool) -> str:
    if not is_url:
        return inner
    if opening.startswith("%"):
        return unquote_plus(inner)
    return inner.replace("%20", " ").strip("+ ")


def _parsed(written: str) -> Expression:
    choices: list[Choice] = []
    at = 0
    while True:
        choice, at = _choice(written, at)
        choices.append(choice)
        if (word := _OR.match(written, at)) is None:
            break
        at = word.end()
    form = None
    if at < len(written):
        if (match := _FORMAT.fullmatch(written, at)) is None:
            raise Unreadable(f"“{written[at:].strip()[:40]}” makes no sense there")
        form = _format(match[1], match[2])
    return Expression(written, tuple(choices), form)


def _choice(written: str, at: int) -> tuple[Choice, int]:
    if quoted := _QUOTED.match(written, at):
        return Choice(text=quoted[1] if quoted[1] is not None else quoted[2]), quoted.end()
    if start := _START.match(written, at):
        which, unit = start[1] or "this", start[2]
        if unit not in STARTS:
            raise Unreadable(f"after “start of” stands one of {', '.join(STARTS)}")
        return _shifted(Choice(start=(which, unit)), written, start.end())
    for pattern in (_MOMENT, _OF_A_RUN, _NAME):
        if name := pattern.match(written, at):
            return _shifted(Choice(name=name[0]), written, name.end())
    raise Unreadable("after “or” stands a name, a date or a text in quotation marks")


def _shifted(choice: Choice, written: str, at: int) -> tuple[Choice, int]:
    shifts: list[Shift] = []
    while match := _SHIFT.match(written, at):
        sign, count, unit = match.groups()
        if unit.removesuffix("s") not in UNITS:
            raise Unreadable(
                f"“{unit[:30]}” is no span of time: use {', '.join(f'{unit}s' for unit in UNITS)}"
            )
        shifts.append(Shift(int(sign + count), unit.removesuffix("s")))
        at = match.end()
        if len(shifts) > _MOST_SHIFTS:
            raise Unreadable("that is too much arithmetic for one date")
    return Choice(choice.name, start=choice.start, shifts=tuple(shifts)), at


def _format(name: str, typed: str | None) -> Format:
    if name not in FORMATS:
        raise Unreadable(f'after | stands how a date is written: {", ".join(FORMATS)} or date:"%d.%m.%Y"')
    if typed is None:
        return Format(name)
    if name != "date":
        raise Unreadable(f'{name} takes nothing after it; a pattern goes with date, as in date:"%d.%m.%Y"')
    quoted = _QUOTED.fullmatch(typed.strip())
    pattern = (quoted[1] or quoted[2] or "") if quoted else typed.strip()
    if objection := objection_to_pattern(pattern):
        raise Unreadable(objection)
    return Format("date", pattern)
