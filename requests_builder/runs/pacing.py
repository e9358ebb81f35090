"""How fast a host is called: by what people have set, what the API has said, and what was found out.

Every request to a host with a known limit reserves its moment with one conditional UPDATE, so all workers
together keep to it. Where the API refuses and does not say what it allows, half of what was too much is
tried, and from there a little more with each quiet hour (additive increase, multiplicative decrease).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest

from requests_builder.limits import Allowance, Policy
from requests_builder.models import Pace
from requests_builder.runs import hosts
from requests_builder.runs.clock import Clock

# Longer than this, nobody may ask us to wait.
LONGEST_WAIT = timedelta(hours=1)
# A limit that counts by the clock of the other side, which is not ours.
MARGIN = timedelta(seconds=0.2)
# Of what an API says that it allows; others may call it, too.
SHARE = 0.9
# Seconds by which one request may arrive later than the next one, on a busy machine or a long way.
LAG = 0.25
# Requests per second: the first try, the fewest, and the most that are worth a statement each.
FIRST_RATE = 1.0
LEAST_RATE = 1 / 3600
MOST_RATE = 200.0
# Windows that are long enough for some requests at once after a pause: a tenth of the quota, for 0.1 + 0.8.
LONG_WINDOW = 10.0
QUIET = timedelta(hours=1)
VERY_QUIET = timedelta(days=1)
# Rows that say nothing any more, and what was found out and not used for long, go.
FORGOTTEN_AFTER = timedelta(hours=1)
UNUSED_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Found:
    """The rate that is gone by, how many may leave at once, and the rate that was too much."""

    rate: float
    burst: float = 1.0
    failed_rate: float | None = None


def after_refusal(rate: float | None, policy: Policy | None, seen_rate: float) -> Found:
    """What to go by after the API has refused a request at this rate (None: as fast as we could).

    `seen_rate`: how fast it has taken requests so far, as far as one run can tell.
    """
    if policy is not None:
        told = _told(policy)
        if rate is None or rate > told.rate:
            return told
    if rate is None:
        first = min(max(FIRST_RATE, seen_rate / 2), MOST_RATE)
        return Found(first, failed_rate=2 * first)
    return Found(max(rate / 2, LEAST_RATE), failed_rate=rate)


def _told(policy: Policy) -> Found:
    if policy.window < LONG_WINDOW:
        return Found(max(policy.quota * SHARE / (policy.window + LAG), LEAST_RATE))
    burst = max(policy.quota // 10, 1)
    return Found(max((policy.quota * SHARE - burst) / policy.window, LEAST_RATE), burst)


def after_quiet(found: Found, since_refusal: timedelta) -> Found:
    """What to go by after another quiet hour."""
    failed = found.failed_rate or found.rate / SHARE
    if since_refusal >= VERY_QUIET:
        # What was too much yesterday need not be today.
        failed = max(failed, 2 * found.rate)
    rate = min(found.rate + failed / 20, max(failed * SHARE, found.rate), MOST_RATE)
    return Found(rate, found.burst, failed)


def take_turn(caller: hosts.Caller, clock: Clock) -> None:
    """Wait until a request may leave, for a second at most. Raises Held if that is later.

    Costs nothing where no limit is known, and one statement where one is.
    """
    now = clock()
    hosts.known.refresh(now, hosts.STALE)
    pace, rate = hosts.known.pace(caller), hosts.known.rate(caller)
    if pace is None and rate is None:
        return
    pace = _grown(pace, now) if pace else _row(caller)
    slot = _reserve(pace, rate, now)
    if slot is not None:
        _remind(slot + (1 / rate if rate else 0), now)
        clock.sleep(slot - now.timestamp())
    elif (place := _place_in_line(pace, rate)) is not None:
        raise hosts.later(place, now)
    else:
        # Nothing was left to obey, and it was swept away.
        hosts.known.forget(pace)


def _reserve(pace: Pace, rate: float | None, now: datetime) -> float | None:
    """The moment of the next request, which nobody else gets; None if that is more than a second away."""
    interval, moment = 1 / rate if rate else 0.0, now.timestamp()
    # As if the last one had been so long ago: what may leave at once.
    idle = moment - interval * (pace.burst - 1)
    after = _moved_on(
        "free_at = {largest}(free_at, %s) + %s WHERE id = %s AND free_at <= %s RETURNING free_at",
        [idle, interval, pace.pk, moment + hosts.MOST_SLEPT],
    )
    return None if after is None else max(after - interval, moment)


def _remind(free_at: float, now: datetime) -> None:
    """Have somebody look for runs that were kept back when the next one may leave."""
    hosts.reminders.note(datetime.fromtimestamp(free_at - hosts.MOST_SLEPT, UTC), now)


def _place_in_line(pace: Pace, rate: float | None) -> float | None:
    """When a run that was sent away may come back; None if the row is gone."""
    interval = 1 / rate if rate else 0.01
    after = _moved_on(
        "line_at = {largest}(line_at, free_at) + %s WHERE id = %s RETURNING line_at", [interval, pace.pk]
    )
    return None if after is None else after - interval - hosts.MOST_SLEPT / 2


def _moved_on(what: str, values: list[Any]) -> float | None:
    largest = "MAX" if connection.vendor == "sqlite" else "GREATEST"
    table = connection.ops.quote_name(Pace._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {what.format(largest=largest)}", values)  # noqa: S608 - our own names
        found = cursor.fetchone()
    return float(found[0]) if found else None


def _grown(pace: Pace, now: datetime) -> Pace:
    """With a little more after a quiet hour; of several processes, one does that."""
    if pace.rate is None or pace.slowed_at is None or pace.changed_at is None:
        return pace
    if now - pace.changed_at < QUIET:
        return pace
    found = after_quiet(Found(pace.rate, pace.burst, pace.failed_rate), now - pace.slowed_at)
    unchanged = Pace.objects.filter(pk=pace.pk, changed_at=pace.changed_at)
    unchanged.update(rate=found.rate, failed_rate=found.failed_rate, changed_at=now)
    if (stored := Pace.objects.filter(pk=pace.pk).first()) is None:
        return pace
    hosts.known.learn(stored)
    return stored


def heed(
    caller: hosts.Caller, allowance: Allowance, *, sent_at: datetime, now: datetime, seen_rate: float
) -> None:
    """Keep to what an answer says from now on. Costs nothing if it says nothing that is to be obeyed.

    Of the requests that left before the last refusal was heard, none makes it slower again.
    """
    if not allowance.is_refusal and allowance.wait is None:
        return
    pace = _row(caller)
    if allowance.wait is not None:
        until = now + min(allowance.wait, LONGEST_WAIT) + MARGIN
        said = (
            "It has refused one for being too many" if allowance.is_refusal else "It says that none is left"
        )
        Pace.objects.filter(pk=pace.pk).update(
            free_at=Greatest(F("free_at"), Value(until.timestamp())), not_before=until, reason=f"{said}."
        )
        _remind(until.timestamp(), now)
    if allowance.is_refusal:
        rate = hosts.known.rate(caller)
        found = after_refusal(pace.rate if rate is None else rate, allowance.strictest, seen_rate)
        changes: dict[str, Any] = {"rate": found.rate, "burst": found.burst, "failed_rate": found.failed_rate}
        earlier = Pace.objects.filter(Q(slowed_at=None) | Q(slowed_at__lt=sent_at), pk=pace.pk)
        earlier.update(**changes, slowed_at=now, changed_at=now)
    elif pace.rate is None and allowance.strictest is not None:
        # Nothing is left, and how much there is at a time was told: that is kept to before one is refused.
        found = _told(allowance.strictest)
        unknown = Pace.objects.filter(pk=pace.pk, rate=None)
        unknown.update(rate=found.rate, burst=found.burst, slowed_at=now, changed_at=now)
    if stored := Pace.objects.filter(pk=pace.pk).first():
        hosts.known.learn(stored)


def _row(caller: hosts.Caller) -> Pace:
    team, used, host = caller
    found = Pace.objects.filter(team=team, connection=used, host=host)
    if (pace := found.first()) is None:
        # Somebody else may be as far.
        Pace.objects.bulk_create([Pace(team_id=team, connection_id=used, host=host)], ignore_conflicts=True)
        pace = found.get()
    hosts.known.learn(pace)
    return pace


def sweep(now: datetime) -> None:
    """Remove rows that say nothing any more."""
    silent = Q(rate=None, free_at__lt=(now - FORGOTTEN_AFTER).timestamp())
    unused = Q(free_at__lt=(now - UNUSED_AFTER).timestamp())
    Pace.objects.filter(silent | unused).delete()
