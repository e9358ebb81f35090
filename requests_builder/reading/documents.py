"""What reading an answer comes to."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MAX_DEPTH = 100
MAX_COLUMNS = 2_000

# What PostgreSQL's JSONB cannot hold.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\ufffd"


class Kind(StrEnum):
    """What an answer is, whatever it calls itself."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    XML = "xml"
    RSS = "rss"
    ATOM = "atom"
    HTML = "html"
    TEXT = "text"
    BINARY = "binary"
    EMPTY = "empty"

    @property
    def label(self) -> str:
        """As a page names it."""
        return {"atom": "Atom", "text": "Text", "binary": "Binary", "empty": "Empty"}.get(
            self.value, self.value.upper()
        )


@dataclass(frozen=True, slots=True)
class Document:
    """An answer that has been read.

    `value` is what records are taken from: of CSV, NDJSON and feeds a list of objects. `warnings` are
    sentences on what had to be guessed. `delimiter` is the one of CSV, and empty for everything else.
    """

    kind: Kind
    value: Any = field(repr=False)
    encoding: str = "UTF-8"
    delimiter: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Kind, delimiter and encoding as far as they are unusual: "CSV, semicolon, Windows-1252"."""
        encoding = "" if self.encoding == "UTF-8" else self.encoding
        return ", ".join(filter(None, (self.kind.label, _DELIMITERS.get(self.delimiter, ""), encoding)))


_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


class UnreadableAnswer(ValueError):
    """The answer cannot become records.

    `code` is parse_error, truncated, empty_answer, unsupported_content, too_deep, too_large,
    records_not_found, records_wrong_type or too_many_columns; `sentence` tells the person what was found and
    what to do; `kind` is what the answer was taken for.
    """

    def __init__(self, code: str, sentence: str, kind: Kind = Kind.JSON) -> None:
        self.code = code
        self.sentence = sentence
        self.kind = kind
        super().__init__(sentence)


def too_deep(kind: Kind = Kind.JSON) -> UnreadableAnswer:
    return UnreadableAnswer("too_deep", f"The answer is nested more than {MAX_DEPTH} levels deep.", kind)
