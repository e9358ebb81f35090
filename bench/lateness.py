"""How late runs begin: a steady stream of due times, and the same beside a team whose calls all hang.

python -m bench.lateness [PER_SECOND] [SECONDS]
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.processes import ROOT, Figures, background, prepared, process, run, verdict
from tests import lanes
from tests.product import Broker, free_port, own_database, wait_until

HANGING = 500
# Milliseconds until the API answers those that do not hang.
LATENCY = 20
# Seconds within which half of the runs begin, and 99 of 100, and these beside hanging calls.
P50, P99, P99_BESIDE = 0.3, 2.0, 5.0


def measure(databases: Mapping[str, str], per_second: int = 100, seconds: int = 60) -> None:
    """Print how late the runs of schedules began that became due one after the other."""
    print(f"\n{per_second} due runs a second for {seconds} s, by one worker and one scheduler\n")
    print(f"{'':34}{'p50 s':>11}{'p99 s':>11}{'longest s':>11}")
    for name, database_url in databases.items():
        for hanging in (0, HANGING):
            late = _measure(database_url, per_second, seconds, hanging)
            label = f"{name}, beside {hanging} hanging calls" if hanging else name
            print(f"{label:34}{late['p50']:11.2f}{late['p99']:11.2f}{late['longest']:11.2f}")
            if hanging:
                verdict("s late at p99", late["p99"], P99_BESIDE, is_limit=True)
            else:
                verdict("s late at p50", late["p50"], P50, is_limit=True)
                verdict("s late at p99", late["p99"], P99, is_limit=True)


def _measure(database_url: str, per_second: int, seconds: int, hanging: int) -> Figures:
    port = free_port()
    url = f"http://127.0.0.1:{port}/small?latency="
    with ExitStack() as stack:
        stack.enter_context(process("bench.api", port, 100))
        broker = stack.enter_context(Broker())
        environment = stack.enter_context(prepared(database_url, port))
        environment |= {"BROKER_URL": broker.url, "LOG_LEVEL": "WARNING"}
        run(environment, "-m", "bench.due", "prepare", f"{url}{LATENCY}", str(per_second * seconds))
        stack.enter_context(background(environment, "config.background", "worker"))
        stack.enter_context(background(environment, "config.background", "beat"))
        wait_until((Path(environment["DATA_DIR"]) / "run" / "worker").exists, 180)
        # Longer than any of them may take.
        arguments = [str(per_second), str(seconds), f"{url}600000", str(hanging)]
        done = subprocess.run(
            [sys.executable, "-m", "bench.due", "steady", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    defaults = ("100", "60")
    per_second, seconds = (int(text) for text in (*sys.argv[1:], *defaults[len(sys.argv) - 1 :]))
    with ExitStack() as stack:
        databases = {"SQLite": ""}
        if not lanes.why_no_postgres():
            databases["PostgreSQL"] = stack.enter_context(own_database())
        measure(databases, per_second, seconds)


if __name__ == "__main__":
    main()
