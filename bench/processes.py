"""The processes of a benchmark: mock servers, and the product with a database of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests import lanes

ROOT = Path(__file__).resolve().parent.parent
Figures = dict[str, float]


@contextmanager
def prepared(database_url: str, port: int) -> Iterator[dict[str, str]]:
    """The environment for processes of the product with an empty database, that may call this port."""
    with tempfile.TemporaryDirectory() as folder:
        # A process that compiles what it imports stays larger than one that has been installed.
        inherited = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment = {
            **inherited,
            **lanes.NEUTRAL,
            # As bin/run and the image do.
            "PYTHONNODEBUGRANGES": "1",
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


def figures(environment: dict[str, str], module: str, *arguments: object) -> Figures:
    """What a module of the benchmark prints last: an object of numbers."""
    found: Figures = json.loads(run(environment, "-m", module, *map(str, arguments)).splitlines()[-1])
    return found


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


@contextmanager
def background(environment: Mapping[str, str], *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A worker or a scheduler as a process, killed at the end."""
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def verdict(what: str, found: float, goal: float, *, is_limit: bool = False) -> None:
    """Print a figure beside its goal: at least that much, or, for a limit, at most."""
    is_held = found <= goal if is_limit else found >= goal
    bound = "at most" if is_limit else "at least"
    print(f"{'':34}{found:.3g} {what}; goal: {bound} {goal:g}{'' if is_held else ' - MISSED'}")
