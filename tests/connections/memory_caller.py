"""A process that asks two token endpoints, and says how much more memory the second took than the first."""

import os
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
sys.path.insert(0, os.getcwd())
django.setup()

from connections import oauth2  # noqa: E402 - after the settings
from connections.grants.asking.sending import Deadline, send  # noqa: E402
from connections.oauth2 import Authentication, Client  # noqa: E402


def main() -> None:
    good, bad = sys.argv[1:]
    ask(good)
    before = peak()
    print(ask(bad), peak() - before)


def ask(url: str) -> str:
    client = Client("client", "secret", Authentication.BODY)
    message = oauth2.refresh_request(f"{url}/token", client, refresh_token="refresh-1", known=oauth2.Known())
    now = datetime.now(UTC)
    try:
        oauth2.read_token_reply(send(message, Deadline()), now=now, secrets=message.secrets)
    except oauth2.TokenRequestFailed:
        return "failed"
    return "succeeded"


def peak() -> int:
    """The most memory that this program has had so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: there, what the process was before it became this program counts, too.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
