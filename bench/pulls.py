"""Pulls as fast as the API answers, and pulls from an API that is far away."""

import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import peers
from bench.processes import Figures, figures, prepared, verdict

KINDS = ("bare", "product")
LABELS = {"bare": "a bare loop", "product": "the product", "dlt": "dlt"}
# The goals: by CPU, how many times dlt and how much of the bare loop; the peak of the worker's memory.
TIMES_DLT = {"SQLite": 8, "PostgreSQL": 6}
OF_BARE = 0.7
PEAK_MB = 96
# Pages and milliseconds of latency, with how many times faster than in turn pages ahead shall be.
DISTANCES = ((200, 20, None), (60, 100, 5))


def measure(databases: Mapping[str, str], port: int, records: int, rounds: int) -> None:
    """Pull all records by the bare loop, the product, and dlt where it can be had, in turn; print all."""
    print(f"{records:,} records over {records // 100:,} pages, medians of {rounds} rounds\n")
    print(f"{'':34}{'records/s':>11}{'per CPU s':>11}{'peak MB':>9}{'of bare':>9}")
    for name, database_url in databases.items():
        _measure(name, database_url, f"http://127.0.0.1:{port}", records, rounds)


def _measure(name: str, database_url: str, url: str, records: int, rounds: int) -> None:
    peer = peers.python()
    with (
        prepared(database_url, int(url.rpartition(":")[2])) as environment,
        tempfile.TemporaryDirectory() as folder,
    ):
        results: dict[str, list[Figures]] = {}
        for number in range(rounds):
            for kind in KINDS:
                results.setdefault(kind, []).append(figures(environment, "bench.pull", kind, url))
            if peer and number == 0:  # once is enough for what takes ten times as long
                results["dlt"] = [peers.pull(peer, url, database_url, Path(folder))]
        a_tenth = figures(environment, "bench.pull", "product", url, records // 1_000)
    per_cpu = _medians(results, lambda one: one["records"] / one["cpu"])
    peaks = _medians(results, lambda one: one["peak_mb"])
    speeds = _medians(results, lambda one: one["records"] / one["seconds"])
    for kind in results:
        label, ratio = f"pull into {name}, {LABELS[kind]}", per_cpu[kind] / per_cpu["bare"]
        print(f"{label:34}{speeds[kind]:11,.0f}{per_cpu[kind]:11,.0f}{peaks[kind]:9.0f}{ratio:9.2f}")
    verdict("of the bare loop by CPU", per_cpu["product"] / per_cpu["bare"], OF_BARE)
    if peer:
        verdict("times dlt by CPU", per_cpu["product"] / per_cpu["dlt"], TIMES_DLT[name])
    else:
        print(f"{'':34}dlt could not be installed: left out")
    verdict("MB at the peak", peaks["product"], PEAK_MB, is_limit=True)
    begun = _medians(results, lambda one: one.get("begun_mb", 0))["product"]
    grown = peaks["product"] - a_tenth["peak_mb"]
    print(f"{'':34}of these, {begun:.0f} MB before the pull began, with Django and the broker's client")
    print(f"{'':34}{grown:+.1f} MB beside the peak of a pull of {a_tenth['records']:,.0f} records\n")


def measure_waiting(database_url: str, port: int) -> None:
    """Pull from an API that takes its time, in turn and with pages asked for ahead; print both."""
    print(f"{'an API that takes its time':34}{'in turn s':>11}{'ahead s':>11}{'ratio':>9}")
    with prepared(database_url, port) as environment:
        for pages, latency, goal in DISTANCES:
            arguments = ("product", f"http://127.0.0.1:{port}", pages, latency)
            in_turn, ahead = (
                figures({**environment, **setting}, "bench.pull", *arguments)["seconds"]
                for setting in ({"RUN_PAGES_AHEAD": "0"}, {})
            )
            label, ratio = f"{latency} ms, {pages} pages", in_turn / ahead
            print(f"{label:34}{in_turn:11.2f}{ahead:11.2f}{ratio:9.1f}" + (f", goal {goal}" if goal else ""))


def _medians(results: Mapping[str, list[Figures]], of: Callable[[Figures], float]) -> dict[str, float]:
    return {kind: statistics.median(map(of, found)) for kind, found in results.items()}
