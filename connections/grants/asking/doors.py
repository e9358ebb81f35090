"""Connections to token endpoints that one thread keeps open from one refresh to the next."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from connections import outbound

# Longer unused, the other side may be about to close it: and then nobody knows whether a request arrived.
_IDLE_SECONDS = 1.0

_open: ContextVar[outbound.Door | None] = ContextVar("door that is kept open", default=None)


@contextmanager
def open_door() -> Iterator[outbound.Door]:
    """The door that is kept open around the caller, or one for this request alone."""
    kept = _open.get()
    if kept is not None:
        yield kept
        return
    with outbound.Door() as door:
        yield door


class Doors:
    """The doors of one thread, one at a time, and never the same for two teams."""

    def __init__(self) -> None:
        self._door: outbound.Door | None = None
        self._team: UUID | int | None = None
        self._used_at = 0.0

    @contextmanager
    def kept_open(self, team: UUID | int) -> Iterator[None]:
        """What is sent inside, on behalf of this team, goes over connections that stay open afterwards."""
        is_old = time.monotonic() - self._used_at > _IDLE_SECONDS
        if self._door is None or self._team != team or is_old:
            self.close()
            self._door, self._team = outbound.Door(), team
        before = _open.set(self._door)
        try:
            yield
        finally:
            _open.reset(before)
            self._used_at = time.monotonic()

    def close(self) -> None:
        """Close what is open."""
        if self._door is not None:
            self._door.close()
            self._door = None
