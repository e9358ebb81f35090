"""Tokens that run out in the same minute, renewed by the product, or by a bare loop that keeps nothing.

    python -m bench.refreshes product|bare URL TOKENS

The database is that of DATABASE_URL. Prints one JSON object: tokens, seconds to the last one, token calls.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

import requests  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench.tokens import BARE_THREADS  # noqa: E402


def by_the_product(url: str, tokens: int) -> Callable[[], int]:
    """Lease, journal, compare-and-set and the log of token calls: what a tick does in a worker."""
    from uuid import uuid4

    from accounts.models import Team
    from connections import grants
    from connections.models import Connection, ConnectionState, Token

    now = timezone.now()
    team = Team.objects.create(name=f"Bench {uuid4()}", slug=f"bench-{uuid4()}")
    connections = [
        Connection(
            team=team,
            name=f"Connection {number}",
            authorization_url=f"{url}/authorize",
            token_url=f"{url}/token",
            client_id="bench",
            client_secret="secret",
            learned_client_authentication="body",
            state=ConnectionState.CONNECTED,
        )
        for number in range(tokens)
    ]
    Connection.objects.bulk_create(connections)
    for connection in connections:
        Token.objects.create(
            connection=connection,
            access_token="old",
            refresh_token=f"refresh {connection.pk}",
            obtained_at=now - timedelta(minutes=50),
            expires_at=now + timedelta(minutes=10),
            refresh_at=now - timedelta(seconds=1),
        )

    def refresh() -> int:
        while Token.objects.filter(connection__team=team, version=1).exists():
            grants.refresh_due_tokens(now=timezone.now())
        return Token.objects.filter(connection__team=team, version=2).count()

    return refresh


def by_a_bare_loop(url: str, tokens: int) -> Callable[[], int]:
    """requests.post in threads, and nothing done with the answer."""

    def post(number: int) -> bool:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": f"refresh {number}",
            "client_id": "bench",
            "client_secret": "secret",
        }
        return bool(requests.post(f"{url}/token", data=form, timeout=30).json()["access_token"])

    def refresh() -> int:
        with ThreadPoolExecutor(BARE_THREADS) as pool:
            return sum(pool.map(post, range(tokens)))

    return refresh


def main() -> None:
    kind, url, tokens = sys.argv[1:]
    prepare = {"product": by_the_product, "bare": by_a_bare_loop}[kind]
    # Whatever is read and imported once, a process that has been at work has behind it.
    prepare(url, 2)()
    refresh = prepare(url, int(tokens))
    began, cpu = time.monotonic(), time.process_time()
    refreshed = refresh()
    seconds = time.monotonic() - began
    print(json.dumps({"tokens": refreshed, "seconds": seconds, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main()
