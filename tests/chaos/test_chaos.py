"""The short form of `make chaos`: a few of each fault, in the lane's database."""

import subprocess
import sys

import pytest

from tests import lanes
from tests.chaos.fleet import why_no_cluster
from tests.product import ROOT

pytestmark = pytest.mark.slow


def test_no_due_time_is_lost_doubled_or_seen_by_halves_while_things_break() -> None:
    database = "postgres" if lanes.is_postgres_lane() else "sqlite"
    if database == "postgres" and (reason := why_no_cluster()):
        if lanes.must_have_everything():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    some = ["--due", "300", "--minutes", "0", "--backlog", "12", "--seconds", "20", "--seed", "7"]
    some += ["--kills", "6", "--stalls", "1", "--wipes", "1", "--restarts", "1", "--workers", "3"]
    # Other tests keep this machine busy.
    some += ["--patience", "120", "--resumed-within", "60"]

    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--database", database, *some],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "everything held" in done.stdout
