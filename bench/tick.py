"""What a tick of the scheduler costs among many schedules of which none is due, and how fast due ones start.

    python -m bench.tick SCHEDULES

The database is that of DATABASE_URL, migrated. Prints one JSON object: schedules, milliseconds of an idle
tick (median and 99th percentile), due schedules started a second and CPU second, and milliseconds of a tick
while lines wait. `bench.ticks` prints it for people, for each database.
"""

import json
import os
import statistics
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from datetime import datetime, timedelta  # noqa: E402
from uuid import uuid4  # noqa: E402

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import Team  # noqa: E402
from requests_builder import runs  # noqa: E402
from requests_builder.models import Run, RunState, SavedRequest, Schedule, Trigger  # noqa: E402

DUE = 5_000
LINES, IN_LINE = 20, 500
RULES = (
    {"every": "15 minutes"},
    {"daily": "06:00", "timezone": "Europe/Berlin"},
    {"weekdays": "07:30", "timezone": "America/New_York"},
    {"monthly": 31, "at": "06:00", "timezone": "Australia/Lord_Howe"},
    {"cron": "*/20 8-18 * * 1-5", "timezone": "Europe/Berlin"},
)


def measure(schedules: int) -> dict[str, float]:
    """Fill the database, and time ticks in this process."""
    now = timezone.now().replace(microsecond=0)
    team = Team.objects.create(name=f"Bench {uuid4()}", slug=f"bench-{uuid4()}")
    for begin in range(0, schedules, 5_000):
        _add(team, range(begin, min(begin + 5_000, schedules)), now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    idle = _ticks(now, 200)
    per_second, per_cpu_second = _start_due(now)
    _wait_in_line(team, now)
    lines = _ticks(now, 50)
    return {
        "schedules": schedules,
        "idle_ms_p50": statistics.median(idle),
        "idle_ms_p99": statistics.quantiles(idle, n=100)[-1],
        "started_per_second": per_second,
        "started_per_cpu_second": per_cpu_second,
        "lines_ms_p50": statistics.median(lines),
    }


def _add(team: Team, numbers: range, now: datetime) -> None:
    requests = [
        SavedRequest(team=team, name=f"Request {number} {uuid4()}", url="https://api.example/")
        for number in numbers
    ]
    SavedRequest.objects.bulk_create(requests, batch_size=1_000)
    Schedule.objects.bulk_create(
        [
            Schedule(
                saved_request=saved_request,
                rule=RULES[number % len(RULES)],
                next_at=now + timedelta(seconds=60 + number % 86_400),
            )
            for number, saved_request in zip(numbers, requests, strict=True)
        ],
        batch_size=1_000,
    )


def _ticks(now: datetime, count: int) -> list[float]:
    """Milliseconds of each."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        runs.start_due_runs(now)
        took.append((time.perf_counter() - began) * 1_000)
    return took


def _start_due(now: datetime) -> tuple[float, float]:
    """How many due schedules become runs in a second, and in a second of this process's CPU."""
    due = list(Schedule.objects.order_by("next_at").values_list("pk", flat=True)[:DUE])
    Schedule.objects.filter(pk__in=due).update(next_at=now)
    began, cpu = time.perf_counter(), time.process_time()
    started = len(runs.start_due_runs(now))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    Run.objects.unfinished().update(state=RunState.SUCCEEDED, error_code="")
    return started / seconds, started / cpu


def _wait_in_line(team: Team, now: datetime) -> None:
    """Backfills of some schedules, the first of each under way."""
    for schedule in Schedule.objects.filter(saved_request__team=team)[:LINES]:
        Run.objects.bulk_create(
            [
                Run(
                    team=team,
                    saved_request_id=schedule.saved_request_id,
                    schedule=schedule,
                    trigger=Trigger.BACKFILL,
                    due_at=now - timedelta(days=number),
                    not_before=now if number == IN_LINE else None,
                )
                for number in range(1, IN_LINE + 1)
            ],
            batch_size=500,
        )


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
