"""Schedules that are due, for a worker that is a process of its own.

    python -m bench.due prepare URL COUNT    so many requests, each with a table and a schedule
    python -m bench.due drive COUNT          makes them due, ticks as beat does, ends when all have run
    python -m bench.due steady PER_SECOND SECONDS URL HANGING    makes them due one after the other, while a
                                             team calls the URL so often; prints how late they began

The database is that of DATABASE_URL, the broker that of BROKER_URL.
"""

import json
import os
import sys
import time
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from django.utils import timezone  # noqa: E402

from accounts.models import Team  # noqa: E402
from config.celery import app  # noqa: E402
from requests_builder import runs  # noqa: E402
from requests_builder.models import Run, RunState, SavedRequest, Schedule, Table  # noqa: E402
from requests_builder.models.saved_requests import host_of  # noqa: E402

TEAMS = 50
# Seconds between two looks at the database.
LOOK = 0.1


def prepare(url: str, count: int) -> None:
    """Many teams, so that none of them is held up by the caps that are there for its sake."""
    Team.objects.all().delete()
    teams = Team.objects.bulk_create([Team(name=f"Team {n}", slug=f"team-{n}") for n in range(TEAMS)])
    tables = [Table(team=teams[n % TEAMS], name=f"table_{n}") for n in range(count)]
    Table.objects.bulk_create(tables)
    requests = [
        SavedRequest(
            team=table.team, name=table.name, url=url, host=host_of(url), records_path="data", table=table
        )
        for table in tables
    ]
    SavedRequest.objects.bulk_create(requests)
    Schedule.objects.bulk_create(
        [Schedule(saved_request=request, rule={"every": "1 hour"}, next_at=None) for request in requests]
    )


def drive(count: int) -> None:
    """Until every schedule has had its run."""
    now = timezone.now()
    Schedule.objects.update(next_at=now - timedelta(seconds=1))
    print("due", flush=True)
    ticked = 0.0
    while Run.objects.filter(state=RunState.SUCCEEDED).count() < count:
        if time.monotonic() - ticked >= 1:
            ticked = time.monotonic()
            app.send_task("requests_builder.tasks.start_due_runs", expires=30)
        if failed := Run.objects.filter(state=RunState.FAILED).first():
            sys.exit(f"A run failed: {failed.error}")
        time.sleep(LOOK)


def steady(per_second: int, seconds: int, url: str, hanging: int) -> None:
    """Until every schedule has had its run, or it takes far too long."""
    team = Team.objects.create(name="Hanging", slug="hanging")
    now = timezone.now()
    for number in range(hanging):
        table = Table.objects.create(team=team, name=f"table_{number}")
        request = SavedRequest.objects.create(team=team, name=table.name, url=url, table=table)
        runs.request_run(request, user=None, now=now)
    schedules = list(Schedule.objects.all())
    begins_at = timezone.now() + timedelta(seconds=3)
    for number, schedule in enumerate(schedules):
        schedule.next_at = begins_at + timedelta(seconds=number / per_second)
    Schedule.objects.bulk_update(schedules, ["next_at"], batch_size=500)
    ends_by = time.monotonic() + seconds + 120
    ours = Run.objects.filter(schedule__isnull=False)
    while ours.filter(state=RunState.SUCCEEDED).count() < len(schedules):
        if time.monotonic() > ends_by:
            sys.exit(f"Only these have run: {ours.filter(state=RunState.SUCCEEDED).count()}")
        time.sleep(0.5)
    late = sorted(
        (started_at - due_at).total_seconds()
        for started_at, due_at in ours.values_list("started_at", "due_at")
        if started_at
    )
    p50, p99 = (late[int(len(late) * share)] for share in (0.5, 0.99))
    print(json.dumps({"p50": p50, "p99": p99, "longest": late[-1]}))


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1] == "drive":
        drive(int(sys.argv[2]))
    else:
        steady(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
