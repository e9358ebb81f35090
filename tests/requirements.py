"""Which test proves which requirement of an OAuth client, and docs/oauth.md made of it.

A test names them: `@pytest.mark.requirement("R31", "QC23")`. As a plugin of pytest this notes the marked
tests and what became of them in `$REQUIREMENTS_DIR/<lane>.json`; bin/oauth-table writes the document.
"""

import json
import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_suffix(".toml")
DOCUMENT = ROOT / "docs" / "oauth.md"
BEGIN, END = "<!-- requirements: made by bin/oauth-table -->", "<!-- requirements: end -->"
LANES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
NOT_PROVED = "**not proved**"

_PROPERTY = "requirement"


@dataclass
class MarkedTest:
    """A test function with its requirements, and how often it ended how (once for each parameter)."""

    requirements: set[str] = field(default_factory=set)
    outcomes: dict[str, int] = field(default_factory=dict)


def listed() -> dict[str, dict[str, str]]:
    """Requirements and cases by their number, in our words."""
    return tomllib.loads(LIST.read_text())


# The plugin -----------------------------------------------------------------------------------------


class Recorder:
    """Notes marked tests; it runs where the reports arrive, which is not where tests run in parallel."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tests: dict[str, MarkedTest] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        # First of all: also what this lane then leaves to the other one.
        known = {number for part in listed().values() for number in part}
        for item in items:
            numbers = {str(number) for mark in item.iter_markers(_PROPERTY) for number in mark.args}
            if unknown := numbers - known:
                raise pytest.UsageError(
                    f"{item.nodeid} names {', '.join(sorted(unknown))}, not in {LIST.name}"
                )
            if numbers:
                self._note(item.nodeid, numbers)
                item.user_properties += [(_PROPERTY, number) for number in sorted(numbers)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        numbers = {str(value) for name, value in report.user_properties if name == _PROPERTY}
        is_outcome = report.when == "call" or not report.passed
        if numbers and is_outcome:
            test = self._note(report.nodeid, numbers)
            test.outcomes[report.outcome] = test.outcomes.get(report.outcome, 0) + 1

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return
        found = read(self._path)
        for name, test in self._tests.items():
            found[name] = _tried_again(found[name], test) if name in found else test
        tests = {
            name: {"requirements": sorted(test.requirements), "outcomes": test.outcomes}
            for name, test in sorted(found.items())
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(tests, indent=1))

    def _note(self, nodeid: str, numbers: set[str]) -> MarkedTest:
        test = self._tests.setdefault(nodeid.partition("[")[0].partition("@")[0], MarkedTest())
        test.requirements |= numbers
        return test


def _tried_again(first: MarkedTest, second: MarkedTest) -> MarkedTest:
    """What became of a test of which `bin/test` ran the failed part once more."""
    again = Counter(second.outcomes)
    outcomes = Counter(first.outcomes) + again
    outcomes["failed"] -= again.total()
    return MarkedTest(first.requirements | second.requirements, dict(+outcomes))


def pytest_configure(config: pytest.Config) -> None:
    directory = os.environ.get("REQUIREMENTS_DIR")
    if not directory:
        return
    lane = os.environ.get("LANE") or "sqlite"
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    # Workers mark their reports; what they would write themselves is a part only.
    name = f"{lane}.{worker}.part" if worker else f"{lane}.json"
    config.pluginmanager.register(Recorder(Path(directory) / name))


# The document ---------------------------------------------------------------------------------------


def read(path: Path) -> dict[str, MarkedTest]:
    """What a lane has noted; nothing if it did not run."""
    if not path.exists():
        return {}
    return {
        name: MarkedTest(set(test["requirements"]), test["outcomes"])
        for name, test in json.loads(path.read_text()).items()
    }


def written(lanes: Mapping[str, Mapping[str, MarkedTest]]) -> str:
    """The tables: for each requirement its tests, and how they ended in which lane."""
    parts = listed()
    headings = {"requirements": "Requirements", "cases": "Cases"}
    lines: list[str] = []
    for part, rows in parts.items():
        proofs = {number: _tests_of(number, lanes) for number in rows}
        proved = sum(bool(tests) for tests in proofs.values())
        lines += [f"## {headings[part]}", "", f"{proved} of {len(rows)} have a test.", ""]
        lines += ["| | What holds | Proved by | Outcome |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {number} | {words} | {_listed(proofs[number])} | {_outcome(proofs[number], lanes)} |"
            for number, words in rows.items()
        ]
        lines.append("")
    return "\n".join(lines).strip()


def differs(document: str, table: str) -> list[str]:
    """The numbers of rows that name other tests in the document than in the table. Outcomes do not count."""
    here, there = _proofs(document), _proofs(table)
    return sorted(number for number in here.keys() | there.keys() if here.get(number) != there.get(number))


def put(table: str) -> None:
    """Write the tables into the document, between the two comments."""
    head, begin, rest = DOCUMENT.read_text().partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name} lacks one of the comments {BEGIN} and {END}")
    DOCUMENT.write_text(f"{head}{BEGIN}\n\n{table}\n\n{END}{tail}")


def _tests_of(number: str, lanes: Mapping[str, Mapping[str, MarkedTest]]) -> list[str]:
    names = {name for tests in lanes.values() for name, test in tests.items() if number in test.requirements}
    return sorted(names)


def _listed(names: Iterable[str]) -> str:
    by_file: dict[str, list[str]] = {}
    for name in names:
        path, _, test = name.partition("::")
        by_file.setdefault(path, []).append(test.rpartition("::")[2].removeprefix("test_").replace("_", " "))
    return "<br>".join(
        f"[{path.removeprefix('tests/')}](../{path}): {'; '.join(tests)}" for path, tests in by_file.items()
    )


def _outcome(names: list[str], lanes: Mapping[str, Mapping[str, MarkedTest]]) -> str:
    if not names:
        return NOT_PROVED
    said: list[str] = []
    for lane, title in LANES.items():
        counts: dict[str, int] = {}
        for name in names:
            for outcome, number in getattr(lanes.get(lane, {}).get(name), "outcomes", {}).items():
                counts[outcome] = counts.get(outcome, 0) + number
        if counts.get("failed"):
            said.append(f"**{counts['failed']} failed** on {title}")
        elif counts:
            left_out = f", {counts['skipped']} left out" if counts.get("skipped") else ""
            said.append(f"{counts.get('passed', 0)} passed{left_out} on {title}")
    return "; ".join(said) or "not run"


def _proofs(table: str) -> dict[str, str]:
    rows = (line.split(" | ") for line in table.splitlines() if line.startswith(("| R", "| QC")))
    return {cells[0].removeprefix("| "): cells[2] for cells in rows if len(cells) >= 4}
