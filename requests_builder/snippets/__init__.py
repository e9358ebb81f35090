"""A request written out for other programs: cURL, Python, JavaScript. PURE.

No secret is in what is written: where one goes, the name of an environment variable stands. All other text is
quoted so that neither a shell nor a language takes any of it for its own.
"""

from dataclasses import dataclass

from requests_builder.importing import RequestDraft

from .curl import curl
from .javascript import javascript, note_on_fetch
from .messages import message_of
from .python import python

__all__ = ["Snippet", "curl", "javascript", "python", "snippets"]


@dataclass(frozen=True, slots=True)
class Snippet:
    """The request in one language, and what to say about it."""

    slug: str
    label: str
    text: str
    notes: tuple[str, ...]


def snippets(draft: RequestDraft) -> tuple[Snippet, ...]:
    """The request in each language."""
    notes = message_of(draft).notes
    refusal = note_on_fetch(draft)
    return (
        Snippet("curl", "cURL", curl(draft), notes),
        Snippet("python", "Python", python(draft), notes),
        Snippet("javascript", "JavaScript", javascript(draft), (refusal, *notes) if refusal else notes),
    )
