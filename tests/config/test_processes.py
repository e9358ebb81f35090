"""A child process: its output, its end, and its group."""

import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.processes import Guard, Process, Service, open_log
from tests.product import is_running, wait_until


class Watched:
    """A process that runs a line of shell, with what it showed."""

    def __init__(self, logs: Path, script: str) -> None:
        self.shown: list[str] = []
        service = Service("web", ["sh", "-c", script], dict(os.environ), lambda: True)
        show = lambda name, line: self.shown.append(line)  # noqa: E731
        self.process = Process(service, open_log(logs, "web"), show, selectors.DefaultSelector())

    def run(self, now: float = 0.0, until: float = 1.0) -> int:
        self.process.start(now, kept_open=())
        assert self.process.child is not None
        self.process.child.wait(30)
        status = self.process.ended(until)
        assert status is not None
        return status


def test_every_line_is_shown_and_logged_also_the_unfinished_last(tmp_path: Path) -> None:
    watched = Watched(tmp_path, "echo one; printf two; exit 3")
    assert watched.run() == 3
    assert watched.shown == ["one", "two"]
    assert [line[-3:] for line in (tmp_path / "web.log").read_text().splitlines()] == ["one", "two"]


def test_the_log_is_for_our_eyes_only(tmp_path: Path) -> None:
    Watched(tmp_path, "true")
    assert (tmp_path / "web.log").stat().st_mode & 0o777 == 0o600


def test_what_a_dead_process_left_in_its_group_is_ended(tmp_path: Path) -> None:
    watched = Watched(tmp_path, "sleep 60 & echo $!")
    watched.run()
    wait_until(lambda: not is_running(int(watched.shown[0])), 30)


def test_the_pause_before_the_next_start_grows_until_the_process_stays_up(tmp_path: Path) -> None:
    watched = Watched(tmp_path, "true")
    pauses = []
    for _ in range(4):
        watched.run(now=0.0, until=1.0)
        pauses.append(watched.process.start_due_at - 1.0)
    assert pauses == [0.0, 1.0, 2.0, 4.0]
    watched.run(now=0.0, until=100.0)
    assert watched.process.start_due_at == 100.0


@pytest.mark.linux
def test_a_child_dies_with_its_parent_on_linux(tmp_path: Path) -> None:
    child = _child_of_a_killed_parent("spawn(['sleep', '60'], {'PATH': '/bin:/usr/bin'}, (), -3, -3)")
    wait_until(lambda: not is_running(child), 30)


def test_the_guard_ends_the_children_of_a_killed_parent() -> None:
    child = _child_of_a_killed_parent(
        "subprocess.Popen(['sleep', '60'], process_group=0); guard = Guard(); guard.watch(child.pid)"
    )
    wait_until(lambda: not is_running(child), 30)


def test_a_dismissed_guard_leaves_everybody_alone() -> None:
    guard = Guard()
    with subprocess.Popen(["sleep", "60"], process_group=0) as child:
        guard.watch(child.pid)
        guard.dismiss()
        time.sleep(0.2)
        assert child.poll() is None
        child.kill()


def _child_of_a_killed_parent(start: str) -> int:
    script = (
        f"import subprocess, time; from config.processes import *; child = {start}; "
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.send_signal(signal.SIGKILL)
    return child
