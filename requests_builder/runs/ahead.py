"""Pages that are asked for before their turn, so that a distant server is not waited for at each page.

Nothing but waiting is saved: answers are taken one after the other, each where its request would have been
sent, and only if it is the answer to that very request. What was asked for in vain is dropped.
"""

import logging
import math
import threading
from collections import Counter, deque
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from connections import grants, outbound
from requests_builder import limits, pagination, rendering
from requests_builder.runs import calls
from requests_builder.runs.problems import PullProblem
from requests_builder.runs.reach import SecretNotAllowed

# Runs of no more pages go in turn: after a kill, such a one asks for a single page twice.
FEW_PAGES = 20
# An answer that begins within so many seconds is not worth a thread.
SOON = 0.01
# What the answers may hold in memory that wait for their turn, for each run.
MOST_BYTES = 16 * 2**20
# "Fewer requests, please", and "not at the moment" (RFC 6585 §4, RFC 9110 §15.6.4).
_PLEAS = frozenset({429, 503})

# How many are left does not depend on what time it is.
EPOCH = datetime.fromtimestamp(0, UTC)

logger = logging.getLogger(__name__)


class Ahead:
    """What one attempt at a run has asked for before its turn.

    Up to RUN_PAGES_AHEAD at the same time, and no more than RUNS_PER_HOST, all runs of this process that ask
    the same host together. It ends for good as soon as the server asks to be spared, a request gets no
    answer, or other pages follow than were foreseen.
    """

    def __init__(self, caller: calls.Caller, run_id: UUID, *, is_on: bool) -> None:
        self._caller = caller
        self._run_id = run_id
        self._is_on = is_on and settings.RUN_PAGES_AHEAD > 0
        self._waited = math.inf
        self._flights: deque[_Flight] = deque()

    def take(self, request: rendering.RenderedRequest) -> calls.Exchange | None:
        """What came of this request, if it was sent already; waits for it. None: it has to be sent."""
        if not self._flights:
            return None
        flight = self._flights.popleft()
        if flight.request != request:
            self._stop("another page follows than was foreseen")
            self._flights.clear()
            return None
        if (answer := flight.wait()) is None:
            self._stop("there was no answer to a request that was sent ahead")
            return None
        if plea := _plea_in(answer):
            self._stop(plea)
        return calls.Exchange(flight.departure, answer)

    def is_worthwhile(self, request: rendering.RenderedRequest, answer: outbound.Answer) -> bool:
        """Whether to look ahead after this answer at all."""
        timings = answer.timings
        before, self._waited = self._waited, timings.first_byte - timings.connect - timings.resolve
        # One answer that is late among quick ones does not make the server a distant one.
        return self._is_on and min(before, self._waited) > SOON and calls.is_safe(request)

    def look(self, outlook: pagination.Outlook, answer: outbound.Answer) -> None:
        """Ask for pages after the one that was answered. Called outside of transactions."""
        if outlook.came + (outlook.remaining or 0) <= FEW_PAGES:
            return
        answers = [answer, *(flight.answer for flight in self._flights if flight.answer)]
        if plea := next(filter(None, map(_plea_in, answers)), ""):
            self._stop(plea)
            return
        if self._flights and self._flights[0].request != outlook.request(1):
            return
        room = MOST_BYTES // (2 * len(answer.body) + 1)
        window = min(_most_at_once(), room, *_left(answer))
        while len(self._flights) < window and (request := outlook.request(len(self._flights) + 1)):
            if not self._ask(request, MOST_BYTES // window):
                break

    def _ask(self, request: rendering.RenderedRequest, most_bytes: int) -> bool:
        """Send the request in a thread of its own; whether that could be done."""
        if sum(flight.most_bytes for flight in self._flights) + most_bytes > MOST_BYTES:
            return False
        try:
            departure = self._caller.ready(request)
        except (
            grants.TokenUnavailable,
            outbound.OutboundError,
            rendering.InvalidRequest,
            SecretNotAllowed,
            PullProblem,
        ):
            # Whatever it is, it is told when it is this page's turn.
            self._stop("a request could not be made ready")
            return False
        host = urlsplit(request.url).netloc
        if not _hosts.take(host, _most_at_once()):
            return False
        self._flights.append(_Flight(self._caller, request, departure, host, most_bytes))
        return True

    def _stop(self, why: str) -> None:
        if self._is_on:
            logger.info("Run %s asks for its pages in turn from now on: %s", self._run_id, why)
            self._is_on = False


class _Flight:
    """A request that is under way, in a thread of its own; `answer` once there is one."""

    def __init__(
        self,
        caller: calls.Caller,
        request: rendering.RenderedRequest,
        departure: calls.Departure,
        host: str,
        most_bytes: int,
    ) -> None:
        self.request = request
        self.departure = departure
        self.most_bytes = most_bytes
        self.answer: outbound.Answer | None = None
        self._thread = threading.Thread(target=self._fly, args=(caller, host), name="ahead", daemon=True)
        self._thread.start()

    def wait(self) -> outbound.Answer | None:
        """The answer as soon as it is there; None if there will be none."""
        self._thread.join()
        return self.answer

    def _fly(self, caller: calls.Caller, host: str) -> None:
        try:
            self.answer = caller.deliver(self.departure, most_bytes=self.most_bytes)
        except outbound.OutboundError:
            # It is sent again in its turn, and what is wrong with it is told then.
            return
        finally:
            _hosts.give_back(host)


class _Hosts:
    """How many requests this process has sent ahead to each host, all its runs together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()

    def take(self, host: str, most: int) -> bool:
        """Count one more, unless there are `most` already; whether it was counted."""
        with self._lock:
            has_room = self._under_way[host] < most
            self._under_way[host] += has_room
            return has_room

    def give_back(self, host: str) -> None:
        with self._lock:
            self._under_way[host] -= 1
            self._under_way += Counter()  # drops what is at zero


_hosts = _Hosts()


def _most_at_once() -> int:
    most: int = min(settings.RUN_PAGES_AHEAD, settings.RUNS_PER_HOST)
    return most


def _plea_in(answer: outbound.Answer) -> str:
    """How this answer asks for fewer requests; empty if it does not."""
    if answer.status in _PLEAS:
        return f"the API answered {answer.status}"
    return "the API answered with Retry-After" if answer.header("Retry-After") else ""


def _left(answer: outbound.Answer) -> tuple[int, ...]:
    """How many requests the API takes at the moment, if it tells."""
    remaining = limits.read(answer.status, answer.headers, EPOCH).remaining
    return () if remaining is None else (remaining,)
