"""`make bench`: the product beside a bare loop, in turn, in one run; ratios, for absolute figures drift.

python -m bench [RECORDS] [ROUNDS] [TOKENS]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import peers
from bench.tokens import BARE_THREADS
from tests import lanes
from tests.product import free_port, own_database

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("bare", "product")
LABELS = {"bare": "a bare loop", "product": "the product", "dlt": "dlt"}


def main() -> None:
    defaults = ("20000", "3", "1000")
    records, rounds, tokens = (int(text) for text in (*sys.argv[1:], *defaults[len(sys.argv) - 1 :]))
    with ExitStack() as stack:
        port = free_port()
        stack.enter_context(process("bench.api", port, records))
        databases = {"SQLite": ""}
        if not lanes.why_no_postgres():
            databases["PostgreSQL"] = stack.enter_context(own_database())
        print(f"{records:,} records over {records // 100:,} pages, medians of {rounds} rounds\n")
        print(f"{'':34}{'records/s':>11}{'per CPU s':>11}{'peak MB':>9}{'of bare':>9}")
        for name, database_url in databases.items():
            measure(name, database_url, port, rounds)
        port = free_port()
        stack.enter_context(process("bench.tokens", port))
        print(f"\n{tokens:,} tokens that run out in the same minute, medians of {rounds} rounds")
        print(f"a token endpoint that takes 50 ms; a bare loop of {BARE_THREADS} threads\n")
        print(f"{'':34}{'seconds':>11}{'calls/s':>11}{'CPU ms':>9}{'of bare':>9}")
        for name, database_url in databases.items():
            measure_refreshes(name, database_url, port, rounds, tokens)


def measure(name: str, database_url: str, port: int, rounds: int) -> None:
    """Pull in turn: the bare loop, the product, and dlt where it can be had; print all."""
    url = f"http://127.0.0.1:{port}"
    peer = peers.python()
    with prepared(database_url, port) as environment, tempfile.TemporaryDirectory() as folder:
        results: dict[str, list[dict[str, float]]] = {}
        for number in range(rounds):
            for kind in KINDS:
                printed = run(environment, "-m", "bench.pull", kind, url)
                results.setdefault(kind, []).append(json.loads(printed.splitlines()[-1]))
            if peer and number == 0:  # once is enough for what takes ten times as long
                results["dlt"] = [peers.pull(peer, url, database_url, Path(folder))]
    per_cpu = {
        kind: statistics.median(one["records"] / one["cpu"] for one in found)
        for kind, found in results.items()
    }
    for kind, found in results.items():
        speed = statistics.median(one["records"] / one["seconds"] for one in found)
        peak = statistics.median(one["peak_mb"] for one in found)
        label, ratio = f"pull into {name}, {LABELS[kind]}", per_cpu[kind] / per_cpu["bare"]
        print(f"{label:34}{speed:11,.0f}{per_cpu[kind]:11,.0f}{peak:9.0f}{ratio:9.2f}")
    if peer:
        print(f"{'':34}by CPU the product is {per_cpu['product'] / per_cpu['dlt']:.1f} times dlt")
    else:
        print(f"{'':34}dlt could not be installed: left out")


def measure_refreshes(name: str, database_url: str, port: int, rounds: int, tokens: int) -> None:
    """Renew tokens in turn, the bare loop and the product, and print both; CPU is that of one renewal."""
    with prepared(database_url, port) as environment:
        results: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        for _ in range(rounds):
            for kind in KINDS:
                printed = run(
                    environment, "-m", "bench.refreshes", kind, f"http://127.0.0.1:{port}", str(tokens)
                )
                results[kind].append(json.loads(printed.splitlines()[-1]))
    seconds = {kind: statistics.median(one["seconds"] for one in found) for kind, found in results.items()}
    for kind, found in results.items():
        cpu = statistics.median(one["cpu"] for one in found) / tokens * 1000
        label = f"refresh over {name}, {'the product' if kind == 'product' else 'a bare loop'}"
        speed, ratio = tokens / seconds[kind], seconds["bare"] / seconds[kind]
        print(f"{label:34}{seconds[kind]:11.2f}{speed:11,.0f}{cpu:9.1f}{ratio:9.2f}")


@contextmanager
def prepared(database_url: str, port: int) -> Iterator[dict[str, str]]:
    """The environment for processes of the product with an empty database, that may call this port."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            **lanes.NEUTRAL,
            "DATA_DIR": folder,
            "DATABASE_URL": database_url,
            "OUTBOUND_ALLOW": f"127.0.0.1:{port}",
            # The pace that a host is spared with would be all that is measured.
            "REFRESHES_PER_SECOND": "10000",
        }
        run(environment, "manage.py", "migrate", "--verbosity", "0")
        yield environment


def run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


@contextmanager
def process(module: str, *arguments: int) -> Iterator[None]:
    """A mock server as a process, which prints a line when it listens."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
