"""`make run`: the whole product on one machine, as separate processes under one supervisor.

Broker, web, worker, beat and the demo API are started, watched, started again when they end, and ended
when the supervisor ends, however it ends. Everything is told by the environment (`.env.example`).
Standard library only: this process lives as long as the product and stays slim.
"""

import fcntl
import http.client
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from config import broker
from config.processes import Guard, Process, Service, describe, kill_group, open_log, spawn

ROOT = Path(__file__).resolve().parent.parent

# Seconds.
GRACE = 10.0  # between asking the processes to end and killing them
PREDECESSOR_GRACE = 10.0  # for what a killed supervisor left behind to be gone
SLOW_START = 60.0  # then what does not answer yet is named
LOOK_EVERY = 0.1  # while something has to come up or to end
WATCH_EVERY = 5.0
SILENCE = 60.0  # without a sign of life, while those around are well: hung

# Warnings that hold for a server and not for a checkout on somebody's laptop.
HUSHED = ("ignore:No directory at", "ignore:You're running the worker with superuser privileges")

# Ends in a row after which we say that a process cannot stay up.
ENDS_UNTIL_SAID = 4

# Whose lines are shown, and in which colour. The broker and the demo API only talk of themselves.
COLOURS = {"web": 32, "worker": 36, "beat": 34}


class CannotStart(Exception):
    """The message is the sentence for whoever typed the command."""


@dataclass(frozen=True)
class Plan:
    """What the environment asks for."""

    data_dir: Path
    host: str
    port: int
    demo_port: int | None
    base_url: str
    broker_url: str | None
    environment: Mapping[str, str] = field(repr=False)

    @property
    def demo_url(self) -> str:
        return f"http://localhost:{self.demo_port}"

    def children_environment(self) -> dict[str, str]:
        """What the processes are told: the same, in absolute terms; and the demo API may be called."""
        allowed = [self.environment.get("OUTBOUND_ALLOW", "")]
        if self.demo_port is not None:
            allowed += [f"127.0.0.1:{self.demo_port}", f"localhost:{self.demo_port}"]
        return {
            **self.environment,
            "BASE_URL": self.base_url,
            "BROKER_URL": self.broker_url or broker.embedded_url(self.data_dir),
            "DATA_DIR": str(self.data_dir),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LISTEN_HOST": self.host,
            "OUTBOUND_ALLOW": ",".join(filter(None, allowed)),
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": ",".join(filter(None, [self.environment.get("PYTHONWARNINGS"), *HUSHED])),
        }


def read_plan(environment: Mapping[str, str]) -> Plan:
    """The plan by the environment and, for names that it lacks, the file `.env`. Raises CannotStart."""
    merged = {**read_env_file(ROOT / ".env"), **environment}

    def port(name: str, default: str) -> int | None:
        given = merged.get(name, default).strip()
        if given and not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
            raise CannotStart(f"{name} must be a port number between 1 and 65535, and is {given!r}.")
        return int(given) if given else None

    web_port = port("PORT", "8000") or 8000
    return Plan(
        data_dir=Path(merged.get("DATA_DIR") or ROOT / "data").resolve(),
        host=merged.get("LISTEN_HOST") or "127.0.0.1",
        port=web_port,
        demo_port=port("DEMO_PORT", "9400"),
        base_url=(merged.get("BASE_URL") or f"http://localhost:{web_port}").rstrip("/"),
        broker_url=merged.get("BROKER_URL") or None,
        environment=merged,
    )


def read_env_file(path: Path) -> dict[str, str]:
    """NAME=value lines, as the settings read them; a value may stand in quotes."""
    values = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            values[name.strip()] = value[1:-1] if is_quoted else value
    return values


class Signs:
    """The signs of life of worker and beat (config/heartbeat.py), and who gives none although it could.

    Counted by the clock that stands still while a laptop sleeps; the files' own times do not.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # Name → the moment of its file, and when we saw that it had changed.
        self._seen: dict[str, tuple[int, float]] = {}

    def forget(self, name: str) -> None:
        """`name` is about to start: what an earlier one left does not count."""
        (self.directory / name).unlink(missing_ok=True)
        self._seen.pop(name, None)

    def hung(self, now: float, is_broker_up: bool) -> str | None:
        """Who has given no sign for SILENCE seconds. Beat needs the broker for it, the worker needs both."""
        for name in ("beat", "worker"):
            try:
                moment = (self.directory / name).stat().st_mtime_ns
            except FileNotFoundError:  # not up yet
                continue
            if self._seen.get(name, (0, 0.0))[0] != moment:
                self._seen[name] = (moment, now)
        silent = [name for name, (_, changed_at) in self._seen.items() if now - changed_at > SILENCE]
        if not is_broker_up or not silent or "beat" not in self._seen:
            return None
        return "beat" if "beat" in silent else "worker"


class Supervisor:
    """One thread: a loop over the processes' output, their ends, and what the terminal asks for."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.run_dir = plan.data_dir / "run"
        self.log_dir = plan.data_dir / "logs"
        self.processes: dict[str, Process] = {}
        self.selector = selectors.DefaultSelector()
        self.guard = None if sys.platform == "linux" else Guard()
        self.lock = -1
        self.times_asked_to_stop = 0
        self.is_stopping = False
        self.signs = Signs(self.run_dir)

    def run(self) -> None:
        """Start all, say when it is ready, watch until asked to stop. Raises CannotStart."""
        self._listen_to_signals()
        for directory in (self.plan.data_dir, self.run_dir, self.log_dir):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_data_dir()
        try:
            setup_link = self._start_all()
            if not self.times_asked_to_stop:
                self._say_ready(setup_link)
            while not self.times_asked_to_stop:
                self._turn(WATCH_EVERY)
                self._end_the_hung()
        finally:
            self._stop_all()

    def _listen_to_signals(self) -> None:
        def stop(number: int, frame: object) -> None:
            self.times_asked_to_stop += 1

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, stop)
        # With a handler that does nothing, the end of a child wakes the loop.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        wake_up, woken = socket.socketpair()
        wake_up.setblocking(False)
        woken.setblocking(False)
        signal.set_wakeup_fd(wake_up.fileno(), warn_on_full_buffer=False)
        self._wake_up = wake_up  # closed with the last reference to it
        self.selector.register(woken, selectors.EVENT_READ, lambda: woken.recv(4096))

    def _lock_data_dir(self) -> None:
        """Be the only one on this DATA_DIR.

        The processes hold the same lock: before a second broker opens the same files, what a killed
        supervisor left behind must be gone, too.
        """
        self.lock = os.open(self.run_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + PREDECESSOR_GRACE
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(self.lock, 20, 0).decode()
                if _is_running(holder) or time.monotonic() > deadline or self.times_asked_to_stop:
                    raise CannotStart(
                        f"The product already runs on {self.plan.data_dir} (process {holder}). "
                        "Stop that one first, or choose another DATA_DIR."
                    ) from None
                time.sleep(LOOK_EVERY)
            else:
                os.ftruncate(self.lock, 0)
                os.pwrite(self.lock, str(os.getpid()).encode(), 0)
                return

    # Starting ---------------------------------------------------------------------------------------

    def _start_all(self) -> str:
        """Start everything and wait until it answers; the setup link, if there is one."""
        plan = self.plan
        for name, port, host in (("PORT", plan.port, plan.host), ("DEMO_PORT", plan.demo_port, "127.0.0.1")):
            if port is not None and not can_listen(host, port):
                raise CannotStart(
                    f"Port {port} is in use already. Stop the program that uses it, or choose another port, "
                    f"as in: {name}={port + 1 if port < 65535 else 8000} make run"
                )
        say(f"Starting with the data in {plan.data_dir}")
        if plan.broker_url is None:
            broker.make_socket_directory(plan.data_dir)
            try:
                command = broker.command(plan.data_dir)
            except broker.ServerMissing as missing:
                raise CannotStart(str(missing)) from missing
            self._add("broker", command, partial(broker.answers, plan.data_dir))
        if plan.demo_port is not None:
            python = [sys.executable, "-m", "demo_api", "--host", "127.0.0.1", "--port", str(plan.demo_port)]
            urls = ["--public-url", plan.demo_url, "--product-url", plan.base_url]
            state = ["--state", str(plan.data_dir / "demo.json")]
            self._add("demo", [*python, *urls, *state], partial(answers, "127.0.0.1", plan.demo_port, "/"))
        setup_link = self._prepare()
        if not self.times_asked_to_stop:
            asked_at = "127.0.0.1" if plan.host == "0.0.0.0" else plan.host  # noqa: S104 - not bound here
            is_web_up = partial(answers, asked_at, plan.port, "/healthz")
            for name, command_line, is_up in (
                ("web", "gunicorn -c config/gunicorn.py config.wsgi", is_web_up),
                ("worker", "config.background worker", (self.run_dir / "worker").exists),
                ("beat", "config.background beat", (self.run_dir / "beat").exists),
            ):
                self._add(name, [sys.executable, "-m", *command_line.split()], is_up)
        self._wait_until_up()
        return setup_link

    def _add(self, name: str, command: list[str], is_up: Callable[[], bool]) -> None:
        service = Service(name, command, self.plan.children_environment(), is_up)
        process = Process(service, open_log(self.log_dir, name), show, self.selector)
        self.processes[name] = process
        self._start(process)

    def _start(self, process: Process) -> None:
        self.signs.forget(process.name)
        pid = process.start(time.monotonic(), kept_open=(self.lock,))
        if self.guard:
            self.guard.watch(pid)
        self._record()

    def _record(self) -> None:
        """Leave in DATA_DIR/processes.json who is who."""
        pids = {name: process.child.pid for name, process in self.processes.items() if process.child}
        aside = self.run_dir / "processes.json"
        aside.write_text(json.dumps({"supervisor": os.getpid(), **pids}))
        aside.replace(self.plan.data_dir / "processes.json")

    def _prepare(self) -> str:
        """Bring the database up to date; the setup link, which goes to the screen and into no log."""
        log = self.log_dir / "prepare.log"
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as errors:
            command = [sys.executable, "-m", "config.prepare"]
            child = spawn(
                command, self.plan.children_environment(), (self.lock,), subprocess.PIPE, errors.fileno()
            )
        if self.guard:
            self.guard.watch(child.pid)
        while child.poll() is None and not self.times_asked_to_stop:
            self._turn(LOOK_EVERY)
        if self.times_asked_to_stop:
            kill_group(child.pid)
        output = child.communicate()[0].decode()
        if child.returncode and not self.times_asked_to_stop:
            last_words = log.read_text().strip().splitlines()[-1:] or ["It said nothing."]
            raise CannotStart(f"{last_words[0]}\nMore of it is in {log}")
        return next((word for word in output.split() if word.startswith(self.plan.base_url)), "")

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + SLOW_START
        while not self.times_asked_to_stop:
            missing = [name for name, process in self.processes.items() if not process.is_up]
            if not missing:
                return
            if time.monotonic() > deadline:
                say(f"Still waiting for {', '.join(missing)}; see the logs in {self.log_dir}")
                deadline += SLOW_START
            self._turn(LOOK_EVERY)

    def _say_ready(self, setup_link: str) -> None:
        if setup_link:
            say(f"Ready. Make the first account within the hour, by this link: {setup_link}")
        else:
            say(f"Ready: {self.plan.base_url}")
        if self.plan.demo_port is not None:
            say(f"An API to practise with: {self.plan.demo_url}")

    # Running ----------------------------------------------------------------------------------------

    def _turn(self, timeout: float) -> None:
        """Wait for something to happen, at most `timeout`; pass on output; see to who ended and who is up."""
        now = time.monotonic()
        if not self.is_stopping:
            waiting = [p.start_due_at - now for p in self.processes.values() if p.child is None]
            timeout = max(0.0, min([timeout, *waiting]))
        for key, _ in self.selector.select(timeout):
            key.data()
        now = time.monotonic()
        for process in self.processes.values():
            if (status := process.ended(now)) is not None:
                self._note_end(process, status)
            elif process.child is None and not self.is_stopping and process.start_due_at <= now:
                self._start(process)
            elif process.child and not process.is_up and not self.is_stopping:
                process.is_up = process.service.is_up()

    def _note_end(self, process: Process, status: int) -> None:
        self._record()
        if self.is_stopping:
            return
        pause = process.start_due_at - time.monotonic()
        say(
            f"{process.name} {describe(status)}; starting it again{f' in {pause:.0f} s' if pause > 1 else ''}"
        )
        if process.ends_in_a_row >= ENDS_UNTIL_SAID:
            log = self.log_dir / f"{process.name}.log"
            say(f"{process.name} cannot stay up: {process.ends_in_a_row} ends in a row. See why in {log}")
        if process.name == "broker" and process.ends_in_a_row == ENDS_UNTIL_SAID - 1:
            # Another version's files, or a torn one. The database knows what is due.
            broker.set_files_aside(self.plan.data_dir)
            say(
                "broker may be unable to read its files: it starts without them. Nothing that is due is lost."
            )

    def _end_the_hung(self) -> None:
        """Kill a beat that sends nothing, or a worker that takes nothing, for a minute; it starts again."""
        url, data_dir = self.plan.broker_url, self.plan.data_dir
        is_broker_up = broker.listens(url) if url else broker.answers(data_dir)
        if name := self.signs.hung(time.monotonic(), is_broker_up):
            say(f"{name} has shown no sign of life for {SILENCE:.0f} s")
            self.signs.forget(name)
            self.processes[name].kill()

    # Stopping ---------------------------------------------------------------------------------------

    def _stop_all(self) -> None:
        """Ask all to end, the broker last, for the others still tell it what they have finished."""
        self.is_stopping = True
        if any(process.child for process in self.processes.values()):
            say("Stopping")
        for names in (self.processes.keys() - {"broker"}, self.processes.keys() & {"broker"}):
            self._stop([self.processes[name] for name in names])
        if self.guard:
            self.guard.dismiss()
        (self.plan.data_dir / "processes.json").unlink(missing_ok=True)

    def _stop(self, processes: list[Process]) -> None:
        times_asked, deadline = self.times_asked_to_stop, time.monotonic() + GRACE
        for process in processes:
            process.stop()
        while any(process.child for process in processes):
            if time.monotonic() > deadline or self.times_asked_to_stop > max(1, times_asked):
                for process in processes:
                    process.kill()
            self._turn(LOOK_EVERY)


def can_listen(host: str, port: int) -> bool:
    """Whether nobody else listens at this address."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as refusal:
            raise CannotStart(f"Port {port} is not ours to use: choose one above 1023.") from refusal
        except OSError:
            return False
    return True


def answers(host: str, port: int, path: str) -> bool:
    """Whether a GET is answered within a second, and not with an error of the server."""
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


def say(sentence: str) -> None:
    """One line to whoever started us."""
    _print(f"\x1b[1m{sentence}\x1b[0m" if sys.stdout.isatty() else sentence)


def show(name: str, line: str) -> None:
    """A line that a process has written; all of them are in its log."""
    if name not in COLOURS or not line:
        return
    label = f"{name:<6} |"
    _print(f"\x1b[{COLOURS[name]}m{label}\x1b[0m {line}" if sys.stdout.isatty() else f"{label} {line}")


def _print(line: str) -> None:
    try:
        print(line, flush=True)
    except OSError:  # nobody reads us any more; the logs have it all
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the rest of our life


def main() -> int:
    """The exit status for the shell."""
    os.chdir(ROOT)
    os.umask(0o077)
    try:
        Supervisor(read_plan(os.environ)).run()
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
