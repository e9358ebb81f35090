"""The peer beside a pull: dlt, in an environment of its own, for it brings its own `requests`."""

import json
import os
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = Path(sys.prefix) / "peers"
PACKAGES = ("dlt==1.31.0", "sqlalchemy==2.0.58", "psycopg2-binary==2.9.13")


def python() -> Path | None:
    """The interpreter that has dlt; None where it cannot be installed, as without a package index."""
    interpreter = ENVIRONMENT / "bin" / "python"
    if not interpreter.exists():
        uv = Path(sys.executable).parent / "uv"
        for command in (
            ["venv", "--quiet", "--python", sys.executable, ENVIRONMENT],
            ["pip", "install", "--quiet", "--python", interpreter, *PACKAGES],
        ):
            if subprocess.run([uv, *command], capture_output=True, check=False).returncode:
                return None
    return interpreter


def pull(interpreter: Path, url: str, database_url: str, folder: Path) -> dict[str, float]:
    """One pull by dlt, into SQLite in the folder if no database is named; figures as of `bench.pull`."""
    script = Path(__file__).with_name("pull_dlt.py")
    database = database_url.replace("postgres://", "postgresql://") or f"sqlite:///{folder}/peer.sqlite"
    done = subprocess.run(
        [interpreter, script, url, database, folder / "work"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    figures = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not figures:
        sys.exit(done.stdout + done.stderr)
    found: dict[str, float] = json.loads(figures[-1])
    return found
