"""The corpus of cURL commands, as tests read it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from requests_builder.importing import RequestDraft, parse_curl
from requests_builder.rendering import ApiKey, Authorization, Basic, Bearer

USUAL: dict[str, Any] = {
    "method": "GET",
    "url": "",
    "headers": [],
    "kind": "none",
    "text": "",
    "pairs": [],
    "media_type": "",
    "authorization": [],
    "timeout": None,
    "redirects": None,
}


@dataclass(frozen=True)
class Line:
    """One command. `meaning`: what it must become; None: it is refused, with `refused` in the sentence."""

    command: str
    meaning: dict[str, Any] | None
    says: tuple[str, ...]
    refused: str

    def __str__(self) -> str:
        return " ".join(self.command.split())[:70]

    @property
    def draft(self) -> RequestDraft:
        return parse_curl(self.command).draft


def _line(row: dict[str, Any]) -> Line:
    told = {name: value for name, value in row.items() if name not in ("command", "says", "refused")}
    assert told.keys() <= USUAL.keys(), told.keys()
    meaning = None if "refused" in row else {**USUAL, **told}
    return Line(row["command"], meaning, tuple(row.get("says", ())), row.get("refused", ""))


_TEXT = Path(__file__).with_name("curl_corpus.toml").read_text()
CORPUS = [_line(row) for row in tomllib.loads(_TEXT)["line"]]
READ = [line for line in CORPUS if line.meaning]
REFUSED = [line for line in CORPUS if not line.meaning]


def meaning_of(draft: RequestDraft) -> dict[str, Any]:
    """A draft in the words of the corpus."""
    return {
        "method": draft.method,
        "url": draft.url,
        "headers": [list(pair) for pair in draft.headers],
        "kind": draft.body.kind,
        "text": draft.body.text,
        "pairs": [list(pair) for pair in draft.body.pairs],
        "media_type": draft.body.media_type,
        "authorization": _in_words(draft.authorization),
        "timeout": draft.timeout_seconds,
        "redirects": draft.follow_redirects,
    }


def _in_words(authorization: Authorization) -> list[str]:
    match authorization:
        case Basic(username=username, password=password):
            return ["basic", username, password]
        case Bearer(token=token):
            return ["bearer", token]
        case ApiKey(place=place, name=name, value=value):
            return ["api_key", str(place), name, value]
    return []
