"""Names and spans of time as mails and banners say them."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from connections.models import Connection


def these(connections: Sequence[Connection]) -> str:
    """`CRM`, `CRM and Mail`, `CRM and 49 more connections`."""
    names = [connection.name for connection in connections]
    if len(names) > 2:
        return f"{names[0]} and {len(names) - 1} more connections"
    return " and ".join(names)


def ends_when(connections: Sequence[Connection], ends: Sequence[datetime], now: datetime) -> str:
    """`ends in 14 days`, `end within a day`, by the first of `ends`; a part of a day counts as one."""
    verb = "end" if len(connections) > 1 else "ends"
    days = math.ceil((min(ends, default=now) - now) / timedelta(days=1))
    return f"{verb} in {days} days" if days > 1 else f"{verb} within a day"


def bounded(text: str, length: int) -> str:
    """One line of at most so many characters: what a provider says may be long and of many lines."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
