"""CSV (RFC 4180) and its dialects: a list of objects, one for each row, with the first row's cells as keys.

Cells stay text, because "007" is no number; a cell without content is null. A name that comes twice gets a
number ("name", "name_2"), a column without one is called by its place ("column_3").
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from .documents import MAX_COLUMNS, REPLACEMENT, UNSTORABLE, Document, Kind, UnreadableAnswer
from .texts import Text

MEDIA_TYPES = frozenset(
    {"text/csv", "application/csv", "text/x-csv", "application/x-csv", "text/comma-separated-values"}
    | {"text/tab-separated-values", "text/tsv", "application/vnd.ms-excel"}
)
# What a server sends that does not know or does not say: such a text may be CSV, if it looks like it.
VAGUE_MEDIA_TYPES = frozenset(
    {"", "text/plain", "application/octet-stream", "binary/octet-stream", "application/download"}
    | {"application/force-download", "application/x-download"}
)
MAX_CELL_CHARACTERS = 10 * 2**20

_DELIMITERS = ",;\t|"
_DECLARED = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)
# What the dialect is guessed from: characters, and rows of them.
_SAMPLE = 65_536
_SAMPLE_ROWS = 50
# What is longer, or ends like a sentence, is prose.
_NAME = re.compile(r".{0,199}[^.!?:,\s]")

# One limit for the whole process, 128 KB unless it is raised; nothing else here reads CSV.
csv.field_size_limit(MAX_CELL_CHARACTERS)


def looks_like_csv(text: str) -> bool:
    """Whether a text that nobody calls CSV is a table all the same: strictly, for prose has commas, too."""
    sample, is_whole = _sample(text)
    rows = [row for row in _some_rows(sample, _guessed(sample)) if row]
    rows = rows if is_whole else rows[:-1]
    if len(rows) < 2 or len(rows[0]) < 2 or len({len(row) for row in rows}) != 1:
        return False
    names = [name.strip() for name in rows[0]]
    return len(set(names)) == len(names) and all(map(_NAME.fullmatch, names))


def parse_csv(source: Text, media_type: str = "") -> Document:
    """The rows as objects. Raises UnreadableAnswer: too_many_columns, too_large or parse_error."""
    text = UNSTORABLE.sub(REPLACEMENT, source.text.removeprefix("\ufeff"))
    delimiter, text = _declared_delimiter(text)
    if not delimiter:
        is_tabs = media_type in ("text/tab-separated-values", "text/tsv")
        delimiter = "\t" if is_tabs else _guessed(_sample(text)[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = _rows(reader)
    header = next(rows, [])
    while header and not header[-1].strip():
        header.pop()  # a delimiter at the end of each line
    names = _names(header, [])
    records, longer = [], 0
    for row in rows:
        if len(row) > len(names) and any(row[len(names) :]):
            longer = longer or reader.line_num
            names += _names([""] * (len(row) - len(names)), names)
        record: dict[str, Any] = {name: cell or None for name, cell in zip(names, row, strict=False)}
        if len(row) < len(names):
            record |= dict.fromkeys(names[len(row) :])
        records.append(record)
    warnings = [source.warning] if source.warning else []
    if longer:
        # Those before the first long row have all the columns, too, and in the same order.
        records = [dict.fromkeys(names) | record for record in records]
        warnings.append(
            f"Some rows have more cells than the first row has names, the first of them at line {longer:,}: "
            "their "
            "columns are named by their place."
        )
    return Document(Kind.CSV, records, source.encoding, delimiter, tuple(warnings))


def _rows(reader: Any) -> Iterator[list[str]]:
    """The rows that hold anything."""
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield row
    except csv.Error as error:
        if "field larger" in str(error):
            sentence = (
                f"A cell that ends after line {reader.line_num:,} has more than {MAX_CELL_CHARACTERS:,} "
                "characters. "
                "Perhaps a quotation mark is not closed."
            )
            raise UnreadableAnswer("too_large", sentence, Kind.CSV) from None
        sentence = f"The answer cannot be read as CSV: {error} at line {reader.line_num:,}."
        raise UnreadableAnswer("parse_error", sentence, Kind.CSV) from None


def _names(cells: list[str], before: list[str]) -> list[str]:
    """Names for these columns, which stand behind others: none twice, none empty."""
    if len(before) + len(cells) > MAX_COLUMNS:
        sentence = (
            f"The answer has {len(before) + len(cells):,} columns; at most {MAX_COLUMNS:,} are read. Look "
            "whether it is "
            "CSV at all, or ask for fewer columns."
        )
        raise UnreadableAnswer("too_many_columns", sentence, Kind.CSV)
    taken, names = set(before), []
    for place, cell in enumerate(cells, len(before) + 1):
        wanted = cell.strip() or f"column_{place}"
        numbered = (f"{wanted}_{number}" for number in count(2))
        name = wanted if wanted not in taken else next(name for name in numbered if name not in taken)
        taken.add(name)
        names.append(name)
    return names


def _declared_delimiter(text: str) -> tuple[str, str]:
    """The delimiter that the first line declares as Excel does ("sep=;"), and the text after it."""
    declared = _DECLARED.match(text)
    return (declared[1], text[declared.end() :]) if declared else ("", text)


def _guessed(sample: str) -> str:
    """The delimiter that parts most rows into the same number of cells; a comma if none does."""

    def fit(delimiter: str) -> tuple[float, int]:
        widths = Counter(len(row) for row in _some_rows(sample, delimiter) if row)
        if not widths:
            return 0, 0
        width, rows = widths.most_common(1)[0]
        return (rows / widths.total(), width) if width > 1 else (0, 0)

    return max(_DELIMITERS, key=fit)


def _some_rows(sample: str, delimiter: str) -> list[list[str]]:
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    return list(islice(rows, _SAMPLE_ROWS))


def _sample(text: str) -> tuple[str, bool]:
    """The beginning of a text, and whether that is all of it."""
    return text[:_SAMPLE], len(text) <= _SAMPLE
