"""A process that looks at two answers, and says how much more memory the second took than the first."""

import os
import sys
from datetime import UTC, datetime

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
sys.path.insert(0, os.getcwd())
django.setup()

from requests_builder import runs  # noqa: E402 - after the settings
from requests_builder.models import SavedRequest  # noqa: E402
from tests.connections.memory_caller import peak  # noqa: E402


def main() -> None:
    good, bad = sys.argv[1:]
    look(good)
    before = peak()
    print(look(bad), peak() - before)


def look(url: str) -> str:
    shown = runs.preview(SavedRequest(url=url), now=datetime.now(UTC))
    return shown.problem.code if shown.problem else "good"


if __name__ == "__main__":
    main()
