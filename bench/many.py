"""Many small pulls: due runs through a real worker, beside plain Celery and beside no queue at all.

python -m bench.many [PULLS] [ROUNDS]
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from redis import Redis

from bench.plain import THREADS
from bench.plain import app as plain
from bench.processes import ROOT, Figures, background, figures, prepared, process, run, verdict
from tests import lanes
from tests.product import Broker, free_port, own_database, wait_until

LATENCIES = (20, 100)
TIMES_CELERY = 2.0
# Seconds for all pulls of one kind.
PATIENCE = 600.0
TICKS = os.sysconf("SC_CLK_TCK")


def measure(databases: Mapping[str, str], pulls: int, rounds: int) -> None:
    """Print pulls per second and per CPU second of the workers, and of what they are measured beside."""
    print(f"\n{pulls:,} small pulls, {THREADS} threads, medians of {rounds} rounds")
    print(
        "the product with ledger, leases, rows and history; plain Celery with a task for each, nothing kept\n"
    )
    print(f"{'':34}{'pulls/s':>11}{'per CPU s':>11}{'of Celery':>11}")
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(process("bench.api", port, 100))
        broker = stack.enter_context(Broker())
        for latency in LATENCIES:
            _measure(databases, broker, f"http://127.0.0.1:{port}/small?latency={latency}", pulls, rounds)


def _measure(databases: Mapping[str, str], broker: Broker, url: str, pulls: int, rounds: int) -> None:
    latency = url.rpartition("=")[2]
    found: dict[str, list[Figures]] = {}
    for _ in range(rounds):
        found.setdefault("no queue at all", []).append(
            figures({**os.environ}, "bench.plain", "limit", url, pulls)
        )
        found.setdefault("plain Celery", []).append(by_plain_celery(broker, url, pulls))
        for name, database_url in databases.items():
            label = f"the product, {name}"
            found.setdefault(label, []).append(by_the_product(database_url, broker, url, pulls))
    per_cpu = {
        label: statistics.median(pulls / one["cpu"] for one in figures_) for label, figures_ in found.items()
    }
    for label, ones in found.items():
        speed = statistics.median(pulls / one["seconds"] for one in ones)
        ratio = per_cpu[label] / per_cpu["plain Celery"]
        print(f"{latency + ' ms, ' + label:34}{speed:11,.0f}{per_cpu[label]:11,.0f}{ratio:11.2f}")
    for name in databases:
        ratio = per_cpu[f"the product, {name}"] / per_cpu["plain Celery"]
        verdict(f"times plain Celery by CPU, {name}", ratio, TIMES_CELERY)


def by_plain_celery(broker: Broker, url: str, pulls: int) -> Figures:
    """Seconds from the first message to the end of the last task, and the worker's CPU."""
    Redis.from_url(broker.url).flushall()
    environment = {**os.environ, "BROKER_URL": broker.url}
    with background(environment, "bench.plain", "worker") as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        plain.conf.broker_url = broker.url

        def send() -> None:
            with plain.connection_for_write(broker.url) as connection, connection.Producer() as producer:
                for _ in range(pulls):
                    plain.send_task("pull", [url], producer=producer)

        with Redis.from_url(broker.url) as queue:
            return _timed(worker.pid, send, lambda: not (queue.llen("celery") or queue.hlen("unacked")))


def by_the_product(database_url: str, broker: Broker, url: str, pulls: int) -> Figures:
    """Seconds from the moment at which all are due to the end of the last run, and the worker's CPU."""
    Redis.from_url(broker.url).flushall()
    port = int(url.split(":")[2].partition("/")[0])
    with prepared(database_url, port) as environment:
        environment |= {"BROKER_URL": broker.url, "WORKER_THREADS": str(THREADS), "LOG_LEVEL": "WARNING"}
        run(environment, "-m", "bench.due", "prepare", url, str(pulls))
        folder = Path(environment["DATA_DIR"])
        with background(environment, "config.background", "worker") as worker:
            wait_until((folder / "run" / "worker").exists, 180)
            due = subprocess.Popen(
                [sys.executable, "-m", "bench.due", "drive", str(pulls)],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            with due:
                assert due.stdout is not None
                due.stdout.readline()
                return _timed(worker.pid, lambda: None, lambda: due.poll() is not None)


def _timed(pid: int, begin: Callable[[], None], is_done: Callable[[], bool]) -> Figures:
    began, cpu = time.monotonic(), cpu_of(pid)
    begin()
    wait_until(is_done, PATIENCE)
    return {"seconds": time.monotonic() - began, "cpu": cpu_of(pid) - cpu}


def cpu_of(pid: int) -> float:
    """CPU seconds that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main() -> None:
    defaults = ("6000", "3")
    pulls, rounds = (int(text) for text in (*sys.argv[1:], *defaults[len(sys.argv) - 1 :]))
    with ExitStack() as stack:
        databases = {"SQLite": ""}
        if not lanes.why_no_postgres():
            databases["PostgreSQL"] = stack.enter_context(own_database())
        measure(databases, pulls, rounds)


if __name__ == "__main__":
    main()
