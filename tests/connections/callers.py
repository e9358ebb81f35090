"""Processes that ask for tokens at the same time, with a database of their own of the suite's kind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from demo_api.server import DemoServer
from tests import databases

ROOT = Path(__file__).parents[2]
# Seconds after which others may take over what a process was at.
EXPIRED_LEASE = 21


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A migrated, empty database: a SQLite file, or one on the PostgreSQL server of the settings."""
    with databases.copy() as url:
        yield url


class Caller:
    """A process that asks for tokens, one command at a time."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.connections.token_caller"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.is_busy = False

    def begin(self, do: str, **arguments: object) -> "Caller":
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"do": do} | arguments) + "\n")
        self.process.stdin.flush()
        self.is_busy = True
        return self

    def answers(self) -> list[dict[str, Any]]:
        """What the command printed, when it has come to its end."""
        assert self.process.stdout
        answers = []
        for line in self.process.stdout:
            answers.append(json.loads(line))
            if answers[-1] == {"done": True}:
                self.is_busy = False
                return answers[:-1]
        raise AssertionError("The process has ended.")

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        # It stands still only some time after the signal was sent.
        os.waitpid(self.process.pid, os.WUNTRACED)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Callers:
    """Processes that are kept from test to test, and the connection of this one."""

    environment: dict[str, str]
    processes: list[Caller] = field(default_factory=list)
    port: int = 0
    connection_id: str = ""

    def free(self) -> Caller:
        for caller in self.processes:
            if not caller.is_busy and caller.process.poll() is None:
                return caller
        self.processes.append(Caller(self.environment))
        return self.processes[-1]

    def begin(self, do: str, **arguments: object) -> Caller:
        return self.free().begin(do, port=self.port, **arguments)

    def ask(self, **arguments: object) -> Caller:
        return self.begin("fresh", connection=self.connection_id, **arguments)


@pytest.fixture(scope="module")
def processes(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    kept = Callers(
        {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database_url,
            "DATA_DIR": str(tmp_path_factory.mktemp("data")),
            "REFRESHES_PER_SECOND": "1000",
        }
    )
    yield kept
    for caller in kept.processes:
        caller.kill()


def prepare(provider: DemoServer, processes: Callers, **settings: object) -> str:
    """The id of a new connection whose token has run out."""
    tokens = provider.mint("contacts.read")
    arguments = {
        "name": "CRM",
        "token_url": provider.token_url,
        "revocation_url": provider.revocation_url,
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
    }
    [made] = processes.begin("prepare", **(arguments | settings)).answers()
    return str(made["id"])


@pytest.fixture
def callers(provider: DemoServer, processes: Callers) -> Iterator[Callers]:
    processes.port = provider.port
    processes.connection_id = prepare(provider, processes)
    yield processes
    for caller in processes.processes:
        if caller.is_busy:
            caller.kill()
    processes.begin("clear").answers()


def answers_of(asked: list[Caller]) -> list[dict[str, Any]]:
    return [answer for caller in asked for answer in caller.answers()]
