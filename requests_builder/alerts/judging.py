"""How a request is doing, from how its last runs ended. PURE."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

# Who mends it says whether time alone may: what no repetition heals is stubborn.
STUBBORN = frozenset({"editor", "connection"})
# What may heal by itself, as when the other side is down, pauses nothing before it has lasted so long.
PERSISTENT = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended."""

    run_id: UUID
    due_at: datetime
    finished_at: datetime
    has_succeeded: bool
    rows: int = 0
    # What its records had otherwise than the mapping.
    remark: str = ""
    error: str = ""
    error_code: str = ""
    mender: str = ""

    @property
    def is_stubborn(self) -> bool:
        return not self.has_succeeded and self.mender in STUBBORN


@dataclass(frozen=True, slots=True)
class Course:
    """What has become of a request since it was last looked at.

    `healed`: the run that succeeded first, if one did; `newest`: the one that did so last. `failures`: those
    in a row after that, or, without it, all that are new; the oldest first.
    """

    healed: Outcome | None
    newest: Outcome | None
    failures: Sequence[Outcome]

    @property
    def stubborn(self) -> int:
        """How many at the end of the failures no repetition heals."""
        count = 0
        for failure in reversed(self.failures):
            if not failure.is_stubborn:
                break
            count += 1
        return count


def course(outcomes: Iterable[Outcome], counted_until: datetime | None = None) -> Course:
    """The course of the runs that ended after `counted_until`, in whatever order they are given."""
    new = sorted(
        (each for each in outcomes if counted_until is None or each.finished_at > counted_until),
        key=lambda each: each.finished_at,
    )
    good = [number for number, each in enumerate(new) if each.has_succeeded]
    if not good:
        return Course(None, None, new)
    return Course(new[good[0]], new[good[-1]], new[good[-1] + 1 :])


def is_to_be_paused(
    pause_after: int, *, since_pause: int, stubborn: int, since: datetime, now: datetime
) -> bool:
    """Whether a schedule has failed so often that to go on is of no use to anybody."""
    if not pause_after:
        return False
    return stubborn >= pause_after or (since_pause >= pause_after and since <= now - PERSISTENT)
