"""What time it is during work that takes a while."""

import time
from datetime import datetime, timedelta


class Clock:
    """Goes on steadily from the moment it is given, even if the computer's clock is set meanwhile."""

    def __init__(self, now: datetime) -> None:
        self._began_at = now
        self._began = time.monotonic()

    def __call__(self) -> datetime:
        return self._began_at + timedelta(seconds=self.seconds)

    @property
    def seconds(self) -> float:
        """How long it has been going."""
        return time.monotonic() - self._began

    def sleep(self, seconds: float) -> None:
        """Wait so long, if that is any time at all."""
        if seconds > 0:
            time.sleep(seconds)
