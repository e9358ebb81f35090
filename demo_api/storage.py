"""What a demo server remembers between two starts: one JSON file."""

import json
import os
from datetime import datetime
from pathlib import Path

from demo_api.grants import Grants

FORMAT = 1


class UnreadableState(Exception):
    """The file is not one of ours; it has to be moved away by hand."""


def load(path: Path, grants: Grants) -> datetime | None:
    """Fill the grants from the file. When the shop opened; None before the first save.

    Raises UnreadableState.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise ValueError("another format")
        grants.restore(document["grants"])
        return datetime.fromisoformat(document["opened_at"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise UnreadableState(
            f"{path} is no state file of the demo API: delete it to begin anew."
        ) from problem


def save(path: Path, opened_at: datetime, grants: Grants) -> None:
    """Replace the file as a whole: whoever dies in the middle leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    document = {"format": FORMAT, "opened_at": opened_at.isoformat(), "grants": grants.snapshot()}
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
