"""Wires that are laid for the workers, see `tests.chaos.tripwires`: the trial's side."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from tests.chaos.points import Point

KILLED = ".killed-"
# Lies at the point "storing": whoever comes there stops, in the middle of a transaction.
STOP = "storing.stop"
STOPPED = ".stopped-"
READY = "ready-"


class Wires:
    """The trial's side: wires that are laid in a folder, and who stumbled over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lay(self, point: Point) -> None:
        (self.folder / point).touch()

    def take_away(self, point: Point) -> bool:
        """Whether it still lay there."""
        try:
            (self.folder / point).unlink()
        except FileNotFoundError:
            return False
        return True

    def lay_stop(self) -> None:
        """Have the next worker stopped that stores a page, while its transaction is open."""
        (self.folder / STOP).touch()

    def stopped(self) -> int | None:
        """The pid of the worker that has stopped; None, and the wire is gone, if nobody has."""
        (self.folder / STOP).unlink(missing_ok=True)
        for path in self.folder.glob(f"{STOP}{STOPPED}*"):
            path.unlink()
            return int(path.name.rpartition("-")[2])
        return None

    def is_ready(self, pid: int) -> bool:
        """Whether this worker takes tasks."""
        return (self.folder / f"{READY}{pid}").exists()

    def stumbled(self) -> Iterator[Point]:
        """Each point at which a worker has killed itself since the last look."""
        for name in os.listdir(self.folder):
            point, is_killed, _ = name.partition(KILLED)
            if is_killed:
                (self.folder / name).unlink()
                yield next(known for known in get_args(Point) if known == point)
