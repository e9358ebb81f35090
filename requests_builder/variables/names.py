"""How variables may be called, and what somebody may have meant."""

import difflib
import re
from collections.abc import Iterable

MAX_NAME_LENGTH = 100
# Says in which time zone the dates of a request are.
TIMEZONE = "timezone"
# What stands before a dot, or is a date by itself.
NAMESPACES = frozenset({"connection", "run", "last_run"})
MOMENTS = frozenset({"now", "today", "yesterday", "tomorrow"})

_OWN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_FIRST = re.compile(r"\w*", re.ASCII)
# Names that Postman fills by itself, and what says the same here.
_OF_POSTMAN = {
    "$guid": "run.id",
    "$randomUUID": "run.id",
    "$timestamp": "now | unix",
    "$isoTimestamp": "now | iso",
}


def objection_to_name(name: str) -> str:
    """Why a variable of a request or a team cannot be called so, as a sentence; empty if it can."""
    if len(name) > MAX_NAME_LENGTH:
        return f"A name may have at most {MAX_NAME_LENGTH} characters."
    if not _OWN.fullmatch(name):
        return (
            f"“{name[:60]}” cannot be the name of a variable: it begins with a letter (A–Z) or _, and goes "
            "on with letters, digits, _, - or a dot."
        )
    first = _FIRST.match(name)
    if first and first[0] in NAMESPACES | MOMENTS:
        return f"Names that begin with {first[0]} mean something already. Choose another name."
    return ""


def hint_for(name: str, known: Iterable[str]) -> str:
    """What to write in place of a name that is not known, or which ones are."""
    if name in _OF_POSTMAN:
        return f"Here that is {{{{ {_OF_POSTMAN[name]} }}}}."
    names = sorted(known)
    if near := difflib.get_close_matches(name, names, n=1):
        return f"Did you mean {{{{ {near[0]} }}}}?"
    if not names:
        return "Add it under Settings → Variables."
    shown = ", ".join(names[:12]) + (" and others" if len(names) > 12 else "")
    return f"Known: {shown}. Add others under Settings → Variables."
