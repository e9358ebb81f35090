"""`bench.tick` for each database, beside its goal.

python -m bench.ticks [SCHEDULES]
"""

import sys
from collections.abc import Mapping
from contextlib import ExitStack

from bench.processes import figures, prepared, verdict
from tests import lanes
from tests.product import own_database

# So many are made in a few minutes; the goal is for a million.
SCHEDULES = 100_000
IDLE_MS = 5.0


def measure(databases: Mapping[str, str], schedules: int = SCHEDULES) -> None:
    """Print what a tick costs among so many schedules."""
    print(f"\nticks of the scheduler, {schedules:,} schedules\n")
    print(f"{'':34}{'idle ms':>9}{'p99 ms':>9}{'lines ms':>10}{'started/s':>11}{'per CPU s':>11}")
    for name, database_url in databases.items():
        with prepared(database_url, 1) as environment:
            found = figures(environment, "bench.tick", schedules)
        started, per_cpu = found["started_per_second"], found["started_per_cpu_second"]
        ticks = f"{found['idle_ms_p50']:9.2f}{found['idle_ms_p99']:9.2f}{found['lines_ms_p50']:10.2f}"
        print(f"{name:34}{ticks}{started:11,.0f}{per_cpu:11,.0f}")
        verdict("ms of an idle tick", found["idle_ms_p50"], IDLE_MS, is_limit=True)


def main() -> None:
    schedules = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with ExitStack() as stack:
        databases = {"SQLite": ""}
        if not lanes.why_no_postgres():
            databases["PostgreSQL"] = stack.enter_context(own_database())
        measure(databases, schedules)


if __name__ == "__main__":
    main()
