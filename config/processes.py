"""A child process of the supervisor: how it is started, logged, stopped, and made to die with its parent.

Standard library only: the supervisor stays slim.
"""

import ctypes
import logging
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_BYTES = 5_000_000
LOGS_KEPT = 3
# Seconds. A process that ran this long was well: its next end counts as the first again.
WELL_AFTER = 30.0
LONGEST_PAUSE = 30.0

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Service:
    """What is to run. `is_up` is a cheap question, asked until the answer is yes."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    is_up: Callable[[], bool]


@dataclass
class Process:
    """A service, running or between two runs. Moments are seconds of the monotonic clock."""

    service: Service
    log: logging.Handler
    show: Callable[[str, str], None]
    selector: selectors.BaseSelector
    child: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    start_due_at: float = 0.0
    ends_in_a_row: int = 0
    is_up: bool = False
    _unfinished: bytes = b""

    @property
    def name(self) -> str:
        return self.service.name

    def start(self, now: float, kept_open: Sequence[int]) -> int:
        """Start the child and answer its pid. The file descriptors `kept_open` are handed to it."""
        self.child = spawn(
            self.service.command,
            self.service.environment,
            kept_open,
            output=subprocess.PIPE,
            errors=subprocess.STDOUT,
        )
        self.started_at, self.is_up = now, False
        assert self.child.stdout is not None
        os.set_blocking(self.child.stdout.fileno(), False)
        self.selector.register(self.child.stdout, selectors.EVENT_READ, self.read)
        return self.child.pid

    def read(self) -> bool:
        """Pass on what the child has written, line by line; False when there is nothing more to come."""
        if self.child is None or self.child.stdout is None or self.child.stdout.closed:
            return False
        try:
            some = os.read(self.child.stdout.fileno(), 65536)
        except BlockingIOError:
            return False
        *lines, self._unfinished = (self._unfinished + some).split(b"\n")
        if not some:
            lines, self._unfinished = [self._unfinished] if self._unfinished else [], b""
            self.selector.unregister(self.child.stdout)
            self.child.stdout.close()
        for line in lines:
            text = line.decode(errors="replace").rstrip()
            self.log.emit(logging.makeLogRecord({"msg": text}))
            self.show(self.name, text)
        return bool(some)

    def ended(self, now: float) -> int | None:
        """The exit status, once, when the child has ended; what it left in its group is ended as well."""
        if self.child is None or (status := self.child.poll()) is None:
            return None
        self.kill()
        while self.read():
            pass
        if self.child.stdout and not self.child.stdout.closed:
            self.selector.unregister(self.child.stdout)
            self.child.stdout.close()
        self.child, self.is_up = None, False
        self.ends_in_a_row = 1 if now - self.started_at > WELL_AFTER else self.ends_in_a_row + 1
        # At once after the first end, then ever later.
        pause = 0.25 * 2**self.ends_in_a_row if self.ends_in_a_row > 1 else 0.0
        self.start_due_at = now + min(LONGEST_PAUSE, pause)
        return status

    def stop(self) -> None:
        """Ask the child to end in good order."""
        if self.child is not None:
            self.child.terminate()

    def kill(self) -> None:
        """End the child, and all that it has started, now."""
        if self.child is not None:
            kill_group(self.child.pid)


def spawn(
    command: Sequence[str], environment: Mapping[str, str], kept_open: Sequence[int], output: int, errors: int
) -> "subprocess.Popen[bytes]":
    """Start a child that is killed when we end, however we end (Linux; elsewhere see Guard).

    It leads a process group of its own: Ctrl-C reaches only us, and what it leaves behind can be found.
    """
    parent = os.getpid()

    def die_with_parent() -> None:  # runs between fork and exec
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it ended before we could ask
                os.kill(os.getpid(), signal.SIGKILL)

    return subprocess.Popen(  # noqa: S603 - our own programs
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        pass_fds=kept_open,
        process_group=0,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - unsafe beside threads, of which we have none
    )


def kill_group(leader: int) -> None:
    """Kill every process of the group that `leader` led."""
    # macOS answers PermissionError for a group of which only the ended leader is left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def open_log(directory: Path, name: str) -> logging.Handler:
    """The log file of a process, for our eyes only: addresses and mails may stand in it."""
    path = directory / f"{name}.log"
    path.touch(mode=0o600)
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    return handler


def describe(status: int) -> str:
    """An exit status in words."""
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


# Learns from the end of its input, whose other side only the supervisor holds, that the supervisor is gone.
GUARD = """
import os, signal, sys
for group in [int(line) for line in sys.stdin]:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


class Guard:
    """Ends the children of a killed supervisor where the kernel does not (macOS, the BSDs)."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-S", "-E", "-c", GUARD], stdin=subprocess.PIPE, process_group=0, text=True
        )

    def watch(self, leader: int) -> None:
        """The process group of `leader` must not outlive us."""
        assert self.process.stdin is not None
        print(leader, file=self.process.stdin, flush=True)

    def dismiss(self) -> None:
        """All children have ended."""
        self.process.kill()
        self.process.wait()
