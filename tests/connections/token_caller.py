"""A process of its own that asks for tokens, for tests of many processes at once.

Reads commands from its standard input, one JSON object a line, such as `{"do": "fresh", "threads": 3, ...}`;
each prints JSON lines, the last of them `{"done": true}`.
"""

import json
import os
import sys
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def say(**values: object) -> None:
    print(json.dumps(values), flush=True)


def moment(is_real: bool) -> datetime:
    """Noon of the tests' day; or, where real time has to pass, this very moment."""
    return datetime.now(UTC) if is_real else NOON


def prepare(port: int, is_real: bool = False, **settings_and_tokens: str) -> None:
    """Make a connection whose token has run out, and say its id."""
    from tests import factories

    token_names = ("access_token", "refresh_token")
    settings = {name: value for name, value in settings_and_tokens.items() if name not in token_names}
    # Each process counts from one: what the factories number is not unique here.
    team = factories.TeamFactory(slug=uuid.uuid4().hex)
    connection = factories.ConnectionFactory(team=team, **settings)
    factories.connected(
        connection,
        now=moment(is_real) - timedelta(hours=1),
        life=timedelta(minutes=5),
        refresh_at=moment(is_real) - timedelta(minutes=56),
        **{name: settings_and_tokens[name] for name in token_names},
    )
    say(id=str(connection.pk))


def fresh(
    port: int,
    connection: str,
    threads: int = 1,
    seconds: float = 0,
    is_patient: bool = False,
    is_real: bool = False,
) -> None:
    """Ask in so many threads at once, as though it were so much later than noon, or than it is.

    The patient ones come back as runs do, when they are told that somebody else is at it.
    """
    from django.db import connections as databases

    from connections import grants
    from connections.models import Connection

    row = Connection.objects.get(pk=connection)
    together, printing = threading.Barrier(threads), threading.Lock()

    def ask() -> None:
        Connection.objects.exists()
        together.wait()
        start, began, waits = moment(is_real), time.monotonic(), 0
        while True:
            now = start + timedelta(seconds=seconds + time.monotonic() - began)
            try:
                token = grants.fresh_token(row, now=now)
                answer: dict[str, object] = {"version": token.version, "token": token.value, "waits": waits}
            except grants.RefreshUnderway as error:
                answer = {"error": error.code, "sentence": error.sentence}
                if is_patient:
                    waits += 1
                    continue
            except grants.TokenUnavailable as error:
                answer = {"error": error.code, "sentence": error.sentence}
            break
        finished_at = time.monotonic()
        with printing:
            say(**answer, at=finished_at)
        databases.close_all()

    callers = [threading.Thread(target=ask) for _ in range(threads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()


def run_out(port: int, connection: str) -> None:
    """Let the access token end, as time would."""
    from connections.models import Token

    ended_at = datetime.now(UTC) - timedelta(minutes=1)
    Token.objects.filter(connection=connection).update(expires_at=ended_at)


def due(port: int, is_real: bool = False) -> None:
    """Do what the beat asks for."""
    from connections import grants

    say(tried=grants.refresh_due_tokens(now=moment(is_real)))


def look(port: int) -> None:
    """Say how the connections are."""
    from connections.models import Connection

    for connection in Connection.objects.select_related("token"):
        say(id=str(connection.pk), state=connection.state, version=connection.token.version)


def delete(port: int, connection: str) -> None:
    from connections import grants
    from connections.models import Connection

    grants.delete(Connection.objects.get(pk=connection), now=NOON)


def clear(port: int) -> None:
    """Forget the connections of earlier tests; say how many tokens wait to be revoked."""
    from connections.models import Connection, DiscardedToken

    say(discarded=DiscardedToken.objects.count())
    DiscardedToken.objects.all().delete()
    Connection.objects.all().delete()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.conf import settings

    known = (prepare, fresh, run_out, due, look, delete, clear)
    commands: dict[str, Any] = {command.__name__: command for command in known}
    for line in sys.stdin:
        arguments = json.loads(line)
        if "port" in arguments:
            settings.OUTBOUND_ALLOW = [f"127.0.0.1:{arguments['port']}"]
        commands[arguments.pop("do")](**arguments)
        say(done=True)


if __name__ == "__main__":
    main()
