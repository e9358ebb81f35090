"""Trouble and pace of the servers that renew tokens, shared by all workers through the database."""

from datetime import datetime, timedelta
from http import HTTPStatus

from django.conf import settings
from django.db.models import Q

from connections import oauth2
from connections.models import Circuit, Connection, ConnectionState, Token, TokenHost

from .planning import circuit_gap

# How far ahead the background takes its turns at a host.
_AHEAD = timedelta(seconds=1)
# No turn is that far away, unless a clock was set back.
_LONGEST_QUEUE = timedelta(minutes=5)
# One failure may be one connection's own; the second in a row, of whichever, is the server's.
_FAILURES_TO_OPEN = 2
# For how long one that tries for all keeps the others waiting.
_TRIAL = timedelta(seconds=30)


def take_turns(host: str, wanted: int, now: datetime) -> list[datetime]:
    """Up to `wanted` moments of the next second at which this host may be sent a refresh by the background.

    Nobody else is given them, so that all workers together send it REFRESHES_PER_SECOND at most, evenly.
    """
    spacing = timedelta(seconds=1 / settings.REFRESHES_PER_SECOND)
    row, _ = TokenHost.objects.get_or_create(host=host, defaults={"free_at": now})
    is_plausible = now <= row.free_at <= now + _LONGEST_QUEUE
    first = row.free_at if is_plausible else now
    turns = min(wanted, int((now + _AHEAD - first) / spacing))
    if turns <= 0:
        return []
    mine = TokenHost.objects.filter(host=host, free_at=row.free_at)
    if not mine.update(free_at=first + turns * spacing):
        # Somebody else was faster.
        return []
    return [first + turn * spacing for turn in range(turns)]


def circuit_of(connection: Connection) -> Circuit | None:
    """The trouble that others had with its server, or it had itself; None if there was none lately."""
    return Circuit.objects.filter(key=connection.server_key).first()


def waiting_time(circuit: Circuit | None, now: datetime) -> timedelta | None:
    """How long the server is to be left alone; None: ask now, and tell how it went.

    After trouble, one caller is told to ask, for all the others, who wait a little longer.
    """
    if circuit is None or circuit.open_until is None:
        return None
    if circuit.open_until > now:
        return circuit.open_until - now
    return None if may_try(circuit, now) else _TRIAL


def may_try(circuit: Circuit, now: datetime) -> bool:
    """Claim the right to ask a server after its circuit was open; of several workers, one gets True."""
    unclaimed = Circuit.objects.filter(key=circuit.key, open_until=circuit.open_until)
    return unclaimed.update(open_until=now + _TRIAL) == 1


def note_trouble(
    connection: Connection, failure: oauth2.TokenRequestFailed, *, began_at: datetime, now: datetime
) -> None:
    """Leave the server alone, for all of this client, if it asks for that or has failed repeatedly."""
    if isinstance(failure, oauth2.StillGood) or not isinstance(failure, oauth2.ServerUnavailable):
        return
    key = connection.server_key
    circuit, _ = Circuit.objects.get_or_create(
        key=key, defaults={"host": connection.host[:300], "began_at": now}
    )
    failures = circuit.failures + 1
    gap = failure.retry_after or timedelta()
    if not gap and (failure.status == HTTPStatus.TOO_MANY_REQUESTS or failures >= _FAILURES_TO_OPEN):
        gap = circuit_gap(failures)
    # Many are under way when a server goes down. They count as one.
    is_next = Q(failed_at=None) | Q(failed_at__lte=began_at)
    counted = Circuit.objects.filter(is_next, key=key, failures=circuit.failures).update(
        failures=failures, failed_at=now, open_until=now + gap if gap else None
    )
    if not counted and failure.retry_after:
        until = now + failure.retry_after
        Circuit.objects.filter(key=key, open_until__lt=until).update(open_until=until)


def note_recovery(connection: Connection, now: datetime) -> None:
    """The server is well again: whoever waited for that is due now."""
    circuits = Circuit.objects.filter(key=connection.server_key)
    was_open = circuits.filter(open_until__isnull=False).exists()
    circuits.delete()
    if was_open:
        Token.objects.filter(
            server_key=connection.server_key, failures__gt=0, refresh_at__gt=now, refusals=0
        ).exclude(connection__state=ConnectionState.CONFIG_ERROR).update(refresh_at=now)
