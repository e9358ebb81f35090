"""The short form of `make chaos`: a minute of it, with the same faults and the same proofs."""

import os
import subprocess
import sys

import pytest

from tests.product import ROOT

# A machine that does much else at the same time may take long; what is lost or doubled is so on any machine.
SHORT = {
    "due": 150,
    "minutes": 0,
    "backlog": 5,
    "seconds": 20,
    "latency": 0.1,
    "kills": 15,
    "stalls": 1,
    "wipes": 1,
    "restarts": 1,
    "workers": 3,
    "patience": 240,
    "resumed-within": 120,
    "seed": 7,
}

pytestmark = pytest.mark.linux


def chaos(database: str) -> None:
    command = [sys.executable, "-m", "tests.chaos", f"--database={database}"]
    command += [f"--{name}={value}" for name, value in SHORT.items()]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "everything held" in done.stdout


def test_in_chaos_on_sqlite_nothing_is_lost_doubled_or_seen_by_halves() -> None:
    chaos("sqlite")


@pytest.mark.postgres_lane
@pytest.mark.cluster
@pytest.mark.slow
def test_in_chaos_on_postgresql_nothing_is_lost_doubled_or_seen_by_halves() -> None:
    chaos("postgres")
