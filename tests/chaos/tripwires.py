"""Points between two lines of a worker at which it is killed, as exactly as a debugger would stop there.

A wire is a file, which the trial lays. The first thread of any worker that comes to the point takes it away,
which only one can, and kills its process with -9. What a thread is doing is told by the statements that it
sends to the database, so that what runs is the product as it is.
"""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from requests_builder.models import Publication, Run
from tests.chaos.points import Point
from tests.chaos.wires import KILLED, READY

_RUNS, _PUBLICATIONS = f'"{Run._meta.db_table}"', f'"{Publication._meta.db_table}"'


def show_ready(folder: Path) -> None:
    """This process takes tasks from now on."""
    (folder / f"{READY}{os.getpid()}").touch()


def watch(folder: Path) -> None:
    """Have each statement of this process looked at."""

    def look(connection: BaseDatabaseWrapper, **_: Any) -> None:
        if not connection.execute_wrappers:
            connection.execute_wrappers.append(partial(_stumble_after, folder, connection))

    connection_created.connect(look, weak=False)


def _stumble_after(
    folder: Path,
    connection: BaseDatabaseWrapper,
    execute: Callable[..., Any],
    statement: str,
    *rest: Any,
) -> Any:
    result = execute(statement, *rest)
    inside, behind = _points(statement)
    if inside:
        _stumble(folder, inside)
    if behind:
        # At once, if there is no transaction.
        connection.on_commit(partial(_stumble, folder, behind))
    return result


def _stumble(folder: Path, point: Point) -> None:
    try:
        (folder / point).rename(folder / f"{point}{KILLED}{os.getpid()}")
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _points(statement: str) -> tuple[Point | None, Point | None]:
    """Where a worker is that has sent this statement: inside of a transaction, and when that is committed."""
    if statement.startswith(f"INSERT INTO {_PUBLICATIONS}"):
        return "publishing", "published"
    if statement.startswith((f"INSERT INTO {_RUNS}", f"INSERT OR IGNORE INTO {_RUNS}")):
        return "writing down", "written down"
    if not statement.startswith(f"UPDATE {_RUNS} SET "):
        return None, None
    written, _, _ = statement.partition(" WHERE ")
    if '"fence" = (' in written:
        return "claiming", "claimed"
    if '"pages" = %s' in written and '"state" = %s' not in written:
        return "storing", "stored"
    if '"rung_at" = ' in written and written.count(" = ") == 1:
        return None, "recovering"
    return None, None
