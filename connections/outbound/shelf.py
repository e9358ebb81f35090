"""Open connections without a call, kept for the next one by the same owner to the same origin."""

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from .addresses import Origin

if TYPE_CHECKING:
    from .connecting import GuardedHTTPConnection

# Seconds: a name may lead elsewhere by then, and servers hang up at about that time.
KEPT = 30.0
_Key = tuple[object, Origin]


class Shelf:
    """At most `most` connections, of all owners and to all origins together; those unused for long go.

    Whoever puts one here tells whose it is, and nobody else gets it: what a server has bound to a connection,
    such as an account, stays with its owner.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        # The longest unused first.
        self._kept: OrderedDict[int, tuple[_Key, GuardedHTTPConnection, float]] = OrderedDict()
        self._of: dict[_Key, list[int]] = {}
        self._number = 0

    def take(self, owner: object, origin: Origin) -> "GuardedHTTPConnection | None":
        """The one that was used last."""
        with self._lock:
            old = self._remove_old()
            numbers = self._of.get((owner, origin))
            connection = self._remove(numbers[-1]) if numbers else None
        _close(old)
        return connection

    def put(self, owner: object, origin: Origin, connection: "GuardedHTTPConnection") -> None:
        key = (owner, origin)
        with self._lock:
            self._number += 1
            self._kept[self._number] = key, connection, time.monotonic()
            self._of.setdefault(key, []).append(self._number)
            old = self._remove_old()
        _close(old)

    def clear(self) -> None:
        """Close all."""
        with self._lock:
            kept = [connection for _, connection, _ in self._kept.values()]
            self._kept.clear()
            self._of.clear()
        _close(kept)

    def _remove_old(self) -> "list[GuardedHTTPConnection]":
        """Those that are too many or too old. Called with the lock."""
        removed = []
        until = time.monotonic() - KEPT
        while self._kept:
            number, (_, _, since) = next(iter(self._kept.items()))
            if len(self._kept) <= self._most and since > until:
                break
            removed.append(self._remove(number))
        return removed

    def _remove(self, number: int) -> "GuardedHTTPConnection":
        key, connection, _ = self._kept.pop(number)
        numbers = self._of[key]
        numbers.remove(number)
        if not numbers:
            del self._of[key]
        return connection


def _close(connections: "list[GuardedHTTPConnection]") -> None:
    for connection in connections:
        connection.close()
