"""What applying did."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Changes:
    """What applying did, a sentence for each thing that the file names."""

    lines: list[str] = field(default_factory=list)

    def note(self, what: str, changed: Sequence[str], *, is_new: bool = False) -> None:
        """Record one thing: made, changed in these parts, or unchanged."""
        if is_new:
            self.lines.append(f"{what}: created")
        elif changed:
            self.lines.append(f"{what}: changed {', '.join(changed)}")
        else:
            self.lines.append(f"{what}: unchanged")
