"""What stands in a request for something that its reader is to fill in: `$TOKEN`, `<id>`, YOUR_KEY."""

import re
from collections.abc import Iterable

from .drafts import RequestDraft, secrets_of, texts_of

_MOST_NAMED = 12
_PLACEHOLDER = re.compile(
    r"\$[A-Z][A-Z0-9_]*\b|\$\{[A-Za-z_][\w.-]{0,100}\}"
    r"|<[A-Za-z][\w .:-]{0,60}>"
    r"|\b[Yy](?:OUR|our)[_-][A-Za-z0-9_-]+"
    r"|\[(?:YOUR|your)[ _-][\w -]{1,60}\]"
    r"|(?<!\{)\{(?:YOUR|your|API|api|ACCESS|access)[_-]\w{1,60}\}(?!\})"
)
_IN_PATH = re.compile(r"(?<!\{)\{[A-Za-z_][\w.-]{0,60}\}(?!\})|(?<=/):[A-Za-z_]\w{0,60}")


def note_on_placeholders(draft: RequestDraft, variables: Iterable[str] = ()) -> tuple[str, ...]:
    """One sentence that names everything to be replaced, or none. `variables`: those of a shell."""
    is_xml = draft.body.kind == "xml"
    found = list(dict.fromkeys(variables))
    for text in [*texts_of(draft), *secrets_of(draft)]:
        found += [
            name
            for name in _PLACEHOLDER.findall(text)
            if not (is_xml and text is draft.body.text and name.startswith("<"))
        ]
    found += _IN_PATH.findall(draft.url.partition("?")[0].partition("://")[2])
    names = list(dict.fromkeys(found))
    if not names:
        return ()
    shown = ", ".join(names[:_MOST_NAMED]) + (" and more" if len(names) > _MOST_NAMED else "")
    return (f"Replace what only stands for a value: {shown}. It was kept as text.",)
