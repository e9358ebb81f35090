"""What is logged during a test, in the form of the log: the fixture `written` of conftest."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from config import logs


class Written:
    """What is logged from now on."""

    def __init__(self, format_name: str) -> None:
        self._stream = io.StringIO()
        self._handler = logging.StreamHandler(self._stream)
        self._handler.setFormatter(logs.formatter(format_name))

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Everything is listened to, also what the log would leave out."""
        root = logging.getLogger()
        level = root.level
        root.addHandler(self._handler)
        root.setLevel(logging.DEBUG)
        try:
            yield self
        finally:
            root.removeHandler(self._handler)
            root.setLevel(level)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of JSON."""
        return [json.loads(line) for line in self.text.splitlines()]
