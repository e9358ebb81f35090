"""Wires that are laid for the workers, see `tests.chaos.tripwires`: the trial's side."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from tests.chaos.points import Point

KILLED = ".killed-"
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
