"""One trial: the faults in their order, the wait for the end, the report."""

import argparse
import heapq
import itertools
import os
import queue
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import get_args

from django.db import connection
from django.db.models import Count
from django.utils import timezone
from redis import Redis

from requests_builder.models import Run, Schedule
from tests.chaos import proofs, report, world
from tests.chaos.fleet import GROWN_UP, Cluster, Fleet
from tests.chaos.points import SELDOM, Point
from tests.chaos.source import Source
from tests.chaos.watching import Reader, Resumption, percentile
from tests.chaos.wires import Wires
from tests.product import Broker

# For one kill at each of the points, so many that happen anywhere.
ANYWHERE = 3
# Points at once at which the next worker is killed; more would kill workers that have only just begun.
MOST_LAID = 3
# Seconds that a pull may take to come to the point at which its worker is to be killed.
COMES_SOON = 10.0
# Longer than a lease and a tick: whoever was stopped comes back to runs that are others' now.
STALL = 24.0
SCHEDULER_STALL = 300.0
TOLD_EVERY = 30.0


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
        self._began = self._told_at = 0.0
        self._kills: Counter[str] = Counter()
        self._others: Counter[str] = Counter()
        # Workers that were killed by those who waited for a pull to come to a point.
        self._killed: queue.Queue[tuple[float, Point]] = queue.Queue()
        # Points at which the next worker is killed, and those that are still to come, None being anywhere.
        self._laid: set[Point] = set()
        self._deck: list[Point | None] = []
        self._resumption = Resumption()
        logs, wires = folder / "chaos-logs", folder / "wires"
        logs.mkdir()
        wires.mkdir()
        self._wires = Wires(wires)
        self._fleet = Fleet(
            os.environ, logs, self._wires, workers=options.workers, schedulers=options.schedulers
        )

    def run(self) -> int:
        """The exit status: 0 if everything held."""
        options, began = self._options, time.monotonic()
        this_minute = timezone.now().replace(second=0, microsecond=0)
        first = this_minute - timedelta(minutes=options.backlog - 1)
        last = this_minute + timedelta(minutes=options.minutes)
        per_request = options.minutes + options.backlog
        targets = world.build(-(-options.due // per_request), first, last, self._source.port)
        for point in sorted(SELDOM):
            self._lay(point)
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
        lines = {
            "killed": report.summed(self._kills),
            "besides": report.listed(self._others),
            "due times": report.summed(proofs.ends(targets)),
            "resumed": report.waited(self._resumption.seconds),
            "set aside": report.waited(self._resumption.set_aside),
            "pages": report.fetched(self._source),
            "reader": report.read(reader),
            "took": f"{broken:.0f} s of faults, {time.monotonic() - began:.0f} s in all",
        }
        report.show(lines, self._fleet.logs(), found)
        print("everything held" if not found else f"{len(found)} violations, seed {options.seed}")
        return 1 if found else 0

    def _break_things(self, seconds: float) -> None:
        self._plan(seconds)
        self._began = self._told_at = time.monotonic()
        # A machine that is too slow for it gets three times the time, and no more.
        while self._faults and time.monotonic() - self._began < 3 * seconds + 30:
            fault = heapq.heappop(self._faults)
            self._pass_time(self._began + fault.at - time.monotonic())
            fault.happen()
        self._pass_time(1)
        self._take_away(set(self._laid))
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

        some(options.kills - len(self._laid), self._kill)
        some(options.stalls, self._stall_worker)
        some(options.wipes, self._empty_broker)
        if self._cluster:
            some(options.restarts, self._restart_database)
        if len(self._fleet.schedulers) > 1:
            stall = min(SCHEDULER_STALL, spread * 0.6)
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
            self._tell()
            if (left := until - time.monotonic()) <= 0:
                return
            time.sleep(min(left, 0.05))

    def _tell(self) -> None:
        """How far it is, now and then."""
        now = time.monotonic()
        if now - self._told_at < TOLD_EVERY:
            return
        self._told_at = now
        with world.interruptible():
            found = Run.objects.values_list("state").order_by().annotate(Count("pk"))
            states = ", ".join(f"{count:,} {state}" for state, count in sorted(found))
            print(f"{now - self._began:6.0f} s  {self._kills.total()} killed; runs: {states}", flush=True)

    def _note_kills(self) -> None:
        for point in self._wires.stumbled():
            self._killed.put((time.monotonic(), point))
        while not self._killed.empty():
            at, where = self._killed.get()
            self._kills[where] += 1
            self._laid.discard(where)
            self._resumption.killed(at)
        self._fleet.mend()

    def _kill(self) -> None:
        """Have a worker killed at the next point of the deck, as soon as one comes there; or one anywhere."""
        if not self._deck:
            self._deck = [*get_args(Point), *[None] * ANYWHERE]
            self._chance.shuffle(self._deck)
        if (point := self._deck.pop()) in self._laid & SELDOM:
            point = None
        until = time.monotonic() + COMES_SOON
        while point in self._laid or self._is_enough():
            if time.monotonic() > until:
                self._take_away(self._laid - SELDOM)
                until = time.monotonic() + COMES_SOON
            self._pass_time(0.05)
        if point is None:
            self._kill_anyone()
            return
        self._lay(point)

    def _is_enough(self) -> bool:
        """Whether one kill more would leave hardly anybody who does anything."""
        at_work = sum(worker.is_grown_up for worker in self._fleet.workers)
        return len(self._laid - SELDOM) >= min(MOST_LAID, at_work - len(self._fleet.workers) // 2)

    def _lay(self, point: Point) -> None:
        self._laid.add(point)
        if point == "sending":
            self._source.arm(self._kill_owner)
        else:
            self._wires.lay(point)

    def _take_away(self, points: set[Point]) -> None:
        """Wait no more at these points: as many workers are killed anywhere."""
        for point in points:
            lay_there = self._source.disarm() if point == "sending" else self._wires.take_away(point)
            self._laid.discard(point)
            if lay_there:
                self._kill_anyone()

    def _kill_owner(self, port: int) -> None:
        """Called by the source, in the middle of a page."""
        owner = self._fleet.owner_of(port, self._source.port)
        if owner is not None and self._fleet.kill(owner):
            self._killed.put((time.monotonic(), "sending"))
        else:
            self._source.arm(self._kill_owner)

    def _kill_anyone(self) -> None:
        until = time.monotonic() + COMES_SOON
        while not (grown_up := [worker for worker in self._fleet.workers if worker.is_grown_up]):
            if time.monotonic() > until:
                return
            self._pass_time(0.1)
        if self._fleet.kill(self._chance.choice(grown_up)):
            self._kills["anywhere"] += 1
            self._resumption.killed(time.monotonic())
            self._fleet.mend()

    def _stall_worker(self) -> None:
        grown_up = [worker for worker in self._fleet.workers if worker.is_grown_up]
        if not grown_up:
            return
        worker = self._chance.choice(grown_up)
        worker.stop()
        while self._database_is_locked():
            # On SQLite nobody could write until it goes on.
            worker.let_go()
            self._pass_time(self._chance.uniform(0, 0.2))
            worker.stop()
        self._resumption.killed(time.monotonic())
        self._others[f"worker stopped for {STALL:.0f} s"] += 1
        self._at(time.monotonic() - self._began + STALL, worker.let_go)

    def _database_is_locked(self) -> bool:
        if self._cluster:
            return False
        try:
            with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=1)) as own:
                own.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False

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
