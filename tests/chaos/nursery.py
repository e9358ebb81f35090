"""Workers in no time: a process that has loaded all parts once, and forks a worker whenever it is asked to.

    python -m tests.chaos.nursery

Reads the name of a log file from each line of its input, and answers with the pid of a worker that writes
there. What the worker does is what `python -m config.background worker` does; only that loading takes two
seconds of CPU, with which a machine that has to replace hundreds would be busy all the time.
"""

import gc
import os
import signal
import sys
from typing import NoReturn

from config import background
from config.celery import app
from config.processes import PR_SET_PDEATHSIG, _libc


def main() -> None:
    app.loader.init_worker()
    gc.freeze()
    # Nobody waits for its children: they may go at once.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _be_a_worker(line.strip())
        print(pid, flush=True)


def _be_a_worker(log: str) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, descriptor in enumerate((nothing, output, output)):
            os.dup2(descriptor, number)
        status = background.work()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
