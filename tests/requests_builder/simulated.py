"""The real engine on a clock of our own, against an API at the socket that lives by the same clock.

Due times become runs, runs are taken from the queue and executed, one after the other, each on a clock that
stands still but while it sleeps. So an hour of schedules takes seconds, and what the API sees is exact.
"""

import bisect
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from demo_api.listener import Listener
from demo_api.messages import Answer, Request, json_answer
from requests_builder import runs
from requests_builder.runs import hosts, queue
from requests_builder.runs.clock import Clock
from requests_builder.runs.execution import work_on

HANDS = 64


class SimulatedClock(Clock):
    """Stands still, but while somebody sleeps by it."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self.now = self._from = now

    def __call__(self) -> datetime:
        return self.now

    @property
    def seconds(self) -> float:
        return (self.now - self._from).total_seconds()

    def sleep(self, seconds: float) -> None:
        assert seconds < 1.001, "a worker sleeps no longer than a second"
        self.now += timedelta(seconds=max(seconds, 0))


class World:
    """The engine, and an API that answers as `answer` says, at `url`."""

    def __init__(self, now: datetime, answer: Callable[[datetime], Answer]) -> None:
        self.now = self._swept_at = now
        self.clock: Clock = SimulatedClock(now)
        self.seen: list[tuple[datetime, int]] = []
        self._answer = answer

    def __enter__(self) -> Self:
        self._listener = Listener("127.0.0.1", 0, self._respond, lambda: datetime.now(UTC))
        self.port = self._listener.port
        self.url = f"http://127.0.0.1:{self.port}/items"
        threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        self._listener.close_connections()

    def _respond(self, request: Request) -> Answer:
        moment = self.clock()
        answer = self._answer(moment)
        self.seen.append((moment, answer.status))
        return answer

    def go_on(self, span: timedelta, step: timedelta = timedelta(seconds=1)) -> None:
        """Let so much time pass."""
        end = self.now + span
        while self.now < end:
            self.tick()
            self.now += step

    def tick(self) -> None:
        """What the scheduler and the workers do at this moment."""
        runs.start_due_runs(self.now)
        if self.now >= self._swept_at + timedelta(seconds=5):
            self._swept_at = self.now
            runs.sweep(self.now)
        hosts.known.refresh(self.now)
        while leases := queue.take(HANDS, now=self.now)[0]:
            for lease in leases:
                lease.clock = self.clock = SimulatedClock(self.now)
                work_on(lease)

    def answered(self, status: int, *, since: datetime) -> int:
        """How often the API has given this status since then."""
        return sum(1 for moment, given in self.seen if given == status and moment >= since)


def records() -> Answer:
    return json_answer(200, [{"id": 1}])


def refusal(status: int, **headers: str) -> Answer:
    plain = json_answer(status, {"message": "no"})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(plain.status, plain.body, plain.content_type, named)


class TwoASecond:
    """Lets no window of a second have more than two good answers, in whatever order requests come."""

    def __init__(self, headers: Callable[[datetime, int], dict[str, str]]) -> None:
        self._good: list[float] = []
        self._headers = headers

    def __call__(self, moment: datetime) -> Answer:
        at = moment.timestamp()
        near = [other for other in self._good if abs(other - at) < 1]
        is_good = all(
            sum(1 for other in (*near, at) if begin <= other < begin + 1) <= 2 for begin in (*near, at)
        )
        if is_good:
            bisect.insort(self._good, at)
        plain = records() if is_good else refusal(429)
        left = max(0, 2 - len(near) - is_good)
        return Answer(plain.status, plain.body, plain.content_type, self._headers(moment, left))
