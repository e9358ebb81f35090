"""Workers in no time: a process that has loaded all parts once, and forks a worker whenever it is asked to.

    python -m tests.chaos.nursery <folder with tripwires>

Reads the name of a log file from each line of its input, and answers with the pid of a worker that writes
there. What the worker does is what `python -m config.background worker` does; only that loading takes two
seconds of CPU, with which a machine that has to replace hundreds would be busy all the time.
"""

import gc
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from celery.signals import worker_ready

from config import background
from config.celery import app
from config.processes import PR_SET_PDEATHSIG, _libc

# What Celery imports when a worker starts; a second of CPU where nothing is compiled.
PARTS = (
    "celery.app.control",
    "celery.app.events",
    "celery.app.trace",
    "celery.apps.worker",
    "celery.concurrency.thread",
    "celery.contrib.django.task",
    "celery.events.dispatcher",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.loops",
    "celery.worker.pidbox",
    "celery.worker.strategy",
    "kombu.transport.redis",
    "kombu.utils.eventio",
)


def main() -> None:
    app.loader.init_worker()
    for name in PARTS:
        importlib.import_module(name)
    # Late: it needs the models.
    from tests.chaos import tripwires

    folder = Path(sys.argv[1])
    tripwires.watch(folder)
    worker_ready.connect(lambda **_: tripwires.show_ready(folder), weak=False)
    gc.collect()
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
