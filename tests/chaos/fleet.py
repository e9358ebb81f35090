"""The processes that are killed: workers and schedulers, a PostgreSQL cluster of our own."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from config.processes import spawn
from tests import lanes
from tests.chaos.wires import Wires
from tests.product import ROOT, free_port, wait_until

# Seconds; before, a process is not at work yet, and killing it proves little.
GROWN_UP = 1.0


class Nursery:
    """Where workers come from; see `tests.chaos.nursery`."""

    def __init__(self, environment: Mapping[str, str], wires: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery", str(wires)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def worker(self, log: Path) -> int:
        """The pid of a new worker."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(log, file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """The workers end with it."""
        self._process.kill()
        self._process.wait()


class Member:
    """A worker or a scheduler, started again whenever it has ended."""

    def __init__(self, start: Callable[[], int], is_ready: Callable[[int], bool] = bool) -> None:
        self._start = start
        self._is_ready = is_ready
        self.pid = 0
        self.started_at = 0.0
        self.is_stopped = False

    def start(self) -> None:
        self.pid, self.started_at, self.is_stopped = self._start(), time.monotonic(), False

    @property
    def has_ended(self) -> bool:
        return not _is_there(self.pid)

    @property
    def is_grown_up(self) -> bool:
        is_old = time.monotonic() - self.started_at > GROWN_UP
        return is_old and not self.is_stopped and not self.has_ended and self._is_ready(self.pid)

    def stop(self) -> None:
        """Freeze it, as a machine does that is suspended."""
        self._signal(signal.SIGSTOP)
        self.is_stopped = True

    def let_go(self) -> None:
        """After `stop`: it goes on where it was."""
        self._signal(signal.SIGCONT)
        self.is_stopped = False

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        wait_until(lambda: self.has_ended, 10)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


class Fleet:
    """All members. What was killed, or ended by itself, is started again by `mend`."""

    def __init__(
        self, environment: Mapping[str, str], folder: Path, wires: Wires, *, workers: int, schedulers: int
    ) -> None:
        self._environment = {**environment, "PYTHONPATH": str(ROOT)}
        self._folder = folder
        self._lock = threading.RLock()
        self._nursery = Nursery(self._environment, wires.folder)
        self._beats: list[subprocess.Popen[bytes]] = []
        self.workers = [
            Member(partial(self._nursery.worker, folder / f"worker{number}.log"), wires.is_ready)
            for number in range(workers)
        ]
        self.schedulers = [
            Member(partial(self._scheduler, folder / f"beat{number}.log")) for number in range(schedulers)
        ]

    def __enter__(self) -> Self:
        self.mend()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            for member in self._members:
                member.kill()
            self._nursery.close()
            for beat in self._beats:
                beat.wait()

    @property
    def _members(self) -> list[Member]:
        return [*self.workers, *self.schedulers]

    def _scheduler(self, log: Path) -> int:
        command = [sys.executable, "-m", "config.background", "beat"]
        with log.open("ab") as output:
            beat = spawn(command, self._environment, (), output=output.fileno(), errors=subprocess.STDOUT)
        self._beats.append(beat)
        return beat.pid

    def kill(self, worker: Member) -> bool:
        """Kill a worker; whether it was there to be killed."""
        with self._lock:
            if worker.has_ended or worker.is_stopped:
                return False
            worker.kill()
            return True

    def mend(self) -> None:
        """Start what is not there, or not there any more."""
        with self._lock:
            for member in self._members:
                if member.has_ended:
                    member.start()

    def let_all_go(self) -> None:
        for member in self._members:
            if member.is_stopped:
                member.let_go()

    def owner_of(self, port: int, server_port: int) -> Member | None:
        """The worker whose end of a connection to us is this port."""
        inode = _inode_of(port, server_port)
        for worker in self.workers if inode else ():
            with suppress(OSError):
                for descriptor in Path(f"/proc/{worker.pid}/fd").iterdir():
                    with suppress(OSError):
                        if os.readlink(descriptor) == f"socket:[{inode}]":
                            return worker
        return None

    def logs(self) -> str:
        """What all of them have written."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))


def _is_there(pid: int) -> bool:
    """Whether the process runs, or is stopped, and does not merely wait to be forgotten."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _inode_of(port: int, server_port: int) -> str | None:
    """The socket from one port of this machine to another, as Linux numbers it."""
    ends = (f":{port:04X}", f":{server_port:04X}")
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]):
            return fields[9]
    return None


class Cluster:
    """A PostgreSQL cluster in a temporary folder, which can be restarted as often as one likes."""

    def __init__(self) -> None:
        programs = lanes.postgres_programs()
        assert programs is not None
        self._programs = programs
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="cluster-"))
        self._data = self._folder / "data"
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> Self:
        if os.getuid() == 0:
            shutil.chown(self._folder, "postgres")
        self._run("initdb", "-D", self._data, "--auth", "trust", "--username", "postgres", "--no-sync")
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run("pg_ctl", "stop", "-D", self._data, "-m", "immediate", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def restart(self, mode: str, away: float) -> None:
        """Stop it, `fast` or `immediate` as in a crash, and start it again after so many seconds."""
        self._run("pg_ctl", "stop", "-D", self._data, "-m", mode)
        time.sleep(away)
        self._start()

    def _start(self) -> None:
        options = (
            f"-h 127.0.0.1 -p {self.port} -k {self._folder} -c fsync=off -c max_connections=400 "
            "-c shared_buffers=64MB"
        )
        log = self._folder / "log"
        self._run("pg_ctl", "start", "-D", self._data, "-w", "-l", log, "-o", options)

    def _run(self, program: str, *arguments: str | Path, check: bool = True) -> None:
        as_postgres = []
        if os.getuid() == 0:
            as_postgres = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]
        done = subprocess.run(
            [*as_postgres, self._programs / program, *arguments],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{program} failed: {(done.stderr or b'').decode(errors='replace')}")
