"""One pull, in a process of its own: by the product, or by a bare loop that keeps no record of anything.

    python -m bench.pull product|bare URL

The database is that of DATABASE_URL. Prints one JSON object: records, seconds, CPU seconds, peak memory.
"""

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

import orjson  # noqa: E402
import requests  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402


def by_the_product(url: str) -> Callable[[], int]:
    """Guarded door, checkpoint per page, rows invisible until published: what a worker does for a run."""
    from uuid import uuid4

    from accounts.models import Team
    from requests_builder import runs
    from requests_builder.models import Run, SavedRequest, Table

    team = Team.objects.create(name=f"Bench {uuid4()}", slug=f"bench-{uuid4()}")
    saved_request = SavedRequest.objects.create(
        team=team,
        name="Items",
        url=f"{url}/items",
        records_path="data",
        pagination={"kind": "page", "parameter": "page", "start": 1, "total_pages": "meta.total_pages"},
        table=Table.objects.create(team=team, name="items"),
    )

    # Waking a worker is another matter: here this process is the worker.
    run = runs.request_run(saved_request, user=None, now=timezone.now())

    def pull() -> int:
        runs.execute(run.id, worker=uuid4(), now=timezone.now())
        done = Run.objects.get(pk=run.pk)
        assert done.state == "succeeded", done.error
        return done.rows

    return pull


def by_a_bare_loop(url: str) -> Callable[[], int]:
    """requests, orjson, the fastest insert of many rows that the database has, and one commit a page."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_bare")
        identity, kind = ("bigserial", "jsonb") if connection.vendor == "postgresql" else ("integer", "text")
        cursor.execute(f"CREATE TABLE bench_bare (id {identity} PRIMARY KEY, data {kind})")

    def pull() -> int:
        session, count, page = requests.Session(), 0, 1
        while True:
            document = orjson.loads(session.get(f"{url}/items", params={"page": page}).content)
            rows = [(orjson.dumps(record).decode(),) for record in document["data"]]
            with transaction.atomic(), connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    with cursor.copy("COPY bench_bare (data) FROM STDIN") as copy:
                        for row in rows:
                            copy.write_row(row)
                else:
                    cursor.executemany("INSERT INTO bench_bare (data) VALUES (%s)", rows)
            count += len(rows)
            if page >= document["meta"]["total_pages"]:
                return count
            page += 1

    return pull


def main() -> None:
    kind, url = sys.argv[1:]
    pull = {"product": by_the_product, "bare": by_a_bare_loop}[kind](url)
    # As a worker does when it is ready.
    gc.collect()
    gc.freeze()
    usage, begun = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    records = pull()
    seconds, used = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - usage.ru_utime - usage.ru_stime
    # ru_maxrss counts kilobytes on Linux and bytes on macOS.
    peak = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(json.dumps({"records": records, "seconds": seconds, "cpu": cpu, "peak_mb": peak}))


if __name__ == "__main__":
    main()
