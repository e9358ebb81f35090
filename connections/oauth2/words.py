"""Words of a provider, made fit to be shown: without our secrets, without tricks, of bounded length."""

import base64
import re
from collections.abc import Iterable
from html import escape
from urllib.parse import quote, quote_plus

MAX_LENGTH = 500
_MASK = "•••"
# A shorter "secret" would blank out the text around it and tell by the gaps what it is.
_SHORTEST_SECRET = 4
_MARKUP = re.compile(r"<[^<>]{0,1000}>")
# A member of an answer that could not be parsed, in JSON or in a form, whose value is nobody's to see.
_CREDENTIAL = re.compile(
    r"""((?:access|refresh|id|session)_?token|client_?secret|code_verifier)(["']?\s*[:=]\s*["']?)[^\s"'&,;<>}]+""",
    re.IGNORECASE,
)


def mask(text: str, secrets: Iterable[str]) -> str:
    """`text` without the secrets, in whichever spelling they came back."""
    spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, _MASK)
    return text


def without_credentials(text: str) -> str:
    """A piece of an unreadable answer without the tokens that stand in it."""
    return _CREDENTIAL.sub(rf"\1\2{_MASK}", text)


def fit(text: str) -> str:
    """`text` on one line of at most 500 characters, all of them printable."""
    text = "".join(char if char.isprintable() else " " for char in text[: 4 * MAX_LENGTH])
    text = " ".join(text.split())
    return text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Both: the mask goes on before the cut, because half a secret is no longer recognized."""
    return fit(mask(text, secrets))


def without_markup(page: str) -> str:
    """What is left of an HTML or XML page for a reader."""
    return " ".join(_MARKUP.sub(" ", page[:4000]).split())


def _spellings(secret: str) -> Iterable[str]:
    if len(secret) < _SHORTEST_SECRET:
        return
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield escape(secret)
    yield secret.replace("/", "\\/")
    yield base64.b64encode(secret.encode()).decode()
