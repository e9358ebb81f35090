"""`make bench`: the product beside a bare loop, in turn, in one run; ratios, for absolute figures drift.

python -m bench [RECORDS] [ROUNDS] [TOKENS] [SCHEDULES]
"""

import statistics
import sys
from contextlib import ExitStack

from bench import history_page, lateness, many, pulls, table_page, ticks
from bench.processes import figures, prepared, process, verdict
from bench.tokens import BARE_THREADS
from tests import lanes
from tests.product import free_port, own_database

KINDS = ("bare", "product")
OF_BARE = 0.6
SMALL_PULLS = 1_000


def main() -> None:
    defaults = ("100000", "3", "1000", "100000")
    given = (*sys.argv[1:], *defaults[len(sys.argv) - 1 :])
    records, rounds, tokens, schedules = map(int, given)
    with ExitStack() as stack:
        port = free_port()
        stack.enter_context(process("bench.api", port, records))
        databases = {"SQLite": ""}
        if not lanes.why_no_postgres():
            databases["PostgreSQL"] = stack.enter_context(own_database())
        pulls.measure(databases, port, records, rounds)
        pulls.measure_waiting("", port)
        many.measure(databases, SMALL_PULLS, rounds)
        lateness.measure(databases)
        ticks.measure(databases, schedules)
        port = free_port()
        stack.enter_context(process("bench.tokens", port))
        print(f"\n{tokens:,} tokens that run out in the same minute, medians of {rounds} rounds")
        print(f"a token endpoint that takes 50 ms; a bare loop of {BARE_THREADS} threads\n")
        print(f"{'':34}{'seconds':>11}{'calls/s':>11}{'CPU ms':>9}{'of bare':>9}")
        for name, database_url in databases.items():
            measure_refreshes(name, database_url, port, rounds, tokens)
        table_page.main(databases)
        history_page.main(databases)


def measure_refreshes(name: str, database_url: str, port: int, rounds: int, tokens: int) -> None:
    """Renew tokens in turn, the bare loop and the product, and print both; CPU is that of one renewal."""
    url = f"http://127.0.0.1:{port}"
    with prepared(database_url, port) as environment:
        results: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        for _ in range(rounds):
            for kind in KINDS:
                results[kind].append(figures(environment, "bench.refreshes", kind, url, tokens))
    seconds = {kind: statistics.median(one["seconds"] for one in found) for kind, found in results.items()}
    for kind, found in results.items():
        cpu = statistics.median(one["cpu"] for one in found) / tokens * 1000
        label = f"refresh over {name}, {'the product' if kind == 'product' else 'a bare loop'}"
        speed, ratio = tokens / seconds[kind], seconds["bare"] / seconds[kind]
        print(f"{label:34}{seconds[kind]:11.2f}{speed:11,.0f}{cpu:9.1f}{ratio:9.2f}")
    verdict("of the bare loop", seconds["bare"] / seconds["product"], OF_BARE)


if __name__ == "__main__":
    main()
