"""How long tokens live, from the many ways in which servers tell it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite

from .documents import claims_of

LONGEST_LIFE = timedelta(days=3650)
# How far apart two ways of telling the same expiry may be before the earlier one is believed.
CLOCK_SKEW = timedelta(minutes=2)

# From here on a number of seconds would lie beyond the year 5000: it counts milliseconds.
_MILLISECONDS_FROM = 1e11
# `expires` is a number of seconds at some, and a moment at others: none lives for thirty years.
_MOMENT_FROM = 1e9

_LIVES = ("expires_in", "expires_in_sec", "expires")
_MOMENTS = (
    "expires_at",
    "expires_on",
    "expiresAt",
    "access_token_expires_at",
    "access_token_expiration",
    "expires",
)
_REFRESH_LIVES = (
    "refresh_token_expires_in",
    "refresh_expires_in",
    "x_refresh_token_expires_in",
    "refreshTokenExpiresIn",
)
_REFRESH_MOMENTS = (
    "refresh_token_expires_at",
    "refresh_expires_at",
    "refresh_token_expiration",
    "refreshTokenExpiresAt",
)


def access_life(document: Mapping[str, object], token: str, server_now: datetime) -> timedelta | None:
    """How long the access token lives from now on; None when nobody knows.

    Absolute moments are the server's: its own clock, `server_now`, tells how far off they are.
    """
    told, moments = _told(document, _LIVES), _told_as_moments(document, _MOMENTS)
    if not told and not moments and (hinted := _moment(claims_of(token).get("exp"))) is not None:
        # Only a hint: the token is not ours to read. Never one that says it is dead already.
        moments = [hinted]
    return _shorter(told, moments, server_now)


def refresh_life(document: Mapping[str, object], server_now: datetime) -> timedelta | None:
    """How long the refresh token lives from now on; None when it was not said."""
    return _shorter(_told(document, _REFRESH_LIVES), _told_as_moments(document, _REFRESH_MOMENTS), server_now)


def says_no_end(document: Mapping[str, object]) -> bool:
    """Whether the answer tells that the refresh token has no end, which Keycloak does by a zero."""
    return any(_number(value) == 0 for value in _named(document, _REFRESH_LIVES))


def _told(document: Mapping[str, object], names: Sequence[str]) -> list[timedelta]:
    """The first life among the members of these names, if there is one."""
    return [life for life in map(_seconds, _named(document, names)) if life is not None][:1]


def _told_as_moments(document: Mapping[str, object], names: Sequence[str]) -> list[datetime]:
    """The first moment among the members of these names, if there is one."""
    return [moment for moment in map(_moment, _named(document, names)) if moment is not None][:1]


def _shorter(told: list[timedelta], moments: list[datetime], server_now: datetime) -> timedelta | None:
    lives = [life for life in (*told, *(moment - server_now for moment in moments)) if life > timedelta()]
    if len(lives) == 2 and abs(lives[0] - lives[1]) <= CLOCK_SKEW:
        return lives[0]
    return min((*lives, LONGEST_LIFE)) if lives else None


def _named(document: Mapping[str, object], names: Sequence[str]) -> list[object]:
    """The members of these names; `expires` once as a life and once as a moment, by its size."""
    found = {name: document[name] for name in names if document.get(name) is not None}
    if "expires" in found:
        number = _number(found["expires"])
        is_moment = number is None or number >= _MOMENT_FROM
        if is_moment == (names is _LIVES):
            del found["expires"]
    return list(found.values())


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _seconds(value: object) -> timedelta | None:
    number = _number(value)
    if number is None or number <= 0:
        return None
    return timedelta(seconds=min(number, LONGEST_LIFE.total_seconds()))


def _moment(value: object) -> datetime | None:
    """A moment from seconds or milliseconds since 1970, or from ISO 8601."""
    number = _number(value)
    try:
        if number is not None:
            return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS_FROM else number, UTC)
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.strip())
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
