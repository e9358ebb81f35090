"""What is said about a run whose records have other fields than the mapping."""

from collections.abc import Iterable

from .fields import Drift, FieldMapping
from .types import ColumnType
from .watching import Findings

# Named one by one; of more the number is told.
MOST_NAMED = 5
_WORDS = {
    ColumnType.TEXT: "text",
    ColumnType.NUMBER: "a number",
    ColumnType.INTEGER: "an integer",
    ColumnType.BOOLEAN: "true or false",
    ColumnType.DATE: "a date",
    ColumnType.DATETIME: "a date and time",
    ColumnType.JSON: "JSON",
}


def refusal(mapping: FieldMapping, findings: Findings, *, is_whole: bool) -> str:
    """Why a frozen mapping refuses these pages, in a sentence; empty if it does not.

    `is_whole`: all pages are in. Until then a field that is missing may still come.
    """
    if mapping.drift != Drift.FREEZE:
        return ""
    types = {column.name: _WORDS[column.type] for column in mapping.columns}
    parts = []
    if findings.new:
        parts.append(f"new: {listed(findings.new)}")
    if is_whole and findings.missing:
        parts.append(f"gone: {listed(findings.missing)}")
    if findings.misfits:
        changed = [f"{name} (no longer {types.get(name, 'its type')})" for name in findings.misfits]
        parts.append(f"another type: {listed(changed)}")
    if not parts:
        return ""
    return (
        f"The fields of the records have changed ({'; '.join(parts)}), and the mapping is frozen. "
        "Nothing was written. Press Run in the request builder, look at the difference, and accept it."
    )


def remark(mapping: FieldMapping, findings: Findings) -> str:
    """What there is to say about a run that has succeeded; empty if nothing."""
    sentences = []
    if findings.new:
        became = "became columns" if mapping.drift == Drift.EVOLVE else "were left out"
        sentences.append(f"New fields {became}: {listed(findings.new)}.")
    if findings.missing:
        sentences.append(f"No record had {listed(findings.missing)}.")
    if findings.misfits:
        count = sum(findings.misfits.values())
        values = "1 value did" if count == 1 else f"{count:,} values did"
        sentences.append(f"{values} not fit the type of the column and became empty: {_counted(findings)}.")
    return " ".join(sentences)


def listed(names: Iterable[str]) -> str:
    """The names, few of them: `a, b and 7 more`."""
    shown = [name if len(name) <= 40 else f"{name[:39]}…" for name in names]
    more = len(shown) - MOST_NAMED
    return ", ".join(shown[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _counted(findings: Findings) -> str:
    most = sorted(findings.misfits.items(), key=lambda found: -found[1])
    return listed(f"{name} ({count:,})" for name, count in most)
