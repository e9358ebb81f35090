"""What is said at the end; see `tests.chaos.__main__` for how to read it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from requests_builder.models import Run
from tests.chaos.source import Source
from tests.chaos.watching import Reader, percentile

MOST_LOGGED = 8
MOST_VIOLATIONS = 50


def show(lines: Mapping[str, str], logs: str, violations: Sequence[str]) -> None:
    for name, text in lines.items():
        print(f"{name:11}{text}")
    for text, count in errors(logs).most_common(MOST_LOGGED):
        print(f"{'logged':11}{count} x {text[:150]}")
    for sentence in violations[:MOST_VIOLATIONS]:
        print(f"VIOLATION  {sentence}")


def listed(found: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in found.most_common()) or "nothing"


def summed(found: Counter[str]) -> str:
    return f"{found.total():,}: {listed(found)}"


def waited(seconds: Sequence[float]) -> str:
    half, most = percentile(seconds, 0.5), percentile(seconds, 0.99)
    return f"{len(seconds)} runs, p50 {half:.1f} s, p99 {most:.1f} s, longest {max(seconds, default=0):.1f} s"


def fetched(source: Source) -> str:
    needed = sum(Run.objects.values_list("pages", flat=True))
    return f"{sum(source.served.values()):,} asked for, {needed:,} needed"


def read(reader: Reader) -> str:
    complaints = len(reader.complaints)
    return f"{reader.reads:,} reads, {reader.filled:,} of tables with rows, {complaints} complaints"


def errors(logs: str) -> Counter[str]:
    """Warnings and errors in the logs, without what differs from one to the other."""
    lines = re.findall(r"(?m)^\S+ \S+ ((?:WARNING|ERROR|CRITICAL) .*)$", logs)
    return Counter(re.sub(r"[0-9a-f-]{36}|0x[0-9a-f]+|\d+", "…", line) for line in lines)
