"""What an answer says about how many requests the API takes, by any of the usual headers. PURE.

Retry-After (RFC 9110 §10.2.3); RateLimit and RateLimit-Policy in all forms that the drafts of the IETF have
had (draft-ietf-httpapi-ratelimit-headers); and the many `X-RateLimit-…` of before, in which a name says what
is counted: `X-Rate-Limit-Remaining`, `X-HubSpot-RateLimit-Remaining`, `X-RateLimit-Remaining-Minute`.
"""

import email.utils
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

# Headers that lead nowhere are cut off: a server may send what it likes.
_LONGEST_VALUE = 1_000
_LONGEST_WAIT = timedelta(days=366)
# Where all is used up and nobody says until when.
_SOON = timedelta(seconds=1)
# GitHub answers 403 in place of 429, and many services 503.
_MAY_BE_REFUSALS = frozenset({403, 420})
_SAY_WHEN = frozenset({403, 408, 420, 425, 429})
# X-RateLimit-Reset: seconds until then, or the moment in seconds or milliseconds since 1970.
_LEAST_EPOCH = 1e9
_LEAST_EPOCH_MS = 1e11

_NAME = re.compile(r"(?:x-)?(?:(?P<vendor>[a-z0-9]+)-)?rate-?limit(?:-(?P<words>[a-z0-9-]+))?")
_CALL_LIMIT = re.compile(r"x-shopify-shop-api-call-limit")
_NUMBER = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*(?:[,;].*)?")
_PARTS_OF_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PARTS_OF_DURATION.pattern})+")
_SECONDS_OF_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SECONDS_OF_WORDS = {
    "second": 1.0,
    "secondly": 1.0,
    "minute": 60.0,
    "minutely": 60.0,
    "hour": 3600.0,
    "hourly": 3600.0,
    "day": 86400.0,
    "daily": 86400.0,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """`quota` requests in each `window` of seconds."""

    quota: float
    window: float

    @property
    def rate(self) -> float:
        """In requests per second."""
        return self.quota / self.window


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left, by what one answer says.

    `is_refusal`: it was refused because there were too many requests, and was not acted on. `wait`: how long
    nothing should be sent; None if nobody says so. `remaining`: how many requests may be sent until then.
    """

    is_refusal: bool = False
    wait: timedelta | None = None
    remaining: int | None = None
    policies: tuple[Policy, ...] = ()

    @property
    def strictest(self) -> Policy | None:
        """The policy that allows the fewest requests in the long run."""
        return min(self.policies, key=lambda policy: policy.rate, default=None)


NOTHING_SAID = Allowance()


@dataclass(slots=True)
class _Window:
    """What the headers of one kind say."""

    limit: float | None = None
    remaining: float | None = None
    reset: timedelta | None = None
    seconds: float | None = None


@dataclass(slots=True)
class _Said:
    retry_after: timedelta | None = None
    windows: dict[str, _Window] = field(default_factory=dict)
    policies: list[Policy] = field(default_factory=list)

    def window(self, name: str) -> _Window:
        return self.windows.setdefault(name, _Window())


def read(status: int, headers: Sequence[tuple[str, str]], now: datetime) -> Allowance:
    """What an answer with this status and these headers says."""
    said = _Said()
    for name, value in headers:
        lower = name.lower()
        # Most answers say nothing of the kind: that must cost nothing.
        if "limit" in lower or lower == "retry-after":
            _hear(said, lower, value[:_LONGEST_VALUE], now)
    if not said.windows and said.retry_after is None and not said.policies:
        return NOTHING_SAID if status != HTTPStatus.TOO_MANY_REQUESTS else Allowance(is_refusal=True)
    return _weighed(status, said)


def _weighed(status: int, said: _Said) -> Allowance:
    windows = list(said.windows.values())
    spent = [window for window in windows if window.remaining is not None and window.remaining < 1]
    says_when = (
        said.retry_after if status in _SAY_WHEN or status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
    )
    is_refusal = status == HTTPStatus.TOO_MANY_REQUESTS or (
        status in _MAY_BE_REFUSALS and bool(says_when is not None or spent)
    )
    waits = [_wait_of(window) for window in spent]
    if is_refusal and not spent:
        waits = [window.reset for window in windows if window.reset is not None and window.remaining is None]
    # What is meant for this very answer goes before what is counted.
    wait = says_when if says_when is not None else max(waits, default=None)
    left = [window.remaining for window in windows if window.remaining is not None]
    policies = [
        *said.policies,
        *(Policy(window.limit, window.seconds) for window in windows if window.limit and window.seconds),
    ]
    return Allowance(
        is_refusal=is_refusal,
        wait=None if wait is None else min(wait, _LONGEST_WAIT),
        remaining=int(min(left)) if left else None,
        policies=tuple(dict.fromkeys(policies)),
    )


def _wait_of(window: _Window) -> timedelta:
    if window.reset is not None:
        return window.reset
    return timedelta(seconds=window.seconds) if window.seconds else _SOON


def _hear(said: _Said, name: str, value: str, now: datetime) -> None:
    if name == "retry-after":
        said.retry_after = retry_after(value, now)
    elif name == "ratelimit":
        _hear_state(said, value, now)
    elif name == "ratelimit-policy":
        said.policies += _policies_in(value)
    elif _CALL_LIMIT.fullmatch(name):
        used, _, most = value.partition("/")
        if (begun := _number(used)) is not None and (limit := _number(most)) is not None:
            said.window("shopify").remaining = max(limit - begun, 0)
    elif match := _NAME.fullmatch(name):
        _hear_count(said, match["vendor"] or "", (match["words"] or "").split("-"), value, now)


def _hear_count(said: _Said, vendor: str, words: list[str], value: str, now: datetime) -> None:
    """A header of its own for each number: what it counts is in its name."""
    if words == ["limit"] and (policies := list(_policies_in(value))):
        # An early draft: the limit, and after it the policies.
        said.policies += policies
    known = {"limit", "max", "remaining", "reset", "after", "interval", "milliseconds"}
    scope = [word for word in words if word not in known]
    window = said.window(" ".join([vendor, *scope]))
    for word in scope:
        window.seconds = _SECONDS_OF_WORDS.get(word, window.seconds)
    if "reset" in words:
        window.reset = _reset(value, now, is_span="after" in words)
        return
    if (number := _number(value)) is None:
        return
    if "interval" in words:
        window.seconds = number / 1000 if "milliseconds" in words else number
    elif "remaining" in words:
        window.remaining = number
    elif {"limit", "max"} & set(words) or (scope and scope[-1] in _SECONDS_OF_WORDS):
        window.limit = number


def _hear_state(said: _Said, value: str, now: datetime) -> None:
    """`"default";r=50;t=30`; in an earlier draft `limit=100, remaining=50, reset=30`."""
    for item in value.split(","):
        name, parameters = _item(item)
        if not parameters and "=" in item:
            word, _, number = item.strip().partition("=")
            _hear_count(said, "", [word.strip().lower()], number, now)
            continue
        window = said.window(name)
        if (left := _number(parameters.get("r", ""))) is not None:
            window.remaining = left
        if (seconds := _number(parameters.get("t", ""))) is not None:
            window.reset = timedelta(seconds=min(seconds, _LONGEST_WAIT.total_seconds()))


def _policies_in(value: str) -> Iterator[Policy]:
    """`"burst";q=100;w=60`; in earlier drafts `100;w=60`."""
    for item in value.split(","):
        name, parameters = _item(item)
        # Some count bytes, or what runs at the same time.
        if parameters.get("qu", "requests").strip('"') != "requests":
            continue
        quota, window = _number(parameters.get("q", name)), _number(parameters.get("w", ""))
        if quota and window:
            yield Policy(quota, window)


def _item(text: str) -> tuple[str, dict[str, str]]:
    name, *rest = (part.strip() for part in text.split(";"))
    parameters = (part.partition("=") for part in rest if "=" in part)
    return name.strip('"'), {key.strip().lower(): value.strip() for key, _, value in parameters}


def retry_after(value: str, now: datetime) -> timedelta | None:
    """How long to wait, by seconds or by a date; None if it cannot be read.

    Fractions are not in RFC 9110, but Shopify sends `2.0`.
    """
    if (number := _number(value)) is not None:
        return timedelta(seconds=min(number, _LONGEST_WAIT.total_seconds()))
    moment = _moment(value)
    return None if moment is None else _until(moment, now)


def _reset(value: str, now: datetime, *, is_span: bool) -> timedelta | None:
    if (number := _number(value)) is None:
        if _DURATION.fullmatch(value.strip()):
            parts = _PARTS_OF_DURATION.findall(value)
            number = sum(float(count) * _SECONDS_OF_UNITS[unit] for count, unit in parts)
        else:
            moment = _moment(value)
            return None if moment is None else _until(moment, now)
    elif not is_span and number >= _LEAST_EPOCH:
        seconds = number / 1000 if number >= _LEAST_EPOCH_MS else number
        return max(timedelta(seconds=seconds - now.timestamp()), timedelta(0))
    return timedelta(seconds=min(number, _LONGEST_WAIT.total_seconds()))


def _until(moment: datetime, now: datetime) -> timedelta:
    return max(moment - now, timedelta(0))


def _moment(value: str) -> datetime | None:
    """A date as HTTP writes it, or ISO 8601."""
    text = value.strip()
    for parse in (email.utils.parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        # A date in the form of asctime has no zone; all dates of HTTP are in GMT (RFC 9110 §5.6.7).
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _number(text: str) -> float | None:
    match = _NUMBER.fullmatch(text) if text.isascii() else None
    return float(match[1]) if match else None
