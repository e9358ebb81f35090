"""The page of runs with a million runs behind it: server time and queries, whatever is asked for.

python -m bench.history_page [RUNS]     prepares the database of the environment, and prints one line of JSON

In process, through the real view with all middleware (Django's test client): no network, no other requests.
"""

import itertools
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from bench.processes import prepared, run

GOALS = {"p50": 25.0, "p99": 60.0, "queries": 15}
PAGES = 150
SEEDS, REQUESTS = 1_000, 400
CODES = ("unauthorized", "rate_limited", "server_error", "timeout")


def main(databases: Mapping[str, str], runs: int = 1_000_000) -> None:
    """Measure on each of these databases, in processes of their own, and print beside the goals."""
    print(f"\na page of 50 runs out of {runs:,}, {PAGES} requests of each kind in process, ms of server time")
    print(f"goals: p50 {GOALS['p50']:.0f}, p99 {GOALS['p99']:.0f}, {GOALS['queries']} queries\n")
    print(f"{'':44}{'p50':>8}{'p99':>8}{'CPU':>8}{'queries':>9}{'goals':>8}")
    for name, database_url in databases.items():
        with prepared(database_url, 1) as environment:
            found = json.loads(run(environment, "-m", "bench.history_page", str(runs)).splitlines()[-1])
        for case, one in found.items():
            met = "met" if all(one[key] <= GOALS[key] for key in GOALS) else "missed"
            times = f"{one['p50']:8.1f}{one['p99']:8.1f}{one['cpu']:8.1f}"
            print(f"{f'{name}, {case}':44}{times}{one['queries']:9}{met:>8}")


def measure(runs: int) -> dict[str, Any]:
    """What each kind of question costs with the database that the settings name."""
    import django

    django.setup()
    from django.conf import settings
    from django.test import Client

    from config.gunicorn import settle

    newest, seconds, request, schedule, cookies = _filled(runs)
    client = Client(headers={"host": urlsplit(settings.BASE_URL).netloc, "accept-encoding": "gzip"})
    client.cookies = cookies
    settle()
    client.get(PATH)  # what is loaded once
    cases = {
        "the newest": {},
        "anywhere": {"before": True},
        "of a request, anywhere": {"request": request, "before": True},
        "of a schedule": {"schedule": schedule, "before": True},
        "failed, anywhere": {"state": "failed", "before": True},
        "succeeded, anywhere": {"state": "succeeded", "before": True},
        "queued": {"state": "queued"},
        "by hand, anywhere": {"trigger": "manual", "before": True},
        "on time, anywhere": {"trigger": "schedule", "before": True},
        "of an error": {"error": CODES[0], "before": True},
        "failed, of a request": {"state": "failed", "request": request},
        "an error of a request in a week": {"error": CODES[1], "request": request, "since": "7d"},
        "succeeded, of a day": {"state": "succeeded", "since": "24h"},
        "nothing like it, among all": {"state": "running", "trigger": "schedule"},
        "nothing like it, 2,000 of it": {"state": "skipped", "trigger": "manual", "before": True},
    }
    randomly = random.Random(2)

    def urls(fields: dict[str, Any]) -> Iterator[str]:
        for _ in itertools.count():
            asked = dict(fields)
            if asked.pop("before", False):
                at = newest - timedelta(seconds=randomly.randrange(seconds))
                asked["before"] = f"{at.isoformat()}_{UUID(int=randomly.getrandbits(128))}"
            yield f"{PATH}?{urlencode(asked, quote_via=quote)}"

    return {name: _measured(client, urls(fields)) for name, fields in cases.items()}


PATH = "/t/bench/runs/"


def _filled(runs: int) -> tuple[datetime, int, UUID, UUID, Any]:
    """A team with so many runs, one a second: the newest moment, how many, a request, schedule, cookies."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.utils.timezone import now

    from accounts.models import Membership, Role, Team
    from requests_builder.models import Run, RunState, SavedRequest, Schedule

    team = Team.objects.create(name="Bench", slug="bench")
    user = get_user_model().objects.create_user("bench@example.org")
    Membership.objects.create(team=team, user=user, role=Role.OWNER)
    requests = SavedRequest.objects.bulk_create(
        SavedRequest(team=team, name=f"Request {number}", url="https://api.example/")
        for number in range(REQUESTS)
    )
    schedules = Schedule.objects.bulk_create(
        Schedule(saved_request=one, rule={"every": "1 hour"}, next_at=now() + timedelta(days=1))
        for one in requests
    )
    newest = now().replace(microsecond=0)
    seeds = [
        _seed(number, team, requests[number % REQUESTS], schedules[number % REQUESTS], newest)
        for number in range(SEEDS)
    ]
    Run.objects.bulk_create(seeds)
    _multiplied(runs // SEEDS)
    waiting = [
        Run(
            team=team,
            saved_request=one,
            trigger="manual",
            due_at=newest,
            not_before=newest,
            state=RunState.QUEUED,
        )
        for one in requests[:200]
    ]
    Run.objects.bulk_create(waiting)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    client = Client()
    client.force_login(user)
    return newest, runs, requests[0].pk, schedules[0].pk, client.cookies


def _seed(number: int, team: Any, request: Any, schedule: Any, newest: datetime) -> Any:
    """One of a mixture: mostly on time and good, some failed, skipped, missed, by hand."""
    from requests_builder.models import Run

    at = newest - timedelta(seconds=number)
    fields: dict[str, Any] = {
        "state": "succeeded",
        "rows": 1_000 + number,
        "pages": 10,
        "stop_reason": "Rows: 1,000 inserted.",
    }
    if number % 30 == 0:
        code = CODES[number // 30 % len(CODES)]
        fields = {"state": "failed", "error_code": code, "error": "The API answered 401 Unauthorized. " * 3}
    elif number % 71 == 0:
        fields = {"state": "skipped", "stop_reason": "The run before it was not finished yet."}
    elif number % 97 == 0:
        fields = {"state": "missed", "stop_reason": "No scheduler was running when it was due."}
    is_by_hand = number % 53 == 0
    return Run(
        team=team,
        saved_request=request,
        schedule=None if is_by_hand else schedule,
        trigger="manual" if is_by_hand else "schedule",
        due_at=at,
        not_before=at,
        started_at=at,
        finished_at=at + timedelta(seconds=2),
        figures={"calls": 10, "refreshes": 0, "phases": {"waiting": 1.2, "download": 0.3}},
        **fields,
    )


def _multiplied(times: int) -> None:
    """Each run so many times, each time as much earlier as there are runs."""
    from django.db import connection

    from requests_builder.models import Run

    columns = [field.column for field in Run._meta.concrete_fields]
    is_postgres = connection.vendor == "postgresql"
    shift = (
        f"due_at - n * {SEEDS} * interval '1 second'"
        if is_postgres
        else f"strftime('%Y-%m-%d %H:%M:%S', due_at, '-' || (n * {SEEDS}) || ' seconds')"
    )
    new = {"id": "gen_random_uuid()" if is_postgres else "lower(hex(randomblob(16)))", "due_at": shift}
    values = ", ".join(new.get(column, f'"{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    table = Run._meta.db_table
    with connection.cursor() as cursor:
        if not is_postgres:
            # Random ids go into an index that would not fit into the usual 2 MB.
            cursor.execute("PRAGMA cache_size = -600000")
        cursor.execute(
            f"""INSERT INTO {table} ({names})
            WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {times - 1})
            SELECT {values} FROM {table} CROSS JOIN numbers ORDER BY n DESC"""
        )


def _measured(client: Any, urls: Iterator[str]) -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        answer = client.get(next(urls))
        asked = len(captured)
    assert answer.status_code == 200
    times = []
    before = time.process_time()
    for _ in range(PAGES):
        url = next(urls)
        begun = time.perf_counter()
        client.get(url)
        times.append((time.perf_counter() - begun) * 1000)
    return {
        "p50": statistics.median(times),
        "p99": statistics.quantiles(times, n=100)[98],
        "cpu": (time.process_time() - before) / PAGES * 1000,
        "queries": asked,
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)))
