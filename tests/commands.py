"""Management commands without loading the product for each: that takes more than a second of CPU.

    python -m tests.commands

A process that has loaded all parts once. It reads the words of a command from each line of its input, as
JSON, forks a process that does what `manage.py` does with them, and answers with how that ended and what it
said.
"""

import gc
import json
import os
import select
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parent.parent


class Commands:
    """Such a process, seen from a test."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.commands"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, arguments: Sequence[str], timeout: float) -> tuple[int, str, str]:
        """The exit status of a command, and what it wrote to its output and to its errors."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        readable, _, _ = select.select([self._process.stdout], [], [], timeout)
        assert readable, f"{arguments} did not end within {timeout} s."
        status, output, errors = json.loads(self._process.stdout.readline())
        return status, output, errors

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import get_commands, load_command_class

    django.setup()
    for name, app in get_commands().items():
        if isinstance(app, str) and (ROOT / app).is_dir():
            load_command_class(app, name)
    # What is loaded stays shared with the forked ones.
    gc.freeze()
    for line in sys.stdin:
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            pid = os.fork()
            if pid == 0:
                _execute(json.loads(line), output, errors)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            said = [_content(file) for file in (output, errors)]
        print(json.dumps([status, *said]), flush=True)


def _execute(arguments: list[str], output: IO[bytes], errors: IO[bytes]) -> NoReturn:
    from django.core.management import execute_from_command_line

    status = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, descriptor in enumerate((nothing, output.fileno(), errors.fileno())):
            os.dup2(descriptor, number)
        execute_from_command_line(["manage.py", *arguments])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


if __name__ == "__main__":
    main()
