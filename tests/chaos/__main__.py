"""`make chaos`: scheduled pulls while workers are killed, the broker is emptied and the database restarted.

    python -m tests.chaos [--database sqlite|postgres] [--due 5000] [--minutes 10] [--kills 300] [--seed N]

Each request is due each minute, for so many minutes from now; `--backlog` adds due times of the past, and
with `--minutes 0` these are all. Everything is on this machine, and in a temporary folder. The same seed
deals the same faults in the same order; which runs they meet differs.

Every half minute a line says how far it is. The report at the end, line by line:

    killed     workers killed with -9, by where they were: see `tests.chaos.points`; `anywhere` is whatever
               a worker was doing. Each fault waits until half of the workers are at work again.
    besides    the other faults
    due times  what became of each: it ran and succeeded or failed, was skipped because, was missed because.
               A machine that is too slow skips many, as the schedules' policies say
    resumed    from the death of a worker until another one took its run up. Of this, 10 to 15 s are the
               rest of the lease, and up to 5 s the next tick
    set aside  runs that have lost three workers or more at one page, and wait (`runs.deaths`)
    pages      asked for, and needed by the runs as they ended; the difference was fetched twice
    reader     who reads tables 20 times a second; complaints are halves of pulls that it saw
    logged     what the workers wrote most, numbers left out; to lose the database is in order here
    VIOLATION  what must not be

The last line is "everything held", with status 0, or the number of violations and the seed, with status 1.
"""

import argparse
import os
import random
import secrets
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests import lanes


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="postgres")
    parser.add_argument("--due", type=int, default=5_000, help="due times in all, at least")
    parser.add_argument("--minutes", type=int, default=10, help="for so long new ones come up")
    parser.add_argument(
        "--backlog", type=int, default=0, help="due times of each request that lie in the past"
    )
    parser.add_argument("--seconds", type=float, default=0, help="how long things are broken, at least")
    parser.add_argument("--kills", type=int, default=300, help="workers killed")
    parser.add_argument("--stalls", type=int, default=4, help="workers stopped for longer than their leases")
    parser.add_argument("--wipes", type=int, default=3, help="how often the broker is emptied")
    parser.add_argument("--restarts", type=int, default=5, help="how often PostgreSQL is restarted")
    parser.add_argument("--latency", type=float, default=0.02, help="seconds that the fastest page takes")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--schedulers", type=int, default=3)
    parser.add_argument("--patience", type=float, default=300, help="seconds for the rest to be done")
    parser.add_argument("--resumed-within", type=float, default=30, help="seconds after a kill, at p99")
    parser.add_argument("--seed", type=int, default=None)
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.seed is None:
        options.seed = secrets.randbelow(1_000_000)
    print(f"chaos on {options.database}, seed {options.seed}", flush=True)
    # So that whoever is asked to stop leaves no servers behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    from tests.chaos.fleet import Cluster
    from tests.chaos.source import Source
    from tests.product import Broker

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        cluster = None
        if options.database == "postgres":
            if reason := lanes.why_no_cluster():
                sys.exit(f"No chaos on PostgreSQL here: {reason}.")
            cluster = stack.enter_context(Cluster())
        broker = stack.enter_context(Broker())
        source = Source(latency=options.latency)
        # Before Django is set up, in us as in all that we start.
        os.environ |= {
            **lanes.NEUTRAL,
            "BROKER_URL": broker.url,
            "DATABASE_URL": cluster.url if cluster else "",
            "DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "OUTBOUND_ALLOW": f"127.0.0.1:{source.port}",
            # What is due in the same minute begins all through it.
            "SCHEDULE_SPREAD_SECONDS": "50" if options.minutes else str(round(options.seconds / 2)),
            "WORKER_THREADS": "8",
        }
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)

        from tests.chaos.trial import Trial

        return Trial(options, random.Random(options.seed), source, broker, cluster, folder).run()


if __name__ == "__main__":
    sys.exit(main())
