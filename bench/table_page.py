"""A page of a table of a million rows: server time, queries, and how much goes over the network.

python -m bench.table_page [ROWS]     prepares the database of the environment, and prints one line of JSON

In process, through the real view with all middleware (Django's test client): no network, no other requests.
"""

import gzip
import json
import os
import random
import re
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bench.processes import prepared, run

GOALS = {"p50": 25.0, "p99": 60.0, "queries": 15, "kB": 60.0}
REQUESTS = 400
AT_ONCE = 5_000
COLUMNS = {
    "id": "integer",
    "name": "text",
    "email": "text",
    "amount": "number",
    "active": "boolean",
    "created_at": "datetime",
    "company.name": "text",
    "company.city": "text",
    "notes": "text",
    "tags": "json",
}
CASES = {
    "plain": "a page of 50",
    "sorted": "in the order of a column",
    "search": "a search, 20,000 rows of it",
}


def main(databases: Mapping[str, str], rows: int = 1_000_000) -> None:
    """Measure on each of these databases, in processes of their own, and print beside the goals."""
    print(f"\na table page of 50 rows out of {rows:,}, {REQUESTS} requests in process, ms of server time")
    goals = f"p50 {GOALS['p50']:.0f}, p99 {GOALS['p99']:.0f}, {GOALS['queries']} queries"
    print(f"goals: {goals}, {GOALS['kB']:.0f} kB compressed for all that a first visit loads\n")
    print(f"{'':44}{'p50':>8}{'p99':>8}{'CPU':>8}{'queries':>9}{'kB':>8}{'goals':>8}")
    for name, database_url in databases.items():
        with prepared(database_url, 1) as environment:
            found = json.loads(run(environment, "-m", "bench.table_page", str(rows)).splitlines()[-1])
        for case, label in CASES.items():
            one = found[case]
            is_met = all(one[key] <= GOALS[key] for key in GOALS)
            # Only the plain page has goals.
            met = ("met" if is_met else "missed") if case == "plain" else ""
            times = f"{one['p50']:8.1f}{one['p99']:8.1f}{one['cpu']:8.1f}"
            numbers = f"{times}{one['queries']:9}{one['kB']:8.1f}"
            print(f"{f'{name}, {label}':44}{numbers}{met:>8}")
        print(f"{f'{name}, sorting it, once, in the background':44}{found['sorting']:8.1f} s")


def measure(rows: int) -> dict[str, Any]:
    """What each case costs with the database that the settings name."""
    import django

    django.setup()
    from django.conf import settings
    from django.test import Client
    from django.utils.timezone import now

    from config.gunicorn import settle
    from requests_builder.tables import sorting

    path, cookies = _filled(rows)
    client = Client(headers={"host": urlsplit(settings.BASE_URL).netloc, "accept-encoding": "gzip"})
    client.cookies = cookies
    settle()
    client.get(path)  # what is loaded once

    client.get(f"{path}?sort=amount&desc=1")
    begun = time.perf_counter()
    while sorting.work(now(), 10 * AT_ONCE):
        pass
    taken = time.perf_counter() - begun
    loaded = sum(map(_weight, _files(client.get(path).content.decode())))
    found = {
        "plain": _measured(client, path, _places(rows), REQUESTS, loaded),
        "sorted": _measured(client, f"{path}?sort=amount&desc=1", _keys(), REQUESTS, loaded),
        "search": _measured(client, path, iter(["?q=nothing+like+it"] * 1000), 20, loaded),
    }
    return {**found, "sorting": taken}


def _filled(rows: int) -> tuple[str, Any]:
    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.utils.timezone import now

    from accounts.models import Membership, Role, Team
    from requests_builder.destinations.writing import insert
    from requests_builder.models import Batch, Table

    team = Team.objects.create(name="Bench", slug="bench")
    user = get_user_model().objects.create_user("bench@example.org")
    Membership.objects.create(team=team, user=user, role=Role.OWNER)
    columns = {"columns": list(COLUMNS), "column_types": COLUMNS}
    table = Table.objects.create(team=team, name="Contacts", publication=1, **columns)
    batch = Batch.objects.create(table=table, published_at=now(), rows_count=rows, **columns)
    randomly = random.Random(1)
    for begin in range(0, rows, AT_ONCE):
        insert(batch.pk, [_record(number, randomly) for number in range(begin, min(begin + AT_ONCE, rows))])
    _analyzed()
    client = Client()
    client.force_login(user)
    return f"/t/bench/tables/{table.pk}/", client.cookies


def _analyzed() -> None:
    """What PostgreSQL does by itself a minute after so many rows came."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def _record(number: int, randomly: random.Random) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"Person {number}",
        "email": f"person{number}@example.org",
        "amount": round(randomly.random() * 10_000, 2),
        "active": number % 3 == 0,
        "created_at": f"2026-11-{number % 28 + 1:02}T12:00:00+00:00",
        "company.name": f"Company {number % 977}",
        "company.city": "Vienna",
        "notes": "A note that is as long as notes are, and a little longer than that. " * 5,
        "tags": [{"name": "customer", "since": 2019}, {"name": f"group {number % 31}"}],
    }


def _places(rows: int) -> Iterator[str]:
    """Pages anywhere in the table."""
    from requests_builder.models import Row

    first = Row.objects.order_by("id").values_list("batch_id", "id").first()
    assert first
    randomly = random.Random(2)
    while True:
        yield f"?after={first[0]}.{first[1] + randomly.randrange(rows)}"


def _keys() -> Iterator[str]:
    """Pages anywhere in the order of the column."""
    from requests_builder.tables.ordering import Place, key_of
    from requests_builder.tables.orders import written

    randomly = random.Random(3)
    while True:
        key = key_of(round(randomly.random() * 10_000, 2), "number", Place(0, 0))
        yield f"&after={written(key)}"


def _measured(client: Any, path: str, queries: Iterator[str], count: int, loaded: int) -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path + next(queries))
        asked = len(captured)
    assert answer.status_code == 200
    weight = len(gzip.compress(answer.content, 6))
    times = []
    before = time.process_time()
    for _ in range(count):
        begun = time.perf_counter()
        client.get(path + next(queries))
        times.append((time.perf_counter() - begun) * 1000)
    return {
        "p50": statistics.median(times),
        "p99": statistics.quantiles(times, n=100)[98],
        "cpu": (time.process_time() - before) / count * 1000,
        "queries": asked,
        "kB": (weight + loaded) / 1000,
    }


def _files(page: str) -> list[str]:
    """The scripts and styles that the page loads."""
    return re.findall(r'(?:src|href)="/static/([^"]+[.](?:js|css))"', page)


def _weight(name: str) -> int:
    from django.contrib.staticfiles.finders import find

    found = find(name)
    assert found, name
    with open(found, "rb") as file:
        return len(gzip.compress(file.read(), 6))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)))
