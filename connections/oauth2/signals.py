"""Which answers of an API mean that the access token has run out, as people write it down: a rule a line.

403                      this status, whatever the body says
200 error=token_expired  this status, and a member of the JSON body with this value
400 error.code=190       a member within a member
error=invalid_token      any status with this member
403 "session expired"    this status, and these words somewhere in the body
"""

import re

from .dialect import Meaning, Rule

_SIGNAL = re.compile(
    r"(?P<status>[1-5][0-9]{2})?(?:(?:^|\s+)(?:"
    r'"(?P<words>[^"]{1,200})"'
    r"|(?P<member>[A-Za-z_$][\w$-]*(?:\.[\w$-]+)*)\s*(?:=\s*(?P<value>.{1,200}))?))?"
)


class UnreadableSignal(ValueError):
    """A line that is no rule. `line` is what was written."""

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.line = line


def read_signals(text: str) -> tuple[Rule, ...]:
    """The rules in a text, in their order; empty lines do not count. Raises UnreadableSignal."""
    return tuple(_signal(line) for line in map(str.strip, text.splitlines()) if line)


def _signal(line: str) -> Rule:
    match = _SIGNAL.fullmatch(line)
    if match is None or not any(match.groups()):
        raise UnreadableSignal(line)
    return Rule(
        Meaning.EXPIRED,
        status=int(match["status"]) if match["status"] else None,
        member=match["member"] or "",
        value=(match["value"] or "").strip(),
        words=re.escape(match["words"] or ""),
    )
