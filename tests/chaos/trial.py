"""One trial: the faults in their order, the wait for the end, the report."""

import argparse
import heapq
import itertools
import os
import queue
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import get_args

from django.utils import timezone
from redis import Redis

from requests_builder.models import Run, Schedule
from tests.chaos import proofs, world
from tests.chaos.fleet import GROWN_UP, Cluster, Fleet
from tests.chaos.source import Point, Source
from tests.chaos.watching import Reader, Resumption, percentile
from tests.product import Broker

# Of so many kills one happens anywhere, the others at a point of a pull.
ANYWHERE = 4
# Seconds that a pull may take to come to the point at which its worker is to be killed.
COMES_SOON = 8.0
# Longer than a lease: whoever was stopped comes back to runs that are others' now.
STALL = 20.0
SCHEDULER_STALL = 300.0


@dataclass(order=True)
class _Fault:
    at: float
    number: int
    happen: Callable[[], None] = field(compare=False)


class Trial:
    """Breaks things as the seed wants it, and finds out whether anything came of it."""

    def __init__(
        self,
        options: argparse.Namespace,
        chance: random.Random,
        source: Source,
        broker: Broker,
        cluster: Cluster | None,
        folder: Path,
    ) -> None:
        self._options = options
        self._chance = chance
        self._source = source
        self._broker = broker
        self._cluster = cluster
        self._faults: list[_Fault] = []
        self._numbers = itertools.count()
        self._began = 0.0
        self._kills: Counter[str] = Counter()
        self._others: Counter[str] = Counter()
        # Workers that were killed by those who waited for a pull to come to a point.
        self._killed: queue.Queue[tuple[float, str]] = queue.Queue()
        self._resumption = Resumption()
        logs = folder / "chaos-logs"
        logs.mkdir()
        self._fleet = Fleet(os.environ, logs, workers=options.workers, schedulers=options.schedulers)

    def run(self) -> int:
        """The exit status: 0 if everything held."""
        options, began = self._options, time.monotonic()
        this_minute = timezone.now().replace(second=0, microsecond=0)
        first = this_minute - timedelta(minutes=options.backlog - 1)
        last = this_minute + timedelta(minutes=options.minutes)
        per_request = options.minutes + options.backlog
        targets = world.build(-(-options.due // per_request), first, last, self._source.port)
        with ExitStack() as stack:
            stack.enter_context(self._fleet)
            reader = stack.enter_context(Reader(targets, options.seed))
            stack.enter_context(self._resumption)
            self._break_things(max(options.minutes * 60.0, options.seconds))
            broken = time.monotonic() - began
            is_done = self._wait_for_the_end(options.patience)
        found = [] if is_done else [f"After {options.patience:.0f} s something was still unfinished."]
        found += [*proofs.violations(targets), *reader.complaints, *self._from_the_logs()]
        found += self._too_slow()
        self._report(targets, reader, broken, time.monotonic() - began, found)
        return 1 if found else 0

    def _break_things(self, seconds: float) -> None:
        self._plan(seconds)
        self._began = time.monotonic()
        # A machine that is too slow for it gets twice the time, and no more.
        while self._faults and time.monotonic() - self._began < 2 * seconds + 30:
            fault = heapq.heappop(self._faults)
            self._pass_time(self._began + fault.at - time.monotonic())
            fault.happen()
        self._fleet.let_all_go()

    def _plan(self, seconds: float) -> None:
        """All faults, at moments that the seed decides."""
        options = self._options
        grace = GROWN_UP
        spread = max(1.0, seconds - grace)

        def some(count: int, happen: Callable[[], None]) -> None:
            for number in range(count):
                at = grace + spread * (number + self._chance.uniform(0.1, 0.9)) / count
                self._at(at, happen)

        some(options.kills, self._kill)
        some(options.stalls, self._stall_worker)
        some(options.wipes, self._empty_broker)
        if self._cluster:
            some(options.restarts, self._restart_database)
        if len(self._fleet.schedulers) > 1:
            stall = min(SCHEDULER_STALL, spread / 2)
            scheduler = self._fleet.schedulers[-1]
            self._at(grace, scheduler.stop)
            self._at(grace + stall, scheduler.let_go)
            self._others[f"scheduler stopped for {stall:.0f} s"] += 1

    def _at(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._faults, _Fault(seconds, next(self._numbers), happen))

    def _pass_time(self, seconds: float) -> None:
        """Wait, and see to those who were killed meanwhile."""
        until = time.monotonic() + seconds
        while True:
            self._note_kills()
            if (left := until - time.monotonic()) <= 0:
                return
            time.sleep(min(left, 0.05))

    def _note_kills(self) -> None:
        while not self._killed.empty():
            at, where = self._killed.get()
            self._kills[where] += 1
            self._resumption.killed(at)
        self._fleet.mend()

    def _kill(self) -> None:
        points = get_args(Point)
        if self._chance.randrange(ANYWHERE) == 0:
            self._kill_anyone()
            return
        point = self._chance.choice(points)
        delay = self._chance.uniform(0, 0.02) if point == "publish" else 0.0
        self._source.arm(point, lambda port: self._kill_owner(port, point, delay))
        until = time.monotonic() + COMES_SOON
        kills = self._kills.total()
        while self._kills.total() == kills and time.monotonic() < until:
            self._pass_time(0.02)
        if self._source.disarm():
            self._kill_anyone()
        self._pass_time(0)

    def _kill_owner(self, port: int, point: Point, delay: float) -> None:
        """Called by the source, while the pull is at the point."""
        owner = self._fleet.owner_of(port, self._source.port)
        time.sleep(delay)
        if owner is not None and self._fleet.kill(owner):
            self._killed.put((time.monotonic(), point))

    def _kill_anyone(self) -> None:
        until = time.monotonic() + COMES_SOON
        while not (grown_up := [worker for worker in self._fleet.workers if worker.is_grown_up]):
            if time.monotonic() > until:
                return
            self._pass_time(0.1)
        if self._fleet.kill(self._chance.choice(grown_up)):
            self._killed.put((time.monotonic(), "anywhere"))
        self._pass_time(0)

    def _stall_worker(self) -> None:
        grown_up = [worker for worker in self._fleet.workers if worker.is_grown_up]
        if not grown_up:
            return
        worker = self._chance.choice(grown_up)
        worker.stop()
        self._resumption.killed(time.monotonic())
        self._others[f"worker stopped for {STALL:.0f} s"] += 1
        self._at(time.monotonic() - self._began + STALL, worker.let_go)

    def _empty_broker(self) -> None:
        if self._others["broker emptied"] % 2:
            self._broker.stop()
            self._pass_time(2)
            self._broker.start()
        else:
            Redis.from_url(self._broker.url).flushall()
        self._others["broker emptied"] += 1

    def _restart_database(self) -> None:
        assert self._cluster is not None
        mode = ("fast", "immediate")[self._others["PostgreSQL restarted"] % 2]
        self._cluster.restart(mode, away=self._chance.uniform(0.5, 3))
        self._others["PostgreSQL restarted"] += 1

    def _wait_for_the_end(self, patience: float) -> bool:
        """Whether all due times came to an end within so many seconds."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            self._pass_time(0.5)
            with world.interruptible():
                is_left = Schedule.objects.filter(next_at__isnull=False, is_paused=False).exists()
                if not is_left and not Run.objects.unfinished().exists():
                    return True
        return False

    def _from_the_logs(self) -> list[str]:
        locked = self._fleet.logs().count("database is locked")
        return [f"The workers wrote “database is locked” {locked} times."] if locked else []

    def _too_slow(self) -> list[str]:
        p99 = percentile(self._resumption.seconds, 0.99)
        found = [f"Runs were resumed after {p99:.1f} s at p99."] if p99 > self._options.resumed_within else []
        if self._resumption.unresumed:
            found.append(f"{self._resumption.unresumed} runs were not seen to be resumed.")
        return found

    def _report(
        self,
        targets: list[world.Target],
        reader: Reader,
        broken: float,
        seconds: float,
        found: list[str],
    ) -> None:
        resumed, ends = self._resumption.seconds, proofs.ends(targets)
        pages = sum(self._source.served.values())
        needed = sum(run.pages for run in Run.objects.only("pages"))
        lines = {
            "killed": f"{self._kills.total()}: " + _listed(self._kills),
            "besides": _listed(self._others),
            "due times": f"{ends.total():,}: " + _listed(ends),
            "resumed": f"{len(resumed)} runs, p50 {percentile(resumed, 0.5):.1f} s, "
            f"p99 {percentile(resumed, 0.99):.1f} s, longest {max(resumed, default=0):.1f} s",
            "pages": f"{pages:,} asked for, {needed:,} needed",
            "reader": f"{reader.reads:,} reads, {reader.filled:,} of tables with rows, "
            f"{len(reader.complaints)} complaints",
            "took": f"{broken:.0f} s of faults, {seconds:.0f} s in all",
        }
        for name, text in lines.items():
            print(f"{name:11}{text}")
        for text, count in _errors(self._fleet.logs()).most_common(8):
            print(f"{'logged':11}{count} x {text[:150]}")
        for sentence in found[:50]:
            print(f"VIOLATION  {sentence}")
        print("everything held" if not found else f"{len(found)} violations, seed {self._options.seed}")


def _listed(found: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in found.most_common()) or "nothing"


def _errors(logs: str) -> Counter[str]:
    """Warnings and errors in the logs, without what differs from one to the other."""
    lines = re.findall(r"(?m)^\S+ \S+ ((?:WARNING|ERROR|CRITICAL) .*)$", logs)
    return Counter(re.sub(r"[0-9a-f-]{36}|0x[0-9a-f]+|\d+", "…", line) for line in lines)
