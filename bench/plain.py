"""What small pulls are measured beside: plain Celery, and no queue at all.

    python -m bench.plain worker         a task for each pull, 32 threads, requests; nothing is kept
    python -m bench.plain limit URL N    32 threads and urllib3: as fast as it goes

The broker of the worker is that of BROKER_URL.
"""

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests
import urllib3
from celery import Celery, signals

THREADS = 32

app = Celery("plain", broker=os.environ.get("BROKER_URL"))
app.conf.update(worker_pool="threads", worker_concurrency=THREADS, task_ignore_result=True)
# Or what we print would go to the log.
app.conf.worker_redirect_stdouts = False
_own = threading.local()


@app.task(name="pull")
def pull(url: str) -> None:
    """A session for each thread: whoever cares for speed keeps connections open."""
    if not hasattr(_own, "session"):
        _own.session = requests.Session()
    answer = _own.session.get(url, timeout=30)
    answer.raise_for_status()
    answer.json()


def work() -> None:
    signals.worker_ready.connect(lambda **_: print("ready", flush=True), weak=False)
    app.Worker(quiet=True, without_gossip=True, without_mingle=True, loglevel="WARNING").start()


def limit(url: str, count: int) -> None:
    pool = urllib3.PoolManager(maxsize=THREADS, block=True)
    began, cpu = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(THREADS) as executor:
        list(executor.map(lambda _: json.loads(pool.request("GET", url).data), range(count)))
    print(json.dumps({"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        work()
    else:
        limit(sys.argv[2], int(sys.argv[3]))
