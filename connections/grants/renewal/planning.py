"""When to refresh next: before the end, before a grant falls asleep, and after a failure."""

import random
from datetime import datetime, timedelta

from connections import oauth2
from connections.models import SHORTEST_SPACING, ConnectionState

_SHORTEST_MARGIN, _LONGEST_MARGIN = timedelta(seconds=5), timedelta(minutes=10)
_LONGEST_JITTER = timedelta(minutes=2)
# Of a life that each refresh begins anew, the part after which one is due, used or not.
_KEEP_ALIVE = (0.5, 0.7)

# After a failure that may heal: 15 s, doubled each time up to 15 minutes, later an hour. Some 13 tries
# in the first two hours.
_FIRST_GAP, _LONGEST_GAP = timedelta(seconds=15), timedelta(minutes=15)
_LONG_OUTAGE_TRIES, _LONG_OUTAGE_GAP = 14, timedelta(hours=1)
_MISCONFIGURED_GAP = timedelta(hours=6)
# After refusals that nobody understands: five tries within a day, then a person has to look.
_REFUSAL_GAPS = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3), timedelta(hours=12))
# One connection's trouble may be its own; the other connections of the client wait for this long at most.
_LONGEST_CIRCUIT_GAP = timedelta(minutes=5)
# A server that renews only what is about to end: half a minute before that, it does.
_EARLY_BEFORE_END, _EARLY_AGAIN = timedelta(seconds=30), timedelta(seconds=15)
_JITTER = 0.25

_chance = random.SystemRandom()


def refresh_moment(
    obtained_at: datetime,
    life: timedelta | None,
    *,
    is_renewable: bool,
    idle_life: timedelta | None = None,
    needs_living_token: bool = False,
    renews_late: bool = False,
) -> datetime | None:
    """When the background should renew a token; None: never by itself.

    A fifth of its life before its end, at least 5 seconds and at most 10 minutes, and a little earlier by
    chance, so that tokens made in one minute are not renewed in one second; never sooner than half a minute
    after it came. Halfway through `idle_life`,
    after which an unused grant ends; and halfway through its life where only a living token can be traded,
    because after its end no second try would help. In its last half minute where the server calls anything
    sooner too early.
    """
    if not is_renewable:
        return None
    moments = []
    if life is not None:
        margin = min(max(life / 5, _SHORTEST_MARGIN), _LONGEST_MARGIN)
        if renews_late:
            margin = min(margin, _late_margin())
        jitter = timedelta() if renews_late else min(life / 20, _LONGEST_JITTER) * _chance.random()
        moments.append(max(life - margin - jitter, life / 2))
    kept_alive = [idle_life, life if needs_living_token else None]
    moments += [each * _chance.uniform(*_KEEP_ALIVE) for each in kept_alive if each is not None]
    return obtained_at + max(min(moments), SHORTEST_SPACING) if moments else None


def moment_after_early(expires_at: datetime | None, at: datetime) -> datetime:
    """When to ask again a server that has called a refresh too early."""
    again = at + _EARLY_AGAIN
    if expires_at is None:
        return again
    return max(expires_at - _late_margin(), again)


def _late_margin() -> timedelta:
    # Soon after the earliest moment that such a server accepts, so that there is time for another try.
    return _EARLY_BEFORE_END * (1 - _JITTER * _chance.random())


def state_after(failure: oauth2.TokenRequestFailed, refusals: int) -> ConnectionState:
    """How a connection is after a failed refresh; `refusals` counts those in words that nobody knows."""
    if isinstance(failure, oauth2.GrantRejected) or refusals > len(_REFUSAL_GAPS):
        return ConnectionState.NEEDS_REAUTH
    if isinstance(failure, oauth2.ClientRejected):
        return ConnectionState.CONFIG_ERROR
    return ConnectionState.RETRYING


def gap_after(
    failure: oauth2.TokenRequestFailed, state: ConnectionState, *, failures: int, refusals: int
) -> timedelta | None:
    """Until the next try, longer each time, never the same for two connections; None: no more by itself."""
    if state == ConnectionState.NEEDS_REAUTH:
        return None
    if state == ConnectionState.CONFIG_ERROR:
        gap = _MISCONFIGURED_GAP
    elif isinstance(failure, oauth2.UnknownRefusal):
        gap = _REFUSAL_GAPS[refusals - 1]
    elif failures >= _LONG_OUTAGE_TRIES:
        gap = _LONG_OUTAGE_GAP
    else:
        gap = min(_FIRST_GAP * 2**failures, _LONGEST_GAP)
    return max(gap, failure.retry_after or timedelta()) * (1 + _JITTER * _chance.random())


def circuit_gap(failures: int) -> timedelta:
    """How long a server is left alone by all connections of a client after so many failures in a row."""
    doubled: int = 2 ** min(failures - 1, 10)
    return min(_FIRST_GAP * doubled, _LONGEST_CIRCUIT_GAP)
