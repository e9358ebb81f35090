"""One pull, in a process of its own: by the product, or by a bare loop that keeps no record of anything.

    python -m bench.pull product|bare URL [PAGES] [LATENCY]

PAGES: no more than so many; 0: all. LATENCY: milliseconds until the API answers. The database is that of
DATABASE_URL. Prints one JSON object: records, seconds, CPU seconds, peak memory before the pull and after it.
"""

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# The library for the log takes these along where the tools of development have brought them, for nicer
# tracebacks; an installation of the product has none of them.
sys.modules.update(dict.fromkeys(("greenlet", "pygments", "rich")))  # type: ignore[arg-type]

import django  # noqa: E402

django.setup()

import orjson  # noqa: E402
import requests  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench import api  # noqa: E402

# The columns of the bare loop; those of the product are what its own suggestion makes of the records.
COLUMNS = {
    "id": "bigint",
    "status": "text",
    "email": "text",
    "amount": "double precision",
    "is_active": "boolean",
    "score": "double precision",
    "created_at": "timestamptz",
    "note": "text",
    "tags": "jsonb",
    "customer_id": "bigint",
    "customer_name": "text",
    "customer_company_vat": "text",
}
TOKEN = "an-access-token-of-some-length"


def by_the_product(url: str, pages: int, latency: int) -> Callable[[], int]:
    """What a worker does for a run: guarded door, token, mapping, checkpoint per page, shown at the end."""
    from datetime import timedelta
    from uuid import uuid4

    from accounts.models import Team
    from connections.models import Connection, ConnectionState, Token
    from requests_builder import mapping, runs
    from requests_builder.models import AuthorizationKind, Run, SavedRequest, Table

    now = timezone.now()
    team = Team.objects.create(name=f"Bench {uuid4()}", slug=f"bench-{uuid4()}")
    connection = Connection.objects.create(
        team=team,
        name="Bench",
        authorization_url=f"{url}/authorize",
        token_url=f"{url}/token",
        client_id="bench",
        client_secret="secret",
        state=ConnectionState.CONNECTED,
    )
    Token.objects.create(
        connection=connection,
        access_token=TOKEN,
        obtained_at=now,
        expires_at=now + timedelta(hours=12),
    )
    fields = mapping.fields_of([api.record(number) for number in range(1, api.PER_PAGE + 1)], flatten=True)
    columns = mapping.FieldMapping(tuple(field.column for field in fields))
    saved_request = SavedRequest.objects.create(
        team=team,
        name="Items",
        url=f"{url}/items?latency={latency}" if latency else f"{url}/items",
        authorization_kind=AuthorizationKind.OAUTH,
        connection=connection,
        records_path="data",
        mapping=mapping.to_config(columns),
        pagination={
            "kind": "page",
            "parameter": "page",
            "start": 1,
            "total_pages": "meta.total_pages",
            "pages": pages,
        },
        table=Table.objects.create(team=team, name="items"),
    )

    # Waking a worker is another matter: here this process is the worker.
    run = runs.request_run(saved_request, user=None, now=now)

    def pull() -> int:
        runs.execute(run.id, worker=uuid4(), now=timezone.now())
        done = Run.objects.get(pk=run.pk)
        assert done.state == "succeeded", done.error
        return done.rows

    return pull


def by_a_bare_loop(url: str, pages: int, latency: int) -> Callable[[], int]:
    """requests, orjson, a mapping written out by hand, the database's fastest insert, one commit a page."""
    is_postgres = connection.vendor == "postgresql"
    names = ", ".join(COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_bare")
        kinds = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        cursor.execute(f"CREATE TABLE bench_bare ({kinds})")
    insert = f"INSERT INTO bench_bare ({names}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
    session, nothing = requests.Session(), {}
    session.headers["Authorization"] = f"Bearer {TOKEN}"

    def rows_of(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        rows = []
        for record in records:
            customer = record.get("customer") or nothing
            company = customer.get("company") or nothing
            rows.append(
                (
                    record.get("id"),
                    record.get("status"),
                    record.get("email"),
                    record.get("amount"),
                    record.get("is_active"),
                    record.get("score"),
                    record.get("created_at"),
                    record.get("note"),
                    orjson.dumps(record.get("tags")).decode(),
                    customer.get("id"),
                    customer.get("name"),
                    company.get("vat"),
                )
            )
        return rows

    def pull() -> int:
        count, page = 0, 1
        while True:
            answer = session.get(
                f"{url}/items", params={"page": page, "latency": latency} if latency else {"page": page}
            )
            answer.raise_for_status()
            document = orjson.loads(answer.content)
            rows = rows_of(document["data"])
            with transaction.atomic(), connection.cursor() as cursor:
                if is_postgres:
                    with cursor.copy(f"COPY bench_bare ({names}) FROM STDIN") as copy:
                        for row in rows:
                            copy.write_row(row)
                else:
                    cursor.executemany(insert, rows)
            count += len(rows)
            if page >= (pages or document["meta"]["total_pages"]):
                return count
            page += 1

    return pull


def main() -> None:
    kind, url, *numbers = sys.argv[1:]
    pages, latency = (int(text) for text in (*numbers, "0", "0")[:2])
    prepare = {"product": by_the_product, "bare": by_a_bare_loop}[kind]
    # Whatever is read and imported once, a process that has been at work has behind it.
    prepare(url, 1, 0)()
    pull = prepare(url, pages, latency)
    # As a worker does when it is ready.
    gc.collect()
    gc.freeze()
    usage, begun = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    records = pull()
    seconds, used = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - usage.ru_utime - usage.ru_stime
    # ru_maxrss counts kilobytes on Linux and bytes on macOS.
    begun_mb, peak_mb = (
        one.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10) for one in (usage, used)
    )
    figures = {"records": records, "seconds": seconds, "cpu": cpu, "begun_mb": begun_mb, "peak_mb": peak_mb}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
