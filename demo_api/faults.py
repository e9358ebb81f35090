"""How a server misbehaves on request: knobs that stay, faults that happen once, pages that are held.

Plain data and threading, no sockets: the same can be asked for in the test process and over HTTP.
"""

import threading
from dataclasses import dataclass, field
from typing import Literal

from demo_api.data import CONTACTS
from demo_api.messages import Answer

# Whoever holds a page and forgets to let go of it must not hang a test run.
LONGEST_HOLD = 60.0


@dataclass(slots=True)
class Knobs:
    """What may be changed while the server runs, besides the Policy. Times in seconds."""

    coop: bool = False
    """Pages say `Cross-Origin-Opener-Policy: same-origin`, which cuts the popup from its opener."""
    token_latency: float = 0
    api_latency: float = 0
    clock_offset: float = 0
    """How far the server's clock is ahead of this machine's, in its Date header too."""
    contacts: int = CONTACTS
    token_answer_with: dict[str, object] = field(default_factory=dict, repr=False)
    """Members put over those of a successful token answer."""
    token_answer_without: tuple[str, ...] = ()
    """Members left out of a successful token answer."""
    token_answer_is_form: bool = False
    token_answer_content_type: str = ""
    """What a successful token answer says it is; empty for the truth."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens instead of, or after, a proper answer."""

    path: str
    page: int | None = None
    """Only requests for this page; None for all."""
    answer: Answer | None = None
    drop: Literal["", "before", "after"] = ""
    """Close the connection without an answer: before the request has any effect, or after it had."""


class Faults:
    """Faults waiting for the request that they are meant for. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, int | None]] = []

    def add(self, fault: Fault, times: int | None) -> None:
        """Have it happen `times` times; None: until clear()."""
        with self._lock:
            self._waiting.append((fault, times))

    def take(self, path: str, page: int) -> Fault | None:
        """The fault meant for this request, if any; the oldest first."""
        with self._lock:
            for index, (fault, times) in enumerate(self._waiting):
                if fault.path == path and fault.page in (None, page):
                    if times is not None and times <= 1:
                        del self._waiting[index]
                    elif times is not None:
                        self._waiting[index] = (fault, times - 1)
                    return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()


class Holds:
    """Requests that get no answer until somebody lets go. Safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: list[tuple[str, int | None]] = []
        self._waiting = 0

    def hold(self, path: str, page: int | None = None) -> None:
        """Let every request for this path (and page) wait until release()."""
        with self._changed:
            self._held.append((path, page))

    def release(self) -> None:
        """Let all go on, and hold no more."""
        with self._changed:
            self._held.clear()
            self._changed.notify_all()

    def wait_until_held(self, timeout: float = 10) -> bool:
        """Wait for a request that waits here; whether one came within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting > 0, timeout)

    def pass_through(self, path: str, page: int) -> None:
        """Called for each request: returns when nothing holds it any more."""

        def is_free() -> bool:
            return not any(held in ((path, None), (path, page)) for held in self._held)

        with self._changed:
            if is_free():
                return
            self._waiting += 1
            self._changed.notify_all()
            try:
                self._changed.wait_for(is_free, LONGEST_HOLD)
            finally:
                self._waiting -= 1
