"""The whole product, started as `make run` starts it, for tests that need real processes.

    with Product() as product:
        page.goto(product.setup_link)
        product.kill("worker")

Each has its own DATA_DIR, ports and, on PostgreSQL and Redis, its own database there, so that several run
side by side.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psycopg
import redis

from config import broker
from tests import databases, lanes
from tests.commands import Commands

ROOT = Path(__file__).resolve().parent.parent
# Seconds; a start takes six on an idle machine with two cores.
START_TIMEOUT = 180.0


class Product:
    """A running product. Arguments that are not given follow the lane: SQLite and the embedded broker, or
    a PostgreSQL database and a Redis database of our own. `environment` adds to what it is told. Unless it
    `is_new`, it finds a database that is migrated already: nobody has to wait for that."""

    def __init__(
        self,
        *,
        database_url: str | None = None,
        broker_url: str | None = None,
        environment: dict[str, str] | None = None,
        has_demo: bool = True,
        is_new: bool = False,
    ) -> None:
        self.data_dir = Path(tempfile.mkdtemp(prefix="product-"))
        self.port = free_port()
        self.demo_port = free_port() if has_demo else None
        self.base_url = f"http://localhost:{self.port}"
        self.demo_url = f"http://localhost:{self.demo_port}"
        self.setup_link: str | None = None
        self.output: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._commands: Commands | None = None
        self._database = self._broker = None
        if database_url is None and lanes.is_postgres_lane():
            self._database = own_database() if is_new else databases.copy()
            database_url = self._database.__enter__()
        elif database_url is None and not is_new:
            databases.copy_to_file(self.data_dir / "connector.sqlite3")
        if broker_url is None and lanes.is_postgres_lane() and not lanes.why_no_redis():
            self._broker = own_redis_database()
            broker_url = self._broker.__enter__()
        self.environment = {
            **os.environ,
            **lanes.NEUTRAL,
            "BROKER_URL": broker_url or "",
            "DATABASE_URL": database_url or "",
            "DATA_DIR": str(self.data_dir),
            "DEMO_PORT": str(self.demo_port or ""),
            "PORT": str(self.port),
            **(environment or {}),
        }

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._commands:
            self._commands.close()
        for own in (self._database, self._broker):
            if own:
                own.__exit__(None, None, None)
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def start(self, timeout: float = START_TIMEOUT) -> None:
        """Start it, also again after `stop`, and wait until it says that it is ready."""
        self.setup_link, self.output = None, []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "config.supervisor"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        wait_until(lambda: self._is_ready() or self._process.poll() is not None, timeout, self.text)
        if not self._is_ready():
            raise AssertionError(f"The product did not start:\n{self.text()}")

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line)
            if line.startswith("Ready") and "/setup/" in line:
                self.setup_link = line.split()[-1]

    def _is_ready(self) -> bool:
        return any(line.startswith("Ready") for line in self.output)

    def stop(self, number: int = signal.SIGTERM, timeout: float = 30) -> int | None:
        """End it in good order, or by another signal; its exit status."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(timeout)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Kill a process of this name (see `pids`) and answer the pid that it had."""
        pid = self.pids()[name]
        os.kill(pid, number)
        return pid

    def wait_for_another(self, name: str, pid: int, timeout: float = 60) -> int:
        """Wait until the supervisor has started `name` again after the process `pid`; the new pid."""
        wait_until(lambda: self.pids().get(name, pid) != pid, timeout, self.text)
        return self.pids()[name]

    def pids(self) -> dict[str, int]:
        """Who runs: supervisor, web, worker, beat, demo, and broker unless it is somebody else's."""
        pids: dict[str, int] = json.loads((self.data_dir / "processes.json").read_text())
        return pids

    def manage(self, *arguments: str, timeout: float = START_TIMEOUT) -> str:
        """Run a management command on this product's data; what it prints."""
        if self._commands is None:
            self._commands = Commands(self.environment)
        status, output, errors = self._commands.run(arguments, timeout)
        assert status == 0, output + errors
        return output

    def log(self, name: str) -> str:
        """What a process has written so far."""
        path = self.data_dir / "logs" / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def text(self) -> str:
        """What the terminal would show."""
        return "".join(self.output)


class Broker:
    """A Redis server of our own, which can be stopped and emptied: `Product(broker_url=broker.url)`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, empty: it keeps nothing on disk."""
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([broker.find_server(), *options], stdout=subprocess.DEVNULL)
        wait_until(self._answers, 30)

    def stop(self) -> None:
        """Kill it; what it held is lost."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(redis.Redis.from_url(self.url).ping())
        except redis.RedisError:
            return False


@contextmanager
def own_database() -> Iterator[str]:
    """The URL of a new, empty database on the PostgreSQL server of the tests; dropped at the end."""
    name = f"product_{secrets.token_hex(6)}"
    server = urlsplit(lanes.TEST_DATABASE_URL)
    with psycopg.connect(server._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield server._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@contextmanager
def own_redis_database() -> Iterator[str]:
    """The URL of a numbered database on the Redis server of the tests that nobody else uses now."""
    server = urlsplit(lanes.TEST_REDIS_URL)
    first = int(server.path.strip("/") or 0) + 1
    with redis.Redis.from_url(lanes.TEST_REDIS_URL) as claims:
        number = next(
            n for n in range(first, 16) if claims.set(f"connector-tests:{n}", "taken", nx=True, ex=900)
        )
        url = server._replace(path=f"/{number}").geturl()
        with redis.Redis.from_url(url) as database:
            database.flushdb()
            try:
                yield url
            finally:
                database.flushdb()
                claims.delete(f"connector-tests:{number}")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_running(pid: int) -> bool:
    """Whether a process is there, and not merely waiting for its parent to notice its end."""
    state = _states().get(pid)
    return state is not None and state[0] != "Z"


def children_of(pid: int) -> list[int]:
    """The processes that `pid` has started."""
    return [child for child, (_, parent) in _states().items() if parent == pid]


def _states() -> dict[int, tuple[str, int]]:
    """Each process with its state and its parent."""
    if not Path("/proc/self/stat").exists():
        listing = subprocess.run(
            ["ps", "-Ao", "pid=,stat=,ppid="], capture_output=True, text=True, check=True
        )
        rows = [line.split() for line in listing.stdout.splitlines()]
        return {int(pid): (state[0], int(parent)) for pid, state, parent in rows}
    states = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            states[int(path.parent.name)] = (state, int(parent))
    return states


def wait_until(holds: Callable[[], object], timeout: float, explain: Callable[[], str] = str) -> None:
    """Wait until something holds; fail after `timeout` seconds with an explanation."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, f"It did not come to that within {timeout} s.\n{explain()}"
        time.sleep(0.05)
