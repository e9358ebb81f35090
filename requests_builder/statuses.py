"""Status codes that mean something else to a request than they do to others. PURE."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

MOST = 20


class Meaning(StrEnum):
    """What an answer with this status is taken for, whatever it says."""

    EMPTY = "empty"  # an answer without records
    DONE = "done"  # the end of the run: what came before it is kept, and nothing more is asked for
    FAILURE = "failure"  # the run fails, and nothing is tried again


# Who was refused for credentials has pulled nothing, whatever anybody has set.
_OF_CREDENTIALS = frozenset({401, 403, 407})
_TOO_MANY = 429
_LINE = re.compile(r"(\d{3})(?:\s*(?:=|:|means|→)\s*|\s+)(\w+)", re.IGNORECASE)


class InvalidStatuses(ValueError):
    """`str()` says what is wrong with it."""


def from_lines(text: str) -> dict[str, str]:
    """`404 empty`, one a line, as it is stored: status to meaning. Raises InvalidStatuses."""
    pairs = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if not (match := _LINE.fullmatch(line)):
            raise InvalidStatuses(
                f"“{line[:40]}” is not understood. Write a status code and what it means: 404 empty."
            )
        pairs.append((match[1], match[2].lower()))
    return checked(pairs)


def checked(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The pairs as they are stored, in the order of the codes. Raises InvalidStatuses."""
    if len(pairs) > MOST:
        raise InvalidStatuses(f"There may be up to {MOST} status codes.")
    found: dict[str, str] = {}
    for code, meaning in pairs:
        status = int(code) if code.isascii() and code.isdigit() and len(code) == 3 else 0
        if not 200 <= status <= 599:
            raise InvalidStatuses(f"{code[:40]} is no status code of an answer: those are from 200 to 599.")
        if meaning not in list(Meaning):
            raise InvalidStatuses(
                f"{code} cannot mean “{meaning[:40]}”. Write empty, done or failure after the status code."
            )
        if status in _OF_CREDENTIALS:
            raise InvalidStatuses(
                f"{code} says that the credentials are refused: such a run always fails. Remove that line."
            )
        if status == _TOO_MANY and meaning != Meaning.FAILURE:
            raise InvalidStatuses(
                "429 says that there were too many requests: the run waits and asks again. Remove that line, "
                "or write 429 failure."
            )
        if found.setdefault(code, meaning) != meaning:
            raise InvalidStatuses(f"{code} is there twice, with two meanings.")
    return dict(sorted(found.items()))


def in_lines(stored: Mapping[str, str]) -> str:
    """What `from_lines` reads."""
    return "\n".join(f"{code} {meaning}" for code, meaning in stored.items())


def meaning_of(status: int, stored: Mapping[str, str]) -> Meaning | None:
    """What the answer is taken for; None: what its status says."""
    meaning = stored.get(str(status)) if stored else None
    return None if meaning is None or status in _OF_CREDENTIALS else Meaning(meaning)
