"""How the token and revocation endpoints say no (RFC 6749 §5.2, RFC 7009 §2.2.1), and what it means.

Servers stray: errors with status 200, errors in errors, errors in words only. So the body decides before
the status does.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from .dialect import Meaning, Rule
from .words import fit, mask, masked, without_credentials, without_markup

LONGEST_RETRY_AFTER = timedelta(hours=1)

_DEAD = frozenset(
    {
        "190",  # Meta: the access token has expired or was withdrawn
        "463",
        "bad_auth_code",
        "bad_refresh_token",
        "bad_verification_code",
        "code_already_used",
        "expired_token",
        "invalid_auth_code",
        "invalid_authorization_code",
        "invalid_code",
        "invalid_grant",
        "invalid_refresh_token",
        "invalid_token",
        "refresh_token_expired",
        "token_expired",
        "token_revoked",
    }
)
_CONFIGURATION = frozenset(
    {
        "bad_client_id",
        "bad_client_secret",
        "bad_redirect_uri",
        "incorrect_client_credentials",
        "invalid_client",
        "invalid_client_id",
        "invalid_client_secret",
        "invalid_redirect_uri",
        "invalid_scope",
        "invalid_target",
        "redirect_uri_mismatch",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
    }
)
_TRANSIENT = frozenset(
    {
        "internal_error",
        "internal_server_error",
        "rate_limit_exceeded",
        "rate_limited",
        "ratelimited",
        "server_error",
        "service_unavailable",
        "slow_down",
        "temporarily_unavailable",
        "too_many_requests",
    }
)
_TRANSIENT_STATUSES = frozenset({408, 409, 423, 425, 429})
# Where an error page means that the address or the request is wrong, not that something is down.
_OWN_FAULT_STATUSES = frozenset({400, 401, 404, 405, 410})
# Told in words only: a refresh token that is no more; Exact Online's and Zoho's "not so often".
_DEAD_WORDS = re.compile(
    r"invalid refresh.?token|refresh.?token (?:is |was |has )?(?:been )?(?:invalid|expired|revoked|not found)"
    r"|value passed for the token was invalid"
)
_TRANSIENT_WORDS = re.compile(r"token not expired|too many requests|rate limit")


class TokenRequestFailed(Exception):
    """The endpoint gave nothing usable. `code` and `description` are its own words, fit to be shown.

    `is_lost` tells that the server may have acted on the request although no usable answer came of it.
    """

    def __init__(
        self,
        code: str = "",
        description: str = "",
        *,
        status: int = 0,
        retry_after: timedelta | None = None,
        is_lost: bool = False,
    ) -> None:
        super().__init__(code, description, status)
        self.code = code
        self.description = description
        self.status = status
        self.retry_after = retry_after
        self.is_lost = is_lost

    @property
    def provider_text(self) -> str:
        """Code, description and status in one line."""
        words = ": ".join(filter(None, (self.code, self.description)))
        status = f"HTTP {self.status}" if self.status else ""
        return masked(f"{words} ({status})" if words and status else words or status)


class GrantRejected(TokenRequestFailed):
    """The code or refresh token is no good: only a person at the provider can help."""


class AnotherAccount(GrantRejected):
    """Tokens came, but not those of the account whose grant it is (OpenID Connect §12.2): not to be used."""


class ClientRejected(TokenRequestFailed):
    """The server does not take this client or this request: who edits the connection must mend it."""


class ServerUnavailable(TokenRequestFailed):
    """The server may answer later; not before `retry_after`, when it said so."""


class StillGood(ServerUnavailable):
    """Too early: the server renews a token only shortly before its end, and this one is good until then."""


class UnknownRefusal(TokenRequestFailed):
    """Refused in words that we do not know: worth a few more tries, not endless ones."""


class UnreadableAnswer(TokenRequestFailed):
    """Not refused, but there is no token to be found in it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer as far as it matters here. Names of `headers` are in lower case."""

    status: int
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Words:
    """What a document says about an error; `codes` as they stand, the most telling first."""

    is_error: bool
    codes: tuple[str, ...] = ()
    description: str = ""


_CODE = re.compile(r"[\w.-]{1,100}")
_CODE_NAMES = ("error_code", "errorCode", "errorType", "type", "code", "error", "status", "name")
_DESCRIPTION_NAMES = (
    "error_description",
    "errorDescription",
    "error_message",
    "errorMessage",
    "message",
    "msg",
    "detail",
    "description",
    "reason",
    "title",
)


def first_words(document: object) -> Words:
    """The error in a document, in any of the dialects: flat, nested, listed, a bare string."""
    if isinstance(document, str):
        return Words(True, (), document)
    if isinstance(document, list) and document and isinstance(document[0], dict | str):
        document = {"errors": document}
    if not isinstance(document, dict):
        return Words(False)
    error, errors = document.get("error"), document.get("errors")
    is_refused = document.get("ok") is False or document.get("success") in (False, 0)
    parts = [part[0] if isinstance(part, list) and part else part for part in (error, errors)] + [document]
    codes = dict.fromkeys(code for part in parts for code in _codes(part))
    # Beside an `error` of text stands its description; inside one of another kind.
    worded = reversed(parts) if isinstance(error, str) else parts
    description = next(filter(None, map(_description, worded)), "")
    return Words(bool(error) or bool(errors) or is_refused, tuple(codes), description)


def _codes(part: object) -> Iterator[str]:
    if isinstance(part, str) and _CODE.fullmatch(part):
        yield part
    elif isinstance(part, dict):
        for name in _CODE_NAMES:
            value = part.get(name)
            if isinstance(value, str) and _CODE.fullmatch(value):
                yield value
            elif isinstance(value, int) and not isinstance(value, bool):
                yield str(value)


def _description(part: object) -> str:
    if isinstance(part, str):
        # RFC 6749 §5.2 wants a code here; some put a sentence.
        return "" if _CODE.fullmatch(part) else part
    if not isinstance(part, dict):
        return ""
    value = next(filter(None, (part.get(name) for name in _DESCRIPTION_NAMES)), "")
    try:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""


_MEANINGS: Mapping[Meaning, type[TokenRequestFailed]] = {
    Meaning.DEAD: GrantRejected,
    Meaning.CONFIGURATION: ClientRejected,
    Meaning.TRANSIENT: ServerUnavailable,
    Meaning.STILL_GOOD: StillGood,
}


def failure(
    reply: Reply,
    document: object,
    words: Words,
    *,
    rules: Sequence[Rule] = (),
    now: datetime,
    secrets: tuple[str, ...],
) -> TokenRequestFailed:
    """The exception for an answer without a token: by the server's own rules, its words, then its status.

    `secrets` is what we sent and may get back.
    """
    status = reply.status
    # Some repeat the status as a code, which tells nothing.
    codes = [code for code in words.codes if code != str(status)]
    code = masked(codes[0], secrets)[:100] if codes else ""
    if words.description or document is not None:
        description = masked(words.description, secrets)
    else:
        description = fit(without_credentials(without_markup(mask(reply.text, secrets))))
    is_page = document is None and reply.text.lstrip()[:1] == "<"
    if kind := _by_rule(rules, reply, document) or _kind(status, codes, words, is_page):
        # A server that fails after it rotated the token looks the same as one that failed before.
        is_lost = kind is ServerUnavailable and status >= 500 and status != 503
        return kind(code, description, status=status, retry_after=_retry_after(reply, now), is_lost=is_lost)
    if 300 <= status < 400:
        return UnknownRefusal("redirect", "It answers with a redirect, which is not followed.", status=status)
    there = _what_is_there(reply, document, description)
    if isinstance(document, dict) and description:
        there = f"{there} It says: {description}"
    return UnreadableAnswer(code, fit(there), status=status, is_lost=True)


def _by_rule(rules: Sequence[Rule], reply: Reply, document: object) -> type[TokenRequestFailed] | None:
    """What the server's dialect says of such an answer; None: nothing."""
    fitting = (rule.meaning for rule in rules if rule.fits(reply.status, document, reply.text))
    return next((_MEANINGS[meaning] for meaning in fitting if meaning in _MEANINGS), None)


def _kind(
    status: int, spelled: Sequence[str], words: Words, is_page: bool
) -> type[TokenRequestFailed] | None:
    """By what the caller can do about it; None when it is no refusal at all."""
    codes = {re.sub(r"\W+", "_", code.lower()) for code in spelled}
    said = " ".join((*spelled, words.description[:2000])).lower()
    rules: tuple[tuple[object, type[TokenRequestFailed]], ...] = (
        (codes & _DEAD or (status < 500 and _DEAD_WORDS.search(said)), GrantRejected),
        (codes & _TRANSIENT or status in _TRANSIENT_STATUSES, ServerUnavailable),
        (_TRANSIENT_WORDS.search(said), ServerUnavailable),
        (codes & _CONFIGURATION or (status == 401 and not codes), ClientRejected),
        (status >= 500, ServerUnavailable),
        (status >= 400 and is_page and status not in _OWN_FAULT_STATUSES, ServerUnavailable),
        (status >= 400 or words.is_error, UnknownRefusal),
    )
    return next((kind for applies, kind in rules if applies), None)


def server_time(reply: Reply) -> datetime | None:
    """What the server's clock said (RFC 9110 §6.6.1)."""
    return _http_date(reply.headers.get("date", ""))


def _what_is_there(reply: Reply, document: object, shown: str) -> str:
    kind = reply.headers.get("content-type", "").partition(";")[0].strip()[:50] or "no Content-Type"
    if isinstance(document, dict):
        names = masked(", ".join(sorted(map(str, document))))[:200]
        nested = [name for name, value in document.items() if _has_token(value)]
        if nested:
            return (
                f"The access token is not at the top level of the answer, but in {masked(nested[0])[:100]}."
            )
        if "accessToken" in document:
            return f"The answer writes accessToken where RFC 6749 asks for access_token. It has: {names}."
        return f"The answer has no access_token. It has: {names or 'nothing'}."
    if not reply.text.strip():
        return "The answer is empty."
    if document is not None:
        return "The answer is JSON, but no object."
    return f"The answer is neither JSON nor a form ({masked(kind)}): {shown[:200]}"


def _has_token(value: object) -> bool:
    return isinstance(value, dict) and ("access_token" in value or "accessToken" in value)


def _retry_after(reply: Reply, now: datetime) -> timedelta | None:
    """From Retry-After (RFC 9110 §10.2.3) or X-RateLimit-Reset; at most an hour; None if not readable."""
    value = reply.headers.get("retry-after", "").strip()
    gap: float | None = None
    if re.fullmatch(r"\d{1,20}", value, re.ASCII):
        gap = float(value)
    elif value:
        moment = _http_date(value)
        gap = (moment - (server_time(reply) or now)).total_seconds() if moment else None
    else:
        reset = reply.headers.get("x-ratelimit-reset", "").strip()
        if re.fullmatch(r"\d{10}", reset, re.ASCII):
            gap = float(reset) - now.timestamp()
    if gap is None or gap <= 0:
        return None
    return min(timedelta(seconds=min(gap, 1e6)), LONGEST_RETRY_AFTER)


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
