"""What an attempt at a run owes to the host that it calls: it keeps to its limits, and leaves it alone when
it is down.
"""

from datetime import timedelta

from connections import outbound
from requests_builder import limits
from requests_builder.models import Run
from requests_builder.models.saved_requests import host_of
from requests_builder.runs import breakers, hosts, pacing
from requests_builder.runs.clock import Clock
from requests_builder.runs.problems import PullDelayed


class Manners:
    """Those of one attempt, which calls one host."""

    def __init__(self, run: Run, clock: Clock) -> None:
        self._run, self._clock = run, clock
        # Empty until the first address is known, and where that names none.
        self._host = ""
        self._caller = hosts.caller_of(run.saved_request, self._host)
        self._is_trial = False
        self._sent_at = self._began_at = clock()
        self._answers = 0

    @property
    def is_limited(self) -> bool:
        """Whether the host has a limit that is known, so that nothing may be sent before its turn."""
        return hosts.known.rate(self._caller) is not None or hosts.known.pace(self._caller) is not None

    def begin(self, url: str) -> None:
        """Called before anything is sent there. Raises Held."""
        self._host = host_of(url)
        self._caller = hosts.caller_of(self._run.saved_request, self._host)
        if self._host:
            self._is_trial = breakers.admit(self._run, self._host, self._clock)

    def take_turn(self) -> None:
        """Called before each request. Raises Held."""
        if self._host:
            pacing.take_turn(self._caller, self._clock)
        self._sent_at = self._clock()

    def heed(self, answer: outbound.Answer) -> None:
        """Called with each answer of the API."""
        if not self._host:
            return
        now = self._clock()
        self._answers += 1
        if answer.status < 500:
            breakers.answered(self._run, self._host, now=now)
            self._is_trial = False
        allowance = limits.read(answer.status, answer.headers, now)
        if allowance is not limits.NOTHING_SAID:
            seconds = max((now - self._began_at).total_seconds(), 1.0)
            seen_rate = self._answers / seconds
            pacing.heed(self._caller, allowance, sent_at=self._sent_at, now=now, seen_rate=seen_rate)

    def note(self, delay: PullDelayed) -> None:
        """Called with what came in place of a good answer."""
        if self._host and delay.problem.code in breakers.OUTAGES:
            breakers.failed(
                self._run,
                self._host,
                delay.problem.sentence,
                is_trial=self._is_trial,
                wait=min(delay.retry_after or timedelta(0), pacing.LONGEST_WAIT),
                now=self._clock(),
            )
            self._is_trial = False
